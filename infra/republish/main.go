// Command republish is `make republish FROM=… TO=…`, or SUBJECT=…: it sends events that happened once more to every
// queue that subscribes to them, as the relay did. Consumers know an event by its id, so what was handled before is
// passed over.
//
// It reads events from the table, where all of the last seven days are, and those of the audit for good, and sends them
// with functions/events.Relay, for `make run` or with STACK for a deployment on AWS. Start with [run].
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/functions/events"
	"example.com/registrar/infra/deployment"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/queue"
	"example.com/registrar/shared/registrar"
	"github.com/google/uuid"
)

func main() {
	var w what
	flag.StringVar(&w.from, "from", "", "the first moment, for example 2026-11-24T09:00:00Z, or 2026-11-24 for its "+
		"beginning")
	flag.StringVar(&w.to, "to", "", "the moment after the last; default: now")
	flag.StringVar(&w.subject, "subject", "", "only what happened to this record, kind/id; to a student, wherever")
	dry := flag.Bool("dry", false, "only tell what would be sent")
	stack := flag.String("stack", "", "a stack on AWS; default: make run's table and queues")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := start(ctx, w, *stack, *dry)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "republish:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, w what, stack string, dry bool) error {
	filter, err := w.filter(time.Now())
	if err != nil {
		return err
	}
	d, err := deployment.Open(ctx, stack, os.Getenv)
	if err != nil {
		return err
	}
	if err := d.Reach(ctx); err != nil {
		return err
	}
	table, err := d.Table(ctx)
	if err != nil {
		return err
	}
	// The cursors of this run are for nobody else.
	store := dynamo.New(d.DynamoDB, dynamo.Config{Table: table, CursorKey: registrar.NewSecret(uuid.NewString())},
		time.Now)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	relay, err := events.New(functions.Subscriptions(), func(name string) (events.Queue, error) {
		if dry {
			return nothing{}, nil
		}
		url, _, err := d.Queue(ctx, name)
		return queue.New(d.SQS, url), err
	}, log)
	if err != nil {
		return err
	}
	return run(ctx, store, relay, filter, dry, os.Stdout)
}

// nothing is a queue of a dry run.
type nothing struct{}

// SendEvents implements [events.Queue].
func (nothing) SendEvents(context.Context, []registrar.Event) []error { return nil }

// what is to be sent again, as it was asked for.
type what struct{ from, to, subject string }

// filter reads it.
func (w what) filter(now time.Time) (registrar.EventFilter, error) {
	var f registrar.EventFilter
	if w.from == "" && w.subject == "" {
		return f, errors.New("neither FROM nor SUBJECT is set: which events are to be sent again? For example " +
			"make republish FROM=2026-11-24T09:00:00Z TO=2026-11-24T10:00:00Z DRY=1, which only counts them")
	}
	var err error
	if f.From, err = moment("FROM", w.from, time.Time{}); err != nil {
		return f, err
	}
	if f.To, err = moment("TO", w.to, now); err != nil {
		return f, err
	}
	if !f.From.Before(f.To) {
		return f, errors.New("TO must be after FROM")
	}
	if w.subject == "" {
		return f, nil
	}
	kind, id, _ := strings.Cut(w.subject, "/")
	if id == "" || !slices.Contains(registrar.Kinds(), registrar.Kind(kind)) {
		return f, fmt.Errorf("SUBJECT is %q: it must be kind/id, with one of the kinds %v", w.subject, registrar.Kinds())
	}
	if f.Record = (registrar.Record{Kind: registrar.Kind(kind), ID: id}); f.Record.Kind == registrar.KindStudent {
		f.Record, f.Student = registrar.Record{}, registrar.StudentID(id)
	}
	return f, nil
}

func moment(name, text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s must be a time like 2026-11-24T09:00:00Z, or a day like 2026-11-24", name)
}

// store is what a run needs of the store.
type store interface {
	Events(ctx context.Context, f registrar.EventFilter, page registrar.PageRequest) (registrar.Page[registrar.Event],
		error)
	Published(ctx context.Context, from, to time.Time, page registrar.PageRequest) (registrar.Page[registrar.Event], error)
}

// run sends all events of the filter and tells what went where. When an event cannot be sent, it stops there and says
// how to go on.
func run(ctx context.Context, s store, relay events.Relay, f registrar.EventFilter, dry bool, out io.Writer) error {
	sent := tally{subscriptions: relay.Subscriptions, messages: map[[2]string]int{}}
	var failed error
	for page := (registrar.PageRequest{Limit: registrar.MaxPage}); ; {
		list := func() (registrar.Page[registrar.Event], error) { return s.Published(ctx, f.From, f.To, page) }
		if f.Record.ID != "" || f.Student != "" {
			list = func() (registrar.Page[registrar.Event], error) { return s.Events(ctx, f, page) }
		}
		found, err := list()
		if err != nil {
			failed = fmt.Errorf("read events: %w", err)
			break
		}
		// What was refused only the audit hears of, and it has it.
		found.Items = slices.DeleteFunc(found.Items,
			func(e registrar.Event) bool { return e.Type == registrar.RegistrationRefused })
		n := send(ctx, relay, found.Items)
		sent.count(found.Items[:n])
		if n < len(found.Items) {
			at := found.Items[n].At.Format(time.RFC3339Nano)
			failed = fmt.Errorf("the event %s could not be sent: when what stands above is mended, go on with FROM=%s",
				found.Items[n].ID, at)
			break
		}
		if page.Cursor = found.Next; found.Next == "" {
			break
		}
	}
	sent.tell(dry, out)
	return failed
}

// send sends events, the rest again when some were kept back, and tells how many were sent.
func send(ctx context.Context, relay events.Relay, all []registrar.Event) (sent int) {
	const attempts = 3
	for range attempts {
		if sent += relay.Send(ctx, all[sent:]); sent == len(all) {
			break
		}
	}
	return sent
}

// tally counts what was sent.
type tally struct {
	subscriptions events.Subscriptions
	events        int
	messages      map[[2]string]int // by queue and type of event
}

func (t *tally) count(sent []registrar.Event) {
	t.events += len(sent)
	for _, e := range sent {
		asked := false
		for name, types := range t.subscriptions {
			if slices.Contains(types, e.Type) {
				t.messages[[2]string{name, string(e.Type)}]++
				asked = true
			}
		}
		if !asked {
			t.messages[[2]string{"", string(e.Type)}]++
		}
	}
}

func (t *tally) tell(dry bool, out io.Writer) {
	total := 0
	for _, key := range slices.SortedFunc(maps.Keys(t.messages),
		func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		name := key[0]
		if name == "" {
			name = "(no queue)"
		} else {
			total += t.messages[key]
		}
		fmt.Fprintf(out, "%8d  %-28s → %s\n", t.messages[key], key[1], name)
	}
	verb := "sent"
	if dry {
		verb = "would be sent"
	}
	fmt.Fprintf(out, "%d events read, %d messages %s\n", t.events, total, verb)
}
