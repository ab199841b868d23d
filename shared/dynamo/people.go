package dynamo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
)

// CreateStudent stores a new student. Number and e-mail must be free: else [registrar.NameTaken] refusals.
func (s *Store) CreateStudent(ctx context.Context, p registrar.Student, answer registrar.Answer) error {
	actions := []action{s.putAction(studentItem(p), isNew, nil), s.created(ctx, recordOf(registrar.KindStudent, p.ID),
		p.Version)}
	actions = append(actions, s.rename(studentNumber, "", string(p.Number), string(p.ID), "number")...)
	return s.act(ctx, append(actions, s.rename(studentEmail, "", string(p.Email), string(p.ID), "email")...), answer)
}

// Student reads a student, or a [registrar.NotFound] refusal.
func (s *Store) Student(ctx context.Context, id registrar.StudentID) (registrar.Student, error) {
	return getRecord(ctx, s, studentKey(id), "student", string(id), studentFrom)
}

// StudentsByNumber reads the students that exist among the numbers.
func (s *Store) StudentsByNumber(ctx context.Context, numbers []string) (map[string]registrar.Student, error) {
	return named(ctx, s, studentNumber, numbers, func(id string) item { return studentKey(registrar.StudentID(id)) },
		studentFrom)
}

// StudentsByEmail reads the students that exist among the addresses.
func (s *Store) StudentsByEmail(ctx context.Context, addresses []string) (map[string]registrar.Student, error) {
	return named(ctx, s, studentEmail, addresses, func(id string) item { return studentKey(registrar.StudentID(id)) },
		studentFrom)
}

// Students lists students by family name, or finds the one with a number.
func (s *Store) Students(
	ctx context.Context, filter registrar.StudentFilter, page registrar.PageRequest,
) (registrar.Page[registrar.Student], error) {
	prefix := searched(string(filter.NamePrefix))
	if filter.Number == "" {
		return listPage(ctx, s, "students#"+prefix, s.inIndex("GSI2", "STUDENTS", prefix), page, studentFrom)
	}
	found := registrar.Page[registrar.Student]{Items: []registrar.Student{}}
	if page.Cursor != "" {
		return found, registrar.ErrBadCursor // there is never a second page
	}
	number := string(filter.Number)
	byNumber, err := s.StudentsByNumber(ctx, []string{number})
	if p, ok := byNumber[number]; ok && strings.HasPrefix(sortName(p), prefix) {
		found.Items = append(found.Items, p)
	}
	return found, err
}

// UpdateStudent replaces the version that was read, or returns [registrar.ErrVersionMismatch]. When a student becomes
// inactive, or gets another name, all their term records get a new version, so that no enrolment commits that was
// decided before.
func (s *Store) UpdateStudent(ctx context.Context, before, after registrar.Student) error {
	// The first registration in a term may come between.
	return untilFresh(ctx, func() error { return s.updateStudent(ctx, before, after) })
}

func (s *Store) updateStudent(ctx context.Context, before, after registrar.Student) error {
	id := string(after.ID)
	record := s.overwrite(studentItem(after), after.Version, "student", "email")
	actions := append(s.rename(studentNumber, string(before.Number), string(after.Number), id, "number"),
		s.rename(studentEmail, string(before.Email), string(after.Email), id, "email")...)
	renamed := before.GivenName != after.GivenName || before.FamilyName != after.FamilyName
	if before.Active && !after.Active || renamed {
		overtaking, err := s.overtake(ctx, after)
		if err != nil {
			return err
		}
		actions = append(actions, overtaking...)
	}
	return s.act(ctx, append(actions, record,
		s.updated(ctx, recordOf(registrar.KindStudent, id), after.Version, studentItem(before), studentItem(after))),
		registrar.Answer{})
}

// overtake makes every registration fail that was decided on an earlier version of the student. Each of the student's
// term records gets another version, and the student's version. A first registration in a term conflicts at the
// student's count of terms. The count is read before the term records, and must be the same at the end: so there is no
// other record.
func (s *Store) overtake(ctx context.Context, after registrar.Student) ([]action, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(s.table), Key: termsKey(after.ID), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, busyOr(ctx, fmt.Errorf("read how many terms a student has: %w", err))
	}
	stale := always(registrar.ErrStale)
	condition, values := "attribute_not_exists(terms)", item{":since": num(after.Version)}
	if terms := out.Item["terms"]; terms != nil {
		condition, values[":terms"] = "terms = :terms", terms
	}
	actions := []action{s.updateAction(termsKey(after.ID), "SET since = :since", condition, values, stale)}
	in := s.beginning(text(studentKey(after.ID)["PK"]), "TERM#")
	in.ConsistentRead = aws.Bool(true)
	for pages := dynamodb.NewQueryPaginator(s.client, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, busyOr(ctx, fmt.Errorf("read a student's term records: %w", err))
		}
		for _, i := range page.Items {
			actions = append(actions, s.updateAction(item{"PK": i["PK"], "SK": i["SK"]},
				"SET studentVersion = :since ADD version :one",
				"attribute_exists(PK)", item{":since": num(after.Version), ":one": num(1)}, stale))
		}
	}
	return actions, nil
}

