package letters_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/mail/letters"
	"example.com/registrar/shared/registrar"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the letters into testdata before comparing them")

const unsubscribe = "https://api.example.edu/v1/unsubscribe/abc.def"

func term() registrar.Term {
	return registrar.Term{Title: "Spring 2025", TimeZone: "America/New_York"}
}

func section() registrar.Section {
	return registrar.Section{
		Subject: "CSCI", Number: "1200", Title: "Data Structures", CRN: "12345", Label: "01", Component: "lecture",
		Meetings: []registrar.Meeting{
			{Days: 0b0001001, Start: 600, End: 710, From: "2025-01-13", To: "2025-05-01", Room: "Hall 1"},
			{Days: 0b0000100, Start: 720, End: 770, From: "2025-01-13", To: "2025-05-01"},
		},
	}
}

func writer(t *testing.T) *letters.Writer {
	t.Helper()
	w, err := letters.New()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// all writes a letter of each kind, by name.
func all(
	t *testing.T, locale letters.Locale, s registrar.Section, tm registrar.Term, reason string,
) map[string]letters.Text {
	t.Helper()
	w := writer(t)
	at := time.Date(2024, 11, 4, 14, 5, 6, 0, time.UTC)
	im := intake.Import{
		ID: "0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11", Kind: intake.KindSections, State: intake.Finished,
		EndedAt: at,
		Rows:    intake.Rows{Read: 10, Applied: 8, Refused: 2},
	}
	failed := im
	failed.State, failed.Reason = intake.Failed, reason
	texts := map[string]letters.Text{}
	for name, write := range map[string]func() (letters.Text, error){
		"registration-made": func() (letters.Text, error) {
			return w.Registration(locale, mail.RegistrationMade, s, tm, at, unsubscribe)
		},
		"registration-dropped": func() (letters.Text, error) {
			return w.Registration(locale, mail.RegistrationDropped, s, tm, at, unsubscribe)
		},
		"import-finished": func() (letters.Text, error) { return w.ImportEnded(locale, im, tm, unsubscribe) },
		"import-failed":   func() (letters.Text, error) { return w.ImportEnded(locale, failed, tm, unsubscribe) },
	} {
		text, err := write()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		texts[name] = text
	}
	return texts
}

// Every letter is in testdata to be read: go test ./shared/mail/letters -update writes them.
func TestLetters(t *testing.T) {
	for name, text := range all(t, letters.English, section(), term(), "the file is no CSV") {
		for file, got := range map[string]string{
			name + ".txt": "Subject: " + text.Subject + "\n\n" + text.Plain, name + ".html": text.HTML,
		} {
			path := filepath.Join("testdata", file)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("%s (-want +got); -update accepts it:\n%s", file, d)
			}
		}
	}
}

func TestAHostileTitleStaysText(t *testing.T) {
	const evil = "</p><script>alert(1)</script>\r\nBcc: all@example.edu\n\n-- \nStop: http://evil.example " +
		"{{.Unsubscribe}} \u202egnirts\x1b[31m\u2028\xff"
	s, tm := section(), term()
	s.Title, s.Component, s.Label, s.CRN, s.Meetings[0].Room, tm.Title, tm.TimeZone = evil, evil, evil, evil, evil, evil,
		"Nowhere/At All"
	for name, text := range all(t, letters.English, s, tm, evil) {
		if strings.ContainsAny(text.Subject, "\r\n\x1b") || len([]rune(text.Subject)) > 300 {
			t.Errorf("%s: subject %q", name, text.Subject)
		}
		for what, bad := range map[string]string{
			"HTML": "<script", "HTML of an attribute": `href="http://evil`, "a direction": "\u202e", "an escape": "\x1b",
			"a separator": "\u2028",
		} {
			if strings.Contains(text.HTML, bad) {
				t.Errorf("%s: %s in the HTML part:\n%s", name, what, text.HTML)
			}
		}
		if name != "import-finished" && !strings.Contains(text.HTML, "&lt;script&gt;alert(1)&lt;/script&gt;") {
			t.Errorf("%s: the title is not shown as it is:\n%s", name, text.HTML)
		}
		for forged := range strings.Lines(text.Plain) {
			if strings.HasPrefix(forged, "Bcc:") || strings.HasPrefix(forged, "Stop: ") {
				t.Errorf("%s: a forged line %q", name, forged)
			}
		}
		if strings.Count(text.Plain, "\n-- \n") != 1 || strings.ContainsAny(text.Plain, "\r\x1b\u202e\u2028") ||
			strings.Contains(text.Plain, unsubscribe+" gnirts") {
			t.Errorf("%s: the text part is forged:\n%q", name, text.Plain)
		}
		if !strings.Contains(text.HTML, `href="`+unsubscribe+`"`) || !strings.HasSuffix(text.Plain, ": "+unsubscribe+"\n") {
			t.Errorf("%s: no way to unsubscribe", name)
		}
	}
}

func TestALongTitleIsCut(t *testing.T) {
	s := section()
	s.Title = strings.Repeat("語", 5000)
	text := all(t, letters.English, s, term(), "")["registration-made"]
	if len(text.HTML) > 8<<10 || !strings.Contains(text.HTML, "語…") {
		t.Errorf("%d bytes", len(text.HTML))
	}
}

func TestAnUnknownLanguageIsEnglish(t *testing.T) {
	if d := cmp.Diff(all(t, letters.English, section(), term(), "x"), all(t, "xx", section(), term(), "x")); d != "" {
		t.Error(d)
	}
}

// A language is whole, or it is not there.
func TestEveryLanguageSaysEverything(t *testing.T) {
	keys := func(file string) []string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var messages map[string]string
		if err := json.Unmarshal(text, &messages); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		return slices.Sorted(maps.Keys(messages))
	}
	want := keys("messages/en.json")
	found, err := filepath.Glob("messages/*")
	if err != nil || len(found) == 0 || len(want) < 30 {
		t.Fatalf("%v, %v, %d messages", found, err, len(want))
	}
	for _, file := range found {
		if d := cmp.Diff(want, keys(file)); d != "" {
			t.Errorf("%s differs from English (-English +it):\n%s", file, d)
		}
		locale := letters.Locale(strings.TrimSuffix(filepath.Base(file), ".json"))
		for name, text := range all(t, locale, section(), term(), "x") {
			if !strings.Contains(text.HTML, `lang="`+string(locale)+`"`) {
				t.Errorf("%s in %s is in another language", name, locale)
			}
		}
	}
}
