package audit

import (
	"context"
	"time"

	"example.com/registrar/shared/reconcile"
	"example.com/registrar/shared/schedule"
	"example.com/registrar/shared/telemetry"
)

// Reconcile compares every count with the records, once a night. The night's first run begins, and the following ones
// continue where it stopped, until all is done. A run that is started by hand when all is done begins a new one.
// Differences are logged one by one, and counted in a metric that raises an alarm.
func Reconcile(
	settings schedule.Settings, reconciler reconcile.Reconciler,
) func(ctx context.Context, due time.Time) error {
	return schedule.Once(settings, func(ctx context.Context, run schedule.Run) error {
		now, found, err := reconciler.Run(ctx, run.Due, run.ByHand)
		telemetry.Count(ctx, telemetry.Differences, float64(found))
		settings.Log.InfoContext(ctx, "records were reconciled", "reconciliation", string(now.ID), "startedAt", now.StartedAt,
			"ended", now.Ended(),
			"sections", now.Checked.Sections, "courses", now.Checked.Courses, "students", now.Checked.Students, "imports",
			now.Checked.Imports,
			"differences", now.Differences, "unsettled", now.Unsettled, "found", found)
		return err
	})
}
