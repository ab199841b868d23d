package main

import (
	"bytes"
	"encoding/json"
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
	document, err := Document("../..")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Summary     string `json:"summary"`
			Access      string `json:"x-access"`
			RequestBody *struct {
				Content map[string]struct {
					Example any `json:"example"`
				} `json:"content"`
			} `json:"requestBody"`
			Responses map[string]struct {
				Content map[string]struct {
					Example  any            `json:"example"`
					Examples map[string]any `json:"examples"`
				} `json:"content"`
			} `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %s", doc.OpenAPI)
	}
	count := 0
	for path, methods := range doc.Paths {
		for method, o := range methods {
			count++
			if o.Summary == "" || o.Access == "" {
				t.Errorf("%s %s: no summary, or nobody said who may call it", method, path)
			}
			if o.RequestBody != nil {
				for kind, content := range o.RequestBody.Content {
					if content.Example == nil {
						t.Errorf("%s %s: the body of type %s has no example", method, path, kind)
					}
				}
			}
			for status, response := range o.Responses {
				if status[0] != '4' && status[0] != '5' {
					if media, ok := response.Content["application/json"]; ok && media.Example == nil && o.OperationID != "docs-openapi" {
						t.Errorf("%s %s: the answer has no example", method, path)
					}
					continue
				}
				if len(response.Content["application/problem+json"].Examples) == 0 {
					t.Errorf("%s %s: no problem stands for status %s", method, path, status)
				}
			}
		}
	}
	const atLeast = 36
	if count < atLeast {
		t.Errorf("%d operations in the document", count)
	}
}
