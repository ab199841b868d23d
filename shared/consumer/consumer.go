package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry"
	"example.com/registrar/shared/telemetry/request"
)

// Message is one message of a queue, as Lambda hands it over.
type Message struct {
	ID       string
	Receipt  string // the queue's handle of this delivery
	Body     []byte
	Group    string // of a FIFO queue; empty in others
	Receives int    // how often it was delivered, this time included
	SentAt   time.Time
	Trace    string // the sender's X-Ray trace header; may be empty
}

// Handler handles a batch and returns the ids of the messages that have to come back.
type Handler interface {
	HandleBatch(ctx context.Context, batch []Message) (failed []string)
}

// Queue is what this package needs of the queue that feeds the function.
type Queue interface {
	// ChangeVisibility hides a message for a time from now on: it is not delivered again before. 0 makes it visible at
	// once.
	ChangeVisibility(ctx context.Context, m Message, d time.Duration) error
	// SendToDeadLetters sends the message to the queue's dead letters, with the reason. It stays in the queue until the
	// batch is answered.
	SendToDeadLetters(ctx context.Context, m Message, reason string) error
}

// Claims records which events a consumer has handled.
type Claims interface {
	// Claim takes the event until a time, for work that its token names. It returns [ErrDone] when the event was handled
	// before, and [*ClaimedError] while another claim lasts.
	Claim(ctx context.Context, consumer, event, token string, until time.Time) error
	// Complete marks the event as handled, if the token still has the claim.
	Complete(ctx context.Context, consumer, event, token string) error
	// Release gives the claim back, if the token still has it: the next delivery need not wait for its end.
	Release(ctx context.Context, consumer, event, token string) error
	// NewestVersion is the newest version of the subject that the consumer handled; 0 when it handled none.
	NewestVersion(ctx context.Context, consumer, subject string) (registrar.Version, error)
	// RecordVersion raises the newest version. A lower version changes nothing.
	RecordVersion(ctx context.Context, consumer, subject string, version registrar.Version) error
}

// ErrDone says that the event was handled before.
var ErrDone = errors.New("the event was handled before")

// ClaimedError says that the event is being handled, or that its function was killed and the claim has not ended yet.
type ClaimedError struct{ Until time.Time }

// Error says so.
func (e *ClaimedError) Error() string {
	return "the event is being handled, at the latest until " + e.Until.Format(time.RFC3339)
}

// Permanent marks an error that another attempt would not change: its message goes to the dead letters at once.
func Permanent(err error) error { return &permanentError{err} }

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// Settings are what this package needs to know of the function's surroundings.
type Settings struct {
	Queue      Queue
	Claims     Claims        // nil for work that needs none
	Receives   int           // after this many deliveries the queue gives a message up (maxReceiveCount)
	Visibility time.Duration // the queue's visibility timeout
	Clock      registrar.Clock
	NewID      registrar.IDs // for tokens
	Log        *slog.Logger
}

// Work is what a function does with one message, read as a T.
type Work[T any] struct {
	// Name is the function's, for example "notifications-send": claims are kept under it.
	Name string
	// Read reads a message. Its error is permanent.
	Read func(Message) (T, error)
	// Key gives the id by which an event is claimed. If only the newest version of a subject is to be handled, it gives
	// the subject and its version, too. Nil, or an empty event: the work is not claimed, because doing it twice does no
	// harm.
	Key func(T) (event, subject string, version registrar.Version)
	// Cause is the origin of the work, for the log and for what the work causes itself. Nil: nothing is known.
	Cause func(T) request.Info
	// Do does the work. An error that is not [Permanent] brings the message back.
	Do func(context.Context, T) error
}

// Each makes a handler that does the work for each message of a batch, one after the other.
func Each[T any](s Settings, w Work[T]) Handler { return &each[T]{s, w} }

type each[T any] struct {
	Settings

	work Work[T]
}

const (
	firstPause   = time.Second // before a message that failed comes back, four times as long after each further attempt
	longestPause = 5 * time.Minute
	// reserve is the least time that the function must have left when a message's work begins.
	reserve = 2 * time.Second
	// grace is added to a function's end before others may take over a claim: clocks differ, and a killed function's last
	// request may still be on its way.
	grace = 5 * time.Second
)

// HandleBatch implements [Handler].
func (h *each[T]) HandleBatch(ctx context.Context, batch []Message) []string {
	var failed []string
	blocked := map[string]bool{} // groups
	longest := time.Duration(0)
	for _, m := range batch {
		if m.Group != "" && blocked[m.Group] {
			failed = append(failed, m.ID)
			continue
		}
		began := time.Now()
		if !h.timeFor(ctx, longest) {
			h.changeVisibility(ctx, m, 0)
			failed, blocked[m.Group] = append(failed, m.ID), true
			continue
		}
		if !h.one(ctx, m) {
			failed, blocked[m.Group] = append(failed, m.ID), true
		}
		longest = max(longest, time.Since(began))
	}
	return failed
}

