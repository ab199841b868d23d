package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/registrar/shared/registrar"
)

// Whichever part of the enrolments a side gets done, a quarter of them are a student's first, nobody is asked to be in
// two places at once, and none comes twice.
func TestEnrolmentsAreAlikeForEachSide(t *testing.T) {
	const students = 4 * block
	u := university{rounds: 2, students: students, crowd: 10}
	term := u.term(time.Now())
	meetings := map[string]registrar.Section{}
	for n := range u.sections() {
		_, s := u.section(n, term, term.Stamp)
		if err := errors.Join(s.Validate(), s.FitsIn(term)); err != nil {
			t.Fatalf("section %d: %v", n, err)
		}
		meetings[string(s.ID)] = s
	}
	held := map[string][]registrar.Section{}
	for n := range u.enrolments() {
		section, student := u.enrolment(n)
		if n%(block*perStudent) < block != (len(held[student]) == 0) {
			t.Fatalf("enrolment %d is the student's number %d", n, len(held[student])+1)
		}
		for _, other := range held[student] {
			if other.Course == meetings[section].Course || registrar.Conflict(other.Meetings, meetings[section].Meetings) {
				t.Fatalf("enrolment %d stands against %s", n, other.ID)
			}
		}
		held[student] = append(held[student], meetings[section])
	}
	if len(held) != students {
		t.Errorf("%d students of %d", len(held), students)
	}
	groups := map[string]bool{}
	for round := range u.rounds + 1 {
		groups[u.hot(round)], groups[u.rush(round)] = true, true
	}
	for n := range 4 {
		groups[u.check(n)] = true
	}
	if len(groups) != u.sections()-spreadSections {
		t.Errorf("%d sections of the groups, want %d", len(groups), u.sections()-spreadSections)
	}
	if seats := meetings[u.rush(0)].Capacity; seats != rushSeats {
		t.Errorf("the rush is for %d seats", seats)
	}
}

// A side that sells a seat without a row, or a seat more than there are, ends the measurement.
func TestSeatsAreComparedWithRows(t *testing.T) {
	for _, c := range []struct {
		name                 string
		answers, taken, rows int // of rushAttempts, so many are created
		wants                string
	}{
		{"as it should be", rushSeats, rushSeats, rushSeats, ""},
		{"a seat too many", rushSeats + 1, rushSeats + 1, rushSeats + 1, "were sold to"},
		{"a seat without a row", rushSeats, rushSeats, rushSeats - 1, "rows are there"},
		{"a counter that lags", rushSeats, rushSeats - 1, rushSeats, "rows are there"},
	} {
		var n, atOnce, most atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if now := atOnce.Add(1); now > most.Load() {
				most.Store(now)
			}
			defer atOnce.Add(-1)
			if r.Header.Get("Idempotency-Key") == "" || n.Add(1) > int64(c.answers) {
				w.WriteHeader(http.StatusConflict)
				fmt.Fprint(w, `{"code": "SECTION_FULL"}`)
				return
			}
			w.WriteHeader(http.StatusCreated)
		}))
		const clients = 4
		s := &side{name: c.name, address: server.URL, app: []int{os.Getpid()}, sold: map[string]int{},
			count: func(context.Context, ...string) (int, int, error) { return c.taken, c.rows, nil }}
		m := &measurement{university: university{rounds: 1, students: block, crowd: rushAttempts},
			clients: newClients(clients)}
		r, err := m.part(t.Context(), scenarios()[2], turn{m.university, s, 0, false}, time.Minute)
		switch {
		case c.wants == "" && err != nil, c.wants != "" && (err == nil || !strings.Contains(err.Error(), c.wants)):
			t.Errorf("%s: %v", c.name, err)
		case r.done() != rushAttempts || r.answers[created()] != c.answers ||
			r.answers["SECTION_FULL"] != rushAttempts-c.answers:
			t.Errorf("%s: %d requests, answered %v", c.name, r.done(), r.answers)
		case most.Load() > clients:
			t.Errorf("%d requests at once of %d clients", most.Load(), clients)
		}
		server.Close()
	}
}
