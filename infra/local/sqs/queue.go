package sqs

import (
	"fmt"
	"strconv"
	"time"
)

// maxInFlight is how many messages of a queue may be received and not deleted (Developer Guide, "Amazon SQS queue
// quotas").
const maxInFlight = 120_000

// dedupInterval is how long a FIFO queue remembers what was sent (Developer Guide, "Exactly-once processing").
const dedupInterval = 5 * time.Minute

// message is one message in a queue, guarded by the engine's lock. What its attributes hold never changes.
type message struct {
	content
	id       string
	sent     time.Time
	enqueued time.Time // from here its retention counts
	order    uint64    // of its arrival in the queue
	source   string    // ARN of the queue that it was moved here from

	receives int // in all queues, as AWS counts
	before   int // of these, in other queues
	first    time.Time
	received time.Time // last

	lane     *lane
	in       *ranked[*message] // the lane's visible ones, the queue's hidden ones, or nil while it changes
	index    int               // there
	age      int               // index in the queue's ages
	due      time.Time         // when it became or becomes visible
	inFlight bool              // received and hidden; a hidden message that is not in flight is delayed
	told     bool              // of its content, to Changed
}

// lane holds messages that are handed out one after the other: a message group of a FIFO queue, or a whole standard
// queue.
type lane struct {
	name     string
	visible  *ranked[*message]
	count    int // messages, visible or not
	inFlight int
	index    int // in the queue's ready lanes, -1 when it is not
}

// queue finds what to do next in logarithmic time: the message to hand out, to show again, to expire.
type queue struct {
	name       string
	fifo       bool
	attributes map[string]string // that can be set
	settings   settings          // the same, understood
	tags       map[string]string
	created    time.Time
	modified   time.Time
	purged     time.Time

	messages map[string]*message // by id
	lanes    map[string]*lane
	ready    *ranked[*lane]    // lanes that may hand out, oldest message first
	hidden   *ranked[*message] // in flight or delayed, next due first
	ages     *ranked[*message] // all, oldest first
	inFlight int

	sends   map[string]sending // of the deduplication interval, by deduplication key
	recent  []string           // keys of sends, oldest first
	moves   []*moveTask        // out of this queue, oldest first
	touched *touched           // since Changed was last called; nil where nobody is told
	changed chan struct{}      // closed when a waiting receiver should look again; nil: nobody waits
}

// sending is what a FIFO queue remembers of a message to recognise its duplicates.
type sending struct {
	id    string
	order uint64
	at    time.Time
}

func newQueue(name string, fifo bool, now time.Time) *queue {
	q := &queue{name: name, fifo: fifo, created: now, modified: now, tags: map[string]string{},
		sends: map[string]sending{}}
	q.clear()
	return q
}

// clear forgets all messages, but not what duplicates are known by.
func (q *queue) clear() {
	place := func(m *message, i int) { m.index = i }
	q.messages, q.lanes, q.inFlight = map[string]*message{}, map[string]*lane{}, 0
	q.hidden = &ranked[*message]{moved: place, less: func(a, b *message) bool { return a.due.Before(b.due) }}
	q.ages = &ranked[*message]{
		moved: func(m *message, i int) { m.age = i },
		less:  func(a, b *message) bool { return a.enqueued.Before(b.enqueued) },
	}
	q.ready = &ranked[*lane]{
		moved: func(l *lane, i int) { l.index = i },
		less:  func(a, b *lane) bool { return a.visible.first().order < b.visible.first().order },
	}
}

// laneOf returns the message's lane, which it makes when there is none. A message that becomes visible again comes to
// the front of its group, but to the end of a standard queue: others should not wait behind one that always fails.
func (q *queue) laneOf(m *message) *lane {
	name := ""
	less := func(a, b *message) bool { return a.due.Before(b.due) || a.due.Equal(b.due) && a.order < b.order }
	if q.fifo {
		name, less = m.group, func(a, b *message) bool { return a.order < b.order }
	}
	l := q.lanes[name]
	if l == nil {
		l = &lane{name: name, index: -1, visible: &ranked[*message]{less: less,
			moved: func(m *message, i int) { m.index = i }}}
		q.lanes[name] = l
	}
	return l
}

// notify wakes the receivers that wait.
func (q *queue) notify() {
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}

// listen returns a channel that is closed at the next notify.
func (q *queue) listen() <-chan struct{} {
	if q.changed == nil {
		q.changed = make(chan struct{})
	}
	return q.changed
}

// arrive puts a message in. Its id, content, sent and enqueued are set.
func (q *queue) arrive(m *message, order uint64, now time.Time, delay time.Duration) {
	m.order, m.before, m.due, m.told = order, m.receives, now.Add(delay), false
	q.place(m, delay > 0, false)
}

