package registrartest

import (
	"context"
	"time"

	"example.com/registrar/shared/registrar"
)

// settled is a store whose lists are asked for when they show all that was written before.
type settled struct{ Store }

func settle() { time.Sleep(time.Second) }

func (s settled) Terms(ctx context.Context, p registrar.PageRequest) (registrar.Page[registrar.Term], error) {
	settle()
	return s.Store.Terms(ctx, p)
}

func (s settled) Courses(ctx context.Context, f registrar.CourseFilter, p registrar.PageRequest) (registrar.Page[registrar.Course], error) {
	settle()
	return s.Store.Courses(ctx, f, p)
}

func (s settled) Sections(ctx context.Context, f registrar.SectionFilter, p registrar.PageRequest) (registrar.Page[registrar.SectionView], error) {
	settle()
	return s.Store.Sections(ctx, f, p)
}

func (s settled) Students(ctx context.Context, f registrar.StudentFilter, p registrar.PageRequest) (registrar.Page[registrar.Student], error) {
	settle()
	return s.Store.Students(ctx, f, p)
}

func (s settled) Instructors(ctx context.Context, p registrar.PageRequest) (registrar.Page[registrar.Instructor], error) {
	settle()
	return s.Store.Instructors(ctx, p)
}

func (s settled) Roster(ctx context.Context, id registrar.SectionID, p registrar.PageRequest) (registrar.Page[registrar.Registration], error) {
	settle()
	return s.Store.Roster(ctx, id, p)
}

func (s settled) ImportProblems(ctx context.Context, im registrar.Import, p registrar.PageRequest) (registrar.Page[registrar.ImportProblem], error) {
	settle()
	return s.Store.ImportProblems(ctx, im, p)
}

func (s settled) Imports(ctx context.Context, ended bool, p registrar.PageRequest) (registrar.Page[registrar.Import], error) {
	settle()
	return s.Store.Imports(ctx, ended, p)
}

func (s settled) TermSections(ctx context.Context, term registrar.TermID, p registrar.PageRequest) (registrar.Page[registrar.SectionRef], error) {
	settle()
	return s.Store.TermSections(ctx, term, p)
}

func (s settled) SeatAccount(ctx context.Context, ref registrar.SectionRef, consistent bool) (registrar.SeatAccount, error) {
	settle()
	return s.Store.SeatAccount(ctx, ref, consistent)
}

func (s settled) OfferingAccounts(ctx context.Context, c registrar.Course, consistent bool) ([]registrar.OfferingAccount, error) {
	settle()
	return s.Store.OfferingAccounts(ctx, c, consistent)
}

func (s settled) StudentIDs(ctx context.Context, p registrar.PageRequest) (registrar.Page[registrar.StudentID], error) {
	settle()
	return s.Store.StudentIDs(ctx, p)
}

func (s settled) StudentAccount(ctx context.Context, id registrar.StudentID, consistent bool) (registrar.StudentAccount, error) {
	settle()
	return s.Store.StudentAccount(ctx, id, consistent)
}

func (s settled) Events(ctx context.Context, f registrar.EventFilter, p registrar.PageRequest) (registrar.Page[registrar.Event], error) {
	settle()
	return s.Store.Events(ctx, f, p)
}

func (s settled) Published(ctx context.Context, from, to time.Time, p registrar.PageRequest) (registrar.Page[registrar.Event], error) {
	settle()
	return s.Store.Published(ctx, from, to, p)
}

func (s settled) OpenMails(ctx context.Context, state registrar.MailState, at time.Time, p registrar.PageRequest) (registrar.Page[registrar.Mail], error) {
	settle()
	return s.Store.OpenMails(ctx, state, at, p)
}
