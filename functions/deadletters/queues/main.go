// Command queues is the Lambda of the operation deadletters-queues.
package main

import (
	"context"
	"net/http"

	"example.com/registrar/functions/deadletters"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/lambdahost"
	"example.com/registrar/shared/queue"
	"example.com/registrar/shared/sdk"
)

func main() {
	lambdahost.StartHTTP(func(_ context.Context, host lambdahost.Host) (http.Handler, error) {
		config, err := sdk.FromEnvironment(host.Getenv)
		if err != nil {
			return nil, err
		}
		operator, err := queue.OpenOperator(config, host.Getenv, host.Log)
		if err != nil {
			return nil, err
		}
		return api.Handler(host.Log, deadletters.Queues(operator)), nil
	})
}
