package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The conditions of a registration, one for each item of its transaction.
const (
	// There is a free seat that is not for somebody on the waitlist, and the section is as it was when the rules read it.
	takeSeat       = "SET freeSeats = freeSeats - :one, taken = taken + :one, used = :true"
	seatIsFree     = "freeSeats > waiting AND #status = :open AND sectionVersion = :sectionVersion"
	giveSeatBack   = "SET freeSeats = freeSeats + :one, taken = taken - :one"
	seatIsTaken    = "taken >= :one AND sectionVersion = :sectionVersion"
	isNew          = "attribute_not_exists(PK)"
	isVersion      = "version = :before"
	countTerm      = "ADD terms :one"
	studentAsRead  = "attribute_not_exists(since) OR since <= :student"
	rosterEnrolled = "GSI1PK = :roster AND begins_with(GSI1SK, :state)"
)

func key(pk, sk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"PK": str(pk), "SK": str(sk)}
}

func seatsKey(id registrar.SectionID) map[string]types.AttributeValue {
	return key("SEATS#"+string(id), "SEATS")
}

func studentKey(id registrar.StudentID) map[string]types.AttributeValue {
	return key("STUDENT#"+string(id), "STUDENT")
}

// termsKey is the item that a student's first registration in a term writes, instead of the student's own item. The
// student's item is in an index by name, whose one partition a whole campus would write. This item is in no index, and
// has
//
//   - terms: how many term records the student has;
//   - since: the version of the student from which on decisions are valid. A new name, the end of being active and a
//     deletion raise it. A deletion leaves the item behind for tombstoneTime, with a version that no student reaches.
func termsKey(id registrar.StudentID) map[string]types.AttributeValue {
	return key("STUDENT#"+string(id), "TERMS")
}

// tombstoneTime is longer than any request lasts that has read a student before the deletion.
const tombstoneTime = 24 * time.Hour

func termRecordKey(student registrar.StudentID, term registrar.TermID) map[string]types.AttributeValue {
	return key("STUDENT#"+string(student), "TERM#"+string(term))
}

func registrationKey(
	student registrar.StudentID, term registrar.TermID, section registrar.SectionID,
) map[string]types.AttributeValue {
	return key("STUDENT#"+string(student), "REG#"+string(term)+"#"+string(section))
}

// RegistrationFacts implements [registrar.RegistrationStore]: one consistent BatchGetItem. The section comes from a
// cache of bounded age, and its version is compared with the one on the seats item, here and again by the commit's
// condition, so a decision never rests on an outdated section. The term is at most [termAge] old.
func (s *Store) RegistrationFacts(ctx context.Context, section registrar.SectionID, student registrar.StudentID,
	idempotency registrar.IdempotencyKey,
) (registrar.EnrolFacts, error) {
	return s.facts(ctx, section, student, idempotency,
		func(registrar.Section) (none registrar.Seats, full bool) { return none, false })
}

// EnrolmentFacts implements [registrar.RegistrationStore]: RegistrationFacts without the seats item, if that was seen
// full less than [registrar.FullAge] ago under the section's version.
func (s *Store) EnrolmentFacts(ctx context.Context, section registrar.SectionID, student registrar.StudentID,
	idempotency registrar.IdempotencyKey,
) (registrar.EnrolFacts, error) {
	return s.facts(ctx, section, student, idempotency, func(of registrar.Section) (registrar.Seats, bool) {
		seats, full := s.full.get(of.ID, registrar.FullAge)
		return seats, full && seats.SectionVersion == of.Version
	})
}

