package imports

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/schedule"
)

// SweepStore is what [Sweep] needs of the store.
type SweepStore interface {
	// Imports lists imports that have ended, or those that have not, and may lag.
	Imports(ctx context.Context, ended bool, page registrar.PageRequest) (registrar.Page[intake.Import], error)
	SaveImport(ctx context.Context, im intake.Import, report intake.Report) error
}

// Queue is the queue that feeds the workers.
type Queue interface {
	Send(ctx context.Context, body []byte) error
}

// Sweep takes care of imports that stand still. Those whose file never came fail. Those that nobody works on any more
// are announced to the workers again, a few times, as S3 had announced them. Each is changed only if it is still as it
// was read, so that a worker that is still active continues.
func Sweep(settings schedule.Settings, store SweepStore, workers Queue) func(ctx context.Context, due time.Time) error {
	return schedule.Once(settings, func(ctx context.Context, _ schedule.Run) error {
		for page := (registrar.PageRequest{Limit: registrar.MaxPage}); ; {
			open, err := store.Imports(ctx, false, page)
			if err != nil {
				return err
			}
			for _, im := range open.Items {
				if err := sweepOne(ctx, settings, store, workers, im); err != nil {
					return fmt.Errorf("import %s: %w", im.ID, err)
				}
			}
			if page.Cursor = open.Next; page.Cursor == "" {
				return nil
			}
		}
	})
}

func sweepOne(
	ctx context.Context,
	settings schedule.Settings,
	store SweepStore,
	workers Queue,
	im intake.Import,
) error {
	next, resend := im.Sweep(settings.Clock())
	if next.Version == im.Version {
		return nil
	}
	err := store.SaveImport(ctx, next, intake.Report{})
	switch {
	case errors.Is(err, registrar.ErrVersionMismatch): // it does not stand still
		return nil
	case err != nil:
		return err
	}
	level := slog.LevelWarn
	if im.State == intake.Waiting { // its client never uploaded the file, which is not a fault of ours
		level = slog.LevelInfo
	}
	settings.Log.Log(ctx, level, "an import stood still",
		"import", string(im.ID), "was", string(im.State), "since", im.UpdatedAt,
		"state", string(next.State), "reason", next.Reason, "resent", next.Resent)
	if !resend {
		return nil
	}
	// If it is not sent, the import stands still as before, and is swept again.
	announcement, err := announce(im.ID)
	if err != nil {
		return err
	}
	return workers.Send(ctx, announcement)
}
