// Command serve is the Lambda of the API's documentation.
package main

import (
	"context"
	"net/http"

	"example.com/registrar/functions/docs"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/lambdahost"
)

func main() {
	lambdahost.StartHTTP(func(_ context.Context, host lambdahost.Host) (http.Handler, error) {
		return api.Handler(host.Log, docs.Operations()...), nil
	})
}
