package token

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/registrar/shared/registrar"
)

// How old the public keys of a [Ring] may be. A key that was taken back is refused by everybody within KeysLatest;
// until then it still opens nothing that is changed: a change also needs a session that exists.
const (
	KeysFresh  = 4 * time.Minute // from then on they are read again beside a request, which does not wait
	KeysLatest = 5 * time.Minute // from then on a request waits
	// An unknown key may be newer than the ring; a crowd with made-up ones has it look once in this time.
	keysRetry = 10 * time.Second
)

// Ring verifies tokens with public keys that it reads itself, and again as they age. It is safe for concurrent use.
type Ring struct {
	issue Issue
	load  func(context.Context) (JWKS, error)
	clock registrar.Clock

	mu       sync.Mutex
	verifier *Verifier
	read     time.Time     // when the reading of these keys began
	reading  chan struct{} // closed when the reading that is under way has ended; nil: none is
}

// NewRing makes a ring that has read nothing yet.
func NewRing(issue Issue, load func(context.Context) (JWKS, error), clock registrar.Clock) *Ring {
	return &Ring{issue: issue, load: load, clock: clock}
}

// Verify is [Verifier.Verify] with the keys of now. Besides [ErrInvalid] it is what reading the keys failed with.
func (r *Ring) Verify(ctx context.Context, token string) (Verified, error) {
	v, err := r.keys(ctx, KeysLatest)
	if err != nil {
		return Verified{}, err
	}
	verified, err := v.Verify(token)
	if !errors.Is(err, ErrUnknownKey) {
		return verified, err
	}
	if v, err = r.keys(ctx, keysRetry); err != nil {
		return Verified{}, err
	}
	return v.Verify(token)
}

// keys gives keys that are at most so old.
func (r *Ring) keys(ctx context.Context, most time.Duration) (*Verifier, error) {
	for {
		r.mu.Lock()
		now := r.clock()
		v, age := r.verifier, now.Sub(r.read)
		if v != nil && age >= 0 && age < min(most, KeysFresh) {
			r.mu.Unlock()
			return v, nil
		}
		if r.reading == nil {
			r.reading = make(chan struct{})
			// The reading is everybody's: it does not end with the request that happened to begin it.
			go r.readKeys(context.WithoutCancel(ctx), now)
		}
		reading := r.reading
		r.mu.Unlock()
		if v != nil && age >= 0 && age < most {
			return v, nil
		}
		select {
		case <-reading:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the public keys: %w", ctx.Err())
		}
		r.mu.Lock()
		failed := r.verifier == v // nothing newer came of it
		r.mu.Unlock()
		if failed {
			return nil, errors.New("the public keys cannot be read")
		}
	}
}

// readKeys reads the keys, within the time that a request has.
func (r *Ring) readKeys(ctx context.Context, began time.Time) {
	const most = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	var v *Verifier
	if set, err := r.load(ctx); err == nil {
		if public, err := set.Public(); err == nil {
			v = NewVerifier(r.issue, public, r.clock)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if v != nil {
		r.verifier, r.read = v, began
	}
	close(r.reading)
	r.reading = nil
}
