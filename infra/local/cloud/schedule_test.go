package cloud_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/faults"
	"example.com/registrar/infra/local/sample"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
)

// lines is a log that a test reads.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// with counts the lines that have all of these.
func (l *lines) with(parts ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
next:
	for line := range strings.Lines(l.text.String()) {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue next
			}
		}
		n++
	}
	return n
}

// schedules is a local cloud of its own in a bubble, where a day takes a moment and begins at midnight.
func schedules(t *testing.T, log *lines, injector *faults.Injector, engines cloud.Engines) *campus {
	t.Helper()
	c, err := cloud.Open(t.Context(), cloud.Options{
		Log: slog.New(slog.NewTextHandler(log, nil)), System: api.RealSystem(), SQSAddress: "http://sqs.local",
		S3Address: "http://s3.local",
		Faults:    injector, Engines: engines,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &campus{T: t, cloud: c, mark: "s"}
}

// Two keep the schedules of one table, and each starts a run twice now and then: every due time has one run, and every
// night one reconciliation.
func TestSchedulesThatTwoKeepRunOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules, err := faults.Parse("scheduler duplicate=30% delay=..5m")
		if err != nil {
			t.Fatal(err)
		}
		log, engines := &lines{}, cloud.Engines{}
		var c *campus
		ctx, stop := context.WithTimeout(t.Context(), 50*time.Hour)
		defer stop()
		var running sync.WaitGroup
		for seed := range uint64(2) {
			kept := schedules(t, log, faults.New(rules, seed, slog.New(slog.DiscardHandler)), engines)
			c, engines = kept, kept.cloud.Engines
			running.Go(func() {
				if err := kept.cloud.RunSchedules(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
		const dueTimes = 50*4 + 1
		// one that is late finds a later one done
		if swept := log.with("the work is done", "job=imports-sweep"); swept < dueTimes-5 || swept > dueTimes {
			t.Errorf("%d sweeps in 50 hours", swept)
		}
		if n := log.with("another run is doing the work") + log.with("of this due time is done"); n < dueTimes {
			t.Errorf("only %d runs found nothing to do: the test does not reach what it is for", n)
		}
		if n := log.with("level=ERROR"); n > 0 {
			t.Errorf("%d errors:\n%s", n, log.text.String())
		}
		nights := map[string]bool{}
		for line := range strings.Lines(log.text.String()) {
			if _, after, ok := strings.Cut(line, `"records were reconciled" reconciliation=`); ok {
				nights[strings.Fields(after)[0]] = true
			}
		}
		latest, err := c.cloud.Store.LatestReconciliation(t.Context())
		if err != nil || len(nights) != 2 || !latest.Ended() || latest.StartedAt.Day() != 2 || latest.StartedAt.Hour() != 6 {
			t.Errorf("in two nights there were %d reconciliations, the latest %+v, %v", len(nights), latest, err)
		}
	})
}

func TestImportsThatStandStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &lines{}
		c := schedules(t, log, nil, cloud.Engines{})
		c.run()
		term := c.create("terms", map[string]any{ // the one that the file is of
			"code": "T-" + c.mark, "title": "A term", "start": "2027-05-17", "end": "2027-08-14", "timeZone": "America/New_York",
		})
		// Of three imports one never got its file; the others were begun, their workers killed, and their messages are gone.
		upload, err := c.cloud.Bucket.PresignUpload(t.Context(), "imports/left")
		if err != nil {
			t.Fatal(err)
		}
		file, size := text(sample.File())
		c.put(upload.Method, upload.URL, upload.Headers, file, size)
		time.Sleep(10 * time.Minute) // its announcement finds no import, and dies
		for id, state := range map[registrar.ImportID]intake.State{
			"waiting": intake.Waiting, "left": intake.Running, "hopeless": intake.Running,
		} {
			im := intake.Import{
				ID: id, Kind: intake.KindSections, Format: "yacs-csv", Term: registrar.TermID(term), State: state,
				Stamp: registrar.Stamp{}.Next(time.Now()),
			}
			if state == intake.Waiting {
				// its file may still come for an hour and a quarter
				im.Stamp = registrar.Stamp{}.Next(time.Now().Add(-5 * time.Hour))
			}
			if err := c.cloud.Store.CreateImport(t.Context(), im, registrar.Answer{}); err != nil {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		is := func(after time.Duration, id, state string) intake.Import {
			t.Helper()
			time.Sleep(time.Until(begun.Add(after)))
			im, err := c.cloud.Store.Import(t.Context(), registrar.ImportID(id))
			if err != nil || string(im.State) != state {
				t.Errorf("%s after: import %s: %+v, %v, want %s", after, id, im, err, state)
			}
			return im
		}
		is(19*time.Minute, "left", "RUNNING")
		if im := is(40*time.Minute, "left", "FINISHED"); im.Rows.Applied != 1 || im.Resent != 1 {
			t.Errorf("what was left, and announced again: %+v", im)
		}
		is(70*time.Minute, "waiting", "WAITING")
		if im := is(100*time.Minute, "waiting", "FAILED"); im.Reason != "no file arrived in time" || im.EndedAt.IsZero() {
			t.Errorf("what waited for its file: %+v", im)
		}
		if im := is(150*time.Minute, "hopeless", "FAILED"); im.Resent != 3 ||
			!strings.Contains(im.Reason, "again and again") {
			t.Errorf("what cannot be read: %+v", im)
		}
		if n := log.with("an import stood still", "import=hopeless"); n != 4 {
			t.Errorf("it was swept %d times", n)
		}
		for _, id := range []string{"left", "hopeless", "waiting"} {
			page, err := c.cloud.Store.Events(t.Context(),
				registrar.EventFilter{Record: registrar.Record{Kind: registrar.KindImport, ID: id}}, registrar.PageRequest{
					Limit: 10})
			ended := 0
			for _, e := range page.Items {
				if e.Type == registrar.ImportEnded {
					ended++
				}
			}
			if err != nil || ended != 1 {
				t.Errorf("the end of import %s was told %d times, %v", id, ended, err)
			}
		}
		// A file that comes too late, because its announcement was lost for hours, changes nothing.
		file, size = text(sample.File())
		upload, err = c.cloud.Bucket.PresignUpload(t.Context(), "imports/waiting")
		if err != nil {
			t.Fatal(err)
		}
		c.put(upload.Method, upload.URL, upload.Headers, file, size)
		is(3*time.Hour, "waiting", "FAILED")
	})
}
