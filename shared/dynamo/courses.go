package dynamo

import (
	"context"
	"strings"

	"example.com/registrar/shared/registrar"
)

func courseKey(id registrar.CourseID) item { return key("COURSE#"+string(id), "COURSE") }

// CreateCourse stores a new course. Its code must be free: else a [registrar.NameTaken] refusal.
func (s *Store) CreateCourse(ctx context.Context, c registrar.Course, answer registrar.Answer) error {
	return s.act(ctx, []action{
		s.putAction(courseItem(c), isNew, nil), s.claim(courseCode, folded(c.Code()), string(c.ID), "number"),
		s.created(ctx, recordOf(registrar.KindCourse, c.ID), c.Version),
	}, answer)
}

// Course reads a course, or a [registrar.NotFound] refusal.
func (s *Store) Course(ctx context.Context, id registrar.CourseID) (registrar.Course, error) {
	return getRecord(ctx, s, courseKey(id), "course", string(id), courseFrom)
}

// CoursesByCode reads the courses that exist among the codes.
func (s *Store) CoursesByCode(ctx context.Context, codes []string) (map[string]registrar.Course, error) {
	return named(ctx, s, courseCode, codes, func(id string) item { return courseKey(registrar.CourseID(id)) }, courseFrom)
}

// Courses lists the courses of a subject by number, or all by title.
func (s *Store) Courses(
	ctx context.Context, filter registrar.CourseFilter, page registrar.PageRequest,
) (registrar.Page[registrar.Course], error) {
	prefix := searched(filter.TextPrefix)
	if filter.Subject == "" {
		return listPage(ctx, s, "courses#"+prefix, s.inIndex("GSI2", "COURSES", prefix), page, courseFrom)
	}
	in := s.inIndex("GSI1", "SUBJECT#"+folded(filter.Subject), "")
	return collect(ctx, s, "courses#"+escaped(folded(filter.Subject))+"#"+prefix, in, page,
		func(_ context.Context, items []item) ([]*registrar.Course, error) {
			courses := make([]*registrar.Course, len(items))
			for n, i := range items {
				c, err := courseFrom(i)
				if err != nil {
					return nil, err
				}
				if strings.HasPrefix(searched(c.Title), prefix) {
					courses[n] = &c
				}
			}
			return courses, nil
		})
}

// UpdateCourse replaces the version that was read, or returns [registrar.ErrVersionMismatch]. A course keeps its
// subject and number for life: sections, transcripts and other systems name it by them.
func (s *Store) UpdateCourse(ctx context.Context, before, after registrar.Course) error {
	return s.act(ctx, []action{
		s.overwrite(courseItem(after), after.Version, "course", "description", "school", "prerequisites"),
		s.updated(ctx, recordOf(registrar.KindCourse, after.ID), after.Version, courseItem(before), courseItem(after)),
	}, registrar.Answer{})
}

// DeleteCourse removes a course that no term offers; [registrar.InUse] else. Version 0 stands for any.
func (s *Store) DeleteCourse(ctx context.Context, id registrar.CourseID, version registrar.Version) error {
	return s.remove(ctx, courseKey(id), recordOf(registrar.KindCourse, id), version,
		func(ctx context.Context) (bool, error) { return s.hasAny(ctx, "COURSE#"+string(id), "OFFERING#") },
		func(record item) ([]action, error) {
			c, err := courseFrom(record)
			return []action{s.release(courseCode, folded(c.Code()), string(id))}, err
		})
}

func courseItem(c registrar.Course) item {
	i := courseKey(c.ID)
	i["GSI1PK"], i["GSI1SK"] = str("SUBJECT#"+folded(c.Subject)), str(escaped(c.Number)+"#"+string(c.ID))
	i["GSI2PK"], i["GSI2SK"] = str("COURSES"), str(searched(c.Title)+"#"+string(c.ID))
	i["subject"], i["number"], i["title"] = str(c.Subject), str(c.Number), str(c.Title)
	put(i, "description", c.Description)
	put(i, "school", c.School)
	put(i, "prerequisites", c.Prerequisites)
	i["creditsMin"], i["creditsMax"] = num(c.Credits.Min), num(c.Credits.Max)
	i["requires"] = texts(c.Requires)
	stampInto(i, c.Stamp)
	return i
}

func courseFrom(i item) (registrar.Course, error) {
	r := read("course", i)
	return record(&r, registrar.Course{
		ID:      registrar.CourseID(r.key("PK", "COURSE#")),
		Subject: r.mustSay("subject"), Number: r.mustSay("number"), Title: r.must("title"),
		Description: r.text("description"),
		Credits:     r.credits(), School: r.text("school"), Prerequisites: r.text("prerequisites"),
		Requires: mustTexts[string](&r, "requires"), Stamp: r.stamp(),
	})
}

func (r *reader) credits() registrar.CreditRange {
	return registrar.CreditRange{Min: count[registrar.Credits](r, "creditsMin"),
		Max: count[registrar.Credits](r, "creditsMax")}
}
