// Command local is `make run`: Registrar's whole system in one process on this machine, with sample data. It needs
// nothing but Go. Environment variables change it:
//
//	PORT=8080              of the API; the engines are on the next four ports
//	HOST=127.0.0.1         where it listens; 0.0.0.0 lets containers reach it
//	SEED=none              no sample data
//	LAMBDA=processes       the functions' real binaries, a process for each environment
//	LAMBDA_CONCURRENCY=100 how many environments there may be at once
//	CONTENTION=aws         DynamoDB takes time, conflicts and throttles ([dynamodb.AWSContention]); not with DATA_DIR
//	FAULTS=…               what fails on purpose (package faults)
//	VISIBILITY=20s         after how long the message of a consumer that was killed comes back, instead of hours
//	DATA_DIR=…             a folder that keeps tables, queues and objects over restarts, kill -9 and power cuts
//	DATA_SYNC=off          DATA_DIR is faster, and survives kill -9 but no power cut
//	LOG=json               log lines as functions write them, instead of readable ones
//	LOG_FILE=…             a file that gets the lines as JSON in any case; it holds the last run alone
//	LOG_LEVEL=debug        the debug lines of all requests, not only of those that fail
//	GOGC=100               less memory and more processor time (package heap)
//	AWS_ENDPOINT_URL_*     of DYNAMODB, SQS, S3 and SESV2: use these engines instead
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/faults"
	"example.com/registrar/infra/local/heap"
	"example.com/registrar/infra/local/logs"
	"example.com/registrar/infra/local/sample"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/telemetry"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	heap.Roomy()
	context.AfterFunc(ctx, stop) // what is under way may take its time to end: a second Ctrl-C does not wait for it
	err := run(ctx, os.Getenv, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "registrar:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, getenv func(string) string, out, console io.Writer) (err error) {
	began := time.Now()
	where, err := placeFrom(getenv)
	if err != nil {
		return err
	}
	lines := &struct{ io.Writer }{} // opened below: what was asked for is checked before a file is touched
	log := logs.New(lines)
	o, err := options(getenv, log)
	if err != nil {
		return err
	}
	seeded := getenv("SEED") == ""
	if !seeded && getenv("SEED") != "none" {
		return fmt.Errorf("SEED is %q: it can only be none, for a start without sample data", getenv("SEED"))
	}
	if o.Contention, err = contended(getenv); err != nil {
		return err
	}
	sites, err := where.listen(ctx, getenv)
	if err != nil {
		return err
	}
	defer closeAll(sites)
	writer, closeLog, err := logLines(getenv, console)
	if err != nil {
		return err
	}
	lines.Writer = writer
	defer func() { err = errors.Join(err, closeLog()) }()
	if seeded {
		o.Before = func(ctx context.Context, store *dynamo.Store) error { return sample.Fill(ctx, store) }
	}
	o.Output = lines
	o.APIAddress, o.DynamoDBAddress, o.SQSAddress = where.reached(0), where.reached(1), where.reached(2)
	o.S3Address, o.SESAddress = where.reached(3), where.reached(4)
	c, err := cloud.Open(ctx, o)
	if err != nil {
		return withHint(err, sites)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	var servers []*http.Server // the API's first
	var serving, calling sync.WaitGroup
	failed := make(chan error, len(sites)+1) // of each of them one
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for n, s := range sites {
		if s.listener == nil {
			fmt.Fprintf(out, "  %-32s %s (AWS_ENDPOINT_URL_%s)\n", s.what, getenv("AWS_ENDPOINT_URL_"+s.service), s.service)
			continue
		}
		server := &http.Server{Handler: s.handler(c), ReadHeaderTimeout: 10 * time.Second,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
		servers = append(servers, server)
		serving.Go(func() {
			if err := server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("%s: %w", s.what, err)
				cancel()
			}
		})
		fmt.Fprintf(out, "  %-32s %s\n", s.what, where.reached(n))
	}
	calling.Go(func() {
		if err := c.Run(ctx); err != nil {
			failed <- err
			cancel()
		}
	})
	if c.Engines.Usage != nil {
		fmt.Fprintf(out, "  %-32s %s\n", "what DynamoDB is used for", where.reached(1)+cloud.ReportPath)
	}
	if name := getenv("LOG_FILE"); name != "" {
		fmt.Fprintf(out, "  %-32s %s\n", "log", name)
	}
	welcome(out, where.reached(0), seeded, time.Since(began))
	<-ctx.Done()
	fmt.Fprintln(out, "stopping, as soon as all calls of functions have ended; Ctrl-C once more stops at once")
	shutDown(ctx, servers[:1], log)
	calling.Wait() // and until then functions need the engines
	shutDown(ctx, servers[1:], log)
	serving.Wait()
	if c.Engines.Usage != nil {
		fmt.Fprintln(out, "DynamoDB:", c.Engines.Usage.Report().Line())
	}
	counts := o.Faults.Counts()
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(out, "  injected %6d × %s\n", counts[name], name)
	}
	close(failed)
	for failure := range failed {
		err = errors.Join(err, failure)
	}
	return err
}

