package files

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/words"
)

// MaxMappingBytes bounds a mapping, as JSON: it is stored with the import, and written again with its progress.
const MaxMappingBytes = 8 << 10

// Mapping says how a CSV file of a schedule is read: which columns hold what, and how days, times, dates and types are
// written. Another university's file needs a mapping and no code. docs/imports.md describes it for people.
type Mapping struct {
	Columns Columns `json:"columns" doc:"The file's names of the columns, in any case. Of several names the first column that is not empty in a row counts"`
	// CourseSeparator separates subject and number where one column has both.
	CourseSeparator string            `json:"courseSeparator,omitempty" maxLength:"4" doc:"What stands between subject and number in the column course, where it stands first. Absent: the last space, else the first hyphen, else where letters end and digits begin" example:"-"`
	Days            DayNotation       `json:"days,omitempty"`
	Clock           Clock             `json:"clock,omitempty" enum:"12,24" doc:"24: times without AM or PM are of 24 hours. 12: AM or PM must be stated. Absent: a time is read where it is certain"`
	Dates           DateOrder         `json:"dates,omitempty" enum:"month-first,day-first" doc:"How 3/4/2030, 3.4.2030 or 3-4-2030 is read. Absent: as other dates of the file show (12/20/2030), and refused where none does. 2030-04-03 and 3 April 2030 are always read"`
	Types           map[string]string `json:"types,omitempty" maxProperties:"100" doc:"Component for each type of the file, in any case; another type is taken as it stands, in small letters" example:"{\"LEC\": \"lecture\"}"`
	TestBlocks      []string          `json:"testBlocks,omitempty" maxItems:"20" nullable:"false" doc:"Types of rows that are times for tests, beside what the section is" example:"[\"TES\"]"`
	Statuses        map[string]string `json:"statuses,omitempty" maxProperties:"100" doc:"planned, open, closed or cancelled for each status of the file, in any case" example:"{\"Active\": \"open\"}"`
	Terms           map[string]string `json:"terms,omitempty" maxProperties:"100" doc:"Code of the term for each term of the file, where the file calls it otherwise" example:"{\"202409\": \"2024-FALL\"}"`
	Instructors     NameNotation      `json:"instructors,omitempty"`
	Defaults        Defaults          `json:"defaults,omitempty"`
}