// DeleteStudent removes a student who never registered; [registrar.InUse] else. Version 0 stands for any. The
// deletion's transaction has the item that a first registration in a term needs, so one condition decides.
func (s *Store) DeleteStudent(ctx context.Context, id registrar.StudentID, version registrar.Version) error {
	return untilFresh(ctx, func() error { return ofAny(version, s.deleteStudent(ctx, id, version)) })
}

func (s *Store) deleteStudent(ctx context.Context, id registrar.StudentID, version registrar.Version) error {
	p, err := s.Student(ctx, id)
	if err != nil {
		return err
	}
	if version != 0 && version != p.Version {
		return registrar.ErrVersionMismatch
	}
	actions := append(s.rename(studentNumber, string(p.Number), "", string(id), ""),
		s.rename(studentEmail, string(p.Email), "", string(id), "")...)
	tombstone := termsKey(id)
	tombstone["since"] = num(int64(math.MaxInt64))
	tombstone[TimeToLive] = num(s.now().Add(tombstoneTime).Unix())
	return s.act(ctx, append(actions, s.deleted(ctx, recordOf(registrar.KindStudent, id), p.Version),
		s.deleteAction(preferencesKey(mail.OfStudent(id)), "", nil, nil),
		s.putAction(tombstone, "attribute_not_exists(terms)",
			always(registrar.Refuse(registrar.InUse, string(id), "the student has registrations"))),
		s.deleteAction(studentKey(id), isVersion, item{":before": num(p.Version)},
			func(old item) error { return gone(old, "student") }),
	), registrar.Answer{})
}

// sortName is the name by which students are listed and searched.
func sortName(p registrar.Student) string {
	return searched(strings.TrimSpace(string(p.FamilyName + " " + p.GivenName)))
}

func studentItem(p registrar.Student) item {
	i := studentKey(p.ID)
	i["GSI2PK"], i["GSI2SK"] = str("STUDENTS"), str(sortName(p)+"#"+string(p.ID))
	i["number"], i["givenName"], i["familyName"] = str(p.Number), str(p.GivenName), str(p.FamilyName)
	put(i, "email", p.Email)
	i["active"] = &types.AttributeValueMemberBOOL{Value: p.Active}
	stampInto(i, p.Stamp)
	return i
}

func studentFrom(i item) (registrar.Student, error) {
	r := read("student", i)
	return record(&r, registrar.Student{
		ID: registrar.StudentID(r.key("PK", "STUDENT#")), Number: registrar.Personal(r.must("number")),
		GivenName: registrar.Personal(r.must("givenName")), FamilyName: registrar.Personal(r.must("familyName")),
		Email: registrar.Personal(r.text("email")), Active: r.mustTruth("active"), Stamp: r.stamp(),
	})
}

func instructorKey(id registrar.InstructorID) item {
	return key("INSTRUCTOR#"+string(id), "INSTRUCTOR")
}

// CreateInstructor stores a new instructor. Number and e-mail must be free: else [registrar.NameTaken] refusals.
func (s *Store) CreateInstructor(ctx context.Context, p registrar.Instructor, answer registrar.Answer) error {
	actions := []action{s.putAction(instructorItem(p), isNew, nil),
		s.created(ctx, recordOf(registrar.KindInstructor, p.ID), p.Version)}
	actions = append(actions, s.rename(instructorNumber, "", string(p.Number), string(p.ID), "number")...)
	return s.act(ctx, append(actions, s.rename(instructorEmail, "", string(p.Email), string(p.ID), "email")...), answer)
}

// Instructor reads an instructor, or a [registrar.NotFound] refusal.
func (s *Store) Instructor(ctx context.Context, id registrar.InstructorID) (registrar.Instructor, error) {
	return getRecord(ctx, s, instructorKey(id), "instructor", string(id), instructorFrom)
}

// Instructors lists instructors by name.
func (s *Store) Instructors(
	ctx context.Context, page registrar.PageRequest,
) (registrar.Page[registrar.Instructor], error) {
	return listPage(ctx, s, "instructors", s.inIndex("GSI2", "INSTRUCTORS", ""), page, instructorFrom)
}

// InstructorsByNumber reads the instructors that exist among the numbers.
func (s *Store) InstructorsByNumber(ctx context.Context, numbers []string) (map[string]registrar.Instructor, error) {
	return named(ctx, s, instructorNumber, numbers,
		func(id string) item { return instructorKey(registrar.InstructorID(id)) }, instructorFrom)
}

// InstructorsByEmail reads the instructors that exist among the addresses.
func (s *Store) InstructorsByEmail(ctx context.Context, addresses []string) (map[string]registrar.Instructor, error) {
	return named(ctx, s, instructorEmail, addresses,
		func(id string) item { return instructorKey(registrar.InstructorID(id)) }, instructorFrom)
}

