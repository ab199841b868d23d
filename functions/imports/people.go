package imports

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"

	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/intake/files"
	"example.com/registrar/shared/registrar"
)

// personList is a file of people while it is being applied. For each key of an earlier row it keeps a number, some
// forty bytes a row, so that no person is stated twice.
type personList struct {
	Applier

	im     *intake.Import
	people *files.People
	seed   maphash.Seed
	seen   map[uint64]int // the row that had a key
	// namesakes counts the people with a name: rows of the file, and instructors who are known by more than the name.
	namesakes map[uint64]int
}

// maxInstructorRows bounds a file of instructors: some ten numbers are kept of each row.
const maxInstructorRows = 500_000

// personBatch is a batch of rows with the result of each.
type personBatch struct {
	rows     []files.PersonRow
	outcomes []outcome
	problems []*intake.Problem // of each row; one that is not refused is a note
}

// people applies a file of students or instructors.
func (a Applier) people(ctx context.Context, im *intake.Import, file io.Reader) error {
	role, apply := files.RoleInstructor, personList.instructors
	if im.Kind == intake.KindStudents {
		role, apply = files.RoleStudent, personList.students
	}
	reader, err := files.NewPeople(file, role)
	if err != nil {
		return err
	}
	im.Format = reader.Format
	l := personList{
		Applier:   a,
		im:        im,
		people:    reader,
		seed:      maphash.MakeSeed(),
		seen:      map[uint64]int{},
		namesakes: map[uint64]int{},
	}
	if im.Kind == intake.KindInstructors {
		if err := l.countNames(ctx); err != nil {
			return err
		}
	}
	var report intake.Report
	if !reader.SaysRole() && reader.Format != files.PeopleCSV {
		report.Problems = append(report.Problems,
			intake.Problem{Row: 1, Reason: "the file does not say what people are: " +
				"each row is taken for one of the " + string(im.Kind)},
		)
	}
	for {
		var b personBatch
		var readErr error
		for len(b.rows) < batch && readErr == nil {
			var row files.PersonRow
			if row, readErr = reader.Next(); readErr == nil {
				b.rows = append(b.rows, row)
			}
		}
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return fmt.Errorf("read the file: %w", readErr)
		}
		b.outcomes, b.problems = make([]outcome, len(b.rows)), make([]*intake.Problem, len(b.rows))
		l.look(&b)
		if err := apply(l, ctx, &b); err != nil {
			return err
		}
		report.Problems = append(report.Problems, notesOf(reader.Notes())...)
		l.tell(&b, &report)
		if readErr != nil {
			return a.finish(ctx, im, report)
		}
		if err := a.save(ctx, im, report); err != nil {
			return err
		}
		report = intake.Report{}
	}
}

func (l personList) hash(kind, key string) uint64 {
	return maphash.String(l.seed, kind+"\x00"+registrar.FoldCode(key))
}

// look refuses the rows that cannot be used, and those whose number or address another row had.
func (l personList) look(b *personBatch) {
	for i, row := range b.rows {
		if row.Problem != nil {
			b.problems[i] = &intake.Problem{
				Row:     row.Row,
				Field:   row.Problem.Field,
				Reason:  row.Problem.Reason,
				Refused: true,
			}
			continue
		}
		if row.Others {
			continue
		}
		keys := map[string]string{"number": row.Number, "email": row.Email}
		for _, field := range []string{"number", "email"} {
			if at, ok := l.seen[l.hash(field, keys[field])]; ok && keys[field] != "" && b.problems[i] == nil {
				b.problems[i] = l.problem(row, field, fmt.Sprintf("row %d has the same", at))
			}
		}
		if b.problems[i] != nil {
			continue
		}
		for field, key := range keys {
			if key != "" {
				l.seen[l.hash(field, key)] = row.Row
			}
		}
	}
}

// open reports whether a row is still to be decided.
func (b *personBatch) open(i int) bool { return b.problems[i] == nil && !b.rows[i].Others }

