package deadletters

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/registrar"
)

// Letters is what [List] needs of the queues.
type Letters interface {
	// Letters returns up to this many dead letters of a queue, and about how many there are.
	Letters(ctx context.Context, queue string, most int) (letters []consumer.DeadLetter, all int, err error)
}

type listInput struct {
	QueueInput
	Limit int `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"Most letters to show"`
}

type listOutput struct {
	Body struct {
		DeadLetters int          `json:"deadLetters" doc:"How many there are, about"`
		Items       []DeadLetter `json:"items"`
	}
}

// List shows dead letters of a queue.
func List(letters Letters) api.Operation {
	return api.Define(api.Spec{
		ID: "deadletters-list", Method: http.MethodGet, Path: "/v1/queues/{queue}/dead-letters",
		Summary: "Show dead letters of a queue", Tag: "operations",
		Description: "Up to `limit` of them, or as many as have 32 MB together. SQS has no list of its messages: they are " +
			"taken out, looked at and given " +
			"back, which takes a " +
			"second or more; what somebody else looks at in that moment is not shown, and there are no further pages. Letters " +
			"behind the " +
			"first hundred show when those before them were replayed or discarded. Of a queue that is told of mail that " +
			"bounced, letters " +
			"have `feedback` instead of `body`, which names addresses.",
		Access: api.Registrar, Codes: []registrar.Code{registrar.NotFound},
	}, func(ctx context.Context, in *listInput) (*listOutput, error) {
		found, all, err := letters.Letters(ctx, in.Queue, in.Limit)
		if err != nil {
			return nil, err
		}
		out := &listOutput{}
		out.Body.DeadLetters, out.Body.Items = all, make([]DeadLetter, len(found))
		for i, l := range found {
			out.Body.Items[i] = show(l)
		}
		return out, nil
	})
}
