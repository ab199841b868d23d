// Package sample is a small university to try Registrar with: terms, courses, sections with meetings, people and a few
// registrations, all invented, and the same each time, ids too, so that the events of events/ find what they name.
//
// It knows the domain, and what it needs of a store and of queues. Start with [Fill].
package sample

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/consumer/cloudevents"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
)

// Store is what [Fill] needs of the store.
type Store interface {
	registrar.RegistrationStore
	CreateTerm(ctx context.Context, t registrar.Term, answer registrar.Answer) error
	CreateCourse(ctx context.Context, c registrar.Course, answer registrar.Answer) error
	CreateInstructor(ctx context.Context, p registrar.Instructor, answer registrar.Answer) error
	CreateSection(ctx context.Context, s registrar.Section, answer registrar.Answer) error
	CreateStudent(ctx context.Context, p registrar.Student, answer registrar.Answer) error
	CreateImport(ctx context.Context, im intake.Import, answer registrar.Answer) error
	KeepRefused(ctx context.Context, events []registrar.Event) error
	SaveMail(ctx context.Context, m mail.Mail) error
}

// How many there are.
const (
	Terms       = 3
	Courses     = 44
	Sections    = 88
	Instructors = 24
	Students    = 500
)

// Kinds of records, as they stand in their ids.
const (
	KindTerm = iota + 1
	KindCourse
	KindSection
	KindInstructor
	KindStudent
	KindImport
	kindEvent
	KindMessage
)

// ID is the id of the nth record of a kind, from 1. The first term is open for registration; the last record of each
// kind has nothing that depends on it.
func ID(kind, n int) string { return fmt.Sprintf("01930000-0000-7000-8%03x-%012x", kind, n) }

// at is the time at which the records of the sample were made.
func at() time.Time { return time.Date(2024, 11, 6, 12, 0, 0, 0, time.UTC) }

// Fill stores the sample. A store that has it already stays as it is.
func Fill(ctx context.Context, store Store) error {
	stamp := registrar.Stamp{}.Next(at())
	for n, term := range terms() {
		term.ID, term.Stamp = registrar.TermID(ID(KindTerm, n+1)), stamp
		err := store.CreateTerm(ctx, term, registrar.Answer{})
		if registrar.IsRefusal(err, registrar.NameTaken) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("sample: a term: %w", err)
		}
	}
	steps := []struct {
		what  string
		count int
		make  func(n int) error
	}{
		{"course", Courses, func(n int) error { return store.CreateCourse(ctx, course(n), registrar.Answer{}) }},
		{"instructor", Instructors, func(n int) error {
			return store.CreateInstructor(ctx, instructor(n),
				registrar.Answer{})
		}},
		{"student", Students, func(n int) error { return store.CreateStudent(ctx, student(n), registrar.Answer{}) }},
		{"section", Sections, func(n int) error { return store.CreateSection(ctx, section(n), registrar.Answer{}) }},
		{"mail", 1, func(int) error { return store.SaveMail(ctx, Mail()) }},
		{"import", 2, func(n int) error { return store.CreateImport(ctx, anImport(n), registrar.Answer{}) }},
		{"registrations of student", Students / 2, func(n int) error { return register(ctx, store, n) }},
	}
	for _, step := range steps {
		if err := each(step.count, step.make); err != nil {
			return fmt.Errorf("sample: a %s: %w", step.what, err)
		}
	}
	return nil
}

