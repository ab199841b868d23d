package sqs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// What changed is gathered while a request holds the engine's lock, and told as one: what has become of each queue and
// message that was touched since the last time. To repeat it is to write the same states again; nothing is decided
// anew.

// changeRecord is what one request changed.
type changeRecord struct {
	Order   uint64               // of the latest arrival in any queue
	Deleted map[string]time.Time `json:",omitempty"` // queues, and when
	Queues  []queueChange        `json:",omitempty"`
}

type queueChange struct {
	Name     string
	Settings *queueRecord    `json:",omitempty"` // of a new queue, or when they changed; without what a queue holds
	Gone     []string        `json:",omitempty"` // identifiers of messages
	Messages []messageChange `json:",omitempty"`
	Sends    []sendRecord    `json:",omitempty"`
	Moves    []moveTask      `json:",omitempty"`
}

// messageChange is a message as it is now. What it says never changes, and is told once.
type messageChange struct {
	messageRecord
	Known bool `json:",omitempty"` // without body, attributes, trace, group and deduplication identifier
}

// touched is what has changed of a queue since Changed was last called; nil where nobody is told.
type touched struct {
	settings bool
	messages map[string]bool // by id
	sends    []string        // keys
	moves    map[string]*moveTask
}

func newTouched() *touched {
	return &touched{messages: map[string]bool{}, moves: map[string]*moveTask{}}
}

func (t *touched) touchSettings() {
	if t != nil {
		t.settings = true
	}
}

func (t *touched) touchMessage(m *message) {
	if t != nil {
		t.messages[m.id] = true
	}
}

func (t *touched) touchSend(key string) {
	if t != nil {
		t.sends = append(t.sends, key)
	}
}

func (t *touched) touchMove(task *moveTask) {
	if t != nil {
		t.moves[task.ID] = task
	}
}

// any reports whether anything was touched.
func (t *touched) any() bool {
	return t != nil && (t.settings || len(t.messages) > 0 || len(t.sends) > 0 || len(t.moves) > 0)
}

// changes tells what changed since it was last asked. The engine is locked.
func (e *Engine) changes() []byte {
	record := changeRecord{Order: e.order, Deleted: e.gone}
	e.gone = nil
	var names []string
	for name, q := range e.queues {
		if q.touched.any() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		q := e.queues[name]
		if c, changed := q.change(); changed {
			record.Queues = append(record.Queues, c)
		}
		q.touched.forget()
	}
	text, err := json.Marshal(record)
	if err != nil {
		panic(err) // texts, numbers and times
	}
	return text
}

// change is what changed of a queue, and whether anything did.
func (q *queue) change() (c queueChange, changed bool) {
	c.Name = q.name
	if q.touched.settings {
		c.Settings = &queueRecord{Name: q.name, Attributes: q.attributes, Tags: q.tags, Created: q.created,
			Modified: q.modified, Purged: q.purged}
	}
	for id := range q.touched.messages {
		m := q.messages[id]
		if m == nil {
			c.Gone = append(c.Gone, id)
			continue
		}
		one := messageChange{messageRecord: q.record(m), Known: m.told}
		if m.told {
			one.Body, one.Attributes, one.Trace, one.Group, one.Dedup = "", nil, "", "", ""
		}
		m.told = true
		c.Messages = append(c.Messages, one)
	}
	slices.Sort(c.Gone)
	slices.SortFunc(c.Messages, func(a, b messageChange) int { return cmp.Compare(a.Order, b.Order) })
	for _, key := range q.touched.sends {
		s := q.sends[key]
		c.Sends = append(c.Sends, sendRecord{key, s.id, s.order, s.at})
	}
	for _, t := range q.moves { // oldest first; one that is not remembered any more needs none
		if q.touched.moves[t.ID] != nil {
			c.Moves = append(c.Moves, *t)
		}
	}
	return c, c.Settings != nil || c.Gone != nil || c.Messages != nil || c.Sends != nil || c.Moves != nil
}

// Repeat makes a change that another engine told its Changed of. All changes of that engine, from its beginning or from
// a snapshot that was restored, and in their order, make the state that it had. Nobody is told of them.
func (e *Engine) Repeat(change []byte) error {
	var record changeRecord
	if err := json.Unmarshal(change, &record); err != nil {
		return fmt.Errorf("repeat a change of the queues: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.order = record.Order
	for name, at := range record.Deleted {
		delete(e.queues, name)
		delete(e.moving, name)
		e.deleted[name] = at
	}
	for i := range record.Queues {
		if err := e.repeat(&record.Queues[i]); err != nil {
			return fmt.Errorf("repeat a change of queue %s: %w", record.Queues[i].Name, err)
		}
	}
	return nil
}

func (e *Engine) repeat(c *queueChange) error {
	q := e.queues[c.Name]
	if s := c.Settings; s != nil {
		if q == nil {
			q = e.newQueue(c.Name, s.Attributes["FifoQueue"] == "true", s.Created)
			e.queues[c.Name] = q
			e.rested(s.Created)
		}
		if !q.purged.Equal(s.Purged) {
			q.clear()
		}
		q.attributes, q.tags, q.modified, q.purged = s.Attributes, s.Tags, s.Modified, s.Purged
		if q.tags == nil {
			q.tags = map[string]string{}
		}
		if err := e.configure(q, nil); err != nil {
			return err
		}
	}
	if q == nil {
		return fmt.Errorf("there is none")
	}
	for _, id := range c.Gone {
		if m := q.messages[id]; m != nil {
			q.remove(m)
		}
	}
	for i := range c.Messages {
		if err := q.rewrite(&c.Messages[i]); err != nil {
			return err
		}
	}
	for _, s := range c.Sends {
		q.forgetSends(s.At) // as it was forgotten then: a key may be sent again after its interval
		q.sends[s.Key] = sending{s.ID, s.Order, s.At}
		q.recent = append(q.recent, s.Key)
	}
	for i := range c.Moves {
		e.rewriteMove(q, &c.Moves[i])
	}
	q.touched.forget()
	return nil
}

// rewrite puts a message in the place that it has now.
func (q *queue) rewrite(c *messageChange) error {
	m := q.messages[c.ID]
	content := c.content()
	if c.Known {
		if m == nil {
			return fmt.Errorf("message %s is known, and is not there", c.ID)
		}
		content = m.content
	}
	if m != nil {
		q.remove(m)
	}
	m = c.message(content)
	m.told = true
	q.place(m, c.Hidden, c.InFlight)
	return nil
}

func (e *Engine) rewriteMove(q *queue, t *moveTask) {
	if i := slices.IndexFunc(q.moves, func(old *moveTask) bool { return old.ID == t.ID }); i >= 0 {
		q.moves[i] = t
	} else {
		q.moves = append(q.moves[max(0, len(q.moves)-maxMoveTasks+1):], t)
	}
	if t.active() {
		e.moving[q.name] = t
	} else if now := e.moving[q.name]; now != nil && now.ID == t.ID {
		delete(e.moving, q.name)
	}
}

// forget makes what is touched nothing.
func (t *touched) forget() {
	if t != nil {
		*t = *newTouched()
	}
}
