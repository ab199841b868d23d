package lambdahost

import (
	"context"
	"log/slog"
	"time"
)

// Option changes how a handler is made.
type Option func(*options)

type options struct{ clock func() time.Time }

// Clock is the function's own clock, against which the times in events are checked. Without it, or when it is nil, it
// is the system's clock.
func Clock(now func() time.Time) Option {
	return func(o *options) {
		if now != nil {
			o.clock = now
		}
	}
}

func optionsOf(list []Option) options {
	o := options{clock: time.Now}
	for _, apply := range list {
		apply(&o)
	}
	return o
}

// Times in events are from other clocks, and not everybody writes them as AWS does: the SAM CLI's gateway gives
// timeEpoch in seconds, AWS in milliseconds, so that a request would seem to come from January 1970. Registration
// windows and deadlines are decided on that time. So when it cannot be true, the function's own clock is used instead.
const (
	// oldestRequest is how long ago API Gateway can have received a request: its longest integration timeout is 30 s (API
	// Gateway quotas, "HTTP API"), and clocks differ.
	oldestRequest = 35 * time.Second
	// oldestMessage is the longest time that SQS keeps a message (SQS quotas, "Message retention"), and the same again in
	// the dead letters, from which it may come back.
	oldestMessage = 2 * 14 * 24 * time.Hour
	// ahead is how much another clock may be ahead of the function's.
	ahead = 5 * time.Second
)

// near reports whether a time in an event can be true.
func near(told, now time.Time, oldest time.Duration) bool {
	return !told.Before(now.Add(-oldest)) && !told.After(now.Add(ahead))
}

// unused logs, once for an invocation, that a time in its event was not used. The times say nothing about any person.
func unused(ctx context.Context, log *slog.Logger, field string, told, now time.Time) {
	log.WarnContext(ctx, "a time in the event is not near the function's clock, which is used instead",
		"field", field, "told", told.UTC(), "clock", now.UTC())
}
