// Command apply is the Lambda that applies uploaded files, fed by the queue of imports.
package main

import (
	"context"

	"example.com/registrar/functions/imports"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/lambdahost"
	"example.com/registrar/shared/objects"
)

func main() {
	lambdahost.StartSQS(func(ctx context.Context, host lambdahost.Host) (lambdahost.Message, error) {
		store, err := dynamo.Open(ctx, host.Getenv)
		if err != nil {
			return nil, err
		}
		bucket, err := objects.Open(ctx, host.Getenv)
		if err != nil {
			return nil, err
		}
		return imports.Worker(store, bucket, api.RealSystem()), nil
	})
}
