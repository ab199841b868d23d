// Command get is the Lambda of the operation preferences-get.
package main

import (
	"context"
	"net/http"

	"example.com/registrar/functions/preferences"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/lambdahost"
)

func main() {
	lambdahost.StartHTTP(func(ctx context.Context, host lambdahost.Host) (http.Handler, error) {
		store, err := dynamo.Open(ctx, host.Getenv)
		if err != nil {
			return nil, err
		}
		return api.Handler(host.Log, preferences.Get(store)), nil
	})
}
