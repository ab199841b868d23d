package dynamo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func sectionKey(id registrar.SectionID) item { return key("SECTION#"+string(id), "SECTION") }

func offeringKey(s registrar.Section) item {
	return key("COURSE#"+string(s.Course), "OFFERING#"+string(s.Term))
}

func membershipKey(s registrar.Section) item {
	return key("TERM#"+string(s.Term), "SECTION#"+string(s.Course)+"#"+string(s.ID))
}

func taughtKey(s registrar.Section, instructor registrar.InstructorID) item {
	return key("INSTRUCTOR#"+string(instructor), "SECTION#"+string(s.Term)+"#"+string(s.ID))
}

func crnName(s registrar.Section) string { return string(s.Term) + "#" + s.CRN }

// CreateSection stores a new section with its seats, and the offering with the first of them. Term, course and
// instructors must exist ([registrar.NotFound]), the CRN must be free in the term ([registrar.NameTaken]), and the
// meetings must be within the term: [registrar.FieldErrors].
func (s *Store) CreateSection(ctx context.Context, section registrar.Section, answer registrar.Answer) error {
	actions := []action{
		s.putAction(sectionItem(section), isNew, nil),
		s.putAction(seatsItem(section), isNew, nil),
		s.claim(crn, folded(crnName(section)), string(section.ID), "crn"),
		s.putAction(membershipKey(section), "", nil),
		s.updateAction(offeringKey(section), "SET sections = if_not_exists(sections, :none) + :one, version = "+
			"if_not_exists(version, :none) + :one, "+
			"createdAt = if_not_exists(createdAt, :now), updatedAt = :now", "",
			item{":none": num(0), ":one": num(1), ":now": instant(section.UpdatedAt)}, nil),
		s.holds(section),
		s.needs(courseKey(section.Course), "course", string(section.Course)),
		s.created(ctx, recordOf(registrar.KindSection, section.ID), section.Version),
	}
	for _, id := range section.Instructors {
		actions = append(actions, s.teaches(section, id)...)
	}
	return s.act(ctx, actions, answer)
}

func (s *Store) teaches(section registrar.Section, id registrar.InstructorID) []action {
	return []action{
		s.needs(instructorKey(id), "instructor", string(id)),
		s.putAction(taughtKey(section, id), "", nil),
	}
}

// Section reads a section and its seats, or a [registrar.NotFound] refusal.
func (s *Store) Section(ctx context.Context, id registrar.SectionID) (registrar.SectionView, error) {
	views, err := s.sectionViews(ctx, []registrar.SectionID{id})
	if err != nil {
		return registrar.SectionView{}, err
	}
	if views[0] == nil {
		return registrar.SectionView{}, notFound("section", string(id))
	}
	return *views[0], nil
}

// Offering reads a course's offering in a term, or a [registrar.NotFound] refusal.
func (s *Store) Offering(
	ctx context.Context, term registrar.TermID, course registrar.CourseID,
) (registrar.Offering, error) {
	id := registrar.OfferingOf(term, course)
	i, err := s.getItem(ctx, offeringKey(registrar.Section{Term: term, Course: course}), "offering", string(id))
	if err != nil {
		return registrar.Offering{}, err
	}
	r := read("offering", i)
	return record(&r, registrar.Offering{ID: id, Term: term, Course: course, Sections: count[int](&r, "sections"),
		Stamp: r.stamp()})
}

// sectionViews reads sections with their seats, nil for one that does not exist.
func (s *Store) sectionViews(ctx context.Context, ids []registrar.SectionID) ([]*registrar.SectionView, error) {
	keys := make([]item, 0, 2*len(ids))
	for _, id := range ids {
		keys = append(keys, sectionKey(id), seatsKey(id))
	}
	items, err := s.batchGet(ctx, keys)
	if err != nil {
		return nil, err
	}
	views := make([]*registrar.SectionView, len(ids))
	for n := range ids {
		if views[n], err = sectionView(items[2*n], items[2*n+1]); err != nil {
			return nil, err
		}
	}
	return views, nil
}

func sectionView(section, seats item) (*registrar.SectionView, error) {
	if section == nil || seats == nil {
		return nil, nil // a missing section is not a failure: lists leave it out
	}
	view := registrar.SectionView{}
	var err error
	if view.Section, err = sectionFrom(section); err != nil {
		return nil, err
	}
	if view.Seats, err = seatsFrom(seats); err != nil {
		return nil, err
	}
	return &view, nil
}

