package sqs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

const (
	maxMovesPerSecond = 500 // API reference, StartMessageMoveTask; here also the rate of a task that names none
	maxMoveTasks      = 10  // of a source, that are remembered (API reference, ListMessageMoveTasks)
)

// The statuses of a message move task.
const (
	moveRunning    = "RUNNING"
	moveCompleted  = "COMPLETED"
	moveCancelling = "CANCELLING"
	moveCancelled  = "CANCELLED"
	moveFailed     = "FAILED"
)

// moveTask moves messages out of a dead letter queue. No goroutine works on it: whoever asks the engine for anything
// first lets it do what was due by then, and receivers that wait ask when it is due next. Its fields are exported for
// Snapshot.
type moveTask struct {
	ID            string
	Source        string // ARN
	Destination   string // ARN; empty: where each message came from
	Rate          *int   // messages a second
	ToMove, Moved int
	Started       time.Time
	Status        string
	Reason        string // why it failed
}

// active reports whether it has something to do.
func (t *moveTask) active() bool { return t.Status == moveRunning || t.Status == moveCancelling }

// due is when the next message is moved, or a task that is being cancelled has stopped.
func (t *moveTask) due() time.Time {
	rate := maxMovesPerSecond
	if t.Rate != nil {
		rate = *t.Rate
	}
	return t.Started.Add(time.Duration(t.Moved) * time.Second / time.Duration(rate))
}

// handle is laid out as AWS's task handles are.
func (t *moveTask) handle() (string, error) {
	text, err := json.Marshal(taskHandle{t.ID, t.Source})
	return base64.StdEncoding.EncodeToString(text), err
}

type taskHandle struct {
	TaskID    string `json:"taskId"`
	SourceARN string `json:"sourceArn"`
}

// nextMove is the task that is due next; nil: none is active. Of two at once, the one whose source has the lesser name.
func (e *Engine) nextMove() *moveTask {
	var next *moveTask
	for _, t := range e.moving {
		if next == nil || t.due().Before(next.due()) || t.due().Equal(next.due()) && t.Source < next.Source {
			next = t
		}
	}
	return next
}

// move lets the tasks do what is due by now, each step at its own time and all in the order of time.
func (e *Engine) move(now time.Time) {
	for t := e.nextMove(); t != nil && !t.due().After(now); t = e.nextMove() {
		e.dirty = true
		e.queues[e.nameIn(t.Source)].touched.touchMove(t)
		if e.moveOne(t, t.due()); t.Status != moveRunning {
			delete(e.moving, e.nameIn(t.Source))
		}
	}
}

// moveOne moves a task's next message, which becomes a new message with a new identifier and age (Developer Guide,
// "Learn how to configure a dead-letter queue redrive"), or ends the task.
func (e *Engine) moveOne(t *moveTask, now time.Time) {
	source := e.queues[e.nameIn(t.Source)]
	source.advance(now)
	switch {
	case t.Status == moveCancelling:
		t.Status = moveCancelled
		return
	case t.Moved == t.ToMove || source.ready.Len() == 0: // somebody else took the rest
		t.Status = moveCompleted
		return
	}
	old := source.ready.first().visible.first()
	to := t.Destination
	if to == "" {
		to = old.source
	}
	target := e.queues[e.nameIn(to)]
	switch {
	case to == "": // it was sent to the dead letter queue
		t.Status, t.Reason = moveFailed, "CouldNotDetermineMessageSource"
		return
	case target == nil || target.fifo != source.fifo:
		t.Status, t.Reason = moveFailed, "AWS.SimpleQueueService.NonExistentQueue"
		return
	}
	source.remove(old)
	e.order++
	target.arrive(&message{content: old.content, id: uuid.NewString(), sent: now, enqueued: now}, e.order, now,
		target.settings.delay)
	if t.Moved++; t.Moved == t.ToMove {
		t.Status = moveCompleted
	}
}

func noResource(parameter string) error {
	return newFault("ResourceNotFoundException", "The resource that you specified for the %s parameter doesn't exist.",
		parameter)
}

// moveSource finds the source of a task. The engine is locked.
func (e *Engine) moveSource(arn string) (*queue, error) {
	if arn == "" {
		return nil, missing("SourceArn")
	}
	if q := e.queues[e.nameIn(arn)]; q != nil {
		return q, nil
	}
	return nil, noResource("SourceArn")
}

type startMoveInput struct {
	SourceARN                    string `json:"SourceArn"`
	DestinationARN               string `json:"DestinationArn"`
	MaxNumberOfMessagesPerSecond *int
}

