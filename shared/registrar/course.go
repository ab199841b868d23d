package registrar

import "slices"

// Course is a catalogue entry. It lives across terms.
type Course struct {
	ID            CourseID
	Subject       string // for example "CSCI"; with Number the natural key, unique
	Number        string // for example "1100"
	Title         string
	Description   string
	Credits       CreditRange
	School        string   // the part of the university that owns it; may be empty
	Prerequisites string   // prose as the catalogue prints it; it is shown, not evaluated
	Requires      []string // course codes named as prerequisites, for example "MATH 1020"; shown, not evaluated
	Stamp
}

// Code is the natural key as people write it: "CSCI 1100".
func (c Course) Code() string { return c.Subject + " " + c.Number }

// SameFacts tells whether two courses state the same, whatever their ids and stamps.
func (c Course) SameFacts(o Course) bool {
	return c.Subject == o.Subject && c.Number == o.Number && c.Title == o.Title && c.Description == o.Description &&
		c.Credits == o.Credits && c.School == o.School && c.Prerequisites == o.Prerequisites && slices.Equal(c.Requires, o.Requires)
}

// Validate checks the form of a course: [FieldErrors].
func (c Course) Validate() error {
	var fe FieldErrors
	code(&fe, "subject", c.Subject, 8)
	code(&fe, "number", c.Number, 8)
	text(&fe, "title", c.Title, 1, 200)
	text(&fe, "description", c.Description, 0, 8000)
	text(&fe, "school", c.School, 0, 200)
	text(&fe, "prerequisites", c.Prerequisites, 0, 4000)
	if len(c.Requires) > 50 {
		fe.add("requires", FieldTooLong, "at most 50 course codes")
	}
	for i, r := range c.Requires {
		text(&fe, indexed("requires", i), r, 1, 32)
	}
	c.Credits.validate(&fe, "credits")
	return fe.OrNil()
}

// Offering is a course in one term. It is made with its first section and goes with its last; later rules
// (prerequisites, repeat limits, waitlist policy) hang on it.
type Offering struct {
	ID       OfferingID
	Term     TermID
	Course   CourseID
	Sections int // how many sections it has, at least 1
	Stamp
}

// OfferingOf derives the id of a course's offering in a term: there is exactly one.
func OfferingOf(term TermID, course CourseID) OfferingID {
	return OfferingID(string(term) + "." + string(course))
}
