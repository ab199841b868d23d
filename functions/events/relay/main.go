// Command relay is the Lambda that sends events from the table's stream to the queues that subscribe to them.
package main

import (
	"context"

	"example.com/registrar/functions/events"
	"example.com/registrar/shared/dynamo/stream"
	"example.com/registrar/shared/lambdahost"
	"example.com/registrar/shared/queue"
	"example.com/registrar/shared/sdk"
)

func main() {
	lambdahost.StartStream(func(_ context.Context, host lambdahost.Host) (lambdahost.Images, error) {
		config, err := sdk.FromEnvironment(host.Getenv)
		if err != nil {
			return nil, err
		}
		subscriptions, err := events.ParseSubscriptions(host.Getenv("SUBSCRIPTIONS"))
		if err != nil {
			return nil, err
		}
		relay, err := events.New(subscriptions, func(name string) (events.Queue, error) {
			return queue.Open(config,
				host.Getenv, name)
		}, host.Log)
		return relay.Images(stream.Event), err
	})
}
