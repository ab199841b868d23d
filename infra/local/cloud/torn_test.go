package cloud_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
)

// torn lets something happen between the answer's key and the other items of a BatchGetItem, which is no snapshot.
type torn struct {
	next    http.Handler
	between func()
	armed   atomic.Bool
}

// ServeHTTP implements [http.Handler].
func (c *torn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	type keys struct {
		Keys           []map[string]map[string]string
		ConsistentRead bool
	}
	type responses struct{ Responses map[string][]json.RawMessage }
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ask := func(w http.ResponseWriter, body []byte) {
		again := r.Clone(r.Context())
		again.Body, again.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		c.next.ServeHTTP(w, again)
	}
	var request struct{ RequestItems map[string]keys }
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".BatchGetItem") && json.Unmarshal(body, &request) == nil {
		for table, all := range request.RequestItems {
			answer, rest := keys{ConsistentRead: true}, keys{ConsistentRead: true}
			for _, k := range all.Keys {
				if strings.HasPrefix(k["PK"]["S"], "ANSWER#") {
					answer.Keys = append(answer.Keys, k)
				} else {
					rest.Keys = append(rest.Keys, k)
				}
			}
			if len(answer.Keys) == 0 || !c.armed.CompareAndSwap(true, false) {
				continue
			}
			var both [2]responses
			for i, part := range []keys{answer, rest} {
				text, err := json.Marshal(map[string]any{"RequestItems": map[string]keys{table: part}})
				out := httptest.NewRecorder()
				if ask(out, text); err != nil || json.Unmarshal(out.Body.Bytes(), &both[i]) != nil {
					http.Error(w, "a part of a batch", http.StatusInternalServerError)
					return
				}
				if i == 0 {
					c.between()
				}
			}
			both[1].Responses[table] = append(both[1].Responses[table], both[0].Responses[table]...)
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			// to a recorder
			_ = json.NewEncoder(w).Encode(map[string]any{"Responses": both[1].Responses, "UnprocessedKeys": struct{}{}})
			return
		}
	}
	ask(w, body)
}

// A client sends its request again while the first attempt is under way, with the same key: it is told what the first
// attempt did, and not that the section is full, or the student in it already, or the mail settled.
func TestARetryIsAnsweredThatComesWhileTheFirstAttemptCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &torn{}
		r := gather(t, 1, 1, 1, func(next http.Handler) http.Handler {
			engine.next = next
			return engine
		})
		student := r.students[0]
		mail := mail.Mail{
			ID: "01234567-89ab-cdef-0123-456789abcdef", Event: "e", Kind: mail.RegistrationMade,
			Recipient: mail.OfStudent(registrar.StudentID(student)),
			State:     mail.Unknown, At: time.Now(), Stamp: registrar.Stamp{}.Next(time.Now()),
		}
		if err := r.cloud.Store.SaveMail(t.Context(), mail); err != nil {
			t.Fatal(err)
		}
		for _, request := range []struct {
			what, method, path string
			body               any
		}{
			{"enrol", http.MethodPost, enrolment(string(r.section)), map[string]any{"student": student}},
			{"drop", http.MethodDelete, enrolment(string(r.section)) + "/" + student, nil},
			{"settle-a-mail", http.MethodPost, "/v1/mails/" + string(mail.ID) + "/resolution", map[string]any{"as": "sent"}},
		} {
			var first answer
			engine.between = func() { first = r.send(request.method, request.path, request.what, request.body) }
			engine.armed.Store(true)
			second := r.send(request.method, request.path, request.what, request.body)
			if engine.armed.Load() {
				t.Errorf("%s: no batch was torn", request.what)
			}
			same(t, request.what, []answer{first, second})
		}
	})
}

// Nothing is arranged: the store's contention, and each request twice within a few milliseconds.
func TestRace_OneKeyTwiceUnderContention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const crowd = 40
		r := gather(t, 1, crowd, crowd, nil)
		for _, request := range []struct {
			method string
			path   func(student string) string
			body   func(student string) any
		}{
			{http.MethodPost, func(string) string { return enrolment(string(r.section)) },
				func(student string) any { return map[string]any{"student": student} }},
			{http.MethodDelete, func(student string) string { return enrolment(string(r.section)) + "/" + student },
				func(string) any { return nil }},
		} {
			answers := make([]answer, 2*crowd)
			atOnce(2*crowd, 2*crowd, func(i int) {
				student := r.students[i/2]
				time.Sleep(time.Duration(i/2*100+i%2*(i%20)) * time.Millisecond)
				answers[i] = r.send(request.method, request.path(student), request.method+student, request.body(student))
			})
			for i := range crowd {
				same(t, fmt.Sprintf("%s by student %d", request.method, i), answers[2*i:2*i+2])
			}
		}
		if lost := r.cloud.Engines.Usage.Report().Total.Conflicts; lost == 0 {
			t.Error("nothing conflicted: the test says nothing")
		}
	})
}

// What the request named may be gone when it comes again: its key has an answer all the same.
func TestACreationIsAnsweredWhenItsCourseIsGone(t *testing.T) {
	c := open(t)
	term := c.term()
	course := c.create("courses", map[string]any{"subject": c.mark, "number": "1", "title": "A course",
		"credits": map[string]any{"min": 4, "max": 4}})
	create := func() answer {
		return c.send(http.MethodPost, "/v1/sections", c.mark+"-section", map[string]any{"term": term, "course": course,
			"crn": "1", "capacity": 1, "status": "open"})
	}
	first := create()
	var made struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(first.body, &made); err != nil || first.status != http.StatusCreated {
		t.Fatalf("%d %s", first.status, first.body)
	}
	c.must(http.MethodDelete, "/v1/sections/"+made.ID, nil, nil)
	c.must(http.MethodDelete, "/v1/courses/"+course, nil, nil)
	same(t, "a section of a course that is gone", []answer{first, create()})
}