// SectionsByCRN reads the sections of a term that exist among the CRNs.
func (s *Store) SectionsByCRN(
	ctx context.Context, term registrar.TermID, crns []string,
) (map[string]registrar.Section, error) {
	names := make([]string, len(crns))
	for i, n := range crns {
		names[i] = crnName(registrar.Section{Term: term, CRN: n})
	}
	found, err := named(ctx, s, crn, names, func(id string) item { return sectionKey(registrar.SectionID(id)) },
		sectionFrom)
	if err != nil {
		return nil, err
	}
	sections := make(map[string]registrar.Section, len(found))
	for name, section := range found {
		sections[strings.TrimPrefix(name, string(term)+"#")] = section
	}
	return sections, nil
}

// Sections lists sections of a term: a course's or a subject's by number and CRN, an instructor's or all by id.
func (s *Store) Sections(
	ctx context.Context, f registrar.SectionFilter, page registrar.PageRequest,
) (registrar.Page[registrar.SectionView], error) {
	none := registrar.Page[registrar.SectionView]{Items: []registrar.SectionView{}}
	list := fmt.Sprintf("sections#%s#%s#%s#%s#%t", f.Term, f.Course, f.Subject, f.Instructor, f.OpenSeats)
	if f.Course != "" {
		course, err := s.Course(ctx, f.Course)
		switch {
		case registrar.IsRefusal(err, registrar.NotFound):
			return none, nil
		case err != nil:
			return none, err
		case f.Subject != "" && folded(f.Subject) != folded(course.Subject):
			return none, nil
		}
		in := s.inIndex("GSI1", subjectOfTerm(f.Term, course.Subject), escaped(course.Number)+"#")
		return collect(ctx, s, list, in, page, s.withSeats(f))
	}
	switch {
	case f.Subject != "":
		return collect(ctx, s, list, s.inIndex("GSI1", subjectOfTerm(f.Term, f.Subject), ""), page, s.withSeats(f))
	case f.Instructor != "":
		return collect(ctx, s, list, s.beginning("INSTRUCTOR#"+string(f.Instructor), "SECTION#"+string(f.Term)+"#"), page,
			s.byLastID(f))
	}
	return collect(ctx, s, list, s.beginning("TERM#"+string(f.Term), "SECTION#"), page, s.byLastID(f))
}

func subjectOfTerm(term registrar.TermID, subject string) string {
	return "TERM#" + string(term) + "#SUBJECT#" + folded(subject)
}

// beginning queries one partition of the table by the beginning of its sort key.
func (s *Store) beginning(pk, prefix string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName: aws.String(s.table), KeyConditionExpression: aws.String("PK = :pk AND begins_with(SK, :prefix)"),
		ExpressionAttributeValues: item{":pk": str(pk), ":prefix": str(prefix)},
	}
}

// withSeats resolves items that are sections, and reads their seats.
func (s *Store) withSeats(f registrar.SectionFilter) func(context.Context, []item) ([]*registrar.SectionView, error) {
	return func(ctx context.Context, items []item) ([]*registrar.SectionView, error) {
		keys := make([]item, len(items))
		for n, i := range items {
			keys[n] = seatsKey(registrar.SectionID(strings.TrimPrefix(text(i["PK"]), "SECTION#")))
		}
		seats, err := s.batchGet(ctx, keys)
		if err != nil {
			return nil, err
		}
		views := make([]*registrar.SectionView, len(items))
		for n := range items {
			if views[n], err = sectionView(items[n], seats[n]); err != nil {
				return nil, err
			}
			views[n] = passed(f, views[n])
		}
		return views, nil
	}
}

// byLastID resolves items whose sort key ends in a section's id.
func (s *Store) byLastID(f registrar.SectionFilter) func(context.Context, []item) ([]*registrar.SectionView, error) {
	return func(ctx context.Context, items []item) ([]*registrar.SectionView, error) {
		ids := make([]registrar.SectionID, len(items))
		for n, i := range items {
			sk := text(i["SK"])
			ids[n] = registrar.SectionID(sk[strings.LastIndex(sk, "#")+1:])
		}
		views, err := s.sectionViews(ctx, ids)
		for n := range views {
			views[n] = passed(f, views[n])
		}
		return views, err
	}
}

