// Command invoke is `make invoke FN=…`: it runs one function's real binary, as built for Lambda, under a local Runtime
// API, gives it an event, and prints the answer. No Docker. The function finds the engines that AWS_ENDPOINT_URL_*
// name, with what `make run` made in them, or else engines of its own with the sample data, which end with it. A
// function that a schedule starts is told that it is due now.
package main

import (
	"bytes"
	"cmp"
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
	"strings"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/client"
	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/lambda"
	"example.com/registrar/infra/local/logs"
	"example.com/registrar/infra/local/sample"
	"example.com/registrar/infra/local/scheduler"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/lambdahost"
)

func main() {
	name := flag.String("function", "", "name of the function, for example courses-create")
	event := flag.String("event", "", "file with the event; default: events/<function>.json, or what a schedule would "+
		"send now")
	binaries := flag.String("binaries", ".build/local", "folder with <function>/bootstrap")
	trigger := flag.Bool("trigger", false, "this is `make trigger`: for functions that a schedule starts, in what runs")
	checkOnly := flag.Bool("check", false, "only find what is wrong with the above, before the function is built")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := check(ctx, os.Getenv, *name, *event, *trigger)
	if err == nil && !*checkOnly {
		err = run(ctx, os.Getenv, *name, *event, *binaries, os.Stdout)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "invoke:", err)
		os.Exit(1)
	}
}

// check finds what is wrong with what was asked for: the function, its event, the engines that the environment names.
func check(ctx context.Context, getenv func(string) string, name, event string, trigger bool) error {
	f, err := find(name)
	switch {
	case trigger && (err != nil || f.Schedule == nil):
		return fmt.Errorf("FN is %q, and make trigger takes functions that a schedule starts:\n%s", name, scheduled())
	case err != nil:
		return fmt.Errorf("FN is %q, and must be one of these functions, for example make invoke FN=courses-create:\n%s",
			name, byResource())
	}
	text, err := eventFor(f, event)
	if err != nil {
		return fmt.Errorf("EVENT: %w", err)
	}
	if !json.Valid(text) {
		return fmt.Errorf("EVENT=%s does not hold JSON; events/%s.json is an example", event, name)
	}
	for _, service := range []string{"DYNAMODB", "SQS", "S3", "SESV2"} {
		address := getenv("AWS_ENDPOINT_URL_" + service)
		if address == "" {
			continue
		}
		if err := client.Reach(ctx, address); err != nil {
			return fmt.Errorf("AWS_ENDPOINT_URL_%s is %w", service, err)
		}
	}
	return nil
}

// scheduled lists the functions that a schedule starts, with their schedules.
func scheduled() string {
	var lines []string
	for _, f := range functions.All() {
		if f.Schedule != nil {
			lines = append(lines, fmt.Sprintf("  make trigger FN=%-20s %s", f.Name, f.Schedule.Expression))
		}
	}
	return strings.Join(lines, "\n")
}

// byResource lists all functions, a line for each resource.
func byResource() string {
	var lines []string
	resource := ""
	for _, f := range functions.All() {
		if f.Resource() != resource {
			resource = f.Resource()
			lines = append(lines, " ")
		}
		lines[len(lines)-1] += " " + f.Name
	}
	return strings.Join(lines, "\n")
}

