package deadletters

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/consumer"
)

// DepthsOfQueues is what [Queues] needs of the queues.
type DepthsOfQueues interface {
	Depths(ctx context.Context) ([]consumer.Depth, error)
}

type queuesOutput struct {
	Body struct {
		Items []Queue `json:"items"`
	}
}

// Queues lists all queues with their numbers of messages.
func Queues(queues DepthsOfQueues) api.Operation {
	return api.Define(api.Spec{
		ID: "deadletters-queues", Method: http.MethodGet, Path: "/v1/queues", Summary: "List the queues, and how full they " +
			"are", Tag: "operations",
		Description: "The numbers are SQS's, which are approximate and may be a minute behind. How old the oldest message " +
			"is SQS tells only " +
			"CloudWatch, where an alarm watches it.",
		Access: api.Registrar,
	}, func(ctx context.Context, _ *struct{}) (*queuesOutput, error) {
		depths, err := queues.Depths(ctx)
		if err != nil {
			return nil, err
		}
		out := &queuesOutput{}
		out.Body.Items = make([]Queue, len(depths))
		for i, d := range depths {
			out.Body.Items[i] = Queue{Name: d.Queue, Waiting: d.Waiting, Delayed: d.Delayed, InFlight: d.InFlight,
				DeadLetters: d.Dead}
		}
		return out, nil
	})
}
