package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/registrar/shared/reconcile"
	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The reads of a reconciliation. They are eventually consistent unless they are asked to be consistent, which costs
// twice as much. Rosters and the sections of a course by number come from an index, and may lag in any case.

// TermSections lists the sections that a term's list names, by course.
func (s *Store) TermSections(
	ctx context.Context, term registrar.TermID, page registrar.PageRequest,
) (registrar.Page[reconcile.SectionRef], error) {
	return listPage(ctx, s, "term sections#"+string(term), s.beginning("TERM#"+string(term), "SECTION#"), page,
		func(i item) (reconcile.SectionRef, error) {
			course, section, _ := strings.Cut(strings.TrimPrefix(text(i["SK"]), "SECTION#"), "#")
			return reconcile.SectionRef{Term: term, Course: registrar.CourseID(course), Section: registrar.SectionID(section)},
				nil
		})
}

// SeatAccount reads a section's seats and what they count.
func (s *Store) SeatAccount(
	ctx context.Context, ref reconcile.SectionRef, consistent bool,
) (reconcile.SeatAccount, error) {
	a := reconcile.SeatAccount{SectionRef: ref}
	of := registrar.Section{ID: ref.Section, Term: ref.Term, Course: ref.Course}
	items, err := s.batchRead(ctx, []item{sectionKey(ref.Section), seatsKey(ref.Section), membershipKey(of),
		offeringKey(of), courseKey(ref.Course)}, consistent)
	if err != nil {
		return a, fmt.Errorf("read a section and its seats: %w", err)
	}
	a.Listed, a.Offered = items[2] != nil, items[3] != nil
	if items[0] != nil {
		section, err := sectionFrom(items[0])
		a.Section, a.Unreadable = &section, err != nil
	}
	if items[1] != nil {
		seats, err := seatsFrom(items[1])
		a.Seats, a.Unreadable = &seats, a.Unreadable || err != nil
	}
	if items[4] != nil {
		course, err := courseFrom(items[4])
		if a.Unreadable = a.Unreadable || err != nil; s.now().Sub(course.UpdatedAt) > reconcile.RefreshTime {
			a.Title = course.Title
		}
	}
	a.Enrolled, err = s.countOf(ctx, s.inIndex("GSI1", "ROSTER#"+string(ref.Section), string(registrar.Enrolled)+"#"))
	return a, err
}

// countOf counts the items of a query.
func (s *Store) countOf(ctx context.Context, in *dynamodb.QueryInput) (int, error) {
	in.Select = types.SelectCount
	n := 0
	for pages := dynamodb.NewQueryPaginator(s.client, in); pages.HasMorePages(); {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return 0, busyOr(ctx, fmt.Errorf("count: %w", err))
		}
		n += int(out.Count)
	}
	return n, nil
}

// CourseTerms lists the terms in which a course is offered: one consistent query of the course's partition.
func (s *Store) CourseTerms(ctx context.Context, course registrar.CourseID) ([]registrar.TermID, error) {
	in := s.beginning("COURSE#"+string(course), "OFFERING#")
	in.ConsistentRead = aws.Bool(true)
	var terms []registrar.TermID
	for pages := dynamodb.NewQueryPaginator(s.client, in); pages.HasMorePages(); {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, busyOr(ctx, fmt.Errorf("read a course's offerings: %w", err))
		}
		for _, i := range out.Items {
			terms = append(terms, registrar.TermID(strings.TrimPrefix(text(i["SK"]), "OFFERING#")))
		}
	}
	return terms, nil
}

// OfferingAccounts reads a course's offerings and what they count, for all terms.
func (s *Store) OfferingAccounts(
	ctx context.Context, course registrar.Course, consistent bool,
) ([]reconcile.OfferingAccount, error) {
	in := s.beginning("COURSE#"+string(course.ID), "OFFERING#")
	in.ConsistentRead = aws.Bool(consistent)
	var accounts []reconcile.OfferingAccount
	for pages := dynamodb.NewQueryPaginator(s.client, in); pages.HasMorePages(); {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, busyOr(ctx, fmt.Errorf("read a course's offerings: %w", err))
		}
		for _, i := range out.Items {
			r := read("offering", i)
			a := reconcile.OfferingAccount{
				Course: course.ID, Term: registrar.TermID(strings.TrimPrefix(text(i["SK"]), "OFFERING#")),
				Sections: count[int](&r, "sections"),
			}
			a.Unreadable = r.err != nil
			listed := s.beginning("TERM#"+string(a.Term), "SECTION#"+string(course.ID)+"#")
			listed.ConsistentRead = aws.Bool(consistent)
			if a.Listed, err = s.countOf(ctx, listed); err != nil {
				return nil, err
			}
			if a.Present, err = s.countOf(ctx, s.inIndex("GSI1", subjectOfTerm(a.Term, course.Subject),
				escaped(course.Number)+"#")); err != nil {
				return nil, err
			}
			accounts = append(accounts, a)
		}
	}
	return accounts, nil
}

