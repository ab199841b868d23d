package telemetry

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Recorder writes the telemetry of one function. It is safe for concurrent use; a nil Recorder writes nothing.
type Recorder struct {
	name    string
	handler *handler
	lines   *Lines
	tracer  Tracer
	warm    atomic.Bool
}

// Options configure a [Recorder].
type Options struct {
	Function string       // its name on Lambda, which differs by stage: the dimension "function"
	Log      slog.Handler // writes the lines; there are metrics only in JSON
	Debug    DebugLines   // whether lines below Info are written
	Tracer   Tracer       // nil: there are no spans
	Lines    *Lines       // gets the lines of invocations instead of Log; nil: Log gets them
}

// New makes a recorder.
func New(o Options) *Recorder {
	return &Recorder{name: o.Function, handler: &handler{next: o.Log, debug: o.Debug}, lines: o.Lines, tracer: o.Tracer}
}

// Log is the function's logger.
func (r *Recorder) Log() *slog.Logger {
	if r == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(r.handler)
}

// scope is what a context knows of its invocation. It is never changed.
type scope struct {
	invocation *Invocation
	keys       []slog.Attr
	held       *held
}

type scopeKey struct{}

func scopeOf(ctx context.Context) scope {
	if s, ok := ctx.Value(scopeKey{}).(*scope); ok {
		return *s
	}
	return scope{}
}

// With adds a key to every line that is written with the context, and with contexts made from it. An existing key gets
// the new value.
func With(ctx context.Context, key string, value any) context.Context {
	s := scopeOf(ctx)
	s.keys = slices.DeleteFunc(slices.Clone(s.keys), func(a slog.Attr) bool { return a.Key == key })
	s.keys = append(s.keys, slog.Any(key, value))
	return context.WithValue(ctx, scopeKey{}, &s)
}

// Held gives the context its own held lines below Info, for a part of the invocation that may fail by itself: one
// message of a batch. [Release] with this context, or one made from it, writes these lines and no others.
func Held(ctx context.Context) context.Context {
	s := scopeOf(ctx)
	s.held = &held{}
	return context.WithValue(ctx, scopeKey{}, &s)
}

// Release writes the lines that were held, because the work of the context has failed. Later lines are written at once.
func Release(ctx context.Context) {
	if s := scopeOf(ctx); s.held != nil {
		s.held.release()
	}
}

// Debug writes a line of level Debug to the invocation's log, where it is held like all such lines. Outside of an
// invocation it does nothing. It is for packages that have no logger of their own. A value must not change afterwards.
func Debug(ctx context.Context, message string, attrs ...slog.Attr) {
	i := scopeOf(ctx).invocation
	if i == nil || !i.recorder.handler.Enabled(ctx, slog.LevelDebug) {
		return
	}
	line := slog.NewRecord(time.Now(), slog.LevelDebug, message, 0)
	line.AddAttrs(attrs...)
	_ = i.recorder.handler.Handle(ctx, line) // a log that fails cannot be reported anywhere
}

// Count adds to a counter of the invocation; outside of one it does nothing.
func Count(ctx context.Context, c Counter, n float64) {
	if i := scopeOf(ctx).invocation; i != nil && n != 0 {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.tally.counters[c] += n
	}
}

// Time adds a value to a timer of the invocation; outside of one it does nothing. Of more than a hundred values the
// greatest are kept.
func Time(ctx context.Context, t Timer, d time.Duration) {
	if i := scopeOf(ctx).invocation; i != nil {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.tally.time(t, d)
	}
}

// Outcome is how an invocation ended.
type Outcome struct {
	Operation string // of the API; from a list that is known beforehand, as it is a dimension. Empty: the function's name
	Code      string // of the problem that was answered, from such a list; empty: OK, or FAILED
	Status    int    // of HTTP; 0: there is none
	Failed    bool   // through our fault: lines that were held are written
}

// Conclude sets how the invocation will end; outside of an invocation it does nothing.
func Conclude(ctx context.Context, o Outcome) {
	if i := scopeOf(ctx).invocation; i != nil {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.outcome, i.concluded = o, true
	}
}

// Invocation is one invocation of a function.
type Invocation struct {
	recorder *Recorder
	kind     Kind
	began    time.Time
	span     Span

	mu        sync.Mutex // guards the rest: an operation may work in parallel
	tally     tally
	outcome   Outcome
	concluded bool
}

func (i *Invocation) function() string {
	if i == nil {
		return ""
	}
	return i.recorder.name
}

// Begin begins an invocation, a [Request], a [Batch] or a [Task]. What the context knows of the request must be there
// already, see [request.With].
func (r *Recorder) Begin(ctx context.Context, kind Kind) (context.Context, *Invocation) {
	if r == nil {
		return ctx, nil
	}
	i := &Invocation{recorder: r, kind: kind, began: time.Now(), span: noSpan{}}
	if !r.warm.Swap(true) {
		i.tally.counters[ColdStarts] = 1
	}
	s := scopeOf(ctx)
	s.invocation, s.held = i, &held{}
	ctx = context.WithValue(ctx, scopeKey{}, &s)
	if r.tracer != nil {
		ctx, i.span = r.tracer.Start(ctx, r.name, kind)
	}
	return ctx, i
}

// End writes the invocation's line, and before it the held lines if it failed. An invocation without an outcome has
// failed: it panicked, or its event was invalid.
func (i *Invocation) End(ctx context.Context) {
	if i == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	o := i.outcome
	if !i.concluded {
		o.Failed = true
	}
	if o.Code == "" {
		o.Code = "OK"
		if o.Failed {
			o.Code = "FAILED"
		}
	}
	if o.Failed {
		Release(ctx)
	}
	name := cmp.Or(i.recorder.name, "none") // a dimension must have a value
	o.Operation = cmp.Or(o.Operation, name)
	now := time.Now()
	i.tally.time(Latency, now.Sub(i.began))
	if i.recorder.handler.Enabled(ctx, slog.LevelInfo) {
		line := slog.NewRecord(now, slog.LevelInfo, i.kind.String(), 0)
		line.AddAttrs(slog.String("function", name), slog.String("operation", o.Operation), slog.String("code", o.Code))
		if o.Status != 0 {
			line.AddAttrs(slog.Int("status", o.Status))
		}
		line.AddAttrs(i.tally.attributes(now)...)
		line = i.recorder.handler.complete(ctx, scopeOf(ctx), line)
		if lines := i.recorder.lines; lines == nil || !lines.write(ctx, line) {
			_ = i.recorder.handler.next.Handle(ctx, line) // a log that fails cannot be reported anywhere
		}
	}
	i.end(ctx, o)
}
