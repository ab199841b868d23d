// Package registrations has the HTTP operations on registrations: who is enrolled in which section. It knows the
// domain, shared/api and what it needs of a store, as small interfaces; no AWS. The rules are the domain's
// ([registrar.DecideEnrol]); start with create.go. Each folder below is one Lambda.
package registrations

import (
	"context"
	"time"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry/request"
)

// Registration is one student in one section as clients see it.
type Registration struct {
	Section    string      `json:"section" format:"uuid"`
	Student    string      `json:"student" format:"uuid"`
	Term       string      `json:"term" format:"uuid"`
	Course     string      `json:"course" format:"uuid"`
	CRN        string      `json:"crn" example:"12345"`
	Name       string      `json:"name" doc:"The student's, family name first" example:"Hopper, Grace"`
	State      string      `json:"state" enum:"ENROLLED,DROPPED" example:"ENROLLED"`
	Attempt    int         `json:"attempt" doc:"How often the student has enrolled here" example:"1"`
	Credits    api.Credits `json:"credits" example:"4"`
	EnrolledAt time.Time   `json:"enrolledAt"`
	DroppedAt  *time.Time  `json:"droppedAt,omitempty"`
	api.Stamp
}

func show(r registrar.Registration) Registration {
	return Registration{
		Section: string(r.Section), Student: string(r.Student), Term: string(r.Term), Course: string(r.Course), CRN: r.CRN,
		Name: string(r.StudentName), State: string(r.State), Attempt: r.Attempt, Credits: api.CreditsOf(r.Credits),
		EnrolledAt: r.EnrolledAt, DroppedAt: api.TimeOf(r.DroppedAt), Stamp: api.StampOf(r.Stamp),
	}
}

// arrival is when the gateway received the request. Deadlines are decided on it, not on the time when a function runs.
func arrival(ctx context.Context, clock registrar.Clock) time.Time {
	if at := request.From(ctx).ReceivedAt; !at.IsZero() {
		return at
	}
	return clock()
}

// location is the address of the registration, relative to the list that the request went to.
func location(r registrar.Registration) string { return "registrations/" + string(r.Student) }

// KeyInput is embedded in the input of operations on one registration.
type KeyInput struct {
	Section api.ID `path:"id" doc:"Id of the section"`
	Student api.ID `path:"student" doc:"Id of the student"`
}
