package schedule

import (
	"errors"
	"fmt"
	"time"

	"example.com/registrar/shared/registrar"
)

// Job is what is kept of work that a schedule starts: up to when it is done, and who is at it. A schedule starts a run
// at least once for each due time and may start two side by side, and a run may be killed. So each asks first
// ([Job.Begin]), and tells when its work is done ([Job.Finish]); what it keeps in between is written over the version
// that it read.
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
	// Until ends the time in which the work is this run's. A run that ended has it in the past, and one that was killed
	// gives way when it is over: it must lie beyond the end of the function's own time.
	Until time.Time
}

// dueTolerance is how much later than ours the clock may be by which a run was started.
const dueTolerance = time.Minute

// What a run is told when there is nothing for it to do.
var (
	// ErrJobDone tells that the work of the due time, or of a later one, is done.
	ErrJobDone = errors.New("the work is done")
	// ErrJobNotDue tells of a due time that has not come. To take it would let the due times before it go by.
	ErrJobNotDue = errors.New("the work is not due yet")
)

// JobTakenError tells that another run is at the work, or that it was killed and its time is not over.
type JobTakenError struct{ Until time.Time }

// Error says so.
func (e *JobTakenError) Error() string {
	return "another run is at the work, at the latest until " + e.Until.Format(time.RFC3339)
}

// Begin gives the work to a run, whatever due times went by since it was done. It returns [ErrJobDone], [ErrJobNotDue]
// or [*JobTakenError] when there is nothing for the run to do.
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

// Finish ends the run that the job has, its work done.
func (j Job) Finish(now time.Time) Job {
	j.Done = j.Run.Due // later than before, or it had not begun
	return j.Abandon(now)
}

// Abandon ends the run that the job has without its work being done, so that the next need not wait.
func (j Job) Abandon(now time.Time) Job {
	j.Run.Until, j.Version = registrar.Instant(now), j.Version+1
	return j
}
