package functions_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/registrar/functions"
	"example.com/registrar/functions/events"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/mail/carrier"
	"example.com/registrar/shared/mail/unsubscribe"
	"example.com/registrar/shared/objects"
	"example.com/registrar/shared/queue"
	"example.com/registrar/shared/schedule"
	"example.com/registrar/shared/sdk"
	"github.com/aws/aws-sdk-go-v2/aws"
)

// A function is given the variables that its main.go reads, and no other: no key where it is not used. What a main.go
// hands its getter to is called here with one that notes what is asked for.
func TestFunctionsAreGivenTheVariablesThatTheyRead(t *testing.T) {
	for _, f := range functions.All() {
		given := f.Environment()
		read := map[string]bool{}
		getenv := func(name string) string {
			read[name] = true
			switch v := given[name]; {
			case v.Kind == functions.Text:
				return v.Of
			case strings.HasSuffix(name, "_URL"):
				return "https://example.edu/" + name
			}
			return "Somebody <somebody@example.edu>" // long enough for a key
		}
		for _, c := range readers(t, filepath.Join(root, f.Folder(), "main.go")) {
			open, ok := openers()[c.callee]
			if !ok {
				t.Errorf("%s hands its variables to %s, which this test does not know", f.Name, c.callee)
				continue
			}
			if err := open(f, getenv, c.literals); err != nil {
				t.Errorf("%s: %s: %v", f.Name, c.callee, err)
			}
		}
		maps.DeleteFunc(read, func(name string, _ bool) bool { return strings.HasPrefix(name, "AWS_") }) // Lambda's own
		if got, want := slices.Sorted(maps.Keys(read)), slices.Sorted(maps.Keys(given)); !slices.Equal(got, want) {
			t.Errorf("%s reads %q and is given %q", f.Name, got, want)
		}
	}
}

// reader is a call that gets the variables, with the texts that it gets besides.
type reader struct {
	callee   string // "dynamo.Open", or for a method of what has no name "Configure"
	literals []string
}

// readers finds the calls of a main.go that get host.Getenv, and of host.Getenv itself.
func readers(t *testing.T, file string) []reader {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	isGetenv := func(e ast.Expr) bool { return name(e) == "host.Getenv" }
	var all []reader
	ast.Inspect(parsed, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !isGetenv(call.Fun) && !slices.ContainsFunc(call.Args, isGetenv) {
			return true
		}
		r := reader{callee: name(call.Fun)}
		for _, a := range call.Args {
			if literal, ok := a.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				r.literals = append(r.literals, text)
			}
		}
		all = append(all, r)
		return true
	})
	if len(all) == 0 {
		for _, s := range parsed.Imports {
			if strings.Contains(s.Path.Value, "/shared/dynamo") {
				t.Errorf("%s: this test found nothing that reads variables", file)
			}
		}
	}
	return all
}

func name(e ast.Expr) string {
	selector, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if of, ok := selector.X.(*ast.Ident); ok {
		return of.Name + "." + selector.Sel.Name
	}
	return selector.Sel.Name
}

// openers call what a main.go calls.
func openers() map[string]func(f functions.Function, getenv func(string) string, literals []string) error {
	type getter = func(string) string
	return map[string]func(functions.Function, getter, []string) error{
		"sdk.FromEnvironment": func(_ functions.Function, g getter, _ []string) error {
			_, err := sdk.FromEnvironment(func(name string) string {
				if strings.HasPrefix(name, "AWS_") && (strings.HasSuffix(name, "KEY_ID") || strings.HasSuffix(name, "ACCESS_KEY") ||
					name == "AWS_REGION") {
					return "us-east-1"
				}
				if strings.HasPrefix(name, "AWS_") {
					return ""
				}
				return g(name)
			})
			return err
		},
		"dynamo.Open": func(_ functions.Function, g getter, _ []string) error {
			_, err := dynamo.Open(aws.Config{}, g)
			return err
		},
		"dynamo.OpenForPages": func(_ functions.Function, g getter, _ []string) error {
			_, err := dynamo.OpenForPages(aws.Config{}, g)
			return err
		},
		"objects.Open": func(_ functions.Function, g getter, _ []string) error {
			_, err := objects.Open(aws.Config{}, g)
			return err
		},
		"queue.Open": func(f functions.Function, g getter, names []string) error {
			if names == nil { // by a variable: the relay's
				names = f.Sends
			}
			for _, name := range names {
				if _, err := queue.Open(aws.Config{}, g, name); err != nil {
					return err
				}
			}
			return nil
		},
		"queue.OpenConsumer": func(_ functions.Function, g getter, _ []string) error {
			_, err := queue.OpenConsumer(aws.Config{}, g, slog.New(slog.DiscardHandler))
			return err
		},
		"queue.OpenOperator": func(_ functions.Function, g getter, _ []string) error {
			_, err := queue.OpenOperator(aws.Config{}, g, slog.New(slog.DiscardHandler))
			return err
		},
		"carrier.Open": func(_ functions.Function, g getter, _ []string) error {
			_, err := carrier.Open(aws.Config{}, g)
			return err
		},
		"unsubscribe.Open": func(_ functions.Function, g getter, _ []string) error {
			_, err := unsubscribe.Open(g)
			return err
		},
		"unsubscribe.OpenLinks": func(_ functions.Function, g getter, _ []string) error {
			_, err := unsubscribe.OpenLinks(g)
			return err
		},
		"Configure": func(_ functions.Function, g getter, _ []string) error {
			_, err := schedule.Settings{}.Configure(g)
			return err
		},
		"host.Getenv": func(_ functions.Function, g getter, names []string) error {
			_, err := events.ParseSubscriptions(g(names[0]))
			return err
		},
	}
}

// Who gives clients a list page by page has the key of cursors. The nightly audit has it too: it keeps the place where
// a run ended, for the next one, in another process.
func TestWhoGivesCursorsHasTheirKey(t *testing.T) {
	parameters := documentedParameters(t)
	for _, f := range functions.All() {
		gives := f.Name == "audit-reconcile"
		if f.Operations != nil {
			for _, o := range f.Operations(functions.Adapters{}) {
				gives = gives || slices.Contains(parameters[o.ID], "cursor")
			}
		}
		if f.Pages != gives {
			t.Errorf("%s gives cursors: %v, and has their key: %v", f.Name, gives, f.Pages)
		}
	}
}

// documentedParameters are the names of each operation's parameters in the OpenAPI document, by the operation's id.
func documentedParameters(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Parameters  []struct{ Name string }
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, methods := range doc.Paths {
		for _, o := range methods {
			for _, p := range o.Parameters {
				all[o.OperationID] = append(all[o.OperationID], p.Name)
			}
		}
	}
	return all
}
