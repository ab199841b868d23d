// Package journal keeps an engine of the local cloud across restarts, kill -9 included: every request that changed something
// is on disk before its answer is given, and a new engine is brought to where the old one was by the same requests, at the
// times that they had.
//
// It knows requests and files, and nothing of what an engine does; it asks of an engine that equal requests at equal times
// make equal states. While a journal is kept, changes are carried out one after the other, so that the journal has their
// order; reads go past it. The file only grows: `make run` with a new DATA_DIR begins anew. Start with [Open].
package journal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Options say what a journal keeps.
type Options struct {
	Path string // of the file; its folder must be there
	// Changes tells whether a request can change something, so that it is kept when it succeeds.
	Changes func(r *http.Request) bool
	Clock   *Clock
}

// Clock is the clock of an engine that is journaled: the system's, and while a journal is read the time of its entries.
type Clock struct {
	System func() time.Time // nil: the operating system's
	then   atomic.Pointer[time.Time]
}

// Now is the time for the engine.
func (c *Clock) Now() time.Time {
	if then := c.then.Load(); then != nil {
		return *then
	}
	if c.System != nil {
		return c.System()
	}
	return time.Now()
}

// Reading tells whether the journal is being read: what an engine then does has been done before, and nobody is to be told.
func (c *Clock) Reading() bool { return c.then.Load() != nil }

// entry is one request.
type entry struct {
	At     time.Time
	Method string
	URL    string
	Host   string
	Header http.Header
	Body   []byte
}

// Journal is an engine with its journal before it.
type Journal struct {
	options Options
	engine  http.Handler

	changing sync.Mutex // held while a change is carried out and takes its place in the file
	file     *os.File
	size     int64

	syncing sync.Mutex // held by whoever brings the file to the disk
	durable atomic.Int64
	failed  atomic.Pointer[error]
}

// Open reads the journal into the engine and continues it. An entry that was cut off at the end, when the machine or the
// process stopped, was never acknowledged: it is left out.
func Open(ctx context.Context, engine http.Handler, o Options) (*Journal, error) {
	file, err := os.OpenFile(o.Path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open a journal: %w", err)
	}
	j := &Journal{options: o, engine: engine, file: file}
	if err := j.read(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("read journal %s: %w", o.Path, err), file.Close())
	}
	return j, nil
}

// Close ends the journal. What was acknowledged is on disk already.
func (j *Journal) Close() error { return j.file.Close() }

// headerBytes stand before each entry: its length and its checksum.
const headerBytes = 8

func (j *Journal) read(ctx context.Context) error {
	defer j.options.Clock.then.Store(nil)
	reader := bufio.NewReader(j.file)
	for {
		text, err := next(reader)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var e entry
		if err := json.Unmarshal(text, &e); err != nil {
			return err
		}
		if err := j.repeat(ctx, e); err != nil {
			return err
		}
		j.size += headerBytes + int64(len(text))
	}
	if err := j.file.Truncate(j.size); err != nil {
		return err
	}
	_, err := j.file.Seek(j.size, io.SeekStart)
	j.durable.Store(j.size)
	return err
}

// next reads an entry; io.EOF at the end, and at an entry that is not whole.
func next(reader io.Reader) ([]byte, error) {
	var header [headerBytes]byte
	if _, err := io.ReadFull(reader, header[:]); err != nil {
		return nil, io.EOF
	}
	const largest = 128 << 20
	length := binary.BigEndian.Uint32(header[:4])
	if length > largest {
		return nil, io.EOF
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(reader, text); err != nil || crc32.ChecksumIEEE(text) != binary.BigEndian.Uint32(header[4:]) {
		return nil, io.EOF
	}
	return text, nil
}

func (j *Journal) repeat(ctx context.Context, e entry) error {
	address, err := url.Parse(e.URL)
	if err != nil {
		return err
	}
	j.options.Clock.then.Store(&e.At)
	r := (&http.Request{
		Method: e.Method, URL: address, Host: e.Host, Header: e.Header, Body: io.NopCloser(bytes.NewReader(e.Body)),
		ContentLength: int64(len(e.Body)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RequestURI: e.URL,
	}).WithContext(ctx)
	w := newAnswer()
	j.engine.ServeHTTP(w, r)
	if w.status >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s of %s is answered %d now: %s", e.Method, e.URL, e.At, w.status, w.body.String())
	}
	return nil
}

// ServeHTTP implements [http.Handler].
func (j *Journal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !j.options.Changes(r) {
		j.engine.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away, and nothing was done
	}
	e := entry{Method: r.Method, URL: r.URL.RequestURI(), Host: r.Host, Header: r.Header, Body: body}
	out := newAnswer()
	place, err := j.change(r, e, out)
	if err == nil {
		err = j.sync(place)
	}
	if err != nil {
		http.Error(w, `{"__type":"InternalServerError","message":"the journal cannot be written"}`, http.StatusInternalServerError)
		return
	}
	out.sendTo(w)
}

// change carries a request out and writes it down if it succeeded. It gives the place in the file that must be on disk
// before the answer is given. When writing fails the engine is ahead of its journal, and nothing is acknowledged any more.
func (j *Journal) change(r *http.Request, e entry, out *answer) (int64, error) {
	j.changing.Lock()
	defer j.changing.Unlock()
	if failed := j.failed.Load(); failed != nil {
		return 0, *failed
	}
	e.At = j.options.Clock.Now()
	served := r.Clone(context.WithoutCancel(r.Context())) // a change is done or not, whoever waits for it
	served.Body, served.ContentLength = io.NopCloser(bytes.NewReader(e.Body)), int64(len(e.Body))
	j.engine.ServeHTTP(out, served)
	if out.status >= http.StatusMultipleChoices {
		return 0, nil // refused: nothing changed
	}
	text, err := json.Marshal(e)
	if err == nil {
		var header [headerBytes]byte
		binary.BigEndian.PutUint32(header[:4], uint32(len(text)))
		binary.BigEndian.PutUint32(header[4:], crc32.ChecksumIEEE(text))
		_, err = j.file.Write(append(header[:], text...))
	}
	if err != nil {
		j.failed.Store(&err)
		return 0, err
	}
	j.size += headerBytes + int64(len(text))
	return j.size, nil
}

// sync waits until the file is on disk up to the place. One goes for all who wait.
func (j *Journal) sync(place int64) error {
	if place <= j.durable.Load() {
		return nil
	}
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if place <= j.durable.Load() {
		return nil
	}
	j.changing.Lock()
	size := j.size
	j.changing.Unlock()
	if err := j.file.Sync(); err != nil {
		j.failed.Store(&err)
		return err
	}
	j.durable.Store(size)
	return nil
}

// answer holds an answer back until its change is on disk.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{header: http.Header{}, status: http.StatusOK} }

// Header implements [http.ResponseWriter].
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements [http.ResponseWriter].
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

func (a *answer) sendTo(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // the client went away
}
