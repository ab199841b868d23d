package registrar

import (
	"context"
	"errors"
	"time"
)

// TitleStore is what [FollowTitle] needs of the store.
type TitleStore interface {
	Course(ctx context.Context, id CourseID) (Course, error)
	Section(ctx context.Context, id SectionID) (SectionView, error)
	// SaveTitle replaces a section, if it and its course are still the versions that were read; else [ErrStale], and
	// nothing is written.
	SaveTitle(ctx context.Context, before, after Section, course Course) error
}

type titleFacts struct {
	section Section
	course  Course
}

// FollowTitle gives a section its course's title, unless the section has a title of its own. Doing it again changes
// nothing. Nothing is done for a section or a course that was deleted.
func FollowTitle(ctx context.Context, store TitleStore, id SectionID, now Clock) error {
	err := Decision[titleFacts]{
		Read: func(ctx context.Context) (titleFacts, error) {
			view, err := store.Section(ctx, id)
			if err != nil {
				return titleFacts{}, err
			}
			course, err := store.Course(ctx, view.Course)
			return titleFacts{view.Section, course}, err
		},
		Commit: func(ctx context.Context, f titleFacts) error {
			after, stale := DecideTitle(f.section, f.course, now())
			if !stale {
				return nil
			}
			err := store.SaveTitle(ctx, f.section, after, f.course)
			if errors.Is(err, ErrVersionMismatch) {
				return ErrStale
			}
			return err
		},
		Same: func(a, b titleFacts) bool {
			return a.section.Version == b.section.Version && a.course.Version == b.course.Version
		},
	}.Make(ctx)
	if IsRefusal(err, NotFound) {
		return nil
	}
	return err
}

// DecideTitle reports whether a section that follows its course's title has another one, and what the section should
// be.
func DecideTitle(s Section, c Course, now time.Time) (after Section, stale bool) {
	if !s.TitleFollows || s.Title == c.Title {
		return s, false
	}
	s.Title, s.Stamp = c.Title, s.Next(now)
	return s, true
}
