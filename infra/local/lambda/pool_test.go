package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/registrar/infra/local/lambda"
)

func pool(t *testing.T, options lambda.PoolOptions) *lambda.Pool {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	options.Process.Binary, options.Process.Env = binary, append(options.Process.Env, "FUNCTION=behave")
	p := lambda.NewPool(options)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func pidOf(t *testing.T, p *lambda.Pool) int {
	t.Helper()
	answer, err := p.Invoke(t.Context(), []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	var s seen
	if err := json.Unmarshal(answer, &s); err != nil {
		t.Fatal(err)
	}
	return s.PID
}

// state is the process's in /proc: T while it is stopped.
func state(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile("/proc/" + itoa(pid) + "/stat")
	if err != nil {
		t.Skip("left out: this machine has no /proc to look into")
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return rest[:1]
}

func itoa(n int) string {
	text, _ := json.Marshal(n)
	return string(text)
}

func TestPoolKeepsAnEnvironmentAndFreezesIt(t *testing.T) {
	p := pool(t, lambda.PoolOptions{})
	first := pidOf(t, p)
	for range 100 { // the signal is on its way
		if state(t, first) == "T" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if got := state(t, first); got != "T" {
		t.Errorf("between calls the process is in state %s", got)
	}
	if second := pidOf(t, p); second != first || p.Environments() != 1 {
		t.Errorf("processes %d and %d, %d environments", first, second, p.Environments())
	}
}

func TestPoolStartsAnEnvironmentForEachCallAtOnceAndThrottles(t *testing.T) {
	const most = 2
	p := pool(t, lambda.PoolOptions{Concurrency: most, Process: lambda.ProcessOptions{Timeout: 2 * time.Second}})
	errs := make([]error, most+2)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = p.Invoke(t.Context(), []byte(`{"Do":"hang"}`)) })
	}
	wg.Wait()
	throttled, timedOut := 0, 0
	for _, err := range errs {
		var f *lambda.FunctionError
		switch {
		case errors.As(err, &f) && f.Type == lambda.TypeThrottled:
			throttled++
		case errors.As(err, &f) && f.Type == lambda.TypeTimedOut:
			timedOut++
		default:
			t.Errorf("unexpected: %v", err)
		}
	}
	if throttled != 2 || timedOut != most {
		t.Errorf("%d throttled, %d timed out", throttled, timedOut)
	}
	if pidOf(t, p) == 0 || p.Environments() != most {
		t.Errorf("afterwards %d environments", p.Environments())
	}
}

// The functions of an account have so many environments at once, all together.
func TestAccountIsShared(t *testing.T) {
	account := lambda.NewAccount(1)
	printed := make(lines, 1)
	one := pool(t, lambda.PoolOptions{Account: account, Process: lambda.ProcessOptions{Timeout: time.Second,
		Stdout: printed}})
	other := pool(t, lambda.PoolOptions{Account: account})
	pidOf(t, one)
	pidOf(t, other) // one after the other they have room
	hanging := make(chan error)
	go func() {
		_, err := one.Invoke(context.Background(), []byte(`{"Do":"hang"}`))
		hanging <- err
	}()
	<-printed
	_, err := other.Invoke(t.Context(), []byte(`{}`))
	wantError(t, err, lambda.TypeThrottled, `Rate Exceeded\.`)
	if err := <-hanging; err == nil {
		t.Error("a function that hangs answered")
	}
	pidOf(t, other)
}

// A caller that goes away does not stop the call: its environment is not frozen, and it counts, until it has ended.
func TestPoolGoesOnWithoutItsCaller(t *testing.T) {
	account := lambda.NewAccount(1)
	printed := make(lines, 1)
	p := pool(t, lambda.PoolOptions{Account: account, Process: lambda.ProcessOptions{Timeout: 2 * time.Second,
		Stdout: printed}})
	pid := pidOf(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := p.Invoke(ctx, []byte(`{"Do":"hang"}`))
		gone <- err
	}()
	<-printed
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that went away got %v", err)
	}
	_, err := p.Invoke(t.Context(), []byte(`{}`))
	wantError(t, err, lambda.TypeThrottled, `Rate Exceeded\.`)
	for range 20 { // a signal would be on its way
		if got := state(t, pid); got == "T" {
			t.Fatal("a call that goes on is frozen")
		}
		time.Sleep(10 * time.Millisecond)
	}
	for range 500 { // until its timeout
		if _, err = p.Invoke(t.Context(), []byte(`{}`)); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil || p.Environments() != 1 {
		t.Errorf("after its end there are %d environments: %v", p.Environments(), err)
	}
}

// A process that is killed in the middle, or after it has answered: the caller cannot tell which. The next call has a
// new one, and each start shows in the log.
func TestPoolKillsInTheMiddle(t *testing.T) {
	var log bytes.Buffer
	p := pool(t, lambda.PoolOptions{Log: slog.New(slog.NewTextHandler(&log, nil)),
		Process: lambda.ProcessOptions{Name: "desk", Timeout: time.Minute}})
	pids := map[int]bool{pidOf(t, p): true}
	for what, after := range map[string]time.Duration{"hang": 50 * time.Millisecond, "look": time.Hour} {
		_, err := p.InvokeAndKill(t.Context(), []byte(`{"Do":"`+what+`"}`), after)
		wantError(t, err, lambda.TypeExit, "(RequestId: "+id+" )?Error: Runtime exited with error: signal: killed")
		pids[pidOf(t, p)] = true
	}
	if starts := strings.Count(log.String(), `msg="cold start" function=desk milliseconds=`); len(pids) != 3 ||
		starts != 3 || p.Environments() != 1 {
		t.Errorf("%d processes in %d environments, %d starts in the log:\n%s", len(pids), p.Environments(), starts, &log)
	}
}

func TestPoolStopsWhatIsIdle(t *testing.T) {
	p := pool(t, lambda.PoolOptions{Idle: 50 * time.Millisecond})
	pid := pidOf(t, p)
	for range 200 {
		if p.Environments() == 0 && syscall.Kill(pid, 0) != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if p.Environments() != 0 || syscall.Kill(pid, 0) == nil {
		t.Error("an idle environment is still there")
	}
	if next := pidOf(t, p); next == pid {
		t.Error("a stopped process answered")
	}
}

func TestPoolAfterCloseAnswersNothing(t *testing.T) {
	p := pool(t, lambda.PoolOptions{})
	pidOf(t, p)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Invoke(t.Context(), []byte(`{}`)); !errors.Is(err, lambda.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
