package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestTheCommittedDocumentIsTheOneThatTheOperationsMake(t *testing.T) {
	want, err := Document("../..")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is behind the operations: run `make generate`", file)
	}
}

func TestEveryOperationIsDescribed(t *testing.T) {
	s := read(t)
	if !strings.HasPrefix(s.whole["openapi"].(string), "3.1") {
		t.Errorf("OpenAPI %s", s.whole["openapi"])
	}
	walk(s.whole, "", func(node map[string]any, at string) {
		if _, ok := node["patternDescription"]; ok {
			t.Errorf("%s/patternDescription is no word of JSON Schema", at)
		}
		// A range of characters above U+FFFF is none in ECMAScript without the flag u, which not every tool sets.
		if pattern, ok := node["pattern"].(string); ok &&
			strings.ContainsFunc(pattern, func(r rune) bool { return r > 0xffff }) {
			t.Errorf("%s/pattern is no regular expression everywhere: %q", at, pattern)
		}
	})
	for _, o := range s.operations {
		for _, what := range []string{"summary", "description", "x-access"} {
			if text, _ := o.described[what].(string); text == "" {
				t.Errorf("%s: no %s", o, what)
			}
		}
		for kind, content := range object(o.described, "requestBody", "content") {
			if content.(map[string]any)["example"] == nil {
				t.Errorf("%s: the body of type %s has no example", o, kind)
			}
		}
		for status, response := range object(o.described, "responses") {
			content := object(response.(map[string]any), "content")
			if status[0] == '2' && content["application/json"] != nil &&
				object(content, "application/json")["example"] == nil && o.id != "docs-openapi" && o.id != "docs-home" {
				t.Errorf("%s: the answer has no example", o)
			}
			if problems, ok := content["application/problem+json"]; ok &&
				len(object(problems.(map[string]any), "examples")) == 0 {
				t.Errorf("%s: no problem stands for status %s", o, status)
			}
		}
	}
}
