package emulator

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/scheduler"
	"example.com/registrar/infra/walkthrough"
	"example.com/registrar/shared/lambdahost"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

func (s *system) testWalk(t *testing.T) {
	if err := walkthrough.Walk(t.Context(), filepath.Join(root, "README.md"), s.api); err != nil {
		t.Error(err)
	}
}

// testImport imports a file with `make import`'s command: asked for, uploaded to S3, announced through SQS, applied.
func (s *system) testImport(t *testing.T) {
	file := filepath.Join(t.TempDir(), "students.csv")
	const students = "number,givenName,familyName,email\nU9000101,Maria,Mitchell,maria.mitchell@example.edu\n" +
		"U9000102,Annie,Cannon,annie.cannon@example.edu\nU9000103,,,nobody\n"
	if err := os.WriteFile(file, []byte(students), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "run", root+"/infra/local/import", "-api", s.api, "-file", file,
		"-kind", "students").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "3 rows read, 2 applied, 1 refused") {
		t.Errorf("%v\n%s", err, out)
	}
}

// testMail waits for the mail of a registration in the walk-through: transaction, stream, relay, queue, SES. Its link
// to unsubscribe leads back into the API.
func (s *system) testMail(t *testing.T) {
	const reader = "vera.rubin@example.edu"
	type message struct {
		Source   string
		To       []string
		Subject  string
		BodyText string
	}
	var found message
	eventually(t, "a mail to "+reader, func(context.Context) (bool, error) {
		var sent struct{ Messages map[string][]message }
		s.aws(t, &sent, http.MethodGet, "/_ministack/ses/messages", "ses", "", nil)
		for _, m := range sent.Messages[account] {
			if len(m.To) == 1 && m.To[0] == reader {
				found = m
				return true, nil
			}
		}
		return false, nil
	})
	if !strings.Contains(found.Source, sender) || !strings.Contains(found.Subject, "ASTR 2050") {
		t.Errorf("the mail is %+v", found)
	}
	link := regexp.MustCompile(`/v1/unsubscribe/[-\w.]+`).FindString(found.BodyText)
	if link == "" {
		t.Fatalf("no address to unsubscribe at: %s", found.BodyText)
	}
	answer, err := http.PostForm(s.api+link, map[string][]string{"List-Unsubscribe": {"One-Click"}})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusMultipleChoices {
		t.Errorf("unsubscribe at %s: %s", link, answer.Status)
	}
}

// letter is a dead letter, as the API shows it.
type letter struct {
	Message string `json:"message"`
	Reason  string `json:"reason"`
	Body    string `json:"body"`
}

// letters are those of the queue of imports whose body has a text.
func (s *system) letters(ctx context.Context, body string) ([]letter, error) {
	var list struct {
		Items []letter `json:"items"`
	}
	if err := s.client.Do(ctx, http.MethodGet, "/v1/queues/imports/dead-letters?limit=100", nil, &list); err != nil {
		return nil, err
	}
	var found []letter
	for _, l := range list.Items {
		if strings.Contains(l.Body, body) {
			found = append(found, l)
		}
	}
	return found, nil
}

// send sends a message to the queue of imports.
func (s *system) send(t *testing.T, body string) {
	t.Helper()
	address, _, err := s.deployment.Queue(t.Context(), "imports")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.deployment.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &address,
		MessageBody: &body}); err != nil {
		t.Fatal(err)
	}
}

// dead waits until a message with that text in it is a dead letter.
func (s *system) dead(t *testing.T, body, reason string) letter {
	t.Helper()
	var found []letter
	eventually(t, "a dead letter with "+body, func(ctx context.Context) (done bool, err error) {
		found, err = s.letters(ctx, body)
		return len(found) > 0, err
	})
	if !strings.Contains(found[0].Reason, reason) {
		t.Errorf("the dead letter's reason is %q, want %q in it", found[0].Reason, reason)
	}
	return found[0]
}

// gone waits until no letter with that text is there.
func (s *system) gone(t *testing.T, body string) {
	t.Helper()
	eventually(t, "no dead letter with "+body, func(ctx context.Context) (bool, error) {
		found, err := s.letters(ctx, body)
		return len(found) == 0, err
	})
}

// asked is an import that was asked for.
type asked struct {
	ID     string `json:"id"`
	State  string `json:"state"`
	Upload struct {
		Method, URL string
		Headers     map[string]string
	} `json:"upload"`
}

