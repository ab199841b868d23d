// Package students has the HTTP operations on students, one file each. It knows the domain, shared/api and what it
// needs of a store, as small interfaces; no AWS. Start with student.go, the form that clients see; each folder below is
// one Lambda.
package students

import (
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// NewStudent is what a client states of a student.
type NewStudent struct {
	Number     api.Code   `json:"number" doc:"Student number, unique in any case" example:"U1000001"`
	GivenName  *api.Line  `json:"givenName,omitempty" maxLength:"100" doc:"One of the two names is enough" example:"Grace"`
	FamilyName *api.Line  `json:"familyName,omitempty" maxLength:"100" example:"Hopper"`
	Email      *api.Email `json:"email,omitempty" doc:"Unique" example:"grace.hopper@example.edu"`
	Active     *bool      `json:"active,omitempty" doc:"Whether the student may register; absent: yes" example:"true"`
}

// StudentChange is a merge patch of a student (RFC 7396).
type StudentChange struct {
	Number     *api.Code                `json:"number,omitempty" example:"U1000001"`
	GivenName  api.Removable[api.Line]  `json:"givenName,omitzero" maxLength:"100" doc:"Null removes it if there is a family name" example:"Grace"`
	FamilyName api.Removable[api.Line]  `json:"familyName,omitzero" maxLength:"100" doc:"Null removes it if there is a given name" example:"Hopper"`
	Email      api.Removable[api.Email] `json:"email,omitzero" example:"grace.hopper@example.edu"`
	Active     *bool                    `json:"active,omitempty" example:"true"`
}

// Student is a student as clients see it.
type Student struct {
	ID         string `json:"id" format:"uuid"`
	Number     string `json:"number" example:"U1000001"`
	GivenName  string `json:"givenName,omitempty" example:"Grace"`
	FamilyName string `json:"familyName,omitempty" example:"Hopper"`
	Email      string `json:"email,omitempty" example:"grace.hopper@example.edu"`
	Active     bool   `json:"active" example:"true"`
	api.Stamp
}

func show(p registrar.Student) Student {
	return Student{
		ID: string(p.ID), Number: string(p.Number), GivenName: string(p.GivenName), FamilyName: string(p.FamilyName),
		Email:  string(p.Email),
		Active: p.Active, Stamp: api.StampOf(p.Stamp),
	}
}

// read answers with one.
func read(p registrar.Student) *api.Read[Student] {
	return &api.Read[Student]{ETag: api.ETag(p.Version), Body: show(p)}
}

func (c StudentChange) change(p registrar.Student) registrar.Student {
	api.SetText(&p.Number, c.Number)
	api.PatchText(&p.GivenName, c.GivenName)
	api.PatchText(&p.FamilyName, c.FamilyName)
	api.PatchText(&p.Email, c.Email)
	api.Set(&p.Active, c.Active)
	return p
}

func (n NewStudent) student() registrar.Student {
	return StudentChange{
		Number: &n.Number, GivenName: api.Stated(n.GivenName), FamilyName: api.Stated(n.FamilyName),
		Email: api.Stated(n.Email), Active: n.Active,
	}.change(registrar.Student{Active: true})
}
