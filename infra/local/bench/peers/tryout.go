package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
)

// tryOut holds a side to what all of them do: it makes requests whose outcomes are known, among them some at once.
func tryOut(ctx context.Context, u university, s *side) error {
	const atOnce = 20
	c := newClients(atOnce)
	enrol := func(section, student, key string) (string, []byte, error) {
		status, body, err := c.do(ctx, s.address, enrolling(section, student, key))
		return outcome(status, body), body, err
	}
	created := created()
	var first []byte
	for n, step := range []struct{ section, student, key, want string }{
		{u.check(0), u.examinee(0), "once", created},
		{u.check(0), u.examinee(0), "once", created}, // the same answer, and no second effect
		{u.check(0), u.examinee(1), "once", "IDEMPOTENCY_MISMATCH"},
		{u.check(0), u.examinee(0), "again", "ALREADY_ENROLLED"},
		{u.check(0), u.examinee(1), "late", "SECTION_FULL"},
		{u.check(1), u.examinee(0), "clash", "TIME_CONFLICT"},
		{u.check(2), u.examinee(0), "same-course", "DUPLICATE_COURSE"},
		{id(kindSection, u.sections()+1), u.examinee(0), "nowhere", "NOT_FOUND"},
		{u.check(1), id(kindStudent, u.everybody()+1), "nobody", "NOT_FOUND"},
		{u.check(1), u.examinee(1), "", created}, // without a key
	} {
		got, body, err := enrol(step.section, step.student, step.key)
		if err != nil {
			return err
		}
		if got != step.want {
			return fmt.Errorf("step %d is answered %s, want %s: %.300s", n, got, step.want, body)
		}
		switch n {
		case 0:
			first = body
		case 1:
			if !sameJSON(first, body) {
				return fmt.Errorf("a key is answered %s the first time and %s the second", first, body)
			}
		}
	}
	var mu sync.Mutex
	answers := map[string]int{}
	var all sync.WaitGroup
	var failed error
	for n := range atOnce {
		all.Go(func() {
			got, _, err := enrol(u.check(3), u.examinee(2+n), fmt.Sprint("crowd-", n))
			mu.Lock()
			defer mu.Unlock()
			if answers[got]++; err != nil {
				failed = err
			}
		})
	}
	all.Wait()
	const seats = 5
	if answers[created] != seats || answers["SECTION_FULL"] != atOnce-seats || failed != nil {
		return fmt.Errorf("%d at once want %d seats: %v, %w", atOnce, seats, answers, failed)
	}
	for n, want := range map[int]int{0: 1, 1: 1, 2: 0, 3: seats} {
		if taken, rows, err := s.count(ctx, u.check(n)); taken != want || rows != want || err != nil {
			return fmt.Errorf("%d seats are taken by %d rows, want %d: %w", taken, rows, want, err)
		}
	}
	return nil
}

// sameJSON compares two answers; what is white between does not count.
func sameJSON(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return bytes.Equal(a, b)
	}
	first, errFirst := json.Marshal(x)
	second, errSecond := json.Marshal(y)
	return errFirst == nil && errSecond == nil && bytes.Equal(first, second)
}
