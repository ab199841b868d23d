// Package attr holds DynamoDB's attribute values: exact numbers of 38 digits, the wire form, sizes by AWS's rules, and an
// encoding of keys whose bytes sort as the values do.
//
// It knows nothing of tables or requests. Start with [Value]. The rules are those of the developer guide's pages
// "Supported data types and naming rules" and "Constraints in Amazon DynamoDB".
package attr

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind is the type of a value.
type Kind uint8

// The ten types.
const (
	String Kind = iota + 1
	Number
	Binary
	Bool
	Null
	Map
	List
	StringSet
	NumberSet
	BinarySet
)

var kindNames = [...]string{String: "S", Number: "N", Binary: "B", Bool: "BOOL", Null: "NULL", Map: "M", List: "L", StringSet: "SS", NumberSet: "NS", BinarySet: "BS"}

// String is the type's name on the wire, for example "S".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return ""
}

// KindOf finds a type by its name on the wire; false when there is none of that name.
func KindOf(name string) (Kind, bool) {
	i := slices.Index(kindNames[:], name)
	return Kind(max(i, 0)), i > 0
}

// MaxDepth is how deep maps and lists may be nested.
const MaxDepth = 32

// Value is one attribute value. It is not changed after it was made, so values and items may be shared.
type Value struct {
	Kind Kind
	Str  string   // S; the bytes of B; the canonical text of N
	Bool bool     // BOOL
	Map  Item     // M
	List []Value  // L
	Set  []string // SS, NS, BS: members as in Str, sorted, each once
	num  decimal  // of N
}

// Item maps attribute names to values.
type Item map[string]Value

// ValidationError is what is wrong with a value, in AWS's words as far as they are known.
type ValidationError struct {
	Message string
}

// Error is the message.
func (e *ValidationError) Error() string { return e.Message }

// Invalid makes a [*ValidationError].
func Invalid(format string, args ...any) error {
	return &ValidationError{Message: fmt.Sprintf(format, args...)}
}

// Str makes a string value.
func Str(s string) Value { return Value{Kind: String, Str: s} }

// Bytes makes a binary value.
func Bytes(b []byte) Value { return Value{Kind: Binary, Str: string(b)} }

// Int makes a number value.
func Int(n int64) Value {
	v, _ := NewNumber(fmt.Sprint(n)) // every int64 has at most 19 digits
	return v
}

// NewNumber makes a number of a decimal text, exactly, or returns a [*ValidationError].
func NewNumber(text string) (Value, error) {
	d, err := parseDecimal(text)
	if err != nil {
		return Value{}, err
	}
	return numberValue(d), nil
}

func numberValue(d decimal) Value { return Value{Kind: Number, Str: d.text(), num: d} }

// Add is a + b, exactly.
func Add(a, b Value) (Value, error) { return arithmetic(a, b, false) }

// Sub is a - b, exactly.
func Sub(a, b Value) (Value, error) { return arithmetic(a, b, true) }

func arithmetic(a, b Value, negate bool) (Value, error) {
	if a.Kind != Number || b.Kind != Number {
		return Value{}, errors.New("attr: arithmetic on something that is no number")
	}
	d := b.num
	if negate && d.digits != "" {
		d.negative = !d.negative
	}
	sum, err := a.num.add(d)
	if err != nil {
		return Value{}, err
	}
	return numberValue(sum), nil
}

// MarshalJSON writes the wire form, for example {"S":"text"}.
func (v Value) MarshalJSON() ([]byte, error) { return v.appendJSON(nil), nil }

