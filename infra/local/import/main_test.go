package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/registrar/infra/local/client"
)

// office is an API that fails as told, and remembers what it was asked.
type office struct {
	*httptest.Server
	asked      map[string]any // of an import
	made       map[string]any // a term
	uploads    []string
	badUploads int // uploads that end with 503
	dropped    int // looks at the import whose connection is closed without an answer
	looks      int
	endsAfter  int // looks
	state      string
	rows       string
}

func openOffice(t *testing.T) *office {
	o := &office{endsAfter: 2, state: "FINISHED", rows: `"read":1,"applied":1,"refused":0`}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost && r.URL.Path == "/v1/imports":
			_ = json.NewDecoder(r.Body).Decode(&o.asked)
			fmt.Fprintf(w, `{"id":"m-1","upload":{"method":"PUT","url":%q}}`, o.URL+"/upload")
		case r.URL.Path == "/upload":
			file, _ := io.ReadAll(r.Body)
			if o.uploads = append(o.uploads, string(file)); len(o.uploads) <= o.badUploads {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		case r.Method == http.MethodPost && r.URL.Path == "/v1/terms":
			_ = json.NewDecoder(r.Body).Decode(&o.made)
			_, _ = io.WriteString(w, `{"id":"t-2"}`)
		case r.URL.Path == "/v1/terms":
			_, _ = io.WriteString(w, `{"items":[{"id":"t-1","code":"2025-FALL"}]}`)
		case r.URL.Query().Get("show") == "changes":
			_, _ = io.WriteString(w, `{"id":"m-1","changes":[{"row":2,"record":"student","effect":"created"}]}`)
		default:
			if o.looks++; o.looks <= o.dropped {
				panic(http.ErrAbortHandler)
			}
			state := "RUNNING"
			if o.looks > o.endsAfter {
				state = o.state
			}
			fmt.Fprintf(w, `{"id":"m-1","state":%q,"reason":"because","rows":{%s}}`, state, o.rows)
		}
	}))
	o.Config.ErrorLog = nil
	t.Cleanup(o.Close)
	return o
}

const schedule = "semester,course_start_date,course_end_date\nFALL 2024,2024-08-28,2024-12-20\n"

func (o *office) imports(ctx context.Context, t *testing.T, with options) (string, error) {
	t.Helper()
	with.api, with.file = o.URL, filepath.Join(t.TempDir(), "people.csv")
	with.pause, with.patience = time.Millisecond, time.Minute
	text := "number,name\nU1,A B\n"
	if with.kind == "sections" {
		text = schedule
	}
	if err := os.WriteFile(with.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := run(ctx, client.New(o.URL, 1), with, &out)
	return out.String(), err
}

// A connection that drops and an upload that the bucket could not take stop nothing; the options come to the API.
func TestImport_OutlivesFailures(t *testing.T) {
	o := openOffice(t)
	o.badUploads, o.dropped, o.endsAfter = 2, 3, 6
	out, err := o.imports(t.Context(), t, options{kind: "students", dry: true, threshold: "5"})
	if err != nil || !strings.Contains(out, "FINISHED (dry run") ||
		!strings.Contains(out, "row 2: a student would be created") {
		t.Errorf("%v: %s", err, out)
	}
	if len(o.uploads) != 3 || o.uploads[2] != "number,name\nU1,A B\n" {
		t.Errorf("uploads: %q", o.uploads)
	}
	if o.asked["kind"] != "students" || o.asked["dryRun"] != true || o.asked["maxRefusedPercent"] != 5.0 ||
		o.asked["term"] != nil {
		t.Errorf("asked for %v", o.asked)
	}
	if _, err := o.imports(t.Context(), t, options{kind: "registrations", term: "2025-fall",
		complete: true}); err != nil ||
		o.asked["term"] != "t-1" ||
		o.asked["complete"] != true {
		t.Errorf("%v, asked for %v", err, o.asked)
	}
}

// An import that failed, as one does of which every row was refused, is an error: make ends with it.
func TestImport_FailsWithTheImport(t *testing.T) {
	o := openOffice(t)
	o.state, o.rows = "FAILED", `"read":1,"applied":0,"refused":1`
	out, err := o.imports(t.Context(), t, options{kind: "students"})
	if err == nil || err.Error() != "because" || !strings.Contains(out, "1 refused") {
		t.Errorf("%v: %s", err, out)
	}
}

// Whoever interrupts it, or loses the API for good, learns which import it is and how to look at it.
func TestImport_NamesTheImportWhenInterrupted(t *testing.T) {
	o := openOffice(t)
	o.endsAfter = 1 << 30
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := o.imports(ctx, t, options{kind: "students"})
	if err == nil || !strings.Contains(err.Error(), "curl "+o.URL+"/v1/imports/m-1") {
		t.Errorf("%v", err)
	}
}

// A term that has ended takes no registrations: its schedule is moved to a coming year, weekday by weekday, and said
// so.
func TestImport_MovesATermThatHasEnded(t *testing.T) {
	for _, c := range []struct{ now, shift, code, end, uploaded, said string }{
		{"2024-09-01", "", "2024-FALL", "2024-12-21", schedule, ""},
		{"2026-11-27", "", "2027-FALL", "2027-12-18", "FALL 2027,2027-08-25,2027-12-17", "moved by 156 weeks, to 2027-FALL"},
		{"2026-11-27", "0", "2024-FALL", "2024-12-21", schedule, ""},
		{"2024-09-01", "2", "2026-FALL", "2026-12-19", "FALL 2026,2026-08-26,2026-12-18", "moved by 104 weeks, to 2026-FALL"},
	} {
		now, err := time.Parse(time.DateOnly, c.now)
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("TMPDIR", t.TempDir())
		o := openOffice(t)
		out, err := o.imports(t.Context(), t, options{kind: "sections", shift: c.shift, now: func() time.Time { return now }})
		if err != nil || o.asked["term"] != "t-2" || o.made["code"] != c.code || o.made["end"] != c.end {
			t.Errorf("%s, SHIFT=%s: %v; made the term %v, asked for %v", c.now, c.shift, err, o.made, o.asked)
		}
		if len(o.uploads) != 1 || !strings.Contains(o.uploads[0], c.uploaded) || !strings.Contains(out, c.said) ||
			c.said == "" && strings.Contains(out, "moved") {
			t.Errorf("%s, SHIFT=%s: uploaded %q, said %s", c.now, c.shift, o.uploads, out)
		}
		if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
			t.Errorf("%s, SHIFT=%s: the copy is still there: %v, %v", c.now, c.shift, left, err)
		}
	}
}

// What is wrong is found before the term is made or the file sent.
func TestImport_IsCheckedFirst(t *testing.T) {
	file := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(file, []byte("number\nU1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]options{
		"FILE is not set": {kind: "students"}, "KIND is": {file: file, kind: "teachers"}, "no such file": {file: file + "x",
			kind: "students"}, "is a folder": {file: filepath.Dir(file), kind: "students"},
		"FORMAT is": {file: file, kind: "sections", format: "excel"},
	} {
		if err := o.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
	for _, o := range []options{{file: file, kind: "students"}, {file: file, kind: "sections", format: "yacs-csv"}} {
		if err := o.check(); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
