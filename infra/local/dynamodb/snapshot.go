package dynamodb

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
	"unsafe"

	"example.com/registrar/infra/local/dynamodb/attr"
	"github.com/tidwall/btree"
)

// snapshotVersion changes with the form of a snapshot.
const snapshotVersion = 1

// savedState is the head of a snapshot: all that is small, and how much of the rest follows it, in the same order.
type savedState struct {
	Version  int
	Region   string
	Sequence uint64
	Tables   []savedTable
	Streams  []savedStream
	Tokens   int
}

type savedTable struct {
	Name        string
	KeySchema   []keyElement
	Definitions []attributeDefinition
	Indexes     []savedIndex
	Created     time.Time
	Billing     string
	Throughput  throughput
	Protected   bool
	Tags        map[string]string
	TimeToLive  string
	Stream      string // ARN
	Items       int
}

type savedIndex struct {
	indexSpecification
	Local bool
}

type savedStream struct {
	ARN, Label, Table, View string
	KeySchema               []keyElement
	Definitions             []attributeDefinition
	Created, Closed         time.Time
	Shards                  []savedShard
}

type savedShard struct {
	ID                   string
	First, Last, Trimmed uint64
	Records              int
}

// frozen is the engine's state at one moment.
type frozen struct {
	head   savedState
	items  []*btree.Map[string, *record]
	shards []queue[streamRecord]
	tokens queue[expiringToken]
}

// Freeze takes the state of this moment, at a cost that does not depend on how many items there are, and gives what
// writes it: tables with their items, streams with their records, and the client tokens of transactions that have
// ended. The engine may be used meanwhile. It must not have transactions in flight, so that it does not go with
// contention.
func (e *Engine) Freeze() func(w io.Writer) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.options.Now()
	e.sweep(now)
	e.forgetTokens(now)
	f := &frozen{tokens: e.expiring.copied(), head: savedState{
		Version: snapshotVersion, Region: e.options.Region, Sequence: e.sequence, Tokens: e.expiring.n,
	}}
	for _, name := range slices.Sorted(maps.Keys(e.tables)) {
		t := e.tables[name]
		saved := savedTable{
			Name: name, KeySchema: t.keys.elements(), Definitions: t.definitions, Created: t.created, Billing: t.billing,
			Throughput: t.throughput,
			Protected:  t.protected, Tags: maps.Clone(t.tags), TimeToLive: t.ttl, Items: t.items.Len(),
		}
		if t.stream != nil && e.streams[t.stream.arn] == t.stream {
			saved.Stream = t.stream.arn
		}
		for _, x := range slices.Sorted(maps.Keys(t.indexes)) {
			x := t.indexes[x]
			saved.Indexes = append(saved.Indexes, savedIndex{indexSpecification{IndexName: x.name, KeySchema: x.keys.elements(),
				Projection: &x.projection}, x.local})
		}
		f.head.Tables = append(f.head.Tables, saved)
		f.items = append(f.items, t.items.Copy())
	}
	for _, arn := range slices.Sorted(maps.Keys(e.streams)) {
		s := e.streams[arn]
		saved := savedStream{
			ARN: arn, Label: s.label, Table: s.table, View: s.view, KeySchema: s.keys.elements(),
			Definitions: s.keys.definitions(),
			Created:     s.created, Closed: s.closed,
		}
		for _, h := range s.shards {
			saved.Shards = append(saved.Shards, savedShard{ID: h.id, First: h.first, Last: h.last, Trimmed: h.trimmed,
				Records: h.records.n})
			f.shards = append(f.shards, h.records.copied())
		}
		f.head.Streams = append(f.head.Streams, saved)
	}
	return f.write
}

// definitions are those of the key's attributes.
func (k keySchema) definitions() []attributeDefinition {
	list := []attributeDefinition{{k.partition, k.partitionKind.String()}}
	if k.sort != "" {
		list = append(list, attributeDefinition{k.sort, k.sortKind.String()})
	}
	return list
}

