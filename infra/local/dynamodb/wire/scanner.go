// Package wire reads requests of the protocol AWS JSON 1.0, as the service reads them: the names of members are
// case-sensitive, text is valid UTF-8, a member of another type is refused, null stands for no value, and members that
// nobody knows are passed over.
//
// A request is read once, from its beginning to its end. Start with [Decoder]; a type that reads itself implements
// [Reader]. What cannot be read is told by a [*SerializationError], in the service's words as far as they are known.
package wire

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// SerializationError says why a request cannot be read.
type SerializationError struct {
	Message string
}

// Error is the message.
func (e *SerializationError) Error() string { return e.Message }

// Reader is a type that reads itself. It must take exactly one value from the scanner, which may be null.
type Reader interface {
	ReadWire(s *Scanner) error
}

// Scanner goes over a JSON text, value by value.
type Scanner struct {
	data  []byte
	at    int
	depth int
	note  error
}

// maxDepth bounds nesting, so that a hostile text cannot exhaust the stack: an item's values are nested 32 deep at
// most, and each of those takes two levels.
const maxDepth = 200

// NewScanner makes a scanner of a text, which must not change while its values are in use.
func NewScanner(data []byte) *Scanner { return &Scanner{data: data} }

// Note remembers what is wrong with a value that can be read: a request that cannot be read to its end is refused for
// that first. The first note counts.
func (s *Scanner) Note(err error) {
	if s.note == nil {
		s.note = err
	}
}

// Noted is the first note; nil when there is none.
func (s *Scanner) Noted() error { return s.note }

func broken() error { return &SerializationError{Message: "The request is not valid JSON"} }

func (s *Scanner) blanks() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// Next is the first byte of the next value or mark, without taking it; 0 at the end.
func (s *Scanner) Next() byte {
	s.blanks()
	if s.at == len(s.data) {
		return 0
	}
	return s.data[s.at]
}

// End fails unless nothing follows.
func (s *Scanner) End() error {
	if s.Next() != 0 || s.at < len(s.data) {
		return broken()
	}
	return nil
}

// take takes a mark if it is next.
func (s *Scanner) take(mark byte) bool {
	if s.Next() != mark {
		return false
	}
	s.at++
	return true
}

// Null takes a null if it is next.
func (s *Scanner) Null() (bool, error) {
	if s.Next() != 'n' {
		return false, nil
	}
	return true, s.word("null")
}

func (s *Scanner) word(text string) error {
	if len(s.data)-s.at < len(text) || string(s.data[s.at:s.at+len(text)]) != text {
		return broken()
	}
	s.at += len(text)
	return nil
}

// Object takes an object: each is called with every name and must take its value.
func (s *Scanner) Object(each func(name string) error) error {
	return s.nested('{', '}', func() error {
		name, err := s.text()
		if err != nil {
			return err
		}
		if !s.take(':') {
			return broken()
		}
		return each(name)
	})
}

// Array takes an array: each must take every element.
func (s *Scanner) Array(each func() error) error { return s.nested('[', ']', each) }

func (s *Scanner) nested(open, end byte, each func() error) error {
	if !s.take(open) {
		return s.mismatch(map[byte]string{'{': "a structure", '[': "a list"}[open])
	}
	if s.depth++; s.depth > maxDepth {
		return &SerializationError{Message: "The request is nested too deeply"}
	}
	defer func() { s.depth-- }()
	if s.take(end) {
		return nil
	}
	for {
		if err := each(); err != nil {
			return err
		}
		if s.take(end) {
			return nil
		}
		if !s.take(',') {
			return broken()
		}
	}
}

// String takes a string.
func (s *Scanner) String() (string, error) {
	if s.Next() != '"' {
		return "", s.mismatch("String")
	}
	return s.text()
}

// text takes a string where one must stand.
func (s *Scanner) text() (string, error) {
	if !s.take('"') {
		return "", broken()
	}
	from := s.at
	for i := from; i < len(s.data); i++ { // most have no escapes
		switch c := s.data[i]; {
		case c == '"':
			s.at = i + 1
			return string(s.data[from:i]), nil
		case c == '\\' || c < ' ' || c >= utf8.RuneSelf:
			return s.escaped(from, i)
		}
	}
	return "", broken()
}

