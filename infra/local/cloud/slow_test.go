//go:build race

package cloud_test

// slowness is how many times as long a function may take under the race detector: up to the gateway's own limit.
const slowness = 3
