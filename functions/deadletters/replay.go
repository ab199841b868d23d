package deadletters

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// Replayer is what [Replay] needs of the queues.
type Replayer interface {
	// Replay sends the dead letter of a message back to its queue and returns the id that it has there now.
	Replay(ctx context.Context, queue, message string) (id string, err error)
}

type replayOutput struct {
	Body struct {
		Message string `json:"message" doc:"Id of the message that was sent in its place, for the log"`
	}
}

// Replay sends a dead letter back to its queue.
func Replay(letters Replayer) api.Operation {
	return api.Define(api.Spec{
		ID: "deadletters-replay", Method: http.MethodPost, Path: "/v1/queues/{queue}/dead-letters/{message}/replay",
		Summary: "Handle a dead letter again",
		Description: "It goes back to its queue, as a new message, and its consumer begins anew. It is sent before it is " +
			"deleted: should the " +
			"request be cut off in between, it is handled and still a dead letter. To handle it twice does no harm. " +
			"`NOT_FOUND` also when " +
			"somebody else looks at it in this moment, or more than a thousand others were found first.",
		Tag: "operations", Access: api.Registrar, Codes: []registrar.Code{registrar.NotFound},
	}, func(ctx context.Context, in *LetterInput) (*replayOutput, error) {
		id, err := letters.Replay(ctx, in.Queue, string(in.Message))
		if err != nil {
			return nil, err
		}
		out := &replayOutput{}
		out.Body.Message = id
		return out, nil
	})
}
