package imports

import (
	"context"

	"example.com/registrar/shared/api"
)

// Worker applies the imports whose files' arrival a queue's messages announce.
func Worker(store Store, objects Objects, system api.System) func(ctx context.Context, message []byte) error {
	return Applier{Store: store, Objects: objects, Formats: Formats(), Clock: system.Clock, NewID: system.NewID}.ApplyAnnounced
}
