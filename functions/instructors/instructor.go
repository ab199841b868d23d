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
	Name  string `json:"name" minLength:"1" maxLength:"200" doc:"As the schedule prints it" example:"Ada King"`
	Email string `json:"email,omitempty" maxLength:"254" doc:"Unique" example:"ada.king@example.edu"`
}

// InstructorChange is what a client may change of an instructor: what is absent stays.
type InstructorChange struct {
	Name  *string `json:"name,omitempty" minLength:"1" maxLength:"200" example:"Ada King"`
	Email *string `json:"email,omitempty" maxLength:"254" example:"ada.king@example.edu"`
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
	api.Set((*string)(&p.Name), c.Name)
	api.Set((*string)(&p.Email), c.Email)
	return p
}

func (n NewInstructor) instructor() registrar.Instructor {
	return registrar.Instructor{Name: registrar.Personal(n.Name), Email: registrar.Personal(n.Email)}
}
