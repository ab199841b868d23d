package api

import (
	"encoding/json"
	"fmt"

	"example.com/registrar/shared/registrar"
	"github.com/danielgtaylor/huma/v2"
)

// Value is a number or a text, for example what a rule looked at. A number is a number on the wire.
type Value struct{ of any }

// ValueOf is a value of the domain on the wire: a number of things, or of credits; anything else is text.
func ValueOf(v any) Value {
	switch v := v.(type) {
	case int:
		return Value{v}
	case registrar.Credits:
		return Value{CreditsOf(v)}
	}
	return Value{fmt.Sprint(v)}
}

// MarshalJSON implements [json.Marshaler].
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(v.of) }

// UnmarshalJSON implements [json.Unmarshaler].
func (v *Value) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &v.of) }

// Schema implements [huma.SchemaProvider].
func (Value) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{AnyOf: []*huma.Schema{{Type: huma.TypeString}, {Type: huma.TypeNumber}}}
}

// valuesOf are a rule's evidence on the wire.
func valuesOf(evidence map[string]any) map[string]Value {
	if evidence == nil {
		return nil
	}
	values := make(map[string]Value, len(evidence))
	for name, v := range evidence {
		values[name] = ValueOf(v)
	}
	return values
}
