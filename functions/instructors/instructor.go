// Package instructors has the HTTP operations on instructors, one file each. It knows the domain, shared/api and what it
// needs of a store, as small interfaces; no AWS. Start with instructor.go, the form that clients see; each folder below is
// one Lambda.
package instructors

import (
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// NewInstructor is what a client states of an instructor.
type NewInstructor struct {
	Name  api.Line   `json:"name" minLength:"1" maxLength:"200" doc:"As the schedule prints it" example:"Ada King"`
	Email *api.Email `json:"email,omitempty" doc:"Unique" example:"ada.king@example.edu"`
}

// InstructorChange is a merge patch of an instructor (RFC 7396).
type InstructorChange struct {
	Name  *api.Line                `json:"name,omitempty" minLength:"1" maxLength:"200" example:"Ada King"`
	Email api.Removable[api.Email] `json:"email,omitzero" example:"ada.king@example.edu"`
}

// Instructor is an instructor as clients see it.
type Instructor struct {
	ID    string `json:"id" format:"uuid"`
	Name  string `json:"name" example:"Ada King"`
	Email string `json:"email,omitempty" example:"ada.king@example.edu"`
	api.Stamp
}

func show(p registrar.Instructor) Instructor {
	return Instructor{ID: string(p.ID), Name: string(p.Name), Email: string(p.Email), Stamp: api.StampOf(p.Stamp)}
}

func (c InstructorChange) change(p registrar.Instructor) registrar.Instructor {
	api.SetText(&p.Name, c.Name)
	api.PatchText(&p.Email, c.Email)
	return p
}

func (n NewInstructor) instructor() registrar.Instructor {
	return InstructorChange{Name: &n.Name, Email: api.Stated(n.Email)}.change(registrar.Instructor{})
}
