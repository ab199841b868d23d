package lambda

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ProcessOptions say what a [Process] runs.
type ProcessOptions struct {
	Binary string   // path of the built function: what a deployment would call bootstrap
	Name   string   // of the function; the binary's file name when empty
	Env    []string // "KEY=value", beside what Lambda sets itself; AWS_REGION here changes the region from us-east-1
	// Memory is in MB, 128 when 0. The function is told of it, and killed when it has more; see [Process].
	Memory  int
	Timeout time.Duration // of one call; 3 seconds when 0
	// Stdout and Stderr get what the function prints, whole lines in each Write; nil: nobody does. They are written to at
	// the same time.
	Stdout, Stderr io.Writer
	// Started is told of each start of the binary and how long it took, until it asked for its first event; nil: nobody
	// is.
	Started func(init time.Duration)
}

// Process is a function that runs as a process of its own: one execution environment. One call is in it at a time;
// others wait for their turn. A process that was killed or ended is replaced at the next call. Where there is a /proc,
// one that holds more memory than the function has is killed, as Lambda does.
type Process struct {
	options ProcessOptions
	region  string
	turn    chan struct{} // held by the one whose call runs
	closing chan struct{}

	mu             sync.Mutex
	child          *child // nil: none yet
	closed         bool
	init, duration time.Duration
}

// ErrClosed is a call to a [Process] after Close.
const ErrClosed = textError("the function's process was closed")

type textError string

func (e textError) Error() string { return string(e) }

const (
	initLimit = 10 * time.Second       // Lambda's, for the Init phase
	stopGrace = 500 * time.Millisecond // between SIGTERM and SIGKILL: Lambda's Shutdown phase with an internal extension

	memoryEvery = 100 * time.Millisecond // how often a process's memory is looked at during a call
)

// child is one run of the binary.
type child struct {
	cmd    *exec.Cmd
	api    *runtimeAPI
	exited chan struct{} // closed when err is set
	err    error         // of Wait; nil: it ended with status 0
}

// StartProcess starts the binary and waits until it asks for its first event, for at most 10 seconds. A function that
// does not come up is a [*FunctionError] with the type that it reported, or [TypeInit]. ctx bounds the start only.
func StartProcess(ctx context.Context, options ProcessOptions) (*Process, error) {
	if options.Name == "" {
		options.Name = filepath.Base(options.Binary)
	}
	if options.Memory == 0 {
		options.Memory = defaultMemory
	}
	if options.Timeout == 0 {
		options.Timeout = defaultTimeout
	}
	p := &Process{options: options, region: defaultRegion, turn: make(chan struct{}, 1), closing: make(chan struct{})}
	for _, variable := range options.Env {
		if region, ok := strings.CutPrefix(variable, "AWS_REGION="); ok {
			p.region = region
		}
	}
	if _, err := p.living(ctx); err != nil {
		return nil, fmt.Errorf("start function %s: %w", options.Name, err)
	}
	return p, nil
}

// InitDuration is how long the start of the latest process took, until it asked for its first event.
func (p *Process) InitDuration() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.init
}

// Duration is how long the last call took, from its hand-over to its end; 0 before the first.
func (p *Process) Duration() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.duration
}

// Close stops the process: SIGTERM, half a second later SIGKILL. A call that is under way ends with [TypeExit], and
// later ones with [ErrClosed]. Closing twice is allowed.
func (p *Process) Close() error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.closing)
	}
	c := p.child
	p.mu.Unlock()
	if c != nil {
		c.stop()
	}
	return nil
}

// Invoke implements [Function].
func (p *Process) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return p.invoke(ctx, payload, func() {})
}

// invoke does so, and calls ended when the call has ended, before a caller who waited for it is told. When it did not
// even begin it has ended, too.
func (p *Process) invoke(ctx context.Context, payload []byte, ended func()) ([]byte, error) {
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		ended()
		return nil, fmt.Errorf("wait for function %s: %w", p.options.Name, ctx.Err())
	case <-p.closing:
		ended()
		return nil, ErrClosed
	}
	done := make(chan outcome, 1)
	go func() {
		answer, err := p.run(ctx, payload)
		<-p.turn
		ended()
		done <- outcome{answer, err}
	}()
	select {
	case o := <-done:
		return o.answer, o.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) { // the function has the same deadline, and its end is at hand
			o := <-done
			return o.answer, o.err
		}
		return nil, fmt.Errorf("wait for function %s: %w", p.options.Name, ctx.Err())
	}
}

// run does one call to its end, and starts a process for it if there is none. It does so even when its caller has gone.
func (p *Process) run(ctx context.Context, payload []byte) ([]byte, error) {
	c, err := p.living(ctx)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	called, err := newCall(ctx, begin, p.region, p.options.Name, payload, p.options.Timeout)
	if err != nil {
		return nil, err
	}
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.duration = time.Since(begin)
	}()
	current := &pending{call: called, done: make(chan outcome, 1)}
	overrun := time.NewTimer(called.limit)
	defer overrun.Stop()
	memory := time.NewTicker(memoryEvery)
	defer memory.Stop()
	calls := c.api.calls
	for {
		select {
		case calls <- current:
			calls = nil // handed over; from now on only its end is awaited
		case o := <-current.done:
			return o.answer, o.err
		case <-c.exited:
			select {
			case o := <-current.done: // it answered, and then it ended
				return o.answer, o.err
			default:
				if calls != nil { // it ended after an earlier call, as a process does that panicked, and saw nothing of this one
					return p.run(ctx, payload)
				}
				return nil, exitError(TypeExit, called.id, c.err)
			}
		case <-memory.C:
			if c.memory() > int64(p.options.Memory)<<20 {
				c.kill() // its end tells the rest
			}
		case <-overrun.C:
			c.kill()
			return nil, timedOut(called.id, called.limit)
		}
	}
}