// shutDown takes no more requests, and waits for those under way, though not for ever. The context has ended.
func shutDown(ctx context.Context, servers []*http.Server, log *slog.Logger) {
	const patience = 10 * time.Second
	ctx, release := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer release()
	for _, server := range servers {
		if err := server.Shutdown(ctx); err != nil {
			log.Warn("a server did not stop in time", "error", err)
		}
	}
}

// reachable is the host by which this machine reaches what listens at a host: at a wildcard, all of the machine's.
func reachable(host string) string {
	if address, err := netip.ParseAddr(host); err == nil && address.IsUnspecified() {
		return "127.0.0.1"
	}
	return host
}

func welcome(out io.Writer, address string, seeded bool, took time.Duration) {
	fmt.Fprintf(out, "\nRegistrar runs, after %d ms. Ctrl-C stops it. Try:\n\n", took.Milliseconds())
	fmt.Fprintf(out, "  curl -s %s/health\n", address)
	if !seeded {
		fmt.Fprintf(out, "  curl -s %s/v1/terms\n  open %s/docs\n\n", address, address)
		return
	}
	fmt.Fprintf(out, "  curl -s '%s/v1/sections?term=%s&subject=CSCI&open=true&limit=2'\n", address,
		sample.ID(sample.KindTerm, 1))
	fmt.Fprintf(out, "  curl -s %s/v1/sections/%s/registrations -H 'Content-Type: application/json' -d '{\"student\": "+
		"\"%s\"}'\n\n",
		address, sample.ID(sample.KindSection, sample.Sections), sample.ID(sample.KindStudent, sample.Students-1))
}

// withHint adds to an error of the start what engines elsewhere need, if there are any.
func withHint(err error, sites []site) error {
	var elsewhere []string
	for _, s := range sites {
		if s.listener == nil {
			elsewhere = append(elsewhere, "AWS_ENDPOINT_URL_"+s.service)
		}
	}
	if len(elsewhere) == 0 {
		return err
	}
	return fmt.Errorf("%w\nIs the engine there that %s names? It also takes AWS_REGION, AWS_ACCESS_KEY_ID and "+
		"AWS_SECRET_ACCESS_KEY; an emulator accepts any values", err, strings.Join(elsewhere, ", "))
}

// logLines is where log lines go: to the console, and to LOG_FILE if there is one.
func logLines(getenv func(string) string, console io.Writer) (lines io.Writer, closeFile func() error, err error) {
	switch format := getenv("LOG"); format {
	case "", "text":
		lines = logs.Readable(console)
	case "json":
		lines = console
	default:
		return nil, nil, fmt.Errorf("LOG is %q: it can be text or json", format)
	}
	name := getenv("LOG_FILE")
	if name == "" {
		return lines, func() error { return nil }, nil
	}
	const private, own = 0o700, 0o600
	if err := os.MkdirAll(filepath.Dir(name), private); err != nil {
		return nil, nil, fmt.Errorf("make the folder of LOG_FILE: %w", err)
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, own)
	if err != nil {
		return nil, nil, fmt.Errorf("open LOG_FILE: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil { // until this process ends
		return nil, nil, errors.Join(fmt.Errorf("LOG_FILE: another process writes to %s: name another file: %w", name, err),
			file.Close())
	}
	if err := file.Truncate(0); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("empty LOG_FILE: %w", err), file.Close())
	}
	return logs.Both(lines, file), file.Close, nil
}

