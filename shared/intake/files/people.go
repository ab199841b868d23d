package files

import (
	"io"
	"slices"
	"strings"

	"example.com/registrar/shared/registrar/words"
)

// Formats of files of people. The header shows which it is.
const (
	PeopleCSV       = "people-csv"          // our own columns
	OneRosterUsers  = "oneroster-users-csv" // users.csv of OneRoster 1.1 and 1.2 (1EdTech, "OneRoster CSV binding")
	CanvasUsers     = "canvas-users-csv"    // users.csv of Canvas (Instructure, "SIS Import Format Documentation")
	longestCell     = 1000                  // bytes of a cell that is read at all: far beyond what any field may have
	personNumber    = "number"
	personGiven     = "given"
	personFamily    = "family"
	personFull      = "name"
	personSortable  = "sortable"
	personEmail     = "email"
	personStatus    = "status"
	personEnabled   = "enabled"
	personRole      = "role"
	personOtherwise = "otherwise" // the number where the first has none
)

// peopleColumns are the names of the fields in each format, the preferred one first, in the form of [foldColumn]. Other
// columns, above all a password, are never read.
func peopleColumns(format string) map[string][]string {
	switch format {
	case OneRosterUsers:
		return map[string][]string{
			personNumber:    {"identifier"},
			personOtherwise: {"sourcedid"}, personGiven: {"givenname"}, personFamily: {"familyname"},
			personEmail: {"email"}, personStatus: {"status"}, personEnabled: {"enableduser"}, personRole: {"role"},
		}
	case CanvasUsers:
		return map[string][]string{
			personNumber: {"userid"},
			personGiven:  {"firstname"}, personFamily: {"lastname"}, personFull: {"fullname"}, personSortable: {"sortablename"},
			personEmail: {"email"}, personStatus: {"status"}, personRole: {"declaredusertype"},
		}
	}
	return map[string][]string{
		personNumber: {"number", "studentnumber", "instructornumber", "employeenumber"},
		personGiven:  {"givenname", "firstname"},
		personFamily: {"familyname", "lastname", "surname"},
		personFull:   {"name", "fullname"}, personEmail: {"email", "emailaddress"},
		personStatus: {"status"}, personEnabled: {"active"}, personRole: {"role"},
	}
}

// foldColumn is the form in which names of columns are compared: "given_name", "Given Name" and "givenName" are one.
func foldColumn(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" _-.", r) {
			return -1
		}
		return r
	}, strings.ToLower(strings.TrimSpace(name)))
}

// Role is the role of a person in a file of people of several kinds.
type Role string

// The roles that imports ask for.
const (
	RoleStudent    Role = "student"
	RoleInstructor Role = "instructor"
)

// PersonRow is one row of a file of people. An empty field says nothing: what is known of the person stays.
type PersonRow struct {
	Row     int      // as a spreadsheet numbers it: the header is row 1
	Problem *Problem // why the row cannot be used; nil if it can
	// Others: the row is about somebody of another role.
	Others        bool
	Number        string
	Given, Family string
	Full          string // the whole name, given name first; set unless there is no name
	Email         string
	Active        *bool // nil: not said
}

// People reads a file of people: a CSV with our own columns, or users.csv of OneRoster or Canvas; the header shows
// which it is. Columns may have any case and order; other columns are not read.
type People struct {
	Format string

	table *table
	role  Role
	at    map[string]int // the position of a field
}

// NewPeople reads the header. It returns a [*FileError] that names what is missing.
func NewPeople(file io.Reader, role Role) (*People, error) {
	t, err := startTable(file, func(header []string) (found int) {
		for _, format := range []string{PeopleCSV, OneRosterUsers, CanvasUsers} {
			for _, names := range peopleColumns(format) {
				if slices.ContainsFunc(header, func(name string) bool { return slices.Contains(names, foldColumn(name)) }) {
					found++
				}
			}
		}
		return found
	})
	if err != nil {
		return nil, err
	}
	header := make([]string, len(t.header))
	for i, name := range t.header {
		header[i] = foldColumn(name)
	}
	has := func(name string) bool { return slices.Contains(header, name) }
	p := &People{Format: PeopleCSV, table: t, role: role, at: map[string]int{}}
	switch {
	case has("sourcedid"):
		p.Format = OneRosterUsers
	case has("userid"):
		p.Format = CanvasUsers
	}
	for field, names := range peopleColumns(p.Format) {
		for _, name := range names {
			i := slices.Index(header, name)
			if i < 0 {
				continue
			}
			if slices.Contains(header[i+1:], name) {
				return nil, &FileError{"the header has the column " + t.header[i] + " twice"}
			}
			p.at[field] = i
			break
		}
	}
	if !p.has(personFamily) && !p.has(personGiven) && !p.has(personFull) && !p.has(personSortable) {
		return nil, t.lacks([]string{"given_name and family_name, or name"})
	}
	if role == RoleStudent && !p.has(personNumber) && !p.has(personOtherwise) {
		return nil, t.lacks([]string{"number, or student_number"})
	}
	return p, nil
}

