package ses_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/ses"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

func client(engine *ses.Engine) *sesv2.Client {
	return sesv2.New(sesv2.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		BaseEndpoint: aws.String("http://ses.local"), HTTPClient: inprocess.Client(engine), RetryMaxAttempts: 1,
	})
}

func content(text string) *types.Content {
	return &types.Content{Data: &text, Charset: aws.String("UTF-8")}
}

func email(change func(*sesv2.SendEmailInput)) *sesv2.SendEmailInput {
	in := &sesv2.SendEmailInput{
		FromEmailAddress: aws.String("Registrar <registrar@example.edu>"), Destination: &types.Destination{
			ToAddresses: []string{"ann@example.edu"}},
		ConfigurationSetName: aws.String("set"), EmailTags: []types.MessageTag{{Name: aws.String("mail"),
			Value: aws.String("m-1")}},
		Content: &types.EmailContent{Simple: &types.Message{
			Subject: content("Hello"), Body: &types.Body{Text: content("text"), Html: content("<p>html</p>")},
		}},
	}
	if change != nil {
		change(in)
	}
	return in
}

func simple(in *sesv2.SendEmailInput) *types.Message { return in.Content.Simple }

func TestWhatIsRefused(t *testing.T) {
	engine := ses.New(ses.Options{ConfigurationSets: []string{"set"}, Identities: []string{"example.edu",
		"one@example.com"}})
	for name, c := range map[string]struct {
		change func(*sesv2.SendEmailInput)
		status int
		code   string
	}{
		"a sender that is not verified": {func(in *sesv2.SendEmailInput) {
			in.FromEmailAddress = aws.String("two@example.com")
		}, 400, "MessageRejected"},
		"no sender": {func(in *sesv2.SendEmailInput) { in.FromEmailAddress = nil }, 400,
			"BadRequestException"},
		"a set that is not there": {func(in *sesv2.SendEmailInput) { in.ConfigurationSetName = aws.String("other") },
			404, "NotFoundException"},
		"nobody": {func(in *sesv2.SendEmailInput) { in.Destination = &types.Destination{} }, 400,
			"BadRequestException"},
		"no address": {func(in *sesv2.SendEmailInput) { in.Destination.ToAddresses = []string{"ann"} },
			400, "BadRequestException"},
		"a name that is not ASCII": {func(in *sesv2.SendEmailInput) {
			in.Destination.ToAddresses = []string{
				"änn@example.edu"}
		}, 400, "BadRequestException"},
		"too many": {func(in *sesv2.SendEmailInput) {
			in.Destination.ToAddresses = slices.Repeat([]string{"ann@example.edu"}, 51)
		}, 400, "BadRequestException"},
		"a subject of two lines": {func(in *sesv2.SendEmailInput) { simple(in).Subject = content("a\r\nBcc: x@example.com") },
			400, "BadRequestException"},
		"no body": {func(in *sesv2.SendEmailInput) { simple(in).Body = &types.Body{} }, 400,
			"BadRequestException"},
		"no charset": {func(in *sesv2.SendEmailInput) {
			simple(in).Body.Text = &types.Content{
				Data: aws.String("ä")}
		}, 400, "BadRequestException"},
		"a header that is SES's": {func(in *sesv2.SendEmailInput) {
			simple(in).Headers = []types.MessageHeader{{Name: aws.String("Bcc"), Value: aws.String("x@example.com")}}
		}, 400, "BadRequestException"},
		"a header of two lines": {func(in *sesv2.SendEmailInput) {
			simple(in).Headers = []types.MessageHeader{{Name: aws.String("X-A"), Value: aws.String("a\nb")}}
		}, 400, "BadRequestException"},
		"a long header": {func(in *sesv2.SendEmailInput) {
			simple(in).Headers = []types.MessageHeader{{Name: aws.String("X-A"), Value: aws.String(strings.Repeat("a", 996))}}
		}, 400, "BadRequestException"},
		"a tag with a sign": {func(in *sesv2.SendEmailInput) { in.EmailTags[0].Value = aws.String("a=b") }, 400,
			"BadRequestException"},
		"raw content": {func(in *sesv2.SendEmailInput) {
			in.Content = &types.EmailContent{Raw: &types.RawMessage{Data: []byte("x")}}
		}, 400, "BadRequestException"},
	} {
		_, err := client(engine).SendEmail(t.Context(), email(c.change))
		var said smithy.APIError
		var answer *smithyhttp.ResponseError
		if !errors.As(err, &said) || said.ErrorCode() != c.code || !errors.As(err, &answer) ||
			answer.HTTPStatusCode() != c.status {
			t.Errorf("%s: %v, want %d %s", name, err, c.status, c.code)
		}
	}
	if n := len(engine.Sent()); n != 0 {
		t.Errorf("%d refused mails are kept", n)
	}
	for _, from := range []string{"one@example.com", "anyone@EXAMPLE.edu"} {
		if _, err := client(engine).SendEmail(t.Context(),
			email(func(in *sesv2.SendEmailInput) { in.FromEmailAddress = &from })); err != nil {
			t.Errorf("%s: %v", from, err)
		}
	}
	if _, err := client(engine).GetAccount(t.Context(), &sesv2.GetAccountInput{}); err == nil {
		t.Error("an operation that is not offered was answered")
	}
}

