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

// Chronicle is a [Teller] with its chronicle: a snapshot, and the changes since.
type Chronicle struct {
	Path string // of the file; its folder must be there
	// NoSync leaves it to the operating system when what was written comes to the disk: kill -9 then loses nothing either, but a
	// power cut may lose what was acknowledged.
	NoSync bool

	engine Teller
	file   *file
}

// Changed takes a change that the engine tells, in their order.
func (c *Chronicle) Changed(change []byte) {
	_, _ = c.file.append(change) // whoever waits for it to be on disk is told
}

// Open reads the chronicle into the engine, which must tell its changes to Changed, and rewrites it: a snapshot stands for all
// changes until now. It must be called once, before anything else.
func (c *Chronicle) Open(engine Teller) error {
	c.engine = engine
	restore := engine.Restore
	old, err := openFile(c.Path, c.NoSync, func(entry []byte) error {
		if restore == nil {
			return engine.Repeat(entry)
		}
		defer func() { restore = nil }() // the first entry is a snapshot
		return restore(bytes.NewReader(entry))
	})
	if err != nil {
		return fmt.Errorf("read a chronicle: %w", err)
	}
	if err := errors.Join(old.close(), c.rewrite()); err != nil {
		return fmt.Errorf("rewrite chronicle %s: %w", c.Path, err)
	}
	return nil
}

// rewrite puts a new file in the place of the old one: whenever it is cut off, one of the two is there, whole.
func (c *Chronicle) rewrite() error {
	var state bytes.Buffer
	if err := c.engine.Snapshot(&state); err != nil {
		return err
	}
	path := c.Path + ".new"
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	var err error
	if c.file, err = openFile(path, c.NoSync, func([]byte) error { return nil }); err != nil {
		return err
	}
	place, err := c.file.append(state.Bytes())
	if err == nil {
		err = c.file.sync(place)
	}
	if err == nil {
		err = os.Rename(path, c.Path)
	}
	if err == nil {
		err = c.file.syncFolder(c.Path)
	}
	return err
}

// ServeHTTP implements [http.Handler]. An answer waits until all that was changed before it is on disk, so that nobody sees
// what might yet be lost.
func (c *Chronicle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := newAnswer()
	c.engine.ServeHTTP(out, r)
	if err := c.file.sync(c.file.end()); err != nil {
		broken(w)
		return
	}
	out.sendTo(w)
}

// Close ends the chronicle. What was acknowledged is on disk already.
func (c *Chronicle) Close() error { return c.file.close() }
