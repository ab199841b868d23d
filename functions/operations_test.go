package functions_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/gateway"
	"example.com/registrar/infra/local/sample"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
)

// The marks that part the requests and answers of a golden file.
const (
	answerMark  = "-- answer --\n"
	requestMark = "-- request --\n"
)

// golden runs the cases of testdata: requests through the Lambda event path over a fresh sample, one after the other,
// each above its answer. In a request {next} is the cursor of the answer before. What differs each time, cursors, the
// signatures of upload addresses and SQS's ids of messages, is written as {next}, {signature} and {message}.
type golden struct {
	*campus
	specs      map[string]api.Spec        // by method and path
	documented map[string]map[string]bool // statuses, by method and path
	mux        *http.ServeMux             // finds the spec of a request
	reached    map[string]map[registrar.Code]bool
	of         map[string]functions.Function // by the routes that they serve
	handlers   map[string]lambda.Handler     // of functions, by name; new ones after each request that wrote
	stranger   lambda.Handler                // of what no operation serves
	ran        int                           // cases
}

// exactly is the pattern of [http.ServeMux] for a route: "GET /" alone would take every path.
func exactly(route string) string {
	if strings.HasSuffix(route, " /") {
		return route + "{$}"
	}
	return route
}

// TestOperations holds every operation's answers to its golden files: testdata/<function>/event.golden is the answer to
// the function's event in events/, the others are refusals and stories, or the answer to the event of the same name
// beside them, as another deployment's gateway sends it. To add one, write the requests or the event and run
//
//	go test ./functions -run TestOperations -update
func TestOperations(t *testing.T) {
	g := &golden{
		campus: openCampus(t), specs: map[string]api.Spec{}, documented: documented(t), mux: http.NewServeMux(),
		reached: map[string]map[registrar.Code]bool{}, of: map[string]functions.Function{},
	}
	g.stranger = g.serve("all", operations(unwired)...)
	for _, f := range functions.All() {
		if f.Operations != nil {
			for _, o := range f.Operations(functions.Adapters{}) {
				g.of[o.Method+" "+o.Path] = f
			}
		}
	}
	for _, o := range operations(unwired) {
		g.specs[o.Method+" "+o.Path], g.reached[o.ID] = o.Spec, map[registrar.Code]bool{}
		g.mux.Handle(exactly(o.Method+" "+o.Path), http.NotFoundHandler())
	}
	for _, f := range functions.All() {
		if f.Operations != nil {
			t.Run(f.Name+"/event", func(t *testing.T) {
				event := eventOf(t, f.Name)
				g.check(t, filepath.Join("testdata", f.Name, "event.golden"), []string{requestText(t, event)}, event)
			})
		}
	}
	files, err := filepath.Glob("testdata/*/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if filepath.Base(file) == "event.golden" {
			continue
		}
		name, _ := strings.CutPrefix(strings.TrimSuffix(file, ".golden"), "testdata/")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			event, err := os.ReadFile(strings.TrimSuffix(file, ".golden") + ".json")
			if err == nil {
				g.check(t, file, []string{requestText(t, event)}, event)
				return
			}
			var requests []string
			for step := range strings.SplitSeq(string(text), requestMark) {
				request, _, _ := strings.Cut(step, answerMark)
				requests = append(requests, request)
			}
			g.check(t, file, requests, nil)
		})
	}
	t.Run("grants", func(t *testing.T) {
		if g.ran < len(files) {
			t.Skip("left out: not all cases ran, and what functions may do is more than what some of them do")
		}
		g.testGrants(t)
	})
	for _, o := range g.specs {
		for _, code := range o.Codes {
			if !g.reached[o.ID][code] {
				t.Errorf("%s: no case of testdata ends in the refusal %s that the operation declares", o.ID, code)
			}
		}
	}
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the answers into testdata/*/*.golden before comparing them")
	os.Exit(m.Run())
}

// check runs one file's requests; the event stands for the first if there is one.
func (g *golden) check(t *testing.T, file string, requests []string, event []byte) {
	g.ran++
	var got strings.Builder
	next, changes := "", false
	for i, request := range requests {
		payload := event
		if payload == nil {
			payload = payloadOf(t, strings.ReplaceAll(request, "{next}", next))
		}
		pattern := g.pattern(t, payload)
		before := g.writes
		answer := invoke(t, g.handlerOf(pattern), payload)
		if g.writes > before { // what other functions have in their caches may be outdated, and the clock stands still
			g.handlers = nil
		}
		g.judge(t, pattern, answer)
		changes = changes || answer.StatusCode < http.StatusMultipleChoices
		if i > 0 {
			got.WriteString(requestMark)
		}
		text, cursor := answerText(t, answer)
		if cursor != "" {
			next = cursor
		}
		got.WriteString(strings.TrimSpace(request) + "\n" + answerMark + text)
	}
	if len(g.wrote) > 0 {
		g.handlers = nil
	}
	if changed := g.restore(); len(changed) > 0 && !changes {
		t.Errorf("all requests were refused, and yet there are changes: %q", changed)
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (-update writes it)", err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the answers differ (-want +got); -update accepts them:\n%s", diff)
	}
}

// pattern is the route that an event is for; empty when there is none.
func (g *golden) pattern(t *testing.T, payload []byte) string {
	t.Helper()
	var event events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(payload, &event); err != nil {
		t.Fatal(err)
	}
	pattern := event.RouteKey
	if pattern == "$default" {
		_, pattern = g.mux.Handler(httptest.NewRequest(event.RequestContext.HTTP.Method, event.RawPath, http.NoBody))
		pattern = strings.TrimSuffix(pattern, "{$}")
	}
	return pattern
}

// handlerOf is the function that serves a route, with its own credentials.
func (g *golden) handlerOf(pattern string) lambda.Handler {
	f, ok := g.of[pattern]
	if !ok {
		return g.stranger
	}
	if g.handlers == nil {
		g.handlers = map[string]lambda.Handler{}
	}
	if g.handlers[f.Name] == nil {
		g.handlers[f.Name] = g.serve("all", f.Operations(g.adapters(f))...)
	}
	return g.handlers[f.Name]
}

// judge holds an answer to what its operation declares, and notes the refusals in it.
func (g *golden) judge(t *testing.T, pattern string, answer events.APIGatewayV2HTTPResponse) {
	t.Helper()
	spec, ok := g.specs[pattern]
	if !ok {
		return // no operation's address
	}
	if status := strconv.Itoa(answer.StatusCode); !g.documented[pattern][status] {
		t.Errorf("%s answers %s, which the OpenAPI document does not know of", spec.ID, status)
	}
	var problem api.Problem
	if answer.Headers["Content-Type"] != "application/problem+json" {
		return
	}
	if err := json.Unmarshal([]byte(answer.Body), &problem); err != nil {
		t.Fatal(err)
	}
	for _, r := range problem.Refusals {
		if code := registrar.Code(r.Code); slices.Contains(spec.Codes, code) {
			g.reached[spec.ID][code] = true
		} else {
			t.Errorf("%s refuses with %s, which it does not declare", spec.ID, code)
		}
	}
}

func invoke(t testing.TB, handler lambda.Handler, payload []byte) events.APIGatewayV2HTTPResponse {
	t.Helper()
	out, err := handler.Invoke(t.Context(), payload)
	if err != nil {
		t.Fatalf("the invocation failed: %v", err)
	}
	var answer events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// payloadOf makes the event of a request as a golden file has it: a line with method and address, headers, an empty
// line, the body.
func payloadOf(t testing.TB, text string) []byte {
	t.Helper()
	head, body, _ := strings.Cut(strings.TrimSpace(text), "\n\n")
	lines := strings.Split(head, "\n")
	method, address, ok := strings.Cut(lines[0], " ")
	if !ok {
		t.Fatalf("no request: %q", lines[0])
	}
	r := httptest.NewRequest(method, address, strings.NewReader(body))
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	event, err := gateway.Event(r, gateway.Call{RouteKey: "$default", RequestID: "Golden01IAMEVNw=",
		Time: (&campus{}).system().Clock()})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// requestText writes an event as a golden file has requests, without the headers that say nothing of the operation.
func requestText(t testing.TB, payload []byte) string {
	t.Helper()
	var event events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(payload, &event); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	text.WriteString(event.RequestContext.HTTP.Method + " " + event.RawPath)
	if event.RawQueryString != "" {
		text.WriteString("?" + event.RawQueryString)
	}
	for _, name := range []string{"content-type", "idempotency-key", "if-match"} {
		value, ok := event.Headers[name]
		if !ok { // the SAM CLI's gateway does not write names small
			value, ok = event.Headers[http.CanonicalHeaderKey(name)]
		}
		if ok {
			text.WriteString("\n" + name + ": " + value)
		}
	}
	if body := bodyOf(t, event); body != "" {
		text.WriteString("\n\n" + body)
	}
	return text.String()
}

// bodyOf is the body of an event, which API Gateway encodes when it is no JSON.
func bodyOf(t testing.TB, event events.APIGatewayV2HTTPRequest) string {
	t.Helper()
	if !event.IsBase64Encoded {
		return event.Body
	}
	body, err := base64.StdEncoding.DecodeString(event.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// answerText writes an answer: status, headers by name, body with indents. It tells the cursor in it, too.
func answerText(t testing.TB, answer events.APIGatewayV2HTTPResponse) (text, next string) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s\n", answer.StatusCode, http.StatusText(answer.StatusCode))
	for _, name := range slices.Sorted(maps.Keys(answer.Headers)) {
		fmt.Fprintf(&b, "%s: %s\n", strings.ToLower(name), answer.Headers[name])
	}
	const longest = 16 << 10
	body := answer.Body
	var pretty bytes.Buffer
	switch {
	case len(body) > longest || answer.IsBase64Encoded || !utf8.ValidString(body):
		body = "(left out: it is long, or no text)"
	case json.Indent(&pretty, []byte(body), "", "  ") == nil:
		body = pretty.String()
	}
	if body != "" {
		b.WriteString("\n" + strings.TrimSpace(body) + "\n")
	}
	text = regexp.MustCompile(`\?X-Amz-[^"]*`).ReplaceAllString(b.String(), "?{signature}")
	// UUIDs of version 4
	text = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`).ReplaceAllString(text,
		"{message}")
	var page struct {
		Next string `json:"next"`
	}
	if json.Unmarshal([]byte(answer.Body), &page) == nil && page.Next != "" {
		text = strings.ReplaceAll(text, url.QueryEscape(page.Next), "{next}")
	}
	return text, page.Next
}

// Each function, wired as its main.go does it, answers its event, in whatever order they come.
func TestEveryFunctionAnswersItsEvent(t *testing.T) {
	c := openCampus(t)
	all := functions.All()
	for round := range 6 {
		for _, f := range all {
			event := eventOf(t, f.Name)
			handler := f.Handler(c.adapters(f), c.settings(f))
			if f.Operations != nil {
				answer := invoke(t, handler, event)
				if answer.StatusCode < http.StatusOK || answer.StatusCode >= http.StatusMultipleChoices {
					t.Errorf("round %d: %s: %d %s", round, f.Name, answer.StatusCode, answer.Body)
				}
				continue
			}
			out, err := handler.Invoke(t.Context(), event)
			if err != nil || f.Run == nil && string(out) != `{"batchItemFailures":[]}` {
				t.Errorf("round %d: %s: %s, %v\n%s", round, f.Name, out, err, c.logged())
			}
		}
		im, err := c.cloud.Store.Import(t.Context(), registrar.ImportID(sample.ID(sample.KindImport, 2)))
		// the sample waits for its file since long ago
		swept := functionNamed(all, "imports-sweep") < functionNamed(all, "imports-apply")
		if err != nil || swept && im.State != intake.Failed ||
			!swept && (im.State != intake.Finished || im.Rows.Applied != 1 || im.Rows.Refused != 0) {
			t.Errorf("round %d: the sample's import: %+v, %v", round, im, err)
		}
		if changed := c.restore(); len(changed) == 0 {
			t.Error("35 events changed nothing")
		}
		if slices.Reverse(all); round > 0 {
			order := rand.New(rand.NewPCG(uint64(round), 0))
			order.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
	}
}

// Whom a mail was for stands in what the mail provider tells of it, and is shown to nobody.
func TestDeadLettersOfFeedbackNameNobody(t *testing.T) {
	c := openCampus(t)
	const body = `{"Type":"Notification","Message":"{\"eventType\":\"Bounce\",\"bounce\":{\"bouncedRecipients\":[{` +
		`\"emailAddress\":\"ann@example.edu\"}]},` +
		`\"mail\":{\"tags\":{\"mail\":[\"m-1\"]}}}"}`
	if _, err := c.queues.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: aws.String("http://sqs.local/" + cloud.Account + "/mail-feedback-dead"), MessageBody: aws.String(body),
	}); err != nil {
		t.Fatal(err)
	}
	all := functions.All()
	f := all[functionNamed(all, "deadletters-list")]
	list := f.Handler(c.adapters(f), consumer.Settings{})
	answer := invoke(t, list, payloadOf(t, "GET /v1/queues/mail-feedback/dead-letters"))
	if answer.StatusCode != http.StatusOK || strings.Contains(answer.Body, "ann@") ||
		!strings.Contains(answer.Body, `"mail":"m-1"`) {
		t.Errorf("%d %s", answer.StatusCode, answer.Body)
	}
}

func functionNamed(all []functions.Function, name string) int {
	return slices.IndexFunc(all, func(f functions.Function) bool { return f.Name == name })
}
