package main

import (
	"cmp"
	"slices"

	"example.com/registrar/shared/registrar"
)

// meeting is a meeting as the API shows it.
type meeting struct {
	Days, Start, End, From, To string
}

func (m meeting) domain() registrar.Meeting {
	days, _ := registrar.ParseDays(m.Days)
	start, _ := registrar.ParseClockTime(m.Start)
	end, _ := registrar.ParseClockTime(m.End)
	return registrar.Meeting{Days: days, Start: start, End: end, From: registrar.Date(m.From), To: registrar.Date(m.To)}
}

// A load that a student could have.
const (
	mostCredits  = 21
	mostSections = 8
)

// timetable is what an invented student has so far.
type timetable struct {
	courses  []string
	meetings []registrar.Meeting
	credits  float64
}

func (t *timetable) fits(s *section, meetings []registrar.Meeting) bool {
	return len(t.courses) < mostSections && t.credits+s.Credits.Min <= mostCredits &&
		!slices.Contains(t.courses, s.Course) &&
		!registrar.Conflict(t.meetings, meetings)
}

// plan gives every section as many students as tried for it: no student has two sections at one time, a course twice,
// or an unlikely load. The largest sections come first; a student is invented when no other fits.
func plan(sections []section, demand map[string]int) (students int, attempts []attempt) {
	ordered := make([]*section, len(sections))
	for i := range sections {
		ordered[i] = &sections[i]
	}
	slices.SortFunc(ordered, func(a, b *section) int {
		return cmp.Or(cmp.Compare(demand[b.CRN], demand[a.CRN]), cmp.Compare(a.CRN, b.CRN))
	})
	var tables []*timetable
	next := 0 // where the search goes on, so that loads grow evenly
	for _, s := range ordered {
		meetings := make([]registrar.Meeting, len(s.Meetings))
		for i, m := range s.Meetings {
			meetings[i] = m.domain()
		}
		given := 0
		for looked := 0; looked < len(tables) && given < demand[s.CRN]; looked++ {
			i := next % len(tables)
			next++
			if tables[i].fits(s, meetings) {
				attempts = append(attempts, attempt{student: i, section: s})
				tables[i].take(s, meetings)
				given++
			}
		}
		for ; given < demand[s.CRN]; given++ {
			t := &timetable{}
			t.take(s, meetings)
			attempts = append(attempts, attempt{student: len(tables), section: s})
			tables = append(tables, t)
		}
	}
	return len(tables), attempts
}

func (t *timetable) take(s *section, meetings []registrar.Meeting) {
	t.courses = append(t.courses, s.Course)
	t.meetings = append(t.meetings, meetings...)
	t.credits += s.Credits.Min
}
