// Package words brings text from outside into the one form that the domain takes (Unicode's form NFC), and into the
// form in which it is searched.
//
// It knows Unicode and nothing of records. The packages that take text from outside call it: shared/api for requests,
// shared/intake/files for files.
package words

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// NFC composes text, so that equal-looking text is equal: "é" is one character, however it was typed (Unicode Standard
// Annex 15). Text that is not UTF-8 stays as it is, for the check of its form.
func NFC(text string) string {
	if ascii(text) || !utf8.ValidString(text) {
		return text
	}
	return norm.NFC.String(text)
}

// Line is [NFC] without the space around it.
func Line(text string) string { return strings.TrimSpace(NFC(text)) }

// Prose is [Line] with lines that end as Unix ends them.
func Prose(text string) string { return Line(strings.ReplaceAll(text, "\r\n", "\n")) }

// Searched is the form of text in which it is searched: without case and diacritics, and with single spaces, so that
// "simunek" finds "Šimůnek". A text that begins with another's letters begins with them in this form, too.
func Searched(text string) string {
	if !ascii(text) {
		text = norm.NFD.String(text)
	}
	var b strings.Builder
	b.Grow(len(text))
	space := false
	for _, r := range text {
		switch {
		case unicode.Is(unicode.Mn, r):
			continue
		case unicode.IsSpace(r):
			space = true
			continue
		case space && b.Len() > 0:
			b.WriteByte(' ')
		}
		space = false
		r = unicode.ToLower(r)
		if plain, ok := undivided(r); ok {
			b.WriteString(plain)
		} else {
			b.WriteRune(r)
		}
	}
	if space && b.Len() > 0 { // the end of a word distinguishes it from a longer one
		b.WriteByte(' ')
	}
	return b.String()
}

// undivided are letters that Unicode does not decompose, with what people type who do not have them on their keyboard.
func undivided(r rune) (string, bool) {
	switch r {
	case 'ø':
		return "o", true
	case 'ł':
		return "l", true
	case 'đ', 'ð':
		return "d", true
	case 'ħ':
		return "h", true
	case 'ı':
		return "i", true
	case 'ß':
		return "ss", true
	case 'æ':
		return "ae", true
	case 'œ':
		return "oe", true
	case 'þ':
		return "th", true
	}
	return "", false
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
