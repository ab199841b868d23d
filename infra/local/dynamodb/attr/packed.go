package attr

import (
	"encoding/binary"
	"iter"
	"slices"
	"strings"
)

// Packed is an item as it is stored: its attributes by name, each value in as many bytes as its content takes and a few
// more. One attribute is found and read without the others. Equal items have equal bytes. The empty string is an item
// without attributes.
//
// An attribute is its name and its value. A text is its length and its bytes; a value is the byte of its kind, and
// then: for S, N and B a text; for BOOL a byte; for M, L and sets, as a text, their attributes, their values, or their
// members as texts.
type Packed string

// Pack packs an item.
func (i Item) Pack() Packed {
	const many, usual = 16, 256
	var few [many]string // most items' names need no space of their own
	return Packed(i.append(make([]byte, 0, usual), few[:0]))
}

func (i Item) append(dst []byte, names []string) []byte {
	for name := range i {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		dst = i[name].pack(packText(dst, name))
	}
	return dst
}

func packText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

func (v Value) pack(dst []byte) []byte {
	dst = append(dst, byte(v.Kind))
	switch v.Kind {
	case String, Number, Binary:
		return packText(dst, v.Str)
	case Bool:
		if v.Bool {
			return append(dst, 1)
		}
		return append(dst, 0)
	case Null:
		return dst
	}
	var inner []byte
	switch v.Kind {
	case Map:
		inner = v.Map.append(nil, nil)
	case List:
		for _, e := range v.List {
			inner = e.pack(inner)
		}
	default:
		for _, m := range v.Set {
			inner = packText(inner, m)
		}
	}
	return append(binary.AppendUvarint(dst, uint64(len(inner))), inner...)
}

// text takes a text off the front. What is packed was packed here, so that it is whole.
func (p *Packed) text() string {
	length, n := uint64(0), 0
	for shift := 0; ; shift += 7 { // as binary.Uvarint, of a string
		c := (*p)[n]
		length |= uint64(c&0x7f) << shift
		if n++; c < 0x80 {
			break
		}
	}
	text := (*p)[n : n+int(length)] // the length of a string
	*p = (*p)[n+int(length):]       // likewise
	return string(text)
}

// kind takes the byte of a value's kind off the front.
func (p *Packed) kind() Kind {
	k := Kind((*p)[0])
	*p = (*p)[1:]
	return k
}

func (p *Packed) skip() {
	switch p.kind() {
	case Bool:
		*p = (*p)[1:]
	case Null:
	default:
		p.text()
	}
}

// value takes a value off the front. Its texts are parts of the packed item and take no space of their own.
func (p *Packed) value() Value {
	v := Value{Kind: p.kind()}
	switch v.Kind {
	case String, Number, Binary:
		v.Str = p.text()
	case Bool:
		v.Bool = (*p)[0] != 0
		*p = (*p)[1:]
	case Null:
	case Map:
		v.Map = Packed(p.text()).Item()
	case List:
		v.List = []Value{}
		for rest := Packed(p.text()); rest != ""; {
			v.List = append(v.List, rest.value())
		}
	default:
		for rest := Packed(p.text()); rest != ""; {
			v.Set = append(v.Set, rest.text())
		}
	}
	return v
}

// Get implements [Attributes].
func (p Packed) Get(name string) (Value, bool) {
	for p != "" {
		switch strings.Compare(p.text(), name) {
		case 0:
			return p.value(), true
		case 1:
			return Value{}, false
		}
		p.skip()
	}
	return Value{}, false
}

// All are the attributes by name.
func (p Packed) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for rest := p; rest != ""; {
			name := rest.text()
			if !yield(name, rest.value()) {
				return
			}
		}
	}
}

// Size is the item's size in bytes by AWS's rules, which is not that of what is packed.
func (p Packed) Size() int {
	size := 0
	for name, v := range p.All() {
		size += len(name) + v.Size()
	}
	return size
}

// Item unpacks all attributes.
func (p Packed) Item() Item {
	item := Item{}
	for name, v := range p.All() {
		item[name] = v
	}
	return item
}

// Only is the item with the attributes alone that are kept.
func (p Packed) Only(keep func(name string) bool) Packed {
	kept := make([]byte, 0, len(p))
	for p != "" {
		whole := p
		name := p.text()
		p.skip()
		if keep(name) {
			kept = append(kept, whole[:len(whole)-len(p)]...)
		}
	}
	return Packed(kept)
}

// AppendJSON implements [Attributes].
func (p Packed) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for rest := p; rest != ""; {
		if len(rest) < len(p) {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, rest.text()), ':')
		dst = rest.appendValue(dst)
	}
	return append(dst, '}')
}

// appendValue takes a value off the front and appends its wire form.
func (p *Packed) appendValue(dst []byte) []byte {
	switch Kind((*p)[0]) {
	case String, Number:
		dst = appendKind(dst, p.kind())
		return append(appendText(dst, p.text()), '}')
	case Map:
		dst = appendKind(dst, p.kind())
		return append(Packed(p.text()).AppendJSON(dst), '}')
	case List:
		dst = append(appendKind(dst, p.kind()), '[')
		all := Packed(p.text())
		for rest := all; rest != ""; {
			if len(rest) < len(all) {
				dst = append(dst, ',')
			}
			dst = rest.appendValue(dst)
		}
		return append(dst, ']', '}')
	default:
		return p.value().appendJSON(dst)
	}
}

func appendKind(dst []byte, k Kind) []byte {
	dst = append(dst, '{', '"')
	dst = append(dst, k.String()...)
	return append(dst, '"', ':')
}

// MarshalJSON writes the wire form.
func (p Packed) MarshalJSON() ([]byte, error) { return p.AppendJSON(nil), nil }
