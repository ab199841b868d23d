package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// The university of the benchmark: the same for each side.
const (
	spreadSections = 400
	slots          = 100 // times of a week, a hundred sections apart from each other by four
	perStudent     = 4   // courses that one student takes
	block          = 64  // students who come one after the other before each of them takes the next course

	rushSeats, rushAttempts = 200, 600
	checkStudents           = 64
)

// university is who and what there is.
type university struct {
	rounds   int // that are measured; one more warms up
	students int // who spread over the sections
	crowd    int // who want one section
}

// Kinds of records, as they stand in their ids.
const (
	kindTerm = iota + 1
	kindCourse
	kindSection
	kindStudent
)

func id(kind, n int) string { return fmt.Sprintf("01930000-0000-7000-8%03x-%012x", kind, n) }

// Numbers of sections and students, one group after the other.
func (u university) spread(n int) string { return id(kindSection, n+1) }
func (u university) hot(round int) string {
	return id(kindSection, spreadSections+1+round)
}
func (u university) rush(round int) string { return id(kindSection, spreadSections+1+u.rounds+1+round) }

// check is one of the sections that the sides are tried out on: 0 has a seat, 1 is at the same time, 2 is of the same
// course, 3 has five seats.
func (u university) check(n int) string {
	return id(kindSection, spreadSections+1+2*(u.rounds+1)+n)
}

func (u university) student(n int) string  { return id(kindStudent, n+1) }
func (u university) oneOf(n int) string    { return id(kindStudent, u.students+n+1) }
func (u university) examinee(n int) string { return id(kindStudent, u.students+u.crowd+n+1) }
func (u university) sections() int         { return spreadSections + 2*(u.rounds+1) + 4 }
func (u university) everybody() int        { return u.students + u.crowd + checkStudents }
func (u university) enrolments() int       { return u.students / block * block * perStudent }
func ids(kind, n int) (all []string) {
	for i := range n {
		all = append(all, id(kind, i+1))
	}
	return all
}

// enrolment is the nth of those that spread: of 256 in a row, 64 students take four courses each, at different times.
// So each side meets the same share of first registrations, however many it gets done.
func (u university) enrolment(n int) (section, student string) {
	within := n % (block * perStudent)
	who, course := n/(block*perStudent)*block+within%block, within/block
	return u.spread((who*7 + course*(slots/perStudent)) % spreadSections), u.student(who)
}

// section is the nth, from 0.
func (u university) section(n int, term registrar.Term, stamp registrar.Stamp) (registrar.Course, registrar.Section) {
	const credit, long = 1_00, 5
	credits := registrar.CreditRange{Min: credit, Max: credit}
	course := registrar.Course{ID: registrar.CourseID(id(kindCourse, n+1)), Subject: "CSCI",
		Number: strconv.Itoa(1000 + n),
		Title:  "Course " + strconv.Itoa(n), Description: "An invented course", Credits: credits, School: "Science",
		Stamp: stamp}
	s := registrar.Section{ID: registrar.SectionID(id(kindSection, n+1)), Term: term.ID, Course: course.ID,
		Subject: course.Subject, Number: course.Number, Title: course.Title, CRN: strconv.Itoa(20000 + n), Label: "01",
		Component: "lecture", Credits: credits, Capacity: registrar.MaxCapacity, Status: registrar.SectionOpen, Stamp: stamp}
	at := func(slot int) {
		start := registrar.ClockTime(480 + slot*(long+2))
		s.Meetings = []registrar.Meeting{{Days: 0b0001001, Start: start, End: start + long, From: term.Start,
			To:   lastDay(term),
			Room: "Hall 1"}}
	}
	switch rush, check := spreadSections+u.rounds+1, spreadSections+2*(u.rounds+1); {
	case n < spreadSections:
		at(n % slots)
	case n < rush: // hot: no times, so that one student can be in all of them
	case n < check:
		s.Capacity = rushSeats
	case n == check:
		s.Capacity = 1
		at(0)
	case n == check+1:
		at(0)
	case n == check+2:
		s.Course, s.Subject, s.Number, s.Title = registrar.CourseID(id(kindCourse, check+1)), course.Subject,
			strconv.Itoa(1000+check), "Course "+strconv.Itoa(check)
	case n == check+3:
		s.Capacity = 5
	}
	return course, s
}

func (u university) term(now time.Time) registrar.Term {
	const day, soon, long = 24 * time.Hour, 30, 120
	date := func(days int) registrar.Date {
		return registrar.Date(now.Add(time.Duration(days) * day).Format(time.DateOnly))
	}
	return registrar.Term{ID: registrar.TermID(id(kindTerm, 1)), Code: "NEXT", Title: "Next term", Start: date(soon),
		End: date(soon + long), TimeZone: "America/New_York", Registration: registrar.Window{Open: now.Add(-day)},
		Stamp: registrar.Stamp{}.Next(now)}
}

// lastDay is the last one of a term, whose end is the day after.
func lastDay(t registrar.Term) registrar.Date {
	end, _ := time.Parse(time.DateOnly, string(t.End)) // as term wrote it
	return registrar.Date(end.AddDate(0, 0, -1).Format(time.DateOnly))
}

