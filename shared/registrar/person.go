package registrar

// Student is a person who registers.
type Student struct {
	ID         StudentID
	Number     string // student number, the natural key; unique
	GivenName  string
	FamilyName string
	Email      string // unique; may be empty
	Active     bool   // an inactive student may not register
	Stamp
}

// Validate checks the form of a student: [FieldErrors].
func (s Student) Validate() error {
	var fe FieldErrors
	code(&fe, "number", s.Number, 20)
	text(&fe, "givenName", s.GivenName, 1, 100)
	text(&fe, "familyName", s.FamilyName, 1, 100)
	email(&fe, "email", s.Email)
	return fe.OrNil()
}

// Instructor is a person who teaches sections.
type Instructor struct {
	ID    InstructorID
	Name  string // as the schedule prints it, for example "Ada King"
	Email string // unique; may be empty
	Stamp
}

// Validate checks the form of an instructor: [FieldErrors].
func (i Instructor) Validate() error {
	var fe FieldErrors
	text(&fe, "name", i.Name, 1, 200)
	email(&fe, "email", i.Email)
	return fe.OrNil()
}
