package consumer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/consumer/cloudevents"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry"
	"example.com/registrar/shared/telemetry/request"
)

// queue remembers what was done with its messages.
type queue struct {
	mu     sync.Mutex
	hidden map[string][]time.Duration
	dead   map[string]string
	broken error // of SendToDeadLetters
}

func (q *queue) ChangeVisibility(_ context.Context, m consumer.Message, d time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.hidden[m.ID] = append(q.hidden[m.ID], d)
	return nil
}

func (q *queue) SendToDeadLetters(_ context.Context, m consumer.Message, reason string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.broken == nil {
		q.dead[m.ID] = reason
	}
	return q.broken
}

// away are the times for which a message was hidden.
func (q *queue) away(id string) []time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.hidden[id])
}

// claims are a table of claims in memory. The store's own are held to the same rules by registrartest.
type claims struct {
	mu    sync.Mutex
	token map[string]string
	until map[string]time.Time
	done  map[string]bool
	seen  map[string]registrar.Version
}

func (c *claims) Claim(_ context.Context, name, event, token string, until time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := name + event
	switch {
	case c.done[key]:
		return consumer.ErrDone
	case c.token[key] != "" && c.until[key].After(time.Now()):
		return &consumer.ClaimedError{Until: c.until[key]}
	}
	c.token[key], c.until[key] = token, until
	return nil
}

func (c *claims) Complete(ctx context.Context, name, event, token string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done[name+event] = c.done[name+event] || c.token[name+event] == token
	return nil
}

func (c *claims) Release(ctx context.Context, name, event, token string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token[name+event] == token {
		delete(c.token, name+event)
	}
	return nil
}

func (c *claims) NewestVersion(_ context.Context, name, subject string) (registrar.Version, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[name+subject], nil
}

func (c *claims) RecordVersion(ctx context.Context, name, subject string, version registrar.Version) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[name+subject] = max(c.seen[name+subject], version)
	return nil
}

// desk is a consumer's surroundings.
type desk struct {
	queue  queue
	claims claims
	logs   bytes.Buffer
	ids    int
}

func newDesk() *desk {
	d := &desk{}
	d.queue.hidden, d.queue.dead = map[string][]time.Duration{}, map[string]string{}
	d.claims = claims{token: map[string]string{}, until: map[string]time.Time{}, done: map[string]bool{},
		seen: map[string]registrar.Version{}}
	return d
}

func (d *desk) settings() consumer.Settings {
	return consumer.Settings{
		Queue: &d.queue, Claims: &d.claims, Receives: 3, Visibility: time.Minute, Clock: time.Now,
		NewID: func() string { d.ids++; return fmt.Sprint("token", d.ids) }, Log: slog.New(slog.NewTextHandler(&d.logs, nil)),
	}
}

// each makes a handler that reads bodies as text and claims nothing.
func (d *desk) each(do func(context.Context, string) error) consumer.Handler {
	return consumer.Each(d.settings(), consumer.Work[string]{
		Name: "test",
		Read: func(m consumer.Message) (string, error) {
			if string(m.Body) == "unreadable" {
				return "", errors.New("not text")
			}
			return string(m.Body), nil
		},
		Do: do,
	})
}

func message(id, body string) consumer.Message {
	return consumer.Message{ID: id, Body: []byte(body), Receives: 1, SentAt: time.Now()}
}

func wantFailed(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("failed %q, want %q", got, want)
	}
}

