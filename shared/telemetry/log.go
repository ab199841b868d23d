package telemetry

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"example.com/registrar/shared/telemetry/request"
)

// DebugLines reports whether log lines below Info are written.
type DebugLines int

// The choices.
const (
	// they are held until the invocation fails, and dropped when it does not or the log takes no Info
	HoldDebug  DebugLines = iota
	WriteDebug            // they are written at once
	DropDebug             // they are dropped
)

// The application log levels of Lambda's logging settings that concern debug lines.
const (
	levelHold  = "DEBUG"
	levelWrite = "TRACE"
	levelDrop  = "INFO"
)

// DebugAt follows the application log level of Lambda's logging settings, in AWS_LAMBDA_LOG_LEVEL. With TRACE debug
// lines are written at once. With DEBUG, and without a level, as with the format text, they are held for failures. With
// any other level Lambda would not let them pass.
func DebugAt(level string) DebugLines {
	switch level {
	case levelWrite:
		return WriteDebug
	case levelHold, "":
		return HoldDebug
	}
	return DropDebug
}

// Level is the level that [DebugAt] reads.
func (d DebugLines) Level() string {
	return map[DebugLines]string{HoldDebug: levelHold, WriteDebug: levelWrite, DropDebug: levelDrop}[d]
}

// The bounds of the lines that are held for an invocation or a message. When there are more, the oldest are dropped.
const (
	heldLines = 200
	heldBytes = 64 << 10 // of text, about
)

// handler adds what the context knows to each line, and holds lines.
type handler struct {
	next   slog.Handler // with the attributes from before the first group
	groups []group      // that were opened
	debug  DebugLines
}

// group is a group of attributes that a logger opened. It is closed only when a line is written, because what the
// context knows is outside of all groups.
type group struct {
	name  string
	attrs []slog.Attr
}

// Enabled implements [slog.Handler].
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	if level >= slog.LevelInfo {
		return h.next.Enabled(ctx, level)
	}
	return h.debug == WriteDebug || h.debug == HoldDebug && h.next.Enabled(ctx, slog.LevelInfo) && scopeOf(ctx).held != nil
}

// Handle implements [slog.Handler].
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	s := scopeOf(ctx)
	if r.Level < slog.LevelInfo && h.debug == HoldDebug && s.held != nil && s.held.add(ctx, h, s, r) {
		return nil
	}
	return h.next.Handle(ctx, h.complete(ctx, s, r))
}

// WithAttrs implements [slog.Handler].
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	if last := len(h.groups) - 1; last >= 0 {
		with.groups = slices.Clone(h.groups)
		with.groups[last].attrs = append(slices.Clip(h.groups[last].attrs), attrs...)
	} else {
		with.next = h.next.WithAttrs(attrs)
	}
	return &with
}

// WithGroup implements [slog.Handler].
func (h *handler) WithGroup(name string) slog.Handler {
	with := *h
	if name != "" {
		with.groups = append(slices.Clip(h.groups), group{name: name})
	}
	return &with
}

// complete adds what the context knows, except where the line itself has the same key.
func (h *handler) complete(ctx context.Context, s scope, r slog.Record) slog.Record {
	line := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	own := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		// now: what it stands for may be gone when it is written
		own = append(own, slog.Attr{Key: a.Key, Value: a.Value.Resolve()})
		return true
	})
	for i := len(h.groups) - 1; i >= 0; i-- {
		own = []slog.Attr{{Key: h.groups[i].name, Value: slog.GroupValue(slices.Concat(h.groups[i].attrs, own)...)}}
	}
	line.AddAttrs(own...)
	add := func(a slog.Attr) {
		if !slices.ContainsFunc(own, func(o slog.Attr) bool { return o.Key == a.Key }) {
			line.AddAttrs(a)
		}
	}
	for _, key := range s.keys {
		add(key)
	}
	text := func(key, value string) {
		if value != "" {
			add(slog.String(key, value))
		}
	}
	text("function", s.invocation.function())
	info := request.From(ctx)
	text("request", info.ID)
	text("correlation", info.Correlation)
	text("trace", info.TraceID())
	return line
}

// held are lines that are kept until the outcome is known.
type held struct {
	mu       sync.Mutex
	lines    []heldLine
	bytes    int
	dropped  int
	latest   heldLine // of those that were dropped
	released bool
}

type heldLine struct {
	ctx   context.Context // for what the handler beneath takes from it
	from  *handler
	scope scope
	line  slog.Record // without what the context knows, which is added when it is written: most lines never are
	bytes int
}

// add holds a line, unless all were released: then the line has to be written.
func (h *held) add(ctx context.Context, from *handler, s scope, line slog.Record) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.released {
		return false
	}
	line = resolved(line)
	l := heldLine{ctx: context.WithoutCancel(ctx), from: from, scope: s, line: line, bytes: size(line)}
	h.lines, h.bytes = append(h.lines, l), h.bytes+l.bytes
	gone := 0
	for len(h.lines)-gone > heldLines || h.bytes > heldBytes {
		h.latest = h.lines[gone]
		h.bytes -= h.latest.bytes
		gone++
	}
	h.dropped += gone
	h.lines = slices.Delete(h.lines, 0, gone)
	return true
}

// resolved is the line with the values that its attributes stand for now: they may be gone when it is written.
func resolved(line slog.Record) slog.Record {
	stands := false
	line.Attrs(func(a slog.Attr) bool {
		stands = a.Value.Kind() == slog.KindLogValuer
		return !stands
	})
	if !stands {
		return line
	}
	with := slog.NewRecord(line.Time, line.Level, line.Message, line.PC)
	line.Attrs(func(a slog.Attr) bool {
		with.AddAttrs(slog.Attr{Key: a.Key, Value: a.Value.Resolve()})
		return true
	})
	return with
}

// release writes what is held, and lets later lines pass.
func (h *held) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.released = true
	if h.dropped > 0 {
		note := slog.NewRecord(h.latest.line.Time, slog.LevelDebug, "lines were dropped: there were too many to hold", 0)
		note.AddAttrs(slog.Int("lines", h.dropped))
		note = (&handler{}).complete(h.latest.ctx, scopeOf(h.latest.ctx), note)
		_ = h.latest.from.next.Handle(h.latest.ctx, note) // as with any line: there is nobody to tell that the log fails
	}
	for _, l := range h.lines {
		_ = l.from.next.Handle(l.ctx, l.from.complete(l.ctx, l.scope, l.line))
	}
	h.lines, h.bytes, h.dropped, h.latest = nil, 0, 0, heldLine{}
}

// size is the approximate length of a line.
func size(line slog.Record) int {
	const rest = 256 // time, level, quotes, and what the context knows: the request, its trace, the operation
	n := rest + len(line.Message)
	line.Attrs(func(a slog.Attr) bool {
		n += len(a.Key) + sizeOf(a.Value)
		return true
	})
	return n
}

// sizeOf does not write numbers to count their digits: each line that is held would pay for it.
func sizeOf(v slog.Value) int {
	const number = 16
	switch v.Kind() {
	case slog.KindBool, slog.KindDuration, slog.KindFloat64, slog.KindInt64, slog.KindUint64:
		return number
	}
	return len(v.String())
}
