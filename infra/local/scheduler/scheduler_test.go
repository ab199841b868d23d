package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/registrar/infra/local/lambda"
	"example.com/registrar/infra/local/scheduler"
	"example.com/registrar/shared/lambdahost"
	"example.com/registrar/shared/schedule"
	"github.com/google/go-cmp/cmp"
)

// function notes when it is started, and for which time, both since the beginning of the bubble's day.
type function struct {
	begin  time.Time
	answer func(start int) error
	takes  time.Duration

	mu     sync.Mutex
	starts []string
}

func (f *function) Invoke(_ context.Context, payload []byte) ([]byte, error) {
	var event struct{ Due time.Time }
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.starts = append(f.starts, time.Since(f.begin).String()+" for "+event.Due.Sub(f.begin).String())
	n := len(f.starts)
	f.mu.Unlock()
	time.Sleep(f.takes)
	if f.answer == nil {
		return []byte("null"), nil
	}
	return nil, f.answer(n)
}

// run keeps a schedule for a while of a bubble's time, from midnight on.
func run(t *testing.T, expression string, d time.Duration, f *function, change func(*scheduler.Schedule)) []string {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f.begin = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		s := &scheduler.Schedule{
			Name: "s", Expression: schedule.MustParse(expression), Function: f, Input: lambdahost.ScheduleInput, Now: time.Now,
		}
		if change != nil {
			change(s)
		}
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return f.starts
}

func TestAFunctionIsStartedWhenItIsDue(t *testing.T) {
	for _, c := range []struct {
		expression string
		d          time.Duration
		want       []string
	}{
		{"rate(15 minutes)", 40 * time.Minute, []string{"0s for 0s", "15m0s for 15m0s", "30m0s for 30m0s"}},
		{"cron(0 3 * * ? *)", 50 * time.Hour, []string{"3h0m0s for 3h0m0s", "27h0m0s for 27h0m0s"}},
		{"cron(0 3 * * ? 1999)", 50 * time.Hour, nil}, // a bubble begins in 2000
	} {
		if d := cmp.Diff(c.want, run(t, c.expression, c.d, &function{}, nil)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.expression, d)
		}
	}
}

func TestARunBeginsThoughTheOneBeforeHasNotEnded(t *testing.T) {
	f := &function{takes: 3 * time.Minute}
	if got := run(t, "rate(2 minutes)", 5*time.Minute, f, nil); len(got) != 3 {
		t.Errorf("started: %v", got)
	}
}

func TestAFailedRunIsTriedAgainTwice(t *testing.T) {
	failed := &lambda.FunctionError{Type: "errorString", Message: "no"}
	for what, c := range map[string]struct {
		answer func(start int) error
		want   []string
	}{
		"once": {func(n int) error {
			if n == 1 {
				return failed
			}
			return nil
		}, []string{"0s for 0s", "1m0s for 0s"}},
		"for good": {func(int) error { return failed }, []string{"0s for 0s", "1m0s for 0s", "3m0s for 0s"}},
		"throttled, then failed": {func(n int) error {
			if n < 4 {
				return &lambda.FunctionError{Type: lambda.TypeThrottled}
			}
			return failed
		}, []string{"0s for 0s", "1s for 0s", "3s for 0s", "7s for 0s", "1m7s for 0s", "3m7s for 0s"}},
	} {
		if d := cmp.Diff(c.want, run(t, "rate(1 day)", 10*time.Hour, &function{answer: c.answer}, nil)); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	always := run(t, "rate(1 day)", 10*time.Hour,
		&function{answer: func(int) error { return errors.New("the service is not there") }}, nil)
	if last := always[len(always)-1]; last != "1h3m31s for 0s" {
		t.Errorf("what is throttled for ever was tried last after %s", last)
	}
}

func TestARunMayComeTwiceAndLate(t *testing.T) {
	got := run(t, "rate(1 hour)", 90*time.Minute, &function{}, func(s *scheduler.Schedule) {
		n := 0
		s.Deliveries = func(context.Context) []time.Duration {
			if n++; n == 1 {
				return []time.Duration{0, 2 * time.Minute}
			}
			return []time.Duration{time.Second}
		}
	})
	if d := cmp.Diff([]string{"0s for 0s", "2m0s for 0s", "1h0m1s for 1h0m0s"}, got); d != "" {
		t.Error(d)
	}
}

// A clock that runs ahead is a machine that slept: its timers stood still.
func TestWhatWasSleptThrough(t *testing.T) {
	var mu sync.Mutex
	slept := time.Duration(0)
	f := &function{}
	got := run(t, "cron(0/30 * * * ? *)", 3*time.Hour, f, func(s *scheduler.Schedule) {
		s.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(slept)
		}
		go func() {
			time.Sleep(39*time.Minute + 30*time.Second) // after the run of half past, and between two looks
			mu.Lock()
			defer mu.Unlock()
			slept = 100 * time.Minute // it is twenty past two, and seen at the next look: one o'clock is too long ago
		}()
	})
	want := []string{"30m0s for 30m0s", "40m0s for 1h30m0s", "40m0s for 2h0m0s", "50m0s for 2h30m0s"}
	if got = got[:min(len(got), len(want))]; !slices.Equal(got, want) &&
		!slices.Equal(got, []string{want[0], want[2], want[1], want[3]}) {
		t.Errorf("started: %v", got)
	}
}

func TestWhatIsRunningEnds(t *testing.T) {
	f := &function{takes: 10 * time.Minute}
	ended := false
	f.answer = func(int) error { ended = true; return nil }
	run(t, "rate(1 day)", time.Minute, f, nil)
	if !ended {
		t.Error("Run returned while the function ran")
	}
	if err := (&scheduler.Schedule{Name: "s"}).Run(t.Context()); err == nil {
		t.Error("a schedule of nothing ran")
	}
}
