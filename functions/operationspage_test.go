package functions_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/registrar/functions"
)

// page is a Markdown file: the text below each of its headings, down to the next that is not deeper, by the heading's
// anchor.
type page map[string]string

// anchor is what GitHub makes of a heading.
func anchor(heading string) string {
	kept := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(kept, " ", "-")
}

func readPage(t *testing.T, name string) page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	p := page{}
	open := map[int]string{} // anchors of the headings above, by their level
	code := false
	for line := range strings.Lines(string(text)) {
		code = code != strings.HasPrefix(strings.TrimSpace(line), "```")
		if marks := len(line) - len(strings.TrimLeft(line, "#")); marks > 0 && line[marks] == ' ' && !code {
			for level := range open {
				if level >= marks {
					delete(open, level)
				}
			}
			open[marks] = anchor(strings.TrimSpace(line[marks:]))
			if _, twice := p[open[marks]]; twice {
				t.Errorf("%s has the heading %s twice: a link finds only the first", name, open[marks])
			}
		}
		for _, name := range open {
			p[name] += line
		}
	}
	return p
}

// wants fails when the text below a heading lacks anything.
func (p page) wants(t *testing.T, heading, of string, parts ...string) {
	t.Helper()
	text, ok := p[heading]
	if !ok {
		t.Errorf("docs/operations.md has no heading #%s for %s", heading, of)
		return
	}
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("docs/operations.md#%s does not say %q, which is so of %s", heading, part, of)
		}
	}
}

// grouped writes 50000 as people read it.
func grouped(n int) string {
	const group = 1000
	if n < group {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/group), n%group)
}

