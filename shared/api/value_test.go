package api_test

import (
	"encoding/json"
	"testing"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// What is a number in the domain is one on the wire, in its own unit; what looks like one and is a name stays text.
func TestNumbersAreNumbers(t *testing.T) {
	for want, v := range map[string]any{`23`: 23, `7.5`: registrar.Credits(750), `0.29`: registrar.Credits(29),
		`"20002"`: "20002", `"open"`: registrar.SectionOpen} {
		got, err := json.Marshal(api.ValueOf(v))
		if err != nil || string(got) != want {
			t.Errorf("%v (%T) is %s, %v; want %s", v, v, got, err, want)
		}
	}
}
