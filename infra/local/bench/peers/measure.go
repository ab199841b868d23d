package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// scenario is what clients do in a turn.
type scenario struct {
	name    string
	awaited []string // answers
	fixed   bool     // so many requests, however long they take; and nothing warms up
	// begin gives the requests of a turn, and the sections that they are for, if they are for seats.
	begin func(t turn) (next func() (request, bool), sections []string)
}

// turn is a side's in a round.
type turn struct {
	university
	*side
	round int
	warm  bool // it warms up
}

func created() string { return fmt.Sprint(http.StatusCreated) }

func scenarios() []scenario {
	return []scenario{
		{name: "enrol, spread over 400 sections", awaited: []string{created()}, begin: spreadOut},
		{name: "enrol, one hot section", awaited: []string{created()}, begin: crowdIn},
		{name: fmt.Sprintf("%d want the last %d seats", rushAttempts, rushSeats),
			awaited: []string{created(), "SECTION_FULL"},
			fixed:   true, begin: rushIn},
		{name: "read a section", awaited: []string{fmt.Sprint(http.StatusOK)},
			begin: func(t turn) (func() (request, bool), []string) {
				return func() (request, bool) { return reading(t.spread(rand.IntN(spreadSections))), true }, nil
			}},
	}
}

func spreadOut(t turn) (next func() (request, bool), sections []string) {
	return func() (request, bool) {
		n := t.spreadTo
		if n == t.enrolments() {
			return request{}, false
		}
		t.spreadTo++
		section, student := t.enrolment(n)
		return enrolling(section, student, fmt.Sprint("spread-", n)), true
	}, ids(kindSection, spreadSections)
}

// crowdIn has a section of its own for each round, and one for all that warms up.
func crowdIn(t turn) (next func() (request, bool), sections []string) {
	round, n := t.round, new(int)
	if t.warm {
		round, n = t.rounds, &t.warmed
	}
	return func() (request, bool) {
		if *n == t.crowd {
			return request{}, false
		}
		*n++
		return enrolling(t.hot(round), t.oneOf(*n-1), fmt.Sprint("hot-", round, "-", *n)), true
	}, []string{t.hot(round)}
}

func rushIn(t turn) (next func() (request, bool), sections []string) {
	n := 0
	return func() (request, bool) {
		if n == rushAttempts {
			return request{}, false
		}
		n++
		return enrolling(t.rush(t.round), t.oneOf(n-1), fmt.Sprint("rush-", t.round, "-", n)), true
	}, []string{t.rush(t.round)}
}

// figures are of one turn.
type figures struct {
	perSecond  float64
	app, store time.Duration // of the processor, for one request
	times      *hdrhistogram.Histogram
	others     map[string]int // answers that were not awaited
}

// measurement is all that was measured: by scenario and side, a figure for each round.
type measurement struct {
	university
	options
	sides   []*side
	clients *clients
	figures [][][]figures
	memory  [][2]int64 // of each side's server and store, at the end
}

func (m *measurement) all(ctx context.Context) error {
	all := scenarios()
	m.figures = make([][][]figures, len(all))
	for i := range all {
		m.figures[i] = make([][]figures, len(m.sides))
	}
	for round := range m.options.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, m.options.rounds)
		for i, sc := range all {
			for k := range m.sides {
				at := (round + k) % len(m.sides)
				f, err := m.turn(ctx, sc, m.sides[at], round)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", m.sides[at].name, sc.name, err)
				}
				m.figures[i][at] = append(m.figures[i][at], f)
			}
		}
	}
	for _, s := range m.sides {
		app, err := used(s.app...)
		if err != nil {
			return err
		}
		store, err := used(s.store...)
		if err != nil {
			return err
		}
		m.memory = append(m.memory, [2]int64{app.bytes, store.bytes})
	}
	return nil
}

func (m *measurement) turn(ctx context.Context, sc scenario, s *side, round int) (figures, error) {
	const warming = 500 * time.Millisecond
	long := m.long
	if sc.fixed {
		long = longestAnswer
	} else if _, err := m.part(ctx, sc, turn{m.university, s, round, true}, warming); err != nil {
		return figures{}, err
	}
	before, storeBefore, err := m.used(s)
	if err != nil {
		return figures{}, err
	}
	r, err := m.part(ctx, sc, turn{m.university, s, round, false}, long)
	if err != nil {
		return figures{}, err
	}
	after, storeAfter, err := m.used(s)
	if err != nil {
		return figures{}, err
	}
	each := time.Duration(r.done())
	return figures{perSecond: r.perSecond(), app: (after - before) / each, store: (storeAfter - storeBefore) / each,
		times: r.times, others: r.also(sc.awaited...)}, nil
}

func (m *measurement) used(s *side) (app, store time.Duration, err error) {
	a, err := used(s.app...)
	if err != nil {
		return 0, 0, err
	}
	b, err := used(s.store...)
	return a.processor, b.processor, err
}

// part makes the requests, and compares the seats that were sold with the rows.
func (m *measurement) part(ctx context.Context, sc scenario, t turn, long time.Duration) (run, error) {
	next, sections := sc.begin(t)
	r, err := m.clients.make(ctx, t.address, long, next)
	if err != nil || r.done() == 0 {
		return r, fmt.Errorf("%d requests are answered: %w", r.done(), err)
	}
	if len(sections) == 0 {
		return r, nil
	}
	t.sold[sections[0]] += r.answers[created()]
	sold := t.sold[sections[0]]
	taken, rows, err := t.count(ctx, sections...)
	switch {
	case err != nil:
		return r, err
	case taken != rows || rows < sold || rows != sold && len(r.also(sc.awaited...)) == 0:
		return r, fmt.Errorf("%d seats were sold, %d are taken and %d rows are there", sold, taken, rows)
	case sc.fixed && rows != rushSeats:
		return r, fmt.Errorf("%d of %d seats were sold to %d who wanted one", rows, rushSeats, rushAttempts)
	}
	return r, nil
}
