package cloud_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
	"github.com/google/uuid"
)

// campus is a local cloud, or the engines that the environment names behind the same functions. Its records' names are
// its own, since an engine outside this process may hold those of others.
type campus struct {
	*testing.T
	cloud *cloud.Cloud
	mark  string // in every name
}

func open(t *testing.T) *campus {
	t.Helper()
	c, err := cloud.Open(t.Context(), cloud.Options{
		Getenv: os.Getenv, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
		System: api.RealSystem(), SQSAddress: "http://sqs.local", S3Address: "http://s3.local", Stretch: slowness,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &campus{T: t, cloud: c, mark: uuid.NewString()[:8]}
}

// outside tells that the engines are not this process's own: they are slower, and may refuse for contention.
func outside() bool { return os.Getenv("AWS_ENDPOINT_URL_DYNAMODB") != "" }

// rounds is how often a race is run: SOAK, or once.
func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("SOAK")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("SOAK is %q, want a number of rounds", text)
	}
	return n
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// code is that of a problem, or empty.
func (a answer) code() string {
	var problem struct {
		Code string `json:"code"`
	}
	if a.status < http.StatusBadRequest || json.Unmarshal(a.body, &problem) != nil {
		return ""
	}
	return problem.Code
}

// send asks the API: gateway, Lambda event, function, store. Told that it is too fast, it waits a little, as a client
// should; so it does with a key when an engine outside, on a busy machine, could not answer in time. Ours has no
// excuse.
func (c *campus) send(method, path, key string, body any) answer {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			c.Error(err)
		}
	}
	for {
		r := httptest.NewRequestWithContext(c.Context(), method, path, bytes.NewReader(text))
		r.Header.Set("Content-Type", "application/json")
		if key != "" {
			r.Header.Set("Idempotency-Key", key)
		}
		w := httptest.NewRecorder()
		c.cloud.API.ServeHTTP(w, r)
		if w.Code != http.StatusTooManyRequests && !(w.Code == http.StatusServiceUnavailable && key != "" && outside()) {
			return answer{status: w.Code, header: w.Header(), body: w.Body.Bytes()}
		}
		time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
	}
}

