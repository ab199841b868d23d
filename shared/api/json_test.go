package api

import (
	"strings"
	"testing"
)

func TestJSONFault(t *testing.T) {
	for body, want := range map[string]string{
		`{"a": [{"a": 1}, {"a": "a"}], "b": {"a": null, "b": "a"}, "c": "a"}`: "",
		`["a", "a", {"a": "a"}]`:             "",
		`"\ud83d\ude00 \\ud800 \u00e9 \n"`:   "",
		`{}`:                                 "",
		`7`:                                  "",
		`{"a": 1, "a": 1}`:                   "has a name twice in one object at byte 12",
		`{"a": 1, "\u0061": 1}`:              "has a name twice in one object at byte 17",
		`[{"a": {"b": {}, "c": 1, "b": 2}}]`: "has a name twice in one object at byte 28",
		`{"a": "\ud83d"}`:                    "has half of a surrogate pair at byte 7",
		`{"a": "\ude00\ud83d"}`:              "has half of a surrogate pair at byte 7",
		`{"a": "\ud83d\u0041"}`:              "has half of a surrogate pair at byte 7",
		`{"\ud83d": 1}`:                      "has half of a surrogate pair at byte 2",
		`{"a": "\ud83d`:                      "is not JSON at byte 13",
		`{"a": 1e999}`:                       "has a number out of all range at byte 12",
		``:                                   "is not JSON at byte 0",
	} {
		if got := jsonFault([]byte(body)); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

// Numbers that are integers to JSON Schema are written as integers, and text in Unicode's form NFC; nothing else
// changes.
func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		`25`: `25`, `25.0`: `25`, `2.5e1`: `25`, `250E-1`: `25`, `-2.50e+2`: `-250`, `0.0`: `0`, `-0.0`: `0`, `0e9`: `0`,
		`2.5`: `2.5`, `25e-1`: `25e-1`, `1e17`: `100000000000000000`, `1e18`: `1e18`, `1e999`: `1e999`,
		`1e-999999`: `1e-999999`,
		`100.0`:     `100`, `1.10`: `1.10`, `123456789012345678901`: `123456789012345678901`,
		`"e\u0301"`: "\"\u00e9\"", `"<&>"`: `"<&>"`, `[1.0,{"a":2.0,"b":null,"c":true}]`: `[1,{"a":2,"b":null,"c":true}]`,
	} {
		got, err := canonical([]byte(in))
		if err != nil || strings.TrimSpace(string(got)) != want {
			t.Errorf("%s: %s, %v, want %s", in, got, err, want)
		}
	}
	for text, want := range map[string]int64{`{}`: 2, `[1,2,{"a":"[,{","b":3}]`: 6, `"\",[{"`: 1, `1`: 1} {
		if got := values([]byte(text)); got != want {
			t.Errorf("%s: %d values, want %d", text, got, want)
		}
	}
}