// passed returns the section if the filter's other conditions, which the query did not have, let it through.
func passed(f registrar.SectionFilter, v *registrar.SectionView) *registrar.SectionView {
	switch {
	case v == nil,
		f.Instructor != "" && !slices.Contains(v.Instructors, f.Instructor),
		f.OpenSeats && (v.Status != registrar.SectionOpen || !v.Seats.Takeable()):
		return nil
	}
	return v
}

// UpdateSection replaces the version that was read, or returns [registrar.ErrVersionMismatch]. Term and course must be
// the same. The capacity may be below the taken seats; then the number of free seats is negative. Changed meetings must
// be within the term: [registrar.FieldErrors].
func (s *Store) UpdateSection(ctx context.Context, before, after registrar.Section) error {
	return s.updateSection(ctx, before, after)
}

// SaveTitle implements [registrar.TitleStore]: an update of the section, and a check of its course in the same
// transaction.
func (s *Store) SaveTitle(ctx context.Context, before, after registrar.Section, course registrar.Course) error {
	return s.updateSection(ctx, before, after, action{
		write: s.unchanged(courseKey(course.ID), course.Version), refused: always(registrar.ErrStale),
	})
}

func (s *Store) updateSection(ctx context.Context, before, after registrar.Section, others ...action) error {
	actions := append([]action{
		s.overwrite(sectionItem(after), after.Version, "section", "label", "lastAdd", "lastDrop", "titleFollows"),
		s.updateAction(seatsKey(after.ID),
			"SET #capacity = :capacity, freeSeats = freeSeats + :difference, #status = :status, sectionVersion = :version",
			"attribute_exists(PK)",
			item{
				":capacity": num(after.Capacity), ":difference": num(after.Capacity - before.Capacity),
				":status":  str(string(after.Status)),
				":version": num(after.Version),
			}, always(notFound("section", string(after.ID)))).named(
			map[string]string{"#status": "status", "#capacity": "capacity"}),
		s.updated(ctx, recordOf(registrar.KindSection, after.ID), after.Version, sectionItem(before), sectionItem(after)),
	}, others...)
	if !slices.Equal(before.Meetings, after.Meetings) && len(after.Meetings) > 0 {
		actions = append(actions, s.holds(after))
	}
	actions = append(actions, s.rename(crn, crnName(before), crnName(after), string(after.ID), "crn")...)
	for _, id := range before.Instructors {
		if !slices.Contains(after.Instructors, id) {
			actions = append(actions, s.deleteAction(taughtKey(before, id), "", nil, nil))
		}
	}
	for _, id := range after.Instructors {
		if !slices.Contains(before.Instructors, id) {
			actions = append(actions, s.teaches(after, id)...)
		}
	}
	err := s.act(ctx, actions, registrar.Answer{})
	if err == nil {
		s.sections.outdate(after.ID, after.Version)
		s.full.forget(after.ID)
	}
	return err
}

// DeleteSection removes a section that nobody ever registered for, and its offering with the last section;
// [registrar.InUse] else. Version 0 stands for any.
func (s *Store) DeleteSection(ctx context.Context, id registrar.SectionID, version registrar.Version) error {
	defer s.forgetSection(id)
	return untilFresh(ctx, func() error {
		view, err := s.Section(ctx, id)
		if err != nil {
			return err
		}
		if version != 0 && version != view.Version {
			return registrar.ErrVersionMismatch
		}
		offering, err := s.Offering(ctx, view.Term, view.Course)
		switch {
		case registrar.IsRefusal(err, registrar.NotFound): // another deletion of the section came between
			return registrar.ErrStale
		case err != nil:
			return err
		}
		removal := append(s.sectionRemoval(view.Section, offering), s.deleted(ctx, recordOf(registrar.KindSection, id),
			view.Version))
		return ofAny(version, s.act(ctx, removal, registrar.Answer{}))
	})
}

