package carrier_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/ses"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/mail/carrier"
	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/google/go-cmp/cmp"
)

const sender = "Registrar <registrar@example.edu>"

// newCarrier speaks to whatever answers HTTP. Its client would try again by itself, as the SDK's defaults are.
func newCarrier(client aws.HTTPClient, address string) *carrier.Carrier {
	return carrier.New(sesv2.New(sesv2.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		BaseEndpoint: aws.String(address), HTTPClient: client, RetryMaxAttempts: 5,
	}), carrier.Config{Sender: sender, ConfigurationSet: "registrar"})
}

func letter() mail.Letter {
	return mail.Letter{
		To: "ann@example.edu", Subject: "Größe – a \"subject\"", Text: "text\n<b>", HTML: "<p>html &amp; 語</p>",
		Unsubscribe: "https://api.example.edu/v1/unsubscribe/abc.def", Mail: "0198c0a4-2b6e-8c3d-9a41-5f0e2d7c8b11",
		Event:       "event-1",
		Correlation: "Sample21IAMEVNw=",
	}
}

func TestALetterArrivesWhole(t *testing.T) {
	engine := ses.New(ses.Options{ConfigurationSets: []string{"registrar"}, Identities: []string{"example.edu"}})
	id, err := newCarrier(inprocess.Client(engine), "http://ses.local").Send(t.Context(), letter())
	if err != nil {
		t.Fatal(err)
	}
	sent := engine.Sent()
	if len(sent) != 1 || sent[0].ID != id || id == "" {
		t.Fatalf("sent %+v, as %q", sent, id)
	}
	want := ses.Mail{
		ID: id, At: sent[0].At, From: sender, To: []string{"ann@example.edu"}, Subject: letter().Subject, Text: letter().Text,
		HTML: letter().HTML,
		Headers: []ses.Pair{
			{Name: "List-Unsubscribe", Value: "<https://api.example.edu/v1/unsubscribe/abc.def>"},
			{Name: "List-Unsubscribe-Post", Value: "List-Unsubscribe=One-Click"},
		},
		Tags: []ses.Pair{
			{Name: "mail", Value: "0198c0a4-2b6e-8c3d-9a41-5f0e2d7c8b11"}, {Name: "event", Value: "event-1"},
			{Name: "correlation", Value: "Sample21IAMEVNw-"},
		},
		ConfigurationSet: "registrar",
	}
	if d := cmp.Diff(want, sent[0]); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// What was stored before addresses were checked is refused for certain, without a request, and for an operator to look
// at.
func TestALetterToNoAddressIsRefused(t *testing.T) {
	for _, to := range []registrar.Personal{"", "ann", "Ann <ann@example.edu>", "ann@example.edu, bob@example.edu",
		"jürgen@example.edu", "ann@example..edu", "ann@localhost"} {
		engine := &answers{status: http.StatusServiceUnavailable}
		to := letterTo(to)
		_, err := newCarrier(inprocess.Client(engine), "http://ses.local").Send(t.Context(), to)
		var failed *mail.HandoverError
		if !errors.As(err, &failed) || failed.Outcome != mail.Refused || engine.requests.Load() != 0 ||
			strings.Contains(err.Error(), "ann") {
			t.Errorf("%q: %v, %d requests", string(to.To), err, engine.requests.Load())
		}
	}
}

func letterTo(to registrar.Personal) mail.Letter {
	l := letter()
	l.To = to
	return l
}

// answers counts requests and answers each alike.
type answers struct {
	requests atomic.Int64
	status   int
	code     string
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.requests.Add(1)
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("X-Amzn-Errortype", a.code)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	fmt.Fprint(w, `{"message": "about ann@example.edu"}`)
}

func TestWhatAnAnswerMeans(t *testing.T) {
	const once, often = 1, 4
	for _, c := range []struct {
		status   int
		code     string
		outcome  mail.State
		requests int64
	}{
		{400, "MessageRejected", mail.Refused, once},
		{400, "BadRequestException", mail.Refused, once},
		{429, "TooManyRequestsException", mail.Released, often},
		{400, "LimitExceededException", mail.Released, often},
		{400, "ThrottlingException", mail.Released, often},
		{429, "", mail.Released, often},
		{400, "AccountSuspendedException", mail.Released, often}, // of the account, not of the mail
		{400, "SendingPausedException", mail.Released, often},
		{400, "MailFromDomainNotVerifiedException", mail.Released, often},
		{404, "NotFoundException", mail.Released, often},
		{403, "AccessDeniedException", mail.Released, often},
		{403, "ExpiredTokenException", mail.Released, often},
		{500, "InternalServiceErrorException", mail.Unknown, once},
		{503, "ServiceUnavailable", mail.Unknown, once},
		{503, "ThrottlingException", mail.Unknown, once}, // nobody says so with 503: who knows who did
		{502, "", mail.Unknown, once},
		{504, "", mail.Unknown, once},
		{418, "SomethingNew", mail.Unknown, once},
	} {
		synctest.Test(t, func(t *testing.T) {
			server := &answers{status: c.status, code: c.code}
			_, err := newCarrier(inprocess.Client(server), "http://ses.local").Send(t.Context(), letter())
			judged(t, fmt.Sprintf("%d %s", c.status, c.code), err, c.outcome)
			if got := server.requests.Load(); got != c.requests {
				t.Errorf("%d %s: %d requests, want %d", c.status, c.code, got, c.requests)
			}
		})
	}
}

func judged(t *testing.T, what string, err error, outcome mail.State) {
	t.Helper()
	var failed *mail.HandoverError
	if !errors.As(err, &failed) || failed.Outcome != outcome || failed.Reason == "" {
		t.Errorf("%s: %#v, want %s", what, err, outcome)
		return
	}
	if strings.Contains(err.Error(), "ann@") {
		t.Errorf("%s: the error tells the address: %v", what, err)
	}
}

// A yes that cannot be read is still a yes, perhaps.
func TestAGarbledYesIsUnknown(t *testing.T) {
	requests := 0
	_, err := newCarrier(inprocess.Client(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		fmt.Fprint(w, `{"MessageId": `)
	})), "http://ses.local").Send(t.Context(), letter())
	judged(t, "a garbled yes", err, mail.Unknown)
	if requests != 1 {
		t.Errorf("%d requests", requests)
	}
}

