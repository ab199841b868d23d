// Command relay is the Lambda that sends events from the table's stream to the queues that subscribe to them.
package main

import (
	"context"

	"example.com/registrar/functions/events"
	"example.com/registrar/shared/lambdahost"
	"example.com/registrar/shared/queue"
	"example.com/registrar/shared/stream"
)

func main() {
	lambdahost.StartStream(func(ctx context.Context, host lambdahost.Host) (lambdahost.Images, error) {
		subscriptions, err := events.ParseSubscriptions(host.Getenv("SUBSCRIPTIONS"))
		if err != nil {
			return nil, err
		}
		relay := events.Relay{Subscriptions: subscriptions, Queues: map[string]events.Queue{}, Log: host.Log}
		for name := range subscriptions {
			if relay.Queues[name], err = queue.Open(ctx, host.Getenv, name); err != nil {
				return nil, err
			}
		}
		return relay.Images(stream.Event), nil
	})
}