func (p *People) has(field string) bool {
	_, ok := p.at[field]
	return ok
}

// SaysRole reports whether the file states each person's role. Otherwise all are taken for the kind that is imported.
func (p *People) SaysRole() bool { return p.has(personRole) }

// Notes are the notes on the file as a whole, as far as it was read: each once, and none refuses anything.
func (p *People) Notes() []Problem { return p.table.notes() }

// Column is the file's own name of a field of a student or an instructor, for a report.
func (p *People) Column(field string) string {
	for _, name := range map[string][]string{
		"number": {personNumber, personOtherwise}, "givenName": {personGiven, personFull, personSortable},
		"familyName": {personFamily, personFull, personSortable},
		"name":       {personFull, personFamily, personSortable, personGiven}, "email": {personEmail},
	}[field] {
		if i, ok := p.at[name]; ok {
			return p.table.header[i]
		}
	}
	return ""
}

// Next returns the next row, or io.EOF after the last. The other errors are those of [Reader].
func (p *People) Next() (PersonRow, error) {
	read, err := p.table.next()
	if err != nil {
		return PersonRow{}, err
	}
	row := PersonRow{Row: read.number}
	refuse := func(field, reason string) {
		if row.Problem == nil { // the first fault is reported, the same one each time
			row.Problem = &Problem{Row: row.Row, Field: field, Reason: reason, Refused: true}
		}
	}
	if read.err != nil {
		refuse("", read.err.Error())
		return row, nil //nolint:nilerr // the fault of one row is in the row
	}
	cell := func(field string) string {
		i, ok := p.at[field]
		if !ok || i >= len(read.fields) {
			return ""
		}
		text := words.Line(read.fields[i])
		if len(text) > longestCell {
			refuse(p.table.header[i], "is too long")
			return ""
		}
		return text
	}
	if p.has(personRole) {
		switch role := strings.ToLower(cell(personRole)); {
		case role == "":
			refuse(p.table.header[p.at[personRole]], "must say what the person is, such as student or teacher")
		case !slices.Contains(rolesOf(p.role), role):
			row.Others = true
			return row, nil
		}
	}
	if row.Number = cell(personNumber); row.Number == "" {
		row.Number = cell(personOtherwise)
	}
	if row.Number = withoutFraction(row.Number); isShortened(row.Number) {
		refuse(p.Column("number"), shortened)
	}
	row.Given, row.Family, row.Full, row.Email = cell(personGiven), cell(personFamily), cell(personFull), cell(personEmail)
	row.name(cell(personSortable))
	for _, field := range []string{personStatus, personEnabled} {
		said, ok := active(cell(field))
		switch {
		case !ok:
			refuse(
				p.table.header[p.at[field]],
				"must be empty, or one of active, inactive, deleted, tobedeleted, suspended, true, false, yes, no, 1, 0",
			)
		case said != nil && (row.Active == nil || *row.Active): // either may say that somebody is not active
			row.Active = said
		}
	}
	return row, nil
}

// name completes the parts of a name by each other. A name alone is split before its last word, unless a comma does it:
// "Hopper, Grace". One word is a family name, because lists are ordered by that.
func (r *PersonRow) name(sortable string) {
	if r.Given == "" && r.Family == "" {
		if family, given, ok := strings.Cut(sortable, ","); ok {
			r.Family, r.Given = strings.TrimSpace(family), strings.TrimSpace(given)
		} else if family, given, ok := strings.Cut(r.Full, ","); ok {
			r.Family, r.Given = strings.TrimSpace(family), strings.TrimSpace(given)
			r.Full = ""
		} else if all := strings.Fields(r.Full); len(all) > 0 {
			r.Given, r.Family = strings.Join(all[:len(all)-1], " "), all[len(all)-1]
		} else {
			r.Family = strings.TrimSpace(sortable)
		}
	}
	if r.Full == "" {
		r.Full = strings.TrimSpace(r.Given + " " + r.Family)
	}
}

// rolesOf are the words of files for a role.
func rolesOf(role Role) []string {
	if role == RoleStudent {
		return []string{"student", "student_other"}
	}
	return []string{"teacher", "instructor", "faculty"}
}

// active reads whether a person is active: nil when nothing is said, false for a word that it does not know.
func active(word string) (said *bool, ok bool) {
	yes, no := true, false
	switch strings.ToLower(word) {
	case "":
		return nil, true
	case "active", "true", "yes", "1":
		return &yes, true
	case "inactive", "deleted", "tobedeleted", "suspended", "false", "no", "0":
		return &no, true
	}
	return nil, false
}
