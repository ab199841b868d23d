package registrar_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"example.com/registrar/shared/registrar"
)

// reading is what one round of a decision finds, and what it leads to.
type reading struct {
	version int
	read    error // of reading
	commit  error // of the rest
}

// decide makes a decision that finds the readings one after the other, and the last one again and again.
func decide(ctx context.Context, readings ...reading) (rounds int, err error) {
	err = registrar.Decision[int]{
		Read: func(context.Context) (int, error) {
			rounds++
			now := readings[min(rounds, len(readings))-1]
			return now.version, now.read
		},
		Commit: func(context.Context, int) error { return readings[min(rounds, len(readings))-1].commit },
		Same:   func(before, now int) bool { return before == now },
	}.Make(ctx)
	return rounds, err
}

func TestDecision_TellsARefusalOfFactsThatWereTrueTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full, held := registrar.Refuse(registrar.SectionFull, "s", "full"),
			registrar.Refuse(registrar.AlreadyEnrolled, "s", "held")
		missing, mismatch := registrar.Refuse(registrar.NotFound, "s", "none"),
			registrar.Refuse(registrar.IdempotencyMismatch, "", "another")
		wrong := registrar.FieldErrors{{Field: "credits", Code: registrar.FieldOutOfRange}}
		before, failure := &registrar.AnsweredBefore{}, errors.New("failure")
		for name, c := range map[string]struct {
			readings []reading
			rounds   int
			want     error
		}{
			"done":                              {[]reading{{}}, 1, nil},
			"a failure":                         {[]reading{{read: failure}}, 1, failure},
			"twice the same":                    {[]reading{{commit: held}}, 2, held},
			"answered before, at a second look": {[]reading{{commit: held}, {read: before}}, 2, before},
			"possible, at a second look":        {[]reading{{commit: full}, {version: 1}}, 2, nil},
			"other records the second time": {[]reading{{version: 1, commit: full}, {version: 2, commit: full}}, 3,
				full},
			"another reason the second time": {[]reading{{commit: full}, {commit: held}}, 3, held},
			"overtaken between two looks": {[]reading{{commit: full}, {commit: registrar.ErrStale}, {commit: full}},
				4, full},
			"not there":                                {[]reading{{read: missing}}, 2, missing},
			"not there, and then it is":                {[]reading{{read: missing}, {}}, 2, nil},
			"not there, and then full":                 {[]reading{{read: missing}, {commit: full}}, 3, full},
			"a wrong field":                            {[]reading{{commit: wrong}, {read: before}}, 2, before},
			"a key of another request, which is plain": {[]reading{{read: mismatch}}, 1, mismatch},
		} {
			rounds, err := decide(t.Context(), c.readings...)
			if rounds != c.rounds || !errors.Is(err, c.want) && fmt.Sprint(err) != fmt.Sprint(c.want) {
				t.Errorf("%s: %v after %d readings, want %v after %d", name, err, rounds, c.want, c.rounds)
			}
		}
	})
}

func TestDecision_EndsWhenItsFactsAreNeverFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, readings := range map[string][]reading{
			"always overtaken":              {{commit: registrar.ErrStale}},
			"a refusal of other facts each": nil,
		} {
			for n := range 100 {
				if name != "always overtaken" {
					readings = append(readings, reading{version: n, commit: registrar.Refuse(registrar.SectionFull, "s", "full")})
				}
			}
			began := time.Now()
			rounds, err := decide(t.Context(), readings...)
			if took := time.Since(began); !errors.Is(err, registrar.ErrBusy) || rounds > 20 || took < 100*time.Millisecond ||
				took > 3*time.Second {
				t.Errorf("%s: %v after %d readings in %v, want ErrBusy after a score at most, in a second or two", name, err,
					rounds, took)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			began = time.Now()
			_, err = decide(ctx, readings...)
			cancel()
			if !errors.Is(err, registrar.ErrBusy) || time.Since(began) > 50*time.Millisecond {
				t.Errorf("%s: %v after %v, want ErrBusy at the deadline", name, err, time.Since(began))
			}
		}
	})
}
