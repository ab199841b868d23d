package deadletters

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// Discarder is what [Discard] needs of the queues.
type Discarder interface {
	Discard(ctx context.Context, queue, message string) error
}

// Discard deletes a dead letter.
func Discard(letters Discarder) api.Operation {
	return api.Define(api.Spec{
		ID: "deadletters-discard", Method: http.MethodDelete, Path: "/v1/queues/{queue}/dead-letters/{message}",
		Summary: "Discard a dead letter",
		Description: "For what never can or need be handled. It is gone for good. `NOT_FOUND` also when somebody else " +
			"looks at it in this " +
			"moment, or more than a thousand others were found first.",
		Tag: "operations", Access: api.Registrar, Status: http.StatusNoContent, Codes: []registrar.Code{registrar.NotFound},
	}, func(ctx context.Context, in *LetterInput) (*api.Nothing, error) {
		return nil, letters.Discard(ctx, in.Queue, string(in.Message))
	})
}