func run(ctx context.Context, getenv func(string) string, name, eventFile, binaries string, out io.Writer) error {
	function, err := find(name)
	if err != nil {
		return err
	}
	event, err := eventFor(function, eventFile)
	if err != nil {
		return err
	}
	surroundings, err := surround(ctx, getenv)
	if err != nil {
		return err
	}
	defer surroundings.close()
	output := logs.Readable(os.Stderr)
	process, err := lambda.StartProcess(ctx, lambda.ProcessOptions{
		Binary: filepath.Join(binaries, name, "bootstrap"), Name: name, Memory: function.Memory, Timeout: function.Timeout,
		Env: surroundings.env(function), Stdout: output, Stderr: output,
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	answer, err := process.Invoke(ctx, event)
	fmt.Fprintf(os.Stderr, "init %s, invocation %s\n", process.InitDuration().Round(time.Microsecond),
		process.Duration().Round(time.Microsecond))
	if err = errors.Join(err, process.Close()); err != nil {
		return fmt.Errorf("invoke %s: %w", name, err)
	}
	return show(out, answer)
}

// eventFor reads the event. What a schedule sends has a time in it, and that of the sample is past: unless a file is
// named, a scheduled function is sent now, to the fraction of a second, which no schedule names.
func eventFor(f functions.Function, file string) ([]byte, error) {
	if f.Schedule != nil && file == "" {
		return scheduler.Event(lambdahost.ScheduleInput, time.Now().UTC()), nil
	}
	return os.ReadFile(cmp.Or(file, filepath.Join("events", f.Name+".json")))
}

// show prints the answer, its body beneath if that is JSON.
func show(out io.Writer, answer []byte) error {
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, answer, "", "  "); err != nil {
		return fmt.Errorf("the answer is not JSON: %w", err)
	}
	fmt.Fprintln(out, pretty.String())
	var response struct {
		Body string `json:"body"`
	}
	pretty.Reset()
	if json.Unmarshal(answer, &response) == nil && response.Body != "" && json.Indent(&pretty, []byte(response.Body), "",
		"  ") == nil {
		fmt.Fprintf(out, "body:\n%s\n", strings.TrimSpace(pretty.String()))
	}
	return nil
}

func find(name string) (functions.Function, error) {
	var names []string
	for _, f := range functions.All() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return functions.Function{}, fmt.Errorf("there is no function %q; there are %s", name, strings.Join(names, ", "))
}

// surroundings are the engines around a function, and the environment by which it finds them.
type surroundings struct {
	env     func(functions.Function) []string
	servers []*http.Server
}

func (s *surroundings) close() {
	for _, server := range s.servers {
		_ = server.Close() // nobody is left to speak with
	}
}

// surround makes engines of its own in place of those that the environment does not name, and the sample data when the
// table is its own. Those that the environment names stay as they are: a system may run on them.
func surround(ctx context.Context, getenv func(string) string) (*surroundings, error) {
	s := &surroundings{}
	var addresses [4]string
	var listeners [4]net.Listener
	for i := range listeners {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("listen for an engine: %w", err)
		}
		listeners[i], addresses[i] = l, "http://"+l.Addr().String()
	}
	c, err := cloud.Open(ctx, cloud.Options{
		Getenv: getenv, FindOnly: true, Log: slog.New(slog.DiscardHandler), System: api.RealSystem(),
		DynamoDBAddress: addresses[0], SQSAddress: addresses[1], S3Address: addresses[2], SESAddress: addresses[3],
		APIAddress: "http://127.0.0.1:8080",
	})
	if err != nil {
		return nil, err
	}
	for i, handler := range []http.Handler{c.DynamoDB, c.SQS, c.S3, c.SES} {
		if handler == nil { // the environment names one
			_ = listeners[i].Close()
			continue
		}
		const patience = 10 * time.Second
		server := &http.Server{Handler: handler, ReadHeaderTimeout: patience}
		s.servers = append(s.servers, server)
		go func() { _ = server.Serve(listeners[i]) }() // ends with close
	}
	s.env = c.Environment
	if c.DynamoDB == nil {
		return s, nil
	}
	if err := sample.Fill(ctx, c.Store); err != nil {
		return nil, err
	}
	if c.S3 == nil || c.SQS == nil { // uploads and dead letters need a queue
		return s, nil
	}
	if err := sample.Upload(ctx, c.Bucket); err != nil {
		return nil, err
	}
	recorder, err := find("audit-record")
	if err != nil {
		return nil, err
	}
	return s, sample.SendToDeadLetters(ctx, c.Consumer(recorder))
}
