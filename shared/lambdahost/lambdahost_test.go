package lambdahost_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/lambdahost"
	"example.com/registrar/shared/telemetry"
	"example.com/registrar/shared/telemetry/request"
	"example.com/registrar/shared/telemetry/telemetrytest"
	"github.com/aws/aws-lambda-go/events"
)

func event() events.APIGatewayV2HTTPRequest {
	e := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: "/v1/things", RawQueryString: "a=1&a=2"}
	e.RequestContext.HTTP.Method = http.MethodPost
	e.RequestContext.HTTP.SourceIP = "192.0.2.1"
	e.RequestContext.DomainName = "api.example.com"
	e.RequestContext.Stage = "$default"
	e.RequestContext.RequestID = "req-1"
	e.RequestContext.TimeEpoch = received.UnixMilli()
	return e
}

// received is when API Gateway received the events' request, and SQS the messages; clock, what the function's says
// then.
var (
	received = time.UnixMilli(1_732_000_000_123).UTC()
	clock    = lambdahost.Clock(func() time.Time { return time.UnixMilli(1_732_000_001_000).UTC() })
)

func invoke(t *testing.T, e events.APIGatewayV2HTTPRequest, h http.HandlerFunc) events.APIGatewayV2HTTPResponse {
	t.Helper()
	payload, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	out, err := lambdahost.HTTP(h, nil, clock).Invoke(t.Context(), payload)
	if err != nil {
		t.Fatalf("the invocation failed: %v", err)
	}
	var answer events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestHTTP_HeadersWithCommasStayWhole(t *testing.T) {
	want := map[string]string{
		"if-match": `"1", "2"`, "idempotency-key": "a,b", "date": "Tue, 24 Nov 2026 03:00:00 GMT",
		"x-forwarded-for": "192.0.2.1, 192.0.2.2",
	}
	e := event()
	e.Headers = want
	invoke(t, e, func(_ http.ResponseWriter, r *http.Request) {
		for name, value := range want {
			if got := r.Header.Values(name); len(got) != 1 || got[0] != value {
				t.Errorf("%s: %q", name, got)
			}
		}
	})
}

func TestHTTP_AHandlerThatWritesNothingAnswers200(t *testing.T) {
	if got := invoke(t, event(), func(http.ResponseWriter, *http.Request) {}); got.StatusCode != http.StatusOK {
		t.Errorf("status %d", got.StatusCode)
	}
}

func TestHTTP_WhatIsNoRequestIsAProblem(t *testing.T) {
	broken := event()
	broken.Body, broken.IsBase64Encoded = "%%%", true
	address := event()
	address.RawQueryString = "a=\x7f%"
	proper := event() // whose query shared/api refuses, with the same code
	proper.RawQueryString = "a=%"
	things := api.Define(api.Spec{ID: "things-make", Method: http.MethodPost, Path: "/v1/things"},
		func(context.Context, *struct{}) (*api.Nothing, error) { return &api.Nothing{}, nil })
	var same, problem api.Problem
	if err := json.Unmarshal([]byte(invoke(t, proper, api.Handler(slog.New(slog.DiscardHandler), things).ServeHTTP).Body),
		&same); err != nil {
		t.Fatal(err)
	}
	for _, e := range []events.APIGatewayV2HTTPRequest{broken, address} {
		got := invoke(t, e, func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") })
		if err := json.Unmarshal([]byte(got.Body), &problem); err != nil || problem.Code != same.Code ||
			problem.Type != same.Type || problem.Title != same.Title {
			t.Errorf("the problem %+v is of another kind than shared/api's %+v, %v", problem, same, err)
		}
		if got.StatusCode != http.StatusBadRequest || got.Headers["Content-Type"] != "application/problem+json" ||
			strings.Contains(got.Body, "%") {
			t.Errorf("answer: %+v", got)
		}
	}
	if _, err := lambdahost.HTTP(http.NotFoundHandler(), nil).Invoke(t.Context(), []byte(`{"Records":[]}`)); err == nil {
		t.Error("an event of another kind was taken for a request")
	}
}

func TestHTTP_ADecodedPathStaysWhole(t *testing.T) {
	const path = "/v1/a%2e?b#c/ä \x00"
	e := event()
	e.RawPath = path
	invoke(t, e, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path || r.URL.RawQuery != "a=1&a=2" || r.URL.Fragment != "" {
			t.Errorf("request: path %q, query %q", r.URL.Path, r.URL.RawQuery)
		}
	})
}

func TestHTTP_StageIsNoPartOfThePath(t *testing.T) {
	e := event()
	e.RequestContext.Stage, e.RawPath = "live", "/live/v1/things"
	invoke(t, e, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/things" || r.URL.RawQuery != "a=1&a=2" || r.RemoteAddr != "192.0.2.1" {
			t.Errorf("request: %s from %s", r.URL, r.RemoteAddr)
		}
	})
}

