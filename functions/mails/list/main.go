// Command list is the Lambda of the operation mails-list.
package main

import (
	"context"
	"net/http"

	"example.com/registrar/functions/mails"
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
		return api.Handler(host.Log, mails.List(store, api.RealSystem())), nil
	})
}
