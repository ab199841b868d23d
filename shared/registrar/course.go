package registrar

import "slices"

// Course is a catalogue entry. It lives across terms.
type Course struct {
	ID            CourseID
	Subject       string // for example "CSCI" or "CHC/LAT"; with Number the natural key, unique as [FoldCode] has it
	Number        string // for example "1100" or "051-0003-00"
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

// SameFacts reports whether two courses state the same, whatever their ids and stamps.
func (c Course) SameFacts(o Course) bool {
	return c.Subject == o.Subject && c.Number == o.Number && c.Title == o.Title && c.Description == o.Description &&
		c.Credits == o.Credits && c.School == o.School && c.Prerequisites == o.Prerequisites &&
		slices.Equal(c.Requires, o.Requires)
}

// Validate checks the form of a course: [FieldErrors].
func (c Course) Validate() error {
	var fe FieldErrors
	code(&fe, "subject", c.Subject)
	code(&fe, "number", c.Number)
	line(&fe, "title", c.Title, 1, 200)
	prose(&fe, "description", c.Description, 8000)
	line(&fe, "school", c.School, 0, 200)
	prose(&fe, "prerequisites", c.Prerequisites, 4000)
	if len(c.Requires) > 50 {
		fe.Add("requires", FieldTooLong, "at most 50 course codes")
	}
	for i, r := range c.Requires {
		line(&fe, Indexed("requires", i), r, 1, 2*MaxCode+1)
	}
	c.Credits.validate(&fe, "credits")
	return fe.OrNil()
}

// Offering is a course in one term. It is made with its first section and deleted with its last. Later rules
// (prerequisites, repeat limits, waitlist policy) will belong to it.
type Offering struct {
	ID       OfferingID
	Term     TermID
	Course   CourseID
	Sections int // how many sections it has, at least 1
	Stamp
}

// OfferingOf derives the id of a course's offering in a term. There is exactly one.
func OfferingOf(term TermID, course CourseID) OfferingID {
	return OfferingID(string(term) + "." + string(course))
}