// The route is what API Gateway says it is; what its address begins with, a stage or a domain's mapping, is not looked
// at.
func TestHTTP_TheRouteIsTheEventsOwn(t *testing.T) {
	for _, c := range []struct {
		key, raw, stage string
		parameters      map[string]string
		path, escaped   string
	}{
		{"GET /v1/things/{id}", "/v1/things/7", "$default", map[string]string{"id": "7"}, "/v1/things/7", "/v1/things/7"},
		{"GET /v1/things/{id}", "/prod/v1/things/7", "prod", map[string]string{"id": "7"}, "/v1/things/7", "/v1/things/7"},
		{"GET /v1/things/{id}", "/registrar/v1/things/7", "prod", map[string]string{"id": "7"}, "/v1/things/7",
			"/v1/things/7"},
		{"ANY /v1/things/{id}", "/v1/v1/things/7", "v1", map[string]string{"id": "7"}, "/v1/things/7", "/v1/things/7"},
		{"GET /v1/things/{id}/parts/{part}", "/x", "$default", map[string]string{"id": "a/b", "part": "%2F"},
			"/v1/things/a/b/parts/%2F", "/v1/things/a%2Fb/parts/%252F"},
		{"GET /files/{path+}", "/x", "$default", map[string]string{"path": "a b/c?d"}, "/files/a b/c?d",
			"/files/a%20b/c%3Fd"},
		// begins with the stage's letters only
		{"$default", "/production/v1", "prod", nil, "/production/v1", "/production/v1"},
		{"$default", "/prod", "prod", nil, "/", "/"},
	} {
		e := event()
		e.RouteKey, e.RawPath, e.PathParameters = c.key, c.raw, c.parameters
		e.RequestContext.RouteKey, e.RequestContext.Stage = c.key, c.stage
		e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path = http.MethodGet, c.raw
		e.RawQueryString, e.QueryStringParameters = "", map[string]string{"a": "1,2"}
		asked := false
		invoke(t, e, func(_ http.ResponseWriter, r *http.Request) {
			asked = true
			if r.URL.Path != c.path || r.URL.EscapedPath() != c.escaped || r.URL.RawQuery != "" {
				t.Errorf("%s with %v: path %q, encoded %q, query %q", c.key, c.parameters, r.URL.Path, r.URL.EscapedPath(),
					r.URL.RawQuery)
			}
		})
		if !asked {
			t.Errorf("%s with %v: the handler was not asked", c.key, c.parameters)
		}
	}
	e := event()
	e.RouteKey = "POST /v1/things/{id}" // and no parameter
	if got := invoke(t, e, func(http.ResponseWriter, *http.Request) {
		t.Error("asked without the route's parameter")
	}); got.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", got.StatusCode)
	}
}

// What a body's characters cost in the answer's envelope is no more than they must.
func TestHTTP_AnswersAreNotEscapedForHTML(t *testing.T) {
	payload, err := json.Marshal(event())
	if err != nil {
		t.Fatal(err)
	}
	const body = "<&>"
	out, err := lambdahost.HTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_,
			_ = io.WriteString(w, body)
	}), nil).Invoke(t.Context(), payload)
	if err != nil || !strings.Contains(string(out), `"body":"<&>"`) {
		t.Errorf("%s, %v", out, err)
	}
}

func TestHTTP_RepeatedHeadersAndCookiesOfTheAnswer(t *testing.T) {
	got := invoke(t, event(), func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Link"] = []string{"<a>", "<b>"}
		w.Header()["Set-Cookie"] = []string{"a=1", "b=2"}
		w.WriteHeader(http.StatusNoContent)
	})
	if got.StatusCode != http.StatusNoContent || got.Headers["Link"] != "<a>,<b>" || len(got.Cookies) != 2 {
		t.Errorf("answer: %+v", got)
	}
}