func TestTheRate(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	engine := ses.New(ses.Options{ConfigurationSets: []string{"set"}, Rate: 2, Now: func() time.Time { return at }})
	send := func() error {
		_, err := client(engine).SendEmail(t.Context(), email(nil))
		return err
	}
	for range 2 {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	var many *types.TooManyRequestsException
	if err := send(); !errors.As(err, &many) {
		t.Errorf("a third mail in a second: %v", err)
	}
	at = at.Add(time.Second)
	if err := send(); err != nil {
		t.Errorf("in the next second: %v", err)
	}
}

// envelope and event are what AWS documents of what a queue behind a topic gets.
type envelope struct{ Type, MessageId, TopicArn, Subject, Message, Timestamp string }

type event struct {
	EventType string
	Bounce    *struct {
		BounceType, BounceSubType, FeedbackId string
		BouncedRecipients                     []struct{ EmailAddress, Status, DiagnosticCode string }
	}
	Complaint *struct {
		FeedbackId, ComplaintFeedbackType string
		ComplainedRecipients              []struct{ EmailAddress string }
	}
	Mail struct {
		MessageId   string
		Destination []string
		Tags        map[string][]string
	}
}

func TestTheMailboxSimulator(t *testing.T) {
	var got []event
	engine := ses.New(ses.Options{ConfigurationSets: []string{"set"}, Publish: func(_ context.Context,
		message []byte) error {
		var outer envelope
		var inner event
		if err := errors.Join(json.Unmarshal(message, &outer), json.Unmarshal([]byte(outer.Message), &inner)); err != nil {
			t.Errorf("%v: %s", err, message)
		}
		if outer.Type != "Notification" || outer.MessageId == "" || !strings.HasPrefix(outer.TopicArn, "arn:aws:sns:") {
			t.Errorf("envelope %+v", outer)
		}
		if _, err := time.Parse(time.RFC3339, outer.Timestamp); err != nil {
			t.Error(err)
		}
		got = append(got, inner)
		return nil
	}})
	for address, want := range map[string]string{
		"bounce@simulator.amazonses.com":          "Bounce Permanent General",
		"Bounce+label@simulator.amazonses.com":    "Bounce Permanent General",
		"suppressionlist@simulator.amazonses.com": "Bounce Permanent Suppressed",
		"ooto@simulator.amazonses.com":            "Bounce Transient General",
		"complaint@simulator.amazonses.com":       "Complaint abuse",
		"success@simulator.amazonses.com":         "",
		"bounce@example.edu":                      "",
	} {
		got = nil
		out, err := client(engine).SendEmail(t.Context(),
			email(func(in *sesv2.SendEmailInput) { in.Destination.ToAddresses = []string{address} }))
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		for _, e := range got {
			whom := ""
			switch {
			case e.Bounce != nil:
				said, whom = strings.Join([]string{e.EventType, e.Bounce.BounceType, e.Bounce.BounceSubType}, " "),
					e.Bounce.BouncedRecipients[0].EmailAddress
			case e.Complaint != nil:
				said, whom = e.EventType+" "+e.Complaint.ComplaintFeedbackType, e.Complaint.ComplainedRecipients[0].EmailAddress
			}
			if whom != address || e.Mail.MessageId != *out.MessageId ||
				fmt.Sprint(e.Mail.Tags) != "map[mail:[m-1] ses:configuration-set:[set]]" {
				t.Errorf("%s: of %s: %+v", address, whom, e.Mail)
			}
		}
		if said != want || len(got) > 1 {
			t.Errorf("%s: %d events, %q, want %q", address, len(got), said, want)
		}
	}
	got = nil
	if _, err := client(engine).SendEmail(t.Context(), email(func(in *sesv2.SendEmailInput) {
		in.Destination.ToAddresses, in.ConfigurationSetName = []string{"bounce@simulator.amazonses.com"}, nil
	})); err != nil || len(got) != 0 {
		t.Errorf("without a configuration set: %v, %v", got, err)
	}
}

func get(engine http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	engine.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	return w
}

func TestTheMailboxTrustsNoMail(t *testing.T) {
	var log bytes.Buffer
	engine := ses.New(ses.Options{ConfigurationSets: []string{"set"}, Address: "http://127.0.0.1:8084",
		Log: slog.New(slog.NewTextHandler(&log, nil))})
	const evil = `<script>alert("1")</script>`
	out, err := client(engine).SendEmail(t.Context(), email(func(in *sesv2.SendEmailInput) {
		simple(in).Subject, simple(in).Body.Text, simple(in).Body.Html = content(evil), content("</pre>"+evil),
			content("<p>"+evil)
		simple(in).Headers = []types.MessageHeader{
			{Name: aws.String("List-Unsubscribe"), Value: aws.String("<https://example.edu/u/1>")}, {Name: aws.String("X-Evil"),
				Value: aws.String("javascript:alert(1)")},
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	mail := "/mails/" + *out.MessageId
	for path, policy := range map[string]string{
		"/": "default-src 'none'; style-src 'self'; frame-src 'self'", mail: "default-src 'none'; style-src 'self'; " +
			"frame-src 'self'",
		mail + "/html": "sandbox; default-src 'none'", "/style.css": "default-src 'none'",
	} {
		w := get(engine, path)
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Security-Policy"), policy) ||
			w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		if strings.Contains(w.Header().Get("Content-Security-Policy"), "script-src") ||
			strings.Contains(w.Body.String(), "http://") {
			t.Errorf("%s: loads what is not its own: %s", path, w.Body)
		}
		if has := strings.Contains(w.Body.String(), evil); has != (path == mail+"/html") {
			t.Errorf("%s: has the script: %v\n%s", path, has, w.Body)
		}
	}
	page := get(engine, mail).Body.String()
	for _, part := range []string{
		`<iframe sandbox `, `src="` + mail + `/html"`, `<a href="https://example.edu/u/1"`, `<dd>javascript:alert(1)</dd>`,
		"&lt;/pre&gt;&lt;script&gt;",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the mail's page lacks %s:\n%s", part, page)
		}
	}
	if w := get(engine, "/mails/none"); w.Code != http.StatusNotFound {
		t.Errorf("a mail that is not there: %d", w.Code)
	}
	if line := log.String(); !strings.Contains(line, "mailbox=http://127.0.0.1:8084"+mail) ||
		strings.Contains(line, "ann@") {
		t.Errorf("log: %s", line)
	}
}

func TestOnlyTheLatestAreKept(t *testing.T) {
	engine := ses.New(ses.Options{ConfigurationSets: []string{"set"}, Keep: 3})
	if page := get(engine, "/").Body.String(); !strings.Contains(page, "Nothing has been sent yet") {
		t.Errorf("an empty mailbox: %s", page)
	}
	for n := range 10 {
		if _, err := client(engine).SendEmail(t.Context(),
			email(func(in *sesv2.SendEmailInput) { simple(in).Subject = content(fmt.Sprint("mail ", n)) })); err != nil {
			t.Fatal(err)
		}
	}
	page := get(engine, "/").Body.String()
	if len(engine.Sent()) != 3 || strings.Contains(page, "mail 6") || strings.Index(page, "mail 9") > strings.Index(page,
		"mail 8") || !strings.Contains(page, "mail 7") {
		t.Errorf("%d kept:\n%s", len(engine.Sent()), page)
	}
}

// Mails are kept up to a number and up to a size, and a further one costs the same whatever is kept.
func TestGrowth(t *testing.T) {
	send := func(engine *ses.Engine, text string) {
		t.Helper()
		body := fmt.Sprintf(`{"FromEmailAddress": "a@example.edu", "Destination": {"ToAddresses": ["b@example.edu"]},
			"Content": {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": %q}}}}}`, text)
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v2/email/outbound-emails", strings.NewReader(body)))
		if w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
	}
	cost := func(keep int) float64 {
		engine := ses.New(ses.Options{Keep: keep})
		fill := func(mails int) {
			for n := range mails {
				send(engine, fmt.Sprint(n))
			}
		}
		fill(2 * keep)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		fill(keep)
		runtime.ReadMemStats(&after)
		if sent := engine.Sent(); len(sent) != keep || sent[keep-1].Text != fmt.Sprint(keep-1) || sent[0].Text != "0" {
			t.Errorf("%d mails are kept, want %d", len(sent), keep)
		}
		return float64(after.TotalAlloc-before.TotalAlloc) / float64(keep)
	}
	const few, times, even = 100, 10, 1.5
	cost(few) // what the first one allocates for good
	if less, more := cost(few), cost(times*few); more > even*less {
		t.Errorf("a mail costs %.0f bytes where %d are kept, and %.0f where %d are", less, few, more, times*few)
	}
	const size, kept = 10_000, 7
	engine := ses.New(ses.Options{KeepBytes: kept * (size + 500)})
	for range 3 * kept {
		send(engine, strings.Repeat("x", size))
	}
	if sent := engine.Sent(); len(sent) != kept {
		t.Errorf("%d mails of %d bytes are kept, want %d", len(sent), size, kept)
	}
	send(engine, strings.Repeat("x", kept*size*2)) // larger than all that is kept
	if sent := engine.Sent(); len(sent) != 1 || len(sent[0].Text) != kept*size*2 {
		t.Errorf("%d mails are kept, want the latest alone", len(sent))
	}
}
