// Package cloudevents is the form in which Registrar's events travel: CloudEvents 1.0 in JSON
// (github.com/cloudevents/spec, "JSON Event Format for CloudEvents", structured mode), with the extension attributes
// actor, onbehalfof, requestid, correlationid, traceid, student and recordversion.
//
// It knows the domain's events and JSON, nothing of queues. Start with [Marshal] and [Unmarshal].
package cloudevents

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"example.com/registrar/shared/registrar"
)

const (
	specVersion = "1.0"
	// Source is the source of all events of this system, a URI reference.
	Source = "/registrar"
	// prefix begins the types: a type is "registrar.<event type>.v<schema>", for example
	// "registrar.registration.enrolled.v1".
	prefix      = "registrar."
	contentType = "application/json"
)

// envelope is the JSON form of an event.
type envelope struct {
	SpecVersion     string                     `json:"specversion"`
	ID              string                     `json:"id"`
	Source          string                     `json:"source"`
	Type            string                     `json:"type"`
	Time            time.Time                  `json:"time"`
	Subject         string                     `json:"subject"`
	DataContentType string                     `json:"datacontenttype,omitempty"`
	Actor           string                     `json:"actor,omitempty"`
	OnBehalfOf      string                     `json:"onbehalfof,omitempty"`
	RequestID       string                     `json:"requestid,omitempty"`
	CorrelationID   string                     `json:"correlationid,omitempty"`
	TraceID         string                     `json:"traceid,omitempty"`
	Student         string                     `json:"student,omitempty"`
	RecordVersion   int64                      `json:"recordversion,omitempty"`
	Data            map[string]json.RawMessage `json:"data"`
}

// Type is the event type with its schema's version.
func Type(t registrar.EventType, schema int) string {
	return prefix + string(t) + ".v" + strconv.Itoa(schema)
}

// Marshal writes an event.
func Marshal(e registrar.Event) ([]byte, error) {
	facts := make(map[string]json.RawMessage, len(e.Facts))
	for name, fact := range e.Facts {
		text, err := json.Marshal(fact)
		if err != nil {
			return nil, fmt.Errorf("write event %s: the fact %s: %w", e.ID, name, err)
		}
		facts[name] = text
	}
	text, err := json.Marshal(envelope{
		SpecVersion: specVersion, ID: string(e.ID), Source: Source, Type: Type(e.Type, e.Schema), Time: e.At,
		Subject:         e.Record.String(),
		DataContentType: contentType, Actor: e.Actor, OnBehalfOf: e.OnBehalfOf, RequestID: e.Request,
		CorrelationID: e.Correlation,
		TraceID:       e.Trace, Student: string(e.Student), RecordVersion: int64(e.Version), Data: facts,
	})
	if err != nil {
		return nil, fmt.Errorf("write event %s: %w", e.ID, err)
	}
	return text, nil
}

// Unmarshal reads an event. The error says what is wrong with it, without repeating its facts. Facts of a form that
// this version does not know (an object, for example) are left out, as is every attribute that it does not know.
func Unmarshal(text []byte) (registrar.Event, error) {
	var in envelope
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&in); err != nil {
		return registrar.Event{}, fmt.Errorf("no CloudEvent: %w", withoutValue(err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return registrar.Event{}, errors.New("no CloudEvent: something follows it")
	}
	kind, id, hasSubject := strings.Cut(in.Subject, "/")
	name, schema, hasSchema := cutSchema(strings.TrimPrefix(in.Type, prefix))
	switch {
	case in.SpecVersion != specVersion:
		return registrar.Event{}, fmt.Errorf("no CloudEvent of version 1.0: specversion is %q", bounded(in.SpecVersion))
	case in.ID == "":
		return registrar.Event{}, errors.New("a CloudEvent without id")
	case in.Source != Source:
		return registrar.Event{}, fmt.Errorf("a CloudEvent of another source: %q", bounded(in.Source))
	case !strings.HasPrefix(in.Type, prefix) || !hasSchema:
		return registrar.Event{}, fmt.Errorf("a CloudEvent of a type that is none of Registrar's: %q", bounded(in.Type))
	case !hasSubject || kind == "" || id == "":
		return registrar.Event{}, errors.New("a CloudEvent whose subject is no record")
	case in.Time.IsZero():
		return registrar.Event{}, errors.New("a CloudEvent without time")
	case in.DataContentType != "" && in.DataContentType != contentType:
		return registrar.Event{}, fmt.Errorf("a CloudEvent whose data is no JSON: %q", bounded(in.DataContentType))
	}
	e := registrar.Event{
		ID: registrar.EventID(in.ID), Type: registrar.EventType(name), Schema: schema, At: in.Time.UTC(),
		Actor: in.Actor, OnBehalfOf: in.OnBehalfOf, Request: in.RequestID, Correlation: in.CorrelationID, Trace: in.TraceID,
		Record: registrar.Record{Kind: registrar.Kind(kind), ID: id}, Student: registrar.StudentID(in.Student),
		Version: registrar.Version(in.RecordVersion), Facts: registrar.Facts{},
	}
	for name, raw := range in.Data {
		if fact := factOf(raw); fact != nil {
			e.Facts[name] = fact
		}
	}
	return e, nil
}

// cutSchema splits "registration.enrolled.v1".
func cutSchema(kind string) (name string, schema int, ok bool) {
	at := strings.LastIndex(kind, ".v")
	if at < 1 {
		return "", 0, false
	}
	schema, err := strconv.Atoi(kind[at+2:])
	return kind[:at], schema, err == nil && schema > 0
}

// factOf is text, a whole number or a list of texts; nil for anything else.
func factOf(raw json.RawMessage) any {
	var text string
	var number int64
	var list []string
	switch {
	case bytes.Equal(raw, []byte("null")):
		return nil
	case json.Unmarshal(raw, &text) == nil:
		return text
	case json.Unmarshal(raw, &number) == nil:
		return number
	case json.Unmarshal(raw, &list) == nil:
		return list
	}
	return nil
}

// withoutValue is an error of reading JSON without the text that was in the place of a time or a number. That text may
// be anything, of any length, and errors go into logs.
func withoutValue(err error) error {
	var noTime *time.ParseError
	var otherType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &noTime):
		return errors.New("its time cannot be read")
	case errors.As(err, &otherType):
		return fmt.Errorf("its %s is of another type", otherType.Field)
	}
	return err
}

// bounded cuts text from outside to a length for a log line.
func bounded(text string) string {
	const longest = 100
	return text[:min(len(text), longest)]
}