func TestHTTP_TwoInvocationsAtOnceKeepTheirOwn(t *testing.T) {
	handler := lambdahost.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, request.From(r.Context()).ID+string(body))
	}), nil, clock)
	var wg sync.WaitGroup
	for _, id := range []string{"a", "b", "c", "d"} {
		wg.Go(func() {
			for range 50 {
				e := event()
				e.RequestContext.RequestID, e.Body = id, id
				payload, _ := json.Marshal(e)
				out, err := handler.Invoke(t.Context(), payload)
				var answer events.APIGatewayV2HTTPResponse
				if err = errors.Join(err, json.Unmarshal(out, &answer)); err != nil || answer.Body != id+id {
					t.Errorf("%s: %q, %v", id, answer.Body, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestHTTP_CorrelationAndTraceAreTheClientsIfTheyAreProper(t *testing.T) {
	const trace = "Root=1-5759e988-bd862e3fe1be46a994272793"
	long := strings.Repeat("x", 64)
	for _, c := range []struct{ told, trace, correlation, passed string }{
		{"", trace, "req-1", trace},
		{"morning.1_A-z", trace + ";Parent=53995c3f42cd8ad8;Sampled=1", "morning.1_A-z",
			trace + ";Parent=53995c3f42cd8ad8;Sampled=1"},
		{long, "Self=1-67891234-12456789abcdef012345678;" + trace, long, "Self=1-67891234-12456789abcdef012345678;" + trace},
		{long + "x", "", "req-1", "Root=of-lambda"},
		{"two words", "Root=1-5759e988-bd862e3fe1be46a99427279", "req-1", "Root=of-lambda"},
		{"line\nbreak", trace + "\n", "req-1", "Root=of-lambda"},
		{"ä", trace + strings.Repeat(";a=b", 64), "req-1", "Root=of-lambda"},
	} {
		e := event()
		e.Headers = map[string]string{"x-correlation-id": c.told, "x-amzn-trace-id": c.trace}
		payload, _ := json.Marshal(e)
		const trace = "Root=of-lambda"
		ctx := context.WithValue(t.Context(), "x-amzn-trace-id", trace) //nolint:staticcheck // the key of aws-lambda-go
		out, err := lambdahost.HTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if info := request.From(r.Context()); info.Correlation != c.correlation || info.Trace != c.passed {
				t.Errorf("%q, %q: %+v", c.told, c.trace, info)
			}
		}), nil, clock).Invoke(ctx, payload)
		var answer events.APIGatewayV2HTTPResponse
		if err = errors.Join(err, json.Unmarshal(out, &answer)); err != nil ||
			answer.Headers["X-Correlation-Id"] != c.correlation {
			t.Errorf("%q: answer %+v, %v", c.told, answer, err)
		}
	}
}

func TestHTTP_TimeIsKeptForAnAnswer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	payload, _ := json.Marshal(event())
	_, err := lambdahost.HTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		outer, _ := ctx.Deadline()
		inner, ok := r.Context().Deadline()
		if !ok || !inner.Before(outer) {
			t.Errorf("deadlines: %v, of the function %v", inner, outer)
		}
		if at := request.From(r.Context()).ReceivedAt; at.UnixMilli() != 1_732_000_000_123 {
			t.Errorf("received at %v", at)
		}
	}), nil, clock).Invoke(ctx, payload)
	if err != nil {
		t.Error(err)
	}
}

// told is what a recorder wrote, line by line.
func told(t *testing.T, log *bytes.Buffer) (lines []map[string]any) {
	t.Helper()
	for text := range strings.Lines(log.String()) {
		var line map[string]any
		_, err := telemetrytest.Check([]byte(text))
		if err = errors.Join(err, json.Unmarshal([]byte(text), &line)); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestHTTP_TellsOfTheInvocation(t *testing.T) {
	broken := event()
	broken.Body, broken.IsBase64Encoded = "%%%", true
	for _, c := range []struct {
		event   events.APIGatewayV2HTTPRequest
		outcome telemetry.Outcome
		want    []string // message and code of each line
	}{
		{event(), telemetry.Outcome{Operation: "things-get", Status: http.StatusOK}, []string{"request OK"}},
		{event(), telemetry.Outcome{Operation: "things-get", Status: http.StatusServiceUnavailable, Code: "BUSY",
			Failed: true}, []string{"detail <nil>", "request BUSY"}},
		{broken, telemetry.Outcome{}, []string{"request BAD_REQUEST"}},
	} {
		var log bytes.Buffer
		recorder := telemetry.New(telemetry.Options{Function: "things", Log: slog.NewJSONHandler(&log, nil)})
		payload, err := json.Marshal(c.event)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lambdahost.HTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			recorder.Log().DebugContext(r.Context(), "detail")
			telemetry.Conclude(r.Context(), c.outcome)
		}), recorder, clock).Invoke(t.Context(), payload); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, line := range told(t, &log) {
			got = append(got, fmt.Sprint(line["msg"], " ", line["code"]))
			if line["request"] != "req-1" || line["correlation"] != "req-1" || line["function"] != "things" {
				t.Errorf("line without ids: %v", line)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: lines %q, want %q", c.outcome, got, c.want)
		}
	}
}

