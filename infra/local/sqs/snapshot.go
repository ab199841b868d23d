package sqs

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// snapshotVersion is the version of what Snapshot writes. Whoever changes a field below raises it.
const snapshotVersion = 1

// A snapshot is a line of JSON for the engine, then one for each queue by name, each followed by one for each of its
// messages in the order of their arrival: the same state makes the same bytes.

type engineRecord struct {
	Version         int
	Region, Account string // ARNs in policies and messages name them
	Order           uint64
	Deleted         map[string]time.Time
	Queues          int // that follow
}

type queueRecord struct {
	Name                      string
	Attributes, Tags          map[string]string
	Created, Modified, Purged time.Time
	Sends                     []sendRecord // oldest first
	Moves                     []moveTask   // likewise
	Messages                  int          // that follow
}

type sendRecord struct {
	Key, ID string
	Order   uint64
	At      time.Time
}

type messageRecord struct {
	ID, Body             string
	Attributes           map[string]attribute `json:",omitempty"`
	Trace                string               `json:",omitempty"`
	Group, Dedup, Source string               `json:",omitempty"`
	Order                uint64
	Sent, Enqueued       time.Time
	First, Received, Due time.Time
	Receives, Before     int
	Hidden, InFlight     bool
}

// Snapshot writes the whole state: queues with their attributes and tags, messages, in flight or not, with their times,
// what FIFO queues know duplicates by, message move tasks, and the names that rest after DeleteQueue. Receipt handles
// and task handles stay good. It is as of one moment; the engine is not held up while it is written.
func (e *Engine) Snapshot(w io.Writer) error { return e.Freeze(func() {})(w) }

// Freeze takes the state of this moment and gives what writes it, as Snapshot does, at whatever moment. It calls at
// while it holds the engine: what Changed was told of before is in the snapshot, and nothing else.
func (e *Engine) Freeze(at func()) func(w io.Writer) error {
	records := e.records(at)
	return func(w io.Writer) error { return writeRecords(w, records) }
}

func writeRecords(w io.Writer, records []any) error {
	buffered := bufio.NewWriter(w)
	lines := json.NewEncoder(buffered)
	lines.SetEscapeHTML(false)
	for _, record := range records {
		if err := lines.Encode(record); err != nil {
			return fmt.Errorf("write a snapshot of the queues: %w", err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write a snapshot of the queues: %w", err)
	}
	return nil
}

// records are the lines of a snapshot. They share nothing with the engine but what never changes.
func (e *Engine) records(at func()) []any {
	e.mu.Lock()
	defer e.mu.Unlock()
	at()
	all := []any{engineRecord{snapshotVersion, e.options.Region, e.options.Account, e.order, maps.Clone(e.deleted),
		len(e.queues)}}
	for _, name := range slices.Sorted(maps.Keys(e.queues)) {
		q := e.queues[name]
		record := queueRecord{
			Name: name, Attributes: q.attributes, Tags: maps.Clone(q.tags), // attributes are replaced, not changed
			Created: q.created, Modified: q.modified, Purged: q.purged, Messages: len(q.messages),
		}
		for _, key := range q.recent {
			s := q.sends[key]
			record.Sends = append(record.Sends, sendRecord{key, s.id, s.order, s.at})
		}
		for _, t := range q.moves {
			record.Moves = append(record.Moves, *t)
		}
		all = append(all, record)
		for _, m := range slices.SortedFunc(maps.Values(q.messages),
			func(a, b *message) int { return cmp.Compare(a.order, b.order) }) {
			all = append(all, q.record(m))
		}
	}
	return all
}

// Restore makes the state that of a snapshot, in place of all that was there; times go on from those in it. When it
// fails, because the snapshot is not whole, or of another version, region or account, the engine stays as it was.
func (e *Engine) Restore(r io.Reader) error {
	queues, moving, head, err := e.read(json.NewDecoder(bufio.NewReader(r)))
	if err != nil {
		return fmt.Errorf("restore the queues: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, q := range e.queues {
		q.notify() // who waits looks again
	}
	e.queues, e.moving, e.order, e.deleted = queues, moving, head.Order, head.Deleted
	return nil
}

// read reads a snapshot. It asks the engine for its options only.
func (e *Engine) read(
	lines *json.Decoder,
) (queues map[string]*queue, moving map[string]*moveTask, head engineRecord, err error) {
	queues, moving = map[string]*queue{}, map[string]*moveTask{}
	fail := func(err error) (map[string]*queue, map[string]*moveTask, engineRecord, error) {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, nil, engineRecord{}, err
	}
	if err := lines.Decode(&head); err != nil {
		return fail(err)
	}
	if head.Version != snapshotVersion || head.Region != e.options.Region || head.Account != e.options.Account {
		return fail(fmt.Errorf("the snapshot is of version %d, region %q and account %q, not %d, %q and %q",
			head.Version, head.Region, head.Account, snapshotVersion, e.options.Region, e.options.Account))
	}
	if head.Deleted == nil {
		head.Deleted = map[string]time.Time{}
	}
	for range head.Queues {
		var record queueRecord
		if err := lines.Decode(&record); err != nil {
			return fail(err)
		}
		q, err := e.restored(&record, lines)
		if err != nil {
			return fail(fmt.Errorf("queue %s: %w", record.Name, err))
		}
		queues[q.name] = q
		for _, t := range q.moves {
			if t.active() {
				moving[q.name] = t
			}
		}
	}
	return queues, moving, head, nil
}

// restored makes a queue of its record and of the messages that follow it.
func (e *Engine) restored(record *queueRecord, lines *json.Decoder) (*queue, error) {
	q := e.newQueue(record.Name, record.Attributes["FifoQueue"] == "true", record.Created)
	q.attributes, q.modified, q.purged = record.Attributes, record.Modified, record.Purged
	maps.Copy(q.tags, record.Tags)
	if err := e.configure(q, nil); err != nil {
		return nil, err
	}
	for _, s := range record.Sends {
		q.sends[s.Key] = sending{s.ID, s.Order, s.At}
		q.recent = append(q.recent, s.Key)
	}
	for i := range record.Moves {
		q.moves = append(q.moves, &record.Moves[i])
	}
	for range record.Messages {
		var m messageRecord
		if err := lines.Decode(&m); err != nil {
			return nil, err
		}
		restored := m.message(m.content())
		restored.told = true
		q.place(restored, m.Hidden, m.InFlight)
	}
	q.touched.forget()
	return q, nil
}

// record is a message of the queue as a snapshot has it.
func (q *queue) record(m *message) messageRecord {
	return messageRecord{
		ID: m.id, Body: m.body, Attributes: m.attributes, Trace: m.trace, Group: m.group, Dedup: m.dedup, Source: m.source,
		Order: m.order, Sent: m.sent, Enqueued: m.enqueued, First: m.first, Received: m.received, Due: m.due,
		Receives: m.receives, Before: m.before, Hidden: m.in == q.hidden, InFlight: m.inFlight,
	}
}

// content is what the message says.
func (m *messageRecord) content() content {
	return content{body: m.Body, bodyMD5: md5Hex([]byte(m.Body)), attributes: m.Attributes, trace: m.Trace, group: m.Group,
		dedup: m.Dedup}
}

// message is the message with this content, in no place yet.
func (m *messageRecord) message(c content) *message {
	return &message{
		content: c, id: m.ID, sent: m.Sent, enqueued: m.Enqueued, order: m.Order, source: m.Source, receives: m.Receives,
		before: m.Before,
		first:  m.First, received: m.Received, due: m.Due,
	}
}