// timeFor reports whether the function has time for one more message that takes as long as the longest so far.
func (h *each[T]) timeFor(ctx context.Context, longest time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) >= max(reserve, longest)
}

// one handles one message. It is false when the message has to come back.
func (h *each[T]) one(ctx context.Context, m Message) bool {
	ctx = telemetry.Held(request.With(ctx, request.Info{ID: m.ID, ReceivedAt: m.SentAt, Correlation: m.ID, Trace: m.Trace,
		Principal: h.work.Name}))
	w, err := h.read(ctx, m)
	if err != nil {
		return h.sendToDeadLetters(ctx, m, fmt.Errorf("cannot be read: %w", err))
	}
	ctx, span := telemetry.StartSpan(request.With(ctx, w.cause), h.work.Name, telemetry.Message)
	defer func() { span.End(err) }()
	err = h.claimed(ctx, w, func(ctx context.Context) error {
		return h.extendVisibility(ctx, m, func(ctx context.Context) error {
			return h.safely(ctx, func() error { return h.work.Do(ctx, w.in) })
		})
	})
	var permanent *permanentError
	var claimed *ClaimedError
	switch {
	case err == nil:
		h.Log.InfoContext(ctx, "handled", "consumer", h.work.Name)
		return true
	case errors.As(err, &claimed): // not a failure: coming back early would only use up the queue's attempts
		h.Log.InfoContext(ctx, "another delivery of the event is being handled", "consumer", h.work.Name, "until",
			claimed.Until)
		h.changeVisibility(ctx, m, claimed.Until.Sub(h.Clock()))
		return false
	case errors.As(err, &permanent):
		return h.sendToDeadLetters(ctx, m, err)
	case m.Receives >= h.Receives:
		return h.sendToDeadLetters(ctx, m, fmt.Errorf("failed %d times, at last: %w", m.Receives, err))
	}
	telemetry.Release(ctx)
	h.Log.ErrorContext(ctx, "a message failed", "consumer", h.work.Name, "received", m.Receives, "error", err.Error())
	h.changeVisibility(ctx, m, h.pause(m))
	return false
}

// item is a message as the work reads it.
type item[T any] struct {
	in    T
	cause request.Info
	// See [Work.Key].
	event, subject string
	version        registrar.Version
}

// read reads a message and all that the work knows of it. A panic there happens every time: it is an error like any
// other.
func (h *each[T]) read(ctx context.Context, m Message) (w item[T], err error) {
	err = h.safely(ctx, func() error {
		if w.in, err = h.work.Read(m); err != nil {
			return err
		}
		w.cause = request.Info{Correlation: m.ID, Trace: m.Trace}
		if h.work.Cause != nil {
			w.cause = h.work.Cause(w.in)
		}
		w.cause.ID, w.cause.ReceivedAt, w.cause.Principal = m.ID, m.SentAt, h.work.Name
		if h.work.Key != nil && h.Claims != nil {
			w.event, w.subject, w.version = h.work.Key(w.in)
		}
		return nil
	})
	return w, err
}

// claimed does the work unless it was done before, or a newer version of its subject was handled. Then it records that.
func (h *each[T]) claimed(ctx context.Context, w item[T], do func(context.Context) error) error {
	if w.event == "" {
		return do(ctx)
	}
	token := h.NewID()
	err := h.Claims.Claim(ctx, h.work.Name, w.event, token, h.end(ctx))
	if errors.Is(err, ErrDone) {
		h.Log.DebugContext(ctx, "the event was handled before", "consumer", h.work.Name, "event", w.event)
		return nil
	}
	if err != nil {
		return err
	}
	outdated, err := h.outdated(ctx, w)
	if err == nil && !outdated {
		err = do(ctx)
	}
	ctx, cancel := afterwards(ctx)
	defer cancel()
	if err == nil && !outdated && w.subject != "" {
		err = h.Claims.RecordVersion(ctx, h.work.Name, w.subject, w.version)
	}
	if err != nil {
		if lost := h.Claims.Release(ctx, h.work.Name, w.event, token); lost != nil {
			h.Log.WarnContext(ctx, "a claim was not released and lasts until its end", "consumer", h.work.Name, "event", w.event,
				"error", lost.Error())
		}
		return err
	}
	if err := h.Claims.Complete(ctx, h.work.Name, w.event, token); err != nil {
		return fmt.Errorf("done, but not marked as done: %w", err)
	}
	return nil
}

// end is the time when the function has certainly ended, by this package's clock.
func (h *each[T]) end(ctx context.Context) time.Time {
	left := h.Visibility
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	return h.Clock().Add(left + grace)
}