// A panic beyond the handler's own protection ends the process on Lambda; what was on the way is told before.
func TestHTTP_APanicIsToldOf(t *testing.T) {
	var log bytes.Buffer
	recorder := telemetry.New(telemetry.Options{Log: slog.NewJSONHandler(&log, nil)})
	payload, _ := json.Marshal(event())
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_, _ = lambdahost.HTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			telemetry.Debug(r.Context(), "detail")
			panic("no")
		}), recorder, clock).Invoke(t.Context(), payload)
	}()
	if lines := told(t, &log); len(lines) != 2 || lines[1]["code"] != "FAILED" {
		t.Errorf("lines: %v", lines)
	}
}

// batch is a handler that keeps what it was handed and fails the messages of these bodies.
type batch struct {
	messages []consumer.Message
	fails    []string
}

func (b *batch) HandleBatch(_ context.Context, messages []consumer.Message) (failed []string) {
	b.messages = append(b.messages, messages...)
	for _, m := range messages {
		if slices.Contains(b.fails, string(m.Body)) {
			failed = append(failed, m.ID)
		}
	}
	return failed
}

func TestSQS_ReportsWhatIsToComeBack(t *testing.T) {
	var log bytes.Buffer
	recorder := telemetry.New(telemetry.Options{Function: "works", Log: slog.NewJSONHandler(&log, nil)})
	handler := &batch{fails: []string{"fail"}}
	attributes := map[string]string{
		"ApproximateReceiveCount": "3", "SentTimestamp": "1732000000123", "MessageGroupId": "g", "AWSTraceHeader": "Root=1",
	}
	first := map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": "1732000000123"}
	payload, _ := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "1", Body: "fail", Attributes: first}, {MessageId: "2", ReceiptHandle: "r", Body: "b",
			Attributes: attributes},
		{MessageId: "3", Body: "fail", Attributes: first},
	}})
	out, err := lambdahost.SQS(handler, recorder, clock).Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(out); got != `{"batchItemFailures":[{"itemIdentifier":"1"},{"itemIdentifier":"3"}]}` {
		t.Errorf("answer %s", got)
	}
	want := consumer.Message{
		ID: "2", Receipt: "r", Body: []byte("b"), Group: "g", Receives: 3, SentAt: time.UnixMilli(1_732_000_000_123).UTC(),
		Trace: "Root=1",
	}
	if len(handler.messages) != 3 || !reflect.DeepEqual(handler.messages[1], want) {
		t.Errorf("messages %+v", handler.messages)
	}
	lines := told(t, &log)
	if line := lines[0]; len(lines) != 1 || line["msg"] != "batch" || line["messages"] != 3.0 ||
		line["failures"] != 2.0 || line["code"] != "FAILED" {
		t.Errorf("lines %v", lines)
	}
	if ages, ok := lines[0]["queueAge"].([]any); !ok || len(ages) != 2 { // the third is here for the third time
		t.Errorf("ages in the queue: %v", lines[0]["queueAge"])
	}
	if _, err := lambdahost.SQS(handler, nil).Invoke(t.Context(), []byte(`[]`)); err == nil {
		t.Error("what is no event was taken for one")
	}
}

// What the gateway of the SAM CLI does: timeEpoch in seconds. Nor is any other time used at which API Gateway cannot
// have received the request. Each is logged, once.
func TestHTTP_ATimeThatCannotBeTrueIsNotUsed(t *testing.T) {
	own := time.UnixMilli(1_732_000_001_000).UTC()
	for _, c := range []struct {
		epoch int64
		want  time.Time
	}{
		{received.UnixMilli(), received},
		{own.Add(-35 * time.Second).UnixMilli(), own.Add(-35 * time.Second)},
		{own.Add(5 * time.Second).UnixMilli(), own.Add(5 * time.Second)},
		{received.Unix(), own},
		{received.UnixMicro(), own},
		{0, own},
		{-1, own},
		{math.MaxInt64, own},
		{math.MinInt64, own},
		{own.Add(-36 * time.Second).UnixMilli(), own},
		{own.Add(6 * time.Second).UnixMilli(), own},
	} {
		var log bytes.Buffer
		recorder := telemetry.New(telemetry.Options{Function: "things", Log: slog.NewJSONHandler(&log, nil)})
		e := event()
		e.RequestContext.TimeEpoch = c.epoch
		payload, _ := json.Marshal(e)
		_, err := lambdahost.HTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if got := request.From(r.Context()).ReceivedAt; !got.Equal(c.want) {
				t.Errorf("timeEpoch %d: received at %v, want %v", c.epoch, got, c.want)
			}
		}), recorder, clock).Invoke(t.Context(), payload)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Count(log.String(), "requestContext.timeEpoch"), map[bool]int{
			true: 1}[c.want.Equal(own)]; got != want {
			t.Errorf("timeEpoch %d: %d lines in the log, want %d:\n%s", c.epoch, got, want, log.String())
		}
	}
}