func (s *Store) sectionRemoval(section registrar.Section, offering registrar.Offering) []action {
	stale := always(registrar.ErrStale)
	actions := []action{
		s.deleteAction(sectionKey(section.ID), isVersion, item{":before": num(section.Version)},
			func(old item) error { return gone(old, "section") }),
		s.deleteAction(seatsKey(section.ID), "attribute_not_exists(used)", nil,
			always(registrar.Refuse(registrar.InUse, string(section.ID), "the section has registrations"))),
		s.release(crn, folded(crnName(section)), string(section.ID)),
		s.deleteAction(membershipKey(section), "", nil, nil),
	}
	if offering.Sections == 1 {
		actions = append(actions, s.deleteAction(offeringKey(section), "sections = :one", item{":one": num(1)}, stale))
	} else {
		actions = append(actions, s.updateAction(offeringKey(section), "SET sections = sections - :one, version = version "+
			"+ :one",
			"sections > :one", item{":one": num(1)}, stale))
	}
	for _, id := range section.Instructors {
		actions = append(actions, s.deleteAction(taughtKey(section, id), "", nil, nil))
	}
	return actions
}

func seatsItem(section registrar.Section) item {
	i := seatsKey(section.ID)
	i["capacity"], i["freeSeats"] = num(section.Capacity), num(section.Capacity)
	i["taken"], i["offered"], i["waiting"] = num(0), num(0), num(0)
	i["status"], i["sectionVersion"] = str(string(section.Status)), num(section.Version)
	return i
}

func sectionItem(section registrar.Section) item {
	i := sectionKey(section.ID)
	i["GSI1PK"] = str(subjectOfTerm(section.Term, section.Subject))
	i["GSI1SK"] = str(escaped(section.Number) + "#" + escaped(section.CRN) + "#" + string(section.ID))
	i["term"], i["course"] = str(string(section.Term)), str(string(section.Course))
	i["subject"], i["number"], i["title"] = str(section.Subject), str(section.Number), str(section.Title)
	if section.TitleFollows {
		i["titleFollows"] = &types.AttributeValueMemberBOOL{Value: true}
	}
	i["crn"], i["component"], i["status"] = str(section.CRN), str(section.Component), str(string(section.Status))
	put(i, "label", section.Label)
	i["creditsMin"], i["creditsMax"] = num(section.Credits.Min), num(section.Credits.Max)
	i["capacity"] = num(section.Capacity)
	meetings := make([]string, len(section.Meetings))
	for n, m := range section.Meetings {
		meetings[n] = meetingText(m) + "," + m.Room // the room comes last: it is free text
	}
	i["meetings"] = texts(meetings)
	instructors := make([]string, len(section.Instructors))
	for n, id := range section.Instructors {
		instructors[n] = string(id)
	}
	i["instructors"] = texts(instructors)
	deadlinesInto(i, section.Deadlines)
	stampInto(i, section.Stamp)
	return i
}

func sectionFrom(i item) (registrar.Section, error) {
	r := read("section", i)
	section := registrar.Section{
		ID:   registrar.SectionID(r.key("PK", "SECTION#")),
		Term: registrar.TermID(r.mustSay("term")), Course: registrar.CourseID(r.mustSay("course")),
		Subject: r.must("subject"), Number: r.must("number"), Title: r.must("title"), TitleFollows: r.truth("titleFollows"),
		CRN: r.mustSay("crn"), Label: r.text("label"), Component: r.must("component"), Credits: r.credits(),
		Capacity: count[int](&r, "capacity"), Status: r.sectionStatus(),
		Instructors: mustTexts[registrar.InstructorID](&r, "instructors"), Deadlines: r.deadlines(), Stamp: r.stamp(),
	}
	for _, v := range r.mustList("meetings") {
		const timeFields = 5
		fields := strings.SplitN(r.element("meetings", v), ",", timeFields+1)
		m, err := meetingFrom(strings.Join(fields[:min(len(fields), timeFields)], ","))
		if err != nil {
			r.fail("meetings", "cannot be read: "+err.Error())
			break
		}
		if len(fields) > timeFields {
			m.Room = fields[timeFields]
		}
		section.Meetings = append(section.Meetings, m)
	}
	return record(&r, section)
}

func (r *reader) sectionStatus() registrar.SectionStatus {
	return oneOf(r, "status", registrar.SectionPlanned, registrar.SectionOpen, registrar.SectionClosed,
		registrar.SectionCancelled)
}