// must sends what is to succeed, and reads the answer into out unless that is nil.
func (c *campus) must(method, path string, body, out any) {
	c.Helper()
	a := c.send(method, path, "", body)
	if a.status >= http.StatusMultipleChoices {
		c.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	if out != nil {
		if err := json.Unmarshal(a.body, out); err != nil {
			c.Fatal(err)
		}
	}
}

// create makes a record and gives its id.
func (c *campus) create(resource string, body map[string]any) string {
	c.Helper()
	var made struct {
		ID string `json:"id"`
	}
	c.must(http.MethodPost, "/v1/"+resource, body, &made)
	return made.ID
}

func (c *campus) term() string {
	c.Helper()
	return c.create("terms", map[string]any{
		"code": "T-" + c.mark, "title": "A term", "start": "2027-01-11", "end": "2027-05-08", "timeZone": "America/New_York",
		"registration": map[string]any{"open": "2000-01-01T00:00:00Z"},
	})
}

// section makes an open section of a new course.
func (c *campus) section(term, number string, capacity int) string {
	c.Helper()
	course := c.create("courses", map[string]any{
		"subject": c.mark, "number": number, "title": "A course", "credits": map[string]any{"min": 4, "max": 4},
	})
	return c.create("sections", map[string]any{"term": term, "course": course, "crn": number, "capacity": capacity,
		"status": "open"})
}

// students makes so many, a few at a time.
func (c *campus) students(n int) []string {
	c.Helper()
	ids := make([]string, n)
	atOnce(n, 16, func(i int) {
		a := c.send(http.MethodPost, "/v1/students", "", map[string]any{"number": fmt.Sprintf("%s-%d", c.mark, i),
			"givenName": "N.", "familyName": "N."})
		var made struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(a.body, &made); err != nil || a.status != http.StatusCreated {
			c.Errorf("student %d: %d %s", i, a.status, a.body)
		}
		ids[i] = made.ID
	})
	if c.Failed() {
		c.FailNow()
	}
	return ids
}

// atOnce calls do for 0 to n-1. All have started before the first is let go; limit of them run side by side.
func atOnce(n, limit int, do func(i int)) {
	var started, done sync.WaitGroup
	let := make(chan struct{})
	places := make(chan struct{}, limit)
	started.Add(n)
	for i := range n {
		done.Go(func() {
			started.Done()
			<-let
			places <- struct{}{}
			do(i)
			<-places
		})
	}
	started.Wait()
	close(let)
	done.Wait()
}

func enrolment(section string) string { return "/v1/sections/" + section + "/registrations" }

// The promise: whoever is told so has a seat, everyone else is told that there is none, and there are as many as said.
func TestRace_AThousandWantThirtySeats(t *testing.T) {
	const seats = 30
	crowd, limit := 1000, 1000
	if outside() {
		crowd, limit = 200, 64
	}
	for round := range rounds(t) {
		c := open(t)
		section, students := c.section(c.term(), "1", seats), c.students(crowd)
		answers := make([]answer, crowd)
		atOnce(crowd, limit, func(i int) {
			answers[i] = c.send(http.MethodPost, enrolment(section), students[i], map[string]any{"student": students[i]})
		})
		enrolled := map[string]bool{}
		for i, a := range answers {
			switch {
			case a.status == http.StatusCreated:
				enrolled[students[i]] = true
			case a.status != http.StatusConflict || a.code() != "SECTION_FULL":
				t.Errorf("round %d: student %d: %d %s", round, i, a.status, a.body)
			}
		}
		taken := registrartest.CheckSeats(t, c.cloud.Store, registrar.SectionID(section))
		if len(enrolled) != seats || taken != seats {
			t.Errorf("round %d: %d were told that they have one of %d seats, %d have", round, len(enrolled), seats, taken)
		}
		for i, student := range students {
			r, err := c.cloud.Store.Registration(t.Context(), registrar.SectionID(section), registrar.StudentID(student))
			switch has := err == nil && r.State == registrar.Enrolled; {
			case err != nil && !registrar.IsRefusal(err, registrar.NotFound):
				t.Fatal(err)
			case has != enrolled[student]:
				t.Errorf("round %d: student %d was told %t, and has a seat: %t", round, i, enrolled[student], has)
			}
		}
	}
}

// Seats that come back are given out again, to whoever asks after that, and each once.
func TestRace_DropsAndEnrolmentsMixed(t *testing.T) {
	crowd := 120
	if outside() {
		crowd = 60
	}
	for round := range rounds(t) {
		c := open(t)
		section, students := c.section(c.term(), "1", crowd/4), c.students(crowd)
		atOnce(crowd, 64, func(i int) {
			for try := range 3 {
				key := fmt.Sprint(students[i], "-", try)
				a := c.send(http.MethodPost, enrolment(section), key, map[string]any{"student": students[i]})
				switch {
				case a.status == http.StatusCreated && i%3 == 0: // these stay
					return
				case a.status == http.StatusCreated:
					if a = c.send(http.MethodDelete, enrolment(section)+"/"+students[i], key+"-drop", nil); a.status != http.StatusOK {
						c.Errorf("round %d: drop: %d %s", round, a.status, a.body)
					}
				case a.code() != "SECTION_FULL":
					c.Errorf("round %d: enrol: %d %s", round, a.status, a.body)
				}
			}
		})
		registrartest.CheckSeats(t, c.cloud.Store, registrar.SectionID(section))
	}
}

// One student who clicks everywhere at once stays within the rules about the whole schedule.
func TestRace_OneStudentManySections(t *testing.T) {
	const sections, limit = 12, 20 // credits; each section has four
	for round := range rounds(t) {
		c := open(t)
		term := c.create("terms", map[string]any{
			"code": "T-" + c.mark, "title": "A term", "start": "2027-01-11", "end": "2027-05-08", "timeZone": "America/New_York",
			"registration": map[string]any{"open": "2000-01-01T00:00:00Z"}, "creditLimit": limit,
		})
		student := c.students(1)[0]
		ids := make([]string, sections)
		for i := range ids {
			ids[i] = c.section(term, strconv.Itoa(i+1), 5)
		}
		atOnce(2*sections, 2*sections, func(i int) {
			a := c.send(http.MethodPost, enrolment(ids[i%sections]), fmt.Sprint(c.mark, "-", i),
				map[string]any{"student": student})
			if a.status != http.StatusCreated && a.code() != "CREDITS_OVER" && a.code() != "ALREADY_ENROLLED" {
				c.Errorf("round %d: %d %s", round, a.status, a.body)
			}
		})
		var schedule struct {
			Credits float64 `json:"credits"`
			Items   []struct {
				State string `json:"state"`
			} `json:"items"`
		}
		c.must(http.MethodGet, "/v1/students/"+student+"/terms/"+term+"/registrations", nil, &schedule)
		if schedule.Credits != limit || len(schedule.Items) != limit/4 {
			t.Errorf("round %d: %d sections of %g credits, want %d", round, len(schedule.Items), schedule.Credits, limit)
		}
		for _, id := range ids {
			registrartest.CheckSeats(t, c.cloud.Store, registrar.SectionID(id))
		}
	}
}

// A request that is sent again with its key has one effect and one answer, to the byte.
func TestRace_OneKeyOneEffect(t *testing.T) {
	for round := range rounds(t) {
		c := open(t)
		term := c.term()
		section, students := c.section(term, "1", 10), c.students(2)
		post := func(path, key string, body any) func() answer {
			return func() answer { return c.send(http.MethodPost, path, key, body) }
		}
		course := func(number string) map[string]any {
			return map[string]any{"subject": c.mark, "number": number, "title": "Again", "credits": map[string]any{"min": 1.5,
				"max": 3}}
		}
		ask := post("/v1/imports", c.mark+"-import", map[string]any{"kind": "sections", "term": term})
		for name, send := range map[string]func() answer{
			"enrol":         post(enrolment(section), c.mark+"-enrol", map[string]any{"student": students[0]}),
			"create":        post("/v1/courses", c.mark+"-create", course("again")),
			"ask to import": func() answer { return withoutUpload(t, ask()) },
		} {
			same(t, fmt.Sprintf("round %d: %s, one after the other", round, name), []answer{send(), send(), send()})
		}
		for name, send := range map[string]func() answer{
			"enrol":  post(enrolment(section), c.mark+"-enrol-at-once", map[string]any{"student": students[1]}),
			"create": post("/v1/courses", c.mark+"-create-at-once", course("at-once")),
			"drop": func() answer {
				return c.send(http.MethodDelete, enrolment(section)+"/"+students[0], c.mark+"-drop-at-once", nil)
			},
		} {
			answers := make([]answer, 3)
			atOnce(len(answers), len(answers), func(i int) { answers[i] = send() })
			same(t, fmt.Sprintf("round %d: %s, at once", round, name), answers)
		}
		if taken := registrartest.CheckSeats(t, c.cloud.Store, registrar.SectionID(section)); taken != 1 {
			t.Errorf("round %d: %d seats are taken after two enrolments and a drop", round, taken)
		}
	}
}

// withoutUpload leaves out of an answer the address to upload to: it is signed anew each time, so that it is never one
// that has expired.
func withoutUpload(t *testing.T, a answer) answer {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(a.body, &members); err != nil || members["upload"] == nil {
		t.Fatalf("%d %s: %v, want an address to upload to", a.status, a.body, err)
	}
	delete(members, "upload")
	body, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	a.body = body
	return a
}

// same checks that all answers are the first success, to the byte.
func same(t *testing.T, name string, answers []answer) {
	t.Helper()
	first := answers[0]
	for i, a := range answers {
		if a.status >= http.StatusMultipleChoices || a.status != first.status || !bytes.Equal(a.body, first.body) ||
			a.header.Get("Etag") != first.header.Get("Etag") || a.header.Get("Location") != first.header.Get("Location") {
			t.Errorf("%s: answer %d: %d %s, the first: %d %s", name, i+1, a.status, a.body, first.status, first.body)
		}
	}
}
