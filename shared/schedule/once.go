package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/registrar/shared/registrar"
)

// Registry keeps jobs.
type Registry interface {
	// Job reads the record of a job; for one that never ran it has only the name.
	Job(ctx context.Context, name string) (Job, error)
	// SaveJob writes a job over the version before, or returns [registrar.ErrVersionMismatch].
	SaveJob(ctx context.Context, j Job) error
}

// Settings are what this package needs to know of the function.
type Settings struct {
	Name       string // the function's: its job is kept under it
	Expression Expression
	Registry   Registry
	Clock      registrar.Clock
	NewID      registrar.IDs // for tokens
	Log        *slog.Logger
}

// Variable is the environment variable that holds the schedule's expression.
const Variable = "SCHEDULE_EXPRESSION"

// Configure reads SCHEDULE_EXPRESSION from the environment, in the form of the manifest.
func (s Settings) Configure(getenv func(string) string) (Settings, error) {
	var err error
	if s.Expression, err = Parse(getenv(Variable)); err != nil {
		return s, fmt.Errorf("configuration of the schedule: %s: %w", Variable, err)
	}
	return s, nil
}

// Run describes one run of the work.
type Run struct {
	Due time.Time
	// Missed is how many due times passed without their work being done, before this one and after the last that was done.
	Missed int
	// ByHand: the schedule does not name this time. Somebody wanted the work done now.
	ByHand bool
}

const (
	longestFunction = 15 * time.Minute // Lambda quotas, "Function timeout"
	// grace is added to a function's end before another run may take its place: clocks differ, and a killed function's
	// last request may still be on its way.
	grace = 5 * time.Second
	// forTheEnd is the least time to report to the registry how a run ended. The time that lambdahost reserves at the end
	// of a function is longer.
	forTheEnd = 400 * time.Millisecond
)

// Once makes a task of work that is to be done once for a due time. The task also returns nil when there is nothing to
// do: when the work is done, or when another run is doing it. If that run is killed, the next due time does its work.
// After an error of the work the run is abandoned, so that Lambda's next attempt begins at once.
func Once(s Settings, work func(context.Context, Run) error) func(ctx context.Context, due time.Time) error {
	return func(ctx context.Context, due time.Time) error {
		log := s.Log.With("job", s.Name, "due", due)
		before, job, err := s.begin(ctx, due)
		var taken *JobTakenError
		switch {
		case errors.Is(err, ErrJobDone):
			log.InfoContext(ctx, "the work of this due time is done")
			return nil
		case errors.As(err, &taken):
			log.InfoContext(ctx, "another run is doing the work", "until", taken.Until)
			return nil
		case err != nil:
			return fmt.Errorf("job %s: %w", s.Name, err)
		}
		run := Run{Due: job.Run.Due, ByHand: !s.Expression.Names(due)}
		if !before.Done.IsZero() {
			run.Missed = s.Expression.Between(before.Done, due)
		}
		if run.Missed > 0 {
			log.WarnContext(ctx, "due times went by without a run; their work is done now, once for all", "missed", run.Missed,
				"since", before.Done)
		}
		began := time.Now()
		if err := work(ctx, run); err != nil {
			// Its error is logged; then the next run waits until this one's time is over.
			_ = s.end(ctx, log, job.Abandon(s.Clock()))
			return fmt.Errorf("job %s: %w", s.Name, err)
		}
		log.InfoContext(ctx, "the work is done", "missed", run.Missed, "seconds", time.Since(began).Seconds())
		return s.end(ctx, log, job.Finish(s.Clock()))
	}
}

// left is the rest of the function's time.
func left(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return longestFunction
}

// begin tries to get the work for a run until the function's own time is over.
func (s Settings) begin(ctx context.Context, due time.Time) (before, job Job, err error) {
	run := JobRun{Due: due, Token: s.NewID(), Until: s.Clock().Add(left(ctx) + grace)}
	for {
		if before, err = s.Registry.Job(ctx, s.Name); err != nil {
			return before, job, err
		}
		if job, err = before.Begin(run, s.Clock()); err != nil {
			return before, job, err
		}
		if err = s.Registry.SaveJob(ctx, job); !errors.Is(err, registrar.ErrVersionMismatch) {
			return before, job, err
		}
		if ctx.Err() != nil { // each round was overtaken by another run's success
			return before, job, fmt.Errorf("%w: %w", registrar.ErrBusy, ctx.Err())
		}
	}
}

// end reports to the registry how a run ended. When another run has the work by now, this one took longer than its
// time.
func (s Settings) end(ctx context.Context, log *slog.Logger, job Job) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(forTheEnd, left(ctx)))
	defer cancel()
	err := s.Registry.SaveJob(ctx, job)
	switch {
	case errors.Is(err, registrar.ErrVersionMismatch):
		log.WarnContext(ctx, "another run took the work over before this one had ended")
		return nil
	case err != nil:
		log.WarnContext(ctx, "the end of a run was not kept", "error", err.Error())
		return fmt.Errorf("job %s: keep the end of a run: %w", s.Name, err)
	}
	return nil
}
