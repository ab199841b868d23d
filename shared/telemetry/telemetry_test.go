package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"example.com/registrar/shared/telemetry"
	"example.com/registrar/shared/telemetry/request"
	"example.com/registrar/shared/telemetry/telemetrytest"
	"github.com/google/go-cmp/cmp"
)

// log is where a recorder writes, at level Info as a function is set to, with the lines read back.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

type line = map[string]any

func (l *log) lines(t *testing.T) []line {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []line
	for text := range strings.Lines(l.text.String()) {
		if _, err := telemetrytest.Check([]byte(text)); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
		var read line
		if err := json.Unmarshal([]byte(text), &read); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, read)
	}
	return lines
}

func (l *log) messages(t *testing.T) (messages []string) {
	t.Helper()
	for _, read := range l.lines(t) {
		messages = append(messages, fmt.Sprint(read["msg"]))
	}
	return messages
}

func record(debug telemetry.DebugLines) (*telemetry.Recorder, *log) {
	var l log
	return telemetry.New(telemetry.Options{Function: "things-get", Log: slog.NewJSONHandler(&l, nil), Debug: debug}), &l
}

var info = request.Info{ID: "JKJa=", Correlation: "vera-1", Trace: "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"}

func TestLog_EveryLineHasTheIds(t *testing.T) {
	recorder, l := record(telemetry.HoldDebug)
	ctx, invocation := recorder.Begin(request.With(t.Context(), info), telemetry.Request)
	ctx = telemetry.With(telemetry.With(ctx, "section", "s-1"), "student", "u-1")
	inner := telemetry.With(ctx, "section", "s-2")
	recorder.Log().With("a", 1).WithGroup("group").With("b", 2).InfoContext(inner, "in a group", "c", 3)
	recorder.Log().WarnContext(ctx, "said by itself", "section", "own")
	telemetry.Conclude(ctx, telemetry.Outcome{Operation: "things-get"})
	invocation.End(ctx)
	recorder.Log().Info("without a context")
	ids := line{"function": "things-get", "request": "JKJa=", "correlation": "vera-1",
		"trace": "1-5759e988-bd862e3fe1be46a994272793"}
	got := l.lines(t)
	if len(got) != 4 {
		t.Fatalf("lines: %v", got)
	}
	for i, want := range []line{
		{"a": 1.0, "group": line{"b": 2.0, "c": 3.0}, "section": "s-2", "student": "u-1"},
		{"section": "own", "student": "u-1"},
		{"section": "s-1", "student": "u-1"},
	} {
		for key, value := range ids {
			want[key] = value
		}
		for key, value := range want {
			if diff := cmp.Diff(value, got[i][key]); diff != "" {
				t.Errorf("line %d, %s:\n%s", i, key, diff)
			}
		}
	}
	if diff := cmp.Diff(line{"msg": "without a context", "level": "INFO", "time": got[3]["time"]}, got[3]); diff != "" {
		t.Error(diff)
	}
}

func TestLog_IsASlogHandler(t *testing.T) {
	recorder, l := record(telemetry.WriteDebug)
	if err := slogtest.TestHandler(recorder.Log().Handler(), func() []map[string]any { return l.lines(t) }); err != nil {
		t.Error(err)
	}
}