// snapshotWriter writes numbers and texts. An image that is held in several places is written once: what stands for it
// elsewhere is its number, so that it is held once again when it was read.
type snapshotWriter struct {
	*bufio.Writer
	images map[*byte]uint64 // from 1, by where they are
	failed error
}

func (w *snapshotWriter) number(n uint64) {
	var buffer [binary.MaxVarintLen64]byte
	if _, err := w.Write(binary.AppendUvarint(buffer[:0], n)); err != nil {
		w.failed = err
	}
}

func (w *snapshotWriter) text(s string) {
	w.number(uint64(len(s)))
	if _, err := w.WriteString(s); err != nil {
		w.failed = err
	}
}

// image writes the number of an image, and after a new number the image; 0 stands for none.
func (w *snapshotWriter) image(p attr.Packed) {
	if p == "" {
		w.number(0)
		return
	}
	at := unsafe.StringData(string(p))
	n, known := w.images[at]
	if !known {
		n = uint64(len(w.images) + 1)
		w.images[at] = n
	}
	if w.number(n); !known {
		w.text(string(p))
	}
}

func (f *frozen) write(to io.Writer) error {
	const usual = 1 << 16
	w := &snapshotWriter{Writer: bufio.NewWriterSize(to, usual), images: map[*byte]uint64{}}
	head, err := json.Marshal(f.head)
	if err != nil {
		return fmt.Errorf("write the head of a snapshot: %w", err)
	}
	w.text(string(head))
	for _, items := range f.items {
		items.Scan(func(_ string, r *record) bool {
			w.number(uint64(r.size)) // sizes are positive
			w.image(r.item)
			return w.failed == nil
		})
	}
	for i := range f.shards {
		for n := range f.shards[i].n {
			r := f.shards[i].at(n)
			w.number(r.number)
			w.number(uint64(r.at)) // and back
			kind := uint64(r.event) << 1
			if r.system {
				kind |= 1
			}
			w.number(kind)
			w.number(uint64(r.size)) // sizes are positive
			for _, p := range []attr.Packed{r.keys, r.before, r.after} {
				w.image(p)
			}
		}
	}
	for n := range f.tokens.n {
		t := f.tokens.at(n)
		w.text(t.token)
		w.text(string(t.use.request[:]))
		w.number(uint64(t.use.until.UnixNano())) // and back
	}
	if err := errors.Join(w.failed, w.Flush()); err != nil {
		return fmt.Errorf("write a snapshot: %w", err)
	}
	return nil
}

// snapshotReader reads what a snapshotWriter wrote. Its first failure stays.
type snapshotReader struct {
	*bufio.Reader
	images []attr.Packed
	failed error
}

func (r *snapshotReader) fail(err error) {
	if r.failed == nil {
		r.failed = err
	}
}

func (r *snapshotReader) number() uint64 {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		r.fail(err)
	}
	return n
}

func (r *snapshotReader) text() string {
	const most = 1 << 26 // far more than any image or head
	length := r.number()
	if r.failed != nil || length > most {
		r.fail(errors.New("a text has no end"))
		return ""
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		r.fail(err)
	}
	return unsafe.String(unsafe.SliceData(text), len(text)) // nobody else has it
}

func (r *snapshotReader) image() attr.Packed {
	switch n := r.number(); {
	case n == 0 || r.failed != nil:
		return ""
	case n <= uint64(len(r.images)):
		return r.images[n-1]
	case n > uint64(len(r.images))+1:
		r.fail(errors.New("an image is missing"))
		return ""
	}
	p := attr.Packed(r.text())
	r.images = append(r.images, p)
	return p
}

