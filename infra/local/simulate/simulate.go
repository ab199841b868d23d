// Package simulate drives the whole local cloud, clients, gateway, functions, engines and pollers, without a socket
// and, in a testing/synctest bubble, in simulated time: hours of traffic with seeded faults and restarts pass in
// seconds. Afterwards every counter is re-derived from the records.
//
// It knows the local cloud and the API as a client knows it. Start with [Run]; `make simulate` runs many seeds. What is
// drawn follows from the seed, and what two goroutines do at one moment from their order, which does not: a seed that
// failed does so again in most runs, not in all.
package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/faults"
	"example.com/registrar/infra/local/iam"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/reconcile"
	"example.com/registrar/shared/registrar"
)

// Options say what is simulated.
type Options struct {
	Seed     uint64
	Clients  int // at once
	Commands int // of each client
	Sections int
	Students int
	Twins    int // students with a section each to themselves, whose requests are all sent twice at once
	Rows     int // of the list of registrations that is imported in each part; 0: none is
	Restarts int // how often all functions are replaced by new ones, with empty caches
	Nights   int // that follow, with what schedules start in them
	Faults   string
	// Contention is that of the table's engine; nil: its operations take their time, and none meets another.
	Contention *dynamodb.Contention
	// Wrap stands before the table's engine, for a test that plants a defect; nil: nothing does.
	Wrap func(http.Handler) http.Handler
}

// Result is what happened.
type Result struct {
	Answers map[string]int // by status or problem code
	Faults  map[string]int
	Events  int // domain events on record
	Imports int // that ended as they should
	// Conflicts and Throttles are what contention did.
	Conflicts, Throttles int
}

// world is one simulated university.
type world struct {
	options  Options
	injector *faults.Injector
	engines  cloud.Engines

	mu        sync.Mutex
	api       http.Handler // of the cloud that runs now
	objects   http.Handler // likewise: its S3
	imports   []string
	malformed []string // bodies of messages that no consumer can read
	answers   map[string]int
	trace     []string // the last things that happened
	sections  []registrar.SectionID
	students  []registrar.StudentID
	term      registrar.TermID
	acked     map[string]int // changes that a client was told of, by section and student
	pairs     []pair         // they come last among sections and students
	wronged   []error        // answers that contradict each other, and calls that were denied

	oversold  []error            // sections that had fewer seats than were taken
	forgotten registrar.ImportID // whose file nobody uploads
	resting   bool               // no consumer runs, and so nothing is moved or renamed: nobody would refresh the copies
}

// Run simulates. The error tells what was wrong afterwards, with the last events before.
func Run(ctx context.Context, o Options) (Result, error) {
	rules, err := faults.Parse(o.Faults)
	if err != nil {
		return Result{}, err
	}
	w := &world{
		options: o, injector: faults.New(rules, o.Seed, slog.New(slog.DiscardHandler)), answers: make(map[string]int),
		acked: make(map[string]int),
	}
	if err := w.establish(ctx); err != nil {
		return Result{}, fmt.Errorf("seed %d: set up: %w", o.Seed, err)
	}
	if err := w.play(ctx); err != nil {
		return Result{}, fmt.Errorf("seed %d: %w\n%s", o.Seed, err, w.last())
	}
	for n := range o.Nights {
		if err := w.night(ctx, n); err != nil {
			return Result{}, fmt.Errorf("seed %d: %w\n%s", o.Seed, err, w.last())
		}
	}
	events, err := w.audit(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("seed %d: %w\n%s", o.Seed, err, w.last())
	}
	used := w.engines.Usage.Report().Total
	return Result{
		Answers: w.answers, Faults: w.injector.Counts(), Events: events, Imports: len(w.imports), Conflicts: used.Conflicts,
		Throttles: used.Throttles,
	}, nil
}

// slow gives an engine a service time, so that other requests come between the reads and the writes of one request.
type slow struct {
	next http.Handler

	mu     sync.Mutex
	random *rand.Rand
}

