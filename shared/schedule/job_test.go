package schedule_test

import (
	"errors"
	"testing"
	"time"

	"example.com/registrar/shared/schedule"
	"github.com/google/go-cmp/cmp"
)

func TestAJobIsBegunOnce(t *testing.T) {
	nine := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	at := func(minute int) time.Time { return nine.Add(time.Duration(minute) * time.Minute) }
	running := schedule.Job{Name: "j", Done: at(0), Run: schedule.JobRun{Due: at(15), Token: "a", Until: at(30)},
		Version: 3}
	for what, c := range map[string]struct {
		job  schedule.Job
		run  schedule.JobRun
		now  time.Time
		want error // nil: it begins
	}{
		"the first run of all": {schedule.Job{Name: "j"}, schedule.JobRun{Due: at(0), Token: "a",
			Until: at(15)}, at(0), nil},
		"the next due time": {schedule.Job{Done: at(0), Version: 2},
			schedule.JobRun{Due: at(15), Token: "b", Until: at(30)}, at(15), nil},
		"a due time after a pause": {schedule.Job{Done: at(0), Version: 2}, schedule.JobRun{Due: at(900),
			Token: "b", Until: at(930)}, at(900), nil},
		"the same due time again": {schedule.Job{Done: at(15), Version: 2},
			schedule.JobRun{Due: at(15), Token: "b", Until: at(30)}, at(16), schedule.ErrJobDone},
		"an earlier due time, delivered late": {schedule.Job{Done: at(15), Version: 2},
			schedule.JobRun{Due: at(0), Token: "b", Until: at(30)}, at(16), schedule.ErrJobDone},
		"two at once": {running, schedule.JobRun{Due: at(15), Token: "b", Until: at(31)},
			at(16), &schedule.JobTakenError{Until: at(30)}},
		"the next while one is still at it": {running, schedule.JobRun{Due: at(30), Token: "b", Until: at(45)},
			at(30).Add(-time.Millisecond), &schedule.JobTakenError{Until: at(30)}},
		"after one that was killed": {running, schedule.JobRun{Due: at(15), Token: "b", Until: at(45)},
			at(30), nil},
		"our own, whose answer was lost": {running, schedule.JobRun{Due: at(15), Token: "a", Until: at(30)},
			at(15), nil},
		"a clock that is a little late": {schedule.Job{}, schedule.JobRun{Due: at(15), Token: "b",
			Until: at(30)}, at(14), nil},
		"a due time that has not come": {schedule.Job{}, schedule.JobRun{Due: at(15), Token: "b",
			Until: at(30)}, at(13), schedule.ErrJobNotDue},
		"a due time that has not come, and is done": {schedule.Job{Done: at(20)}, schedule.JobRun{Due: at(15), Token: "b",
			Until: at(30)}, at(13), schedule.ErrJobNotDue},
	} {
		got, err := c.job.Begin(c.run, c.now)
		var taken, wanted *schedule.JobTakenError
		switch {
		case errors.As(c.want, &wanted):
			if !errors.As(err, &taken) || *taken != *wanted {
				t.Errorf("%s: %v, want %v", what, err, c.want)
			}
		case !errors.Is(err, c.want):
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
		want := c.job
		if c.want == nil {
			want.Run, want.Version = c.run, c.job.Version+1
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
}

func TestAJobEnds(t *testing.T) {
	nine := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	later := nine.Add(time.Minute)
	run := schedule.JobRun{Due: nine, Token: "a", Until: nine.Add(time.Hour)}
	j, err := schedule.Job{Name: "j"}.Begin(run, nine)
	if err != nil {
		t.Fatal(err)
	}
	done := j.Finish(later)
	if !done.Done.Equal(nine) || !done.Run.Until.Equal(later) || done.Version != 2 {
		t.Errorf("done: %+v", done)
	}
	if _, err := done.Begin(schedule.JobRun{Due: nine, Token: "b", Until: run.Until}, later); !errors.Is(err,
		schedule.ErrJobDone) {
		t.Errorf("begin again: %v", err)
	}
	abandoned := j.Abandon(later)
	if !abandoned.Done.IsZero() || abandoned.Version != 2 {
		t.Errorf("abandoned: %+v", abandoned)
	}
	if _, err := abandoned.Begin(schedule.JobRun{Due: nine, Token: "b", Until: run.Until}, later); err != nil {
		t.Errorf("begin what was abandoned: %v", err)
	}
}
