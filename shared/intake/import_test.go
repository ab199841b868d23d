package intake_test

import (
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
)

func TestSweepOfImports(t *testing.T) {
	made := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	of := func(state intake.State, resent int, changed time.Duration) intake.Import {
		return intake.Import{ID: "m", State: state, Resent: resent, Stamp: registrar.Stamp{Version: 7, CreatedAt: made,
			UpdatedAt: made.Add(changed)}}
	}
	const window = intake.UploadTime + 6*time.Hour
	for what, c := range map[string]struct {
		im     intake.Import
		after  time.Duration // since it was made
		want   intake.State
		resent int
		resend bool
		same   bool
	}{
		"waiting, address still good": {im: of(intake.Waiting, 0, 0), after: intake.UploadTime,
			want: intake.Waiting, same: true},
		"waiting, its message in the queue": {im: of(intake.Waiting, 0, 0), after: window,
			want: intake.Waiting, same: true},
		"waiting for ever": {im: of(intake.Waiting, 0, 0), after: window + 1,
			want: intake.Failed},
		"running": {im: of(intake.Running, 0, time.Hour), after: time.Hour +
			20*time.Minute, want: intake.Running, same: true},
		"running, old, with progress": {im: of(intake.Running, 0, 48*time.Hour), after: 48*time.Hour +
			time.Minute, want: intake.Running, same: true},
		"running, nobody at it": {im: of(intake.Running, 0, time.Hour), after: time.Hour +
			20*time.Minute + 1, want: intake.Running, resent: 1, resend: true},
		"running, resent twice": {im: of(intake.Running, 2, 0), after: time.Hour,
			want: intake.Running, resent: 3, resend: true},
		"running, resent often enough": {im: of(intake.Running, 3, 0), after: time.Hour,
			want: intake.Failed, resent: 3},
		"finished": {im: of(intake.Finished, 1, 0), after: 99 * time.Hour,
			want: intake.Finished, resent: 1, same: true},
		"failed": {im: of(intake.Failed, 0, 0), after: 99 * time.Hour,
			want: intake.Failed, same: true},
	} {
		now := made.Add(c.after)
		got, resend := c.im.Sweep(now)
		if got.State != c.want || got.Resent != c.resent || resend != c.resend || (got == c.im) != c.same {
			t.Errorf("%s: %+v, to be sent again: %v", what, got, resend)
		}
		if !c.same && (got.Version != 8 || got.UpdatedAt.Before(made)) {
			t.Errorf("%s: its stamp is %+v", what, got.Stamp)
		}
		if ended := got.State == intake.Failed && !c.same; ended && (got.Reason == "" || got.EndedAt.IsZero()) {
			t.Errorf("%s: failed without saying why or when: %+v", what, got)
		}
	}
}

// An import that applied nothing has failed, and says why; so has one of which more was refused than it allows.
func TestImport_ConcludesByWhatWasApplied(t *testing.T) {
	percent := func(n int) *int { return &n }
	changed := intake.Changes{Created: 3}
	for name, c := range map[string]struct {
		im     intake.Import
		state  intake.State
		reason string
		rows   intake.Rows
		left   intake.Changes
	}{
		"all applied": {intake.Import{Rows: intake.Rows{Read: 3, Applied: 3}}, intake.Finished, "",
			intake.Rows{Read: 3, Applied: 3}, changed},
		"one is applied": {intake.Import{Rows: intake.Rows{Read: 3, Applied: 1, Refused: 2}},
			intake.Finished, "", intake.Rows{Read: 3, Applied: 1, Refused: 2}, changed},
		"none is": {intake.Import{Rows: intake.Rows{Read: 3, Refused: 3}}, intake.Failed,
			"every row was refused", intake.Rows{Read: 3, Refused: 3}, changed},
		"all skipped": {intake.Import{Rows: intake.Rows{Read: 3, Skipped: 3}}, intake.Failed,
			"no row was applied", intake.Rows{Read: 3, Skipped: 3}, changed},
		"no rows": {intake.Import{}, intake.Failed, "no rows", intake.Rows{}, changed},
		"as many refused as allowed": {
			intake.Import{Rows: intake.Rows{Read: 100, Applied: 95, Refused: 5}, MaxRefusedPercent: percent(5)},
			intake.Finished, "", intake.Rows{Read: 100, Applied: 95, Refused: 5}, changed,
		},
		"one more refused": {
			intake.Import{Rows: intake.Rows{Read: 100, Applied: 94, Refused: 6}, MaxRefusedPercent: percent(5)},
			intake.Failed, "6 of 100 rows were refused, which is more than 5 percent: nothing was changed",
			intake.Rows{Read: 100, Refused: 6}, intake.Changes{},
		},
		"none may be refused": {
			intake.Import{Rows: intake.Rows{Read: 1000, Applied: 999, Refused: 1}, MaxRefusedPercent: percent(0)},
			intake.Failed, "nothing was changed", intake.Rows{Read: 1000, Refused: 1},
			intake.Changes{},
		},
		"checked before": { // what was changed since is changed
			intake.Import{Rows: intake.Rows{Read: 100, Applied: 94, Refused: 6}, MaxRefusedPercent: percent(5),
				Checked: true},
			intake.Finished, "", intake.Rows{Read: 100, Applied: 94, Refused: 6}, changed,
		},
	} {
		c.im.Changed = changed
		got := c.im.Conclude(time.Unix(1, 0))
		if got.State != c.state || !strings.Contains(got.Reason, c.reason) || c.reason == "" && got.Reason != "" ||
			got.Rows != c.rows || got.Changed != c.left || got.EndedAt.IsZero() {
			t.Errorf("%s: %s (%s), %+v, %+v", name, got.State, got.Reason, got.Rows, got.Changed)
		}
	}
}
