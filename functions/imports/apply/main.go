// Command apply is the Lambda that applies uploaded files, fed by the queue of imports.
package main

import (
	"context"

	"example.com/registrar/functions/imports"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/lambdahost"
	"example.com/registrar/shared/objects"
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
		bucket, err := objects.Open(config, host.Getenv)
		if err != nil {
			return nil, err
		}
		audit, err := queue.Open(config, host.Getenv, "audit")
		if err != nil {
			return nil, err
		}
		settings, err := queue.OpenConsumer(config, host.Getenv, host.Log)
		if err != nil {
			return nil, err
		}
		settings.Claims = store
		return imports.Worker(settings, store, bucket, audit, api.RealSystem()), nil
	})
}