func TestDebugLines_AreWrittenWhenTheInvocationFails(t *testing.T) {
	for _, c := range []struct {
		debug  telemetry.DebugLines
		failed bool
		want   []string
	}{
		{telemetry.HoldDebug, false, []string{"info", "request"}},
		{telemetry.HoldDebug, true, []string{"info", "one", "two", "request"}},
		{telemetry.WriteDebug, false, []string{"one", "info", "two", "request"}},
		{telemetry.DropDebug, true, []string{"info", "request"}},
	} {
		recorder, l := record(c.debug)
		ctx, invocation := recorder.Begin(request.With(t.Context(), info), telemetry.Request)
		recorder.Log().DebugContext(ctx, "one", "n", 1)
		recorder.Log().InfoContext(ctx, "info")
		telemetry.Debug(ctx, "two", slog.Int("n", 2))
		telemetry.Conclude(ctx, telemetry.Outcome{Failed: c.failed})
		invocation.End(ctx)
		if diff := cmp.Diff(c.want, l.messages(t)); diff != "" {
			t.Errorf("%v, failed %v:\n%s", c.debug, c.failed, diff)
		}
		for _, read := range l.lines(t) {
			if read["correlation"] != "vera-1" {
				t.Errorf("no ids: %v", read)
			}
		}
	}
	var errorsOnly log
	quiet := telemetry.New(
		telemetry.Options{Log: slog.NewJSONHandler(&errorsOnly, &slog.HandlerOptions{Level: slog.LevelError})})
	ctx, invocation := quiet.Begin(t.Context(), telemetry.Request)
	telemetry.Debug(ctx, "in a log that takes errors alone")
	invocation.End(ctx)
	if got := errorsOnly.messages(t); got != nil {
		t.Errorf("written: %q", got)
	}
	recorder, l := record(telemetry.HoldDebug)
	recorder.Log().Debug("outside of an invocation")
	telemetry.Debug(t.Context(), "outside of an invocation")
	if got := l.messages(t); got != nil {
		t.Errorf("written: %q", got)
	}
}

func TestDebugLines_FollowLambdasLevel(t *testing.T) {
	for level, want := range map[string]telemetry.DebugLines{
		"": telemetry.HoldDebug, "DEBUG": telemetry.HoldDebug, "TRACE": telemetry.WriteDebug, "INFO": telemetry.DropDebug,
		"ERROR": telemetry.DropDebug,
	} {
		if got := telemetry.DebugAt(level); got != want || telemetry.DebugAt(got.Level()) != want {
			t.Errorf("%q: %v, whose level is %s", level, got, got.Level())
		}
	}
}

func TestDebugLines_OfOneMessage(t *testing.T) {
	recorder, l := record(telemetry.HoldDebug)
	ctx, invocation := recorder.Begin(t.Context(), telemetry.Batch)
	telemetry.Debug(ctx, "of the batch")
	for n, failed := range []bool{false, true, false} {
		message := telemetry.With(telemetry.Held(ctx), "message", n)
		telemetry.Debug(message, fmt.Sprint("before ", n))
		if failed {
			telemetry.Release(message)
		}
		telemetry.Debug(message, fmt.Sprint("after ", n))
	}
	telemetry.Conclude(ctx, telemetry.Outcome{Operation: "mail"})
	invocation.End(ctx)
	if diff := cmp.Diff([]string{"before 1", "after 1", "batch"}, l.messages(t)); diff != "" {
		t.Error(diff)
	}
}

func TestDebugLines_AreBounded(t *testing.T) {
	for _, c := range []struct {
		lines, size int
		least, most int // lines that are left
	}{{1000, 10, 200, 200}, {50, 4 << 10, 10, 16}, {1, 1 << 20, 1, 1}} {
		recorder, l := record(telemetry.HoldDebug)
		ctx, _ := recorder.Begin(t.Context(), telemetry.Request)
		for n := range c.lines {
			telemetry.Debug(ctx, "line", slog.Int("n", n), slog.String("filler", strings.Repeat("x", c.size)))
		}
		telemetry.Debug(ctx, "line", slog.Int("n", c.lines))
		telemetry.Release(ctx)
		got := l.lines(t)
		left := len(got) - 1
		if left < c.least || left > c.most || got[left]["n"] != float64(c.lines) {
			t.Errorf("%d lines of %d: %d are left, the last %v", c.lines, c.size, left, got[left])
		}
		if dropped := got[0]["lines"]; dropped != float64(c.lines+1-left) {
			t.Errorf("%d are left of %d, and %v are said to be dropped", left, c.lines+1, dropped)
		}
	}
	recorder, l := record(telemetry.HoldDebug)
	ctx, _ := recorder.Begin(t.Context(), telemetry.Request)
	telemetry.Debug(ctx, strings.Repeat("x", 1<<20))
	telemetry.Release(ctx)
	if got := l.lines(t); len(got) != 1 || got[0]["lines"] != 1.0 {
		t.Errorf("of a line that is too long: %v", got)
	}
}

// A value is what it was when the line was made.
func TestDebugLines_KeepWhatWasSaid(t *testing.T) {
	recorder, l := record(telemetry.HoldDebug)
	ctx, _ := recorder.Begin(t.Context(), telemetry.Request)
	now := changing{new(int)}
	telemetry.Debug(ctx, "line", slog.Any("value", now))
	*now.value = 7
	telemetry.Release(ctx)
	if got := l.lines(t)[0]["value"]; got != 0.0 {
		t.Errorf("written as %v", got)
	}
}

type changing struct{ value *int }

func (c changing) LogValue() slog.Value { return slog.IntValue(*c.value) }

func TestEnd_WritesTheMetrics(t *testing.T) {
	recorder, l := record(telemetry.HoldDebug)
	for range 2 {
		ctx, invocation := recorder.Begin(request.With(t.Context(), info), telemetry.Request)
		telemetry.Count(ctx, telemetry.Conflicts, 2)
		telemetry.Count(ctx, telemetry.WriteUnits, 10.5)
		telemetry.Count(ctx, telemetry.WriteUnits, 0.5)
		telemetry.Time(ctx, telemetry.QueueAge, 1500*time.Microsecond)
		telemetry.Time(ctx, telemetry.QueueAge, time.Second)
		telemetry.Conclude(ctx, telemetry.Outcome{Operation: "things-get", Code: "SECTION_FULL", Status: 409})
		invocation.End(ctx)
	}
	type values = map[string][]float64
	common := values{"conflicts": {2}, "writeUnits": {11}, "queueAge": {1.5, 1000}, "outcomes": {1}}
	lines := strings.SplitAfter(l.text.String(), "\n")
	for n, cold := range []bool{true, false} {
		metrics, err := telemetrytest.Check([]byte(lines[n]))
		if err != nil {
			t.Fatal(err)
		}
		got := values{}
		for _, m := range metrics {
			got[m.Name] = m.Values
			dimensions := map[string]string{"function": "things-get", "operation": "things-get"}
			unit := "Count"
			switch m.Name {
			case "outcomes":
				dimensions["code"] = "SECTION_FULL"
			case "latency", "queueAge":
				unit = "Milliseconds"
			}
			if diff := cmp.Diff(dimensions, m.Dimensions); diff != "" || m.Unit != unit || m.Namespace != "Registrar" {
				t.Errorf("%+v\n%s", m, diff)
			}
		}
		if latency := got["latency"]; len(latency) != 1 || latency[0] < 0 {
			t.Errorf("latency: %v", latency)
		}
		delete(got, "latency")
		if cold != (len(got["coldStarts"]) == 1) {
			t.Errorf("invocation %d: cold starts: %v", n, got["coldStarts"])
		}
		delete(got, "coldStarts")
		if diff := cmp.Diff(common, got); diff != "" {
			t.Error(diff)
		}
	}
	if read := l.lines(t)[0]; read["status"] != 409.0 || read["msg"] != "request" || read["correlation"] != "vera-1" {
		t.Errorf("line: %v", read)
	}
}

func TestEnd_TheGreatestOfMoreThanAHundredValuesStay(t *testing.T) {
	recorder, l := record(telemetry.HoldDebug)
	ctx, invocation := recorder.Begin(t.Context(), telemetry.Batch)
	for n := range 300 {
		telemetry.Time(ctx, telemetry.QueueAge, time.Duration((n*7)%300)*time.Millisecond)
	}
	invocation.End(ctx)
	values, _ := l.lines(t)[0]["queueAge"].([]any)
	if len(values) != 100 {
		t.Fatalf("%d values", len(values))
	}
	for _, v := range values {
		if v.(float64) < 200 {
			t.Errorf("%v ms took the place of more", v)
		}
	}
}

func TestEnd_WhatNobodyConcludedHasFailed(t *testing.T) {
	recorder, l := record(telemetry.HoldDebug)
	ctx, invocation := recorder.Begin(t.Context(), telemetry.Request)
	telemetry.Debug(ctx, "on the way")
	invocation.End(ctx)
	got := l.lines(t)
	if len(got) != 2 || got[0]["msg"] != "on the way" || got[1]["code"] != "FAILED" ||
		got[1]["operation"] != "things-get" {
		t.Errorf("lines: %v", got)
	}
}

func TestNil_WritesNothing(t *testing.T) {
	var recorder *telemetry.Recorder
	ctx, invocation := recorder.Begin(request.With(t.Context(), info), telemetry.Request)
	recorder.Log().ErrorContext(ctx, "nobody hears")
	ctx = telemetry.With(telemetry.Held(ctx), "key", "value")
	telemetry.Debug(ctx, "nobody hears")
	telemetry.Count(ctx, telemetry.Retries, 1)
	telemetry.Time(ctx, telemetry.QueueAge, time.Second)
	telemetry.Conclude(ctx, telemetry.Outcome{Failed: true})
	telemetry.Release(ctx)
	_, span := telemetry.StartSpan(ctx, "span", telemetry.Call)
	span.End(errors.New("nobody hears"))
	invocation.End(ctx)
	if onward := telemetry.Onward(ctx); onward != info {
		t.Errorf("onward: %+v", onward)
	}
}

// A function may handle several invocations at once: nothing of one may be told by another.
func TestConcurrentInvocationsKeepTheirOwn(t *testing.T) {
	recorder, l := record(telemetry.HoldDebug)
	const invocations, parts = 50, 8
	var wg sync.WaitGroup
	for n := range invocations {
		wg.Go(func() {
			id := fmt.Sprint("c", n)
			ctx, invocation := recorder.Begin(request.With(t.Context(), request.Info{Correlation: id}), telemetry.Request)
			ctx = telemetry.With(ctx, "own", id)
			var work sync.WaitGroup
			for range parts {
				work.Go(func() {
					telemetry.Count(ctx, telemetry.ReadUnits, 1)
					telemetry.Debug(ctx, id)
					recorder.Log().InfoContext(ctx, id)
				})
			}
			work.Wait()
			telemetry.Conclude(ctx, telemetry.Outcome{Operation: id, Failed: n%2 == 0})
			invocation.End(ctx)
		})
	}
	wg.Wait()
	seen := map[string]int{}
	cold := 0
	for _, read := range l.lines(t) {
		id, _ := read["correlation"].(string)
		seen[id]++
		if read["own"] != id || read["operation"] == nil && read["msg"] != id || read["operation"] != nil &&
			(read["operation"] != id || read["readUnits"] != float64(parts)) {
			t.Errorf("of another: %v", read)
		}
		if read["coldStarts"] != nil {
			cold++
		}
	}
	for n := range invocations {
		want := parts + 1
		if n%2 == 0 {
			want += parts
		}
		if got := seen[fmt.Sprint("c", n)]; got != want {
			t.Errorf("invocation %d has %d lines, not %d", n, got, want)
		}
	}
	if cold != 1 {
		t.Errorf("%d cold starts", cold)
	}
}

func BenchmarkInvocation(b *testing.B) {
	recorder := telemetry.New(telemetry.Options{Function: "things-get", Log: slog.NewJSONHandler(discard{}, nil)})
	ctx := request.With(context.Background(), info)
	b.ReportAllocs()
	for b.Loop() {
		ctx, invocation := recorder.Begin(ctx, telemetry.Request)
		telemetry.Count(ctx, telemetry.ReadUnits, 5)
		telemetry.Debug(ctx, "a line that is dropped", slog.String("key", "value"))
		telemetry.Conclude(ctx, telemetry.Outcome{Operation: "things-get", Status: 200})
		invocation.End(ctx)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
