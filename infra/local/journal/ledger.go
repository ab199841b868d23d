package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
)

// Teller is an engine that tells of its changes itself.
type Teller interface {
	http.Handler
	Snapshot(w io.Writer) error // the whole state
	Restore(r io.Reader) error  // makes it that of a snapshot
	Repeat(change []byte) error // makes a change that was told once more
}

// Ledger is a [Teller] with its ledger: a snapshot, and the changes since.
type Ledger struct {
	Path string // of the file; its folder must be there
	// NoSync leaves it to the operating system when what was written comes to the disk: kill -9 then loses nothing either, but a
	// power cut may lose what was acknowledged.
	NoSync bool

	engine Teller
	file   *file
}

// Changed takes a change that the engine tells, in their order.
func (l *Ledger) Changed(change []byte) {
	_, _ = l.file.append(change) // whoever waits for it to be on disk is told
}

// Open reads the ledger into the engine, which must tell its changes to Changed, and rewrites it: a snapshot stands for all
// changes until now. It must be called once, before anything else.
func (l *Ledger) Open(engine Teller) error {
	l.engine = engine
	restore := engine.Restore
	old, err := openFile(l.Path, l.NoSync, func(entry []byte) error {
		if restore == nil {
			return engine.Repeat(entry)
		}
		defer func() { restore = nil }() // the first entry is a snapshot
		return restore(bytes.NewReader(entry))
	})
	if err != nil {
		return fmt.Errorf("read a ledger: %w", err)
	}
	if err := errors.Join(old.close(), l.rewrite()); err != nil {
		return fmt.Errorf("rewrite ledger %s: %w", l.Path, err)
	}
	return nil
}

// rewrite puts a new file in the place of the old one: whenever it is cut off, one of the two is there, whole.
func (l *Ledger) rewrite() error {
	var state bytes.Buffer
	if err := l.engine.Snapshot(&state); err != nil {
		return err
	}
	path := l.Path + ".new"
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	var err error
	if l.file, err = openFile(path, l.NoSync, func([]byte) error { return nil }); err != nil {
		return err
	}
	place, err := l.file.append(state.Bytes())
	if err == nil {
		err = l.file.sync(place)
	}
	if err == nil {
		err = os.Rename(path, l.Path)
	}
	if err == nil {
		err = l.file.syncFolder(l.Path)
	}
	return err
}

// ServeHTTP implements [http.Handler]. An answer waits until all that was changed before it is on disk, so that nobody sees
// what might yet be lost.
func (l *Ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := newAnswer()
	l.engine.ServeHTTP(out, r)
	if err := l.file.sync(l.file.end()); err != nil {
		broken(w)
		return
	}
	out.sendTo(w)
}

// Close ends the ledger. What was acknowledged is on disk already.
func (l *Ledger) Close() error { return l.file.close() }
