// Command differences is the Lambda of the operation audit-differences.
package main

import (
	"context"
	"net/http"

	"example.com/registrar/functions/audit"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/lambdahost"
	"example.com/registrar/shared/sdk"
)

func main() {
	lambdahost.StartHTTP(func(_ context.Context, host lambdahost.Host) (http.Handler, error) {
		config, err := sdk.FromEnvironment(host.Getenv)
		if err != nil {
			return nil, err
		}
		store, err := dynamo.OpenForPages(config, host.Getenv)
		if err != nil {
			return nil, err
		}
		return api.Handler(host.Log, audit.Differences(store)), nil
	})
}
