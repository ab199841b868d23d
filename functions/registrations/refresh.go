package registrations

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/registrar"
)

// RefreshStore is what [Refresh] needs of the store.
type RefreshStore interface {
	registrar.RefreshStore
	registrar.TitleStore
	CourseTerms(ctx context.Context, course registrar.CourseID) ([]registrar.TermID, error)
	Sections(
		ctx context.Context, f registrar.SectionFilter, page registrar.PageRequest,
	) (registrar.Page[registrar.SectionView], error)
	Roster(ctx context.Context, section registrar.SectionID,
		page registrar.PageRequest) (registrar.Page[registrar.Registration], error)
	Registrations(ctx context.Context, student registrar.StudentID) ([]registrar.Registration, error)
}

// Refresh makes the work of the function registrations-refresh. Registrations and term records have copies of facts of
// a section or a student, and sections have a copy of their course's title; the copies follow each change. Refresh
// reads what the records say now, so that events may come late, twice and out of order. It leaves fresh copies alone,
// so that one delivery continues where another was killed. It needs no claims: doing it twice makes no difference. A
// dropped registration keeps its CRN.
func Refresh(s consumer.Settings, store RefreshStore) consumer.Handler {
	s.Claims = nil
	return consumer.Events(s, consumer.EventWork{
		Name: "registrations-refresh",
		Do: map[registrar.EventType]func(context.Context, registrar.Event) error{
			registrar.KindSection.Updated(): func(ctx context.Context, e registrar.Event) error {
				if !changed(e, "crn", "component", "meetings") {
					return nil
				}
				return refreshRoster(ctx, store, registrar.SectionID(e.Record.ID), s.Clock)
			},
			registrar.KindCourse.Updated(): func(ctx context.Context, e registrar.Event) error {
				if !changed(e, "title") {
					return nil
				}
				return refreshTitles(ctx, store, registrar.CourseID(e.Record.ID), s.Clock)
			},
			registrar.KindStudent.Updated(): func(ctx context.Context, e registrar.Event) error {
				if !changed(e, "givenName", "familyName") {
					return nil
				}
				return refreshSchedule(ctx, store, registrar.StudentID(e.Record.ID), s.Clock)
			},
		},
	})
}

// changed reports whether an event says that any of the fields changed.
func changed(e registrar.Event, fields ...string) bool {
	return slices.ContainsFunc(e.Changed(), func(field string) bool { return slices.Contains(fields, field) })
}

// refreshRoster goes through all students who are enrolled in a section. The roster is an index, and lags a little; the
// queue delays each change for longer than that.
func refreshRoster(ctx context.Context, store RefreshStore, section registrar.SectionID, now registrar.Clock) error {
	for page := (registrar.PageRequest{Limit: registrar.MaxPage}); ; {
		roster, err := store.Roster(ctx, section, page)
		if registrar.IsRefusal(err, registrar.NotFound) {
			return nil // it was deleted, so nobody ever registered
		}
		if err != nil {
			return fmt.Errorf("refresh the registrations of section %s: %w", section, err)
		}
		var failed []error
		for _, r := range roster.Items {
			failed = append(failed, registrar.Refresh(ctx, store, section, r.Student, now))
		}
		if err := errors.Join(failed...); err != nil {
			return fmt.Errorf("refresh the registrations of section %s: %w", section, err)
		}
		if page.Cursor = roster.Next; page.Cursor == "" {
			return nil
		}
	}
}

// refreshTitles goes through the sections of a course in all terms. Their list is an index, and lags a little, like the
// roster.
func refreshTitles(ctx context.Context, store RefreshStore, course registrar.CourseID, now registrar.Clock) error {
	terms, err := store.CourseTerms(ctx, course)
	if err != nil {
		return fmt.Errorf("refresh the titles of course %s: %w", course, err)
	}
	var failed []error
	for _, term := range terms {
		for page := (registrar.PageRequest{Limit: registrar.MaxPage}); ; {
			sections, err := store.Sections(ctx, registrar.SectionFilter{Term: term, Course: course}, page)
			if err != nil {
				return fmt.Errorf("refresh the titles of course %s: %w", course, err)
			}
			for _, v := range sections.Items {
				failed = append(failed, registrar.FollowTitle(ctx, store, v.ID, now))
			}
			if page.Cursor = sections.Next; page.Cursor == "" {
				break
			}
		}
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("refresh the titles of course %s: %w", course, err)
	}
	return nil
}

func refreshSchedule(ctx context.Context, store RefreshStore, student registrar.StudentID, now registrar.Clock) error {
	all, err := store.Registrations(ctx, student)
	if err != nil {
		return fmt.Errorf("refresh the registrations of student %s: %w", student, err)
	}
	for _, r := range all {
		if err := registrar.Refresh(ctx, store, r.Section, student, now); err != nil {
			return fmt.Errorf("refresh the registration of student %s in section %s: %w", student, r.Section, err)
		}
	}
	return nil
}