func exitError(kind, id string, err error) *FunctionError {
	message := "Error: Runtime exited without providing a reason"
	if err != nil {
		message = "Error: Runtime exited with error: " + err.Error()
	}
	if id != "" {
		message = "RequestId: " + id + " " + message
	}
	return &FunctionError{Type: kind, Message: message}
}

// living returns the running process, or a new one when it ended.
func (p *Process) living(ctx context.Context) (*child, error) {
	p.mu.Lock()
	c := p.child
	if c != nil {
		select {
		case <-c.exited:
			c = nil
		default:
		}
	}
	if c != nil || p.closed {
		defer p.mu.Unlock()
		if p.closed {
			return nil, ErrClosed
		}
		return c, nil
	}
	begin := time.Now()
	c, err := p.start() // under the lock, so that Close sees the process or prevents it
	p.child = c
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	limit := time.NewTimer(initLimit)
	defer limit.Stop()
	select {
	case <-c.api.ready:
		took := time.Since(begin)
		p.mu.Lock()
		p.init = took
		p.mu.Unlock()
		if p.options.Started != nil {
			p.options.Started(took)
		}
		return c, nil
	case err := <-c.api.broken:
		c.kill()
		return nil, err
	case <-c.exited:
		select {
		case err := <-c.api.broken:
			return nil, err
		default:
			return nil, exitError(TypeInit, "", c.err)
		}
	case <-limit.C:
		c.kill()
		return nil, &FunctionError{Type: TypeInit, Message: fmt.Sprintf("Error: Init timed out after %.2f seconds",
			initLimit.Seconds())}
	case <-ctx.Done():
		c.kill()
		return nil, fmt.Errorf("wait for the process to be ready: %w", ctx.Err())
	}
}

func (p *Process) start() (*child, error) {
	binary, err := filepath.Abs(p.options.Binary)
	if err != nil {
		return nil, fmt.Errorf("find the binary: %w", err)
	}
	api, err := serveRuntimeAPI()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(binary), api: api, exited: make(chan struct{})}
	c.cmd.Dir, c.cmd.Env = filepath.Dir(binary), p.environment(filepath.Dir(binary), api.address())
	stdout, stderr := &lines{out: p.options.Stdout}, &lines{out: p.options.Stderr}
	if stdout.out != nil {
		c.cmd.Stdout = stdout
	}
	if stderr.out != nil {
		c.cmd.Stderr = stderr
	}
	c.cmd.WaitDelay = time.Second // a grandchild that holds on to the output does not hold us
	c.cmd.SysProcAttr = attributes()
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread that starts it lives as long as it does; see attributes
		err := c.cmd.Start()
		if started <- err; err == nil {
			c.err = c.cmd.Wait()
			stdout.flush()
			stderr.flush()
			close(c.exited)
		}
		api.close()
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", p.options.Binary, err)
	}
	return c, nil
}

// environment is what Lambda sets (developer guide, "Defined runtime environment variables"). Later entries win: what
// the caller may override comes first, then the caller's own, then what is reserved.
func (p *Process) environment(directory, address string) []string {
	o := p.options
	env := append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LANG=en_US.UTF-8", "TZ=:UTC"},
		o.Env...)
	return append(env,
		"_HANDLER=bootstrap", "AWS_REGION="+p.region, "AWS_DEFAULT_REGION="+p.region,
		"AWS_LAMBDA_RUNTIME_API="+address, "AWS_LAMBDA_FUNCTION_NAME="+o.Name, "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+strconv.Itoa(o.Memory), "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/"+o.Name, "AWS_LAMBDA_LOG_STREAM_NAME=local/[$LATEST]",
		"LAMBDA_TASK_ROOT="+directory, "LAMBDA_RUNTIME_DIR="+directory)
}

// memory is how much the process holds, in bytes; 0 where nobody can tell.
func (c *child) memory() int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(c.cmd.Process.Pid) + "/statm")
	if err != nil {
		return 0
	}
	const resident = 1 // proc(5): the second number, in pages
	fields := strings.Fields(string(text))
	if len(fields) <= resident {
		return 0
	}
	pages, err := strconv.ParseInt(fields[resident], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// ProcessorTime is what the present process has had of the processors since it was started. It is known on Linux alone.
func (p *Process) ProcessorTime() (time.Duration, error) {
	p.mu.Lock()
	c := p.child
	p.mu.Unlock()
	if c == nil {
		return 0, ErrClosed
	}
	return processorTime(c.cmd.Process.Pid)
}

// Kill ends the process at once, as when its machine fails: a call that is under way ends with [TypeExit].
func (p *Process) Kill() {
	p.mu.Lock()
	c := p.child
	p.mu.Unlock()
	if c != nil {
		c.kill()
	}
}

// kill ends the process at once and waits for its end.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may have ended by itself
	<-c.exited
}

// stop asks the process to end, and ends it when it does not.
func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGCONT) // a frozen process hears nothing else
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err == nil {
		grace := time.NewTimer(stopGrace)
		defer grace.Stop()
		select {
		case <-c.exited:
			return
		case <-grace.C:
		}
	}
	c.kill()
}
