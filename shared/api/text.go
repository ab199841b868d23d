package api

import (
	"strings"

	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/words"
	"github.com/danielgtaylor/huma/v2"
)

// The kinds of text that a client can send. All text of a request is in Unicode's form NFC before an operation gets it;
// these also lose the space around it. The domain decides what they may contain (shared/registrar, form.go), and their
// schemas show it. The domain's checks explain a fault in better words than a pattern could.
type (
	// Line is text of one line, such as a title or a name.
	Line string
	// Prose is text that may have several lines. They end as Unix ends them.
	Prose string
	// Code is a natural key: see [registrar.FoldCode].
	Code string
	// Email is an e-mail address: see [registrar.ValidEmail].
	Email string
	// ID is the id of a record: a UUID, in either case (RFC 9562 section 4), which is stored in lower case.
	ID string
)

// Resolve implements [huma.ResolverWithPath].
func (l *Line) Resolve(_ huma.Context, at *huma.PathBuffer) []error {
	*l = Line(words.Line(string(*l)))
	return filterFault(at, string(*l))
}

// Resolve implements [huma.ResolverWithPath].
func (p *Prose) Resolve(huma.Context, *huma.PathBuffer) []error {
	*p = Prose(words.Prose(string(*p)))
	return nil
}

// Resolve implements [huma.ResolverWithPath].
func (c *Code) Resolve(_ huma.Context, at *huma.PathBuffer) []error {
	*c = Code(words.Line(string(*c)))
	return filterFault(at, string(*c))
}

// filterFault says what is wrong with a text in a filter. The domain checks the texts of records but not filters, and
// an empty list would hide a filter that no record can match.
func filterFault(at *huma.PathBuffer, text string) []error {
	field := at.String()
	if strings.HasPrefix(field, "query.") && text != "" && (strings.ContainsFunc(text, registrar.Refused) ||
		!registrar.Visible(text)) {
		return []error{&fieldFault{field, fieldFormat, "must be one line of text without control characters"}}
	}
	return nil
}

// Resolve implements [huma.ResolverWithPath].
func (e *Email) Resolve(_ huma.Context, at *huma.PathBuffer) []error {
	if *e = Email(words.Line(string(*e))); *e == "" {
		return []error{&fieldFault{at.String(), fieldFormat, "must be one e-mail address, such as name@example.edu"}}
	}
	return nil
}

// Resolve implements [huma.ResolverWithPath].
func (id *ID) Resolve(_ huma.Context, at *huma.PathBuffer) []error {
	*id = ID(strings.ToLower(string(*id)))
	if *id != "" && !isUUID(string(*id)) { // huma would take braces, a URN, and no dashes too
		return []error{&fieldFault{at.String(), fieldFormat, "must be a UUID such as 0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11"}}
	}
	return nil
}

// isUUID reports whether text is a UUID in lower case.
func isUUID(text string) bool {
	for i := range len(text) {
		c := text[i]
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') || !dash && (c < '0' || c > '9') &&
			(c < 'a' || c > 'f') {
			return false
		}
	}
	return len(text) == 36
}

// The patterns of the schemas, made of [registrar.Refused] and [registrar.Invisible]. Invisible characters above U+FFFF
// are left to the domain: a regular expression of ECMAScript without its flag u has no such ranges.
const (
	notInLines = `\x00-\x1f\x7f-\x9f` + "\u2028-\u202e\u2066-\u2069\ufffe\uffff"
	notInProse = `\x00-\x08\x0b-\x1f\x7f-\x9f` + "\u2028-\u202e\u2066-\u2069\ufffe\uffff"
	notVisible = `\t\n ` +
		"\u00a0\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f-\u1160\u1680\u17b4-\u17b5\u180b-\u180f" +
		"\u2000-\u200f\u202f\u205f-\u2065\u206a-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
	linePattern = `^[^` + notInLines + `]*[^` + notInLines + notVisible + `][^` + notInLines + `]*$`
	// Where nothing may be said, nothing is right.
	optionalLinePattern = `^$|` + linePattern
	prosePattern        = `^$|^[^` + notInProse + `]*[^` + notInProse + notVisible + `][^` + notInProse + `]*$`
	atom                = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
	label               = `[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?`
	emailPattern        = `^` + atom + `(\.` + atom + `)*@(` + label + `\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`
	uuidPattern         = `^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$`
)

// documented is a schema with a pattern that is shown here, and checked elsewhere.
func documented(s *huma.Schema, pattern string) *huma.Schema {
	if s.Extensions == nil {
		s.Extensions = map[string]any{}
	}
	s.Extensions["pattern"] = pattern
	return s
}

// Schema implements [huma.SchemaProvider].
func (Line) Schema(huma.Registry) *huma.Schema {
	return documented(&huma.Schema{Type: huma.TypeString}, optionalLinePattern)
}

// Schema implements [huma.SchemaProvider].
func (Prose) Schema(huma.Registry) *huma.Schema {
	return documented(&huma.Schema{Type: huma.TypeString}, prosePattern)
}

// Schema implements [huma.SchemaProvider].
func (Code) Schema(huma.Registry) *huma.Schema {
	least, most := 1, registrar.MaxCode
	return documented(&huma.Schema{Type: huma.TypeString, MinLength: &least, MaxLength: &most}, linePattern)
}

// Schema implements [huma.SchemaProvider].
func (Email) Schema(huma.Registry) *huma.Schema {
	most := registrar.MaxEmail
	s := documented(&huma.Schema{Type: huma.TypeString, MaxLength: &most}, emailPattern)
	s.Extensions["format"] = "email" // of which huma has another opinion
	return s
}

// Schema implements [huma.SchemaProvider].
func (ID) Schema(huma.Registry) *huma.Schema {
	least := 1
	s := documented(&huma.Schema{Type: huma.TypeString, MinLength: &least}, uuidPattern)
	s.Extensions["format"] = "uuid"
	return s
}

// Texts is a list of text as one of another type; nil when it is empty.
func Texts[To, From ~string](texts []From) []To {
	var all []To
	for _, t := range texts {
		all = append(all, To(t))
	}
	return all
}
