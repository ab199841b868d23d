package s3

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

	"github.com/johannesboyne/gofakes3"
)

// snapshotVersion is the version of what a snapshot is. Whoever changes a field below raises it.
const snapshotVersion = 1

// A snapshot is records of JSON, each after its length, and what an object or a part holds after its record. The first
// says which version it is, the last that nothing is missing.
type savedRecord struct {
	Version   int    `json:",omitempty"` // of the first
	Sequencer uint64 `json:",omitempty"`
	Last      int    `json:",omitempty"`
	End       bool   `json:",omitempty"` // of the last

	Bucket  string            `json:",omitempty"` // alone: a bucket
	Key     *string           `json:",omitempty"` // with a bucket: an object, or an upload
	Upload  gofakes3.UploadID `json:",omitempty"` // alone, with Part: a part
	Part    int               `json:",omitempty"`
	Meta    map[string]string `json:",omitempty"`
	Hash    []byte            `json:",omitempty"`
	At      time.Time         // made, modified or begun
	content *content          // of an object or a part
	Size    int64             `json:",omitempty"` // of it
}

// Freeze takes the state of this moment and gives what writes it, while the store is used on. What objects hold is not
// copied: it never changes.
func (s *Store) Freeze() func(w io.Writer) error {
	records := s.backend.records()
	records[0].Version, records[0].Sequencer = snapshotVersion, s.sequencer.Load()
	return func(w io.Writer) error {
		buffered := bufio.NewWriter(w)
		for i := range records {
			if err := records[i].write(buffered); err != nil {
				return fmt.Errorf("write a snapshot of the objects: %w", err)
			}
		}
		return buffered.Flush()
	}
}

func (r *savedRecord) write(w io.Writer) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(text))) //nolint:gosec // keys and metadata have bounds
	if _, err := w.Write(append(length[:], text...)); err != nil || r.content == nil {
		return err
	}
	_, err = io.Copy(w, r.content.part(0, r.content.size))
	return err
}

func (o *objects) records() []savedRecord {
	o.mu.RLock()
	defer o.mu.RUnlock()
	all := []savedRecord{{Last: o.last}}
	for _, name := range slices.Sorted(maps.Keys(o.buckets)) {
		b := o.buckets[name]
		all = append(all, savedRecord{Bucket: name, At: b.created})
		b.objects.Scan(func(key string, held *object) bool {
			all = append(all, savedRecord{Bucket: name, Key: &key, Meta: held.meta, Hash: held.hash, At: held.modified,
				content: held.content, Size: held.content.size})
			return true
		})
	}
	for _, id := range slices.Sorted(maps.Keys(o.uploads)) {
		u := o.uploads[id]
		all = append(all, savedRecord{Bucket: u.bucket, Key: &u.key, Upload: id, Meta: u.meta, At: u.begun})
		for _, n := range slices.Sorted(maps.Keys(u.parts)) {
			p := u.parts[n]
			all = append(all, savedRecord{Upload: id, Part: n, At: p.modified, content: p.content, Size: p.content.size})
		}
	}
	return append(all, savedRecord{End: true})
}

// Restore makes the state that of a snapshot, in place of all that was there. When it fails the store stays as it was.
func (s *Store) Restore(from io.Reader) error {
	read := newObjects(s.backend.now, s.backend.folder)
	sequencer, err := read.restore(bufio.NewReader(from))
	if err != nil {
		return fmt.Errorf("restore the objects: %w", err)
	}
	s.sequencer.Store(sequencer)
	s.backend.mu.Lock()
	defer s.backend.mu.Unlock()
	s.backend.buckets, s.backend.uploads, s.backend.last = read.buckets, read.uploads, read.last
	return nil
}

func (o *objects) restore(from io.Reader) (sequencer uint64, err error) {
	for first := true; ; first = false {
		r, err := readRecord(from)
		switch {
		case err != nil:
			return 0, err
		case first && r.Version != snapshotVersion:
			return 0, fmt.Errorf("the snapshot is of version %d, not %d", r.Version, snapshotVersion)
		case first:
			sequencer, o.last = r.Sequencer, r.Last
		case r.End:
			return sequencer, nil
		default:
			if err := o.add(r, from); err != nil {
				return 0, err
			}
		}
	}
}

func readRecord(from io.Reader) (r savedRecord, err error) {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return r, io.ErrUnexpectedEOF
	}
	const most = 1 << 20 // a key has 1,024 bytes, and metadata 2 KB
	n := binary.BigEndian.Uint32(length[:])
	if n > most {
		return r, errors.New("a record of the snapshot is too long")
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(from, text); err != nil {
		return r, io.ErrUnexpectedEOF
	}
	return r, json.Unmarshal(text, &r)
}

// add puts in what a record stands for, and reads what it holds.
func (o *objects) add(r savedRecord, from io.Reader) error {
	hold := func() (*content, error) { return o.read(io.LimitReader(from, r.Size), r.Size) }
	switch {
	case r.Part > 0:
		c, err := hold()
		u := o.uploads[r.Upload]
		if err != nil || u == nil {
			return errors.Join(err, fmt.Errorf("part %d of upload %s", r.Part, r.Upload))
		}
		u.parts[r.Part] = part{c, r.At}
	case r.Upload != "" && r.Key != nil:
		o.uploads[r.Upload] = &upload{bucket: r.Bucket, key: *r.Key, meta: r.Meta, begun: r.At, parts: map[int]part{}}
	case r.Key != nil:
		c, err := hold()
		b := o.buckets[r.Bucket]
		if err != nil || b == nil {
			return errors.Join(err, fmt.Errorf("an object of bucket %s", r.Bucket))
		}
		b.objects.Set(*r.Key, &object{meta: r.Meta, hash: r.Hash, modified: r.At, content: c})
	case r.Bucket != "":
		o.buckets[r.Bucket] = &bucket{created: r.At}
	default:
		return errors.New("a record of the snapshot names no bucket, object or upload")
	}
	return nil
}
