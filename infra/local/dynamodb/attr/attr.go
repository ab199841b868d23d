// Package attr holds DynamoDB's attribute values: exact numbers of 38 digits, the wire form, sizes by AWS's rules, and
// an encoding of keys whose bytes sort as the values do.
//
// It knows nothing of tables or requests. Start with [Value]. The rules are those of the developer guide's pages
// "Supported data types and naming rules" and "Constraints in Amazon DynamoDB".
package attr

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/registrar/infra/local/dynamodb/wire"
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

var kindNames = [...]string{String: "S", Number: "N", Binary: "B", Bool: "BOOL", Null: "NULL", Map: "M", List: "L",
	StringSet: "SS", NumberSet: "NS", BinarySet: "BS"}

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

// MaxNameBytes is how long an attribute's name may be. The developer guide says 64 KB, "Constraints in Amazon
// DynamoDB"; the service's refusal says less than 65,536 bytes.
const MaxNameBytes = 65_535

// Value is one attribute value. It is not changed after it was made, so values and items may be shared.
type Value struct {
	Kind Kind
	Bool bool     // BOOL
	Str  string   // S; the bytes of B; the canonical text of N
	Map  Item     // M
	List []Value  // L
	Set  []string // SS, NS, BS: members as in Str, sorted, each once
}

// number is the value of an N, whose text is canonical.
func (v Value) number() decimal {
	d, _ := parseDecimal(v.Str) // it was parsed when it was made
	return d
}

// Item maps attribute names to values.
type Item map[string]Value

// Attributes are those of an item, packed or not.
type Attributes interface {
	// Get finds an attribute; false when there is none of that name.
	Get(name string) (Value, bool)
	// AppendJSON appends the wire form, with the names in order.
	AppendJSON(dst []byte) []byte
}

// Get implements [Attributes].
func (i Item) Get(name string) (Value, bool) {
	v, ok := i[name]
	return v, ok
}

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

func numberValue(d decimal) Value { return Value{Kind: Number, Str: d.text()} }

// Add is a + b, exactly.
func Add(a, b Value) (Value, error) { return arithmetic(a, b, false) }

// Sub is a - b, exactly.
func Sub(a, b Value) (Value, error) { return arithmetic(a, b, true) }

func arithmetic(a, b Value, negate bool) (Value, error) {
	if a.Kind != Number || b.Kind != Number {
		return Value{}, errors.New("attr: arithmetic on something that is no number")
	}
	d := b.number()
	if negate && d.digits != "" {
		d.negative = !d.negative
	}
	sum, err := a.number().add(d)
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
		dst = strconv.AppendBool(dst, v.Bool)
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

// AppendJSON implements [Attributes].
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
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		if from = i + 1; c < ' ' {
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		} else {
			dst = append(dst, '\\', c)
		}
	}
	return append(append(dst, s[from:]...), '"')
}

func appendBase64(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, []byte(s))
	return append(dst, '"')
}

// UnmarshalJSON reads the wire form and checks it, or returns a [*ValidationError] or a [*wire.SerializationError].
func (v *Value) UnmarshalJSON(data []byte) error {
	s := wire.NewScanner(data)
	if err := v.ReadWire(s); err != nil {
		return err
	}
	return errors.Join(s.End(), s.Noted())
}

// ReadWire implements [wire.Reader]. A [*ValidationError] is noted.
func (v *Value) ReadWire(s *wire.Scanner) error { return v.read(s, 1) }

// ReadWire implements [wire.Reader]. A [*ValidationError] is noted. Null is no item.
func (i *Item) ReadWire(s *wire.Scanner) error {
	if null, err := s.Null(); null || err != nil {
		return err
	}
	return i.read(s, 1)
}

func (i *Item) read(s *wire.Scanner, depth int) error {
	*i = Item{}
	return s.Object(func(name string) error {
		var v Value
		err := v.read(s, depth)
		(*i)[name] = v
		return err
	})
}

