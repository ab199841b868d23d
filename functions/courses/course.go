// Package courses has the HTTP operations on the course catalogue, one file each. It knows the domain, shared/api and
// what it needs of a store, as small interfaces; no AWS. Start with course.go, the form that clients see; each folder
// below is one Lambda.
package courses

import (
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// NewCourse is what a client states of a course.
type NewCourse struct {
	Subject       api.Code        `json:"subject" doc:"With the number the course's code, unique in any case" example:"CSCI"`
	Number        api.Code        `json:"number" example:"1200"`
	Title         api.Line        `json:"title" minLength:"1" maxLength:"200" example:"Data Structures"`
	Description   *api.Prose      `json:"description,omitempty" maxLength:"8000"`
	Credits       api.CreditRange `json:"credits" doc:"What it may be taken for"`
	School        *api.Line       `json:"school,omitempty" maxLength:"200" example:"School of Science"`
	Prerequisites *api.Prose      `json:"prerequisites,omitempty" maxLength:"4000" doc:"As the catalogue prints them; shown, not checked yet"`
	Requires      []api.Line      `json:"requires,omitempty" maxItems:"50" minLength:"1" maxLength:"81" doc:"Codes of courses that are named as prerequisites" example:"[\"CSCI 1100\"]"`
}

// CourseChange is a merge patch of a course (RFC 7396). The code is the course's for life.
type CourseChange struct {
	Title         *api.Line                `json:"title,omitempty" minLength:"1" maxLength:"200" example:"Data Structures"`
	Description   api.Removable[api.Prose] `json:"description,omitzero" maxLength:"8000"`
	Credits       *api.CreditRangeChange   `json:"credits,omitempty"`
	School        api.Removable[api.Line]  `json:"school,omitzero" maxLength:"200" example:"School of Science"`
	Prerequisites api.Removable[api.Prose] `json:"prerequisites,omitzero" maxLength:"4000"`
	Requires      *[]api.Line              `json:"requires,omitempty" maxItems:"50" minLength:"1" maxLength:"81" doc:"Replaces all" example:"[\"CSCI 1100\"]"`
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
		Credits: api.CreditRangeOf(c.Credits), School: c.School, Prerequisites: c.Prerequisites, Requires: c.Requires,
		Stamp: api.StampOf(c.Stamp),
	}
}

// read answers with one.
func read(c registrar.Course) *api.Read[Course] {
	return &api.Read[Course]{ETag: api.ETag(c.Version), Body: show(c)}
}

func (n NewCourse) course() registrar.Course {
	return CourseChange{
		Title: &n.Title, Description: api.Stated(n.Description), School: api.Stated(n.School),
		Prerequisites: api.Stated(n.Prerequisites), Requires: &n.Requires,
	}.change(registrar.Course{Subject: string(n.Subject), Number: string(n.Number), Credits: n.Credits.Domain()})
}

func (c CourseChange) change(course registrar.Course) registrar.Course {
	api.SetText(&course.Title, c.Title)
	api.PatchText(&course.Description, c.Description)
	if c.Credits != nil {
		c.Credits.Change(&course.Credits)
	}
	api.PatchText(&course.School, c.School)
	api.PatchText(&course.Prerequisites, c.Prerequisites)
	if c.Requires != nil {
		course.Requires = api.Texts[string](*c.Requires)
	}
	return course
}
