// Command sweep is the Lambda that looks after imports that stand still, started by a schedule.
package main

import (
	"context"

	"example.com/registrar/functions/imports"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/lambdahost"
	"example.com/registrar/shared/queue"
	"example.com/registrar/shared/schedule"
	"example.com/registrar/shared/sdk"
)

func main() {
	lambdahost.StartSchedule(func(_ context.Context, host lambdahost.Host) (lambdahost.Task, error) {
		config, err := sdk.FromEnvironment(host.Getenv)
		if err != nil {
			return nil, err
		}
		store, err := dynamo.Open(config, host.Getenv)
		if err != nil {
			return nil, err
		}
		workers, err := queue.Open(config, host.Getenv, "imports")
		if err != nil {
			return nil, err
		}
		system := api.RealSystem()
		settings, err := schedule.Settings{
			Name: "imports-sweep", Registry: store, Clock: system.Clock, NewID: system.NewID, Log: host.Log,
		}.Configure(host.Getenv)
		if err != nil {
			return nil, err
		}
		return imports.Sweep(settings, store, workers), nil
	})
}
