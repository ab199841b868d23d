package registrar

import "fmt"

// Outside counts the sections of a term that have a meeting outside the dates that the term is going to have.
type Outside struct {
	term        Term // with its new dates
	early, late outside
}

type outside struct {
	first    string // CRN
	sections int
}

// OutsideOf counts for a term with its new dates.
func OutsideOf(t Term) *Outside { return &Outside{term: t} }

// Add looks at a section.
func (o *Outside) Add(s Section) {
	first, last := s.Span()
	if first == "" {
		return
	}
	o.early.add(s.CRN, first < o.term.Start)
	o.late.add(s.CRN, last >= o.term.End)
}

func (o *outside) add(crn string, is bool) {
	if !is {
		return
	}
	if o.sections == 0 {
		o.first = crn
	}
	o.sections++
}

// Err says which of the term's new dates leave out meetings: [FieldErrors].
func (o *Outside) Err() error {
	var fe FieldErrors
	o.early.tell(&fe, "start", "before this day")
	o.late.tell(&fe, "end", "on this day or later")
	return fe.OrNil()
}

func (o *outside) tell(fe *FieldErrors, field, when string) {
	if o.sections > 0 {
		fe.Add(field, FieldOutOfRange, fmt.Sprintf(
			"%d of the term's sections meet %s, with CRN %s the first: change their meetings before", o.sections, when, o.first))
	}
}
