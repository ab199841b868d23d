package registrar

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// text checks the length of a text in characters, and that it is printable.
func text(fe *FieldErrors, field, value string, least, most int) {
	switch n := utf8.RuneCountInString(value); {
	case !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		fe.add(field, FieldFormat, "must be text without control characters")
	case n < least || least > 0 && strings.TrimSpace(value) == "":
		fe.add(field, FieldRequired, "must not be empty")
	case n > most:
		fe.add(field, FieldTooLong, "at most "+strconv.Itoa(most)+" characters")
	}
}

// code checks a natural key: it stands in keys and addresses, so letters, digits, dot, dash and underscore only.
func code(fe *FieldErrors, field, value string, most int) {
	text(fe, field, value, 1, most)
	for i := range len(value) {
		c := value[i]
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '.' || c == '-' || c == '_') {
			fe.add(field, FieldFormat, "letters, digits, dot, dash and underscore only")
			return
		}
	}
}

func email(fe *FieldErrors, field, value string) {
	text(fe, field, value, 0, 254)
	if value == "" {
		return
	}
	local, domain, ok := strings.Cut(value, "@")
	if !ok || local == "" || domain == "" || strings.ContainsAny(value, " \t\n<>,;\"") || strings.Contains(domain, "@") {
		fe.add(field, FieldFormat, "must be one e-mail address")
	}
}

func date(fe *FieldErrors, field string, value Date) {
	if !value.Valid() {
		fe.add(field, FieldFormat, "must be a date such as 2024-08-28")
	}
}

func indexed(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }
