package emulator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"example.com/registrar/infra/deployment"
	"example.com/registrar/infra/local/client"
	"example.com/registrar/infra/local/sample"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/objects"
	"example.com/registrar/shared/queue"
	"example.com/registrar/shared/sdk"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
)

// system is what was deployed.
type system struct {
	endpoint   string // of all of AWS
	config     aws.Config
	deployment *deployment.Deployment
	functions  map[string]function // by their names in the manifest
	api        string              // the API's address, such as "http://127.0.0.1:41000"
	client     *client.Client
}

// function is a deployed function, as Lambda lists it.
type function struct {
	FunctionName, Description, Role string
	Environment                     struct{ Variables map[string]string }
}

// getenv reads the function's environment.
func (f function) getenv(name string) string { return f.Environment.Variables[name] }

// open finds what was deployed, and has the sender verified, which is nothing that CloudFormation does.
func open(t *testing.T) *system {
	t.Helper()
	s := &system{endpoint: os.Getenv("AWS_ENDPOINT_URL"), functions: map[string]function{}}
	var err error
	if s.config, err = sdk.FromEnvironment(os.Getenv); err != nil {
		t.Fatal(err)
	}
	if s.deployment, err = deployment.Open(t.Context(), "registrar-"+stage+"-data", os.Getenv); err != nil {
		t.Fatal(err)
	}
	for marker := ""; ; {
		var page struct {
			Functions  []function
			NextMarker string
		}
		s.aws(t, &page, http.MethodGet, "/2015-03-31/functions/?Marker="+url.QueryEscape(marker), "lambda", "", nil)
		for _, f := range page.Functions {
			s.functions[f.Description] = f
		}
		if marker = page.NextMarker; marker == "" {
			break
		}
	}
	s.openAPI(t)
	_, domain, _ := strings.Cut(sender, "@")
	if _, err := sesv2.NewFromConfig(s.config).CreateEmailIdentity(t.Context(),
		&sesv2.CreateEmailIdentityInput{EmailIdentity: &domain}); err != nil {
		t.Fatal(err)
	}
	return s
}

// openAPI gives the API an address that Go can resolve: MiniStack tells APIs apart by host names below localhost.
func (s *system) openAPI(t *testing.T) {
	t.Helper()
	stack, err := cloudformation.NewFromConfig(s.config).DescribeStacks(t.Context(),
		&cloudformation.DescribeStacksInput{StackName: aws.String("registrar-" + stage + "-api")})
	if err != nil {
		t.Fatal(err)
	}
	var deployed string
	for _, o := range stack.Stacks[0].Outputs {
		if aws.ToString(o.OutputKey) == "ApiUrl" {
			deployed = aws.ToString(o.OutputValue)
		}
	}
	at, err := url.Parse(deployed)
	if err != nil || at.Host == "" {
		t.Fatalf("the stack's output ApiUrl is %q, %v", deployed, err)
	}
	endpoint, err := url.Parse(s.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(endpoint)
		r.Out.Host = at.Host
	}})
	t.Cleanup(server.Close)
	s.api, s.client = server.URL, client.New(server.URL, 1)
}

// aws sends a signed request to a service, as the account's root, and reads the answer into out (nil: not wanted).
//
// The target is what services of AWS's JSON protocol ask for the action by; empty for the others.
func (s *system) aws(t *testing.T, out any, method, path, service, target string, body []byte) http.Header {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.endpoint+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if target != "" {
		r.Header.Set("X-Amz-Target", target)
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	}
	key, err := s.config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(t.Context(), key, r, hex.EncodeToString(hash[:]), service, s.config.Region,
		time.Now()); err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: %s, %v: %s", method, path, answer.Status, err, text)
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = text
	} else if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, text)
		}
	}
	return answer.Header
}

// invoke calls a function with an event. It fails the test when the function fails.
func (s *system) invoke(t *testing.T, name string, event []byte) []byte {
	t.Helper()
	var answer []byte
	header := s.aws(t, &answer, http.MethodPost, "/2015-03-31/functions/"+s.functions[name].FunctionName+"/invocations",
		"lambda", "", event)
	if failed := header.Get("X-Amz-Function-Error"); failed != "" {
		t.Errorf("%s: %s: %s", name, failed, answer)
	}
	return answer
}

// fill stores the sample data, with the store and the adapters that the functions have.
func (s *system) fill(t *testing.T) {
	t.Helper()
	began := time.Now()
	store, err := dynamo.Open(s.config, s.functions["registrations-create"].getenv)
	if err != nil {
		t.Fatal(err)
	}
	if err := sample.Fill(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	bucket, err := objects.Open(s.config, s.functions["imports-create"].getenv)
	if err != nil {
		t.Fatal(err)
	}
	if err := sample.Upload(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	audit, err := queue.OpenConsumer(s.config, s.functions["audit-record"].getenv, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := sample.SendToDeadLetters(t.Context(), audit.Queue); err != nil {
		t.Fatal(err)
	}
	t.Logf("filled in %.0f s", time.Since(began).Seconds())
}

// logs are all lines that the functions logged, from CloudWatch Logs.
func (s *system) logs(t *testing.T) []string {
	t.Helper()
	call := func(out any, action, body string) {
		t.Helper()
		s.aws(t, out, http.MethodPost, "/", "logs", "Logs_20140328."+action, []byte(body))
	}
	var lines []string
	for from := "{}"; from != ""; {
		var page struct {
			LogGroups []struct{ LogGroupName string }
			NextToken string
		}
		call(&page, "DescribeLogGroups", from)
		for _, group := range page.LogGroups {
			var found struct{ Events []struct{ Message string } }
			call(&found, "FilterLogEvents", `{"logGroupName": "`+group.LogGroupName+`", "limit": 10000}`)
			for _, event := range found.Events {
				lines = append(lines, event.Message)
			}
		}
		if from = ""; page.NextToken != "" {
			from = `{"nextToken": "` + page.NextToken + `"}`
		}
	}
	return lines
}

// eventually asks again and again, until there is what is wanted.
func eventually(t *testing.T, what string, is func(ctx context.Context) (bool, error)) {
	t.Helper()
	const patience = 3 * time.Minute
	for began, pause := time.Now(), 50*time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		ok, err := is(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if ok {
			return
		}
		if time.Since(began) > patience {
			t.Fatalf("%s: not within %s", what, patience)
		}
		time.Sleep(pause)
	}
}
