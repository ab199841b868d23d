package audit

import (
	"context"
	"time"

	"example.com/registrar/shared/reconcile"
	"example.com/registrar/shared/schedule"
)

// Reconcile derives every count from the records again, once a night: the night's first run begins, and the following ones
// go on where it stopped, until all is done. One that is started by hand when all is done begins anew.
func Reconcile(settings schedule.Settings, reconciler reconcile.Reconciler) func(ctx context.Context, due time.Time) error {
	return schedule.Once(settings, func(ctx context.Context, run schedule.Run) error {
		now, found, err := reconciler.Run(ctx, run.Due, run.ByHand)
		log := settings.Log.With("reconciliation", string(now.ID), "startedAt", now.StartedAt, "ended", now.Ended(),
			"sections", now.Checked.Sections, "courses", now.Checked.Courses, "students", now.Checked.Students, "imports", now.Checked.Imports,
			"differences", now.Differences, "unsettled", now.Unsettled, "found", found)
		if err != nil {
			log.ErrorContext(ctx, "the records were not all reconciled", "error", err.Error())
			return err
		}
		log.InfoContext(ctx, "records were reconciled")
		return nil
	})
}