// outdated reports whether this version of the subject, or a newer one, was handled.
func (h *each[T]) outdated(ctx context.Context, w item[T]) (bool, error) {
	if w.subject == "" {
		return false, nil
	}
	seen, err := h.Claims.NewestVersion(ctx, h.work.Name, w.subject)
	if err != nil || seen < w.version {
		return false, err
	}
	h.Log.InfoContext(ctx, "skipped: something newer was handled", "consumer", h.work.Name, "version", w.version, "seen",
		seen)
	return true, nil
}

// safely calls a function of the consumer; a panic becomes an error.
func (h *each[T]) safely(ctx context.Context, call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			h.Log.ErrorContext(ctx, "panic", "consumer", h.work.Name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return call()
}

// extendVisibility keeps the message hidden while the work lasts.
func (h *each[T]) extendVisibility(ctx context.Context, m Message, do func(context.Context) error) error {
	const share = 3 // of the visibility timeout: two attempts may fail
	if h.Visibility <= 0 {
		return do(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(h.Visibility / share)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				h.changeVisibility(ctx, m, h.Visibility)
			}
		}
	}()
	defer func() { cancel(); <-ended }()
	return do(ctx)
}

// changeVisibility changes when a message comes back. When that fails, the queue's visibility timeout applies.
func (h *each[T]) changeVisibility(ctx context.Context, m Message, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), moment) // nobody should have to wait for it
	defer cancel()
	const longest = 12 * time.Hour // SQS API reference, ChangeMessageVisibility
	if err := h.Queue.ChangeVisibility(ctx, m, min(max(d, 0), longest)); err != nil {
		h.Log.WarnContext(ctx, "a message's visibility was not changed", "consumer", h.work.Name, "error", err.Error())
	}
}

// pause is how long a message that failed stays away, with jitter.
func (h *each[T]) pause(m Message) time.Duration {
	const most, growth = 6, 2 // doublings twice over
	d := min(longestPause, firstPause<<(growth*min(max(m.Receives-1, 0), most)))
	return d/2 + rand.N(d/2+1)
}

// sendToDeadLetters gives a message up. It is true when the message is among the dead letters. Otherwise the message
// comes back, and in the end the queue moves it there.
func (h *each[T]) sendToDeadLetters(ctx context.Context, m Message, reason error) bool {
	telemetry.Release(ctx)
	h.Log.ErrorContext(ctx, "a message is given up", "consumer", h.work.Name, "received", m.Receives, "error",
		reason.Error())
	ctx, cancel := afterwards(ctx)
	defer cancel()
	if err := h.Queue.SendToDeadLetters(ctx, m, reason.Error()); err != nil {
		h.Log.ErrorContext(ctx, "a message was not sent to the dead letters and comes back", "consumer", h.work.Name, "error",
			err.Error())
		return false
	}
	telemetry.Count(ctx, telemetry.Failures, 1) // what comes back is counted where the batch is answered
	return true
}

// moment is enough for one request. The time that lambdahost reserves at the end of a function is longer.
const moment = 400 * time.Millisecond

// afterwards is a context for the requests after the work, successful or not. It has the rest of the function's time,
// or a moment when nothing is left.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	end := time.Now().Add(moment)
	if deadline, ok := ctx.Deadline(); ok && deadline.After(end) {
		end = deadline
	}
	return context.WithDeadline(context.WithoutCancel(ctx), end)
}

// Together makes a handler that does the work for all messages of a batch at once. It must be work that may be done
// twice: when it fails, each message is tried alone, so that one message cannot fail the others. The work is that of
// one message, without its Key and Do.
func Together[T any](s Settings, w Work[T], do func(context.Context, []T) error) Handler {
	w.Key, w.Do = nil, func(ctx context.Context, one T) error { return do(ctx, []T{one}) }
	return together[T]{&each[T]{s, w}, do}
}

type together[T any] struct {
	alone *each[T]
	do    func(context.Context, []T) error
}

// HandleBatch implements [Handler].
func (h together[T]) HandleBatch(ctx context.Context, batch []Message) []string {
	all, causes := make([]T, len(batch)), make([]request.Info, len(batch))
	for i, m := range batch {
		w, err := h.alone.read(ctx, m)
		if err != nil {
			return h.alone.HandleBatch(ctx, batch)
		}
		all[i], causes[i] = w.in, w.cause
	}
	if err := h.alone.safely(ctx, func() error { return h.do(ctx, all) }); err != nil {
		h.alone.Log.WarnContext(ctx, "a batch failed; each message is tried alone", "consumer", h.alone.work.Name, "messages",
			len(batch), "error", err.Error())
		return h.alone.HandleBatch(ctx, batch)
	}
	for _, cause := range causes {
		h.alone.Log.InfoContext(request.With(ctx, cause), "handled", "consumer", h.alone.work.Name)
	}
	return nil
}