// problem is why a row is refused.
func (l personList) problem(row files.PersonRow, field, reason string) *intake.Problem {
	return &intake.Problem{Row: row.Row, Field: l.people.Column(field), Reason: reason, Refused: true}
}

// tell counts a batch, and adds its results to the report.
func (l personList) tell(b *personBatch, report *intake.Report) {
	for i, row := range b.rows {
		l.im.Rows.Read++
		o := &b.outcomes[i]
		if o.refusal != nil {
			field, reason := "", o.refusal.Error()
			var wrong registrar.FieldErrors
			var one *registrar.Refusal
			switch {
			case errors.As(o.refusal, &wrong) && len(wrong) > 0:
				field, reason = wrong[0].Field, wrong[0].Detail
			case errors.As(o.refusal, &one):
				reason = one.Detail
				field, _ = one.Evidence["field"].(string)
			}
			b.problems[i] = l.problem(row, field, reason)
		}
		report.Changes = append(report.Changes, o.tally(l.im, row.Row)...)
		if p := b.problems[i]; p != nil {
			report.Problems = append(report.Problems, *p)
		}
		switch p := b.problems[i]; {
		case p != nil && p.Refused:
			l.im.Rows.Refused++
		case row.Others, len(o.changes) == 0 && o.unchanged == 0:
			l.im.Rows.Skipped++
		default:
			l.im.Rows.Applied++
		}
	}
}

// students writes the students of a batch, in parallel: no two of its rows are about one student.
func (l personList) students(ctx context.Context, b *personBatch) error {
	var numbers, addresses []string
	for i, row := range b.rows {
		if b.open(i) && row.Number == "" {
			b.problems[i] = l.problem(row, "number", "must not be empty")
		}
		if !b.open(i) {
			continue
		}
		numbers = append(numbers, row.Number)
		if row.Email != "" {
			addresses = append(addresses, row.Email)
		}
	}
	known, err := l.Store.StudentsByNumber(ctx, numbers)
	if err != nil {
		return fmt.Errorf("students: %w", err)
	}
	owners, err := l.Store.StudentsByEmail(ctx, addresses)
	if err != nil {
		return fmt.Errorf("students: %w", err)
	}
	return inParallel(ctx, len(b.rows), func(ctx context.Context, i int) error {
		if !b.open(i) {
			return nil
		}
		row := b.rows[i]
		before, exists := known[row.Number]
		if owner, ok := owners[row.Email]; ok && row.Email != "" && (!exists || owner.ID != before.ID) {
			b.problems[i] = l.problem(row, "email", "another student has this address")
			return nil
		}
		return b.outcomes[i].settle(l.applyStudent(ctx, before, exists, row, &b.outcomes[i]))
	})
}

// applyStudent writes a student. What a row does not say stays. A student who has left becomes inactive, and is never
// made.
func (l personList) applyStudent(
	ctx context.Context,
	before registrar.Student,
	known bool,
	row files.PersonRow,
	o *outcome,
) error {
	stated := before
	if !known {
		if row.Active != nil && !*row.Active {
			return nil // skipped
		}
		stated = registrar.Student{ID: registrar.StudentID(l.NewID()), Number: registrar.Personal(row.Number), Active: true}
	}
	if row.Given != "" || row.Family != "" { // a name is one value, except a part for which the file has no column
		if row.Given != "" || l.people.Column("givenName") != "" {
			stated.GivenName = registrar.Personal(row.Given)
		}
		if row.Family != "" || l.people.Column("familyName") != "" {
			stated.FamilyName = registrar.Personal(row.Family)
		}
	}
	if row.Email != "" {
		stated.Email = registrar.Personal(row.Email)
	}
	if row.Active != nil {
		stated.Active = *row.Active
	}
	if err := stated.Validate(); err != nil {
		return err
	}
	if known && stated.SameFacts(before) {
		o.unchanged++
		return nil
	}
	stated.Stamp = before.Next(l.Clock())
	if !known {
		if err := l.Store.CreateStudent(ctx, stated, registrar.Answer{}); err != nil {
			return err
		}
		o.created("student")
		return nil
	}
	if err := l.Store.UpdateStudent(ctx, before, stated); err != nil {
		return err
	}
	o.updated("student", changedFields(before, stated))
	return nil
}

