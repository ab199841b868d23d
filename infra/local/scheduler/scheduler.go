// Package scheduler is the local cloud's EventBridge Scheduler: it starts a function at the times that an expression
// names, rate(…) or cron(…), as a schedule with the target Lambda does. It knows the expressions (shared/schedule), the
// functions of package lambda and nothing of what they do. Start with [Schedule].
//
// Faithful: the expressions, in UTC; a rate that is due at once when it is made; <aws.scheduler.scheduled-time> in the
// input, which is the time for which the run was due, not the one at which it began; that a run is started at least
// once, and with [Schedule.Deliveries] twice or late; that runs are started whether or not the one before has ended;
// and what Lambda does with an asynchronous invocation: when the function fails it is tried again after one minute and
// after another two (developer guide, "How Lambda handles errors and retries with asynchronous invocation"), when it is
// throttled with pauses from a second to five minutes, for an hour at most, as the project's schedules say (their
// MaximumEventAgeInSeconds).
//
// Not faithful: a run starts at its very time, where AWS takes up to a minute; there are no time zones, start and end
// dates, flexible windows and dead-letter queues; and when the local cloud does not run, or its machine sleeps, nothing
// is due. What fell into a sleep of up to an hour is started when it wakes, as what Scheduler could not deliver would
// be; what is older is dropped, and the log says so.
//
// Time is the clock that it is given, and timers are the runtime's, so that it works in a testing/synctest bubble.
package scheduler

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"example.com/registrar/infra/local/lambda"
	"example.com/registrar/shared/schedule"
)

// Schedule starts a function when its expression says so.
type Schedule struct {
	Name       string
	Expression schedule.Expression
	Function   lambda.Function
	Input      string // JSON, with context attributes in it
	Now        func() time.Time
	Log        *slog.Logger // nil: nothing is logged
	// Deliveries tells how much later than it is due each start for a due time comes; nil: there is one, and it is in
	// time.
	Deliveries func(ctx context.Context) []time.Duration
}

const (
	dueWord = "<aws.scheduler.scheduled-time>" // user guide, "Adding context attributes"

	longestEvent = time.Hour   // MaximumEventAgeInSeconds, as infra/cdk sets it
	look         = time.Minute // how often the clock is looked at: timers stand still while the machine sleeps

	firstThrottled, longestThrottled = time.Second, 5 * time.Minute
)

// afterFailures are the pauses before the second and the third attempt at a function that fails.
func afterFailures() []time.Duration { return []time.Duration{time.Minute, 2 * time.Minute} }

// Run keeps the schedule until ctx ends. Then it starts no more, gives up what waits for another attempt, and waits for
// what is running.
func (s *Schedule) Run(ctx context.Context) error {
	if s.Function == nil || s.Now == nil {
		return errors.New("schedule " + s.Name + ": it needs a function and a clock")
	}
	log := s.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With("schedule", s.Name)
	var running sync.WaitGroup
	defer running.Wait()
	for due := s.Expression.First(s.Now()); !due.IsZero(); due = s.Expression.Next(due) {
		for wait := due.Sub(s.Now()); wait > 0; wait = due.Sub(s.Now()) {
			if !sleep(ctx, min(wait, look)) {
				return nil
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if s.Now().Sub(due) > longestEvent {
			log.WarnContext(ctx, "a due time was slept through and is dropped", "due", due)
			continue
		}
		deliveries := []time.Duration{0}
		if s.Deliveries != nil {
			deliveries = s.Deliveries(ctx)
		}
		for _, later := range deliveries {
			running.Go(func() {
				if sleep(ctx, later) {
					s.deliver(ctx, log, due)
				}
			})
		}
	}
	<-ctx.Done() // it is never due again
	return nil
}

// Event is what a schedule's input becomes for a due time.
func Event(input string, due time.Time) []byte {
	return []byte(strings.ReplaceAll(input, dueWord, due.UTC().Format(time.RFC3339Nano)))
}

// deliver has the function run for a due time, until it succeeds or has failed for good.
func (s *Schedule) deliver(ctx context.Context, log *slog.Logger, due time.Time) {
	event := Event(s.Input, due.Truncate(time.Second))
	throttled, failures := firstThrottled, afterFailures()
	for began := s.Now(); ; {
		_, err := s.Function.Invoke(context.WithoutCancel(ctx), event) // a run that has begun is not cancelled
		var failed *lambda.FunctionError
		pause := throttled
		switch {
		case err == nil:
			return
		case errors.As(err, &failed) && !failed.Throttled():
			if len(failures) == 0 {
				log.ErrorContext(ctx, "a scheduled run failed for good", "due", due, "error", err.Error())
				return
			}
			pause, failures = failures[0], failures[1:]
		case s.Now().Sub(began) > longestEvent:
			log.ErrorContext(ctx, "a scheduled run was throttled for too long", "due", due, "error", err.Error())
			return
		default:
			throttled = min(2*throttled, longestThrottled)
		}
		log.WarnContext(ctx, "a scheduled run failed and is tried again", "due", due, "pause", pause, "error", err.Error())
		if !sleep(ctx, pause) {
			return
		}
	}
}

// sleep waits, unless ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
