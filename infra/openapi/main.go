// Command openapi writes functions/docs/openapi.json, the OpenAPI 3.1 document of all operations of the manifest. The
// examples are the body of the function's event in events/, and that of its answer, which the golden case of that event
// in functions/testdata holds. Start with [Document]; a test holds the committed file to it.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"example.com/registrar/functions"
	"example.com/registrar/shared/api"
)

const file = "functions/docs/openapi.json"

func main() {
	document, err := Document(".")
	if err == nil {
		err = os.WriteFile(file, document, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

// Document makes the document; root is the repository's folder.
func Document(root string) ([]byte, error) {
	var operations []api.Operation
	examples := make(map[string]api.Examples)
	for _, f := range functions.All() {
		if f.Operations == nil {
			continue
		}
		operations = append(operations, f.Operations(functions.Adapters{})...)
		request, path, err := requestOf(filepath.Join(root, "events", f.Name+".json"))
		if err != nil {
			return nil, err
		}
		answer, err := answerTo(filepath.Join(root, "functions/testdata", f.Name, "event.golden"))
		if err != nil {
			return nil, err
		}
		examples[f.Name] = api.Examples{Request: request, Answer: answer, Path: path}
	}
	document, err := api.Document(about(), operations, examples)
	if err != nil {
		return nil, err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, document, "", " "); err != nil {
		return nil, fmt.Errorf("the document is no JSON: %w", err)
	}
	pretty.WriteByte('\n')
	return pretty.Bytes(), nil
}

// about is what the document says of the API as a whole, and of each resource.
func about() api.About {
	return api.About{
		Description: "Course registration: a catalogue, its sections, and who is enrolled in them.\n\n" +
			"Every refusal is a problem (RFC 9457) whose `code` says which rule it was. A change of a record needs its " +
			"version, the " +
			"`ETag`, in `If-Match`. A request with an `Idempotency-Key` may be sent again without a second effect. Lists come " +
			"in pages: " +
			"`Link` has the next one (RFC 8288).\n\n" +
			"API Gateway answers for what is not in this document, a path or a method of a path: 404 with `{\"message\":\"Not " +
			"Found\"}`, " +
			"whatever the method.",
		Tags: map[string]string{
			"audit":         "What was done, what was refused, and what the nightly reconciliation found.",
			"courses":       "The catalogue: what can be taught, in any term.",
			"docs":          "This document, and an interactive page over it.",
			"health":        "Whether the system can answer.",
			"imports":       "Files that change many records at once: a term's schedule, or its registrations.",
			"instructors":   "Who teaches.",
			"mail":          "Mails to students, what each student wants to be told by mail, and how to be told no more.",
			"operations":    "Queues and their dead letters, for those who look after the system.",
			"registrations": "Who is enrolled in which section.",
			"sections":      "Courses as they are taught in one term: when, by whom, and for how many.",
			"students":      "Who can enrol.",
			"terms":         "Terms, with their registration windows and deadlines.",
		},
	}
}

// requestOf is the body of an event and the parameters of its address. The body is nil when it has none, or a form,
// whose example is in its declaration.
func requestOf(path string) (body any, parameters map[string]string, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil // a missing event is found by another test
	}
	if err != nil {
		return nil, nil, err
	}
	var event struct {
		Body       string            `json:"body"`
		Form       bool              `json:"isBase64Encoded"` // as API Gateway hands forms over
		Parameters map[string]string `json:"pathParameters"`
	}
	if err := json.Unmarshal(text, &event); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	if event.Body == "" || event.Form {
		return nil, event.Parameters, nil
	}
	if err := json.Unmarshal([]byte(event.Body), &body); err != nil {
		return nil, nil, fmt.Errorf("%s: the body: %w", path, err)
	}
	return body, event.Parameters, nil
}

// answerTo is the body of the answer in a golden case, nil when it has none.
func answerTo(path string) (any, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // a missing case is found by another test
	}
	if err != nil {
		return nil, err
	}
	_, answer, _ := strings.Cut(string(text), "\n-- answer --\n")
	head, body, _ := strings.Cut(answer, "\n\n")
	if !json.Valid([]byte(body)) || !strings.Contains(head, "\ncontent-type: application/json\n") {
		return nil, nil // no body, or one that the case leaves out
	}
	var value any
	if err := json.Unmarshal([]byte(body), &value); err != nil {
		return nil, fmt.Errorf("%s: the answer: %w", path, err)
	}
	return value, nil
}