// A time at which a message cannot have been sent is not used, nor made into an age of half a century; of a batch it is
// logged once.
func TestSQS_ATimeThatCannotBeTrueIsNotUsed(t *testing.T) {
	var log bytes.Buffer
	recorder := telemetry.New(telemetry.Options{Function: "works", Log: slog.NewJSONHandler(&log, nil)})
	handler := &batch{}
	var records []events.SQSMessage
	for _, sent := range []string{"1732000000", "", "soon", "-1", "9223372036854775807", "1732000000123"} {
		records = append(records, events.SQSMessage{MessageId: sent,
			Attributes: map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": sent}})
	}
	payload, _ := json.Marshal(events.SQSEvent{Records: records})
	if _, err := lambdahost.SQS(handler, recorder, clock).Invoke(t.Context(), payload); err != nil {
		t.Fatal(err)
	}
	for n, m := range handler.messages {
		if want := time.UnixMilli(1_732_000_001_000); n < len(records)-1 && !m.SentAt.Equal(want) ||
			n == len(records)-1 && !m.SentAt.Equal(received) {
			t.Errorf("SentTimestamp %q: sent at %v", m.ID, m.SentAt)
		}
	}
	lines := told(t, &log)
	if len(lines) != 2 || lines[0]["field"] != "SentTimestamp" {
		t.Fatalf("lines %v", lines)
	}
	if age, ok := lines[1]["queueAge"].(float64); !ok || age != 877 {
		t.Errorf("ages in the queue: %v", lines[1]["queueAge"])
	}
}

func TestStream_ReportsTheFirstThatFailed(t *testing.T) {
	record := func(kind, sequence, image string) string {
		return `{"eventName":"` + kind + `","dynamodb":{"SequenceNumber":"` + sequence + `","NewImage":` + image + `}}`
	}
	event := `{"Records":[` + record("INSERT", "1", `{"a":{"S":"1"}}`) + `,` + record("MODIFY", "2", `{}`) + `,` +
		record("REMOVE", "3", `null`) + `,` +
		record("INSERT", "4", `{"a":{"S":"4"}}`) + `,` + record("INSERT", "5", `{"a":{"S":"5"}}`) + `]}`
	for done, want := range map[int]string{0: "1", 1: "4", 2: "5", 3: ""} {
		var seen []string
		out, err := lambdahost.Stream(func(_ context.Context, images [][]byte) int {
			for _, image := range images {
				seen = append(seen, string(image))
			}
			return done
		}, nil).Invoke(t.Context(), []byte(event))
		if err != nil {
			t.Fatal(err)
		}
		wanted := `{"batchItemFailures":[]}`
		if want != "" {
			wanted = `{"batchItemFailures":[{"itemIdentifier":"` + want + `"}]}`
		}
		if string(out) != wanted || len(seen) != 3 || seen[1] != `{"a":{"S":"4"}}` {
			t.Errorf("after %d: %s, images %q", done, out, seen)
		}
	}
	if _, err := lambdahost.Stream(nil, nil).Invoke(t.Context(),
		[]byte(`{"Records":[{"eventName":"INSERT"}]}`)); err == nil {
		t.Error("a record of something else was taken")
	}
}

func TestSchedule_TellsWhenItWasDue(t *testing.T) {
	var due time.Time
	task := lambdahost.Schedule(func(ctx context.Context, at time.Time) error {
		due = at
		if request.From(ctx).Principal != "schedule" {
			t.Errorf("request %+v", request.From(ctx))
		}
		return nil
	}, nil)
	if _, err := task.Invoke(t.Context(),
		[]byte(strings.Replace(lambdahost.ScheduleInput, "<aws.scheduler.scheduled-time>", "2026-11-24T03:00:00Z",
			1))); err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC); !due.Equal(want) {
		t.Errorf("due %v", due)
	}
	if _, err := task.Invoke(t.Context(), []byte(`{}`)); err == nil {
		t.Error("an event without a time was taken")
	}
}