// Restore makes the state that of a snapshot. The engine must be new.
func (e *Engine) Restore(from io.Reader) error {
	const usual = 1 << 16
	r := &snapshotReader{Reader: bufio.NewReaderSize(from, usual)}
	var head savedState
	if text := r.text(); r.failed == nil {
		r.failed = json.Unmarshal([]byte(text), &head)
	}
	switch {
	case r.failed != nil:
		return fmt.Errorf("read the head of a snapshot: %w", r.failed)
	case head.Version != snapshotVersion:
		return fmt.Errorf("the snapshot has version %d, this engine reads %d", head.Version, snapshotVersion)
	case head.Region != e.options.Region:
		return fmt.Errorf("the snapshot is of region %s, the engine of %s", head.Region, e.options.Region)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sequence = head.Sequence
	for _, saved := range head.Tables {
		if err := e.restoreTable(saved, r); err != nil {
			return fmt.Errorf("read table %s of a snapshot: %w", saved.Name, err)
		}
	}
	for _, saved := range head.Streams {
		if err := e.restoreStream(saved, r); err != nil {
			return fmt.Errorf("read stream %s of a snapshot: %w", saved.ARN, err)
		}
	}
	for range head.Tokens {
		token, use := r.text(), tokenUse{}
		copy(use.request[:], r.text())
		use.until = time.Unix(0, int64(r.number())) // as it was written
		e.tokens[token] = use
		e.expiring.push(expiringToken{token, use})
	}
	if r.failed != nil {
		return fmt.Errorf("read a snapshot: %w", r.failed)
	}
	return nil
}

func (e *Engine) restoreTable(saved savedTable, r *snapshotReader) error {
	keys, err := schemaOf(saved.KeySchema, saved.Definitions)
	if err != nil {
		return err
	}
	t := &table{
		name: saved.Name, keys: keys, definitions: saved.Definitions, indexes: map[string]*index{}, created: saved.Created,
		billing:    saved.Billing,
		throughput: saved.Throughput, protected: saved.Protected, tags: saved.Tags, ttl: saved.TimeToLive,
	}
	for _, s := range saved.Indexes {
		x, err := newIndex(s.indexSpecification, keys, saved.Definitions)
		if err != nil {
			return err
		}
		if x.local = s.Local; x.local {
			t.collections = map[string]int64{}
		}
		t.indexes[x.name] = x
	}
	e.tables[t.name] = t
	if saved.Stream != "" {
		t.stream = &stream{arn: saved.Stream} // until the streams are read
	}
	for range saved.Items {
		size := int(r.number()) // as it was written
		item := r.image()
		if r.failed != nil {
			return r.failed
		}
		key, err := keys.encode(item, "")
		if err != nil {
			return err
		}
		made := &record{key: key, item: item, size: size}
		t.items.Load(key, made)
		t.restored(made)
	}
	return nil
}

// restored brings indexes, expiry and collections in step with an item that was read.
func (t *table) restored(r *record) {
	t.bytes += int64(r.size)
	grown := int64(r.size)
	for _, m := range t.moves(nil, r) {
		m.index.apply(m)
		if m.index.local {
			grown += int64(m.next.bytes())
		}
	}
	if key := t.expiry(r); key != "" {
		t.expiring.Set(key, r)
	}
	if t.collections != nil {
		partition, _ := r.item.Get(t.keys.partition)
		t.collections[string(partition.AppendKey(nil))] += grown
	}
}

func (e *Engine) restoreStream(saved savedStream, r *snapshotReader) error {
	keys, err := schemaOf(saved.KeySchema, saved.Definitions)
	if err != nil {
		return err
	}
	s := &stream{arn: saved.ARN, label: saved.Label, table: saved.Table, view: saved.View, keys: keys,
		created: saved.Created, closed: saved.Closed}
	for _, of := range saved.Shards {
		h := &shard{id: of.ID, first: of.First, last: of.Last, trimmed: of.Trimmed}
		for range of.Records {
			record := streamRecord{number: r.number(), at: int64(r.number())} // as it was written
			kind := r.number()
			record.event, record.system = eventKind(kind>>1), kind&1 != 0 // as it was written
			record.size = int32(r.number())                               // as it was written
			record.keys, record.before, record.after = r.image(), r.image(), r.image()
			if r.failed != nil {
				return r.failed
			}
			h.records.push(record)
			h.bytes += record.held()
		}
		s.shards = append(s.shards, h)
	}
	e.streams[s.arn] = s
	if t := e.tables[s.table]; t != nil && t.stream != nil && t.stream.arn == s.arn {
		t.stream = s
	}
	return nil
}
