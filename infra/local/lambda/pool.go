package lambda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"
)

// PoolOptions say what a [Pool] runs.
type PoolOptions struct {
	Process ProcessOptions
	// Concurrency is the most calls at once; a further one is refused as throttled. 10 when 0: a new account's quota for a
	// region, and enough for one machine.
	Concurrency int
	Idle        time.Duration // after so long without a call an environment is stopped; 5 minutes when 0
	Log         *slog.Logger  // told of cold starts; nil: nobody is
}

// Pool is a function as Lambda runs it: an environment, which is a [Process], for each call that is under way at once.
// Environments are started on demand, frozen between calls (SIGSTOP: nothing that a function leaves running goes on),
// thawed for the next call, and stopped when they were idle for long.
type Pool struct {
	options PoolOptions

	mu      sync.Mutex
	idle    []*environment // the one used last is at the end
	running int
	all     map[*environment]bool
	closed  bool
}

type environment struct {
	process *Process
	reaper  *time.Timer
}

// TypeThrottled is the error of a call for which no environment may be started (Lambda: TooManyRequestsException).
const TypeThrottled = "TooManyRequestsException"

// NewPool makes a pool without any environment.
func NewPool(options PoolOptions) *Pool {
	const fewest, patience = 10, 5 * time.Minute
	if options.Concurrency == 0 {
		options.Concurrency = fewest
	}
	if options.Idle == 0 {
		options.Idle = patience
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	return &Pool{options: options, all: make(map[*environment]bool)}
}

// Invoke implements [Function].
func (p *Pool) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	e, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := e.process.Invoke(ctx, payload)
	p.give(e)
	return answer, err
}

// take gives an idle environment, or a new one.
func (p *Pool) take(ctx context.Context) (*environment, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if n := len(p.idle); n > 0 {
		e := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.running++
		e.reaper.Stop()
		p.mu.Unlock()
		e.process.signal(syscall.SIGCONT)
		return e, nil
	}
	if p.running >= p.options.Concurrency {
		p.mu.Unlock()
		return nil, &FunctionError{Type: TypeThrottled, Message: "Rate Exceeded."}
	}
	p.running++
	p.mu.Unlock()
	process, err := StartProcess(ctx, p.options.Process)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.running--
		return nil, err
	}
	if p.closed {
		p.running--
		return nil, errors.Join(ErrClosed, process.Close())
	}
	e := &environment{process: process}
	e.reaper = time.AfterFunc(p.options.Idle, func() { p.reap(e) })
	e.reaper.Stop()
	p.all[e] = true
	p.options.Log.InfoContext(ctx, "cold start", "function", process.options.Name,
		"milliseconds", float64(process.InitDuration().Microseconds())/1000, "environments", len(p.all))
	return e, nil
}

// give freezes the environment until the next call.
func (p *Pool) give(e *environment) {
	e.process.signal(syscall.SIGSTOP)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	if !p.closed {
		p.idle = append(p.idle, e)
		e.reaper.Reset(p.options.Idle)
	}
}

// reap stops an environment if nobody took it meanwhile.
func (p *Pool) reap(e *environment) {
	p.mu.Lock()
	for i, idle := range p.idle {
		if idle == e {
			p.idle = append(p.idle[:i:i], p.idle[i+1:]...)
			delete(p.all, e)
			p.mu.Unlock()
			_ = e.process.Close() // it never fails
			return
		}
	}
	p.mu.Unlock()
}

// Environments is how many there are, frozen ones too.
func (p *Pool) Environments() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}

// Close stops all environments.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	all := p.all
	p.all, p.idle = nil, nil
	p.mu.Unlock()
	var errs []error
	for e := range all {
		e.reaper.Stop()
		if err := e.process.Close(); err != nil {
			errs = append(errs, fmt.Errorf("stop an environment: %w", err))
		}
	}
	return errors.Join(errs...)
}

// signal reaches the present process, if there is one.
func (p *Process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child == nil {
		return
	}
	select {
	case <-p.child.exited:
	default:
		_ = p.child.cmd.Process.Signal(s) // it may have ended by itself
	}
}