// Columns are the file's names of the columns, for each fact of a schedule. Absent: the file does not have it.
type Columns struct {
	CRN           ColumnNames `json:"crn" minItems:"1" maxItems:"8" nullable:"false" doc:"Number of the section, unique in its term" example:"[\"Class Nbr\"]"`
	Course        ColumnNames `json:"course,omitempty" maxItems:"8" nullable:"false" doc:"Subject and number together; or give subject and number" example:"[\"Course\"]"`
	Subject       ColumnNames `json:"subject,omitempty" maxItems:"8" nullable:"false"`
	Number        ColumnNames `json:"number,omitempty" maxItems:"8" nullable:"false"`
	Title         ColumnNames `json:"title" minItems:"1" maxItems:"8" nullable:"false"`
	Description   ColumnNames `json:"description,omitempty" maxItems:"8" nullable:"false"`
	School        ColumnNames `json:"school,omitempty" maxItems:"8" nullable:"false"`
	Prerequisites ColumnNames `json:"prerequisites,omitempty" maxItems:"8" nullable:"false" doc:"Prose"`
	Requires      ColumnNames `json:"requires,omitempty" maxItems:"8" nullable:"false" doc:"Codes of courses, with semicolons or commas between them, or a list as Python prints it"`
	Credits       ColumnNames `json:"credits,omitempty" maxItems:"8" nullable:"false" doc:"4, 4.0, 3-4, 3 to 4, 3 or 4"`
	CreditsMin    ColumnNames `json:"creditsMin,omitempty" maxItems:"8" nullable:"false" doc:"Where least and most stand apart"`
	CreditsMax    ColumnNames `json:"creditsMax,omitempty" maxItems:"8" nullable:"false"`
	Label         ColumnNames `json:"label,omitempty" maxItems:"8" nullable:"false" doc:"Number of the section within its course"`
	Type          ColumnNames `json:"type,omitempty" maxItems:"8" nullable:"false" doc:"Lecture, lab and so on: see types"`
	Status        ColumnNames `json:"status,omitempty" maxItems:"8" nullable:"false" doc:"See statuses"`
	Capacity      ColumnNames `json:"capacity,omitempty" maxItems:"8" nullable:"false"`
	Instructors   ColumnNames `json:"instructors,omitempty" maxItems:"8" nullable:"false"`
	Term          ColumnNames `json:"term,omitempty" maxItems:"8" nullable:"false" doc:"Which term the row is of: it must be the import's, by code, by title or by terms"`
	Days          ColumnNames `json:"days,omitempty" maxItems:"8" nullable:"false" doc:"Of several columns all count, such as one for each day"`
	Time          ColumnNames `json:"time,omitempty" maxItems:"8" nullable:"false" doc:"Start and end together, as in 10:00AM-11:50AM; or give start and end"`
	Start         ColumnNames `json:"start,omitempty" maxItems:"8" nullable:"false"`
	End           ColumnNames `json:"end,omitempty" maxItems:"8" nullable:"false"`
	DateRange     ColumnNames `json:"dateRange,omitempty" maxItems:"8" nullable:"false" doc:"First and last day together, with a hyphen or to between them; or give from and to. Absent: the term's first and last day"`
	From          ColumnNames `json:"from,omitempty" maxItems:"8" nullable:"false"`
	To            ColumnNames `json:"to,omitempty" maxItems:"8" nullable:"false"`
	Room          ColumnNames `json:"room,omitempty" maxItems:"8" nullable:"false"`
}

// ColumnNames are the names that one column may have.
type ColumnNames []string

// DayNotation says how weekdays are written.
type DayNotation struct {
	Notation Notation `json:"notation,omitempty" enum:"letters,names,numbers,numbers-from-sunday" doc:"letters: M T W R F S U, as in MWF. names: English names and their beginnings, as in MoWeFr, Mon/Wed, TTh. numbers: 1 is Monday; numbers-from-sunday: 1 is Sunday. Absent: letters"`
	// Tokens are words of another language.
	Tokens map[string]string `json:"tokens,omitempty" maxProperties:"50" doc:"Other words for days, in any case, each with a letter of MTWRFSU; then no notation counts" example:"{\"Lu\": \"M\", \"Ma\": \"T\"}"`
}

// Notation names a way to write weekdays.
type Notation string

// The notations of weekdays.
const (
	NotationLetters           Notation = "letters"
	NotationNames             Notation = "names"
	NotationNumbers           Notation = "numbers"
	NotationNumbersFromSunday Notation = "numbers-from-sunday"
)

// Clock says how a time without AM and PM is read.
type Clock string

// The clocks.
const (
	Clock12 Clock = "12"
	Clock24 Clock = "24"
)

// DateOrder says how a date of three numbers is read that does not begin with its year.
type DateOrder string

// The orders of dates.
const (
	MonthFirst DateOrder = "month-first"
	DayFirst   DateOrder = "day-first"
)

// NameNotation says how instructors are written.
type NameNotation struct {
	Separators  []string `json:"separators,omitempty" maxItems:"8" nullable:"false" doc:"What stands between several. Absent: a slash or a semicolon" example:"[\"/\"]"`
	FamilyFirst bool     `json:"familyFirst,omitempty" doc:"King, Ada is Ada King"`
}

// Defaults are for facts that a new record needs and the file does not state. Existing records keep theirs.
type Defaults struct {
	Subject   string `json:"subject,omitempty" maxLength:"40" doc:"Of every course"`
	Credits   string `json:"credits,omitempty" maxLength:"16" doc:"As in the column" example:"3"`
	Capacity  *int   `json:"capacity,omitempty" minimum:"0" maximum:"10000" doc:"Seats of a new section. Absent: a section without a capacity is refused"`
	Component string `json:"component,omitempty" maxLength:"32" doc:"Of a section of no type. Absent: unknown"`
	Status    string `json:"status,omitempty" enum:"planned,open,closed,cancelled" doc:"Absent: open"`
}

