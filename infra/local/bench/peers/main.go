// Command peers is `make bench-peers`: the same enrolment and the same read by this project and by what a registrar's
// office might have instead, side by side in one run on one machine. It prints two tables in Markdown, ratios and what
// they are of, and judges nothing but that no seat was sold twice.
//
// The sides: Flask behind gunicorn and FastAPI behind uvicorn, both with boto3 on this project's embedded DynamoDB; a
// Go server with pgx on PostgreSQL, which locks rows (SELECT … FOR UPDATE) and brings each commit to the disk; and this
// project's functions behind the local gateway, in one process and as `LAMBDA=processes` runs them, on the same
// embedded DynamoDB. Each has a store of its own with the same university in it.
//
// Before anything is measured every side has to answer in the same way ([tryOut]): idempotency keys, seats, times,
// courses, and a reason for each refusal. After each run seats sold are compared with rows. Clients are a closed loop;
// sides take turns within a round, and each round begins with another; a ratio is of figures of one round, and told are
// its median and the least and the most of all rounds.
//
// It knows the local cloud and the store, nothing of the functions. data.go is the university, sides.go starts the
// sides, measure.go is a round.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"example.com/registrar/infra/local/heap"
)

func main() {
	var h house
	var o options
	role := flag.String("serve", "", "be a part of it: store or registrar")
	snapshot := flag.String("snapshot", "", "what the store begins with")
	flag.StringVar(&h.functions, "functions", "", "folder with <function>/bootstrap")
	flag.StringVar(&h.tools, "tools", "", "what .ci/tools/peers prints")
	flag.StringVar(&h.python, "python", "infra/local/bench/peers/python", "folder of the Python servers")
	flag.StringVar(&h.pgxserver, "pgxserver", "", "the built pgxserver")
	flag.IntVar(&h.workers, "workers", 2, "of gunicorn and of uvicorn")
	flag.IntVar(&o.rounds, "rounds", 4, "how often each side has its turn")
	flag.DurationVar(&o.long, "long", 3*time.Second, "how long a turn takes")
	flag.IntVar(&o.atOnce, "at-once", 16, "clients")
	flag.IntVar(&h.students, "students", 16_000, "who spread over the sections: enough for all rounds")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if *role != "" {
		heap.Roomy() // as `make run`
	}
	switch *role {
	case "store":
		err = serveStore(ctx, *snapshot)
	case "registrar":
		err = serveRegistrar(ctx, h.functions)
	default:
		err = compare(ctx, &h, o, os.Stdout)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

type options struct {
	rounds, atOnce int
	long           time.Duration
}

func compare(ctx context.Context, h *house, o options, out io.Writer) (err error) {
	const most = 10_000 // seats that a section may have
	h.rounds, h.crowd = o.rounds, most
	if h.folder, err = os.MkdirTemp("", "peers"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(h.folder)) }()
	defer h.close()
	if h.functions, err = filepath.Abs(h.functions); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "filling a table: %d sections, %d students\n", h.sections(), h.everybody())
	if err := h.snapshot(ctx, h.snapshotPath()); err != nil {
		return fmt.Errorf("fill a table: %w", err)
	}
	var sides []*side
	for _, start := range []func(context.Context) (*side, error){
		h.flask, h.fastAPI, h.pgx,
		func(ctx context.Context) (*side, error) { return h.registrar(ctx, "Registrar, LAMBDA=processes", true) },
		func(ctx context.Context) (*side, error) { return h.registrar(ctx, "Registrar, one process", false) },
	} {
		s, err := start(ctx)
		if err == nil {
			err = await(ctx, s, h.spread(0))
		}
		if err != nil {
			return err
		}
		if err := tryOut(ctx, h.university, s); err != nil {
			return fmt.Errorf("%s does not do the same: %w", s.name, err)
		}
		sides = append(sides, s)
		fmt.Fprintf(os.Stderr, "%s answers as it should\n", s.name)
	}
	m := &measurement{university: h.university, options: o, sides: sides, clients: newClients(o.atOnce)}
	before := load()
	if err := m.all(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, %s, %s; load before %.1f; %d clients, %d rounds of %s\n\n",
		time.Now().UTC().Format(time.DateOnly),
		machine(), runtime.Version(), before, o.atOnce, o.rounds, o.long)
	m.report(out)
	return nil
}