func TestEach_ReportsWhatIsToComeBackAndBuriesWhatIsNot(t *testing.T) {
	d := newDesk()
	var did []string
	h := d.each(func(ctx context.Context, body string) error {
		did = append(did, body+" "+request.From(ctx).ID)
		switch body {
		case "fail":
			return errors.New("not now")
		case "panic":
			panic("at the disco")
		case "never":
			return fmt.Errorf("wrapped: %w", consumer.Permanent(errors.New("not ever")))
		}
		return nil
	})
	last := message("6", "fail")
	last.Receives = 3
	failed := h.HandleBatch(t.Context(), []consumer.Message{
		message("1", "fail"), message("2", "fine"), message("3", "panic"), message("4", "never"), message("5", "unreadable"),
		last, message("7", "fine"),
	})
	wantFailed(t, failed, "1", "3")
	if want := []string{"fail 1", "fine 2", "panic 3", "never 4", "fail 6", "fine 7"}; !slices.Equal(did, want) {
		t.Errorf("did %q", did)
	}
	for id, reason := range map[string]string{"4": "not ever", "5": "cannot be read: not text",
		"6": "failed 3 times, at last: not now"} {
		if !strings.Contains(d.queue.dead[id], reason) {
			t.Errorf("message %s is in the dead letters for %q, want %q", id, d.queue.dead[id], reason)
		}
	}
	if len(d.queue.dead) != 3 {
		t.Errorf("dead: %v", d.queue.dead)
	}
	for _, id := range failed {
		if h := d.queue.away(id); len(h) != 1 || h[0] < 500*time.Millisecond || h[0] > time.Second {
			t.Errorf("message %s stays away for %v, want up to a second", id, h)
		}
	}
}

func TestEach_PausesGrowAndEnd(t *testing.T) {
	d := newDesk()
	settings := d.settings()
	settings.Receives = 100
	h := consumer.Each(settings, consumer.Work[string]{
		Name: "test", Read: func(consumer.Message) (string, error) { return "", nil }, Do: func(context.Context,
			string) error {
			return errors.New("no")
		},
	})
	for receives, want := range map[int]time.Duration{1: time.Second, 2: 4 * time.Second, 3: 16 * time.Second,
		5: 256 * time.Second, 9: 5 * time.Minute, 99: 5 * time.Minute} {
		m := message(fmt.Sprint(receives), "")
		m.Receives = receives
		wantFailed(t, h.HandleBatch(t.Context(), []consumer.Message{m}), m.ID)
		if h := d.queue.away(m.ID)[0]; h < want/2 || h > want {
			t.Errorf("after %d deliveries: away for %v, want %v with jitter", receives, h, want)
		}
	}
}

// A message that cannot be sent to the dead letters comes back: it must not be lost.
func TestEach_WhatIsNotBuriedComesBack(t *testing.T) {
	d := newDesk()
	d.queue.broken = errors.New("no dead-letter queue")
	wantFailed(t, d.each(nil).HandleBatch(t.Context(), []consumer.Message{message("1", "unreadable")}), "1")
}

func TestEach_OfAGroupNothingIsHandledBehindAFailure(t *testing.T) {
	d := newDesk()
	var did []string
	h := d.each(func(_ context.Context, body string) error {
		did = append(did, body)
		switch body {
		case "a2":
			return errors.New("not now")
		case "b1":
			return consumer.Permanent(errors.New("not ever"))
		}
		return nil
	})
	in := func(id string) consumer.Message {
		m := message(id, id)
		m.Group = id[:1]
		return m
	}
	failed := h.HandleBatch(t.Context(), []consumer.Message{in("a1"), in("b1"), in("a2"), in("a3"), in("b2"), in("c1"),
		in("a4")})
	wantFailed(t, failed, "a2", "a3", "a4")
	if want := []string{"a1", "b1", "a2", "b2", "c1"}; !slices.Equal(did, want) {
		t.Errorf("did %q, want %q: a dead message holds up nobody", did, want)
	}
}

func TestEach_BeginsNothingThatItCannotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		var did int
		h := d.each(func(context.Context, string) error { did++; time.Sleep(4 * time.Second); return nil })
		ctx, cancel := context.WithTimeout(t.Context(), 11*time.Second)
		defer cancel()
		var batch []consumer.Message
		for n := range 5 {
			batch = append(batch, message(fmt.Sprint(n), ""))
		}
		wantFailed(t, h.HandleBatch(ctx, batch), "2", "3", "4")
		if did != 2 {
			t.Errorf("%d of 5 were begun with time for 2", did)
		}
		if h := d.queue.away("4"); !slices.Equal(h, []time.Duration{0}) {
			t.Errorf("what was not begun stays away for %v", h)
		}
	})
}