func (s *Store) facts(
	ctx context.Context, sectionID registrar.SectionID, student registrar.StudentID, idempotency registrar.IdempotencyKey,
	known func(registrar.Section) (registrar.Seats, bool),
) (registrar.EnrolFacts, error) {
	section, err := s.cachedSection(ctx, sectionID)
	if err != nil {
		return registrar.EnrolFacts{}, err
	}
	seats, full := known(section)
	term, fresh := s.terms.get(section.Term, termAge)
	keys := []item{studentKey(student), termRecordKey(student, section.Term),
		registrationKey(student, section.Term, sectionID)}
	further := func(k item) int {
		keys = append(keys, k)
		return len(keys) - 1
	}
	answerAt, seatsAt, termAt := -1, -1, -1
	if !idempotency.Zero() {
		answerAt = further(answerKey(idempotency))
	}
	if !full {
		seatsAt = further(seatsKey(sectionID))
	}
	if !fresh {
		termAt = further(termKey(section.Term))
	}
	began := s.now()
	items, err := s.batchGet(ctx, keys)
	if err != nil {
		return registrar.EnrolFacts{}, fmt.Errorf("read the facts of a registration: %w", err)
	}
	if answerAt >= 0 {
		if err := s.answerIn(items[answerAt], idempotency); err != nil {
			return registrar.EnrolFacts{}, err
		}
	}
	if !full {
		if items[seatsAt] == nil {
			s.forgetSection(sectionID)
			return registrar.EnrolFacts{}, notFound("section", string(sectionID))
		}
		if seats, err = seatsFrom(items[seatsAt]); err != nil {
			return registrar.EnrolFacts{}, err
		}
		s.sawSeats(seats, began)
	}
	if !fresh {
		if items[termAt] == nil {
			return registrar.EnrolFacts{}, notFound("term", string(section.Term))
		}
		if term, err = termFrom(items[termAt]); err != nil {
			return registrar.EnrolFacts{}, err
		}
		s.terms.putRead(term.ID, term, began)
	}
	if items[0] == nil {
		return registrar.EnrolFacts{}, notFound("student", string(student))
	}
	facts := registrar.EnrolFacts{
		Term: term, Section: section, Seats: seats, SeatsFirst: full,
		Record: registrar.TermRecord{Student: student, Term: section.Term},
	}
	if facts.Student, err = studentFrom(items[0]); err != nil {
		return registrar.EnrolFacts{}, err
	}
	if seats.SectionVersion > section.Version {
		s.sections.outdate(sectionID, seats.SectionVersion)
		if facts.Section, err = s.cachedSection(ctx, sectionID); err != nil {
			return registrar.EnrolFacts{}, err
		}
	}
	// The student may have been read before a change, and the term record after it.
	r := read("term record", items[1])
	if decidedOn := countOrNone[registrar.Version](&r, "studentVersion"); r.err != nil {
		return registrar.EnrolFacts{}, r.err
	} else if decidedOn > facts.Student.Version {
		if facts.Student, err = s.Student(ctx, student); err != nil {
			return registrar.EnrolFacts{}, err
		}
	}
	if items[1] != nil {
		if facts.Record, err = termRecordFrom(items[1], student, section.Term); err != nil {
			return registrar.EnrolFacts{}, err
		}
	}
	if items[2] != nil {
		if facts.Registration, err = registrationFrom(items[2]); err != nil {
			return registrar.EnrolFacts{}, err
		}
	}
	return facts, nil
}

// CommitRegistration implements [registrar.RegistrationStore]: one TransactWriteItems of at most six small items. The
// section's version is compared at its seats, which have a copy of it. The student's version is compared when a term
// record is created. Afterwards the record's own version is enough, because it changes with everything that rules read
// of the student.
func (s *Store) CommitRegistration(ctx context.Context, c registrar.RegistrationChange, answer registrar.Answer) error {
	reg := c.Registration
	seats := &types.Update{
		TableName: aws.String(s.table), Key: seatsKey(reg.Section),
		UpdateExpression: aws.String(giveSeatBack), ConditionExpression: aws.String(seatIsTaken),
		ExpressionAttributeValues: map[string]types.AttributeValue{":one": num(1), ":sectionVersion": num(c.Section)},
	}
	if c.SeatDelta < 0 {
		seats.UpdateExpression, seats.ConditionExpression = aws.String(takeSeat), aws.String(seatIsFree)
		seats.ExpressionAttributeNames = map[string]string{"#status": "status"}
		seats.ExpressionAttributeValues[":true"] = &types.AttributeValueMemberBOOL{Value: true}
		seats.ExpressionAttributeValues[":open"] = str(string(registrar.SectionOpen))
	}
	items := []types.TransactWriteItem{
		{Update: seats},
		{Put: s.versionedPut(registrationItem(reg), reg.Version-1)},
		{Put: s.versionedPut(termRecordItem(c.Record, c.Student), c.Record.Version)},
		s.tell(ctx, c.Event).write,
	}
	if c.Record.Version == 0 {
		items = append(items, types.TransactWriteItem{Update: &types.Update{
			TableName: aws.String(s.table), Key: termsKey(reg.Student),
			UpdateExpression: aws.String(countTerm), ConditionExpression: aws.String(studentAsRead),
			ExpressionAttributeValues: map[string]types.AttributeValue{":one": num(1), ":student": num(c.Student)},
		}})
	}
	answerAt := -1
	if !answer.Key.Zero() {
		answerAt = len(items)
		items = append(items, s.answerPut(answer))
	}
	var look func(context.Context) error
	if c.SeatDelta < 0 {
		look = func(ctx context.Context) error { return s.seatsAsRead(ctx, reg.Section, c.Section) }
	}
	err := s.transact(ctx, items, look)
	var lost *cancelled
	switch {
	case err == nil && c.SeatDelta > 0:
		s.full.forget(reg.Section)
		return nil
	case !errors.As(err, &lost):
		return err
	case answerAt >= 0 && lost.failed(answerAt):
		if err := s.answered(ctx, answer.Key); err != nil {
			return err
		}
	}
	return registrar.ErrStale
}