func TestOperationsPageHasEveryAlarm(t *testing.T) {
	p := readPage(t, "docs/operations.md")
	ids := map[string]bool{}
	for _, a := range functions.Alarms(functions.All()) {
		if ids[a.ID] {
			t.Errorf("there are two alarms %s", a.ID)
		}
		ids[a.ID] = true
		id := a.ID
		if a.Page == "a-function-fails-or-is-throttled" { // one heading for all
			id = "<Function>" + a.Metric
		}
		p.wants(t, a.Page, "the alarm "+a.ID, "`"+id+"`")
		if a.Period <= 0 || a.Breaching < 1 || a.Breaching > a.Periods || a.Says == "" || len(a.Dimensions) == 0 ||
			strings.ContainsAny(a.Description(), `"\`) {
			t.Errorf("alarm %s is %+v", a.ID, a)
		}
	}
	for _, f := range functions.All() {
		want := []string{f.LogicalID() + "Errors", f.LogicalID() + "Throttles"}
		if f.Queue != nil {
			id := functions.Function{Name: f.Queue.Name}.LogicalID()
			want = append(want, id+"QueueLate", id+"QueueDeep", id+"DeadLetters")
			if f.Queue.Late <= 0 || f.Queue.Deep <= 0 {
				t.Errorf("the queue %s does not say when it is late, and when deep", f.Queue.Name)
			}
		}
		for _, z := range f.Zeros {
			name := z.Counter.String()
			want = append(want, f.LogicalID()+strings.ToUpper(name[:1])+name[1:])
		}
		if f.Schedule != nil {
			want = append(want, f.LogicalID()+"Missed")
		}
		if f.Stream != nil {
			want = append(want, f.LogicalID()+"Late", f.LogicalID()+"GivenUp", f.LogicalID()+"Lost")
		}
		for _, id := range want {
			if !ids[id] {
				t.Errorf("%s has no alarm %s", f.Name, id)
			}
		}
	}
}

func TestOperationsPageHasEverySchedule(t *testing.T) {
	p := readPage(t, "docs/operations.md")
	for _, f := range functions.All() {
		if f.Schedule != nil {
			p.wants(t, "schedules", f.Name, "`"+f.Name+"`", "`"+f.Schedule.Expression+"`")
		}
	}
	missed := map[string]int{}
	for _, a := range functions.Alarms(functions.All()) {
		if a.Below {
			missed[a.ID] = a.Periods
		}
	}
	// every quarter of an hour; from 09:40 to 06:00
	if missed["ImportsSweepMissed"] != 2 || missed["AuditReconcileMissed"] != 22 {
		t.Errorf("schedules are missed after hours: %v", missed)
	}
}

func TestOperationsPageHasEveryQueue(t *testing.T) {
	p := readPage(t, "docs/operations.md")
	headings := map[string]bool{}
	for _, f := range functions.All() {
		if f.Stream != nil {
			p.wants(t, "the-relay", f.Name, "`"+f.Name+"`", fmt.Sprintf("%d times", f.Stream.Retries),
				fmt.Sprintf("%d hours", int(f.Stream.MaxAge.Hours())),
				fmt.Sprintf("%d minutes", int(f.Stream.Late.Minutes())), functions.FailedPrefix)
		}
		if f.Queue == nil {
			continue
		}
		q := f.Queue
		heading := "queue-" + q.Name
		headings[heading] = true
		want := []string{
			"`" + f.Name + "`", fmt.Sprintf("%d deliveries", q.Receives), fmt.Sprintf("%d minutes", int(q.Late.Minutes())),
			grouped(q.Deep),
			"`registrar-<stage>-" + q.Name + "-dead`", "`" + q.Name + "-dead`",
		}
		if len(q.Events) > 0 {
			want = append(want, "`events-relay`")
		}
		for _, kind := range q.Events {
			want = append(want, "`"+string(kind)+"`")
		}
		if q.Uploads != "" {
			want = append(want, "S3, for objects under `"+q.Uploads+"`")
		}
		for _, other := range functions.All() {
			if other.Stream == nil && slices.Contains(other.Sends, q.Name) {
				want = append(want, "`"+other.Name+"`")
			}
		}
		p.wants(t, heading, "the queue "+q.Name, want...)
	}
	for heading := range p {
		if strings.HasPrefix(heading, "queue-") && !headings[heading] {
			t.Errorf("docs/operations.md#%s is of no queue", heading)
		}
	}
}

// A page that leads nowhere is no help at night.
func TestOperationsPageLeadsSomewhere(t *testing.T) {
	p := readPage(t, "docs/operations.md")
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	for _, o := range operations(unwired) {
		paths[regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(o.Path, "*")] = true
	}
	all := p["operations"]
	for _, link := range regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(all, -1) {
		if _, ok := p[link[1]]; !ok {
			t.Errorf("docs/operations.md links to #%s, which is not there", link[1])
		}
	}
	for _, target := range regexp.MustCompile("(?m)(?:^|`)make ([a-z]+)").FindAllStringSubmatch(all, -1) {
		if !strings.Contains(string(makefile), "\n"+target[1]+":") {
			t.Errorf("docs/operations.md says make %s, which the Makefile does not know", target[1])
		}
	}
	for _, address := range regexp.MustCompile(`\$api(/[^\s?"]*)`).FindAllStringSubmatch(all, -1) {
		segments := strings.Split(address[1], "/")
		for known := range paths { // whichever segments are an id or a queue's name
			pattern := strings.Split(strings.TrimPrefix(known, "/v1"), "/")
			if len(pattern) == len(segments) && fits(pattern, segments) {
				segments = nil
				break
			}
		}
		if segments != nil {
			t.Errorf("docs/operations.md asks for %s, which no operation answers", address[1])
		}
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil || !strings.Contains(string(readme), "docs/operations.md") {
		t.Errorf("README.md does not lead to docs/operations.md: %v", err)
	}
}

func TestOperationsPageHasEveryLifecycle(t *testing.T) {
	p := readPage(t, "docs/operations.md")
	of := map[string]time.Duration{}
	for _, l := range functions.Lifecycles(functions.All()) {
		if of[l.Prefix] != 0 {
			t.Errorf("two lifecycles are of the prefix %s", l.Prefix)
		}
		of[l.Prefix] = l.Kept
		p.wants(t, "files-in-the-bucket", l.Prefix, "`"+l.Prefix+"`", fmt.Sprintf("| %d days |", l.Kept/day))
	}
	p.wants(t, "files-in-the-bucket", "older versions", fmt.Sprintf("for %d days", functions.VersionsKept/day))
	if of[functions.FailedPrefix] == 0 || of["imports/"] == 0 {
		t.Errorf("the bucket's prefixes are kept for %v", of)
	}
}

const day = 24 * time.Hour

func fits(pattern, segments []string) bool {
	for i, part := range pattern {
		if part != "*" && part != segments[i] {
			return false
		}
	}
	return true
}
