package registrar

// Student is a person who registers.
type Student struct {
	ID         StudentID
	Number     Personal // student number, the natural key; unique
	GivenName  Personal // one of the two names may be empty: many people have one
	FamilyName Personal
	Email      Personal // unique; may be empty
	Active     bool     // an inactive student may not register
	Stamp
}

// Validate checks the form of a student: [FieldErrors].
func (s Student) Validate() error {
	var fe FieldErrors
	code(&fe, "number", string(s.Number))
	line(&fe, "givenName", string(s.GivenName), 0, 100)
	line(&fe, "familyName", string(s.FamilyName), 0, 100)
	if s.GivenName == "" && s.FamilyName == "" {
		fe.Add("familyName", FieldRequired, "a family name, a given name or both are needed")
	}
	email(&fe, "email", string(s.Email))
	return fe.OrNil()
}

// SameFacts reports whether two students are stated alike, whatever their ids and stamps.
func (s Student) SameFacts(o Student) bool {
	s.ID, s.Stamp = o.ID, o.Stamp
	return s == o
}

// Instructor is a person who teaches sections.
type Instructor struct {
	ID     InstructorID
	Number Personal // personnel number, unique; may be empty
	Name   Personal // as the schedule prints it, for example "Ada King"
	Email  Personal // unique; may be empty
	// Provisional: an import made the record from a name alone, perhaps only a surname. It may stand for somebody
	// who has another record, or for two people, until somebody says who it is: see [Instructor.Claimed].
	Provisional bool
	Stamp
}

// Claimed is the instructor, no longer provisional if there is now a number or an e-mail address that says who it is.
func (i Instructor) Claimed() Instructor {
	i.Provisional = i.Provisional && i.Number == "" && i.Email == ""
	return i
}

// Validate checks the form of an instructor: [FieldErrors].
func (i Instructor) Validate() error {
	var fe FieldErrors
	if i.Number != "" {
		code(&fe, "number", string(i.Number))
	}
	line(&fe, "name", string(i.Name), 1, 200)
	if Visible(string(i.Name)) && IsPlaceholder(string(i.Name)) {
		fe.Add("name", FieldFormat, "names nobody: a section whose instructor is not known has none")
	}
	email(&fe, "email", string(i.Email))
	return fe.OrNil()
}

// SameFacts reports whether two instructors are stated alike, whatever their ids and stamps.
func (i Instructor) SameFacts(o Instructor) bool {
	i.ID, i.Stamp = o.ID, o.Stamp
	return i == o
}
