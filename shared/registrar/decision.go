package registrar

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Decision is one decision on facts that a store keeps. It takes care of two things in one place. A decision that was
// overtaken by another change is made again, after a pause, a limited number of times. And a refusal is only given on
// facts that were true together. A batch read is not a snapshot: one item may be as it was before another request's
// success, and the next item as it is after it.
type Decision[F any] struct {
	// Read reads the facts. An error ends the decision. A refusal ends it only when a second reading gives it, too.
	Read func(context.Context) (F, error)
	// Commit decides on the facts and writes what was decided. It returns nil, a refusal or [FieldErrors], [ErrStale] when
	// the facts no longer held, or another error for the caller.
	Commit func(context.Context, F) error
	// Same reports whether two readings found the same versions of all records. Then all of them were true together at the
	// moment between the readings.
	Same func(before, now F) bool
	// Certain reports whether one reading is enough for this refusal. Nil: one reading is never enough.
	Certain func(no error, now F) bool
}

// rounds bounds how often facts are read for one decision. A student who asks for a dozen sections at once is overtaken
// by each of their own requests that succeeds. A decision that is overtaken more often has too much competition, or can
// never succeed, such as a drop where a counter is wrong. With their pauses the rounds take about two seconds.
const rounds = 16

// Make makes the decision. Besides what Read and Commit return, it returns [ErrBusy] when the facts changed in each
// round, or when the context ended. Nothing was done then.
func (d Decision[F]) Make(ctx context.Context) error {
	var before outcome[F]
	for round := 1; round <= rounds; round++ {
		if round > 1 && before.no == nil || round > 2 { // the second look at a refusal comes at once
			if err := pauseRound(ctx, round-1); err != nil {
				return err
			}
		}
		now := outcome[F]{}
		facts, err := d.Read(ctx)
		if err == nil {
			now.facts = &facts
			err = d.Commit(ctx, facts)
		}
		if now.no = err; !saysNo(err) {
			if !errors.Is(err, ErrStale) {
				return err
			}
			now.no = nil
		} else if IsRefusal(err, IdempotencyMismatch) || d.stands(before, now) {
			return err
		}
		before = now
	}
	return fmt.Errorf("%w: the facts changed each time that they were read", ErrBusy)
}

// outcome is the result of one round: a refusal, or nil, and the facts that it is based on. There are no facts when
// reading them gave the refusal.
type outcome[F any] struct {
	no    error
	facts *F
}

// stands reports whether a refusal may be given, considering the result of the reading before it.
func (d Decision[F]) stands(before, now outcome[F]) bool {
	if now.facts != nil && d.Certain != nil && d.Certain(now.no, *now.facts) {
		return true
	}
	if before.no == nil || !slices.Equal(codes(before.no), codes(now.no)) || (before.facts == nil) != (now.facts == nil) {
		return false
	}
	return now.facts == nil || d.Same(*before.facts, *now.facts)
}

// saysNo reports whether an error is a refusal, or says that a field is wrong.
func saysNo(err error) bool {
	var fields FieldErrors
	return errors.As(err, &fields) || len(codes(err)) > 0
}

// codes are the codes of all refusals in an error.
func codes(err error) []Code {
	var all Refusals
	var one *Refusal
	switch {
	case errors.As(err, &all):
	case errors.As(err, &one):
		all = Refusals{one}
	}
	codes := make([]Code, len(all))
	for i, r := range all {
		codes[i] = r.Code
	}
	return codes
}

// pauseRound waits before another round, with full jitter, doubling from ten milliseconds to 160. [ErrBusy] when the
// context ends.
func pauseRound(ctx context.Context, round int) error {
	const first, longest = 10 * time.Millisecond, 160 * time.Millisecond
	timer := time.NewTimer(time.Duration(rand.Int64N(int64(min(longest, first<<min(round-1, 10))))) + 1)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
}
