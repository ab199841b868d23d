package imports

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// GetStore is what [Get] needs of the store.
type GetStore interface {
	Import(ctx context.Context, id registrar.ImportID) (registrar.Import, error)
	ImportProblems(ctx context.Context, im registrar.Import, page registrar.PageRequest) (registrar.Page[registrar.ImportProblem], error)
}

type getInput struct {
	api.IDInput
	api.PageInput
}

// Report is an import with a page of what was wrong in its rows.
type Report struct {
	Import
	Problems []RowProblem `json:"problems" doc:"By row, those of the last run, the first 10,000 of them; one page"`
	Next     string       `json:"next,omitempty" doc:"Cursor of the next page of problems"`
}

type getOutput struct {
	ETag string `header:"ETag"`
	Link string `header:"Link" doc:"The next page of problems, relation next (RFC 8288), relative to the address of the request"`
	Body Report
}

// Get tells where an import stands.
func Get(store GetStore) api.Operation {
	return api.Define(api.Spec{
		ID: "imports-get", Method: http.MethodGet, Path: "/v1/imports/{id}", Summary: "Tell where an import stands", Tag: "imports",
		Description: "With a page of problems; limit and cursor page through them. An import whose worker failed is run again, from the first row on: " +
			"counts and problems are of its last run, and a cursor of an earlier one is refused. Problems are kept for 400 days.",
		Access: api.Registrar, Codes: []registrar.Code{registrar.NotFound},
	}, func(ctx context.Context, in *getInput) (*getOutput, error) {
		im, err := store.Import(ctx, registrar.ImportID(in.ID))
		if err != nil {
			return nil, err
		}
		page, err := store.ImportProblems(ctx, im, in.Request())
		if err != nil {
			return nil, err
		}
		list := api.ListOf(ctx, page, func(p registrar.ImportProblem) RowProblem {
			return RowProblem{Row: p.Row, Field: p.Field, Reason: p.Reason, Refused: p.Refused}
		})
		return &getOutput{
			ETag: api.ETag(im.Version), Link: list.Link,
			Body: Report{Import: show(im), Problems: list.Body.Items, Next: list.Body.Next},
		}, nil
	})
}
