package registrar

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The forms of the parts of records. Each rule is here once. The records' Validate methods apply it to everyone, to a
// client of the API and to a file that is imported; the API shows it as a pattern (shared/api, text.go).
//
// Text is already in Unicode's form NFC and without space around it: the edge takes care of both
// (shared/registrar/words).
const (
	// MaxCode bounds the natural keys: subjects and numbers of courses, codes of terms, CRNs, student numbers. The longest
	// known is a sourcedId of OneRoster, which often is a UUID of 36 characters.
	MaxCode = 40
	// MaxEmail bounds an e-mail address, in bytes (RFC 5321 section 4.5.3.1.3).
	MaxEmail = 254
	// MaxLocalPart bounds the part before its @, in bytes (RFC 5321 section 4.5.3.1.1).
	MaxLocalPart   = 64
	maxDomainLabel = 63 // bytes (RFC 1035 section 2.3.4)
)

// EarliestInstant and LatestInstant bound every instant that is stored, both included. A time is compared as text in
// keys, and RFC 3339 has four digits for a year. The year 1 is excluded too, because Go's zero time means none.
func EarliestInstant() time.Time { return time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC) }

// LatestInstant is the last that can be stored: see [EarliestInstant].
func LatestInstant() time.Time {
	return time.Date(9999, 12, 31, 23, 59, 59, int(999*time.Millisecond), time.UTC)
}

// OutOfRange is the message for an instant outside [EarliestInstant] and [LatestInstant], or for a date outside their
// years.
const OutOfRange = "must be in the years 1900 to 9999, in UTC"

// InstantInRange reports whether t can be stored.
func InstantInRange(t time.Time) bool {
	return !t.Before(EarliestInstant()) && !t.After(LatestInstant())
}

// moment checks an instant that may be absent: zero is none.
func moment(fe *FieldErrors, field string, t time.Time) {
	if !t.IsZero() && !InstantInRange(t) {
		fe.Add(field, FieldOutOfRange, OutOfRange)
	}
}

// Refused reports whether r is forbidden in all text: a control character, a separator of lines or paragraphs, a
// character that changes the direction of the text after it (a name could read backwards), or no character (U+FFFE,
// U+FFFF). A tab or a line feed is allowed in text of several lines.
func Refused(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029':
		return true
	// Unicode's bidirectional embeddings, overrides, isolates
	case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
		return true
	}
	return r&0xfffe == 0xfffe
}

// Invisible reports whether r cannot be seen: a space, a joiner, a direction mark, a filler. Text needs a visible
// character.
func Invisible(r rune) bool {
	switch {
	case unicode.IsSpace(r), unicode.Is(unicode.Zs, r), unicode.Is(unicode.Cf, r):
		return true
	case r == '\u034f', r >= '\u115f' && r <= '\u1160', r >= '\u17b4' && r <= '\u17b5', r == '\u2800', r == '\u3164',
		r == '\uffa0':
		return true // a joiner of graphemes, fillers of Hangul, vowels of Khmer that are inherent, Braille without dots
	// selectors of variants
	case r >= '\u180b' && r <= '\u180f', r >= '\ufe00' && r <= '\ufe0f', r >= 0xe0100 && r <= 0xe01ef:
		return true
	}
	return false
}

// Visible reports whether text has a character that can be seen.
func Visible(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return !Invisible(r) && !Refused(r) })
}

// line checks a text of one line: its length in characters, and that people can read it.
func line(fe *FieldErrors, field, value string, least, most int) {
	text(fe, field, value, least, most, Refused, "must be one line of text without control characters")
}

// prose checks a text that may have several lines.
func prose(fe *FieldErrors, field, value string, most int) {
	text(fe, field, value, 0, most, func(r rune) bool { return Refused(r) && r != '\n' && r != '\t' },
		"must be text without control characters")
}

func text(fe *FieldErrors, field, value string, least, most int, refused func(rune) bool, form string) {
	switch n := utf8.RuneCountInString(value); {
	case !utf8.ValidString(value), strings.ContainsFunc(value, refused):
		fe.Add(field, FieldFormat, form)
	case n < least:
		fe.Add(field, FieldRequired, "must not be empty")
	case n > 0 && !Visible(value):
		fe.Add(field, FieldRequired, "must have a character that can be seen")
	case strings.TrimSpace(value) != value:
		fe.Add(field, FieldFormat, "must not begin or end with a space")
	case n > most:
		fe.Add(field, FieldTooLong, "at most "+strconv.Itoa(most)+" characters")
	}
}

// code checks a natural key: any code that universities print, such as "I&C SCI" or "051-0003-00". Two codes are the
// same when [FoldCode] gives the same text for both.
func code(fe *FieldErrors, field, value string) { line(fe, field, value, 1, MaxCode) }

