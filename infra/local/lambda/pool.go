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

// Account is what an account's functions have in common: so many calls at once, all together (Lambda quotas,
// "Concurrent executions"). It is safe for concurrent use; nil is without bound.
type Account struct {
	most int

	mu      sync.Mutex
	running int
}

// NewAccount makes an account whose functions may have so many calls at once.
func NewAccount(concurrency int) *Account { return &Account{most: concurrency} }

func (a *Account) begin() bool {
	if a == nil {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running >= a.most {
		return false
	}
	a.running++
	return true
}

func (a *Account) end() {
	if a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.running--
	}
}

// PoolOptions say what a [Pool] runs.
type PoolOptions struct {
	Process ProcessOptions
	// Concurrency is the most calls at once of this function; a further one is refused as throttled. 0: as many as the
	// account has.
	Concurrency int
	Account     *Account      // nil: of its own, without bound
	Idle        time.Duration // after so long without a call an environment is stopped; 5 minutes when 0
	Log         *slog.Logger  // told of cold starts; nil: nobody is
}

// Pool is a function as Lambda runs it: an environment, which is a [Process], for each call that is under way at once.
// Environments are started on demand, frozen when no call comes for a moment (SIGSTOP: nothing that a function leaves
// running goes on), thawed for the next call, and stopped when they were idle for long.
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
	freezer *time.Timer

	idle, frozen bool // guarded by the pool's mutex
}

// freezeAfter is how long an environment waits for the next call before it is frozen. Lambda freezes one "when there
// are no pending events" (Lambda developer guide, "Lambda execution environment lifecycle"), so between the calls of a
// busy function it does not. To stop a process and to let it go on wakes each of its threads twice: under load that was
// a tenth of all that a request costs.
const freezeAfter = 10 * time.Millisecond

// TypeThrottled is the error of a call for which no environment may be started (Lambda: TooManyRequestsException).
const TypeThrottled = "TooManyRequestsException"

func throttled() error { return &FunctionError{Type: TypeThrottled, Message: "Rate Exceeded."} }

// NewPool makes a pool without any environment.
func NewPool(options PoolOptions) *Pool {
	const patience = 5 * time.Minute
	if options.Idle == 0 {
		options.Idle = patience
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pool{options: options, all: make(map[*environment]bool)}
	p.options.Process.Started = p.started
	return p
}

// started tells of a cold start, in a new environment or in one whose process had ended.
func (p *Pool) started(init time.Duration) {
	p.mu.Lock()
	environments := p.running + len(p.idle)
	p.mu.Unlock()
	p.options.Log.Info("cold start", "function", p.options.Process.Name,
		"milliseconds", float64(init.Microseconds())/1000, "environments", environments)
}

// Invoke implements [Function].
func (p *Pool) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return p.invoke(ctx, payload, func(*Process) func() { return func() {} })
}

// InvokeAndKill does so, and kills the process after a while: in the middle of the call, or when it has ended before,
// so that its answer is lost.
func (p *Pool) InvokeAndKill(ctx context.Context, payload []byte, after time.Duration) ([]byte, error) {
	answer, err := p.invoke(ctx, payload, func(process *Process) func() {
		timer := time.AfterFunc(after, process.Kill)
		return func() {
			timer.Stop()
			process.Kill()
		}
	})
	if err == nil {
		answer, err = nil, exitError(TypeExit, "", errKilled)
	}
	return answer, err
}

const errKilled = textError("signal: killed")

// invoke has a call done by an environment; before it begins, and what that returns after it has ended, befall its
// process. The environment and its room in the account are the call's until it has ended, though its caller may be gone
// long before.
func (p *Pool) invoke(ctx context.Context, payload []byte, before func(*Process) (after func())) ([]byte, error) {
	if !p.options.Account.begin() {
		return nil, throttled()
	}
	e, err := p.take(ctx)
	if err != nil {
		p.options.Account.end()
		return nil, err
	}
	after := before(e.process)
	return e.process.invoke(ctx, payload, func() {
		after()
		p.give(e)
		p.options.Account.end()
	})
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
		e.freezer.Stop()
		thaw := e.frozen
		e.idle, e.frozen = false, false
		p.mu.Unlock()
		if thaw {
			e.process.signal(syscall.SIGCONT)
		}
		return e, nil
	}
	if p.options.Concurrency > 0 && p.running >= p.options.Concurrency {
		p.mu.Unlock()
		return nil, throttled()
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
	e.freezer = time.AfterFunc(freezeAfter, func() { p.freeze(e) })
	e.freezer.Stop()
	p.all[e] = true
	return e, nil
}

// give keeps the environment for the next call.
func (p *Pool) give(e *environment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	if !p.closed {
		e.idle = true
		p.idle = append(p.idle, e)
		e.reaper.Reset(p.options.Idle)
		e.freezer.Reset(freezeAfter)
	}
}

// freeze freezes the environment if nobody took it meanwhile. Who takes it then waits until it is frozen, and thaws it.
func (p *Pool) freeze(e *environment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.idle && !e.frozen && !p.closed {
		e.process.signal(syscall.SIGSTOP)
		e.frozen = true
	}
}

// reap stops an environment if nobody took it meanwhile.
func (p *Pool) reap(e *environment) {
	p.mu.Lock()
	for i, idle := range p.idle {
		if idle == e {
			p.idle = append(p.idle[:i:i], p.idle[i+1:]...)
			e.idle = false
			e.freezer.Stop()
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
		e.freezer.Stop()
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
