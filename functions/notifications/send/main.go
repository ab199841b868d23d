// Command send is the Lambda that sends the mails of events, fed by the queue of notifications.
package main

import (
	"context"

	"example.com/registrar/functions/notifications"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/lambdahost"
	"example.com/registrar/shared/mail/carrier"
	"example.com/registrar/shared/mail/letters"
	"example.com/registrar/shared/mail/unsubscribe"
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
		ses, err := carrier.Open(config, host.Getenv)
		if err != nil {
			return nil, err
		}
		writer, err := letters.New()
		if err != nil {
			return nil, err
		}
		links, err := unsubscribe.OpenLinks(host.Getenv)
		if err != nil {
			return nil, err
		}
		settings, err := queue.OpenConsumer(config, host.Getenv, host.Log)
		if err != nil {
			return nil, err
		}
		return notifications.Send(settings, notifications.Sender{Store: store, Carrier: ses, Letters: writer,
			Links: links}), nil
	})
}
