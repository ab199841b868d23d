// Package students has the HTTP operations on students, one file each. It knows the domain, shared/api and what it needs of
// a store, as small interfaces; no AWS. Start with student.go, the form that clients see; each folder below is one Lambda.
package students

import (
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// NewStudent is what a client states of a student.
type NewStudent struct {
	Number     string `json:"number" minLength:"1" maxLength:"20" doc:"Student number, unique" example:"U1000001"`
	GivenName  string `json:"givenName" minLength:"1" maxLength:"100" example:"Grace"`
	FamilyName string `json:"familyName" minLength:"1" maxLength:"100" example:"Hopper"`
	Email      string `json:"email,omitempty" maxLength:"254" doc:"Unique" example:"grace.hopper@example.edu"`
	Active     *bool  `json:"active,omitempty" doc:"Whether the student may register; absent: yes" example:"true"`
}

// StudentChange is what a client may change of a student: what is absent stays.
type StudentChange struct {
	Number     *string `json:"number,omitempty" minLength:"1" maxLength:"20" example:"U1000001"`
	GivenName  *string `json:"givenName,omitempty" minLength:"1" maxLength:"100" example:"Grace"`
	FamilyName *string `json:"familyName,omitempty" minLength:"1" maxLength:"100" example:"Hopper"`
	Email      *string `json:"email,omitempty" maxLength:"254" example:"grace.hopper@example.edu"`
	Active     *bool   `json:"active,omitempty" example:"true"`
}

// Student is a student as clients see it.
type Student struct {
	ID         string `json:"id" format:"uuid"`
	Number     string `json:"number" example:"U1000001"`
	GivenName  string `json:"givenName" example:"Grace"`
	FamilyName string `json:"familyName" example:"Hopper"`
	Email      string `json:"email,omitempty" example:"grace.hopper@example.edu"`
	Active     bool   `json:"active" example:"true"`
	api.Stamp
}

func show(p registrar.Student) Student {
	return Student{
		ID: string(p.ID), Number: string(p.Number), GivenName: string(p.GivenName), FamilyName: string(p.FamilyName), Email: string(p.Email),
		Active: p.Active, Stamp: api.StampOf(p.Stamp),
	}
}

func (c StudentChange) change(p registrar.Student) registrar.Student {
	api.Set((*string)(&p.Number), c.Number)
	api.Set((*string)(&p.GivenName), c.GivenName)
	api.Set((*string)(&p.FamilyName), c.FamilyName)
	api.Set((*string)(&p.Email), c.Email)
	api.Set(&p.Active, c.Active)
	return p
}

func (n NewStudent) student() registrar.Student {
	return StudentChange{
		Number: &n.Number, GivenName: &n.GivenName, FamilyName: &n.FamilyName, Email: &n.Email, Active: n.Active,
	}.change(registrar.Student{Active: true})
}
