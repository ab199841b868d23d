package journal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"sync"
)

// book is a file of changes, in their order. A snapshot takes the place of its beginning whenever there are more
// changes than a snapshot would have bytes, so that what is read at a restart is no more than twice the state, whatever
// led to it. It is safe for concurrent use.
type book struct {
	path   string
	noSync bool
	least  int64        // how many bytes of changes there are before a snapshot takes their place
	log    *slog.Logger // nil: nothing is logged

	mu        sync.Mutex // held while the file is another, and while a change takes its place
	file      *file
	snapshot  int64 // bytes of the snapshot at the beginning
	rewriting bool
	closing   bool
	done      sync.WaitGroup
}

// usualLeast is how many bytes of changes there are at least before a snapshot takes their place, unless it is said.
const usualLeast = 16 << 20

// A file begins with a snapshot in parts, of which the last is marked, or without one. Everything else in it is JSON,
// of which no fault of one bit makes one of these.
const (
	partMark = 1
	lastMark = 2
)

const partBytes = 1 << 20

// place is one in a file: what stands before it is on disk once sync has returned.
type place struct {
	file *file
	at   int64
}

func (p place) sync() error { return p.file.sync(p.at) }

// openBook reads what is there: the snapshot with restore, and then every change.
func openBook(b *book, restore func(io.Reader) error, change func([]byte) error) error {
	if b.least <= 0 {
		b.least = usualLeast
	}
	if err := os.RemoveAll(b.path + ".new"); err != nil { // a snapshot that was cut off
		return err
	}
	begins, err := beginsWithSnapshot(b.path)
	if err != nil {
		return err
	}
	r := &bookReader{restore: restore, change: change, missing: begins}
	b.file, err = openFile(b.path, b.noSync, r)
	b.snapshot = r.snapshot
	return err
}

// beginsWithSnapshot reports whether a file begins with a snapshot, whole or not: with no change, that is.
func beginsWithSnapshot(path string) (bool, error) {
	disk, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var mark [1]byte
	n, err := disk.ReadAt(mark[:], headerBytes)
	if n == 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n == 1 && mark[0] != '{', errors.Join(err, disk.Close()) // changes are in JSON
}

// bookReader is the reading of a book.
type bookReader struct {
	restore  func(io.Reader) error
	change   func([]byte) error
	parts    *io.PipeWriter // of the snapshot that is being read; nil: none is
	restored chan error
	snapshot int64
	missing  bool // the file has a snapshot that has not been read to its end
}

func (r *bookReader) entry(text []byte) error {
	if len(text) == 0 || text[0] != partMark && text[0] != lastMark {
		if r.parts != nil {
			return errors.New("a change stands in a snapshot")
		}
		return r.change(text)
	}
	if r.parts == nil {
		if r.snapshot > 0 {
			return errors.New("there are two snapshots")
		}
		reader, writer := io.Pipe()
		r.parts, r.restored = writer, make(chan error, 1)
		go func() {
			err := r.restore(reader)
			r.restored <- err
			_ = reader.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // no more is wanted
		}()
	}
	r.snapshot += headerBytes + int64(len(text))
	if _, err := r.parts.Write(text[1:]); err != nil {
		return err
	}
	if text[0] == lastMark {
		_ = r.parts.Close() // a pipe always closes
		r.parts, r.missing = nil, false
		return <-r.restored
	}
	return nil
}

func (r *bookReader) end() error {
	if !r.missing {
		return nil
	}
	// it was whole when the file was renamed, so the disk has lost a part of it
	err := errors.New("the snapshot is broken")
	if r.parts != nil {
		_ = r.parts.CloseWithError(io.ErrUnexpectedEOF) // a pipe always closes
		err = errors.Join(err, <-r.restored)
	}
	return err
}

// append writes a change after all others.
func (b *book) append(change []byte) (place, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, err := b.file.append(change)
	return place{b.file, at}, err
}

// end is the place after the last change.
func (b *book) end() place {
	b.mu.Lock()
	defer b.mu.Unlock()
	return place{b.file, b.file.end()}
}