// StudentIDs lists the ids of all students, by name.
func (s *Store) StudentIDs(
	ctx context.Context, page registrar.PageRequest,
) (registrar.Page[registrar.StudentID], error) {
	in := s.inIndex("GSI2", "STUDENTS", "")
	in.ProjectionExpression = aws.String("PK, SK, GSI2PK, GSI2SK")
	return listPage(ctx, s, "student ids", in, page, func(i item) (registrar.StudentID, error) {
		return registrar.StudentID(strings.TrimPrefix(text(i["PK"]), "STUDENT#")), nil
	})
}

// StudentAccount reads everything about registrations in a student's partition.
func (s *Store) StudentAccount(
	ctx context.Context, id registrar.StudentID, consistent bool,
) (reconcile.StudentAccount, error) {
	a := reconcile.StudentAccount{Student: id}
	for pages := dynamodb.NewQueryPaginator(s.client, &dynamodb.QueryInput{
		TableName: aws.String(s.table), ConsistentRead: aws.Bool(consistent),
		KeyConditionExpression:    aws.String("PK = :student"),
		ExpressionAttributeValues: item{":student": studentKey(id)["PK"]},
	}); pages.HasMorePages(); {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return a, busyOr(ctx, fmt.Errorf("read what is kept of a student: %w", err))
		}
		for _, i := range out.Items {
			sk := text(i["SK"])
			term, isRecord := strings.CutPrefix(sk, "TERM#")
			switch {
			case sk == "STUDENT":
				a.Present = true
				if _, err := studentFrom(i); err != nil {
					a.AlsoUnreadable = append(a.AlsoUnreadable, reconcile.UnreadableStudent)
				}
			case sk == text(termsKey(id)["SK"]):
				r := read("count of terms", i)
				if a.Terms = countOrNone[int](&r, "terms"); r.err != nil {
					a.AlsoUnreadable = append(a.AlsoUnreadable, reconcile.UnreadableTerms)
				}
			case isRecord:
				record, err := termRecordFrom(i, id, registrar.TermID(term))
				if err != nil {
					a.Unreadable = append(a.Unreadable, registrar.TermID(term))
					continue
				}
				a.Records = append(a.Records, record)
			case strings.HasPrefix(sk, "REG#"):
				r, err := registrationFrom(i)
				if err != nil {
					_, section, _ := strings.Cut(strings.TrimPrefix(sk, "REG#"), "#")
					a.AlsoUnreadable = append(a.AlsoUnreadable, section)
					continue
				}
				a.Registrations = append(a.Registrations, r)
				if placed := registrationItem(r); !sameValue(placed["GSI1PK"], i["GSI1PK"]) ||
					!sameValue(placed["GSI1SK"], i["GSI1SK"]) {
					a.Misplaced = append(a.Misplaced, r.Section)
				}
			}
		}
	}
	var err error
	a.Sections, err = s.heldSections(ctx, a.Records, consistent)
	return a, err
}

// heldSections are the sections of term records, except those that changed recently, were deleted, or cannot be read:
// the accounts of sections report these.
func (s *Store) heldSections(
	ctx context.Context, records []registrar.TermRecord, consistent bool,
) (map[registrar.SectionID]registrar.Section, error) {
	held := map[registrar.SectionID]registrar.Section{}
	for _, record := range records {
		for _, h := range record.Holdings {
			if consistent {
				s.forgetSection(h.Section)
			}
			section, err := s.cachedSection(ctx, h.Section)
			switch {
			case errors.Is(err, registrar.ErrBusy):
				return nil, fmt.Errorf("read the sections that a student holds: %w", err)
			case err == nil && s.now().Sub(section.UpdatedAt) > reconcile.RefreshTime:
				held[h.Section] = section
			}
		}
	}
	return held, nil
}

// findingsLifetime is how long the results of a reconciliation, and the problems of an import's rows, are kept:
// somebody may ask in the next year.
const findingsLifetime = 400 * 24 * time.Hour

func reconciliationKey(r reconcile.Reconciliation) item {
	return key("RECONCILIATIONS", r.StartedAt.UTC().Format(instantFormat)+"#"+string(r.ID))
}

