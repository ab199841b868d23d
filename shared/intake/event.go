package intake

import (
	"fmt"

	"example.com/registrar/shared/registrar"
)

// The names of facts of an import's end.
const (
	factKind    = "kind"
	factTerm    = "term"
	factState   = "state"
	factRead    = "rowsRead"
	factApplied = "rowsApplied"
	factRefused = "rowsRefused"
)

// EndFacts are the facts of the end of an import; see [ReadEnd].
type EndFacts struct {
	ID    registrar.ImportID
	Kind  Kind
	Term  registrar.TermID
	State State
	Rows  Rows
}

// ReadEnd reads the facts of an event of type [registrar.ImportEnded]. It is an error when the event is of another
// type, or when a fact is missing or not in its form: it would be read as none, or as 0.
func ReadEnd(e registrar.Event) (EndFacts, error) {
	if e.Type != registrar.ImportEnded || e.Record.ID == "" {
		return EndFacts{}, fmt.Errorf("event %s of type %s does not say which import ended", e.ID, e.Type)
	}
	r := registrar.ReadFacts(e)
	f := EndFacts{
		Term: registrar.TermID(r.OptionalText(factTerm)), // empty for kinds that belong to no term
		ID:   registrar.ImportID(e.Record.ID), Kind: Kind(r.Text(factKind)), State: State(r.Text(factState)),
		Rows: Rows{Read: int(r.Count(factRead)), Applied: int(r.Count(factApplied)),
			Refused: int(r.Count(factRefused))},
	}
	if !f.State.Ended() {
		r.Fail(factState)
	}
	if err := r.Err(); err != nil {
		return EndFacts{}, err
	}
	return f, nil
}

// EndEvent is the event of the end of an import.
func EndEvent(im Import, newID registrar.IDs) registrar.Event {
	return registrar.Event{
		ID: registrar.EventID(newID()), Type: registrar.ImportEnded, Schema: 1, At: im.UpdatedAt, Record: registrar.Record{
			Kind: registrar.KindImport,
			ID:   string(im.ID)}, Version: im.Version,
		Facts: registrar.Facts{
			factKind: string(im.Kind), factTerm: string(im.Term), factState: string(im.State),
			factRead: int64(im.Rows.Read), factApplied: int64(im.Rows.Applied), factRefused: int64(im.Rows.Refused),
		},
	}
}
