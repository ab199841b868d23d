package token

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/registrar/shared/identity"
)

// shelf is where the keys stand; a reading takes a second.
type shelf struct {
	mu    sync.Mutex
	set   JWKS
	err   error
	reads int
}

func (s *shelf) load(context.Context) (JWKS, error) {
	time.Sleep(time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return s.set, s.err
}

func (s *shelf) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

func (s *shelf) put(t *testing.T, signers ...Signer) {
	t.Helper()
	var set JWKS
	for _, signer := range signers {
		j, err := PublicJWK(&signer.Key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		set.Keys = append(set.Keys, j)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set = set
}

func TestKeysAreReadAgainBesideRequests(t *testing.T) {
	t.Parallel()
	one, two := openOffice(t, now), openOffice(t, now)
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		s.put(t, one.signer)
		ring := NewRing(one.signer.Issue, s.load, time.Now)
		verify := func(o office) (waited time.Duration, err error) {
			token, err := o.signer.Sign(o.who, nil, "t", time.Now(), identity.AccessTokenFor)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, err = ring.Verify(t.Context(), token.Reveal())
			return time.Since(began), err
		}
		expect := func(what string, o office, waits time.Duration, want error) {
			t.Helper()
			if waited, err := verify(o); waited != waits || !errors.Is(err, want) {
				t.Errorf("%s: waited for %v, want %v; %v, want %v", what, waited, waits, err, want)
			}
		}
		expect("the first request", one, time.Second, nil)
		expect("the second", one, 0, nil)
		time.Sleep(KeysFresh)
		expect("when the keys are no longer fresh", one, 0, nil)
		time.Sleep(2 * time.Second)
		if s.count() != 2 {
			t.Errorf("the keys were read %d times, want once more beside that request", s.count())
		}
		time.Sleep(KeysLatest)
		expect("after a pause", one, time.Second, nil)

		time.Sleep(keysRetry)
		s.put(t, two.signer, one.signer)
		expect("a key that is newer than the ring", two, time.Second, nil)
		expect("the one before", one, 0, nil)
		stranger := openOffice(t, now)
		for range 100 {
			expect("a key that nobody knows, soon after", stranger, 0, ErrUnknownKey)
		}
		time.Sleep(keysRetry)
		expect("a key that nobody knows", stranger, time.Second, ErrUnknownKey)

		s.put(t, two.signer)
		time.Sleep(KeysLatest)
		expect("a key that was taken back", one, time.Second, ErrUnknownKey)
		time.Sleep(keysRetry)
		synctest.Wait()
	})
}

func TestWithoutKeysNobodyComesIn(t *testing.T) {
	t.Parallel()
	o := openOffice(t, now)
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{err: errors.New("throttled")}
		ring := NewRing(o.signer.Issue, s.load, time.Now)
		token := o.sign(t)
		if _, err := ring.Verify(t.Context(), token); err == nil || errors.Is(err, ErrInvalid) {
			t.Errorf("the token is told to be wrong, or right: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := ring.Verify(ctx, token); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the request's own end: %v", err)
		}
		synctest.Wait()
		time.Sleep(2 * time.Second)
		s.mu.Lock()
		s.err = nil
		s.mu.Unlock()
		s.put(t, o.signer)
		if _, err := ring.Verify(t.Context(), token); err != nil && !strings.Contains(err.Error(), "issued") {
			t.Errorf("when they can be read again: %v", err)
		}
	})
}

func TestACrowdReadsTheKeysOnce(t *testing.T) {
	t.Parallel()
	o := openOffice(t, now)
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		s.put(t, o.signer)
		ring := NewRing(o.signer.Issue, s.load, func() time.Time { return now })
		token := o.sign(t)
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				if _, err := ring.Verify(t.Context(), token); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if s.count() != 1 {
			t.Errorf("the keys were read %d times", s.count())
		}
	})
}