// read reads a value at a depth of nesting. It takes exactly one of the types' members, whatever else is there.
func (v *Value) read(s *wire.Scanner, depth int) error {
	if null, err := s.Null(); null || err != nil {
		s.Note(empty())
		return err
	}
	found := 0
	err := s.Object(func(name string) error {
		if null, err := s.Null(); null || err != nil {
			return err
		}
		kind, ok := KindOf(name)
		if !ok {
			return s.Skip()
		}
		if found++; found > 1 {
			s.Note(Invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the " +
				"supported datatypes"))
		}
		*v = Value{Kind: kind}
		return v.readAs(kind, s, depth)
	})
	if err == nil && found == 0 {
		s.Note(empty())
	}
	return err
}

func empty() error {
	return Invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
}

// readAs reads what stands under a type's name.
func (v *Value) readAs(kind Kind, s *wire.Scanner, depth int) (err error) {
	switch kind {
	case String:
		v.Str, err = s.String()
	case Number:
		var text string
		if text, err = s.String(); err != nil {
			return err
		}
		n, invalid := NewNumber(text)
		if invalid != nil {
			s.Note(invalid)
		}
		v.Str = n.Str
	case Binary:
		v.Str, err = readBinary(s)
	case Bool:
		v.Bool, err = s.Bool()
	case Null:
		var yes bool
		if yes, err = s.Bool(); err == nil && !yes {
			s.Note(Invalid("One or more parameter values were invalid: Null attribute value types must have the value of true"))
		}
	case Map:
		if depth > MaxDepth {
			s.Note(tooDeep())
		}
		err = v.Map.read(s, depth+1)
	case List:
		if depth > MaxDepth {
			s.Note(tooDeep())
		}
		v.List = []Value{}
		err = s.Array(func() error {
			var e Value
			err := e.read(s, depth+1)
			v.List = append(v.List, e)
			return err
		})
	default:
		return v.readSet(kind, s)
	}
	return err
}

func readBinary(s *wire.Scanner) (string, error) {
	text, err := s.String()
	if err != nil {
		return "", err
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", &wire.SerializationError{Message: "Base64 of a binary value is invalid"}
	}
	return string(raw), nil
}

func tooDeep() error {
	return Invalid("Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond " +
		"supported limit")
}

func (v *Value) readSet(kind Kind, s *wire.Scanner) error {
	members := []string{}
	err := s.Array(func() error {
		var text string
		var err error
		if kind == BinarySet {
			text, err = readBinary(s)
		} else {
			text, err = s.String()
		}
		if err == nil && kind == NumberSet {
			n, invalid := NewNumber(text)
			if invalid != nil {
				s.Note(invalid)
			}
			text = n.Str
		}
		members = append(members, text)
		return err
	})
	if err != nil {
		return err
	}
	*v = SetOf(kind, members)
	switch {
	case len(members) == 0 && kind == BinarySet:
		s.Note(Invalid("One or more parameter values were invalid: Binary sets should not be empty"))
	case len(members) == 0:
		s.Note(Invalid("One or more parameter values were invalid: An %s set  may not be empty",
			map[Kind]string{StringSet: "string", NumberSet: "number"}[kind]))
	case len(v.Set) < len(members):
		s.Note(Invalid("One or more parameter values were invalid: Input collection %s contains duplicates.",
			quoted(members)))
	}
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
		return v.number().size()
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

// Equal reports whether two values are the same: numbers by value, sets without order.
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

// EqualItems reports whether two items have the same attributes.
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
		return a.number().compare(b.number()), true
	default:
		return 0, false
	}
}

// AppendKey appends an encoding of a string, number or binary whose bytes sort as the values do. It ends itself, so
// that encodings of a partition and a sort key can follow each other without two pairs becoming one.
func (v Value) AppendKey(dst []byte) []byte {
	if v.Kind == Number {
		return v.number().appendKey(dst)
	}
	for i := range len(v.Str) {
		dst = append(dst, v.Str[i])
		if v.Str[i] == 0 {
			dst = append(dst, 0xff) // a zero within sorts after the end, 0 0
		}
	}
	return append(dst, 0, 0)
}
