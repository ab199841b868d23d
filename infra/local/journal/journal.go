// Package journal keeps the engines of the local cloud across restarts, kill -9 included: what changed is on disk
// before the request that changed it is answered.
//
// It knows requests and files, and nothing of what an engine does. There are two ways. A [Journal] keeps the requests
// themselves and makes them again at the times that they had; it asks of an engine that equal requests at equal times
// make equal states, and carries changes out one after the other, so that the journal has their order. A [Chronicle]
// keeps what an engine tells of its changes, for one whose requests wait or draw lots; it lets requests run side by
// side. With both every answer, to a read too, waits until all that it may tell of is on disk, so that nobody sees what
// might yet be lost: what a relay read of a stream cannot be called back. Otherwise reads go past a journal, and
// wait only while others write.
//
// Neither grows with what happened, but with what there is: whenever there are more changes than a snapshot of the
// state would have bytes, and at least some, a snapshot takes their place while the engine is used on. A restart reads
// the snapshot and makes the changes since once more.
//
// Start with [Open].
package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"example.com/registrar/infra/local/iam"
)

// Options say what a journal keeps.
type Options struct {
	Path string // of the file; its folder must be there
	// Changes reports whether a request can change something, so that it is kept when it succeeds.
	Changes func(r *http.Request) bool
	Clock   *Clock
	NoSync  bool // see [Chronicle]
	// Least is how many bytes of changes there are at least before a snapshot takes their place, if the engine is a
	// [Keeper]. 16 MB when zero.
	Least int64
	Log   *slog.Logger // for a snapshot that could not be written; nil: nothing is logged
}

// Keeper is an engine that gives its state.
type Keeper interface {
	// Freeze takes the state of this moment and gives what writes it, while the engine is used on.
	Freeze() func(w io.Writer) error
	Restore(r io.Reader) error // makes the state of a new engine that of a snapshot
}