func (v Value) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"`...)
	dst = append(dst, v.Kind.String()...)
	dst = append(dst, `":`...)
	switch v.Kind {
	case String, Number:
		dst = appendText(dst, v.Str)
	case Binary:
		dst = appendBase64(dst, v.Str)
	case Bool:
		dst = fmt.Appendf(dst, "%t", v.Bool)
	case Null:
		dst = append(dst, "true"...)
	case Map:
		dst = v.Map.AppendJSON(dst)
	case List:
		dst = append(dst, '[')
		for i, e := range v.List {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = e.appendJSON(dst)
		}
		dst = append(dst, ']')
	case StringSet, NumberSet, BinarySet:
		dst = append(dst, '[')
		for i, member := range v.Set {
			if i > 0 {
				dst = append(dst, ',')
			}
			if v.Kind == BinarySet {
				dst = appendBase64(dst, member)
			} else {
				dst = appendText(dst, member)
			}
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// MarshalJSON writes the item with its names in order.
func (i Item) MarshalJSON() ([]byte, error) { return i.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON returns.
func (i Item) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	const many = 16
	var few [many]string // most items' names need no space of their own
	names := few[:0]
	for name := range i {
		names = append(names, name)
	}
	slices.Sort(names)
	for n, name := range names {
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, name)
		dst = append(dst, ':')
		dst = i[name].appendJSON(dst)
	}
	return append(dst, '}')
}

// appendText writes a JSON string; DynamoDB's text is always valid UTF-8.
func appendText(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			text, err := json.Marshal(s)
			if err != nil { // a string is always marshalled
				return append(dst, `""`...)
			}
			return append(dst, text...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

func appendBase64(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, []byte(s))
	return append(dst, '"')
}

// UnmarshalJSON reads the wire form and checks it, or returns a [*ValidationError].
func (v *Value) UnmarshalJSON(data []byte) error { return v.decode(data, 1) }

func (v *Value) decode(data []byte, depth int) error {
	if kind, text, ok := plain(data); ok {
		if kind == Number {
			n, err := NewNumber(text)
			if err == nil {
				*v = n
			}
			return err
		}
		*v = Value{Kind: kind, Str: text}
		return nil
	}
	var wire struct {
		S    *string
		N    *string
		B    *string
		BOOL *bool
		NULL *bool
		M    map[string]json.RawMessage
		L    []json.RawMessage
		SS   []string
		NS   []string
		BS   []string
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&wire); err != nil {
		return Invalid("The value of an attribute cannot be read: it must have exactly one supported data type")
	}
	kinds := 0
	set := func(k Kind) { v.Kind = k; kinds++ }
	if wire.S != nil {
		set(String)
		v.Str = *wire.S
	}
	if wire.N != nil {
		set(Number)
		n, err := NewNumber(*wire.N)
		if err != nil {
			return err
		}
		*v = n
	}
	if wire.B != nil {
		set(Binary)
		raw, err := base64.StdEncoding.DecodeString(*wire.B)
		if err != nil {
			return &ValidationError{Message: "Invalid Base64 in a binary attribute value"}
		}
		v.Str = string(raw)
	}
	if wire.BOOL != nil {
		set(Bool)
		v.Bool = *wire.BOOL
	}
	if wire.NULL != nil {
		set(Null)
		if !*wire.NULL {
			return Invalid("One or more parameter values were invalid: Null attribute value types must have the value of true")
		}
	}
	if wire.M != nil {
		set(Map)
		if depth > MaxDepth {
			return tooDeep()
		}
		v.Map = make(Item, len(wire.M))
		for name, raw := range wire.M {
			var e Value
			if err := e.decode(raw, depth+1); err != nil {
				return err
			}
			v.Map[name] = e
		}
	}
	if wire.L != nil {
		set(List)
		if depth > MaxDepth {
			return tooDeep()
		}
		v.List = make([]Value, len(wire.L))
		for i, raw := range wire.L {
			if err := v.List[i].decode(raw, depth+1); err != nil {
				return err
			}
		}
	}
	for _, s := range []struct {
		kind    Kind
		members []string
	}{{StringSet, wire.SS}, {NumberSet, wire.NS}, {BinarySet, wire.BS}} {
		if s.members == nil {
			continue
		}
		set(s.kind)
		if err := v.decodeSet(s.kind, s.members); err != nil {
			return err
		}
	}
	switch {
	case kinds == 0:
		return Invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	case kinds > 1:
		return Invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	}
	return nil
}

// plain reads {"S":"text"} and {"N":"1"} as every client writes them, which is what most values are: without blanks, escapes or
// other than ASCII.
func plain(data []byte) (kind Kind, text string, ok bool) {
	const before, after = `{"S":"`, `"}`
	if len(data) < len(before)+len(after) {
		return 0, "", false
	}
	switch string(data[:len(before)]) {
	case before:
		kind = String
	case `{"N":"`:
		kind = Number
	default:
		return 0, "", false
	}
	inside := data[len(before) : len(data)-len(after)]
	if string(data[len(data)-len(after):]) != after || bytes.ContainsFunc(inside, func(r rune) bool {
		return r == '"' || r == '\\' || r < ' ' || r >= utf8.RuneSelf
	}) {
		return 0, "", false
	}
	return kind, string(inside), true
}

func tooDeep() error {
	return Invalid("Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit")
}

func (v *Value) decodeSet(kind Kind, members []string) error {
	if len(members) == 0 {
		if kind == BinarySet {
			return Invalid("One or more parameter values were invalid: Binary sets should not be empty")
		}
		return Invalid("One or more parameter values were invalid: An %s set  may not be empty", map[Kind]string{StringSet: "string", NumberSet: "number"}[kind])
	}
	set := make([]string, len(members))
	for i, m := range members {
		switch kind {
		case NumberSet:
			n, err := NewNumber(m)
			if err != nil {
				return err
			}
			set[i] = n.Str
		case BinarySet:
			raw, err := base64.StdEncoding.DecodeString(m)
			if err != nil {
				return Invalid("Invalid Base64 in a binary attribute value")
			}
			set[i] = string(raw)
		default:
			set[i] = m
		}
	}
	sorted := SetOf(kind, set)
	if len(sorted.Set) < len(members) {
		return Invalid("One or more parameter values were invalid: Input collection %s contains duplicates.", quoted(members))
	}
	*v = sorted
	return nil
}

func quoted(members []string) string { return "[" + strings.Join(members, ", ") + "]" }

// SetOf makes a set of members in canonical form, each kept once.
func SetOf(kind Kind, members []string) Value {
	members = slices.Clone(members)
	slices.Sort(members)
	return Value{Kind: kind, Set: slices.Compact(members)}
}

// Size is the value's size in bytes by AWS's rules ("DynamoDB item sizes and formats").
func (v Value) Size() int {
	switch v.Kind {
	case String, Binary:
		return len(v.Str)
	case Number:
		return v.num.size()
	case Bool, Null:
		return 1
	case Map:
		size := 3 + len(v.Map)
		return size + v.Map.Size()
	case List:
		size := 3 + len(v.List)
		for _, e := range v.List {
			size += e.Size()
		}
		return size
	case NumberSet:
		size := 0
		for _, m := range v.Set {
			d, err := parseDecimal(m)
			if err == nil { // members are canonical
				size += d.size()
			}
		}
		return size
	default:
		size := 0
		for _, m := range v.Set {
			size += len(m)
		}
		return size
	}
}

// Size is the item's size in bytes: the names in UTF-8 and the values.
func (i Item) Size() int {
	size := 0
	for name, v := range i {
		size += len(name) + v.Size()
	}
	return size
}

// Depth is how deep maps and lists are nested in the value; 0 for a scalar.
func (v Value) Depth() int {
	deepest := 0
	switch v.Kind {
	case Map:
		for _, e := range v.Map {
			deepest = max(deepest, e.Depth())
		}
	case List:
		for _, e := range v.List {
			deepest = max(deepest, e.Depth())
		}
	default:
		return 0
	}
	return deepest + 1
}

// Equal tells whether two values are the same: numbers by value, sets without order.
func Equal(a, b Value) bool {
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case Bool:
		return a.Bool == b.Bool
	case Map:
		return EqualItems(a.Map, b.Map)
	case List:
		return slices.EqualFunc(a.List, b.List, Equal)
	case StringSet, NumberSet, BinarySet:
		return slices.Equal(a.Set, b.Set)
	default:
		return a.Str == b.Str // a number's text is canonical
	}
}

// EqualItems tells whether two items have the same attributes.
func EqualItems(a, b Item) bool {
	if len(a) != len(b) {
		return false
	}
	for name, v := range a {
		o, ok := b[name]
		if !ok || !Equal(v, o) {
			return false
		}
	}
	return true
}

// Compare orders two strings, numbers or binaries; false when they are of different types or of one without order.
func Compare(a, b Value) (int, bool) {
	if a.Kind != b.Kind {
		return 0, false
	}
	switch a.Kind {
	case String, Binary:
		return strings.Compare(a.Str, b.Str), true
	case Number:
		return a.num.compare(b.num), true
	default:
		return 0, false
	}
}

// AppendKey appends an encoding of a string, number or binary whose bytes sort as the values do. It ends itself, so that
// encodings of a partition and a sort key can follow each other without two pairs becoming one.
func (v Value) AppendKey(dst []byte) []byte {
	if v.Kind == Number {
		return v.num.appendKey(dst)
	}
	for i := range len(v.Str) {
		dst = append(dst, v.Str[i])
		if v.Str[i] == 0 {
			dst = append(dst, 0xff) // a zero within sorts after the end, 0 0
		}
	}
	return append(dst, 0, 0)
}
