package yacs_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/registrar/infra/local/yacs"
)

func TestSchedule_MovesToAComingYear(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fall.csv")
	const file = "semester,course_start_date,course_end_date,course_crn,description\n" +
		"FALL 2024,2024-08-28,2024-12-20,1,\"One, and\nanother\"\n\n" +
		"broken,row\n" +
		"FALL 2024,TBA,2024-10-18,2,\n"
	const moved = "semester,course_start_date,course_end_date,course_crn,description\n" +
		"FALL 2027,2027-08-25,2027-12-17,1,\"One, and\nanother\"\n\n" +
		"broken,row\n" +
		"FALL 2027,TBA,2027-10-15,2,\n"
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	schedule, err := yacs.Look(path)
	if err != nil || schedule.Code() != "2024-FALL" || schedule.Title() != "Fall 2024" {
		t.Fatalf("%+v, %v", schedule, err)
	}
	for now, want := range map[string]int{
		"2024-07-01": 0, "2024-12-20": 0, "2024-12-21": 0, "2024-12-22": 1, "2025-08-26": 1, "2025-08-27": 2, "2026-11-27": 3,
	} {
		at, err := time.Parse(time.DateOnly, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := schedule.Years(at); got != want {
			t.Errorf("on %s: %d years, want %d", now, got, want)
		}
	}
	later := schedule.Moved(3)
	if later.Code() != "2027-FALL" || later.Start.Weekday() != schedule.Start.Weekday() ||
		later.End.Format(time.DateOnly) != "2027-12-17" {
		t.Errorf("moved: %+v", later)
	}
	var got bytes.Buffer
	if err := later.Write(&got, path); err != nil || got.String() != moved {
		t.Errorf("%v\n%s", err, got.String())
	}
	got.Reset()
	if err := schedule.Write(&got, path); err != nil || got.String() != file {
		t.Errorf("not moved: %v\n%s", err, got.String())
	}
}