// seatsAsRead is [registrar.ErrStale] when no seat is left in the section as the rules read it. So a crowd that waits
// for the seats item learns for one read unit each, or for none, that the last seat is taken, without another write to
// it.
func (s *Store) seatsAsRead(ctx context.Context, section registrar.SectionID, version registrar.Version) error {
	if _, full := s.full.get(section, registrar.FullAge); full {
		return registrar.ErrStale
	}
	began := s.now()
	out, err := singleAttempt(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(s.table), Key: seatsKey(section), ConsistentRead: aws.Bool(true),
	}, nil, s.client.Client.GetItem)
	if err != nil {
		return fmt.Errorf("look at the seats: %w", err)
	}
	if len(out.Item) == 0 {
		return registrar.ErrStale
	}
	now, err := seatsFrom(out.Item)
	if err != nil {
		return err
	}
	s.sawSeats(now, began)
	if !now.Takeable() || now.Status != registrar.SectionOpen || now.SectionVersion != version {
		return registrar.ErrStale
	}
	return nil
}

// versionedPut writes an item if its stored version is still the one before; 0 means that there is none yet.
func (s *Store) versionedPut(item map[string]types.AttributeValue, before registrar.Version) *types.Put {
	if before == 0 {
		return &types.Put{TableName: aws.String(s.table), Item: item, ConditionExpression: aws.String(isNew)}
	}
	return &types.Put{
		TableName: aws.String(s.table), Item: item, ConditionExpression: aws.String(isVersion),
		ExpressionAttributeValues: map[string]types.AttributeValue{":before": num(before)},
	}
}

// Registration reads one student's registration in one section, or a [registrar.NotFound] refusal.
func (s *Store) Registration(
	ctx context.Context, section registrar.SectionID, student registrar.StudentID,
) (registrar.Registration, error) {
	known, err := s.cachedSection(ctx, section)
	if err != nil {
		return registrar.Registration{}, err
	}
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(s.table), Key: registrationKey(student, known.Term, section), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return registrar.Registration{}, busyOr(ctx, fmt.Errorf("read a registration: %w", err))
	}
	if len(out.Item) == 0 {
		return registrar.Registration{}, notFound("registration", string(section))
	}
	return registrationFrom(out.Item)
}

// Roster lists the enrolled students of a section by name. It reads an index, so it may lag behind the last moment.
func (s *Store) Roster(
	ctx context.Context, section registrar.SectionID, page registrar.PageRequest,
) (registrar.Page[registrar.Registration], error) {
	if _, err := s.cachedSection(ctx, section); err != nil {
		return registrar.Page[registrar.Registration]{}, err
	}
	return listPage(ctx, s, "roster#"+string(section), &dynamodb.QueryInput{
		TableName: aws.String(s.table), IndexName: aws.String("GSI1"),
		KeyConditionExpression: aws.String(rosterEnrolled),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":roster": str("ROSTER#" + string(section)), ":state": str(string(registrar.Enrolled) + "#"),
		},
	}, page, registrationFrom)
}

// SaveCopies implements [registrar.RefreshStore]: one TransactWriteItems of at most four items.
func (s *Store) SaveCopies(ctx context.Context, c registrar.Copies) error {
	reg := c.Registration
	registration := s.unchanged(registrationKey(reg.Student, reg.Term, reg.Section), c.Was)
	if reg.Version != c.Was {
		registration = types.TransactWriteItem{Put: s.versionedPut(registrationItem(reg), c.Was)}
	}
	items := []types.TransactWriteItem{
		registration,
		s.unchanged(sectionKey(reg.Section), c.Section),
		s.unchanged(studentKey(reg.Student), c.Student),
	}
	if c.Held {
		items = append(items, types.TransactWriteItem{Put: s.versionedPut(termRecordItem(c.Record, c.Student),
			c.Record.Version)})
	}
	err := s.transact(ctx, items, nil)
	var lost *cancelled
	if errors.As(err, &lost) {
		return registrar.ErrStale
	}
	return err
}