// countNames counts the people with each name. The file is read once more for it, and the instructors are listed. A
// record that a schedule made from a name alone belongs to a person only when nobody else has that name.
func (l personList) countNames(ctx context.Context) error {
	file, _, err := l.Objects.Open(ctx, ObjectKey(l.im.ID))
	if err != nil {
		return fmt.Errorf("open the upload: %w", err)
	}
	defer file.Close()
	reader, err := files.NewPeople(&bounded{file: file, left: intake.MaxBytes}, files.RoleInstructor)
	if err != nil {
		return err
	}
	inFile := map[uint64]bool{} // keys of the people in the file, who need not be counted again
	for rows := 0; ; rows++ {
		row, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && rows == maxInstructorRows {
			err = &files.FileError{Reason: "the file has more than 500,000 rows: divide it"}
		}
		if err != nil {
			return fmt.Errorf("read the file: %w", err)
		}
		if row.Problem != nil || row.Others {
			continue
		}
		inFile[l.hash("number", row.Number)], inFile[l.hash("email", row.Email)] = true, true
		for _, name := range spellings(row) {
			l.namesakes[l.hash("name", name)]++
		}
	}
	delete(inFile, l.hash("number", ""))
	delete(inFile, l.hash("email", ""))
	for page := (registrar.PageRequest{Limit: registrar.MaxPage}); ; {
		some, err := l.Store.Instructors(ctx, page)
		if err != nil {
			return fmt.Errorf("instructors: %w", err)
		}
		for _, p := range some.Items {
			if p.Provisional || inFile[l.hash("number", string(p.Number))] || inFile[l.hash("email", string(p.Email))] {
				continue
			}
			name := string(p.Name)
			given, family := "", name
			if at := strings.LastIndexByte(name, ' '); at >= 0 {
				given, family = name[:at], name[at+1:]
			}
			for _, name := range spellings(files.PersonRow{Given: given, Family: family, Full: name}) {
				l.namesakes[l.hash("name", name)]++
			}
		}
		if page.Cursor = some.Next; page.Cursor == "" {
			return nil
		}
	}
}

// spellings are the ways in which a schedule may name a person: "Ada King", "King, Ada", "A. King", "King", each once.
func spellings(row files.PersonRow) []string {
	all := []string{row.Full}
	if row.Given != "" && row.Family != "" {
		initial := string([]rune(row.Given)[:1])
		all = append(all,
			row.Given+" "+row.Family,
			row.Family+", "+row.Given,
			row.Family,
			initial+". "+row.Family,
			initial+" "+row.Family,
			row.Family+", "+initial+".",
			row.Family+", "+initial,
		)
	}
	folded := map[string]bool{}
	return slices.DeleteFunc(all, func(name string) bool {
		f := registrar.FoldCode(name)
		again := f == "" || folded[f]
		folded[f] = true
		return again
	})
}

// isFamilyOf reports whether a family name ends a whole name.
func isFamilyOf(family, whole string) bool {
	return family != "" && strings.HasSuffix(registrar.FoldCode(whole), " "+registrar.FoldCode(family))
}

