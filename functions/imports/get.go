package imports

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
)

// GetStore is what [Get] needs of the store.
type GetStore interface {
	Import(ctx context.Context, id registrar.ImportID) (intake.Import, error)
	ImportProblems(
		ctx context.Context,
		im intake.Import,
		page registrar.PageRequest,
	) (registrar.Page[intake.Problem], error)
	ImportChanges(
		ctx context.Context,
		im intake.Import,
		page registrar.PageRequest,
	) (registrar.Page[intake.Change], error)
}

type getInput struct {
	api.IDInput
	api.PageInput
	Show string `query:"show" enum:"problems,changes" default:"problems" doc:"The list to page through: the problems of rows, or the changes that a dry run expects"`
}

// Report is an import with a page of one of its lists.
type Report struct {
	Import
	Problems []RowProblem `json:"problems" doc:"By row, those of the last run, the first 10,000 of them; one page. Empty with show=changes"`
	Changes  []RowChange  `json:"changes" doc:"The changes that a dry run expects, by row, the first 10,000 of them; one page. Empty without show=changes"`
	Next     string       `json:"next,omitempty" doc:"Cursor of the next page of the list"`
}

type getOutput struct {
	ETag string `header:"ETag" doc:"Weak: problems are added before the version changes"`
	Link string `header:"Link" doc:"The next page of the list, relation next (RFC 8288), relative to the address of the request"`
	Body Report
}

// Get shows the state of an import.
func Get(store GetStore) api.Operation {
	return api.Define(api.Spec{
		ID: "imports-get", Method: http.MethodGet, Path: "/v1/imports/{id}", Summary: "Get the state of an import",
		Tag: "imports",
		Description: "With a page of problems, or of the changes that a dry run expects; limit and cursor page through " +
			"them. An " +
			"import of registrations " +
			"whose worker failed goes on where it stopped. One of another kind is run again, from the first row on: counts " +
			"and problems are of " +
			"its last run, and a cursor of an earlier one is refused. Problems are kept for 400 days.",
		Access: api.Registrar, Codes: []registrar.Code{registrar.NotFound},
	}, func(ctx context.Context, in *getInput) (*getOutput, error) {
		im, err := store.Import(ctx, registrar.ImportID(in.ID))
		if err != nil {
			return nil, err
		}
		out := &getOutput{
			ETag: api.WeakETag(im.Version),
			Body: Report{Import: show(im), Problems: []RowProblem{}, Changes: []RowChange{}},
		}
		if in.Show == "changes" {
			page, err := store.ImportChanges(ctx, im, in.Request())
			if err != nil {
				return nil, err
			}
			list := api.ListOf(ctx, page, func(c intake.Change) RowChange {
				return RowChange{Row: c.Row, Record: c.Record, Effect: string(c.Effect), Fields: append([]string{}, c.Fields...)}
			})
			out.Link, out.Body.Changes, out.Body.Next = list.Link, list.Body.Items, list.Body.Next
			return out, nil
		}
		page, err := store.ImportProblems(ctx, im, in.Request())
		if err != nil {
			return nil, err
		}
		list := api.ListOf(ctx, page, func(p intake.Problem) RowProblem {
			return RowProblem{Row: p.Row, Field: p.Field, Reason: p.Reason, Refused: p.Refused}
		})
		out.Link, out.Body.Problems, out.Body.Next = list.Link, list.Body.Items, list.Body.Next
		return out, nil
	})
}
