package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func termKey(id registrar.TermID) item { return key("TERM#"+string(id), "TERM") }

// CreateTerm stores a new term. Its code must be free: else a [registrar.NameTaken] refusal. The answer is stored with
// it; see [registrar.Answer].
func (s *Store) CreateTerm(ctx context.Context, t registrar.Term, answer registrar.Answer) error {
	return s.act(ctx, []action{
		s.putAction(termItem(t), isNew, nil), s.claim(termCode, folded(t.Code), string(t.ID), "code"),
		s.created(ctx, recordOf(registrar.KindTerm, t.ID), t.Version),
	}, answer)
}

// Term reads a term, or a [registrar.NotFound] refusal.
func (s *Store) Term(ctx context.Context, id registrar.TermID) (registrar.Term, error) {
	return getRecord(ctx, s, termKey(id), "term", string(id), termFrom)
}

// Terms lists the terms by their first day.
func (s *Store) Terms(ctx context.Context, page registrar.PageRequest) (registrar.Page[registrar.Term], error) {
	return listPage(ctx, s, "terms", s.inIndex("GSI1", "TERMS", ""), page, termFrom)
}

// UpdateTerm replaces the version that was read, or returns [registrar.ErrVersionMismatch] when another one is stored.
// Dates that leave out a meeting of a section are [registrar.FieldErrors]; see "Who waits for whom" in the package
// comment. Only dates that leave out days of the term cost more than the write: then the term's sections are read.
func (s *Store) UpdateTerm(ctx context.Context, before, after registrar.Term) error {
	overwrite := s.overwrite(termItem(after), after.Version, "term", "opens", "closes", "lastAdd", "lastDrop")
	if after.Start > before.Start || after.End < before.End {
		mark := item{":mark": s.newMark()}
		in := &dynamodb.UpdateItemInput{
			UpdateExpression: aws.String("SET narrowing = :mark"), ConditionExpression: aws.String(isVersion),
			ExpressionAttributeValues: item{":mark": mark[":mark"], ":before": num(before.Version)},
		}
		if _, err := s.mark(ctx, termKey(after.ID), "term", in); err != nil {
			return err
		}
		stored := false
		defer func() {
			if !stored {
				s.unmark(ctx, termKey(after.ID), "term", "narrowing", mark)
			}
		}()
		if err := s.holdsMeetings(ctx, after); err != nil {
			return err
		}
		overwrite.write.Update.ConditionExpression = aws.String(isVersion + " AND narrowing = :mark")
		overwrite.write.Update.ExpressionAttributeValues[":mark"] = mark[":mark"]
		overwrite.refused = func(old item) error {
			r := read("term", old)
			if len(old) == 0 {
				return gone(old, "term")
			}
			now := r.version()
			if r.err == nil && now == before.Version {
				return fmt.Errorf("%w: another change of the term's dates came between", registrar.ErrBusy)
			}
			return errors.Join(r.err, gone(old, "term"))
		}
		err := s.updateTerm(ctx, overwrite, before, after)
		stored = err == nil
		return err
	}
	return s.updateTerm(ctx, overwrite, before, after)
}

func (s *Store) updateTerm(ctx context.Context, overwrite action, before, after registrar.Term) error {
	actions := append(s.rename(termCode, before.Code, after.Code, string(after.ID), "code"),
		overwrite, s.updated(ctx, recordOf(registrar.KindTerm, after.ID), after.Version, termItem(before), termItem(after)))
	err := s.act(ctx, actions, registrar.Answer{})
	if err == nil {
		s.terms.outdate(after.ID, after.Version)
	}
	return err
}