// ImportedInstructors finds the instructors that imports made under these names, by name in the form that was asked
// for.
func (s *Store) ImportedInstructors(ctx context.Context, names []string) (map[string]registrar.Instructor, error) {
	return named(ctx, s, importedName, names, func(id string) item { return instructorKey(registrar.InstructorID(id)) },
		instructorFrom)
}

// InstructorsByName finds the instructors that imports made under these names, makes those that are missing, and
// returns the names of the new ones. Two people may have one name. An import, which knows nothing else of them, takes
// them for one person.
func (s *Store) InstructorsByName(
	ctx context.Context, names []string,
) (map[string]registrar.InstructorID, []string, error) {
	owners, err := s.owners(ctx, importedName, names)
	if err != nil {
		return nil, nil, err
	}
	ids := make(map[string]registrar.InstructorID, len(names))
	var made []string
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if id, ok := owners[name]; ok {
			ids[name] = registrar.InstructorID(id)
			continue
		}
		id, isNew, err := s.importedInstructor(ctx, name)
		if err != nil {
			return nil, made, err
		}
		ids[name] = id
		if isNew {
			made = append(made, name)
		}
	}
	return ids, made, nil
}

func (s *Store) importedInstructor(ctx context.Context, name string) (registrar.InstructorID, bool, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", false, fmt.Errorf("make an instructor's id: %w", err)
	}
	p := registrar.Instructor{ID: registrar.InstructorID(id.String()), Name: registrar.Personal(name), Provisional: true,
		Stamp: registrar.Stamp{}.Next(s.now())}
	i := instructorItem(p)
	i["importedAs"] = str(name)
	err = s.act(ctx, []action{
		s.putAction(i, isNew, nil), s.claim(importedName, folded(name), string(p.ID), "name"),
		s.created(ctx, recordOf(registrar.KindInstructor, p.ID), p.Version),
	}, registrar.Answer{})
	var refusals registrar.Refusals
	if errors.As(err, &refusals) { // another import, or another spelling in this one, was first
		owners, err := s.owners(ctx, importedName, []string{name})
		if err != nil {
			return "", false, err
		}
		owner, ok := owners[name]
		if !ok { // who had it has been deleted since
			return "", false, fmt.Errorf("%w: the name of an instructor is being given and taken", registrar.ErrBusy)
		}
		return registrar.InstructorID(owner), false, nil
	}
	return p.ID, err == nil, err
}

// UpdateInstructor replaces the version that was read, or returns [registrar.ErrVersionMismatch].
func (s *Store) UpdateInstructor(ctx context.Context, before, after registrar.Instructor) error {
	actions := append(s.rename(instructorNumber, string(before.Number), string(after.Number), string(after.ID), "number"),
		s.rename(instructorEmail, string(before.Email), string(after.Email), string(after.ID), "email")...)
	return s.act(ctx, append(actions, s.overwrite(instructorItem(after), after.Version, "instructor", "email", "number",
		"provisional"),
		s.updated(ctx, recordOf(registrar.KindInstructor, after.ID), after.Version, instructorItem(before),
			instructorItem(after))), registrar.Answer{})
}

// DeleteInstructor removes an instructor who teaches no section; [registrar.InUse] else. Version 0 stands for any.
func (s *Store) DeleteInstructor(ctx context.Context, id registrar.InstructorID, version registrar.Version) error {
	return s.remove(ctx, instructorKey(id), recordOf(registrar.KindInstructor, id), version,
		func(ctx context.Context) (bool, error) { return s.hasAny(ctx, "INSTRUCTOR#"+string(id), "SECTION#") },
		func(record item) ([]action, error) {
			r := read("instructor", record)
			releases := slices.Concat(s.rename(instructorNumber, r.text("number"), "", string(id), ""),
				s.rename(instructorEmail, r.text("email"), "", string(id), ""),
				s.rename(importedName, r.text("importedAs"), "", string(id), ""))
			return releases, r.err
		})
}

func instructorItem(p registrar.Instructor) item {
	i := instructorKey(p.ID)
	i["GSI2PK"], i["GSI2SK"] = str("INSTRUCTORS"), str(searched(string(p.Name))+"#"+string(p.ID))
	i["name"] = str(p.Name)
	put(i, "email", p.Email)
	put(i, "number", p.Number)
	if p.Provisional {
		i["provisional"] = &types.AttributeValueMemberBOOL{Value: true}
	}
	stampInto(i, p.Stamp)
	return i
}

func instructorFrom(i item) (registrar.Instructor, error) {
	r := read("instructor", i)
	return record(&r, registrar.Instructor{
		ID:   registrar.InstructorID(r.key("PK", "INSTRUCTOR#")),
		Name: registrar.Personal(r.must("name")), Email: registrar.Personal(r.text("email")), Stamp: r.stamp(),
		Number: registrar.Personal(r.text("number")), Provisional: r.truth("provisional"),
	})
}