func (s *Store) unchanged(k item, version registrar.Version) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: aws.String(s.table), Key: k, ConditionExpression: aws.String(isVersion), ExpressionAttributeValues: item{
			":before": num(version)},
	}}
}

// Schedule lists all registrations of a student in a term, dropped ones too: one consistent query of one partition.
func (s *Store) Schedule(
	ctx context.Context, student registrar.StudentID, term registrar.TermID,
) ([]registrar.Registration, error) {
	return s.registrations(ctx, student, "REG#"+string(term)+"#")
}

// Registrations lists all registrations that a student ever had, in the same way.
func (s *Store) Registrations(ctx context.Context, student registrar.StudentID) ([]registrar.Registration, error) {
	return s.registrations(ctx, student, "REG#")
}

func (s *Store) registrations(
	ctx context.Context, student registrar.StudentID, prefix string,
) ([]registrar.Registration, error) {
	var regs []registrar.Registration
	in := s.beginning("STUDENT#"+string(student), prefix)
	in.ConsistentRead = aws.Bool(true)
	pages := dynamodb.NewQueryPaginator(s.client, in)
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, busyOr(ctx, fmt.Errorf("read a student's schedule: %w", err))
		}
		for _, item := range out.Items {
			reg, err := registrationFrom(item)
			if err != nil {
				return nil, err
			}
			regs = append(regs, reg)
		}
	}
	return regs, nil
}

func registrationItem(r registrar.Registration) map[string]types.AttributeValue {
	item := registrationKey(r.Student, r.Term, r.Section)
	item["GSI1PK"] = str("ROSTER#" + string(r.Section))
	item["GSI1SK"] = str(string(r.State) + "#" + strings.ToLower(string(r.StudentName)) + "#" + string(r.Student))
	item["course"] = str(string(r.Course))
	item["crn"] = str(r.CRN)
	item["name"] = str(r.StudentName)
	item["state"] = str(string(r.State))
	item["attempt"] = num(r.Attempt)
	item["credits"] = num(r.Credits)
	item["enrolledAt"] = instant(r.EnrolledAt)
	if !r.DroppedAt.IsZero() {
		item["droppedAt"] = instant(r.DroppedAt)
	}
	stampInto(item, r.Stamp)
	return item
}

func registrationFrom(item map[string]types.AttributeValue) (registrar.Registration, error) {
	r := read("registration", item)
	student := registrar.StudentID(r.key("PK", "STUDENT#"))
	term, section, _ := strings.Cut(r.key("SK", "REG#"), "#")
	if section == "" {
		r.fail("SK", "names no section")
	}
	return record(&r, registrar.Registration{
		Section: registrar.SectionID(section), Student: student, Term: registrar.TermID(term),
		Course: registrar.CourseID(r.mustSay("course")), CRN: r.must("crn"), StudentName: registrar.Personal(r.must("name")),
		State: oneOf(&r, "state", registrar.Enrolled, registrar.Dropped), Attempt: count[int](&r, "attempt"),
		Credits: count[registrar.Credits](&r, "credits"), EnrolledAt: r.mustInstant("enrolledAt"),
		DroppedAt: r.instant("droppedAt"), Stamp: r.stamp(),
	})
}

func seatsFrom(item map[string]types.AttributeValue) (registrar.Seats, error) {
	r := read("seats", item)
	return record(&r, registrar.Seats{
		Section:  registrar.SectionID(r.key("PK", "SEATS#")),
		Capacity: count[int](&r, "capacity"), Free: number[int](&r, "freeSeats"), Taken: number[int](&r, "taken"),
		Offered: number[int](&r, "offered"), Waiting: number[int](&r, "waiting"),
		Status: r.sectionStatus(), SectionVersion: count[registrar.Version](&r, "sectionVersion"),
	})
}