func (u university) person(n int, stamp registrar.Stamp) registrar.Student {
	return registrar.Student{ID: registrar.StudentID(id(kindStudent, n+1)),
		Number:    registrar.Personal(fmt.Sprintf("U%07d", n)),
		GivenName: "Ada", FamilyName: registrar.Personal(fmt.Sprintf("King%d", n)),
		Email: registrar.Personal(fmt.Sprintf("s%d@example.edu", n)), Active: true, Stamp: stamp}
}

// snapshot fills an embedded DynamoDB by way of the store, and writes its state to a file, for each side's own.
func (u university) snapshot(ctx context.Context, path string) (err error) {
	engine := dynamodb.New(dynamodb.Options{})
	client := sdk.New(sdk.Options{
		Region: cloud.Region, BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: inprocess.Client(engine),
		Credentials: credentials.StaticCredentialsProvider{Value: cloud.Credentials()},
	})
	if _, err := client.CreateTable(ctx, dynamo.TableDefinition(cloud.Table)); err != nil {
		return err
	}
	store := dynamo.New(client, dynamo.Config{Table: cloud.Table, CursorKey: registrar.NewSecret(cloud.CursorKey)},
		time.Now)
	term := u.term(time.Now())
	if err := store.CreateTerm(ctx, term, registrar.Answer{}); err != nil {
		return err
	}
	if err := each(u.sections(), func(n int) error {
		course, section := u.section(n, term, term.Stamp)
		if err := store.CreateCourse(ctx, course, registrar.Answer{}); err != nil {
			return err
		}
		if string(section.Course) != string(course.ID) {
			return nil // its course may not be there yet
		}
		return store.CreateSection(ctx, section, registrar.Answer{})
	}); err != nil {
		return err
	}
	for n := range u.sections() {
		if course, section := u.section(n, term, term.Stamp); section.Course != course.ID {
			if err := store.CreateSection(ctx, section, registrar.Answer{}); err != nil {
				return err
			}
		}
	}
	if err := each(u.everybody(), func(n int) error {
		return store.CreateStudent(ctx, u.person(n, term.Stamp), registrar.Answer{})
	}); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(engine.Freeze()(file), file.Close())
}

// each does something n times, a few at a time.
func each(n int, do func(i int) error) error {
	const atOnce = 4
	errs := make([]error, atOnce)
	var all sync.WaitGroup
	for worker := range atOnce {
		all.Go(func() {
			for i := worker; i < n && errs[worker] == nil; i += atOnce {
				errs[worker] = do(i)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

const schema = `
CREATE TABLE section (id uuid PRIMARY KEY, term uuid NOT NULL, course uuid NOT NULL, crn text NOT NULL,
	title text NOT NULL, status text NOT NULL, days int NOT NULL, begins int NOT NULL, ends int NOT NULL,
	capacity int NOT NULL, free int NOT NULL CHECK (free >= 0), taken int NOT NULL, version int NOT NULL);
CREATE TABLE student (id uuid PRIMARY KEY, number text NOT NULL UNIQUE, name text NOT NULL, email text NOT NULL UNIQUE,
	active boolean NOT NULL, version int NOT NULL);
CREATE TABLE registration (section uuid NOT NULL REFERENCES section, student uuid NOT NULL REFERENCES student,
	term uuid NOT NULL, course uuid NOT NULL, crn text NOT NULL, name text NOT NULL, state text NOT NULL,
	at timestamptz NOT NULL, days int NOT NULL, begins int NOT NULL, ends int NOT NULL, PRIMARY KEY (student, section));
CREATE INDEX roster ON registration (section, state, name);
CREATE TABLE event (id uuid PRIMARY KEY, type text NOT NULL, section uuid NOT NULL, student uuid NOT NULL,
	facts jsonb NOT NULL, at timestamptz NOT NULL);
CREATE INDEX by_section ON event (section, at);
CREATE INDEX by_student ON event (student, at);
CREATE TABLE answer (key text PRIMARY KEY, request bytea NOT NULL, reply jsonb NOT NULL, at timestamptz NOT NULL);`

// fillPostgres makes the same university there.
func (u university) fillPostgres(ctx context.Context, database string) (err error) {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if _, err := conn.Exec(ctx, schema); err != nil {
		return err
	}
	term := u.term(time.Now())
	parse := uuid.MustParse // of ids of ours
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"section"}, []string{"id", "term", "course", "crn", "title", "status",
		"days", "begins", "ends", "capacity", "free", "taken", "version"}, pgx.CopyFromSlice(u.sections(),
		func(n int) ([]any, error) {
			_, s := u.section(n, term, term.Stamp)
			var m registrar.Meeting
			if len(s.Meetings) > 0 {
				m = s.Meetings[0]
			}
			return []any{parse(string(s.ID)), parse(string(s.Term)), parse(string(s.Course)), s.CRN, s.Title,
				string(s.Status), int32(m.Days), int32(m.Start), int32(m.End), s.Capacity, s.Capacity, 0, 1}, nil
		})); err != nil {
		return err
	}
	if _, err = conn.CopyFrom(ctx, pgx.Identifier{"student"}, []string{"id", "number", "name", "email", "active",
		"version"}, pgx.CopyFromSlice(u.everybody(), func(n int) ([]any, error) {
		p := u.person(n, term.Stamp)
		return []any{parse(string(p.ID)), string(p.Number), string(p.FamilyName) + ", " + string(p.GivenName),
			string(p.Email), true, 1}, nil
	})); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "VACUUM ANALYZE")
	return err
}
