package registrar_test

import (
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/registrar"
)

func TestSweepOfImports(t *testing.T) {
	made := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	of := func(state registrar.ImportState, resent int, changed time.Duration) registrar.Import {
		return registrar.Import{ID: "m", State: state, Resent: resent, Stamp: registrar.Stamp{Version: 7, CreatedAt: made,
			UpdatedAt: made.Add(changed)}}
	}
	const window = registrar.UploadTime + 6*time.Hour
	for what, c := range map[string]struct {
		im     registrar.Import
		after  time.Duration // since it was made
		want   registrar.ImportState
		resent int
		resend bool
		same   bool
	}{
		"waiting, address still good": {im: of(registrar.ImportWaiting, 0, 0), after: registrar.UploadTime,
			want: registrar.ImportWaiting, same: true},
		"waiting, its message in the queue": {im: of(registrar.ImportWaiting, 0, 0), after: window,
			want: registrar.ImportWaiting, same: true},
		"waiting for ever": {im: of(registrar.ImportWaiting, 0, 0), after: window + 1,
			want: registrar.ImportFailed},
		"running": {im: of(registrar.ImportRunning, 0, time.Hour), after: time.Hour +
			20*time.Minute, want: registrar.ImportRunning, same: true},
		"running, old, with progress": {im: of(registrar.ImportRunning, 0, 48*time.Hour), after: 48*time.Hour +
			time.Minute, want: registrar.ImportRunning, same: true},
		"running, nobody at it": {im: of(registrar.ImportRunning, 0, time.Hour), after: time.Hour +
			20*time.Minute + 1, want: registrar.ImportRunning, resent: 1, resend: true},
		"running, resent twice": {im: of(registrar.ImportRunning, 2, 0), after: time.Hour,
			want: registrar.ImportRunning, resent: 3, resend: true},
		"running, resent often enough": {im: of(registrar.ImportRunning, 3, 0), after: time.Hour,
			want: registrar.ImportFailed, resent: 3},
		"finished": {im: of(registrar.ImportFinished, 1, 0), after: 99 * time.Hour,
			want: registrar.ImportFinished, resent: 1, same: true},
		"failed": {im: of(registrar.ImportFailed, 0, 0), after: 99 * time.Hour,
			want: registrar.ImportFailed, same: true},
	} {
		now := made.Add(c.after)
		got, resend := c.im.Sweep(now)
		if got.State != c.want || got.Resent != c.resent || resend != c.resend || (got == c.im) != c.same {
			t.Errorf("%s: %+v, to be sent again: %v", what, got, resend)
		}
		if !c.same && (got.Version != 8 || got.UpdatedAt.Before(made)) {
			t.Errorf("%s: its stamp is %+v", what, got.Stamp)
		}
		if ended := got.State == registrar.ImportFailed && !c.same; ended && (got.Reason == "" || got.EndedAt.IsZero()) {
			t.Errorf("%s: failed without saying why or when: %+v", what, got)
		}
	}
}

// An import that applied nothing has failed, and says why; so has one of which more was refused than it allows.
func TestImport_ConcludesByWhatWasApplied(t *testing.T) {
	percent := func(n int) *int { return &n }
	changed := registrar.ImportChanges{Created: 3}
	for name, c := range map[string]struct {
		im     registrar.Import
		state  registrar.ImportState
		reason string
		rows   registrar.ImportRows
		left   registrar.ImportChanges
	}{
		"all applied": {registrar.Import{Rows: registrar.ImportRows{Read: 3, Applied: 3}}, registrar.ImportFinished, "",
			registrar.ImportRows{Read: 3, Applied: 3}, changed},
		"one is applied": {registrar.Import{Rows: registrar.ImportRows{Read: 3, Applied: 1, Refused: 2}},
			registrar.ImportFinished, "", registrar.ImportRows{Read: 3, Applied: 1, Refused: 2}, changed},
		"none is": {registrar.Import{Rows: registrar.ImportRows{Read: 3, Refused: 3}}, registrar.ImportFailed,
			"every row was refused", registrar.ImportRows{Read: 3, Refused: 3}, changed},
		"all skipped": {registrar.Import{Rows: registrar.ImportRows{Read: 3, Skipped: 3}}, registrar.ImportFailed,
			"no row was applied", registrar.ImportRows{Read: 3, Skipped: 3}, changed},
		"no rows": {registrar.Import{}, registrar.ImportFailed, "no rows", registrar.ImportRows{}, changed},
		"as many refused as allowed": {
			registrar.Import{Rows: registrar.ImportRows{Read: 100, Applied: 95, Refused: 5}, MaxRefusedPercent: percent(5)},
			registrar.ImportFinished, "", registrar.ImportRows{Read: 100, Applied: 95, Refused: 5}, changed,
		},
		"one more refused": {
			registrar.Import{Rows: registrar.ImportRows{Read: 100, Applied: 94, Refused: 6}, MaxRefusedPercent: percent(5)},
			registrar.ImportFailed, "6 of 100 rows were refused, which is more than 5 percent: nothing was changed",
			registrar.ImportRows{Read: 100, Refused: 6}, registrar.ImportChanges{},
		},
		"none may be refused": {
			registrar.Import{Rows: registrar.ImportRows{Read: 1000, Applied: 999, Refused: 1}, MaxRefusedPercent: percent(0)},
			registrar.ImportFailed, "nothing was changed", registrar.ImportRows{Read: 1000, Refused: 1},
			registrar.ImportChanges{},
		},
		"checked before": { // what was changed since is changed
			registrar.Import{Rows: registrar.ImportRows{Read: 100, Applied: 94, Refused: 6}, MaxRefusedPercent: percent(5),
				Checked: true},
			registrar.ImportFinished, "", registrar.ImportRows{Read: 100, Applied: 94, Refused: 6}, changed,
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