// ParseMapping reads a mapping strictly: a member that is not known is an error that names it. The result is valid.
func ParseMapping(text []byte) (Mapping, error) {
	if len(text) > MaxMappingBytes {
		return Mapping{}, registrar.FieldErrors{{Code: registrar.FieldTooLong, Detail: "at most 8 KiB of JSON"}}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var m Mapping
	if err := decoder.Decode(&m); err != nil {
		return Mapping{}, fmt.Errorf("read the mapping: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Mapping{}, errors.New("read the mapping: something follows it")
	}
	return m, m.Validate()
}

// Text is the mapping as JSON, as [ParseMapping] reads it.
func (m Mapping) Text() (string, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("write a mapping: %w", err)
	}
	return string(text), nil
}

// Validate checks a mapping: [registrar.FieldErrors], by the path in the mapping.
func (m Mapping) Validate() error {
	var wrong registrar.FieldErrors
	tell := func(field, code, detail string) {
		wrong = append(wrong, registrar.FieldError{Field: field, Code: code, Detail: detail})
	}
	for thing, names := range m.Columns.all() {
		for i, name := range names {
			if n := utf8.RuneCountInString(name); strings.TrimSpace(name) == "" || n > maxColumnName {
				tell(
					"columns."+thing+"["+strconv.Itoa(i)+"]",
					registrar.FieldFormat,
					"must be the name of a column, of at most 100 characters",
				)
			}
		}
	}
	needs := func(thing string, names ColumnNames) {
		if len(names) == 0 {
			tell("columns."+thing, registrar.FieldRequired, "must name a column")
		}
	}
	together := func(one string, both ColumnNames, first, second string, a, b ColumnNames) {
		if len(both) > 0 && len(a)+len(b) > 0 {
			tell("columns."+one, registrar.FieldDuplicate, "give either "+one+" or "+first+" and "+second)
		}
	}
	c := m.Columns
	needs("crn", c.CRN)
	needs("title", c.Title)
	if len(c.Course) == 0 {
		needs("number", c.Number)
		if m.Defaults.Subject == "" {
			needs("subject", c.Subject)
		}
	}
	together("course", c.Course, "subject", "number", c.Subject, c.Number)
	together("credits", c.Credits, "creditsMin", "creditsMax", c.CreditsMin, c.CreditsMax)
	together("time", c.Time, "start", "end", c.Start, c.End)
	together("dateRange", c.DateRange, "from", "to", c.From, c.To)
	if len(c.CreditsMax) > 0 && len(c.CreditsMin) == 0 {
		needs("creditsMin", c.CreditsMin)
	}
	if len(c.Time) == 0 && len(c.Days)+len(c.Start)+len(c.End) > 0 {
		needs("start", c.Start)
		needs("end", c.End)
	}
	if len(c.Time)+len(c.Start) > 0 {
		needs("days", c.Days)
	}
	if len(c.From)+len(c.To) > 0 {
		needs("from", c.From)
		needs("to", c.To)
	}
	oneOf := func(field, value string, values ...string) {
		if value != "" && !slices.Contains(values, value) {
			tell(field, registrar.FieldFormat, "must be "+strings.Join(values, " or "))
		}
	}
	oneOf("days.notation", string(m.Days.Notation), "letters", "names", "numbers", "numbers-from-sunday")
	oneOf("clock", string(m.Clock), "12", "24")
	oneOf("dates", string(m.Dates), "month-first", "day-first")
	oneOf("defaults.status", m.Defaults.Status, "planned", "open", "closed", "cancelled")
	for field, named := range map[string]map[string]string{
		"days.tokens": m.Days.Tokens, "types": m.Types, "statuses": m.Statuses, "terms": m.Terms,
	} {
		said := make(map[string]string, len(named))
		for word, meaning := range named {
			if other, ok := said[fold(word)]; ok && other != meaning {
				tell(field, registrar.FieldDuplicate, "two words that differ in case or spaces alone must mean the same")
				break
			}
			said[fold(word)] = meaning
		}
	}
	for token, letter := range m.Days.Tokens {
		if days, ok := registrar.ParseDays(letter); !ok || len(letter) != 1 || days == 0 || fold(token) == "" {
			tell("days.tokens", registrar.FieldFormat, "each word must have one letter of MTWRFSU")
			break
		}
	}
	for _, status := range m.Statuses {
		if !registrar.SectionStatus(status).Valid() {
			tell("statuses", registrar.FieldFormat, "must be planned, open, closed or cancelled")
			break
		}
	}
	for _, component := range m.Types {
		if n := utf8.RuneCountInString(component); strings.TrimSpace(component) == "" || n > maxComponent {
			tell("types", registrar.FieldFormat, "each type must have a component of 1 to 32 characters")
			break
		}
	}
	if slices.Contains(m.Instructors.Separators, "") {
		tell("instructors.separators", registrar.FieldFormat, "must not be empty")
	}
	if text := m.Defaults.Credits; text != "" {
		if _, err := parseCredits(text); err != nil {
			tell("defaults.credits", registrar.FieldFormat, err.Error())
		}
	}
	if subject := m.Defaults.Subject; subject != "" {
		var fields registrar.FieldErrors
		course := registrar.Course{Subject: subject, Number: "1", Title: "Title"}
		if errors.As(course.Validate(), &fields) {
			tell("defaults.subject", fields[0].Code, fields[0].Detail)
		}
	}
	if n := utf8.RuneCountInString(m.Defaults.Component); n > maxComponent {
		tell("defaults.component", registrar.FieldTooLong, "must have at most 32 characters")
	}
	if n := m.Defaults.Capacity; n != nil && (*n < 0 || *n > registrar.MaxCapacity) {
		tell("defaults.capacity", registrar.FieldOutOfRange, "must be between 0 and 10000")
	}
	if text, err := m.Text(); err == nil && len(text) > MaxMappingBytes {
		tell("", registrar.FieldTooLong, "at most 8 KiB of JSON")
	}
	slices.SortFunc(wrong, func(a, b registrar.FieldError) int { return strings.Compare(a.Field, b.Field) })
	return wrong.OrNil()
}

// Characters that a mapping's words may have.
const (
	maxColumnName = 100
	maxComponent  = 32
)

// all are the columns by their names in the mapping.
func (c Columns) all() map[string]ColumnNames {
	value, kind := reflect.ValueOf(c), reflect.TypeFor[Columns]()
	all := make(map[string]ColumnNames, kind.NumField())
	for i := range kind.NumField() {
		name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
		names, _ := value.Field(i).Interface().(ColumnNames)
		if len(names) > 0 {
			all[name] = names
		}
	}
	return all
}

// fold is the form in which names of columns and words of a mapping are compared: in any case, and with spaces,
// underscores and hyphens alike.
func fold(name string) string {
	return strings.ToLower(strings.Join(strings.FieldsFunc(words.NFC(name), func(r rune) bool {
		return r == '_' || r == '-' || r == '\u00a0' || r == ' ' || r == '\t' || r == '\n'
	}), " "))
}

// mappings are the mappings that are built in, each a file: its name is the format's.
//
//go:embed mappings
var mappings embed.FS

const mappingFolder = "mappings"

// BuiltIn returns the mapping of a built-in format, such as "yacs-csv", and whether there is one.
func BuiltIn(format string) (Mapping, bool, error) {
	text, err := mappings.ReadFile(path.Join(mappingFolder, path.Base(format)+".json"))
	if err != nil {
		return Mapping{}, false, nil //nolint:nilerr // there is no file of this name
	}
	m, err := ParseMapping(text)
	if err != nil {
		return Mapping{}, true, fmt.Errorf("the mapping %s: %w", format, err)
	}
	return m, true, nil
}