func TestALostReplyIsUnknownAndNotAskedAgain(t *testing.T) {
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		connection, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			err = connection.Close()
		}
		if err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	_, err := newCarrier(server.Client(), server.URL).Send(t.Context(), letter())
	judged(t, "a connection that broke after the request", err, mail.Unknown)
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestATimeoutIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int64
		began := time.Now()
		_, err := newCarrier(inprocess.Client(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			<-r.Context().Done()
		})), "http://ses.local").Send(t.Context(), letter())
		judged(t, "a timeout", err, mail.Unknown)
		if took := time.Since(began); requests.Load() != 1 || took != carrier.SendTime {
			t.Errorf("%d requests in %v", requests.Load(), took)
		}
	})
}

func TestWhatNeverLeftMayBeTriedAgain(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = newCarrier(&http.Client{}, "http://"+address).Send(t.Context(), letter())
	judged(t, "a refused connection", err, mail.Released)
	_, err = newCarrier(&http.Client{}, "http://ses.invalid").Send(t.Context(), letter())
	judged(t, "a name that is none", err, mail.Released)

	called := false
	without := carrier.New(sesv2.New(sesv2.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://ses.local"),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{},
				errors.New("none")
		}),
		HTTPClient: inprocess.Client(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true })),
	}), carrier.Config{Sender: sender, ConfigurationSet: "registrar"})
	_, err = without.Send(t.Context(), letter())
	judged(t, "no credentials", err, mail.Released)
	if called {
		t.Error("a request went out without credentials")
	}
}

// The rate of SES is counted by the second, so a burst is spread over the next ones.
func TestABurstIsSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := ses.New(ses.Options{ConfigurationSets: []string{"registrar"}, Rate: 2})
		c := newCarrier(inprocess.Client(engine), "http://ses.local")
		for range 6 {
			if _, err := c.Send(t.Context(), letter()); err != nil && !isReleased(err) {
				t.Error(err)
			}
		}
		if n := len(engine.Sent()); n < 3 {
			t.Errorf("%d of 6 letters were sent at 2 a second", n)
		}
	})
}

func isReleased(err error) bool {
	var failed *mail.HandoverError
	return errors.As(err, &failed) && failed.Outcome == mail.Released
}

func TestConfiguration(t *testing.T) {
	_, err := carrier.ConfigFrom(func(string) string { return "" })
	if err == nil || !strings.Contains(err.Error(), "MAIL_SENDER") ||
		!strings.Contains(err.Error(), "MAIL_CONFIGURATION_SET") {
		t.Errorf("an empty environment: %v", err)
	}
	c, err := carrier.ConfigFrom(func(name string) string {
		return map[string]string{"MAIL_SENDER": sender, "MAIL_CONFIGURATION_SET": "registrar"}[name]
	})
	if err != nil || c.Sender != sender || c.ConfigurationSet != "registrar" {
		t.Errorf("%+v, %v", c, err)
	}
}