func TestEach_LongWorkStaysHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		h := d.each(func(context.Context, string) error { time.Sleep(130 * time.Second); return nil })
		wantFailed(t, h.HandleBatch(t.Context(), []consumer.Message{message("1", "")}))
		if got := d.queue.away("1"); len(got) != 6 || got[0] != time.Minute { // every twenty seconds
			t.Errorf("hidden for %v", got)
		}
	})
}

// event is a message that holds an enrolment's event.
func event(t *testing.T, id string, version registrar.Version, change ...func(*registrar.Event)) consumer.Message {
	t.Helper()
	e := registrar.Event{
		ID: registrar.EventID(id), Type: registrar.RegistrationEnrolled, Schema: 1, At: time.Now(), Correlation: "cor",
		Trace:  "tr",
		Record: registrar.Record{Kind: registrar.KindSection, ID: "s"}, Student: "p", Version: version,
		Facts: registrar.Facts{},
	}
	for _, c := range change {
		c(&e)
	}
	body, err := cloudevents.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return message("m-"+id, string(body))
}

// events makes a handler that notes what it handles.
func (d *desk) events(do func(context.Context, registrar.Event) error) consumer.Handler {
	return consumer.Events(d.settings(), consumer.EventWork{
		Name: "test", Do: map[registrar.EventType]func(context.Context, registrar.Event) error{
			registrar.RegistrationEnrolled: do},
		Subject: func(e registrar.Event) string { return e.Record.String() + "/" + string(e.Student) },
	})
}

func TestEvents_AreHandledOnceAndInOrder(t *testing.T) {
	d := newDesk()
	var did []string
	h := d.events(func(ctx context.Context, e registrar.Event) error {
		if by := request.From(ctx); by.Correlation != "cor" || by.Trace != "tr" || by.Principal != "test" ||
			by.ID != "m-"+string(e.ID) {
			t.Errorf("the work's request is %+v", by)
		}
		did = append(did, string(e.ID))
		return nil
	})
	newer := func(e *registrar.Event) { e.Schema = 2 }
	other := func(e *registrar.Event) { e.Type = registrar.RegistrationDropped }
	failed := h.HandleBatch(t.Context(), []consumer.Message{
		event(t, "b", 2), event(t, "a", 1), event(t, "b", 2), event(t, "c", 3), event(t, "n", 4, newer), event(t, "o", 5,
			other), message("x", "{}"), event(t, "d", 4),
	})
	wantFailed(t, failed)
	if want := []string{"b", "c", "d"}; !slices.Equal(did, want) {
		t.Errorf("handled %q, want %q: each once, and nothing older than what was seen", did, want)
	}
	for id, reason := range map[string]string{"m-n": "schema 2", "m-o": "not for this consumer", "x": "no CloudEvent"} {
		if !strings.Contains(d.queue.dead[id], reason) {
			t.Errorf("message %s is in the dead letters for %q, want %q", id, d.queue.dead[id], reason)
		}
	}
}

func TestEvents_WhatFailedIsHandledAgainAtOnce(t *testing.T) {
	d := newDesk()
	tries := 0
	h := d.events(func(context.Context, registrar.Event) error {
		if tries++; tries == 1 {
			return errors.New("not now")
		}
		return nil
	})
	wantFailed(t, h.HandleBatch(t.Context(), []consumer.Message{event(t, "a", 1)}), "m-a")
	wantFailed(t, h.HandleBatch(t.Context(), []consumer.Message{event(t, "a", 1)}))
	wantFailed(t, h.HandleBatch(t.Context(), []consumer.Message{event(t, "a", 1)}))
	if tries != 2 {
		t.Errorf("handled %d times: failed once, done once, and not again", tries)
	}
}

