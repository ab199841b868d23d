package cloud_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"testing"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/shared/api"
	"github.com/google/uuid"
)

// used is what requests cost: operations of the table and their units, and what they allocate, functions and engine
// together.
type used struct{ operations, units, allocations float64 }

// counting is a campus whose table's use is counted.
type counting struct {
	*campus
	mu  sync.Mutex
	now used
}

func openCounting(t *testing.T) *counting {
	t.Helper()
	c := &counting{campus: &campus{T: t, mark: uuid.NewString()[:8]}}
	opened, err := cloud.Open(t.Context(), cloud.Options{
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), System: api.RealSystem(), SQSAddress: "http://sqs.local",
		S3Address: "http://s3.local", Stretch: slowness, Unthrottled: true,
		Observe: func(u dynamodb.Usage) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.now.operations++
			for _, part := range u.Capacity {
				c.now.units += part.Units
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	c.cloud = opened
	return c
}

// cost is what a request costs, in the mean of some that are the same.
func (c *counting) cost(method, path string, body func() any) (u used) {
	c.Helper()
	const runs = 5
	do := func() {
		var in any
		if body != nil {
			in = body()
		}
		c.must(method, path, in, nil)
	}
	do() // what caches know afterwards
	c.now = used{}
	u.allocations = testing.AllocsPerRun(runs, do)
	const all = runs + 1 // it runs once before
	u.operations, u.units = c.now.operations/all, c.now.units/all
	return u
}

// newcomers are students under names of their own.
func (c *counting) newcomers(n int) []string {
	return (&campus{T: c.T, cloud: c.cloud, mark: uuid.NewString()[:8]}).students(n)
}

// next is the address of the page after the first one.
func (c *counting) next(path string) string {
	c.Helper()
	link := c.send(http.MethodGet, path, "", nil).header.Get("Link")
	found := regexp.MustCompile(`<([^>]*)>; rel="next"`).FindStringSubmatch(link)
	if found == nil {
		c.Fatalf("%s has no second page: %q", path, link)
	}
	base, err := url.Parse(path)
	if err != nil {
		c.Fatal(err)
	}
	at, err := base.Parse(found[1])
	if err != nil {
		c.Fatal(err)
	}
	return at.RequestURI()
}

// A page of a list, of a roster and of the audit, a record, and an enrolment cost the same whatever there is: the same
// operations of the table, the same units, and the same work of functions and engine, among ten times as many sections,
// students, registrations and events.
func TestGrowth_Pages(t *testing.T) {
	if outside() {
		t.Skip("only the embedded engine tells what was used")
	}
	// So many events of a section have more than a page in each of the eight partitions that they are spread over.
	const few, times, limit, even = 32, 10, 2, 1.15
	c := openCounting(t)
	term, crowd := c.term(), ""
	crowd = c.section(term, "0", 10_000)
	var students []string
	made := 0
	instant := func(after time.Duration) string { return time.Now().UTC().Add(after).Format(time.RFC3339) }
	began, ended := instant(-time.Minute), instant(time.Hour)
	fill := func(to int) {
		more := c.newcomers(to - made)
		atOnce(len(more), 16, func(i int) {
			c.section(term, fmt.Sprint(made+i+1), 10)
			c.must(http.MethodPost, enrolment(crowd), map[string]any{"student": more[i]}, nil)
		})
		students, made = append(students, more...), to
	}
	each := func() map[string]used {
		all := map[string]used{}
		lists := map[string]string{
			"sections of a term":      "/v1/sections?term=" + term,
			"sections of a subject":   "/v1/sections?term=" + term + "&subject=" + c.mark,
			"courses of a subject":    "/v1/courses?subject=" + c.mark,
			"courses by title":        "/v1/courses?title=A",
			"students":                "/v1/students?",
			"a roster":                enrolment(crowd) + "?",
			"the audit of a section":  "/v1/audit?record=section/" + crowd,
			"the audit of everything": "/v1/audit?from=" + began + "&to=" + ended,
		}
		for name, path := range lists {
			first := path + fmt.Sprint("&limit=", limit)
			all[name] = c.cost(http.MethodGet, first, nil)
			all[name+", next page"] = c.cost(http.MethodGet, c.next(first), nil)
		}
		all["a section"] = c.cost(http.MethodGet, "/v1/sections/"+crowd, nil)
		all["a student"] = c.cost(http.MethodGet, "/v1/students/"+students[0], nil)
		all["a student's schedule"] = c.cost(http.MethodGet, "/v1/students/"+students[0]+"/terms/"+term+"/registrations",
			nil)
		newcomers := c.newcomers(7)
		all["an enrolment"] = c.cost(http.MethodPost, enrolment(crowd), func() any {
			who := newcomers[0]
			newcomers = newcomers[1:]
			return map[string]any{"student": who}
		})
		return all
	}
	fill(few)
	small := each()
	fill(times * few)
	for name, later := range each() {
		before := small[name]
		if later.operations > before.operations || later.units > even*before.units+0.5 ||
			later.allocations > even*before.allocations {
			t.Errorf("%s: %.1f operations, %.1f units, %.0f allocations; among %d times as many %.1f, %.1f, %.0f", name,
				before.operations, before.units, before.allocations, times, later.operations, later.units, later.allocations)
		}
	}
}
