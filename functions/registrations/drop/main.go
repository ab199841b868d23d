// Command drop is the Lambda of the operation registrations-drop.
package main

import (
	"context"
	"net/http"

	"example.com/registrar/functions/registrations"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/lambdahost"
	"example.com/registrar/shared/queue"
)

func main() {
	lambdahost.StartHTTP(func(ctx context.Context, host lambdahost.Host) (http.Handler, error) {
		store, err := dynamo.Open(ctx, host.Getenv)
		if err != nil {
			return nil, err
		}
		audit, err := queue.Open(ctx, host.Getenv, "audit")
		if err != nil {
			return nil, err
		}
		return api.Handler(host.Log, registrations.Drop(store, audit, api.RealSystem())), nil
	})
}