// A function that is killed leaves its claim: other deliveries wait until its time is over, and not longer.
func TestEvents_AClaimEndsWithItsFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		killed := make(chan struct{})
		go func() {
			d.events(func(context.Context, registrar.Event) error { <-killed; return errors.New("it never comes to this") }).
				HandleBatch(ctx, []consumer.Message{event(t, "a", 1)})
		}()
		synctest.Wait()
		did := 0
		h := d.events(func(context.Context, registrar.Event) error { did++; return nil })
		late := event(t, "a", 1)
		late.Receives = 3 // waiting is no failure, so the last attempt is not the end
		wantFailed(t, h.HandleBatch(t.Context(), []consumer.Message{late}), "m-a")
		if got := d.queue.away("m-a"); did != 0 || len(got) != 1 || got[0] != 35*time.Second {
			t.Errorf("handled %d times beside the first, back after %v, want when its 30 seconds and 5 are over", did, got)
		}
		time.Sleep(35 * time.Second)
		wantFailed(t, h.HandleBatch(t.Context(), []consumer.Message{late}))
		if did != 1 || len(d.queue.dead) != 0 {
			t.Errorf("handled %d times after the claim's end; dead %v", did, d.queue.dead)
		}
		close(killed)
	})
}

// Work may end with its function's time: it is done all the same, and must not be done again.
func TestEvents_WhatIsDoneAtTheDeadlineIsMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		did := 0
		h := d.events(func(ctx context.Context, _ registrar.Event) error {
			did++
			<-ctx.Done()
			return nil
		})
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			wantFailed(t, h.HandleBatch(ctx, []consumer.Message{event(t, "a", 1)}))
			cancel()
		}
		if seen := d.claims.seen["testsection/s/p"]; did != 1 || seen != 1 {
			t.Errorf("done %d times, the version %d was seen", did, seen)
		}
	})
}

// panicky is work that panics where the text says.
func panicky(do func(string)) consumer.Work[string] {
	at := func(place, body string) {
		if place == body {
			panic("at the disco")
		}
	}
	return consumer.Work[string]{
		Name:  "test",
		Read:  func(m consumer.Message) (string, error) { at("read", string(m.Body)); return string(m.Body), nil },
		Key:   func(body string) (string, string, registrar.Version) { at("key", body); return body, "", 0 },
		Cause: func(body string) request.Info { at("cause", body); return request.Info{} },
		Do:    func(_ context.Context, body string) error { do(body); return nil },
	}
}

func TestAPanicIsOfItsMessageAlone(t *testing.T) {
	for name, c := range map[string]struct {
		handler func(consumer.Settings, consumer.Work[string]) consumer.Handler
		places  []string
	}{
		"each": {consumer.Each[string], []string{"read", "key", "cause"}},
		"together": {func(s consumer.Settings, w consumer.Work[string]) consumer.Handler {
			return consumer.Together(s, w, func(ctx context.Context, all []string) error {
				for _, body := range all {
					_ = w.Do(ctx, body)
				}
				return nil
			})
		}, []string{"read", "cause"}},
	} {
		for _, place := range c.places {
			d := newDesk()
			var did []string
			h := c.handler(d.settings(), panicky(func(body string) { did = append(did, body) }))
			wantFailed(t, h.HandleBatch(t.Context(), []consumer.Message{message("1", "a"), message("2", place),
				message("3", "b")}))
			if !slices.Equal(did, []string{"a", "b"}) || !strings.Contains(d.queue.dead["2"], "at the disco") ||
				len(d.queue.dead) != 1 {
				t.Errorf("%s, a panic in %s: did %q, dead %v", name, place, did, d.queue.dead)
			}
		}
	}
}

