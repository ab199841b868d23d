// Command local is `make run`: Registrar's whole system in one process on this machine, with sample data. It needs
// nothing but Go. The environment sets PORT (the API's, 8080; the engines follow on the next four), HOST (127.0.0.1;
// 0.0.0.0 lets containers reach it), SEED=none (no sample data), LAMBDA=processes (the functions' real binaries, each
// environment a process of its own; LAMBDA_CONCURRENCY of them at once, 100), FAULTS (what fails on purpose, see
// package faults), CONTENTION=aws (the embedded DynamoDB takes its time, conflicts and throttles as AWS's does, see
// [dynamodb.AWSContention]; off by default, and not with DATA_DIR), VISIBILITY=20s (so soon messages come back whose
// consumer was killed, instead of after hours), LOG=json (log lines as functions write them, instead of readable ones),
// LOG_FILE (a file that gets them so in any case, of this run alone), LOG_LEVEL=debug (debug lines of all requests, not
// only of those that fail), DATA_DIR (a folder in which tables, queues and objects outlive the process, kill -9 and
// power cuts; with DATA_SYNC=off they outlive kill -9 alone, and writing is faster) and AWS_ENDPOINT_URL_DYNAMODB,
// _SQS, _S3, _SESV2 (use those engines instead).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/faults"
	"example.com/registrar/infra/local/logs"
	"example.com/registrar/infra/local/sample"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/telemetry"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // what is under way may take its time to end: a second Ctrl-C does not wait for it
	err := run(ctx, os.Getenv, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "registrar:", err)
		os.Exit(1)
	}
}

type site struct {
	what    string
	handler http.Handler
	address string
}

func run(ctx context.Context, getenv func(string) string, out, console io.Writer) (err error) {
	began := time.Now()
	port, err := strconv.Atoi(or(getenv("PORT"), "8080"))
	const last = 65535
	if err != nil || port < 1 || port+4 > last {
		return fmt.Errorf("PORT must be a number from 1 to %d", last-4)
	}
	host := or(getenv("HOST"), "127.0.0.1")
	at := func(n int) string { return net.JoinHostPort(host, strconv.Itoa(port+n)) }
	reached := func(n int) string { return "http://" + net.JoinHostPort(reachable(host), strconv.Itoa(port+n)) }
	lines, closeLog, err := logLines(getenv, console)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	log := logs.New(lines)
	o, err := options(getenv, log)
	if err != nil {
		return err
	}
	seeded := getenv("SEED") == ""
	if !seeded && getenv("SEED") != "none" {
		return fmt.Errorf("SEED is %q, and may be none", getenv("SEED"))
	}
	if o.Contention, err = contended(getenv); err != nil {
		return err
	}
	if seeded {
		o.Before = func(ctx context.Context, store *dynamo.Store) error { return sample.Fill(ctx, store) }
	}
	o.Output = lines
	o.APIAddress, o.DynamoDBAddress, o.SQSAddress, o.S3Address, o.SESAddress = reached(0), reached(1), reached(2),
		reached(3), reached(4)
	c, err := cloud.Open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	sites := []site{
		{"API and documentation (/docs)", c.API, at(0)}, {"DynamoDB", c.DynamoDB, at(1)}, {"SQS", c.SQS, at(2)}, {"S3", c.S3,
			at(3)},
		{"SES and mailbox page", c.SES, at(4)},
	}
	var servers []*http.Server // the API's first
	var serving, calling sync.WaitGroup
	failed := make(chan error, len(sites)+1) // of each of them one
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for n, s := range sites {
		if s.handler == nil {
			fmt.Fprintf(out, "  %-32s as the environment says\n", s.what)
			continue
		}
		listener, err := net.Listen("tcp", s.address)
		if err != nil {
			return fmt.Errorf("%s: %w (PORT chooses another)", s.what, err)
		}
		server := &http.Server{Handler: s.handler, ReadHeaderTimeout: 10 * time.Second,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
		servers = append(servers, server)
		serving.Go(func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("%s: %w", s.what, err)
				cancel()
			}
		})
		fmt.Fprintf(out, "  %-32s %s\n", s.what, reached(n))
	}
	calling.Go(func() {
		if err := c.Run(ctx); err != nil {
			failed <- err
			cancel()
		}
	})
	if c.Engines.Usage != nil {
		fmt.Fprintf(out, "  %-32s %s\n", "what DynamoDB is used for", reached(1)+cloud.ReportPath)
	}
	welcome(out, reached(0), seeded, time.Since(began))
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

// logLines is where log lines go: to the console, and to LOG_FILE if there is one.
func logLines(getenv func(string) string, console io.Writer) (lines io.Writer, closeFile func() error, err error) {
	switch format := getenv("LOG"); format {
	case "", "text":
		lines = logs.Readable(console)
	case "json":
		lines = console
	default:
		return nil, nil, fmt.Errorf("LOG is text or json, not %q", format)
	}
	name := getenv("LOG_FILE")
	if name == "" {
		return lines, func() error { return nil }, nil
	}
	const private, own = 0o700, 0o600
	if err := os.MkdirAll(filepath.Dir(name), private); err != nil {
		return nil, nil, fmt.Errorf("make the folder of LOG_FILE: %w", err)
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, own)
	if err != nil {
		return nil, nil, fmt.Errorf("open LOG_FILE: %w", err)
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
		return o, fmt.Errorf("LAMBDA is %q, and may be processes", getenv("LAMBDA"))
	}
	var err error
	if o.Faults, err = injected(getenv, log); err != nil {
		return o, err
	}
	if o.Concurrency, err = strconv.Atoi(or(getenv("LAMBDA_CONCURRENCY"), "0")); err != nil || o.Concurrency < 0 {
		return o, fmt.Errorf("LAMBDA_CONCURRENCY is %q, no number of functions at once", getenv("LAMBDA_CONCURRENCY"))
	}
	const longest = 12 * time.Hour // SQS API reference, VisibilityTimeout
	o.Visibility, err = time.ParseDuration(or(getenv("VISIBILITY"), "0s"))
	if err != nil || o.Visibility < 0 || o.Visibility > longest || o.Visibility%time.Second != 0 {
		return o, fmt.Errorf("VISIBILITY is %q, and may be whole seconds up to %s", getenv("VISIBILITY"), longest)
	}
	switch getenv("LOG_LEVEL") {
	case "", "info":
	case "debug":
		o.Debug = telemetry.WriteDebug
	default:
		return o, fmt.Errorf("LOG_LEVEL is %q, and may be info or debug", getenv("LOG_LEVEL"))
	}
	switch getenv("DATA_SYNC") {
	case "", "on":
	case "off":
		o.DataNoSync = true
	default:
		return o, fmt.Errorf("DATA_SYNC is %q, and may be on or off", getenv("DATA_SYNC"))
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
			return nil, errors.New("CONTENTION is for the embedded DynamoDB, and AWS_ENDPOINT_URL_DYNAMODB names another")
		}
		return dynamodb.AWSContention(), nil
	default:
		return nil, fmt.Errorf("CONTENTION is %q, not off or aws", mode)
	}
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