// options reads how the local cloud is to behave.
func options(getenv func(string) string, log *slog.Logger) (cloud.Options, error) {
	o := cloud.Options{Getenv: getenv, Log: log, System: api.RealSystem(), DataDir: getenv("DATA_DIR")}
	switch getenv("LAMBDA") {
	case "":
	case "processes":
		o.Processes = ".build/local" // where `make run` has built the functions' binaries
	default:
		return o, fmt.Errorf("LAMBDA is %q: it can only be processes, for the functions' real binaries", getenv("LAMBDA"))
	}
	var err error
	if o.Faults, err = injected(getenv, log); err != nil {
		return o, err
	}
	if o.Concurrency, err = strconv.Atoi(or(getenv("LAMBDA_CONCURRENCY"), "0")); err != nil || o.Concurrency < 0 {
		return o, fmt.Errorf("LAMBDA_CONCURRENCY is %q: it must be a number of environments", getenv("LAMBDA_CONCURRENCY"))
	}
	const longest = 12 * time.Hour // SQS API reference, VisibilityTimeout
	o.Visibility, err = time.ParseDuration(or(getenv("VISIBILITY"), "0s"))
	if err != nil || o.Visibility < 0 || o.Visibility > longest || o.Visibility%time.Second != 0 {
		return o, fmt.Errorf("VISIBILITY is %q: it must be whole seconds, for example 20s, up to %s",
			getenv("VISIBILITY"), longest)
	}
	switch getenv("LOG_LEVEL") {
	case "", "info":
	case "debug":
		o.Debug = telemetry.WriteDebug
	default:
		return o, fmt.Errorf("LOG_LEVEL is %q: it can be info or debug", getenv("LOG_LEVEL"))
	}
	switch getenv("DATA_SYNC") {
	case "", "on":
	case "off":
		o.DataNoSync = true
	default:
		return o, fmt.Errorf("DATA_SYNC is %q: it can be on or off", getenv("DATA_SYNC"))
	}
	return o, nil
}

// injected reads what is to fail on purpose: FAULTS, drawn from the seed FAULTS_SEED.
func injected(getenv func(string) string, log *slog.Logger) (*faults.Injector, error) {
	rules, err := faults.Parse(getenv("FAULTS"))
	if err != nil || len(rules) == 0 {
		return nil, err
	}
	seed, err := strconv.ParseUint(or(getenv("FAULTS_SEED"), "1"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("FAULTS_SEED: %w", err)
	}
	return faults.New(rules, seed, log), nil
}

// contended reads whether the embedded DynamoDB is to behave under load as AWS's does: CONTENTION=off or aws.
func contended(getenv func(string) string) (*dynamodb.Contention, error) {
	switch mode := getenv("CONTENTION"); mode {
	case "", "off":
		return nil, nil
	case "aws":
		if getenv("AWS_ENDPOINT_URL_DYNAMODB") != "" {
			return nil, errors.New("CONTENTION=aws is for the embedded DynamoDB: unset AWS_ENDPOINT_URL_DYNAMODB, which " +
				"names another")
		}
		if getenv("DATA_DIR") != "" {
			return nil, errors.New("CONTENTION=aws does not go with DATA_DIR, whose journal makes changes one after " +
				"the other: leave out one of them")
		}
		return dynamodb.AWSContention(), nil
	default:
		return nil, fmt.Errorf("CONTENTION is %q: it can be off or aws", mode)
	}
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
