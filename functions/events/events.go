// Package events has the relay: it sends the events from the table's stream to the queues that subscribe to them. It
// knows the domain's events and what it needs of queues; no AWS.
//
// An event is in the table if and only if its change was made, and in the stream when it is in the table. So each event
// is sent at least once, and none without its change. Start with [Relay].
package events

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"example.com/registrar/shared/registrar"
)

// Queue is what the relay needs of a queue.
type Queue interface {
	// SendEvents sends events and returns for each why it was not sent; nil when all were.
	SendEvents(ctx context.Context, events []registrar.Event) []error
}

// Subscriptions are the types of events that go to each queue, by its name.
type Subscriptions map[string][]registrar.EventType

// String writes them for [ParseSubscriptions]: "audit=a,b;mail=a".
func (s Subscriptions) String() string {
	var queues []string
	for _, name := range slices.Sorted(maps.Keys(s)) {
		types := make([]string, len(s[name]))
		for i, t := range s[name] {
			types[i] = string(t)
		}
		queues = append(queues, name+"="+strings.Join(types, ","))
	}
	return strings.Join(queues, ";")
}

// ParseSubscriptions reads the form of [Subscriptions.String]. A type that this version does not know is an error: a
// queue would wait for it in vain.
func ParseSubscriptions(text string) (Subscriptions, error) {
	all := Subscriptions{}
	for part := range strings.SplitSeq(text, ";") {
		if part == "" {
			continue
		}
		name, list, ok := strings.Cut(part, "=")
		if !ok || name == "" || all[name] != nil {
			return nil, fmt.Errorf("subscriptions: %q is not queue=type,type, with each queue once", part)
		}
		for kind := range strings.SplitSeq(list, ",") {
			if !slices.Contains(registrar.EventTypes(), registrar.EventType(kind)) {
				return nil, fmt.Errorf("subscriptions: there are no events of type %q", kind)
			}
			all[name] = append(all[name], registrar.EventType(kind))
		}
	}
	return all, nil
}

// Relay sends events to the queues that subscribe to their types.
type Relay struct {
	Subscriptions Subscriptions
	Queues        map[string]Queue // by name, one for each subscription
	Log           *slog.Logger
}

// New makes the relay of these subscriptions.
func New(subscriptions Subscriptions, open func(queue string) (Queue, error), log *slog.Logger) (Relay, error) {
	r := Relay{Subscriptions: subscriptions, Queues: make(map[string]Queue, len(subscriptions)), Log: log}
	for name := range subscriptions {
		q, err := open(name)
		if err != nil {
			return r, err
		}
		r.Queues[name] = q
	}
	return r, nil
}

// Send sends events and returns how many, from the first on, were sent to every queue that subscribes to them. Whoever
// sends the rest again may send some of them twice.
func (r Relay) Send(ctx context.Context, events []registrar.Event) (sent int) {
	sent = len(events)
	for _, name := range slices.Sorted(maps.Keys(r.Subscriptions)) {
		var wanted []registrar.Event
		var at []int
		for i, e := range events {
			if slices.Contains(r.Subscriptions[name], e.Type) {
				wanted, at = append(wanted, e), append(at, i)
			}
		}
		if len(wanted) == 0 {
			continue
		}
		for i, err := range r.Queues[name].SendEvents(ctx, wanted) {
			if err != nil {
				r.Log.ErrorContext(ctx, "an event was not relayed", "queue", name, "event", string(wanted[i].ID), "type",
					string(wanted[i].Type),
					"correlation", wanted[i].Correlation, "error", err.Error())
				sent = min(sent, at[i])
			}
		}
	}
	return sent
}

// Read reads the event in an image of the stream; false when it is another item.
type Read func(image []byte) (e registrar.Event, ok bool, err error)

// Images makes the relay's handler for images of the stream: it sends those that are events. It returns how many images
// were handled; the next one could not be read, or not be sent.
func (r Relay) Images(read Read) func(ctx context.Context, images [][]byte) (done int) {
	return func(ctx context.Context, images [][]byte) int {
		var events []registrar.Event
		var at []int
		done := len(images)
		for i, image := range images {
			e, ok, err := read(image)
			if err != nil {
				r.Log.ErrorContext(ctx, "a record of the stream cannot be read", "error", err.Error())
				done = i
				break
			}
			if ok {
				events, at = append(events, e), append(at, i)
			}
		}
		if sent := r.Send(ctx, events); sent < len(events) {
			return at[sent]
		}
		return done
	}
}
