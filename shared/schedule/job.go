package schedule

import (
	"errors"
	"fmt"
	"time"

	"example.com/registrar/shared/registrar"
)

// Job is the record of work that a schedule starts: until when it is done, and which run is doing it. A schedule starts
// a run at least once for each due time and may start two at once, and a run may be killed. So each run asks first
// ([Job.Begin]), and reports when its work is done ([Job.Finish]). Each result is written over the version that was
// read.
type Job struct {
	Name    string            // the function's, for example "imports-sweep"
	Done    time.Time         // the newest due time whose work is done; zero: none is
	Run     JobRun            // the newest that began; zero: none did
	Version registrar.Version // 0: not stored yet
}

// JobRun is one run of a job.
type JobRun struct {
	Due   time.Time // for which it was started
	Token string    // names the run, and no other
	// Until is the end of the run's time. It is later than the end of the function's own time. For a run that ended it is
	// in the past. A run that was killed gives way when it is over.
	Until time.Time
}

// dueTolerance is how much the clock that started a run may be ahead of ours.
const dueTolerance = time.Minute

// The errors of a run that has nothing to do.
var (
	// ErrJobDone says that the work of the due time, or of a later one, is done.
	ErrJobDone = errors.New("the work is done")
	// ErrJobNotDue says that the due time has not come. To take it would skip the due times before it.
	ErrJobNotDue = errors.New("the work is not due yet")
)

// JobTakenError says that another run is doing the work, or that it was killed and its time is not over.
type JobTakenError struct{ Until time.Time }

// Error says so.
func (e *JobTakenError) Error() string {
	return "another run is doing the work, at the latest until " + e.Until.Format(time.RFC3339)
}

// Begin gives the work to a run, no matter how many due times have passed since it was done. It returns [ErrJobDone],
// [ErrJobNotDue] or [*JobTakenError] when there is nothing for the run to do.
func (j Job) Begin(r JobRun, now time.Time) (Job, error) {
	switch {
	case r.Due.After(now.Add(dueTolerance)):
		return j, fmt.Errorf("%w: only at %s", ErrJobNotDue, r.Due.Format(time.RFC3339))
	case !r.Due.After(j.Done):
		return j, ErrJobDone
	case j.Run.Token != r.Token && j.Run.Until.After(now):
		return j, &JobTakenError{Until: j.Run.Until}
	}
	j.Run, j.Version = JobRun{Due: registrar.Instant(r.Due), Token: r.Token, Until: registrar.Instant(r.Until)}, j.Version+
		1
	return j, nil
}

// Finish ends the job's run with its work done.
func (j Job) Finish(now time.Time) Job {
	j.Done = j.Run.Due // later than before: otherwise it had not begun
	return j.Abandon(now)
}

// Abandon ends the job's run without its work being done, so that the next run need not wait.
func (j Job) Abandon(now time.Time) Job {
	j.Run.Until, j.Version = registrar.Instant(now), j.Version+1
	return j
}