// A holding is one string, with its fields separated by "|" and its meetings by ";". The term record is written with
// every registration of its student, and a write unit is a kilobyte.
//
// It has the version of the student that it is based on. A change of the student that rules or rosters read writes its
// version here, so that whoever read an older student notices.
func termRecordItem(r registrar.TermRecord, student registrar.Version) map[string]types.AttributeValue {
	item := termRecordKey(r.Student, r.Term)
	item["version"], item["studentVersion"] = num(r.Version+1), num(student)
	holdings := make([]types.AttributeValue, len(r.Holdings))
	for i, h := range r.Holdings {
		meetings := make([]string, len(h.Meetings))
		for j, m := range h.Meetings {
			meetings[j] = meetingText(m)
		}
		holdings[i] = str(strings.Join([]string{
			string(h.Section), strings.TrimSuffix(string(h.Course)+" "+parted(h.Code), " "), parted(h.CRN),
			strconv.Itoa(int(h.Credits)), strings.Join(meetings, ";"), h.Component,
		}, "|"))
	}
	item["holdings"] = &types.AttributeValueMemberL{Value: holdings}
	return item
}

func termRecordFrom(
	item map[string]types.AttributeValue, student registrar.StudentID, term registrar.TermID,
) (registrar.TermRecord, error) {
	r := read("term record", item)
	r.id = string(student)
	kept := registrar.TermRecord{Student: student, Term: term, Version: r.version()}
	for _, v := range r.mustList("holdings") {
		h, err := holdingFrom(r.element("holdings", v))
		if err != nil {
			r.fail("holdings", "cannot be read: "+err.Error())
			break
		}
		kept.Holdings = append(kept.Holdings, h)
	}
	return record(&r, kept)
}

// holdingFrom reads a holding. Its errors repeat nothing of it.
func holdingFrom(text string) (registrar.Holding, error) {
	fields := strings.SplitN(text, "|", 6) // the component comes last: it is free text
	if len(fields) != 6 {
		return registrar.Holding{}, errors.New("a holding has not six fields")
	}
	course, code, _ := strings.Cut(fields[1], " ")
	credits, err := strconv.ParseInt(fields[3], 10, 32)
	switch {
	case err != nil || credits < 0:
		return registrar.Holding{}, errors.New("a holding has no number of credits")
	case fields[0] == "" || course == "":
		return registrar.Holding{}, errors.New("a holding names no section, or no course")
	}
	h := registrar.Holding{
		Section: registrar.SectionID(fields[0]), Course: registrar.CourseID(course), Code: whole(code), CRN: whole(fields[2]),
		Credits: registrar.Credits(credits), Component: fields[5],
	}
	for meeting := range strings.SplitSeq(fields[4], ";") {
		if meeting == "" {
			continue
		}
		m, err := meetingFrom(meeting)
		if err != nil {
			return registrar.Holding{}, err
		}
		h.Meetings = append(h.Meetings, m)
	}
	return h, nil
}

// parted writes a free text without the separators of a holding's fields, and whole reads it.
func parted(text string) string {
	if !strings.ContainsAny(text, "%|") { // nearly always: to make a replacer costs a page of memory
		return text
	}
	return strings.NewReplacer("%", "%25", "|", "%7C").Replace(text)
}

func whole(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	return strings.NewReplacer("%25", "%", "%7C", "|").Replace(text)
}

// meetingText writes when a meeting is, for [meetingFrom].
func meetingText(m registrar.Meeting) string {
	return strings.Join([]string{m.Days.String(), strconv.Itoa(int(m.Start)), strconv.Itoa(int(m.End)), string(m.From),
		string(m.To)}, ",")
}

// meetingFrom reads when a meeting is. Its errors repeat nothing of it. A meeting that was read only in part could not
// be found in a conflict.
func meetingFrom(text string) (registrar.Meeting, error) {
	f := strings.Split(text, ",")
	if len(f) != 5 {
		return registrar.Meeting{}, errors.New("a meeting has not five fields")
	}
	days, ok := registrar.ParseDays(f[0])
	start, errStart := strconv.ParseInt(f[1], 10, 16)
	end, errEnd := strconv.ParseInt(f[2], 10, 16)
	m := registrar.Meeting{
		Days: days, Start: registrar.ClockTime(start), End: registrar.ClockTime(end),
		From: registrar.Date(f[3]), To: registrar.Date(f[4]),
	}
	switch {
	case !ok || days == 0:
		return registrar.Meeting{}, errors.New("a meeting has no days")
	case errStart != nil || errEnd != nil || !m.Start.Valid() || !m.End.Valid():
		return registrar.Meeting{}, errors.New("a meeting has no times")
	case !m.From.Valid() || !m.To.Valid():
		return registrar.Meeting{}, errors.New("a meeting has no dates")
	}
	return m, nil
}