// A message counts as failed once: here when it is dead, where the batch is answered when it comes back.
func TestTheDeadAreCounted(t *testing.T) {
	for broken, want := range map[error]float64{nil: 2, errors.New("no dead-letter queue"): 0} {
		var text bytes.Buffer
		recorder := telemetry.New(telemetry.Options{Function: "works", Log: slog.NewJSONHandler(&text, nil)})
		d := newDesk()
		d.queue.broken = broken
		ctx, invocation := recorder.Begin(t.Context(), telemetry.Batch)
		d.each(nil).HandleBatch(ctx, []consumer.Message{message("1", "unreadable"), message("2", "unreadable")})
		telemetry.Conclude(ctx, telemetry.Outcome{})
		invocation.End(ctx)
		var line struct{ Failures float64 }
		if err := json.Unmarshal(text.Bytes(), &line); err != nil || line.Failures != want {
			t.Errorf("not sent to the dead letters because of %v: %v failures, want %v; %v", broken, line.Failures, want, err)
		}
	}
}

func TestTogether_TriesEachAloneWhenABatchFails(t *testing.T) {
	d := newDesk()
	var sizes []int
	h := consumer.Together(d.settings(), consumer.Work[string]{
		Name: "test",
		Read: func(m consumer.Message) (string, error) {
			if string(m.Body) == "unreadable" {
				return "", errors.New("not text")
			}
			return string(m.Body), nil
		},
		Cause: func(body string) request.Info { return request.Info{Correlation: "cause of " + body} },
	}, func(_ context.Context, all []string) error {
		sizes = append(sizes, len(all))
		if slices.Contains(all, "fail") {
			return errors.New("not with this one")
		}
		return nil
	})
	wantFailed(t, h.HandleBatch(t.Context(), []consumer.Message{message("1", "a"), message("2", "b")}))
	wantFailed(t, h.HandleBatch(t.Context(), []consumer.Message{message("1", "a"), message("2", "fail"),
		message("3", "b")}), "2")
	wantFailed(t, h.HandleBatch(t.Context(), []consumer.Message{message("1", "a"), message("2", "unreadable")}))
	if want := []int{2, 3, 1, 1, 1, 1}; !slices.Equal(sizes, want) {
		t.Errorf("batches of %v, want %v", sizes, want)
	}
	if len(d.queue.dead) != 1 {
		t.Errorf("dead %v", d.queue.dead)
	}
}

// Each message's lines have what it goes back to, and its debug lines are written only if it failed.
func TestLines_AreOfTheirMessage(t *testing.T) {
	var text bytes.Buffer
	recorder := telemetry.New(telemetry.Options{Function: "works", Log: slog.NewJSONHandler(&text, nil)})
	d := newDesk()
	s := d.settings()
	s.Log = recorder.Log()
	work := consumer.Work[string]{
		Name:  "test",
		Read:  func(m consumer.Message) (string, error) { return string(m.Body), nil },
		Cause: func(body string) request.Info { return request.Info{Correlation: "cause of " + body} },
		Do: func(ctx context.Context, body string) error {
			telemetry.Debug(ctx, "detail")
			if body == "fail" {
				return errors.New("no")
			}
			return nil
		},
	}
	ctx, invocation := recorder.Begin(t.Context(), telemetry.Batch)
	wantFailed(t, consumer.Each(s, work).HandleBatch(ctx, []consumer.Message{message("1", "a"), message("2", "fail"),
		message("3", "b")}), "2")
	wantFailed(t, consumer.Together(s, work, func(context.Context, []string) error { return nil }).HandleBatch(ctx,
		[]consumer.Message{message("4", "c")}))
	telemetry.Conclude(ctx, telemetry.Outcome{})
	invocation.End(ctx)
	var got []string
	for line := range strings.Lines(text.String()) {
		var read struct{ Msg, Correlation, Request string }
		if err := json.Unmarshal([]byte(line), &read); err != nil {
			t.Fatal(err)
		}
		got = append(got, read.Msg+"|"+read.Correlation+"|"+read.Request)
	}
	want := []string{
		"handled|cause of a|1", "detail|cause of fail|2", "a message failed|cause of fail|2", "handled|cause of b|3",
		"handled|cause of c|4", "batch||",
	}
	if !slices.Equal(got, want) {
		t.Errorf("lines %q\n want %q", got, want)
	}
}
