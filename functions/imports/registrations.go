package imports

import (
	"context"
	"errors"
	"fmt"
	"io"

	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
)

// registrations applies a file of registrations, row by row, through the same rules as any other enrolment.
func (a Applier) registrations(ctx context.Context, im *registrar.Import, file io.Reader) error {
	reader, err := intake.NewRegistrations(file)
	if err != nil {
		return err
	}
	term, err := a.Store.Term(ctx, im.Term)
	if err != nil {
		return fmt.Errorf("the import's term: %w", err)
	}
	for {
		var rows []intake.RegistrationRow
		var readErr error
		for len(rows) < batch && readErr == nil {
			var row intake.RegistrationRow
			if row, readErr = reader.Next(); readErr == nil {
				rows = append(rows, row)
			}
		}
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return fmt.Errorf("read the file: %w", readErr)
		}
		problems, err := a.applyRegistrations(ctx, im, term, rows)
		if err != nil {
			return err
		}
		if readErr != nil {
			return a.finish(ctx, im, problems)
		}
		if err := a.save(ctx, im, problems); err != nil {
			return err
		}
	}
}

// applyRegistrations enrols in the order of the rows: a seat goes to whom the file names first.
func (a Applier) applyRegistrations(ctx context.Context, im *registrar.Import, term registrar.Term, rows []intake.RegistrationRow) ([]registrar.ImportProblem, error) {
	var numbers, crns []string
	for _, row := range rows {
		if row.Problem == nil {
			numbers, crns = append(numbers, row.Student), append(crns, row.CRN)
		}
	}
	students, err := a.Store.StudentsByNumber(ctx, numbers)
	if err != nil {
		return nil, fmt.Errorf("students: %w", err)
	}
	sections, err := a.Store.SectionsByCRN(ctx, im.Term, crns)
	if err != nil {
		return nil, fmt.Errorf("sections: %w", err)
	}
	desk := registrar.Desk{Store: a.Store, Audit: newAttempts{a.Audit}, NewID: a.NewID}
	var problems []registrar.ImportProblem
	for _, row := range rows {
		im.Rows.Read++
		student, knownStudent := students[row.Student]
		section, knownSection := sections[row.CRN]
		problem := registrar.ImportProblem{Row: row.Row, Refused: true}
		switch {
		case row.Problem != nil:
			problem.Field, problem.Reason = row.Problem.Field, row.Problem.Reason
		case row.Term != term.Code:
			problem.Field, problem.Reason = "term", "is not the code of the import's term"
		case !knownStudent:
			problem.Field, problem.Reason = "student_number", "there is no such student"
		case !knownSection:
			problem.Field, problem.Reason = "crn", "there is no such section in the term"
		default:
			_, err := desk.Enrol(ctx, registrar.EnrolRequest{
				Section: section.ID, Student: student.ID, At: a.Clock(), Actor: registrar.Actor{Principal: "import:" + string(im.ID)},
			}, registrar.IdempotencyKey{}, nil)
			switch refusals := (registrar.Refusals{}); {
			case err == nil:
				im.Changed.Created++
				im.Rows.Applied++
				continue
			case registrar.IsRefusal(err, registrar.AlreadyEnrolled):
				im.Changed.Unchanged++
				im.Rows.Applied++
				continue
			case errors.As(err, &refusals):
				problem.Field, problem.Reason = "crn", refusals.Error()
			default:
				return nil, fmt.Errorf("row %d: %w", row.Row, err)
			}
		}
		im.Rows.Refused++
		problems = append(problems, problem)
	}
	return problems, nil
}
