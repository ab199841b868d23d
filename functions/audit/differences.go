package audit

import (
	"context"
	"net/http"
	"time"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/reconcile"
	"example.com/registrar/shared/registrar"
)

// DifferencesStore is what [Differences] needs of the store.
type DifferencesStore interface {
	LatestReconciliation(ctx context.Context) (reconcile.Reconciliation, error)
	Differences(ctx context.Context, id reconcile.ReconciliationID,
		page registrar.PageRequest) (registrar.Page[reconcile.Difference], error)
}

// Reconciliation is one pass over all records.
type Reconciliation struct {
	ID          string     `json:"id" format:"uuid"`
	StartedAt   time.Time  `json:"startedAt"`
	EndedAt     *time.Time `json:"endedAt,omitempty" doc:"Absent while it goes on"`
	Checked     Checked    `json:"checked" doc:"How many records were compared"`
	Differences int        `json:"differences" doc:"How many counts differ from the records"`
	Unsettled   int        `json:"unsettled" doc:"How many records changed each time they were read, and are left to the next"`
}

// Checked is how many records were compared.
type Checked struct {
	Sections int `json:"sections" example:"2224"`
	Courses  int `json:"courses" example:"920"`
	Students int `json:"students" example:"8000"`
	Imports  int `json:"imports" example:"3"`
}

// Difference is a count that differs from the records.
type Difference struct {
	Record  string    `json:"record" doc:"Whose count it is, kind and id" example:"section/0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11"`
	Count   string    `json:"count" doc:"Which count" example:"seats.taken"`
	Of      string    `json:"of,omitempty" doc:"Which of several: the id of a section, a term or an offering"`
	Kept    api.Value `json:"kept" doc:"What it says: a number, or a word where it counts nothing"`
	Derived api.Value `json:"derived" doc:"What follows from the records, likewise"`
}

type differencesOutput struct {
	Link string `header:"Link" doc:"The next page, relation next (RFC 8288), relative to the address of the request"`
	Body struct {
		Reconciliation *Reconciliation `json:"reconciliation,omitempty" doc:"The latest; absent before the first"`
		Items          []Difference    `json:"items" doc:"What it found, by record"`
		Next           string          `json:"next,omitempty" doc:"Cursor of the next page; absent on the last"`
	}
}

// Differences shows what the latest reconciliation found.
func Differences(store DifferencesStore) api.Operation {
	return api.Define(api.Spec{
		ID: "audit-differences", Method: http.MethodGet, Path: "/v1/audit/differences", Summary: "List counts that " +
			"differ from the records", Tag: "audit",
		Description: "Every night each count (seats taken and free, sections of a course, what a student holds) is derived " +
			"from the records again. " +
			"A difference is a defect: nothing that clients do should make one. While a reconciliation goes on, what it found " +
			"so far is shown.",
		Access: api.Registrar,
	}, func(ctx context.Context, in *api.PageInput) (*differencesOutput, error) {
		latest, err := store.LatestReconciliation(ctx)
		if err != nil {
			return nil, err
		}
		page, err := store.Differences(ctx, latest.ID, in.Request())
		if err != nil {
			return nil, err
		}
		list := api.ListOf(ctx, page, func(d reconcile.Difference) Difference {
			shown := Difference{
				Record: d.Record.String(), Count: string(d.Count), Of: d.Of, Kept: api.ValueOf(d.Kept),
				Derived: api.ValueOf(d.Derived),
			}
			if kept, derived, ok := d.Numbers(); ok {
				shown.Kept, shown.Derived = api.ValueOf(kept), api.ValueOf(derived)
			}
			return shown
		})
		out := &differencesOutput{Link: list.Link}
		out.Body.Items, out.Body.Next = list.Body.Items, list.Body.Next
		if latest.Version > 0 {
			out.Body.Reconciliation = &Reconciliation{
				ID: string(latest.ID), StartedAt: latest.StartedAt, EndedAt: api.TimeOf(latest.EndedAt),
				Checked:     Checked(latest.Checked),
				Differences: latest.Differences, Unsettled: latest.Unsettled,
			}
		}
		return out, nil
	})
}
