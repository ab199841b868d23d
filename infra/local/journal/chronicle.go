package journal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
)

// Teller is an engine that reports its own changes.
type Teller interface {
	http.Handler
	// Freeze takes the state of this moment and gives what writes it, while the engine is used on. It calls at meanwhile:
	// what was told before that is in the snapshot, and nothing else.
	Freeze(at func()) func(w io.Writer) error
	Restore(r io.Reader) error  // makes the state that of a snapshot
	Repeat(change []byte) error // makes a change that was told once more
}

// Chronicle is a [Teller] with its chronicle: a snapshot, and the changes since.
type Chronicle struct {
	Path string // of the file; its folder must be there
	// NoSync leaves it to the operating system when what was written comes to the disk: kill -9 then loses nothing either,
	// but a power cut may lose what was acknowledged.
	NoSync bool
	Least  int64 // as [Options].Least
	Log    *slog.Logger

	engine Teller
	book   book
}

// Changed takes a change that the engine tells, in their order.
func (c *Chronicle) Changed(change []byte) {
	_, _ = c.book.append(change) // an error is returned to those who wait for it to be on disk
}

// Open reads the chronicle into the engine, which must tell its changes to Changed, and has a snapshot stand for all
// changes until now. It must be called once, before anything else.
func (c *Chronicle) Open(engine Teller) error {
	c.engine = engine
	c.book.path, c.book.noSync, c.book.least, c.book.log = c.Path, c.NoSync, c.Least, c.Log
	if err := openBook(&c.book, engine.Restore, engine.Repeat); err != nil {
		return fmt.Errorf("read a chronicle: %w", err)
	}
	if err := c.begin(); err != nil {
		return fmt.Errorf("rewrite chronicle %s: %w", c.Path, errors.Join(err, c.book.close()))
	}
	return nil
}

// begin writes a snapshot even of an empty engine: it identifies the engine.
func (c *Chronicle) begin() error {
	from, write := c.freeze()
	return c.book.replace(from, write)
}

func (c *Chronicle) freeze() (from place, write func(io.Writer) error) {
	write = c.engine.Freeze(func() { from = c.book.end() })
	return from, write
}

// ServeHTTP implements [http.Handler]. An answer waits until all that was changed before it is on disk, so that nobody
// sees what might yet be lost.
func (c *Chronicle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := newAnswer()
	c.engine.ServeHTTP(out, r)
	if err := c.book.end().sync(); err != nil {
		broken(w)
		return
	}
	if c.book.due() {
		from, write := c.freeze()
		go c.book.rewrite(from, write)
	}
	out.sendTo(w)
}

// Close ends the chronicle. What was acknowledged is on disk already.
func (c *Chronicle) Close() error { return c.book.close() }