// Clock is the clock of an engine with a journal. It is the system's clock, but it stands still while a change is made,
// and shows the times of the entries while a journal is read.
type Clock struct {
	System  func() time.Time // nil: the operating system's
	then    atomic.Pointer[time.Time]
	reading atomic.Bool
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

// Reading reports whether the journal is being read. What an engine then does was done before, so it must not be
// announced again.
func (c *Clock) Reading() bool { return c.reading.Load() }

// entry is one request, or an expiry.
type entry struct {
	At     time.Time
	Method string      `json:",omitempty"`
	URL    string      `json:",omitempty"`
	Host   string      `json:",omitempty"`
	Header http.Header `json:",omitempty"`
	Body   []byte      `json:",omitempty"`
	Expire int         `json:",omitempty"` // the limit of an expiry
}

// Journal is an engine with its journal before it.
type Journal struct {
	options  Options
	engine   http.Handler
	changing sync.Mutex // held while a change is carried out and takes its place in the book
	book     book
}

// Open reads the journal into the engine and continues it. An entry that was cut off at the end, when the machine or
// the process stopped, was never acknowledged: it is left out.
func Open(ctx context.Context, engine http.Handler, o Options) (*Journal, error) {
	j := &Journal{options: o, engine: engine}
	o.Clock.reading.Store(true)
	defer func() { o.Clock.reading.Store(false); o.Clock.then.Store(nil) }()
	j.book.path, j.book.noSync, j.book.least, j.book.log = o.Path, o.NoSync, o.Least, o.Log
	restore := func(io.Reader) error { return errors.New("the engine reads no snapshots") }
	keeper, keeps := engine.(Keeper)
	if keeps {
		restore = keeper.Restore
	}
	if err := openBook(&j.book, restore, func(text []byte) error {
		var e entry
		if err := json.Unmarshal(text, &e); err != nil {
			return err
		}
		return j.repeat(ctx, e)
	}); err != nil {
		return nil, err
	}
	j.keep()
	return j, nil
}

// keep writes a snapshot if there are many changes. No change may be under way.
func (j *Journal) keep() {
	keeper, ok := j.engine.(Keeper)
	if !ok || !j.book.due() {
		return
	}
	from, write := j.book.end(), keeper.Freeze()
	go j.book.rewrite(from, write)
}

// Close ends the journal. What was acknowledged is on disk already.
func (j *Journal) Close() error { return j.book.close() }

func (j *Journal) repeat(ctx context.Context, e entry) error {
	j.options.Clock.then.Store(&e.At)
	if engine, ok := j.engine.(expirer); ok && e.Expire > 0 {
		engine.Expire(e.Expire)
		return nil
	}
	address, err := url.Parse(e.URL)
	if err != nil {
		return err
	}
	r := (&http.Request{
		Method: e.Method, URL: address, Host: e.Host, Header: e.Header, Body: io.NopCloser(bytes.NewReader(e.Body)),
		ContentLength: int64(len(e.Body)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RequestURI: e.URL,
	}).WithContext(iam.Repeat(ctx))
	w := newAnswer()
	j.engine.ServeHTTP(w, r)
	if w.status >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s of %s is answered %d now: %s", e.Method, e.URL, e.At, w.status, w.body.String())
	}
	return nil
}

// ServeHTTP implements [http.Handler]. An answer waits until all that was changed before it is on disk.
func (j *Journal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := newAnswer()
	if err := j.serve(out, r); err != nil {
		broken(w)
		return
	}
	out.sendTo(w)
}

func (j *Journal) serve(out *answer, r *http.Request) error {
	if !j.options.Changes(r) {
		j.engine.ServeHTTP(out, r)
		j.changing.Lock() // a change that is under way may have been seen, and takes its place in the book first
		end := j.book.end()
		j.changing.Unlock()
		return end.sync()
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err // the client went away, and nothing was done
	}
	served := r.Clone(context.WithoutCancel(r.Context())) // a change is made or not, even if the client goes away
	served.Body, served.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return j.change(entry{Method: r.Method, URL: r.URL.RequestURI(), Host: r.Host, Header: r.Header, Body: body},
		func() bool {
			j.engine.ServeHTTP(out, served)
			return out.status < http.StatusMultipleChoices // otherwise it was refused, and nothing changed
		})
}

// expirer is an engine that deletes what has expired when it is asked to.
type expirer interface {
	Expire(limit int) int
}

// Expire has the engine delete what has expired, if it can: at most limit things. It returns how many it deleted.
func (j *Journal) Expire(limit int) int {
	engine, ok := j.engine.(expirer)
	if !ok {
		return 0
	}
	deleted := 0
	_ = j.change(entry{Expire: limit}, func() bool { // when it is not written, it is deleted once more after a restart
		deleted = engine.Expire(limit)
		return deleted > 0
	})
	return deleted
}

// change carries a change out, writes it down if it did anything, and returns when it is on disk, with all before it: a
// refusal tells of those. When writing fails the engine is ahead of its journal, and nothing is answered any more.
func (j *Journal) change(e entry, do func() (changed bool)) error {
	end, err := j.inOrder(e, do)
	if err != nil {
		return err
	}
	return end.sync()
}

// inOrder does so one change after the other; it gives the place that must be on disk.
func (j *Journal) inOrder(e entry, do func() (changed bool)) (place, error) {
	j.changing.Lock()
	defer j.changing.Unlock()
	if err := j.book.broken(); err != nil {
		return place{}, err
	}
	e.At = j.options.Clock.Now()
	j.options.Clock.then.Store(&e.At)
	defer j.options.Clock.then.Store(nil)
	if !do() {
		return j.book.end(), nil
	}
	text, err := json.Marshal(e)
	if err != nil {
		return place{}, j.book.fail(err)
	}
	end, err := j.book.append(text)
	if err == nil {
		j.keep()
	}
	return end, err
}

// broken is the answer of an engine that cannot keep what it did.
func broken(w http.ResponseWriter) {
	http.Error(w, `{"__type":"InternalServerError","message":"the journal cannot be written"}`,
		http.StatusInternalServerError)
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