func (e *Engine) startMessageMoveTask(_ context.Context, in *startMoveInput) (any, error) {
	now := e.lock()
	defer e.unlock()
	q, err := e.moveSource(in.SourceARN)
	if err != nil {
		return nil, err
	}
	target, rate := e.queues[e.nameIn(in.DestinationARN)], in.MaxNumberOfMessagesPerSecond
	switch {
	case rate != nil && (*rate < 1 || *rate > maxMovesPerSecond):
		return nil, invalid("Value %d for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must set a value "+
			"between 1 and %d.",
			*rate, maxMovesPerSecond)
	case len(e.sourcesOf(q)) == 0:
		return nil, invalid("Source queue must be configured as a Dead Letter Queue.")
	case in.DestinationARN == "":
	case target == nil:
		return nil, noResource("DestinationArn")
	case target == q:
		return nil, invalid("Source queue arn and destination queue arn cannot be the same.")
	case target.fifo != q.fifo:
		return nil, invalid("Source queue and destination queue must be of the same type.")
	}
	if e.moving[q.name] != nil {
		return nil, invalid("There is already a task running. Only one active task is allowed for a source queue arn at a " +
			"given time.")
	}
	q.advance(now)
	t := &moveTask{
		ID: uuid.NewString(), Source: in.SourceARN, Destination: in.DestinationARN, Rate: rate,
		ToMove: len(q.messages) - q.hidden.Len(), Started: now, Status: moveRunning,
	}
	handle, err := t.handle()
	if err != nil {
		return nil, err
	}
	q.moves = append(q.moves[max(0, len(q.moves)-maxMoveTasks+1):], t)
	e.moving[q.name], e.dirty = t, true
	q.touched.touchMove(t)
	e.move(now)
	for _, other := range e.queues {
		other.notify() // who waits must see to the task
	}
	return struct{ TaskHandle string }{handle}, nil
}

type listMovesInput struct {
	SourceARN  string `json:"SourceArn"`
	MaxResults *int
}

// listedMove is a task as it is listed; its handle only while it is running.
type listedMove struct {
	TaskHandle                        string `json:",omitempty"`
	Status                            string
	SourceARN                         string `json:"SourceArn"`
	DestinationARN                    string `json:"DestinationArn,omitempty"`
	MaxNumberOfMessagesPerSecond      *int   `json:",omitempty"`
	ApproximateNumberOfMessagesMoved  int
	ApproximateNumberOfMessagesToMove int
	FailureReason                     string `json:",omitempty"`
	StartedTimestamp                  int64  // in milliseconds
}

func (e *Engine) listMessageMoveTasks(_ context.Context, in *listMovesInput) (any, error) {
	most := 1
	if in.MaxResults != nil {
		most = *in.MaxResults
	}
	if most < 1 || most > maxMoveTasks {
		return nil, invalid("Value %d for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 "+
			"and %d.",
			most, maxMoveTasks)
	}
	e.lock()
	defer e.unlock()
	q, err := e.moveSource(in.SourceARN)
	if err != nil {
		return nil, err
	}
	out := struct{ Results []listedMove }{[]listedMove{}}
	for i := len(q.moves) - 1; i >= 0 && len(out.Results) < most; i-- {
		t := q.moves[i]
		listed := listedMove{
			Status: t.Status, SourceARN: t.Source, DestinationARN: t.Destination, MaxNumberOfMessagesPerSecond: t.Rate,
			ApproximateNumberOfMessagesMoved: t.Moved, ApproximateNumberOfMessagesToMove: t.ToMove, FailureReason: t.Reason,
			StartedTimestamp: t.Started.UnixMilli(),
		}
		if t.Status == moveRunning {
			if listed.TaskHandle, err = t.handle(); err != nil {
				return nil, err
			}
		}
		out.Results = append(out.Results, listed)
	}
	return out, nil
}

type cancelMoveInput struct{ TaskHandle string }

// cancelMessageMoveTask stops a task: it is cancelled when its next message would have been due, and cancelling until
// then.
func (e *Engine) cancelMessageMoveTask(_ context.Context, in *cancelMoveInput) (any, error) {
	if in.TaskHandle == "" {
		return nil, missing("TaskHandle")
	}
	var handle taskHandle
	text, err := base64.StdEncoding.DecodeString(in.TaskHandle)
	if err != nil || json.Unmarshal(text, &handle) != nil || handle.TaskID == "" || handle.SourceARN == "" {
		return nil, invalid("Value for parameter TaskHandle is invalid.")
	}
	e.lock()
	defer e.unlock()
	q, err := e.moveSource(handle.SourceARN)
	if err != nil {
		return nil, err
	}
	for _, t := range q.moves {
		if t.ID != handle.TaskID {
			continue
		}
		if t.Status != moveRunning {
			return nil, newFault("UnsupportedOperation", "Only a running task can be cancelled; this one is %s.", t.Status)
		}
		t.Status, e.dirty = moveCancelling, true
		q.touched.touchMove(t)
		return struct{ ApproximateNumberOfMessagesMoved int }{t.Moved}, nil
	}
	return nil, newFault("ResourceNotFoundException", "Task does not exist.")
}
