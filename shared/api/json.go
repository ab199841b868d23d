package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"example.com/registrar/shared/registrar/words"
)

// canonical writes valid JSON in the form that operations read: text in Unicode's form NFC, and integers without
// fraction and exponent. To JSON Schema 25, 25.0 and 2.5e1 are the same integer, but not to encoding/json.
//
// Text that already has this form stays as it is. Almost all text has it, and to read and write it again costs a few
// percent of an enrolment.
func canonical(text []byte) ([]byte, error) {
	if plain(text) {
		return text, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(canonicalValue(value)); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// plain reports whether valid JSON has nothing that [canonical] or [jsonFault] would have to look at again: it is ASCII
// without escapes, and its numbers are integers that every float64 can hold.
func plain(text []byte) bool {
	const longest = 300 // digits; a float64 holds integers of 308
	quoted, digits := false, 0
	for i, c := range text {
		if quoted || c < '0' || c > '9' {
			digits = 0
		} else {
			digits++
		}
		switch {
		case c >= utf8.RuneSelf, c == '\\', digits > longest:
			return false
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '.', c == 'E', c == 'e' && i > 0 && text[i-1] >= '0' && text[i-1] <= '9':
			return false
		}
	}
	return true
}

func canonicalValue(value any) any {
	switch value := value.(type) {
	case string:
		return words.NFC(value)
	case json.Number:
		return json.Number(canonicalNumber(string(value)))
	case []any:
		for i := range value {
			value[i] = canonicalValue(value[i])
		}
		return value
	case map[string]any:
		for name := range value {
			value[name] = canonicalValue(value[name])
		}
		return value
	}
	return value
}

// canonicalNumber writes a number of JSON without fraction and exponent if it is an integer of at most eighteen digits.
// Larger ones stay as they are: no field takes them.
func canonicalNumber(number string) string {
	const mostDigits = 18
	if !strings.ContainsAny(number, ".eE") {
		return number
	}
	mantissa, exponentText, hasExponent := strings.Cut(strings.ToLower(number), "e")
	exponent := 0
	if hasExponent {
		var err error
		if exponent, err = strconv.Atoi(exponentText); err != nil || exponent < -maxBody || exponent > maxBody {
			return number
		}
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	fraction = strings.TrimRight(fraction, "0")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0"
	}
	significant := strings.TrimRight(digits, "0")
	// after the significant digits; fewer than none in a fraction
	zeros := exponent - len(fraction) + len(digits) - len(significant)
	if zeros < 0 || len(significant)+zeros > mostDigits {
		return number
	}
	integer := significant + strings.Repeat("0", zeros)
	if negative {
		integer = "-" + integer
	}
	return integer
}

// jsonFault says where the body is not JSON that every reader understands in the same way, without repeating any of it;
// empty when it is valid. It refuses what encoding/json would change silently, as I-JSON asks (RFC 7493, sections 2.1
// and 2.3): half of a surrogate pair, which is replaced, and a name that is twice in an object, of which the last is
// taken.
func jsonFault(body []byte) string {
	if json.Valid(body) && plain(body) {
		if at := nameTwiceIn(body); at >= 0 {
			return "has a name twice in one object at byte " + decimal(at)
		}
		return ""
	}
	err := json.Unmarshal(body, new(any))
	var syntax *json.SyntaxError
	var number *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return "is not JSON at byte " + decimal(syntax.Offset)
	case errors.As(err, &number):
		return "has a number out of all range at byte " + decimal(number.Offset)
	case err != nil:
		return "is not JSON"
	}
	if at := halfPair(body); at >= 0 {
		return "has half of a surrogate pair at byte " + decimal(at)
	}
	if at := nameTwice(body); at >= 0 {
		return "has a name twice in one object at byte " + decimal(at)
	}
	return ""
}

// halfPair finds an escaped surrogate without its other half in valid JSON; -1 when there is none.
func halfPair(text []byte) int64 {
	const escape = len(`\uD800`)
	unit := func(i int) rune { // of the escape at i
		if i+escape > len(text) || text[i] != '\\' || text[i+1] != 'u' {
			return 0
		}
		u, _ := strconv.ParseUint(string(text[i+2:i+escape]), 16, 16) // valid JSON has four digits here
		return rune(u)
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '\\':
		case text[i+1] != 'u':
			i++
		case !utf16.IsSurrogate(unit(i)):
			i += escape - 1
		case utf16.DecodeRune(unit(i), unit(i+escape)) == utf8.RuneError:
			return int64(i)
		default:
			i += 2*escape - 1
		}
	}
	return -1
}

// nameTwice finds a name that an object of valid JSON has already; -1 when there is none.
func nameTwice(text []byte) int64 {
	type level struct {
		names map[string]bool // nil in a list
		value bool            // what comes next is a name's value
	}
	levels := []level{{}}
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		token, err := decoder.Token()
		if err != nil { // the end
			return -1
		}
		here := &levels[len(levels)-1]
		switch token := token.(type) {
		case json.Delim:
			switch token {
			case '{':
				here.value = false
				levels = append(levels, level{names: map[string]bool{}})
			case '[':
				here.value = false
				levels = append(levels, level{})
			default:
				levels = levels[:len(levels)-1]
			}
		case string:
			if here.names == nil || here.value {
				here.value = false
				continue
			}
			if here.names[token] {
				return decoder.InputOffset()
			}
			here.names[token], here.value = true, true
		default:
			here.value = false
		}
	}
}

// nameTwiceIn is [nameTwice] for [plain] text, where a name is what stands between its quotes.
func nameTwiceIn(text []byte) int64 {
	var levels []map[string]bool // the names of the objects around; nil for a list
	name := false                // a name may come next
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{':
			levels, name = append(levels, map[string]bool{}), true
		case '[':
			levels, name = append(levels, nil), false
		case '}', ']':
			levels, name = levels[:len(levels)-1], false
		case ',':
			name = levels[len(levels)-1] != nil
		case '"':
			end := i + 1 + bytes.IndexByte(text[i+1:], '"')
			if name {
				names, it := levels[len(levels)-1], text[i+1:end]
				if names[string(it)] {
					return int64(end + 1)
				}
				names[string(it)], name = true, false
			}
			i = end
		}
	}
	return -1
}

// values counts the values of JSON text, or of text that looks like it: those in objects and lists, and these
// themselves.
func values(text []byte) int64 {
	count, quoted := int64(1), false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == '[' || c == '{'):
			count++
		}
	}
	return count
}
