// Package courses has the HTTP operations on the course catalogue, one file each. It knows the domain, shared/api and what
// it needs of a store, as small interfaces; no AWS. Start with course.go, the form that clients see; each folder below is
// one Lambda.
package courses

import (
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// NewCourse is what a client states of a course.
type NewCourse struct {
	Subject       string          `json:"subject" minLength:"1" maxLength:"8" doc:"With the number the course's code, unique" example:"CSCI"`
	Number        string          `json:"number" minLength:"1" maxLength:"8" example:"1200"`
	Title         string          `json:"title" minLength:"1" maxLength:"200" example:"Data Structures"`
	Description   string          `json:"description,omitempty" maxLength:"8000"`
	Credits       api.CreditRange `json:"credits" doc:"What it may be taken for"`
	School        string          `json:"school,omitempty" maxLength:"200" example:"School of Science"`
	Prerequisites string          `json:"prerequisites,omitempty" maxLength:"4000" doc:"As the catalogue prints them; shown, not checked yet"`
	Requires      []string        `json:"requires,omitempty" maxItems:"50" doc:"Codes of courses that are named as prerequisites" example:"[\"CSCI 1100\"]"`
}

// CourseChange is what a client may change of a course: what is absent stays. The code is the course's for life.
type CourseChange struct {
	Title         *string          `json:"title,omitempty" minLength:"1" maxLength:"200" example:"Data Structures"`
	Description   *string          `json:"description,omitempty" maxLength:"8000"`
	Credits       *api.CreditRange `json:"credits,omitempty"`
	School        *string          `json:"school,omitempty" maxLength:"200" example:"School of Science"`
	Prerequisites *string          `json:"prerequisites,omitempty" maxLength:"4000"`
	Requires      *[]string        `json:"requires,omitempty" maxItems:"50" example:"[\"CSCI 1100\"]"`
}

// Course is a course as clients see it.
type Course struct {
	ID            string          `json:"id" format:"uuid"`
	Subject       string          `json:"subject" example:"CSCI"`
	Number        string          `json:"number" example:"1200"`
	Title         string          `json:"title" example:"Data Structures"`
	Description   string          `json:"description,omitempty"`
	Credits       api.CreditRange `json:"credits"`
	School        string          `json:"school,omitempty" example:"School of Science"`
	Prerequisites string          `json:"prerequisites,omitempty"`
	Requires      []string        `json:"requires,omitempty" example:"[\"CSCI 1100\"]"`
	api.Stamp
}

func show(c registrar.Course) Course {
	return Course{
		ID: string(c.ID), Subject: c.Subject, Number: c.Number, Title: c.Title, Description: c.Description,
		Credits: api.CreditRangeOf(c.Credits), School: c.School, Prerequisites: c.Prerequisites, Requires: c.Requires, Stamp: api.StampOf(c.Stamp),
	}
}

func (n NewCourse) course() registrar.Course {
	return registrar.Course{
		Subject: n.Subject, Number: n.Number, Title: n.Title, Description: n.Description, Credits: n.Credits.Domain(),
		School: n.School, Prerequisites: n.Prerequisites, Requires: n.Requires,
	}
}

func (c CourseChange) change(course registrar.Course) registrar.Course {
	api.Set(&course.Title, c.Title)
	api.Set(&course.Description, c.Description)
	if c.Credits != nil {
		course.Credits = c.Credits.Domain()
	}
	api.Set(&course.School, c.School)
	api.Set(&course.Prerequisites, c.Prerequisites)
	api.Set(&course.Requires, c.Requires)
	return course
}