// identifier checks the id of a record, which is part of keys.
func identifier(fe *FieldErrors, field, value string) {
	const longest = 64
	if value == "" || len(value) > longest || strings.ContainsFunc(value,
		func(r rune) bool { return !isLetterOrDigit(r) && !strings.ContainsRune(".-_", r) }) {
		fe.Add(field, FieldFormat, "must be the id of a record")
	}
}

// FoldCode is the form in which natural keys are compared: "csci 1100" and "CSCI 1100" mean the same. The key is in
// Unicode's form NFC.
func FoldCode(code string) string {
	return strings.ToUpper(strings.Join(strings.FieldsFunc(code,
		func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Zs, r) }), " "))
}

// email checks an address that may be empty.
func email(fe *FieldErrors, field, value string) {
	if value == "" {
		return
	}
	if wrong := emailFault(value); wrong != "" {
		fe.Add(field, FieldFormat, wrong)
	}
}

// ValidateAddress checks that a text is one e-mail address: [FieldErrors] that name the field.
func ValidateAddress(field, address string) error {
	var fe FieldErrors
	email(&fe, field, address)
	return fe.OrNil()
}

// ValidEmail reports whether mail can be sent to the address. It is what Amazon SES takes (API v2, SendEmail): a local
// part of ASCII characters, which RFC 5322 calls a dot-atom, and a domain in its ASCII form, with its lengths (RFC
// 5321, RFC 1035). A name beside the address, a comment, quotes and an address of a host in brackets are refused.
func ValidEmail(address string) bool { return emailFault(address) == "" }

// emailFault says what is wrong with an address; empty when it is valid.
func emailFault(address string) string {
	local, domain, ok := strings.Cut(address, "@")
	switch {
	case !ok || local == "" || domain == "":
		return "must be one e-mail address, such as name@example.edu"
	case strings.ContainsFunc(address, func(r rune) bool { return r > unicode.MaxASCII }):
		return "must be ASCII: mail cannot be sent to other local parts; write a domain in its xn-- form"
	case len(address) > MaxEmail:
		return "at most " + strconv.Itoa(MaxEmail) + " characters"
	case len(local) > MaxLocalPart:
		return "at most " + strconv.Itoa(MaxLocalPart) + " characters before the @"
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool { return !isAtom(r) }) {
			return "must be one e-mail address: " +
				"before the @ letters, digits and !#$%&'*+/=?^_`{|}~-, with single dots between them"
		}
	}
	labels := strings.Split(domain, ".")
	for _, label := range labels {
		if label == "" || len(label) > maxDomainLabel || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") ||
			strings.ContainsFunc(label, func(r rune) bool { return r != '-' && !isLetterOrDigit(r) }) {
			return "must be one e-mail address: after the @ a domain such as example.edu"
		}
	}
	if last := labels[len(labels)-1]; len(labels) < 2 || last[0] >= '0' && last[0] <= '9' {
		return "must be one e-mail address: after the @ a domain such as example.edu"
	}
	return ""
}

func isLetterOrDigit(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// isAtom reports whether r is allowed in an atom (RFC 5322 section 3.2.3).
func isAtom(r rune) bool { return isLetterOrDigit(r) || strings.ContainsRune("!#$%&'*+/=?^_`{|}~-", r) }

// IsPlaceholder reports whether the text in the place of a person's name names nobody: "Staff", "TBA", "T.B.A.", "To Be
// Announced" and the like (domain.md §11), in any case and punctuation, one or several of them, or no letter at all.
func IsPlaceholder(name string) bool {
	letters := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, name)
	for letters != "" {
		rest := letters
		for _, word := range placeholders() {
			if after, ok := strings.CutPrefix(letters, word); ok {
				rest = after
				break
			}
		}
		if rest == letters {
			return false
		}
		letters = rest
	}
	return true
}

// placeholders are the words that name nobody. Of two that begin alike the longer one comes first.
func placeholders() []string {
	return []string{
		"TOBEANNOUNCED", "TOBEARRANGED", "TOBEASSIGNED", "TOBECONFIRMED", "TOBEDETERMINED", "NOTASSIGNED", "UNASSIGNED",
		"INSTRUCTOR",
		"THESTAFF", "STAFF", "TBA", "TBC", "TBD",
	}
}

func date(fe *FieldErrors, field string, value Date) {
	switch {
	case !value.Valid():
		fe.Add(field, FieldFormat, "must be a date such as 2024-08-28")
	case !value.inRange():
		fe.Add(field, FieldOutOfRange, "must be in the years 1900 to 9999")
	}
}

// Indexed is the name of one of several values of a field, for example "meetings[0]".
func Indexed(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }
