package lambda_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/registrar/infra/local/lambda"
)

// kept are the positions of a file, read anew: those that another process would find.
func kept(t *testing.T, path string) *lambda.Positions {
	t.Helper()
	p, err := lambda.OpenPositions(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A poller goes on behind what all before it is done with, whoever ran before, and gives out again what was not.
func TestPositions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "positions")
	synctest.Test(t, func(t *testing.T) {
		s := newStream("s")
		again := func(until time.Duration, change func(p *lambda.StreamPoller), do func([]string) (string, error)) *calls {
			t.Helper()
			p := &lambda.StreamPoller{Name: "relay", Positions: kept(t, path), BatchSize: 2}
			if change != nil {
				change(p)
			}
			return poll(t, s, p, until, do)
		}
		s.put("s", "k:1", "k:2", "k:3")
		again(100*time.Millisecond, nil, nil).want("0s k:1 k:2", "0s k:3")
		again(100*time.Millisecond, nil, nil).want()
		s.put("s", "k:4", "k:5", "k:6", "k:7")
		again(500*time.Millisecond, nil, failIf("k:6")).want("0s k:4 k:5", "0s k:6 k:7")
		again(100*time.Millisecond, func(p *lambda.StreamPoller) { p.MaximumRetryAttempts = new(0) },
			failIf("k:6")).want("0s k:6 k:7")
		again(100*time.Millisecond, nil, nil).want() // what was given up is done with
		s.put("s", "k:8", "k:9", "k:10")
		again(100*time.Millisecond, func(p *lambda.StreamPoller) { p.ReportBatchItemFailures = true },
			report("k:9")).want("0s k:8 k:9")
		again(100*time.Millisecond, nil, nil).want("0s k:9 k:10")
		s.put("s", "k:11", "k:12")
		again(100*time.Millisecond, func(p *lambda.StreamPoller) { p.Filter.EventNames = []string{"REMOVE"} }, nil).want()
		again(100*time.Millisecond, nil, nil).want() // what it did not want, too
		again(100*time.Millisecond, func(p *lambda.StreamPoller) { p.Name = "another" }, nil).
			want("0s k:1 k:2", "0s k:3 k:4", "0s k:5 k:6", "0s k:7 k:8", "0s k:9 k:10", "0s k:11 k:12")
	})
}

// With parallel batches the position waits for the slowest.
func TestPositions_OfParallelBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, positions := newStream("s"), lambda.NewPositions()
		s.put("s", "a:1", "b:1", "c:1", "d:1", "e:1", "f:1", "b:2")
		settings := func() *lambda.StreamPoller {
			return &lambda.StreamPoller{Name: "relay", Positions: positions, ParallelizationFactor: 10, BatchSize: 1}
		}
		first := poll(t, s, settings(), 100*time.Millisecond, failIf("b:1"))
		if !slices.Contains(first.all, "0s f:1") || slices.Contains(first.all, "0s b:2") {
			t.Errorf("calls: %v", first.all)
		}
		second := poll(t, s, settings(), 100*time.Millisecond, nil)
		slices.Sort(second.all)
		second.want("0s b:1", "0s b:2", "0s c:1", "0s d:1", "0s e:1", "0s f:1")
		poll(t, s, settings(), 100*time.Millisecond, nil).want()
	})
}

// A position that is of no use is none.
func TestPositions_ThatDoNotFit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "positions")
	for name, text := range map[string]string{"cut off": `{"relay s":"1000`, "null": "null",
		"of another stream": `{"relay s":"100000000000000000099"}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			s := newStream("s")
			s.put("s", "k:1")
			s.invalid = true
			var log bytes.Buffer
			poll(t, s, &lambda.StreamPoller{Name: "relay", Positions: kept(t, path),
				Log: slog.New(slog.NewTextHandler(&log, nil))}, 100*time.Millisecond, nil).want("0s k:1")
			if told := strings.Contains(log.String(), "oldest that is left"); told != (name == "of another stream") {
				t.Errorf("%s: log: %s", name, &log)
			}
		})
	}
	if _, err := lambda.OpenPositions(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
}

// A position that cannot be kept stops nothing.
func TestPositions_ThatCannotBeWritten(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "gone")
	positions := kept(t, filepath.Join(folder, "positions"))
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	s := newStream("s")
	s.put("s", "k:1")
	p := lambda.StreamPoller{Client: s, ARN: streamARN, StartingPosition: lambda.TrimHorizon, Name: "relay",
		Positions: positions,
		Log:       slog.New(slog.NewTextHandler(&log, nil)), Function: function(func(context.Context, []byte) ([]byte,
			error) {
			cancel()
			return nil, nil
		})}
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "could not be kept") {
		t.Errorf("log: %s", &log)
	}
}