func (b *book) broken() error { return b.end().file.broken() }

func (b *book) fail(err error) error { return b.end().file.fail(err) }

// due reports whether a snapshot is to be written now; the caller must then do so with rewrite.
func (b *book) due() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	changes := b.file.end() - b.snapshot
	if b.rewriting || b.closing || changes <= max(b.least, b.snapshot) || b.file.broken() != nil {
		return false
	}
	b.rewriting = true
	b.done.Add(1)
	return true
}

// rewrite replaces this file with one that begins with a snapshot of the state at a place. Changes go on meanwhile. If
// it is interrupted at any time, one of the two files is there and whole.
func (b *book) rewrite(from place, write func(io.Writer) error) {
	defer b.done.Done()
	err := b.replace(from, write)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rewriting = false
	if err == nil {
		return
	}
	_ = os.Remove(b.path + ".new")                 // it is removed at the next start if not now
	b.snapshot = max(b.snapshot, b.file.end()/2+1) // not at once again
	if b.log != nil && !errors.Is(err, errClosing) {
		b.log.Error("a snapshot could not be written, and the changes stay", "path", b.path, "error", err)
	}
}

var errClosing = errors.New("the file is being closed")

func (b *book) replace(from place, write func(io.Writer) error) error {
	path := b.path + ".new"
	made, err := openFile(path, b.noSync, unread{})
	if err != nil {
		return err
	}
	snapshot, err := b.begin(made, from, write)
	if err != nil {
		return errors.Join(err, made.close())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	old := from.file
	old.syncing.Lock() // everything is on disk, so nobody waits for it any longer
	defer old.syncing.Unlock()
	err = made.copy(old, old.end())
	if err == nil {
		err = made.sync(made.end())
	}
	if err == nil {
		err = old.broken()
	}
	if err == nil {
		err = os.Rename(path, b.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("replace %s: %w", b.path, err), made.close())
	}
	b.file, b.snapshot = made, snapshot // the old file has no name any more
	old.durable.Store(math.MaxInt64)
	_ = old.close() // all that was in it is in the new one
	if err := made.syncFolder(b.path); err != nil {
		// it is not known which of the two a power cut would leave
		return made.fail(fmt.Errorf("replace %s: %w", b.path, err))
	}
	return nil
}

// begin writes the snapshot, and what was changed while that was written but the last of it. It gives the snapshot's
// size.
func (b *book) begin(made *file, from place, write func(io.Writer) error) (int64, error) {
	parts := &partWriter{book: b, file: made}
	if err := write(parts); err != nil {
		return 0, err
	}
	if err := parts.close(); err != nil {
		return 0, err
	}
	snapshot := made.end()
	made.copied = from.at
	for {
		end := from.file.end()
		if err := made.copy(from.file, end); err != nil {
			return 0, err
		}
		if err := made.sync(made.end()); err != nil {
			return 0, err
		}
		if from.file.end()-end < partBytes { // the rest while others wait
			return snapshot, nil
		}
	}
}

// partWriter writes a snapshot in parts.
type partWriter struct {
	book *book
	file *file
	part []byte
}

// Write implements [io.Writer].
func (w *partWriter) Write(p []byte) (int, error) {
	if len(w.part) == 0 {
		w.part = append(w.part, partMark)
	}
	if w.part = append(w.part, p...); len(w.part) < partBytes {
		return len(p), nil
	}
	w.book.mu.Lock()
	closing := w.book.closing
	w.book.mu.Unlock()
	if closing {
		return 0, errClosing
	}
	_, err := w.file.append(w.part)
	w.part = w.part[:0]
	return len(p), err
}

func (w *partWriter) close() error {
	if len(w.part) == 0 {
		w.part = append(w.part, lastMark)
	}
	w.part[0] = lastMark
	_, err := w.file.append(w.part)
	return err
}

// close ends the book, and what is rewriting it.
func (b *book) close() error {
	b.mu.Lock()
	b.closing = true
	b.mu.Unlock()
	b.done.Wait()
	return b.file.close()
}
