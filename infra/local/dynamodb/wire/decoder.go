package wire

import (
	"encoding/json"
	"reflect"
	"strconv"
	"sync"
)

// Decoder reads requests into structures: members by the names of their fields, embedded structures' included. The zero
// value is ready to use, and safe for concurrent use; it keeps what it learned of a type.
type Decoder struct {
	members sync.Map // of reflect.Type, to map[string][]int: the index of each field
}

// Decode reads a whole text into what the pointer leads to. An error is a [*SerializationError], or what a [Reader]
// noted.
func (d *Decoder) Decode(data []byte, into any) error {
	s := NewScanner(data)
	if s.Next() != '{' {
		if err := s.Skip(); err != nil {
			return err
		}
		return &SerializationError{Message: "The request is not a structure"}
	}
	if err := d.value(s, reflect.ValueOf(into).Elem()); err != nil {
		return err
	}
	if err := s.End(); err != nil {
		return err
	}
	return s.Noted()
}

func (d *Decoder) value(s *Scanner, v reflect.Value) error {
	into := v.Addr().Interface()
	if reader, ok := into.(Reader); ok {
		return reader.ReadWire(s)
	}
	if null, err := s.Null(); null || err != nil {
		return err
	}
	switch into := into.(type) { // what most members are, without reflection
	case *string:
		text, err := s.String()
		*into = text
		return err
	case *json.RawMessage:
		raw, err := s.Raw()
		*into = raw
		return err
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(s, v.Elem())
	case reflect.Struct:
		return d.structure(s, v)
	case reflect.Map:
		return d.mapping(s, v)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 0, 0)) // an empty list is not the same as none
		return s.Array(func() error {
			element := reflect.New(v.Type().Elem()).Elem()
			err := d.value(s, element)
			v.Set(reflect.Append(v, element))
			return err
		})
	case reflect.String:
		text, err := s.String()
		v.SetString(text)
		return err
	case reflect.Bool:
		is, err := s.Bool()
		v.SetBool(is)
		return err
	case reflect.Int, reflect.Int64:
		return integer(s, v)
	default:
		panic("wire: a request has a member of type " + v.Type().String())
	}
}

func integer(s *Scanner, v reflect.Value) error {
	text, err := s.Number("Integer")
	if err != nil {
		return err
	}
	const decimal, bits = 10, 64
	n, err := strconv.ParseInt(text, decimal, bits)
	if err != nil { // the service cuts a fraction off
		f, err := strconv.ParseFloat(text, bits)
		const largest = 1 << 53
		if err != nil || f < -largest || f > largest {
			return &SerializationError{Message: "NUMBER_VALUE cannot be converted to Integer"}
		}
		n = int64(f)
	}
	v.SetInt(n)
	return nil
}

func (d *Decoder) mapping(s *Scanner, v reflect.Value) error {
	v.Set(reflect.MakeMap(v.Type()))
	return s.Object(func(name string) error {
		element := reflect.New(v.Type().Elem()).Elem()
		err := d.value(s, element)
		v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), element)
		return err
	})
}

func (d *Decoder) structure(s *Scanner, v reflect.Value) error {
	members := d.membersOf(v.Type())
	return s.Object(func(name string) error {
		index, ok := members[name]
		if !ok {
			return s.Skip()
		}
		return d.value(s, v.FieldByIndex(index))
	})
}

func (d *Decoder) membersOf(t reflect.Type) map[string][]int {
	if known, ok := d.members.Load(t); ok {
		if members, ok := known.(map[string][]int); ok { // nothing else is stored
			return members
		}
	}
	members := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		if !f.Anonymous && f.IsExported() {
			members[f.Name] = f.Index
		}
	}
	d.members.Store(t, members)
	return members
}
