package lambdahost

import (
	"context"
	"log/slog"
	"time"
)

// Option changes how a handler is made.
type Option func(*options)

type options struct{ clock func() time.Time }

// Clock is the function's own clock, by which the times that events bring are judged. Without it, or when it is nil,
// that is the system's.
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

// Times that events bring are from other clocks, and not all who make events write them as AWS does: the SAM CLI's
// gateway gives timeEpoch in seconds, AWS in milliseconds, so that a request would seem to come from January 1970.
// Registration windows and deadlines are decided on that time. So one that cannot be true is not used, but the
// function's own clock.
const (
	// oldestRequest is how long ago API Gateway can have received a request: its longest integration timeout is 30 s (API
	// Gateway quotas, "HTTP API"), and clocks differ.
	oldestRequest = 35 * time.Second
	// oldestMessage is how long SQS keeps a message at most (SQS quotas, "Message retention"), and as long again among the
	// dead letters, from which it may come back.
	oldestMessage = 2 * 14 * 24 * time.Hour
	// ahead is how much another clock may be ahead of the function's.
	ahead = 5 * time.Second
)

// near reports whether a time that an event brings can be true.
func near(told, now time.Time, oldest time.Duration) bool {
	return !told.Before(now.Add(-oldest)) && !told.After(now.Add(ahead))
}

// unused logs, once for an invocation, that a time of its event was not used. The times say nothing of anybody.
func unused(ctx context.Context, log *slog.Logger, field string, told, now time.Time) {
	log.WarnContext(ctx, "a time in the event is not near the function's clock, which is used instead",
		"field", field, "told", told.UTC(), "clock", now.UTC())
}