func differencesOf(id reconcile.ReconciliationID) string { return "RECONCILIATION#" + string(id) }

// LatestReconciliation reads the one that began last; the zero one when none did.
func (s *Store) LatestReconciliation(ctx context.Context) (reconcile.Reconciliation, error) {
	out, err := s.client.Query(ctx, &dynamodb.QueryInput{
		TableName: aws.String(s.table), ConsistentRead: aws.Bool(true), ScanIndexForward: aws.Bool(false), Limit: aws.Int32(
			1),
		KeyConditionExpression: aws.String("PK = :all"), ExpressionAttributeValues: item{":all": reconciliationKey(
			reconcile.Reconciliation{})["PK"]},
	})
	if err != nil {
		return reconcile.Reconciliation{}, busyOr(ctx, fmt.Errorf("find the latest reconciliation: %w", err))
	}
	if len(out.Items) == 0 {
		return reconcile.Reconciliation{}, nil
	}
	i := out.Items[0]
	_, id, _ := strings.Cut(text(i["SK"]), "#")
	r := read("reconciliation", i)
	r.id = id
	return record(&r, reconcile.Reconciliation{
		ID: reconcile.ReconciliationID(id), StartedAt: r.mustInstant("startedAt"), EndedAt: r.instant("endedAt"),
		Position: reconcile.Position{
			Kind: oneOfOrNone(&r, "atKind", registrar.Kinds()...), Term: registrar.TermID(r.text("atTerm")),
			Cursor: r.text("atCursor"),
		},
		Checked: reconcile.Checked{
			Sections: count[int](&r, "sections"), Courses: count[int](&r, "courses"), Students: count[int](&r, "students"),
			Imports: count[int](&r, "imports"),
		},
		Differences: count[int](&r, "differences"), Unsettled: count[int](&r, "unsettled"), Stamp: r.stamp(),
	})
}

// SaveReconciliation writes a reconciliation over the version before, or returns [registrar.ErrVersionMismatch]: then
// another run has it. The new differences are written first, each under its record and count, so that writing them
// again adds nothing.
func (s *Store) SaveReconciliation(
	ctx context.Context, r reconcile.Reconciliation, found []reconcile.Difference,
) error {
	expires := num(r.StartedAt.Add(findingsLifetime).Unix())
	items := make([]item, len(found))
	for n, d := range found {
		i := key(differencesOf(r.ID), fmt.Sprintf("DIFFERENCE#%s#%s#%s#%s", d.Record.Kind, d.Record.ID, d.Count, d.Of))
		i["kind"], i["record"], i["count"] = str(string(d.Record.Kind)), str(d.Record.ID), str(string(d.Count))
		put(i, "of", d.Of)
		i["kept"], i["derived"], i[TimeToLive] = str(d.Kept), str(d.Derived), expires
		items[n] = i
	}
	if err := s.putAll(ctx, items); err != nil {
		return fmt.Errorf("write the differences of a reconciliation: %w", err)
	}
	i := reconciliationKey(r)
	putInstant(i, "startedAt", r.StartedAt)
	putInstant(i, "endedAt", r.EndedAt)
	put(i, "atKind", string(r.Position.Kind))
	put(i, "atTerm", string(r.Position.Term))
	put(i, "atCursor", r.Position.Cursor)
	i["sections"], i["courses"] = num(r.Checked.Sections), num(r.Checked.Courses)
	i["students"], i["imports"] = num(r.Checked.Students), num(r.Checked.Imports)
	i["differences"], i["unsettled"], i[TimeToLive] = num(r.Differences), num(r.Unsettled), expires
	stampInto(i, r.Stamp)
	return s.putOver(ctx, i, r.Version, "reconciliation")
}

// Differences lists what a reconciliation found, by record.
func (s *Store) Differences(
	ctx context.Context, id reconcile.ReconciliationID, page registrar.PageRequest,
) (registrar.Page[reconcile.Difference], error) {
	in := s.beginning(differencesOf(id), "DIFFERENCE#")
	in.ConsistentRead = aws.Bool(true)
	return listPage(ctx, s, "differences#"+string(id), in, page, func(i item) (reconcile.Difference, error) {
		r := read("difference", i)
		r.id = string(id)
		return record(&r, reconcile.Difference{
			Record: registrar.Record{Kind: registrar.Kind(r.mustSay("kind")), ID: r.must("record")},
			Count:  reconcile.Count(r.mustSay("count")),
			Of:     r.text("of"), Kept: r.must("kept"), Derived: r.must("derived"),
		})
	})
}
