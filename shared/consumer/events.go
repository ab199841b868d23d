package consumer

import (
	"context"
	"errors"
	"fmt"

	"example.com/registrar/shared/consumer/cloudevents"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry/request"
)

// EventWork is what a consumer does with events.
type EventWork struct {
	// Name is the function's.
	Name string
	// Do has the work for each type of event. This package reads schemas from 1 to the type's number in Schemas, or 1.
	Do      map[registrar.EventType]func(context.Context, registrar.Event) error
	Schemas map[registrar.EventType]int
	// Subject names the record whose versions an event carries, when only the newest is to be handled. Nil or "": all
	// events are handled.
	Subject func(registrar.Event) string
}

// Events makes a handler of domain events: each is handled once, by its id, if there are claims.
func Events(s Settings, w EventWork) Handler {
	return Each(s, Work[registrar.Event]{
		Name: w.Name,
		Read: w.read,
		Key: func(e registrar.Event) (string, string, registrar.Version) {
			subject := ""
			if w.Subject != nil {
				subject = w.Subject(e)
			}
			return string(e.ID), subject, e.Version
		},
		Cause: Cause,
		Do: func(ctx context.Context, e registrar.Event) error {
			return w.Do[e.Type](ctx, e)
		},
	})
}

// Cause is the origin of an event.
func Cause(e registrar.Event) request.Info {
	return request.Info{Correlation: e.Correlation, Trace: e.Trace, OnBehalfOf: e.OnBehalfOf}
}

func (w EventWork) read(m Message) (registrar.Event, error) {
	e, err := cloudevents.Unmarshal(m.Body)
	if err != nil {
		return e, err
	}
	newest := max(1, w.Schemas[e.Type])
	switch {
	case w.Do[e.Type] == nil:
		return e, fmt.Errorf("events of type %s are not for this consumer", e.Type)
	case e.Schema > newest:
		return e, fmt.Errorf("event %s has schema %d, and this consumer reads up to %d: deploy a newer one, then replay",
			e.ID, e.Schema, newest)
	case e.Version < 0:
		return e, errors.New("the record's version is negative")
	}
	return e, nil
}
