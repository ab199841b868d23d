// Command warm is `make bench-warm`: what a request costs a function that runs already, as a ratio to a handler by hand
// over the same store (infra/local/bare). Both run as processes under the local Lambda Runtime API, on engines in this
// process, and get requests of the same kind in turn: a batch to one, a batch to the other. Compared is their processor
// time, user and system, so what the engines need does not count, and what else runs on the machine counts little.
//
// Each pair of batches gives a ratio; told are their median and what the median is between with 95 % confidence (by
// order statistics). Both have the same settings of the Go runtime, those that shared/lambdahost chooses. With -most it
// fails when a ratio is above for certain.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/gateway"
	"example.com/registrar/infra/local/lambda"
	"example.com/registrar/infra/local/ratio"
	"example.com/registrar/infra/local/sample"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/registrar"
)

func main() {
	var o options
	flag.StringVar(&o.binaries, "binaries", "", "folder of <name>/bootstrap: enrol, section, and the two functions")
	flag.IntVar(&o.pairs, "pairs", 100, "pairs of batches")
	flag.IntVar(&o.batch, "batch", 40, "requests of a batch")
	flag.Float64Var(&o.mostEnrol, "most-enrol", 0, "fail when enrolling costs more than so many times the handler by "+
		"hand; 0: never")
	flag.Float64Var(&o.mostRead, "most-read", 0, "the same for reading a section")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "warm:", err)
		os.Exit(1)
	}
}

type options struct {
	binaries            string
	pairs, batch        int
	mostEnrol, mostRead float64
}

// comparison is one operation, as a function and by hand.
type comparison struct {
	what           string
	function, bare string // names of their folders
	status         int
	event          func(n int) ([]byte, error) // of the nth request
	most           float64
}

const warmUp = 300 // requests to each before it counts

func run(ctx context.Context, o options, out io.Writer) error {
	const fewest = 10
	if o.pairs < fewest || o.batch < 1 {
		return fmt.Errorf("%d pairs of %d requests say nothing; %d pairs at least", o.pairs, o.batch, fewest)
	}
	c, closeEngines, err := engines(ctx)
	if err != nil {
		return err
	}
	defer closeEngines()
	requests := 2 * (warmUp + o.pairs*o.batch)
	if err := fill(ctx, c.Store, requests); err != nil {
		return err
	}
	var failed error
	for _, which := range []comparison{
		{"enrolling", "registrations-create", "enrol", http.StatusCreated, enrolment, o.mostEnrol},
		{"reading a section", "sections-get", "section", http.StatusOK, reading, o.mostRead},
	} {
		failed = errors.Join(failed, compare(ctx, c, o, which, out))
	}
	return failed
}

// engines are the table's and the queues', at addresses where functions reach them.
func engines(ctx context.Context) (*cloud.Cloud, func(), error) {
	var listeners [2]net.Listener
	var addresses [2]string
	for i := range listeners {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, fmt.Errorf("listen for an engine: %w", err)
		}
		listeners[i], addresses[i] = listener, "http://"+listener.Addr().String()
	}
	c, err := cloud.Open(ctx, cloud.Options{
		Log: slog.New(slog.DiscardHandler), System: api.RealSystem(), DynamoDBAddress: addresses[0], SQSAddress: addresses[1],
		S3Address: addresses[1], SESAddress: addresses[1], APIAddress: addresses[1], // nobody asks these
		Before: func(ctx context.Context, store *dynamo.Store) error { return sample.Fill(ctx, store) },
	})
	if err != nil {
		return nil, nil, err
	}
	servers := make([]*http.Server, len(listeners))
	for i, handler := range []http.Handler{c.DynamoDB, c.SQS} {
		const patience = 10 * time.Second
		servers[i] = &http.Server{Handler: handler, ReadHeaderTimeout: patience}
		go func() { _ = servers[i].Serve(listeners[i]) }() // ends with Close
	}
	return c, func() {
		for _, server := range servers {
			_ = server.Close() // nobody is left to speak with
		}
	}, nil
}

const sections = 40

func sectionID(n int) string { return fmt.Sprintf("01930000-0000-7000-8a01-%012x", n%sections) }

func studentID(n int) string { return fmt.Sprintf("01930000-0000-7000-8a02-%012x", n) }

