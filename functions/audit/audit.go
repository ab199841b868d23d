// Package audit has the audit trail. What was done is in the events, written with each change. What was refused is sent
// to a queue in the request, and the recorder writes it beside the events. The list shows both: by record, by person,
// by time, in order.
//
// It knows the domain, shared/api, shared/consumer and what it needs of a store, as small interfaces; no AWS. Start
// with list.go.
package audit

import (
	"time"

	"example.com/registrar/shared/registrar"
)

// Event is an entry of the audit as the registrar's office sees it.
type Event struct {
	ID          string         `json:"id" format:"uuid"`
	Type        string         `json:"type" doc:"What happened, or was refused" example:"registration.enrolled"`
	At          time.Time      `json:"at"`
	Actor       string         `json:"actor,omitempty" doc:"Who acted" example:"anonymous"`
	OnBehalfOf  string         `json:"onBehalfOf,omitempty"`
	Record      string         `json:"record" doc:"What it happened to, kind and id" example:"section/0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11"`
	Student     string         `json:"student,omitempty" format:"uuid" doc:"Whom it happened to"`
	Version     int64          `json:"version,omitempty" doc:"Of the record, or of the registration, after the change"`
	Request     string         `json:"request,omitempty" doc:"Id of the request that made it happen"`
	Correlation string         `json:"correlation,omitempty" doc:"What all log lines and events of one request have in common"`
	Facts       map[string]any `json:"facts" doc:"What else there is to say, by the type"`
}

func show(e registrar.Event) Event {
	return Event{
		ID: string(e.ID), Type: string(e.Type), At: e.At, Actor: e.Actor, OnBehalfOf: e.OnBehalfOf, Record: e.Record.String(),
		Student: string(e.Student),
		Version: int64(e.Version), Request: e.Request, Correlation: e.Correlation, Facts: e.Facts,
	}
}