// escaped goes on with a string from the first byte that is not plain.
func (s *Scanner) escaped(from, i int) (string, error) {
	text := append(make([]byte, 0, 2*(i-from)+utf8.UTFMax), s.data[from:i]...)
	for i < len(s.data) {
		switch c := s.data[i]; {
		case c == '"':
			s.at = i + 1
			return string(text), nil
		case c < ' ':
			return "", broken()
		case c == '\\':
			r, n := unescape(s.data[i:])
			if n == 0 {
				return "", broken()
			}
			text = utf8.AppendRune(text, r)
			i += n
		case c < utf8.RuneSelf:
			text = append(text, c)
			i++
		default:
			r, n := utf8.DecodeRune(s.data[i:])
			if r == utf8.RuneError && n == 1 {
				return "", &SerializationError{Message: "The request is not valid UTF-8"}
			}
			text = append(text, s.data[i:i+n]...)
			i += n
		}
	}
	return "", broken()
}

// unescape reads an escape and gives its length; 0 when it is none, or half of a pair of surrogates, which is no
// character.
func unescape(data []byte) (r rune, n int) {
	const short, long = 2, 6 // \n and \u000a
	if len(data) < short {
		return 0, 0
	}
	switch c := data[1]; c {
	case '"', '\\', '/':
		return rune(c), short
	case 'b':
		return '\b', short
	case 'f':
		return '\f', short
	case 'n':
		return '\n', short
	case 'r':
		return '\r', short
	case 't':
		return '\t', short
	case 'u':
		if r = codeUnit(data); r < 0 {
			return 0, 0
		}
		if !utf16.IsSurrogate(r) {
			return r, long
		}
		if r = utf16.DecodeRune(r, codeUnit(data[long:])); r == utf8.RuneError {
			return 0, 0
		}
		return r, 2 * long
	}
	return 0, 0
}

// codeUnit reads the four hexadecimal digits of an escape \uXXXX; -1 when they are not.
func codeUnit(data []byte) rune {
	const length, hex, bits = 6, 16, 16
	if len(data) < length || data[0] != '\\' || data[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(data[2:length]), hex, bits)
	if err != nil {
		return -1
	}
	return rune(unit)
}

// Bool takes true or false.
func (s *Scanner) Bool() (bool, error) {
	switch s.Next() {
	case 't':
		return true, s.word("true")
	case 'f':
		return false, s.word("false")
	}
	return false, s.mismatch("Boolean")
}

// Number takes a number as its text; kind says in a refusal what was wanted, for example "Integer".
func (s *Scanner) Number(kind string) (string, error) {
	if c := s.Next(); c != '-' && (c < '0' || c > '9') {
		return "", s.mismatch(kind)
	}
	from := s.at
	if s.data[s.at] == '-' {
		s.at++
	}
	whole := s.digits()
	if whole == 0 || whole > 1 && s.data[s.at-whole] == '0' {
		return "", broken()
	}
	if s.at < len(s.data) && s.data[s.at] == '.' {
		s.at++
		if s.digits() == 0 {
			return "", broken()
		}
	}
	if s.at < len(s.data) && (s.data[s.at] == 'e' || s.data[s.at] == 'E') {
		s.at++
		if s.at < len(s.data) && (s.data[s.at] == '+' || s.data[s.at] == '-') {
			s.at++
		}
		if s.digits() == 0 {
			return "", broken()
		}
	}
	return string(s.data[from:s.at]), nil
}

func (s *Scanner) digits() int {
	from := s.at
	for s.at < len(s.data) && s.data[s.at] >= '0' && s.data[s.at] <= '9' {
		s.at++
	}
	return s.at - from
}

// Skip takes a value of any type.
func (s *Scanner) Skip() error {
	var err error
	switch s.Next() {
	case '{':
		err = s.Object(func(string) error { return s.Skip() })
	case '[':
		err = s.Array(s.Skip)
	case '"':
		_, err = s.text()
	case 't', 'f':
		_, err = s.Bool()
	case 'n':
		err = s.word("null")
	default:
		_, err = s.Number("")
	}
	return err
}

// Raw takes a value of any type as its text.
func (s *Scanner) Raw() ([]byte, error) {
	s.blanks()
	from := s.at
	err := s.Skip()
	return s.data[from:s.at], err
}

// mismatch says that the next value is of another type than the one that was wanted.
func (s *Scanner) mismatch(want string) error {
	var found string
	switch c := s.Next(); {
	case c == '{':
		found = "Start of structure or map found where not expected"
	case c == '[':
		found = "Start of list found where not expected"
	case c == '"':
		found = "STRING_VALUE cannot be converted to " + want
	case c == 't':
		found = "TRUE_VALUE cannot be converted to " + want
	case c == 'f':
		found = "FALSE_VALUE cannot be converted to " + want
	case c == '-' || c >= '0' && c <= '9':
		found = "NUMBER_VALUE cannot be converted to " + want
	default:
		return broken()
	}
	if err := s.Skip(); err != nil { // it is not even JSON
		return err
	}
	return &SerializationError{Message: found}
}
