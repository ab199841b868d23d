// Command reconcile is the Lambda that derives every count from the records again, started by a schedule at night.
package main

import (
	"context"

	"example.com/registrar/functions/audit"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/lambdahost"
	"example.com/registrar/shared/reconcile"
	"example.com/registrar/shared/schedule"
	"example.com/registrar/shared/sdk"
)

func main() {
	lambdahost.StartSchedule(func(_ context.Context, host lambdahost.Host) (lambdahost.Task, error) {
		config, err := sdk.FromEnvironment(host.Getenv)
		if err != nil {
			return nil, err
		}
		store, err := dynamo.OpenForPages(config, host.Getenv)
		if err != nil {
			return nil, err
		}
		system := api.RealSystem()
		settings, err := schedule.Settings{
			Name: "audit-reconcile", Registry: store, Clock: system.Clock, NewID: system.NewID, Log: host.Log,
		}.Configure(host.Getenv)
		if err != nil {
			return nil, err
		}
		return audit.Reconcile(settings, reconcile.Reconciler{Store: store, Clock: system.Clock, NewID: system.NewID,
			Log: host.Log}), nil
	})
}
