package ses

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/registrar/infra/local/iam"
)

// Options configure an engine; the zero value is ready to use.
type Options struct {
	Region  string // in ARNs; "us-east-1" when empty
	Account string // twelve digits, in ARNs; "000000000000" when empty
	// Address is where the engine is served, for example "http://127.0.0.1:8084": the log names a mail's page there.
	Address string
	// Identities are the verified senders: addresses, and domains with all their addresses. Nil: everyone is verified.
	Identities []string
	// ConfigurationSets are those that exist; a request that names another one is refused.
	ConfigurationSets []string
	Rate              int // mails that are taken in a second; 0: any number
	Keep              int // how many mails are kept, the latest; 1,000 when 0
	KeepBytes         int // how many bytes of mails are kept, the latest one in any case; 64 MB when 0
	Now               func() time.Time
	Log               *slog.Logger
	// Publish is given what the topic of a configuration set gets, as SNS delivers it to a queue. An error is logged. Nil:
	// nobody is told.
	Publish func(ctx context.Context, envelope []byte) error
	// Access decides what those callers may do whose credentials name a function. Nil: everybody may do everything.
	Access *iam.Authority
}

// Engine is an embedded SES. It is safe for concurrent use.
type Engine struct {
	options Options
	mux     *http.ServeMux

	mu     sync.Mutex // guards everything below
	mails  []Mail     // in order
	first  int        // of them that is kept still
	bytes  int        // of those that are kept
	second time.Time  // the running second, and how many mails it has seen
	seen   int
}

// Mail is a mail that was taken.
type Mail struct {
	ID               string // SES's message id
	At               time.Time
	From             string
	To               []string // all recipients
	Subject          string
	Text, HTML       string
	Headers          []Pair // those that the sender added
	Tags             []Pair
	ConfigurationSet string
}

// Pair is a header or a tag.
type Pair struct{ Name, Value string }

// New makes an engine.
func New(options Options) *Engine {
	if options.Region == "" {
		options.Region = "us-east-1"
	}
	if options.Account == "" {
		options.Account = "000000000000"
	}
	if options.Keep == 0 {
		options.Keep = 1000
	}
	if options.KeepBytes == 0 {
		options.KeepBytes = 64 << 20
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{options: options, mux: http.NewServeMux()}
	e.mux.HandleFunc("POST /v2/email/outbound-emails", e.sendEmail)
	e.mux.HandleFunc("/v2/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, newFault(http.StatusNotFound, "UnknownOperationException", "The local cloud does not offer %s %s", r.Method,
			r.URL.Path))
	})
	e.serveMailbox()
	return e
}

// ServeHTTP speaks the protocol, and serves the mailbox page to browsers. Signatures are not checked.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.mux.ServeHTTP(w, r) }

// Sent gives what was sent and is kept, in order.
func (e *Engine) Sent() []Mail {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Mail{}, e.mails[e.first:]...)
}

func (e *Engine) mail(id string) (Mail, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.mails[e.first:] {
		if m.ID == id {
			return m, true
		}
	}
	return Mail{}, false
}

// take keeps a mail, unless this second has seen as many as it may.
func (e *Engine) take(m Mail) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if second := m.At.Truncate(time.Second); !second.Equal(e.second) {
		e.second, e.seen = second, 0
	}
	if e.options.Rate > 0 && e.seen >= e.options.Rate {
		return newFault(http.StatusTooManyRequests, "TooManyRequestsException", "Maximum sending rate exceeded.")
	}
	e.seen++
	e.mails = append(e.mails, m)
	e.bytes += m.size()
	for len(e.mails)-e.first > e.options.Keep || e.bytes > e.options.KeepBytes && e.first < len(e.mails)-1 {
		e.bytes -= e.mails[e.first].size()
		e.mails[e.first] = Mail{} // what it says is free
		e.first++
	}
	if e.first > len(e.mails)/2 { // each is moved once at most, whatever is kept
		e.mails, e.first = append([]Mail{}, e.mails[e.first:]...), 0
	}
	return nil
}

// size is about how many bytes a mail takes.
func (m Mail) size() int {
	const each = 256 // the rest of it
	size := each + len(m.From) + len(m.Subject) + len(m.Text) + len(m.HTML)
	for _, to := range m.To {
		size += len(to)
	}
	for _, p := range slices.Concat(m.Headers, m.Tags) {
		size += len(p.Name) + len(p.Value)
	}
	return size
}

// verified reports whether the sender, or its domain, is an identity.
func (e *Engine) verified(address string) bool {
	return e.options.Identities == nil || e.identity(address) != ""
}

// identity is the identity that an address is of; empty when there is none.
func (e *Engine) identity(address string) string {
	_, domain, _ := strings.Cut(address, "@")
	for _, identity := range e.options.Identities {
		if strings.EqualFold(identity, address) || strings.EqualFold(identity, domain) {
			return identity
		}
	}
	return ""
}

// fault is an error answer of the protocol.
type fault struct {
	status        int
	code, message string
}

func (f *fault) Error() string { return f.code + ": " + f.message }

func newFault(status int, code, format string, args ...any) error {
	return &fault{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) error {
	return newFault(http.StatusBadRequest, "BadRequestException", format, args...)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client went away, and nobody reads on
}