// each makes records 1 to n, a few at a time.
func each(n int, do func(n int) error) error {
	const atOnce = 8
	errs := make([]error, atOnce)
	var wg sync.WaitGroup
	for worker := range atOnce {
		wg.Go(func() {
			for i := worker + 1; i <= n && errs[worker] == nil; i += atOnce {
				errs[worker] = do(i)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func terms() []registrar.Term {
	return []registrar.Term{
		{
			Code: "2027-SPRING", Title: "Spring 2027", Start: "2027-01-11", End: "2027-05-08", TimeZone: "America/New_York",
			CreditLimit:  21_00,
			Registration: registrar.Window{Open: time.Date(2024, 11, 4, 13, 0, 0, 0, time.UTC)},
		},
		{
			Code: "2026-FALL", Title: "Fall 2026", Start: "2026-08-24", End: "2026-12-12", TimeZone: "America/New_York",
			CreditLimit:  21_00,
			Registration: registrar.Window{Close: time.Date(2026, 9, 8, 4, 0, 0, 0, time.UTC)},
		},
		{Code: "2027-SUMMER", Title: "Summer 2027", Start: "2027-05-17", End: "2027-08-14", TimeZone: "America/New_York"},
	}
}

// perSubject is how many courses each of the four subjects of subjects has.
const perSubject = 11

func subjects() []string { return []string{"CSCI", "MATH", "PHYS", "HIST"} }

func titles() []string {
	return []string{
		"Introduction", "Foundations", "Methods", "Structures", "Analysis", "Theory", "Laboratory", "Modern Topics",
		"Seminar",
		"Research Methods", "Independent Study",
	}
}

func fields() map[string]string {
	return map[string]string{"CSCI": "Computer Science", "MATH": "Mathematics", "PHYS": "Physics", "HIST": "History",
		"ARTS": "Art"}
}

func course(n int) registrar.Course {
	subject := subjects()[(n-1)/perSubject]
	title := titles()[(n-1)%perSubject]
	if (n-1)%perSubject >= perSubject-2 {
		subject = "ARTS" // the fifth, in the places of the others' last two
	}
	credits := registrar.CreditRange{Min: 4_00, Max: 4_00}
	if title == "Independent Study" {
		credits = registrar.CreditRange{Min: 1_00, Max: 4_00}
	}
	return registrar.Course{
		ID: registrar.CourseID(ID(KindCourse, n)), Subject: subject, Number: fmt.Sprint(1000 + 100*((n-1)%perSubject) +
			(n-1)/perSubject),
		Title: fields()[subject] + ": " + title, Description: "An invented course to try registration with.",
		Credits: credits,
		School:  "School of " + map[bool]string{true: "Humanities", false: "Science"}[subject == "HIST" || subject == "ARTS"],
		Stamp:   registrar.Stamp{}.Next(at()),
	}
}

func instructor(n int) registrar.Instructor {
	name := givenNames()[(n*7)%len(givenNames())] + " " + familyNames()[(n*5)%len(familyNames())]
	return registrar.Instructor{
		ID: registrar.InstructorID(ID(KindInstructor, n)), Name: registrar.Personal(name),
		Email: registrar.Personal(fmt.Sprintf("instructor%d@example.edu", n)),
		Stamp: registrar.Stamp{}.Next(at()),
	}
}

func student(n int) registrar.Student {
	return registrar.Student{
		ID: registrar.StudentID(ID(KindStudent, n)), Number: registrar.Personal(fmt.Sprintf("U%07d", 1_000_000+n)),
		GivenName:  registrar.Personal(givenNames()[(n*11)%len(givenNames())]),
		FamilyName: registrar.Personal(familyNames()[(n*13)%len(familyNames())]),
		Email:      registrar.Personal(fmt.Sprintf("student%d@example.edu", n)), Active: true,
		Stamp: registrar.Stamp{}.Next(at()),
	}
}

// section makes two sections of each course but the last, which nobody offers. The last section has nobody in it.
func section(n int) registrar.Section {
	c := course((n-1)%(Courses-1) + 1)
	s := registrar.Section{
		ID: registrar.SectionID(ID(KindSection, n)), Term: registrar.TermID(ID(KindTerm, 1)), Course: c.ID,
		Subject: c.Subject, Number: c.Number, Title: c.Title, TitleFollows: true, CRN: fmt.Sprint(20000 + n),
		Label:     fmt.Sprintf("%02d", (n-1)/(Courses-1)+1),
		Component: "lecture", Credits: c.Credits, Capacity: 20 + 5*(n%5), Status: registrar.SectionOpen,
		Instructors: []registrar.InstructorID{registrar.InstructorID(ID(KindInstructor, n%(Instructors-1)+1))},
		Stamp:       registrar.Stamp{}.Next(at()),
	}
	if c.Credits.Min != c.Credits.Max {
		return s // independent study is arranged
	}
	const hour = 60
	days := []registrar.Days{0b0001001, 0b0010010, 0b0000101, 0b0010100}[n%4] // MR, TF, MW, WF
	start := registrar.ClockTime(8*hour + (n%5)*2*hour)
	s.Meetings = []registrar.Meeting{{Days: days, Start: start, End: start + 110, From: "2027-01-11", To: "2027-04-30",
		Room: fmt.Sprintf("Hall %d", 100+n)}}
	return s
}

func anImport(n int) intake.Import {
	im := intake.Import{
		ID: registrar.ImportID(ID(KindImport, n)), Kind: intake.KindSections, Format: "yacs-csv",
		Term: registrar.TermID(ID(KindTerm, 3)), State: intake.Waiting, Stamp: registrar.Stamp{}.Next(at()),
	}
	return im
}

// Mail is a mail about a registration of the last student; nobody knows whether it was sent.
func Mail() mail.Mail {
	m := mail.Of(registrar.EventID(ID(kindEvent, 0)),
		mail.OfStudent(registrar.StudentID(ID(KindStudent, Students))), mail.RegistrationMade)
	m.Section, m.At, m.State, m.Reason, m.Claims = registrar.SectionID(ID(KindSection, Sections)), at(),
		mail.Unknown, "HTTP 503", 1
	m.Stamp = m.Next(at())
	return m
}

// File is what is uploaded for the second import: one section.
func File() string {
	return "course_crn,short_name,full_name,course_type,course_credit_hours,course_days_of_the_week," +
		"course_start_time,course_end_time,course_start_date,course_end_date,course_location,course_instructor," +
		"course_max_enroll,course_section,description,raw_precoreqs,prerequisites,school\n" +
		"90001,BIOL-1010,Introduction to Biology,LEC,4,MR,10:00AM,11:50AM,2027-05-17,2027-08-13,Hall 1,Ada " +
		"King,30,01,,,[],School of Science\n"
}

// register takes up to three sections for a student, and leaves out what the rules refuse.
func register(ctx context.Context, store Store, n int) error {
	var mu sync.Mutex
	events := 0
	desk := registrar.Desk{Store: store, Audit: audit{store}, NewID: func() string {
		mu.Lock()
		defer mu.Unlock()
		events++
		return ID(kindEvent, 16*n+events)
	}}
	for k := range 3 {
		_, err := desk.Enrol(ctx, registrar.EnrolRequest{
			Section: registrar.SectionID(ID(KindSection, (n*3+k*29)%(Sections-1)+1)),
			Student: registrar.StudentID(ID(KindStudent, n)),
			Actor:   registrar.Anonymous(), At: at(),
		}, registrar.IdempotencyKey{}, nil)
		var refusals registrar.Refusals
		if err != nil && !errors.As(err, &refusals) {
			return err
		}
	}
	return nil
}

// audit writes what is refused at once, without a queue.
type audit struct{ Store }

// Refused implements [registrar.Auditor].
func (a audit) Refused(ctx context.Context, e registrar.Event) error {
	return a.KeepRefused(ctx, []registrar.Event{e})
}

func givenNames() []string {
	return []string{
		"Ada", "Alan", "Amara", "Ana", "Ben", "Chen", "Clara", "Daniel", "Elif", "Emma", "Femi", "Grace", "Hana", "Ivan",
		"Jonas", "Julia",
		"Kofi", "Lena", "Linh", "Maria", "Mateo", "Mina", "Noah", "Nora", "Omar", "Priya", "Rosa", "Samir", "Sofia", "Tariq",
		"Yuki",
	}
}

func familyNames() []string {
	return []string{
		"Abara", "Almeida", "Bauer", "Castro", "Diaz", "Eriksen", "Fischer", "Garcia", "Haddad", "Ito", "Jansen", "Kaya",
		"Lopez", "Moreau",
		"Nakamura", "Novak", "Okafor", "Patel", "Quinn", "Rossi", "Schmidt", "Tanaka", "Ueda", "Vogel", "Wang", "Xu",
		"Yilmaz", "Zhang", "Adler",
	}
}

// DeadLetterQueue is what [SendToDeadLetters] needs of the audit's queue.
type DeadLetterQueue interface {
	SendToDeadLetters(ctx context.Context, m consumer.Message, reason string) error
}

// SendToDeadLetters makes two dead letters of the audit: an event that could not be written, and a text that is no
// event.
func SendToDeadLetters(ctx context.Context, audit DeadLetterQueue) error {
	refused := registrar.RefusedEvent("enrol", registrar.TermID(ID(KindTerm, 1)), registrar.SectionID(ID(KindSection, 1)),
		registrar.StudentID(ID(KindStudent, 1)), registrar.Anonymous(), at(),
		registrar.Refusals{registrar.Refuse(registrar.SectionFull, "", "")}, func() string { return ID(kindEvent, 1) })
	refused.Request, refused.Correlation = "Sample99IAMEVNw=", "sample-correlation"
	event, err := cloudevents.Marshal(refused)
	if err != nil {
		return fmt.Errorf("sample: %w", err)
	}
	for n, letter := range []struct {
		body   []byte
		reason string
	}{
		{event, "failed 10 times, at last: keep what was refused: too busy to decide in time"},
		{[]byte("{"), "cannot be read: no CloudEvent: unexpected EOF"},
	} {
		const receives = 10
		m := consumer.Message{ID: ID(KindMessage, n+1), Body: letter.body, Receives: receives - n*(receives-1)}
		if err := audit.SendToDeadLetters(ctx, m, letter.reason); err != nil {
			return fmt.Errorf("sample: a dead letter: %w", err)
		}
	}
	return nil
}

// Uploads gives addresses to upload to.
type Uploads interface {
	PresignUpload(ctx context.Context, key string) (intake.Upload, error)
}

// Upload uploads the file of the second import, over HTTP as a client would. The upload's own announcement finds no
// consumer running unless there is one.
func Upload(ctx context.Context, uploads Uploads) error {
	upload, err := uploads.PresignUpload(ctx, "imports/"+ID(KindImport, 2))
	if err != nil {
		return fmt.Errorf("sample: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, upload.Method, upload.URL, strings.NewReader(File()))
	if err != nil {
		return fmt.Errorf("sample: %w", err)
	}
	for name, value := range upload.Headers {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("sample: upload: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("sample: upload: %s", answer.Status)
	}
	return nil
}
