// Package instructors has the HTTP operations on instructors, one file each. It knows the domain, shared/api and what
// it needs of a store, as small interfaces; no AWS. Start with instructor.go, the form that clients see; each folder
// below is one Lambda.
package instructors

import (
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// NewInstructor is what a client states of an instructor.
type NewInstructor struct {
	Name   api.Line   `json:"name" minLength:"1" maxLength:"200" doc:"As the schedule prints it" example:"Ada King"`
	Email  *api.Email `json:"email,omitempty" doc:"Unique" example:"ada.king@example.edu"`
	Number *api.Code  `json:"number,omitempty" doc:"Personnel number, unique in any case" example:"E2000001"`
}

// InstructorChange is a merge patch of an instructor (RFC 7396).
type InstructorChange struct {
	Name   *api.Line                `json:"name,omitempty" minLength:"1" maxLength:"200" example:"Ada King"`
	Email  api.Removable[api.Email] `json:"email,omitzero" example:"ada.king@example.edu"`
	Number api.Removable[api.Code]  `json:"number,omitzero" example:"E2000001"`
}

// Instructor is an instructor as clients see it.
type Instructor struct {
	ID          string `json:"id" format:"uuid"`
	Name        string `json:"name" example:"Ada King"`
	Email       string `json:"email,omitempty" example:"ada.king@example.edu"`
	Number      string `json:"number,omitempty" example:"E2000001"`
	Provisional bool   `json:"provisional" doc:"An import made the record of a name alone: it may stand for somebody who has another record. A number or an e-mail address that is set on it ends that" example:"false"`
	api.Stamp
}

func show(p registrar.Instructor) Instructor {
	return Instructor{ID: string(p.ID), Name: string(p.Name), Email: string(p.Email), Number: string(p.Number),
		Provisional: p.Provisional, Stamp: api.StampOf(p.Stamp)}
}

// read answers with one.
func read(p registrar.Instructor) *api.Read[Instructor] {
	return &api.Read[Instructor]{ETag: api.ETag(p.Version), Body: show(p)}
}

func (c InstructorChange) change(p registrar.Instructor) registrar.Instructor {
	api.SetText(&p.Name, c.Name)
	api.PatchText(&p.Email, c.Email)
	api.PatchText(&p.Number, c.Number)
	return p.Claimed()
}

func (n NewInstructor) instructor() registrar.Instructor {
	change := InstructorChange{Name: &n.Name, Email: api.Stated(n.Email), Number: api.Stated(n.Number)}
	return change.change(registrar.Instructor{})
}
