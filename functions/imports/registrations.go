package imports

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/intake/files"
	"example.com/registrar/shared/registrar"
)

// registrations applies a file of registrations, row by row, through the same rules as any other enrolment. A run that
// continues skips the rows that the import has counted. The rows after them belong to the batch in which the last
// worker stopped. None of them is decided again: a seat that was given is found by the row's idempotency key, and a
// refusal by its decision.
func (a Applier) registrations(ctx context.Context, im *intake.Import, file io.Reader) error {
	reader, err := files.NewRegistrations(file)
	if err != nil {
		return err
	}
	term, err := a.Store.Term(ctx, im.Term)
	if err != nil {
		return fmt.Errorf("the import's term: %w", err)
	}
	list := registrationList{Applier: a, im: im, term: term, decided: map[int]intake.Decision{}}
	if im.Resumes() {
		if err := list.resume(ctx, reader); err != nil {
			return err
		}
	}
	for {
		var rows []files.RegistrationRow
		var readErr error
		for len(rows) < batch && readErr == nil {
			var row files.RegistrationRow
			if row, readErr = reader.Next(); readErr == nil {
				rows = append(rows, row)
			}
		}
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return fmt.Errorf("read the file: %w", readErr)
		}
		notes := notesOf(reader.Notes())
		report, err := list.apply(ctx, rows)
		if err != nil {
			return err
		}
		report.Problems = append(notes, report.Problems...)
		if readErr != nil {
			return a.finish(ctx, im, report)
		}
		if err := a.save(ctx, im, report); err != nil {
			return err
		}
	}
}

// notesOf makes problems of the notes on a file as a whole.
func notesOf(told []files.Problem) []intake.Problem {
	notes := make([]intake.Problem, len(told))
	for i, p := range told {
		notes[i] = intake.Problem{Row: p.Row, Field: p.Field, Reason: p.Reason, Refused: p.Refused}
	}
	return notes
}

// registrationList is a file of registrations while it is being applied.
type registrationList struct {
	Applier

	im      *intake.Import
	term    registrar.Term
	decided map[int]intake.Decision // by row: what the last worker refused and had no time to save
}

// resume skips the rows that the import has counted, and reads what was decided on those after them.
func (l registrationList) resume(ctx context.Context, reader *files.Registrations) error {
	last := 0
	for range l.im.Rows.Read {
		row, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return &files.FileError{Reason: "the file is not the one that the import began with: it has fewer rows"}
		}
		if err != nil {
			return fmt.Errorf("read the file: %w", err)
		}
		last = row.Row
	}
	_ = reader.Notes() // they were reported with the rows
	decisions, err := l.Store.Decisions(ctx, l.im.ID, last)
	for _, d := range decisions {
		l.decided[d.Row] = d
	}
	return err
}

// apply enrols in the order of the rows: the student whom the file names first gets the seat.
func (l registrationList) apply(ctx context.Context, rows []files.RegistrationRow) (intake.Report, error) {
	var report intake.Report
	var numbers, crns []string
	for _, row := range rows {
		if row.Problem == nil {
			numbers, crns = append(numbers, row.Student), append(crns, row.CRN)
		}
	}
	students, err := l.Store.StudentsByNumber(ctx, numbers)
	if err != nil {
		return report, fmt.Errorf("students: %w", err)
	}
	sections, err := l.Store.SectionsByCRN(ctx, l.im.Term, crns)
	if err != nil {
		return report, fmt.Errorf("sections: %w", err)
	}
	for _, row := range rows {
		l.im.Rows.Read++
		student, knownStudent := students[row.Student]
		section, knownSection := sections[row.CRN]
		problem := intake.Problem{Row: row.Row, Refused: true}
		switch decision, decided := l.decided[row.Row]; {
		case decided:
			problem.Field, problem.Reason = "crn", decision.Reason
			// Again, because the audit may not have it; it keeps each event once.
			if err := l.Audit.Refused(ctx, decision.Event); err != nil {
				return report, fmt.Errorf("row %d: %w", row.Row, err)
			}
		case row.Problem != nil:
			problem.Field, problem.Reason = row.Problem.Field, row.Problem.Reason
		case registrar.FoldCode(row.Term) != registrar.FoldCode(l.term.Code):
			problem.Field, problem.Reason = "term", "is not the code of the import's term"
		case !knownStudent:
			problem.Field, problem.Reason = "student_number", "there is no such student"
		case !knownSection:
			problem.Field, problem.Reason = "crn", "there is no such section in the term"
		default:
			var o outcome
			if err := l.enrol(ctx, row, section.ID, student.ID, &o); err != nil {
				return report, fmt.Errorf("row %d: %w", row.Row, err)
			}
			report.Changes = append(report.Changes, o.tally(l.im, row.Row)...)
			if o.refusal == nil {
				l.im.Rows.Applied++
				continue
			}
			problem.Field, problem.Reason = "crn", o.refusal.Error()
		}
		l.im.Rows.Refused++
		report.Problems = append(report.Problems, problem)
	}
	return report, nil
}

// enrol decides one row. Only failures are errors.
func (l registrationList) enrol(
	ctx context.Context,
	row files.RegistrationRow,
	section registrar.SectionID,
	student registrar.StudentID,
	o *outcome,
) error {
	var heard event
	desk := registrar.Desk{Store: l.Store, Audit: &heard, NewID: l.NewID}
	_, err := desk.Enrol(ctx, registrar.EnrolRequest{
		Section: section, Student: student, At: l.Clock(), Actor: registrar.Actor{Principal: principal(l.im.ID)},
	}, registrar.IdempotencyKey{
		Principal: principal(l.im.ID),
		Key:       "row-" + strconv.Itoa(row.Row), Request: sha256.Sum256([]byte(string(section) + " " + string(student))),
	}, func(registrar.Registration) ([]byte, error) { return []byte("enrolled"), nil })
	var before *registrar.AnsweredBefore
	var refusals registrar.Refusals
	var one *registrar.Refusal
	switch {
	case err == nil, errors.As(err, &before): // before: by a worker that was interrupted
		o.created("registration")
		return nil
	case slices.Equal(registrar.Event(heard).Codes(), []registrar.Code{registrar.AlreadyEnrolled}):
		// The student is enrolled already, which is what the row wants. It is not an attempt.
		o.unchanged++
		return nil
	case errors.As(err, &refusals), errors.As(err, &one):
		o.refusal = err
		return l.refuse(ctx, intake.Decision{Row: row.Row, Reason: err.Error(), Event: registrar.Event(heard)})
	}
	return err
}

// refuse stores the decision before the audit gets it: a row of which the audit knows stays refused.
func (l registrationList) refuse(ctx context.Context, d intake.Decision) error {
	if dry(*l.im) {
		return nil // it is not an attempt
	}
	if err := l.Store.KeepDecision(ctx, l.im.ID, d); err != nil {
		return err
	}
	return l.Audit.Refused(ctx, d.Event)
}

// event is an auditor that keeps the one event of an attempt for its caller.
type event registrar.Event

// Refused implements [registrar.Auditor].
func (e *event) Refused(_ context.Context, refused registrar.Event) error {
	*e = event(refused)
	return nil
}