// ServeHTTP implements [http.Handler].
func (s *slow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const longest = 20 * time.Millisecond
	s.mu.Lock()
	wait := time.Duration(s.random.Int64N(int64(longest)))
	s.mu.Unlock()
	time.Sleep(wait)
	s.next.ServeHTTP(w, r)
}

// Expire lets the engine delete what has expired.
func (s *slow) Expire(limit int) int {
	engine, ok := s.next.(interface{ Expire(limit int) int })
	if !ok {
		return 0
	}
	return engine.Expire(limit)
}

func system() api.System { return api.RealSystem() } // in a bubble time.Now is the bubble's

// open makes a cloud over the engines that stand, if any do.
func (w *world) open(ctx context.Context, injector *faults.Injector) (*cloud.Cloud, error) {
	c, err := cloud.Open(ctx, cloud.Options{
		Log: slog.New(slog.DiscardHandler), System: system(), SQSAddress: "http://sqs.local", S3Address: "http://s3.local",
		Engines: w.engines, Faults: injector, Visibility: time.Minute, Contention: w.options.Contention,
		ObserveCalls: w.observeCall,
	})
	if err == nil {
		w.engines = c.Engines
	}
	return c, err
}

// observeCall complains when a function wants something that its policy does not allow: with AWS it would fail so.
func (w *world) observeCall(c iam.Call) {
	if c.Allowed {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wronged = append(w.wronged, fmt.Errorf("%s was denied %s on %s", c.Principal, c.Request.Action, c.Request.Resource))
}

// establish makes the university, while nothing fails.
func (w *world) establish(ctx context.Context) error {
	c, err := w.open(ctx, nil)
	if err != nil {
		return err
	}
	if w.options.Wrap != nil {
		w.engines.DynamoDB = w.options.Wrap(w.engines.DynamoDB)
	}
	if w.options.Contention == nil {
		w.engines.DynamoDB = &slow{next: w.engines.DynamoDB, random: rand.New(rand.NewPCG(w.options.Seed, 0))}
	}
	w.api = c.API
	post := func(path string, in map[string]any) (string, error) {
		status, out := w.call(ctx, http.MethodPost, path, "", in)
		id, ok := out["id"].(string)
		if status != http.StatusCreated || !ok {
			return "", fmt.Errorf("POST %s: %d %v", path, status, out)
		}
		return id, nil
	}
	term, err := post("/v1/terms", map[string]any{"code": "T", "title": "T", "start": "2000-01-01", "end": "2000-06-01",
		"timeZone": "UTC", "creditLimit": 20, "registration": map[string]any{"open": "1999-01-01T00:00:00Z"}})
	if err != nil {
		return err
	}
	w.term = registrar.TermID(term)
	random := rand.New(rand.NewPCG(w.options.Seed, 1))
	for n := range w.options.Sections + w.options.Twins {
		course, err := post("/v1/courses", map[string]any{"subject": "SIM", "number": fmt.Sprint(1000 + n/2), "title": "X",
			"credits": map[string]any{"min": 4, "max": 4}})
		if err != nil {
			course = "" // two sections of each course: the second finds it there
		}
		if course == "" {
			page, err := c.Store.CoursesByCode(ctx, []string{fmt.Sprintf("SIM %d", 1000+n/2)})
			if err != nil {
				return err
			}
			course = string(page[fmt.Sprintf("SIM %d", 1000+n/2)].ID)
		}
		start, capacity := 8+random.IntN(4), 1+random.IntN(4)
		if n >= w.options.Sections {
			capacity = 1
		}
		section, err := post("/v1/sections", map[string]any{
			"term": term, "course": course, "crn": fmt.Sprint(n), "capacity": capacity, "status": "open",
			"meetings": []map[string]any{{
				"days": string("MTWRF"[random.IntN(5)]), "start": fmt.Sprintf("%02d:00", start), "end": fmt.Sprintf("%02d:30",
					start+1),
				"from": "2000-01-01", "to": "2000-05-01",
			}},
		})
		if err != nil {
			return err
		}
		w.sections = append(w.sections, registrar.SectionID(section))
	}
	for n := range w.options.Students + w.options.Twins {
		student, err := post("/v1/students", map[string]any{"number": fmt.Sprint("S", n), "givenName": "G",
			"familyName": fmt.Sprint("F", n), "email": fmt.Sprintf("s%d@example.edu", n)})
		if err != nil {
			return err
		}
		w.students = append(w.students, registrar.StudentID(student))
	}
	for n := range w.options.Twins {
		w.pairs = append(w.pairs, pair{w.sections[w.options.Sections+n], w.students[w.options.Students+n]})
	}
	return w.ask(ctx)
}

// play lets the clients act, in as many parts as there are restarts and one.
func (w *world) play(ctx context.Context) error {
	for part := range w.options.Restarts + 1 {
		c, err := w.open(ctx, w.injector)
		for tries := 0; err != nil && tries < 20; tries++ { // a restart may meet a fault, too
			c, err = w.open(ctx, w.injector)
		}
		if err != nil {
			return fmt.Errorf("restart %d: %w", part, err)
		}
		w.mu.Lock()
		w.api, w.objects = c.API, c.S3
		w.mu.Unlock()
		w.note("the functions start anew")
		running, stop := context.WithCancel(ctx)
		pollers := make(chan error, 1)
		go func() { pollers <- c.Run(running) }()
		var clients sync.WaitGroup
		for n := range w.options.Clients {
			random := rand.New(rand.NewPCG(w.options.Seed, uint64(1000*part+n+2)))
			clients.Go(func() { w.client(ctx, random, fmt.Sprintf("%d-%d", part, n)) })
		}
		for n, p := range w.pairs {
			random := rand.New(rand.NewPCG(w.options.Seed, uint64(1000*part+n+700)))
			clients.Go(func() { w.twins(ctx, random, p, fmt.Sprintf("twins-%d-%d", part, n)) })
		}
		clients.Go(func() {
			if w.options.Rows == 0 {
				return
			}
			w.office(ctx, rand.New(rand.NewPCG(w.options.Seed, uint64(1000*part+1))), fmt.Sprintf("import-%d", part))
		})
		sent := make(chan error, 1)
		clients.Go(func() {
			sent <- w.malformedMessages(ctx, rand.New(rand.NewPCG(w.options.Seed, uint64(500+part))), part)
		})
		clients.Wait()
		err = <-sent
		if part == w.options.Restarts && err == nil {
			if err = w.settle(ctx); err == nil {
				err = w.quiet(ctx)
			}
		}
		if err != nil {
			stop()
			return errors.Join(err, <-pollers)
		}
		stop()
		if err := <-pollers; err != nil {
			return err
		}
		time.Sleep(time.Minute) // what was killed has noticed
	}
	return errors.Join(w.followUps(ctx), w.copies(ctx))
}

// client acts as one portal does: what was not answered for certain is sent again with its key.
func (w *world) client(ctx context.Context, random *rand.Rand, name string) {
	for n := range w.options.Commands / (w.options.Restarts + 1) {
		w.command(ctx, random, fmt.Sprintf("%s-%d", name, n))
		time.Sleep(time.Duration(random.IntN(200)) * time.Millisecond)
	}
}

// command is one thing that a client does.
func (w *world) command(ctx context.Context, random *rand.Rand, key string) {
	section, student := w.sections[random.IntN(w.options.Sections)], w.students[random.IntN(w.options.Students)]
	path := "/v1/sections/" + string(section)
	switch choice := random.IntN(20); {
	case choice < 12:
		w.insist(ctx, key, section, student, http.MethodPost, path+"/registrations", map[string]any{"student": student})
	case choice < 17:
		w.insist(ctx, key, section, student, http.MethodDelete, path+"/registrations/"+string(student), nil)
	case choice < 18:
		w.widen(ctx, section, random)
	case choice < 19:
		w.look(ctx, section)
	default:
		w.call(ctx, http.MethodGet, path+"/registrations", "", nil)
	}
}

// insist sends a change until the answer is certain, and remembers the answer. Sometimes it sends the change twice at
// once.
func (w *world) insist(
	ctx context.Context, key string, section registrar.SectionID, student registrar.StudentID, method, path string,
	in map[string]any,
) {
	if w.options.Twins > 0 && strings.HasSuffix(key, "0") {
		var second sync.WaitGroup
		second.Go(func() { w.until(ctx, method, path, key, in) })
		defer second.Wait()
	}
	switch status, out := w.until(ctx, method, path, key, in); {
	case status < http.StatusMultipleChoices:
		w.mu.Lock()
		w.acked[string(section)+" "+string(student)]++
		w.mu.Unlock()
		w.note("%s %s of %s: %v, attempt %v", method, last4(string(section)), last4(string(student)), out["state"],
			out["attempt"])
	case status >= http.StatusInternalServerError:
		w.note("%s %s was never answered", method, path)
	}
}

// widen raises a section's capacity, closes and opens it, or moves its meeting: what a decision rests on changes under
// it. Each section has an hour of its own, so that none comes to conflict.
func (w *world) widen(ctx context.Context, section registrar.SectionID, random *rand.Rand) {
	path := "/v1/sections/" + string(section)
	now, capacity := w.look(ctx, section)
	if now == nil {
		return
	}
	change := map[string]any{"status": []string{"open", "open", "open", "closed"}[random.IntN(4)]}
	if capacity < 6 {
		change["capacity"] = int(capacity) + random.IntN(2)
	}
	if hour := 8 + slices.Index(w.sections, section); random.IntN(2) == 0 && hour < 22 && !w.resting {
		change["meetings"] = []map[string]any{{
			"days": "MW", "start": fmt.Sprintf("%02d:%02d", hour, random.IntN(5)), "end": fmt.Sprintf("%02d:50", hour),
			"from": "2027-01-11", "to": "2027-04-30",
		}}
	}
	etag, _ := now["etag"].(string)
	w.send(ctx, http.MethodPatch, path, change, map[string]string{"If-Match": etag})
	if course, ok := now["course"].(string); ok && random.IntN(2) == 0 && !w.resting {
		w.retitle(ctx, "/v1/courses/"+course, fmt.Sprint("Title ", random.IntN(1000)))
	}
}

// retitle gives a course another title, which its sections are to follow.
func (w *world) retitle(ctx context.Context, path, title string) {
	if status, now := w.call(ctx, http.MethodGet, path, "", nil); status == http.StatusOK {
		etag, _ := now["etag"].(string)
		w.send(ctx, http.MethodPatch, path, map[string]any{"title": title}, map[string]string{"If-Match": etag})
	}
}

// look reads a section, and reports an error if more seats are taken than exist. At the end this might not be visible.
func (w *world) look(ctx context.Context, section registrar.SectionID) (now map[string]any, capacity float64) {
	status, now := w.call(ctx, http.MethodGet, "/v1/sections/"+string(section), "", nil)
	seats, ok := now["seats"].(map[string]any)
	if status != http.StatusOK || !ok {
		return nil, 0
	}
	capacity, _ = seats["capacity"].(float64)
	if taken, _ := seats["taken"].(float64); taken > capacity {
		w.note("section %s: %g of %g seats are taken", last4(string(section)), taken, capacity)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.oversold = append(w.oversold, fmt.Errorf("section %s: %g of %g seats were taken", last4(string(section)), taken,
			capacity))
	}
	return now, capacity
}

func (w *world) call(ctx context.Context, method, path, key string, in map[string]any) (int, map[string]any) {
	headers := map[string]string{}
	if key != "" {
		headers["Idempotency-Key"] = key
	}
	return w.send(ctx, method, path, in, headers)
}

// send sends a request through the gateway. A request that ended without an answer has status 599.
func (w *world) send(
	ctx context.Context, method, path string, in map[string]any, headers map[string]string,
) (int, map[string]any) {
	var body io.Reader = http.NoBody
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			panic(err) // strings and numbers
		}
		body = bytes.NewReader(text)
		headers["Content-Type"] = "application/json"
	}
	w.mu.Lock()
	client := inprocess.Client(w.api)
	w.mu.Unlock()
	const noAnswer = 599
	r, err := http.NewRequestWithContext(ctx, method, "http://api.local"+path, body)
	if err != nil {
		return noAnswer, nil
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	answer, err := client.Do(r)
	if err != nil {
		return noAnswer, nil
	}
	defer answer.Body.Close()
	out := map[string]any{}
	_ = json.NewDecoder(answer.Body).Decode(&out) // some answers have no body
	out["etag"] = answer.Header.Get("ETag")
	code, ok := out["code"].(string)
	if !ok || answer.StatusCode < http.StatusBadRequest {
		code = fmt.Sprint(answer.StatusCode)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[method+" "+code]++
	return answer.StatusCode, out
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	const kept = 30
	w.trace = append(w.trace, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	w.trace = w.trace[max(0, len(w.trace)-kept):]
}

func (w *world) last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return "the last events:\n  " + strings.Join(w.trace, "\n  ")
}

func last4(id string) string { return id[max(0, len(id)-4):] }

// audit re-derives everything from the records: the counts as the nightly audit does, and besides them what was
// confirmed, what excludes each other, and that each change left its event. Here no capacity is ever lowered, so none
// is exceeded.
func (w *world) audit(ctx context.Context) (int, error) {
	c, err := w.open(ctx, nil)
	if err != nil {
		return 0, err
	}
	reconciler := reconcile.Reconciler{Store: c.Store, Clock: system().Clock, NewID: system().NewID,
		Log: slog.New(slog.DiscardHandler)}
	counted, _, err := reconciler.Run(ctx, time.Now(), true)
	if err != nil {
		return 0, err
	}
	wrong := []error{errors.Join(w.oversold...), errors.Join(w.wronged...), w.found(ctx, c.Store, counted),
		w.never(ctx, c.Store)}
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if all := (reconcile.Checked{Sections: len(w.sections), Courses: (len(w.sections) + 1) / 2, Students: len(w.students),
		Imports: counted.Checked.Imports}); counted.Checked != all {
		complain("the audit looked at %+v, and there are %+v", counted.Checked, all)
	}
	changes := 0
	enrolled := make(map[registrar.SectionID]int)
	for _, student := range w.students {
		account, err := c.Store.StudentAccount(ctx, student, true)
		if err != nil {
			return 0, err
		}
		for _, reg := range account.Registrations {
			changes += int(reg.Version)
			if told := w.acked[string(reg.Section)+" "+string(student)]; int(reg.Version) < told {
				complain("student %s in section %s: %d changes were confirmed, %d are on record", last4(string(student)),
					last4(string(reg.Section)), told, reg.Version)
			}
			if reg.State.Live() {
				enrolled[reg.Section]++
			}
		}
		for _, record := range account.Records {
			for i, h := range record.Holdings {
				for _, other := range record.Holdings[:i] {
					if registrar.Conflict(h.Meetings, other.Meetings) || h.Course == other.Course {
						complain("student %s holds two sections that exclude each other", last4(string(student)))
					}
				}
			}
		}
	}
	for _, section := range w.sections {
		view, err := c.Store.Section(ctx, section)
		if err != nil {
			return 0, err
		}
		if n := enrolled[section]; n > view.Capacity {
			complain("section %s: %d enrolled, capacity %d", last4(string(section)), n, view.Capacity)
		}
	}
	events, err := countEvents(ctx, w.engines.DynamoDB)
	if err != nil {
		return 0, err
	}
	if events != changes {
		complain("%d changes of registrations, %d events", changes, events)
	}
	return events, errors.Join(wrong...)
}

// found is an error when a reconciliation found differences, or could not say of a record whether there are any.
func (w *world) found(ctx context.Context, store *dynamo.Store, r reconcile.Reconciliation) error {
	page, err := store.Differences(ctx, r.ID, registrar.PageRequest{Limit: registrar.MaxPage})
	if err != nil {
		return err
	}
	if r.Differences+r.Unsettled+len(page.Items) > 0 {
		return fmt.Errorf("%d counts do not say what the records say, %d records are not settled: %+v", r.Differences,
			r.Unsettled, page.Items)
	}
	return nil
}
