package registrar

// Student is a person who registers.
type Student struct {
	ID         StudentID
	Number     Personal // student number, the natural key; unique
	GivenName  Personal
	FamilyName Personal
	Email      Personal // unique; may be empty
	Active     bool     // an inactive student may not register
	Stamp
}

// Validate checks the form of a student: [FieldErrors].
func (s Student) Validate() error {
	var fe FieldErrors
	code(&fe, "number", string(s.Number), 20)
	text(&fe, "givenName", string(s.GivenName), 1, 100)
	text(&fe, "familyName", string(s.FamilyName), 1, 100)
	email(&fe, "email", string(s.Email))
	return fe.OrNil()
}

// Instructor is a person who teaches sections.
type Instructor struct {
	ID    InstructorID
	Name  Personal // as the schedule prints it, for example "Ada King"
	Email Personal // unique; may be empty
	Stamp
}

// Validate checks the form of an instructor: [FieldErrors].
func (i Instructor) Validate() error {
	var fe FieldErrors
	text(&fe, "name", string(i.Name), 1, 200)
	email(&fe, "email", string(i.Email))
	return fe.OrNil()
}
