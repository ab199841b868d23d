package lambda

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// runtimeAPI is the Lambda Runtime API, version 2018-06-01, on a loopback port of its own, for one process.
type runtimeAPI struct {
	listener net.Listener
	server   *http.Server
	calls    chan *pending // to the process's next GET …/next
	ready    chan struct{} // closed when the process asks for its first event
	broken   chan *FunctionError

	mu      sync.Mutex
	asked   bool
	current *pending // handed over, not yet answered
}

// pending is a call that waits for its answer.
type pending struct {
	*call
	done chan outcome // holds one
}

type outcome struct {
	answer []byte
	err    error
}

func serveRuntimeAPI() (*runtimeAPI, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the Runtime API: %w", err)
	}
	a := &runtimeAPI{listener: listener, calls: make(chan *pending), ready: make(chan struct{}),
		broken: make(chan *FunctionError, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", a.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", a.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", a.failure)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", a.initError)
	a.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = a.server.Serve(listener) }() // ends with the server, whose end is no error
	return a, nil
}

func (a *runtimeAPI) address() string { return a.listener.Addr().String() }

func (a *runtimeAPI) close() { _ = a.server.Close() } // whoever is still connected is gone or about to be killed

func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	if !a.asked {
		a.asked = true
		close(a.ready)
	}
	a.mu.Unlock()
	select {
	case <-r.Context().Done():
	case p := <-a.calls:
		a.mu.Lock()
		a.current = p
		a.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", p.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(p.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", p.arn)
		h.Set("Lambda-Runtime-Trace-Id", p.trace)
		p.client.state(h)
		_, _ = w.Write(p.payload) // a process that went away is seen by who waits for it
	}
}

// state writes what the caller says of itself; nothing when it says nothing.
func (c *client) state(h http.Header) {
	if c == nil {
		return
	}
	for name, value := range map[string]any{
		"Lambda-Runtime-Cognito-Identity": map[string]string{
			"cognitoIdentityId": c.identity.CognitoIdentityID, "cognitoIdentityPoolId": c.identity.CognitoIdentityPoolID,
		},
		"Lambda-Runtime-Client-Context": map[string]any{"client": c.context.Client, "env": c.context.Env,
			"custom": c.context.Custom},
	} {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err) // texts
		}
		h.Set(name, string(text))
	}
}

// take ends the current call if it has this id, so that each is answered once. It returns nil for any other id.
func (a *runtimeAPI) take(id string) *pending {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.current
	if p == nil || p.id != id {
		return nil
	}
	a.current = nil
	return p
}

func (a *runtimeAPI) response(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxPayload))
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		return // broke off while it answered: the process's end, or its timeout, tells how the call ended
	}
	p := a.take(r.PathValue("id"))
	switch kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); {
	case p == nil:
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
	case tooLarge != nil:
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", responseTooLarge().Message)
		p.done <- outcome{err: responseTooLarge()}
	case kind != "": // the answer was a stream, and reading it failed half way
		told, err := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		if err != nil {
			told = nil // the type still tells something
		}
		accept(w)
		p.done <- outcome{err: parseFunctionError(told, kind)}
	default:
		accept(w)
		p.done <- outcome{answer: body}
	}
}

func (a *runtimeAPI) failure(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxPayload))
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		return // as in response
	}
	switch p := a.take(r.PathValue("id")); {
	case p == nil:
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
	case tooLarge != nil:
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", responseTooLarge().Message)
		p.done <- outcome{err: responseTooLarge()}
	default:
		accept(w)
		p.done <- outcome{err: parseFunctionError(body, errorType(r))}
	}
}

func (a *runtimeAPI) initError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxPayload))
	if err != nil {
		body = nil // the header still tells the type
	}
	select {
	case a.broken <- parseFunctionError(body, errorType(r)):
	default: // only the first counts
	}
	accept(w)
}

func errorType(r *http.Request) string {
	if kind := r.Header.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		return kind
	}
	return "Runtime.UnknownReason"
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`+"\n") // what matters is the status
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errorType":%q,"errorMessage":%q}`+"\n", kind, message)
}
