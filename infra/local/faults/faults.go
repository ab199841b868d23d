// Package faults makes the local cloud fail on purpose, repeatably: conflicts, throttling, lost replies, duplicate and
// late messages, killed functions. One notation serves `make run` (FAULTS), tests and simulations:
//
//	dynamodb:TransactWriteItems conflict=20%,lost-reply=2%; sqs duplicate=5% delay=..3s; lambda kill=1%
//
// Rules are parted by semicolons: an engine, with or without one of its operations (for lambda and scheduler: a
// function's name), and what goes wrong how often. Chances are drawn from one seeded source, so a run of one caller
// repeats itself; every fault that is injected is logged and counted.
//
// Faithful are the forms: what a client sees is what AWS answers in that case (developer guide, "Error handling with
// DynamoDB"; SQS, "At-least-once delivery"). The chances are invented. Start with [Parse] and [New].
package faults

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is one way to fail.
type Fault string

// The ways to fail, and of what.
const (
	Conflict  Fault = "conflict"   // dynamodb: another transaction has the item; nothing is done
	Throttle  Fault = "throttle"   // dynamodb, sqs, ses: too many requests; nothing is done
	Broken    Fault = "error"      // all: an internal error; nothing is done
	LostReply Fault = "lost-reply" // all: it is done, and the answer does not arrive
	// sqs: a message that is sent once is delivered twice; scheduler: a run is started twice
	Duplicate Fault = "duplicate"
	// sqs: a message is delivered late, by up to so long ("..3s"); scheduler: a run, or its second start
	Delay Fault = "delay"
	// lambda: the function is killed, before it does anything, in the middle, or after it has answered
	Kill Fault = "kill"
)

// offered are the faults that each engine can have.
func offered(engine string) []Fault {
	return map[string][]Fault{
		"dynamodb": {Conflict, Throttle, Broken, LostReply},
		"sqs":      {Throttle, Broken, LostReply, Duplicate, Delay},
		"s3":       {Broken, LostReply},
		"ses":      {Throttle, Broken, LostReply},
		"lambda":   {Kill},

		"scheduler": {Duplicate, Delay},
	}[engine]
}

// Rule is one fault of one engine.
type Rule struct {
	Engine    string // "dynamodb", "sqs", "s3", "ses", "scheduler" or "lambda"
	Operation string // empty: every one
	Fault     Fault
	Chance    float64       // 0 to 1; 1 for a delay
	UpTo      time.Duration // of a delay
}

// Parse reads the notation.
func Parse(text string) ([]Rule, error) {
	var rules []Rule
	for part := range strings.SplitSeq(text, ";") {
		words := strings.FieldsFunc(part, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\n' })
		if len(words) == 0 {
			continue
		}
		engine, operation, _ := strings.Cut(words[0], ":")
		if offered(engine) == nil {
			return nil, fmt.Errorf("faults: %q is no engine: dynamodb, sqs, s3, ses, scheduler or lambda", engine)
		}
		if len(words) == 1 {
			return nil, fmt.Errorf("faults: nothing goes wrong with %s", words[0])
		}
		for _, word := range words[1:] {
			rule, err := parseRule(word)
			if err != nil {
				return nil, err
			}
			rule.Engine, rule.Operation = engine, operation
			if !slices.Contains(offered(engine), rule.Fault) {
				return nil, fmt.Errorf("faults: %s has no fault %q, only %v", engine, rule.Fault, offered(engine))
			}
			rules = append(rules, rule)
		}
	}
	return rules, nil
}

func parseRule(word string) (Rule, error) {
	name, value, _ := strings.Cut(word, "=")
	rule := Rule{Fault: Fault(name), Chance: 1}
	if rule.Fault == Delay {
		upTo, err := time.ParseDuration(strings.TrimPrefix(value, ".."))
		const longest = 15 * time.Minute // SQS, SendMessage: DelaySeconds
		if err != nil || !strings.HasPrefix(value, "..") || upTo < 0 || upTo > longest {
			return rule, fmt.Errorf("faults: %q: a delay is written as in delay=..3s, up to 15m", word)
		}
		rule.UpTo = upTo
		return rule, nil
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(value, "%"), 64)
	const all = 100
	if err != nil || !strings.HasSuffix(value, "%") || percent < 0 || percent > all {
		return rule, fmt.Errorf("faults: %q: a chance is written as in %s=5%%", word, name)
	}
	rule.Chance = percent / all
	return rule, nil
}

// Injector decides what fails. It is safe for concurrent use; a nil one injects nothing.
type Injector struct {
	rules []Rule
	log   *slog.Logger

	mu     sync.Mutex
	random *rand.Rand
	counts map[string]int
}

// New makes an injector of rules and a seed.
func New(rules []Rule, seed uint64, log *slog.Logger) *Injector {
	const stream = 0x6661756c7473
	return &Injector{rules: rules, log: log, random: rand.New(rand.NewPCG(seed, stream)), counts: make(map[string]int)}
}

// Counts is how often each fault was injected, keyed as in "dynamodb:TransactWriteItems conflict".
func (i *Injector) Counts() map[string]int {
	if i == nil {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Clone(i.counts)
}

// draw decides which faults this call of an operation suffers; of a delay, how long it may be.
func (i *Injector) draw(ctx context.Context, engine, operation string) map[Fault]time.Duration {
	if i == nil {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	var drawn map[Fault]time.Duration
	for _, rule := range i.rules {
		if rule.Engine != engine || rule.Operation != "" && rule.Operation != operation ||
			!suffers(engine, operation, rule.Fault) || i.random.Float64() >= rule.Chance {
			continue
		}
		if drawn == nil {
			drawn = make(map[Fault]time.Duration)
		}
		drawn[rule.Fault] = rule.UpTo
	}
	for _, only := range []Fault{Conflict, Throttle, Broken, LostReply} { // only one of these at a time
		if _, ok := drawn[only]; ok {
			drawn = map[Fault]time.Duration{only: 0}
			break
		}
	}
	for fault := range drawn {
		i.counts[engine+":"+operation+" "+string(fault)]++
		i.log.InfoContext(ctx, "fault injected", "engine", engine, "operation", operation, "fault", string(fault))
	}
	return drawn
}

// suffers reports whether a fault can befall the operation.
func suffers(engine, operation string, fault Fault) bool {
	switch fault {
	case Conflict:
		return conflicts(operation)
	case Duplicate, Delay:
		return engine == "scheduler" || operation == "SendMessage" || operation == "SendMessageBatch"
	}
	return true
}

// lifetime draws how long a function lives that will be killed, from nothing to most, in whatever unit. Short lives are
// likely and long ones possible, so that calls of all lengths are killed in their middle.
func (i *Injector) lifetime(most int) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.random.IntN(1 << i.random.IntN(bits.Len(uint(most)))) // a constant of this package
}

// upTo draws a time between zero and a bound.
func (i *Injector) upTo(longest time.Duration) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	return time.Duration(i.random.Int64N(int64(longest) + 1))
}

// half is true in half of its calls.
func (i *Injector) half() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.random.IntN(2) == 0
}
