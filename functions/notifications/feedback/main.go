// Command feedback is the Lambda that hears of mail that bounced or that its reader complained of, fed by the queue of
// feedback.
package main

import (
	"context"

	"example.com/registrar/functions/notifications"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/lambdahost"
	"example.com/registrar/shared/queue"
	"example.com/registrar/shared/sdk"
)

func main() {
	lambdahost.StartSQS(func(_ context.Context, host lambdahost.Host) (consumer.Handler, error) {
		config, err := sdk.FromEnvironment(host.Getenv)
		if err != nil {
			return nil, err
		}
		store, err := dynamo.Open(config, host.Getenv)
		if err != nil {
			return nil, err
		}
		settings, err := queue.OpenConsumer(config, host.Getenv, host.Log)
		if err != nil {
			return nil, err
		}
		return notifications.Feedback(settings, store), nil
	})
}