// announceMissing announces the file of an import that nobody has uploaded. Its message dies after five attempts.
func (s *system) announceMissing(t *testing.T) asked {
	t.Helper()
	var made asked
	if err := s.client.Do(t.Context(), http.MethodPost, "/v1/imports", map[string]string{"kind": "students"},
		&made); err != nil {
		t.Fatal(err)
	}
	s.send(t, `{"Records": [{"s3": {"object": {"key": "imports/`+made.ID+`"}}}]}`)
	return made
}

// testReplay is the life of a dead letter whose cause is mended: docs/operations.md, "From beginning to end".
func (s *system) testReplay(t *testing.T, missing asked) {
	found := s.dead(t, missing.ID, "NoSuchKey")
	const file = "number,givenName,familyName,email\nU9000201,Cecilia,Payne,cecilia.payne@example.edu\n"
	if err := s.client.Upload(t.Context(), missing.Upload.Method, missing.Upload.URL, missing.Upload.Headers,
		strings.NewReader(file), int64(len(file))); err != nil {
		t.Fatal(err)
	}
	if err := s.client.Do(t.Context(), http.MethodPost, "/v1/queues/imports/dead-letters/"+found.Message+"/replay", nil,
		nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the import is finished", func(ctx context.Context) (bool, error) {
		var now asked
		err := s.client.Do(ctx, http.MethodGet, "/v1/imports/"+missing.ID, nil, &now)
		return now.State == "FINISHED", err
	})
	s.gone(t, missing.ID)
}

// testDiscard is the life of one that is only to be discarded: it is dead at once.
func (s *system) testDiscard(t *testing.T) {
	s.send(t, "nonsense")
	found := s.dead(t, "nonsense", "cannot be read")
	if err := s.client.Do(t.Context(), http.MethodDelete, "/v1/queues/imports/dead-letters/"+found.Message, nil,
		nil); err != nil {
		t.Fatal(err)
	}
	s.gone(t, "nonsense")
}

// refused are the statuses of events that find done what they ask for: README's walk-through made, and settled, the
// same. The token to unsubscribe is not made with this deployment's key; [system.testMail] has one that is.
func refused() map[string]int {
	return map[string]int{
		"terms-create": http.StatusConflict, "courses-create": http.StatusConflict, "students-create": http.StatusConflict,
		"mails-resolve": http.StatusConflict, "preferences-unsubscribe": http.StatusNotFound,
	}
}

// testFunctions gives every function its event: those of the API by its route, the others by Lambda.
func (s *system) testFunctions(t *testing.T) {
	for _, f := range functions.All() {
		event, err := os.ReadFile(filepath.Join(root, "events", f.Name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case f.Schedule != nil:
			s.invoke(t, f.Name, scheduler.Event(lambdahost.ScheduleInput, time.Now().UTC()))
		case f.Operations == nil:
			var answer struct {
				Failures []any `json:"batchItemFailures"`
			}
			text := s.invoke(t, f.Name, event)
			if err := json.Unmarshal(text, &answer); err != nil || len(answer.Failures) > 0 {
				t.Errorf("%s: %v: %s", f.Name, err, text)
			}
		default:
			status, text := s.request(t, event)
			if want := refused()[f.Name]; want != 0 && status != want || want == 0 && (status < 200 || status > 299) {
				t.Errorf("%s: %d: %s", f.Name, status, text)
			}
		}
	}
	// The audit ran on what the emulator keeps.
	var audit struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := s.client.Do(t.Context(), http.MethodGet, "/v1/audit/differences", nil, &audit); err != nil ||
		len(audit.Items) > 0 {
		t.Errorf("the audit found %s, %v", audit.Items, err)
	}
}

// request sends what an event of API Gateway's tells of, to the API, and gives the answer.
func (s *system) request(t *testing.T, event []byte) (status int, body string) {
	t.Helper()
	var told struct {
		RawPath         string
		RawQueryString  string
		Headers         map[string]string
		Body            string
		IsBase64Encoded bool
		RequestContext  struct{ HTTP struct{ Method string } }
	}
	if err := json.Unmarshal(event, &told); err != nil {
		t.Fatal(err)
	}
	if told.IsBase64Encoded {
		raw, err := base64.StdEncoding.DecodeString(told.Body)
		if err != nil {
			t.Fatal(err)
		}
		told.Body = string(raw)
	}
	r, err := http.NewRequestWithContext(t.Context(), told.RequestContext.HTTP.Method,
		s.api+told.RawPath+"?"+told.RawQueryString, strings.NewReader(told.Body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range told.Headers {
		if name != "content-length" && name != "host" {
			r.Header.Set(name, value)
		}
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}