// holdsMeetings refuses dates of a term that leave out meetings of its sections.
func (s *Store) holdsMeetings(ctx context.Context, t registrar.Term) error {
	in := s.beginning("TERM#"+string(t.ID), "SECTION#")
	in.ConsistentRead = aws.Bool(true)
	outside := registrar.OutsideOf(t)
	for {
		out, err := s.client.Query(ctx, in)
		if err != nil {
			return busyOr(ctx, fmt.Errorf("list the sections of a term: %w", err))
		}
		keys := make([]item, len(out.Items))
		for n, i := range out.Items {
			sk := text(i["SK"])
			keys[n] = sectionKey(registrar.SectionID(sk[strings.LastIndex(sk, "#")+1:]))
		}
		found, err := s.batchGet(ctx, keys)
		if err != nil {
			return err
		}
		for _, i := range found {
			if i == nil {
				continue // deleted since
			}
			section, err := sectionFrom(i)
			if err != nil {
				return err
			}
			outside.Add(section)
		}
		if len(out.LastEvaluatedKey) == 0 {
			return outside.Err()
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// holds checks that a section's term exists and contains the days of its meetings, and that neither is about to change.
func (s *Store) holds(section registrar.Section) action {
	a := s.needs(termKey(section.Term), "term", string(section.Term))
	first, last := section.Span()
	if first == "" {
		return a
	}
	check := a.write.ConditionCheck
	check.ConditionExpression = aws.String(isNotLeaving +
		" AND (attribute_not_exists(narrowing) OR narrowing < :now) AND #start <= :first AND #end > :last")
	check.ExpressionAttributeNames = map[string]string{"#start": "start", "#end": "end"}
	check.ExpressionAttributeValues[":first"] = str(string(first))
	check.ExpressionAttributeValues[":last"] = str(string(last))
	now := s.now().UTC().Format(instantFormat)
	check.ExpressionAttributeValues[":now"] = str(now)
	a.refused = func(old item) error {
		r := read("term", old)
		switch {
		case len(old) == 0, r.text("deleting") >= now:
			return notFound("term", string(section.Term))
		case r.text("narrowing") >= now:
			return fmt.Errorf("%w: the dates of the term are being changed", registrar.ErrBusy)
		}
		term, err := termFrom(old)
		if err == nil {
			err = section.FitsIn(term)
		}
		if err == nil {
			err = fmt.Errorf("%w: a section's term was refused without a reason", registrar.ErrBusy)
		}
		return err
	}
	return a
}

// DeleteTerm removes a term without sections; [registrar.InUse] else. Version 0 stands for any.
func (s *Store) DeleteTerm(ctx context.Context, id registrar.TermID, version registrar.Version) error {
	s.terms.forget(id)
	return s.remove(ctx, termKey(id), recordOf(registrar.KindTerm, id), version,
		func(ctx context.Context) (bool, error) { return s.hasAny(ctx, "TERM#"+string(id), "SECTION#") },
		func(record item) ([]action, error) {
			t, err := termFrom(record)
			return []action{s.release(termCode, folded(t.Code), string(id))}, err
		})
}

func termItem(t registrar.Term) item {
	i := termKey(t.ID)
	i["GSI1PK"], i["GSI1SK"] = str("TERMS"), str(string(t.Start)+"#"+string(t.ID))
	i["code"], i["title"] = str(t.Code), str(t.Title)
	i["start"], i["end"], i["timeZone"] = str(string(t.Start)), str(string(t.End)), str(t.TimeZone)
	i["creditLimit"] = num(t.CreditLimit)
	putInstant(i, "opens", t.Registration.Open)
	putInstant(i, "closes", t.Registration.Close)
	deadlinesInto(i, t.Deadlines)
	stampInto(i, t.Stamp)
	return i
}

func termFrom(i item) (registrar.Term, error) {
	r := read("term", i)
	return record(&r, registrar.Term{
		ID: registrar.TermID(r.key("PK", "TERM#")), Code: r.mustSay("code"), Title: r.must("title"),
		Start: r.mustDate("start"), End: r.mustDate("end"), TimeZone: r.mustSay("timeZone"),
		Registration: registrar.Window{Open: r.instant("opens"), Close: r.instant("closes")},
		CreditLimit:  count[registrar.Credits](&r, "creditLimit"), Deadlines: r.deadlines(), Stamp: r.stamp(),
	})
}

func deadlinesInto(i item, d registrar.Deadlines) {
	putInstant(i, "lastAdd", d.LastAdd)
	putInstant(i, "lastDrop", d.LastDrop)
}

func (r *reader) deadlines() registrar.Deadlines {
	return registrar.Deadlines{LastAdd: r.instant("lastAdd"), LastDrop: r.instant("lastDrop")}
}
