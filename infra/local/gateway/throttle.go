package gateway

import (
	"fmt"
	"sync"
	"time"
)

// Throttle bounds requests by a token bucket (guide, "Throttle requests to your HTTP APIs"). Zeros let none through.
type Throttle struct {
	Rate  float64 // requests in a second, over time
	Burst int     // requests at once: the bucket's size
}

// bucket is the state of a Throttle; nil lets everything through.
type bucket struct {
	Throttle

	mu     sync.Mutex
	tokens float64
	filled time.Time
}

// newBucket makes a full bucket.
func newBucket(t *Throttle) (*bucket, error) {
	switch {
	case t == nil:
		return nil, nil // no throttle, no bucket
	case t.Rate < 0 || t.Burst < 0:
		return nil, fmt.Errorf("a throttle of %g requests a second and %d at once is not possible", t.Rate, t.Burst)
	}
	return &bucket{Throttle: *t, tokens: float64(t.Burst)}, nil
}

// take takes a token. It returns false if there is none.
func (b *bucket) take(now time.Time) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if passed := now.Sub(b.filled); passed > 0 { // a clock that goes back fills nothing
		if !b.filled.IsZero() {
			b.tokens = min(float64(b.Burst), b.tokens+passed.Seconds()*b.Rate)
		}
		b.filled = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
