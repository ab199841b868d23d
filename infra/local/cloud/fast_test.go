//go:build !race

package cloud_test

// slowness is how many times as long a function may take.
const slowness = 1
