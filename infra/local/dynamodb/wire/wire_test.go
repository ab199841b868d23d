package wire_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/registrar/infra/local/dynamodb/wire"
	"github.com/google/go-cmp/cmp"
)

type inner struct{ Word string }

type request struct {
	inner
	Text    string
	Maybe   *string
	Count   int
	Limit   *int
	Yes     bool
	Names   []string
	Inner   *inner
	Inners  []inner
	ByName  map[string]string
	Rest    json.RawMessage
	private string
}

// Members go by their names alone, letter by letter; null is no value, and a member that nobody knows is passed over.
func TestDecode(t *testing.T) {
	text, one := "x", 1
	for source, want := range map[string]request{
		`{}`:                     {},
		` { "Text" : "a" } `:     {Text: "a"},
		`{"text": "a"}`:          {},
		`{"TEXT": "a"}`:          {},
		`{"private": "a"}`:       {},
		`{"Text": null}`:         {},
		`{"Maybe": "x"}`:         {Maybe: &text},
		`{"Maybe": null}`:        {},
		`{"Count": -7}`:          {Count: -7},
		`{"Count": 2.9}`:         {Count: 2},
		`{"Limit": 1}`:           {Limit: &one},
		`{"Yes": true}`:          {Yes: true},
		`{"Names": []}`:          {Names: []string{}},
		`{"Names": ["a", "b"]}`:  {Names: []string{"a", "b"}},
		`{"Word": "a"}`:          {inner: inner{"a"}},
		`{"Inner": {}}`:          {Inner: &inner{}},
		`{"Inners": [{}]}`:       {Inners: []inner{{}}},
		`{"ByName": {"a": "b"}}`: {ByName: map[string]string{"a": "b"}},
		`{"Rest": [1, {}] }`:     {Rest: json.RawMessage(`[1, {}]`)},
		`{"Other": [1, {"a": null}, "", -0.5e+3, false], "Text": "a"}`: {Text: "a"},
	} {
		var d wire.Decoder
		for range 2 { // and by what it learned
			var got request
			if err := d.Decode([]byte(source), &got); err != nil || got.private != "" {
				t.Errorf("%s: %v, %q", source, err, got.private)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(request{}, inner{})); diff != "" {
				t.Errorf("%s (-want +got):\n%s", source, diff)
			}
		}
	}
}

func TestDecode_Refused(t *testing.T) {
	for source, words := range map[string]string{
		``: "", `{`: "", `null`: "", `[]`: "", `"a"`: "", `{}{}`: "", `{} x`: "", `{"a"}`: "", `{"a":}`: "", `{"a":1,}`: "",
		`{,}`: "", `{'a':1}`: "",
		`{"Text": "a`: "", `{"Text": "\x"}`: "", `{"Text": "\u12"}`: "", "{\"Text\": \"a\nb\"}": "", `{"a": 01}`: "",
		`{"a": 1.}`: "", `{"a": tru}`: "",
		`{"Text": "\ud800"}`: "", `{"Text": "\udc00\ud800"}`: "",
		"{\"Text\": \"\xff\"}": "UTF-8", "{\"Other\": \"\xc3(\"}": "UTF-8", "{\"a\xff\": 1}": "UTF-8",
		`{"Text": 1}`: "NUMBER_VALUE cannot be converted to String", `{"Text": true}`: "TRUE_VALUE cannot be converted to " +
			"String",
		`{"Text": []}`: "Start of list", `{"Text": {}}`: "Start of structure",
		`{"Count": "1"}`:   "STRING_VALUE cannot be converted to Integer",
		`{"Count": 1e300}`: "converted to Integer", `{"Yes": "true"}`: "STRING_VALUE cannot be converted to Boolean",
		`{"Names": "a"}`: "a list",
		`{"Names": {}}`:  "Start of structure", `{"Inner": []}`: "Start of list",
		`{"ByName": {"a": 1}}`: "converted to String", `{"Maybe": 1}`: "converted to String",
		`{"Other": ` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`: "deeply",
	} {
		var d wire.Decoder
		var got request
		var refused *wire.SerializationError
		if err := d.Decode([]byte(source), &got); !errors.As(err, &refused) || !strings.Contains(refused.Message, words) {
			t.Errorf("%.60s: %v, want a serialization error of %q", source, err, words)
		}
	}
}

// What it reads as text is what encoding/json reads, and what that refuses it refuses.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"Text":"\u00e9\ud83d\ude00\n"}`, `{"Text":"é"}`, `{"Text":1}`,
		`{"Text":"a","Text":"b"}`, `{"Rest":{"a":[1e5,null]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		var d wire.Decoder
		var got request
		if err := d.Decode(source, &got); err != nil {
			return
		}
		if !json.Valid(source) || !utf8.Valid(source) {
			t.Fatalf("%q is accepted", source)
		}
		var want map[string]any
		if err := json.Unmarshal(source, &want); err != nil {
			t.Fatal(err)
		}
		if text, ok := want["Text"].(string); ok && text != got.Text {
			t.Fatalf("%q is read as %q, want %q", source, got.Text, text)
		}
	})
}

// A request that cannot be read to its end is refused for that, before anything that is wrong with a value.
func TestScanner_Note(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	s := wire.NewScanner([]byte(`{}`))
	s.Note(first)
	s.Note(second)
	if got := s.Noted(); !errors.Is(got, first) {
		t.Errorf("noted %v", got)
	}
}
