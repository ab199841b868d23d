package imports

import (
	"context"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/registrar"
)

// Worker applies the imports whose files are announced in a queue's messages. An import is claimed, so that a second
// delivery waits for the first instead of reading the file at the same time.
func Worker(
	settings consumer.Settings,
	store Store,
	objects Objects,
	audit registrar.Auditor,
	system api.System,
) consumer.Handler {
	applier := Applier{
		Store:   store,
		Objects: objects,
		Audit:   audit,
		Formats: Formats(),
		Clock:   system.Clock,
		NewID:   system.NewID,
	}
	return consumer.Each(settings, consumer.Work[[]registrar.ImportID]{
		Name: "imports-apply",
		Read: func(m consumer.Message) ([]registrar.ImportID, error) { return announced(m.Body) },
		Key: func(ids []registrar.ImportID) (event, subject string, version registrar.Version) {
			if len(ids) == 1 { // as S3 announces
				return string(ids[0]), "", 0
			}
			return "", "", 0
		},
		Do: func(ctx context.Context, ids []registrar.ImportID) error {
			for _, id := range ids {
				if err := applier.Apply(ctx, id); err != nil {
					return err
				}
			}
			return nil
		},
	})
}
