package api

import (
	"context"

	"example.com/registrar/shared/registrar"
)

// PageInput is embedded in the input of a list.
type PageInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"Most records on the page"`
	Cursor string `query:"cursor" maxLength:"4000" doc:"From the page before; absent or empty for the first page"`
}

// Request is the page that was asked for.
func (in PageInput) Request() registrar.PageRequest {
	return registrar.PageRequest{Limit: in.Limit, Cursor: in.Cursor}
}

// List answers with a page of records.
type List[T any] struct {
	Link string `header:"Link" doc:"The next page, relation next (RFC 8288), relative to the address of the request" example:"<?cursor=bmV4dA&limit=50>; rel=\"next\""`
	Body struct {
		Items []T    `json:"items"`
		Next  string `json:"next,omitempty" doc:"Cursor of the next page; absent on the last"`
	}
}

// ListOf makes the answer of a page, showing each record.
func ListOf[R, T any](ctx context.Context, page registrar.Page[R], show func(R) T) *List[T] {
	list := &List[T]{}
	list.Body.Items = make([]T, len(page.Items))
	for i, r := range page.Items {
		list.Body.Items[i] = show(r)
	}
	list.Body.Next = page.Next
	if page.Next != "" {
		query := exchangeOf(ctx).url.Query()
		query.Set("cursor", page.Next)
		// a query alone keeps the path that the client used (RFC 3986 section 5.2.2)
		list.Link = "<?" + query.Encode() + `>; rel="next"`
	}
	return list
}

// IDInput is embedded in the input of an operation on one record.
type IDInput struct {
	ID ID `path:"id" doc:"Id of the record" example:"0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11"`
}