// place puts in a message that knows its order and when it is due.
func (q *queue) place(m *message, hidden, inFlight bool) {
	q.touched.touchMessage(m)
	m.lane = q.laneOf(m)
	m.lane.count++
	q.messages[m.id] = m
	q.ages.add(m)
	if hidden {
		q.hide(m, inFlight)
		q.refresh(m.lane)
	} else {
		q.show(m)
	}
}

// hide hides a message, which is nowhere, until it is due.
func (q *queue) hide(m *message, inFlight bool) {
	m.inFlight, m.in = inFlight, q.hidden
	q.hidden.add(m)
	if inFlight {
		q.inFlight++
		m.lane.inFlight++
	}
	if m.index == 0 {
		q.notify() // who waits must wait less long
	}
}

// show makes a message, which is nowhere, visible.
func (q *queue) show(m *message) {
	m.in = m.lane.visible
	m.in.add(m)
	q.refresh(m.lane)
}

// take takes a message from where it is: afterwards it is nowhere.
func (q *queue) take(m *message) {
	q.touched.touchMessage(m)
	if m.in != nil {
		m.in.remove(m.index)
		m.in = nil
	}
	if m.inFlight {
		if q.inFlight >= maxInFlight {
			q.notify()
		}
		m.inFlight = false
		q.inFlight--
		m.lane.inFlight--
	}
}

// remove takes a message out of the queue.
func (q *queue) remove(m *message) {
	q.take(m)
	delete(q.messages, m.id)
	q.ages.remove(m.age)
	m.lane.count--
	q.refresh(m.lane)
}

// refresh puts a lane where it belongs after its messages changed.
func (q *queue) refresh(l *lane) {
	open := l.visible.Len() > 0 && (l.inFlight == 0 || !q.fifo)
	switch {
	case open && l.index >= 0:
		q.ready.fix(l.index)
	case open:
		q.ready.add(l)
		q.notify()
	case l.index >= 0:
		q.ready.remove(l.index)
		l.index = -1
	}
	if l.count == 0 {
		delete(q.lanes, l.name)
	}
}

// advance brings the queue to the present: messages expire, become visible, and are no longer recognised as duplicates.
func (q *queue) advance(now time.Time) {
	for q.ages.Len() > 0 && !q.ages.first().enqueued.Add(q.settings.retention).After(now) {
		q.remove(q.ages.first())
	}
	for q.hidden.Len() > 0 && !q.hidden.first().due.After(now) {
		m := q.hidden.first()
		q.take(m)
		q.show(m)
	}
	q.forgetSends(now)
}

// forgetSends forgets what was sent before the deduplication interval.
func (q *queue) forgetSends(now time.Time) {
	for len(q.recent) > 0 && !q.sends[q.recent[0]].at.Add(dedupInterval).After(now) {
		delete(q.sends, q.recent[0])
		q.recent = q.recent[1:]
	}
}

// next returns up to most messages, or moves them to the dead letter queue when they were received too often. It
// returns copies, which need no lock.
func (e *Engine) next(q *queue, most int, visibility time.Duration, now time.Time) []message {
	var taken []message
	target := e.queues[e.nameIn(q.settings.deadLetterARN)]
	for len(taken) < most && q.ready.Len() > 0 && q.inFlight < maxInFlight {
		l := q.ready.first()
		for len(taken) < most && l.visible.Len() > 0 && q.inFlight < maxInFlight {
			m := l.visible.first()
			e.dirty = true
			if target != nil && m.receives-m.before >= q.settings.maxReceives {
				q.remove(m)
				e.moveToDeadLetters(m, q, target, now)
				continue
			}
			q.take(m)
			if m.receives == 0 {
				m.first = now
			}
			m.receives++
			m.received, m.due = now, now.Add(visibility)
			q.hide(m, true)
			taken = append(taken, *m)
		}
		q.refresh(l)
	}
	return taken
}

// moveToDeadLetters moves a message to a dead letter queue. In a standard queue its age goes on, in a FIFO queue it
// begins anew (Developer Guide, "Using dead-letter queues in Amazon SQS"), where its identifier also becomes its
// deduplication identifier ("Learn how to configure a dead-letter queue redrive").
func (e *Engine) moveToDeadLetters(m *message, from, to *queue, now time.Time) {
	m.source = e.arn(from.name)
	if to.fifo {
		m.enqueued, m.dedup = now, m.id
	}
	e.order++
	to.arrive(m, e.order, now, 0)
}

// sequence is a FIFO message's SequenceNumber: twenty digits that grow, as AWS's do.
func sequence(order uint64) string { return fmt.Sprintf("1%019d", order) }

// depth tells how many messages are visible, in flight and delayed.
func (q *queue) depth() (visible, inFlight, delayed string) {
	hidden := q.hidden.Len()
	return strconv.Itoa(len(q.messages) - hidden), strconv.Itoa(q.inFlight), strconv.Itoa(hidden - q.inFlight)
}
