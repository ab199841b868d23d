// Package yacs reads the term of a schedule in the columns of the YACS project. It moves a schedule whose term has
// ended to a coming year, since a term that has ended takes no registrations.
package yacs

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// year is by how much schedules are moved: whole weeks, so that each day stays the day of the week that it was.
const year = 52 * 7

// Schedule is what a file says of its term.
type Schedule struct {
	Season     string    // "FALL"
	Year       int       // 2024
	Start, End time.Time // first and last day of any meeting, midnight UTC
	years      int       // by how many years of 52 weeks it was moved
}

// the columns that are read.
const semester, starts, ends = "semester", "course_start_date", "course_end_date"

// Look reads what a file says of its term.
func Look(path string) (Schedule, error) {
	var s Schedule
	text, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	term := ""
	err = each(text, func(_ []byte, row []string, at columns) {
		if row == nil {
			return // the import will tell of it
		}
		term = cmp.Or(row[at.semester], term)
		if start, err := time.Parse(time.DateOnly, row[at.start]); err == nil && (s.Start.IsZero() || start.Before(s.Start)) {
			s.Start = start
		}
		if end, err := time.Parse(time.DateOnly, row[at.end]); err == nil && end.After(s.End) {
			s.End = end
		}
	})
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	s.Season, s.Year = semesterOf(term)
	if s.Year == 0 {
		return s, fmt.Errorf(`%s must name its semester in the column semester, as in "FALL 2024"`, path)
	}
	if s.Start.IsZero() || s.End.IsZero() {
		return s, fmt.Errorf("%s has no row with a first and a last day", path)
	}
	return s, nil
}

func semesterOf(text string) (season string, number int) {
	season, text, _ = strings.Cut(text, " ")
	number, err := strconv.Atoi(text)
	if err != nil || season == "" {
		return "", 0
	}
	return season, number
}

// Code is the code of the term, "2024-FALL".
func (s Schedule) Code() string { return strconv.Itoa(s.Year) + "-" + s.Season }

// Title is "Fall 2024".
func (s Schedule) Title() string {
	return s.Season[:1] + strings.ToLower(s.Season[1:]) + " " + strconv.Itoa(s.Year)
}

// Years says by how many years the schedule is to be moved: none while its term goes on or is still to come, else as
// few as bring its first day after now.
func (s Schedule) Years(now time.Time) int {
	if !now.After(s.End.AddDate(0, 0, 1)) {
		return 0
	}
	for years := 1; ; years++ {
		if s.Moved(years).Start.After(now) {
			return years
		}
	}
}

// Moved is the schedule so many years later, of 52 weeks each.
func (s Schedule) Moved(years int) Schedule {
	s.years, s.Year = s.years+years, s.Year+years
	s.Start, s.End = s.Start.AddDate(0, 0, years*year), s.End.AddDate(0, 0, years*year)
	return s
}

// Write writes the file at path with its dates and its semester as the schedule was moved. What is no date, and a row
// that is broken, stays as it is.
func (s Schedule) Write(out io.Writer, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var moved bytes.Buffer
	w := csv.NewWriter(&moved)
	err = each(text, func(raw []byte, row []string, at columns) {
		if row == nil {
			w.Flush()
			moved.Write(raw)
			return
		}
		for _, i := range []int{at.start, at.end} {
			if day, err := time.Parse(time.DateOnly, row[i]); err == nil {
				row[i] = day.AddDate(0, 0, s.years*year).Format(time.DateOnly)
			}
		}
		if season, number := semesterOf(row[at.semester]); number != 0 {
			row[at.semester] = season + " " + strconv.Itoa(number+s.years)
		}
		w.Flush()
		moved.Write(raw[:len(raw)-len(bytes.TrimLeft(raw, "\r\n"))]) // lines without anything are rows too
		_ = w.Write(row)                                             // into memory
	})
	w.Flush()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, err = out.Write(moved.Bytes())
	return err
}

type columns struct{ semester, start, end int }

// each gives every record of a file as it stands there, the header too, and split into fields. Row is nil for the
// header, and for one that cannot be split or is of another length than the header.
func each(text []byte, do func(raw []byte, row []string, at columns)) error {
	reader := csv.NewReader(bytes.NewReader(text))
	reader.FieldsPerRecord = -1
	header, err := reader.Read()
	if err != nil {
		return fmt.Errorf("the header: %w", err)
	}
	at := columns{slices.Index(header, semester), slices.Index(header, starts), slices.Index(header, ends)}
	if min(at.semester, at.start, at.end) < 0 {
		return errors.New("the file must have the columns " + semester + ", " + starts + " and " + ends +
			": say CODE=, the code of its term")
	}
	before := reader.InputOffset()
	do(text[:before], nil, at)
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || len(row) != len(header) {
			row = nil
		}
		now := reader.InputOffset()
		do(text[before:now], row, at)
		before = now
	}
}
