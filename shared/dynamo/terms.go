package dynamo

import (
	"context"

	"example.com/registrar/shared/registrar"
)

func termKey(id registrar.TermID) item { return key("TERM#"+string(id), "TERM") }

// CreateTerm stores a new term. Its code must be free: else a [registrar.NameTaken] refusal. The answer is stored with it;
// see [registrar.Answer].
func (s *Store) CreateTerm(ctx context.Context, t registrar.Term, answer registrar.Answer) error {
	return s.act(ctx, []action{
		s.putAction(termItem(t), isNew, nil), s.claim(termCode, folded(t.Code), string(t.ID), "code"),
		s.created(ctx, recordOf(registrar.KindTerm, t.ID), t.Version),
	}, answer)
}

// Term reads a term, or a [registrar.NotFound] refusal.
func (s *Store) Term(ctx context.Context, id registrar.TermID) (registrar.Term, error) {
	i, err := s.getItem(ctx, termKey(id), "term", string(id))
	if err != nil {
		return registrar.Term{}, err
	}
	return termFrom(i)
}

// Terms lists the terms by their first day.
func (s *Store) Terms(ctx context.Context, page registrar.PageRequest) (registrar.Page[registrar.Term], error) {
	return listPage(ctx, s, "terms", s.inIndex("GSI1", "TERMS", ""), page, termFrom)
}

// UpdateTerm replaces what was read as before, or returns [registrar.ErrVersionMismatch] when that is no longer stored.
func (s *Store) UpdateTerm(ctx context.Context, before, after registrar.Term) error {
	actions := append(s.rename(termCode, before.Code, after.Code, string(after.ID), "code"),
		s.overwrite(termItem(after), after.Version, "term", "opens", "closes", "lastAdd", "lastDrop"),
		s.updated(ctx, recordOf(registrar.KindTerm, after.ID), after.Version, termItem(before), termItem(after)))
	err := s.act(ctx, actions, registrar.Answer{})
	if err == nil {
		s.terms.outdate(after.ID, after.Version)
	}
	return err
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
