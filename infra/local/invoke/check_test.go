package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/registrar/functions"
)

// What is wrong with `make invoke` and `make trigger` is said with what would be right, before anything is built.
func TestCheck(t *testing.T) {
	folder := t.TempDir()
	text := filepath.Join(folder, "event.txt")
	if err := os.WriteFile(text, []byte("no JSON"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.NotFoundHandler())
	stopped := server.URL
	server.Close()
	t.Chdir(filepath.Join("..", "..", ".."))
	for _, c := range []struct {
		name, event string
		trigger     bool
		queues      string
		want        []string
	}{
		{name: "", want: []string{"FN is \"\"", "make invoke FN=courses-create", "  courses-create courses-get"}},
		{name: "course-create", want: []string{"must be one of these functions", "audit-record"}},
		{name: "courses-create", event: "x.json", want: []string{"EVENT", "no such file"}},
		{name: "courses-create", event: text, want: []string{"EVENT=" + text, "events/courses-create.json"}},
		{name: "courses-create", trigger: true, want: []string{"a schedule starts", "make trigger FN=imports-sweep",
			"rate("}},
		{name: "", trigger: true, want: []string{"FN is \"\"", "make trigger FN=audit-reconcile"}},
		{name: "audit-reconcile", trigger: true, queues: stopped, want: []string{"AWS_ENDPOINT_URL_SQS", "make run"}},
	} {
		err := check(t.Context(), func(name string) string {
			return map[string]string{"AWS_ENDPOINT_URL_SQS": c.queues}[name]
		}, c.name, c.event, c.trigger)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v, want it to say %q", c, err, want)
			}
		}
		if c.trigger && err != nil && strings.Contains(err.Error(), "events-relay") {
			t.Errorf("what no schedule starts is offered: %v", err)
		}
	}
	for _, f := range functions.All() {
		if err := check(t.Context(), func(string) string { return "" }, f.Name, "", f.Schedule != nil); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}