// instructors writes the instructors of a batch, one after the other.
func (l personList) instructors(ctx context.Context, b *personBatch) error {
	var numbers, addresses, names []string
	for i, row := range b.rows {
		if !b.open(i) {
			continue
		}
		if row.Number != "" {
			numbers = append(numbers, row.Number)
		}
		if row.Email != "" {
			addresses = append(addresses, row.Email)
		}
		names = append(names, spellings(row)...)
	}
	byNumber, err := l.Store.InstructorsByNumber(ctx, numbers)
	if err != nil {
		return fmt.Errorf("instructors: %w", err)
	}
	byEmail, err := l.Store.InstructorsByEmail(ctx, addresses)
	if err != nil {
		return fmt.Errorf("instructors: %w", err)
	}
	byName, err := l.Store.ImportedInstructors(ctx, names)
	if err != nil {
		return fmt.Errorf("instructors: %w", err)
	}
	for i, row := range b.rows {
		if !b.open(i) {
			continue
		}
		before, known := byNumber[row.Number]
		other, addressed := byEmail[row.Email]
		switch {
		case known && addressed && other.ID != before.ID, !known && addressed && row.Number != "" && other.Number != "":
			b.problems[i] = l.problem(row, "email", "another instructor has this address")
			continue
		case !known && addressed:
			before, known = other, true
		}
		if !known {
			var note string
			if before, known, note = l.provisional(row, byName); note != "" {
				b.problems[i] = l.problem(row, "name", note)
				b.problems[i].Refused = false
			}
		}
		if err := b.outcomes[i].settle(l.applyInstructor(ctx, before, known, row, &b.outcomes[i])); err != nil {
			return fmt.Errorf("row %d: %w", row.Row, err)
		}
	}
	return nil
}

// provisional finds the record that imports made from a name of the row's person, if nobody else has that name. The
// note says when there is a record that may be another person's. A person who is known by a name alone is whoever has
// the name.
func (l personList) provisional(
	row files.PersonRow,
	byName map[string]registrar.Instructor,
) (p registrar.Instructor, known bool, note string) {
	if row.Number == "" && row.Email == "" {
		p, known = byName[row.Full]
		return p, known, ""
	}
	found := map[registrar.InstructorID]registrar.Instructor{}
	alone := true
	for _, name := range spellings(row) {
		if p, ok := byName[name]; ok && p.Provisional {
			found[p.ID] = p
			alone = alone && l.namesakes[l.hash("name", name)] == 1
		}
	}
	switch {
	case len(found) == 0:
		return p, false, ""
	case len(found) == 1 && alone:
		for _, p = range found {
			return p, true, ""
		}
	}
	return p, false, "a schedule names somebody who may be this person or another: the record of that name stays " +
		"provisional"
}

// applyInstructor writes an instructor. What a row does not say stays; nobody is removed.
func (l personList) applyInstructor(
	ctx context.Context,
	before registrar.Instructor,
	known bool,
	row files.PersonRow,
	o *outcome,
) error {
	if row.Active != nil && !*row.Active && !known {
		return nil // skipped
	}
	stated := before
	short := l.people.Column("givenName") == "" &&
		isFamilyOf(row.Full, string(before.Name)) // the file has family names alone
	if row.Full != "" && !short && (!known || row.Number != "" || row.Email != "") {
		stated.Name = registrar.Personal(row.Full)
	}
	if row.Number != "" {
		stated.Number = registrar.Personal(row.Number)
	}
	if row.Email != "" {
		stated.Email = registrar.Personal(row.Email)
	}
	stated = stated.Claimed()
	if err := stated.Validate(); err != nil {
		return err
	}
	switch {
	case known && stated.SameFacts(before):
		o.unchanged++
		return nil
	case known:
		stated.Stamp = before.Next(l.Clock())
		if err := l.Store.UpdateInstructor(ctx, before, stated); err != nil {
			return err
		}
		o.updated("instructor", changedFields(before, stated))
		return nil
	case row.Number == "" && row.Email == "": // a name alone
		_, made, err := l.Store.InstructorsByName(ctx, []string{row.Full})
		if err != nil {
			return err
		}
		if len(made) == 0 { // another row had the name
			o.unchanged++
			return nil
		}
		o.created("instructor")
		return nil
	}
	stated.ID = registrar.InstructorID(l.NewID())
	stated.Stamp = stated.Next(l.Clock())
	if err := l.Store.CreateInstructor(ctx, stated, registrar.Answer{}); err != nil {
		return err
	}
	o.created("instructor")
	return nil
}