// fill makes sections with room for all, and so many students.
func fill(ctx context.Context, store *dynamo.Store, students int) error {
	stamp := registrar.Stamp{}.Next(time.Now().UTC().Truncate(time.Millisecond))
	credits := registrar.CreditRange{Min: 4_00, Max: 4_00}
	for n := range sections {
		if err := store.CreateSection(ctx, registrar.Section{
			ID: registrar.SectionID(sectionID(n)), Term: registrar.TermID(sample.ID(sample.KindTerm, 1)),
			Course: registrar.CourseID(sample.ID(sample.KindCourse, 1)), Subject: "CSCI", Number: "1000",
			Title: "Computer Science: Introduction", TitleFollows: true, CRN: strconv.Itoa(50_000 + n), Label: "01",
			Component: "lecture", Credits: credits, Capacity: students/sections + 1, Status: registrar.SectionOpen,
			Instructors: []registrar.InstructorID{registrar.InstructorID(sample.ID(sample.KindInstructor, 1))},
			Meetings: []registrar.Meeting{{
				Days: 0b0001001, Start: 10 * 60, End: 11*60 + 50, From: "2027-01-11", To: "2027-04-30", Room: "Hall 100",
			}},
			Stamp: stamp,
		}, registrar.Answer{}); err != nil {
			return fmt.Errorf("make a section: %w", err)
		}
	}
	for n := range students {
		if err := store.CreateStudent(ctx, registrar.Student{
			ID: registrar.StudentID(studentID(n)), Number: registrar.Personal(fmt.Sprintf("W%07d", n)), GivenName: "Warm",
			FamilyName: "Student", Email: registrar.Personal(fmt.Sprintf("warm%d@example.edu", n)), Active: true, Stamp: stamp,
		}, registrar.Answer{}); err != nil {
			return fmt.Errorf("make a student: %w", err)
		}
	}
	return nil
}

func enrolment(n int) ([]byte, error) {
	return event(http.MethodPost, "/v1/sections/{id}/registrations", n, `{"student":"`+studentID(n)+`"}`)
}

func reading(n int) ([]byte, error) { return event(http.MethodGet, "/v1/sections/{id}", n, "") }

// event is what the gateway makes of a client's request.
func event(method, route string, n int, body string) ([]byte, error) {
	address := "https://api.example.com" + strings.ReplaceAll(route, "{id}", sectionID(n))
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	r.RemoteAddr = "192.0.2.10:50000"
	r.Header.Set("Accept", "*/*")
	r.Header.Set("User-Agent", "curl/8.5.0")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", fmt.Sprintf("7d2f6c1e-5b3a-4e0f-9a53-%012x", n))
	}
	made, err := gateway.Event(r, gateway.Call{
		RouteKey: method + " " + route, PathParameters: map[string]string{"id": sectionID(n)},
		RequestID: fmt.Sprintf("Warm%011d=", n), Time: time.Now(),
	})
	if err != nil {
		return nil, fmt.Errorf("make an event: %w", err)
	}
	text, err := json.Marshal(made)
	if err != nil {
		return nil, fmt.Errorf("write an event: %w", err)
	}
	return text, nil
}

// runtime is how shared/lambdahost sets the Go runtime of a function of 256 MB: the handler by hand gets the same.
func runtime() []string { return []string{"GOMAXPROCS=1", "GOGC=400", "GOMEMLIMIT=192MiB"} }

func compare(ctx context.Context, c *cloud.Cloud, o options, which comparison, out io.Writer) error {
	at := slices.IndexFunc(functions.All(), func(f functions.Function) bool { return f.Name == which.function })
	f := functions.All()[at]
	var sides [2]*side // by hand, and the function
	for i, name := range []string{which.bare, which.function} {
		p, err := lambda.StartProcess(ctx, lambda.ProcessOptions{
			Binary: filepath.Join(o.binaries, name, "bootstrap"), Name: f.Name, Memory: f.Memory, Timeout: f.Timeout,
			Env: append(c.Environment(f), runtime()...), Stdout: io.Discard, Stderr: io.Discard,
		})
		if err != nil {
			return err
		}
		defer func() { _ = p.Close() }() // it never fails
		sides[i] = &side{process: p, status: []byte(`"statusCode":` + strconv.Itoa(which.status))}
	}
	next := 0
	for _, s := range sides {
		if _, err := s.batch(ctx, which, &next, warmUp); err != nil {
			return err
		}
	}
	var of ratio.Pairs
	for n := range o.pairs {
		var took [2]time.Duration
		for k := range took {
			i := (n + k) % len(sides) // what the first of a pair does to the second must not favour one
			var err error
			if took[i], err = sides[i].batch(ctx, which, &next, o.batch); err != nil {
				return err
			}
		}
		of.Add(took[0]/time.Duration(o.batch), took[1]/time.Duration(o.batch))
	}
	fmt.Fprintf(out, "%s, processor time of a request, %d pairs of %d requests\n", which.what, o.pairs, o.batch)
	of.Print(out, "by hand", which.function)
	if which.most > 0 && of.Above(which.most) {
		return fmt.Errorf("%s costs %s more than %.2f times what it costs by hand", which.what, which.function, which.most)
	}
	return nil
}

// side is a process that gets requests.
type side struct {
	process *lambda.Process
	status  []byte // as it must stand in the answer
}

// batch is the processor time that so many requests cost.
func (s *side) batch(ctx context.Context, which comparison, next *int, requests int) (time.Duration, error) {
	before, err := s.process.ProcessorTime()
	if err != nil {
		return 0, err
	}
	for range requests {
		payload, err := which.event(*next)
		if err != nil {
			return 0, err
		}
		*next++
		answer, err := s.process.Invoke(ctx, payload)
		if err != nil {
			return 0, err
		}
		if !bytes.Contains(answer, s.status) {
			return 0, fmt.Errorf("%s was answered %s", which.what, answer)
		}
	}
	after, err := s.process.ProcessorTime()
	return after - before, err
}
