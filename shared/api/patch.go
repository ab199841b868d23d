package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Removable is a member of a JSON merge patch (RFC 7396) that can be removed: an absent member leaves the old value,
// null removes it, and a value replaces it. A member that cannot be removed is a pointer, for which null is refused
// (see [nullFaults]). So it is for a list, which an empty list empties, and for all members of requests that are not
// patches.
//
// Its fields in a struct have omitzero in their tag.
type Removable[T any] struct {
	sent  bool
	value *T // nil: null
}

// Stated is the member for a value in the request that creates a record: absent, or a value.
func Stated[T any](value *T) Removable[T] { return Removable[T]{sent: value != nil, value: value} }

// UnmarshalJSON implements [json.Unmarshaler].
func (r *Removable[T]) UnmarshalJSON(text []byte) error {
	r.sent, r.value = true, nil
	if bytes.Equal(bytes.TrimSpace(text), []byte("null")) {
		return nil
	}
	r.value = new(T)
	return json.Unmarshal(text, r.value)
}

// Sent reports whether the member is there, as null or as a value.
func (r Removable[T]) Sent() bool { return r.sent }

// Get is the value that was sent; false when there was none, or null.
func (r Removable[T]) Get() (T, bool) {
	if r.value == nil {
		var none T
		return none, false
	}
	return *r.value, true
}

// Schema implements [huma.SchemaProvider]: the value's, or null.
func (Removable[T]) Schema(registry huma.Registry) *huma.Schema {
	s := huma.SchemaFromType(registry, reflect.TypeFor[T]()) // in place: a reference could not say that it may be null
	s.Nullable = true
	return s
}

// Resolve implements [huma.ResolverWithPath]: it resolves the parts of the value, which huma does not see.
func (r *Removable[T]) Resolve(ctx huma.Context, at *huma.PathBuffer) []error {
	if r.value == nil {
		return nil
	}
	return resolveAll(ctx, at, reflect.ValueOf(r.value))
}

// resolveAll resolves a value and all its parts.
func resolveAll(ctx huma.Context, at *huma.PathBuffer, value reflect.Value) []error {
	if value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return nil
		}
		if resolver, ok := value.Interface().(huma.ResolverWithPath); ok {
			return resolver.Resolve(ctx, at)
		}
		value = value.Elem()
	}
	var errs []error
	switch value.Kind() {
	case reflect.Slice:
		for i := range value.Len() {
			at.PushIndex(i)
			errs = append(errs, resolveAll(ctx, at, value.Index(i).Addr())...)
			at.Pop()
		}
	case reflect.Struct:
		for i := range value.NumField() {
			name, _, _ := strings.Cut(value.Type().Field(i).Tag.Get("json"), ",")
			if !value.Type().Field(i).IsExported() || name == "" {
				continue
			}
			at.Push(name)
			if field := value.Field(i); field.Kind() == reflect.Pointer {
				errs = append(errs, resolveAll(ctx, at, field)...)
			} else {
				errs = append(errs, resolveAll(ctx, at, field.Addr())...)
			}
			at.Pop()
		}
	}
	return errs
}

// Set replaces a value if another one was sent.
func Set[T any](value, sent *T) {
	if sent != nil {
		*value = *sent
	}
}

// SetText is [Set] for text of another type.
func SetText[To, From ~string](value *To, sent *From) {
	if sent != nil {
		*value = To(*sent)
	}
}

// Patch applies a member to a value: null makes it the zero one.
func Patch[T any](value *T, member Removable[T]) {
	if member.sent {
		*value, _ = member.Get()
	}
}

// PatchText is [Patch] for text of another type.
func PatchText[To, From ~string](value *To, member Removable[From]) {
	if member.sent {
		text, _ := member.Get()
		*value = To(text)
	}
}

// nullFaults finds the members of a request that are null where the schema does not allow it. For huma null is the same
// as an absent member, so that a client would read 200 for a change that was not made.
func nullFaults(registry huma.Registry, s *huma.Schema, path string, value any) []ProblemField {
	for s != nil && s.Ref != "" {
		s = registry.SchemaFromRef(s.Ref)
	}
	if s == nil {
		return nil
	}
	var faults []ProblemField
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			schema := s.Properties[name]
			if schema == nil {
				continue // huma names what is not known
			}
			at := path + "." + name
			if member != nil {
				faults = append(faults, nullFaults(registry, schema, at, member)...)
			} else if !schema.Nullable && !slices.Contains(s.Required, name) {
				faults = append(faults, ProblemField{Field: at, Code: codeType, Detail: "must not be null: leave it out, or give " +
					"it a value"})
			}
		}
	case []any:
		for i, element := range value {
			if s.Items != nil && element != nil {
				faults = append(faults, nullFaults(registry, s.Items, path+"["+decimal(int64(i))+"]", element)...)
			}
		}
	}
	slices.SortFunc(faults, func(a, b ProblemField) int { return strings.Compare(a.Field, b.Field) })
	return faults
}
