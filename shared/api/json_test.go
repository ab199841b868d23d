package api

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
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

// anyJSON draws text of valid JSON, in which names come twice now and then.
func anyJSON(t *rapid.T, depth int) string {
	kinds := 4
	if depth == 0 {
		kinds = 2
	}
	space := rapid.SampledFrom([]string{"", "", " ", "\n\t"}).Draw(t, "space")
	switch rapid.IntRange(1, kinds).Draw(t, "kind") {
	case 1:
		return space + rapid.SampledFrom([]string{
			"0", "-7", "25.0", "2.5e1", "1E2", "12", "0.1", "true", "false", "null", "1" + strings.Repeat("0", 299),
			"1" + strings.Repeat("0", 305), "-0", "-0.0",
		}).Draw(t, "value")
	case 2:
		return rapid.SampledFrom([]string{`""`, `"a"`, `"e1.E"`, `"\u0061"`, `"é"`, `"{\"a\":1}"`, `"[,:]"`}).Draw(t,
			"text") + space
	case 3:
		var all []string
		for range rapid.IntRange(0, 3).Draw(t, "elements") {
			all = append(all, anyJSON(t, depth-1))
		}
		return "[" + space + strings.Join(all, ",") + "]"
	}
	var all []string
	for range rapid.IntRange(0, 3).Draw(t, "members") {
		name := rapid.SampledFrom([]string{`"a"`, `"b"`, `"c,{"`, `""`, `"d"`, `"e"`, `"\u0061"`}).Draw(t, "name")
		all = append(all, name+space+":"+anyJSON(t, depth-1))
	}
	return "{" + strings.Join(all, ","+space) + space + "}"
}

// What is left out for plain text would have found and changed nothing.
func TestPlain_IsCanonicalAlready(t *testing.T) {
	const depth = 3
	plains := 0
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(anyJSON(t, depth))
		if !json.Valid(text) {
			t.Fatalf("drew %s", text)
		}
		if !plain(text) {
			return
		}
		plains++
		if got, want := nameTwiceIn(text), nameTwice(text); got != want {
			t.Errorf("%s: a name twice at %d, want %d", text, got, want)
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		before, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		after, err := json.Marshal(canonicalValue(value))
		if err != nil || json.Unmarshal(text, new(any)) != nil || halfPair(text) >= 0 {
			t.Errorf("%s is not plain: %v", text, err)
		}
		if diff := cmp.Diff(string(before), string(after)); diff != "" {
			t.Errorf("%s is not canonical:\n%s", text, diff)
		}
	})
	if plains == 0 {
		t.Error("no plain text was drawn")
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]bool{
		`{"student":"01930000-0000-7000-8a02-000000000001", "credits": 4, "a": [true, false, null]}`: true,
		`{"a": "1.5e3"}`: true, `[1, 23]`: true,
		`1.0`: false, `1e2`: false, `1E2`: false, `"é"`: false, `"\u0041"`: false,
		"1" + strings.Repeat("0", 308): false, // more than a float64 holds
	} {
		if plain([]byte(text)) != want {
			t.Errorf("%s: plain is %t", text, !want)
		}
	}
}
