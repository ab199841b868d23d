package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/words"
	"example.com/registrar/shared/telemetry"
	"example.com/registrar/shared/telemetry/request"
	"github.com/danielgtaylor/huma/v2"
)

// The media types of JSON bodies. A change of a record is a merge patch (RFC 7396), whichever of them it is sent as.
const (
	jsonMedia  = "application/json"
	patchMedia = "application/merge-patch+json"
)

// maxBody bounds a request's body, in bytes. The largest record, a course with its description, is well below.
const maxBody = 256 << 10

// maxValues bounds the values in a body: each that is wrong costs an error that says so. The largest record, a section
// with its meetings, has some hundred.
const maxValues = 10_000

// middleware handles a request before and after its operation: it refuses invalid requests, keeps what an operation
// needs of the request as a whole, and records the outcome in the invocation.
type middleware struct {
	mux   *http.ServeMux
	log   *slog.Logger
	names map[string]string // operation ids by pattern
	forms map[string]Form   // of the operations that take one
	lists map[string]bool   // patterns of the operations that have a limit
	pool  *sync.Pool        // of compressors

	bodies   map[string]*huma.Schema // of JSON, by pattern
	registry huma.Registry           // where their parts are
}

// exchange is what is kept of one request while it is answered.
type exchange struct {
	log    *slog.Logger
	url    url.URL
	digest [32]byte       // of method, path and body as they were sent: what an idempotency key stands for
	nulls  []ProblemField // members of the body that must not be null
	code   string         // of the problem that was answered
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{log: slog.New(slog.DiscardHandler)} // outside of a request, in a test of an operation alone
}

// ServeHTTP implements [http.Handler].
func (f *middleware) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	x := &exchange{log: f.log, url: *r.URL}
	w := &held{}
	w.begin()
	_, pattern := f.mux.Handler(r)
	ctx := telemetry.With(context.WithValue(r.Context(), exchangeKey{}, x), "operation", f.names[pattern])
	defer func() {
		p := recover()
		if p != nil {
			f.log.ErrorContext(ctx, "panic", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			w.begin()
			writeProblem(w, x, internal(ctx))
		}
		status := w.send(rw, r, x, f.pool)
		telemetry.Conclude(ctx, telemetry.Outcome{
			Operation: f.names[pattern], Code: x.code, Status: status, Failed: p != nil ||
				status >= http.StatusInternalServerError,
		})
	}()
	p := f.refusal(r, pattern)
	if p == nil {
		p = tidy(r)
		x.url = *r.URL
	}
	var body []byte
	if p == nil {
		body, p = readBody(r, f.forms[pattern])
	}
	if p != nil {
		p.Instance = request.From(ctx).ID
		writeProblem(w, x, p)
		return
	}
	x.digest = sha256.Sum256(append([]byte(r.Method+" "+r.URL.Path+"\n"), body...))
	if schema := f.bodies[pattern]; schema != nil && len(body) > 0 {
		body, x.nulls = f.canonicalBody(schema, body)
	}
	r = r.WithContext(ctx)
	r.Body = io.NopCloser(bytes.NewReader(body))
	f.mux.ServeHTTP(w, r)
	for less, most := r, registrar.MaxPage; !w.fits(); {
		if f.lists[pattern] && w.status == http.StatusOK {
			less, most = w.shorter(less, most)
		} else {
			less = nil
		}
		if less == nil {
			f.log.ErrorContext(ctx, "the answer is longer than Lambda takes", "bytes", w.body.Len())
			w.begin()
			writeProblem(w, x, internal(ctx))
			return
		}
		w.begin()
		f.mux.ServeHTTP(w, less)
	}
}

// refusal is what is wrong with the request's address or method.
func (f *middleware) refusal(r *http.Request, pattern string) *Problem {
	switch {
	case !utf8.ValidString(r.URL.Path) || strings.ContainsRune(r.URL.Path, 0):
		return newProblem(http.StatusBadRequest, codeBadRequest, "the path is not valid").on("path", fieldFormat,
			"must be UTF-8")
	case path.Clean(r.URL.Path) != r.URL.Path:
		return newProblem(http.StatusNotFound, codeNotFound, "there is nothing at this address").on("path", fieldFormat,
			"must have no empty, . or .. segment")
	case pattern == "":
		return f.elsewhere(r)
	}
	if p := conditionFault(r); p != nil {
		return p
	}
	return queryFault(r.URL.RawQuery)
}

// queryFault is what is wrong with a query as a whole. When a parameter is given twice, one value would be ignored.
func queryFault(raw string) *Problem {
	bad := newProblem(http.StatusBadRequest, codeBadRequest, "the query is not valid")
	query, err := url.ParseQuery(raw)
	if err != nil {
		return bad.on("query", fieldFormat, "must be name=value, separated by &, percent-encoded")
	}
	for name, values := range query {
		switch value := strings.Join(values, ""); {
		case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
			bad = bad.on("query", fieldFormat, "must be UTF-8 without NUL")
		case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
			bad = bad.on(shortened("query."+name), fieldFormat, "must be UTF-8 without NUL")
		case len(values) > 1:
			bad = bad.on(shortened("query."+name), registrar.FieldDuplicate, "stands more than once")
		}
	}
	if len(bad.Errors) == 0 {
		return nil
	}
	slices.SortFunc(bad.Errors, func(a, b ProblemField) int { return strings.Compare(a.Field, b.Field) })
	return bad
}

// canonicalBody is the body in the form that operations read, and its members that must not be null.
func (f *middleware) canonicalBody(schema *huma.Schema, body []byte) ([]byte, []ProblemField) {
	same, err := canonical(body)
	if err == nil && !bytes.Contains(same, []byte("null")) {
		return same, nil
	}
	var value any
	if err != nil || json.Unmarshal(same, &value) != nil {
		return body, nil // it was valid JSON a moment ago, and huma tells what is wrong
	}
	return same, nullFaults(f.registry, schema, "body", value)
}

// tidy brings the query into Unicode's form NFC. An empty parameter is refused: a client that sends ?number= does not
// want the list of all, and one that sends an empty Idempotency-Key relies on it.
func tidy(r *http.Request) *Problem {
	wrong := newProblem(http.StatusUnprocessableEntity, codeInvalid, "fields of the request are not valid")
	query := r.URL.Query()
	for name, values := range query {
		for i, value := range values {
			// the first page
			if values[i] = words.NFC(value); !registrar.Visible(values[i]) && (value != "" || name != "cursor") {
				wrong = wrong.on(shortened("query."+name), registrar.FieldRequired, "must not be empty: leave it out, or give it "+
					"a value")
			}
		}
	}
	const key = "Idempotency-Key"
	if values, sent := r.Header[key]; sent && strings.TrimSpace(strings.Join(values, "")) == "" {
		wrong = wrong.on("header."+key, registrar.FieldRequired, "must not be empty: leave it out, or give it a value")
	}
	if len(wrong.Errors) > 0 {
		slices.SortFunc(wrong.Errors, func(a, b ProblemField) int { return strings.Compare(a.Field, b.Field) })
		return wrong
	}
	r.URL.RawQuery = query.Encode()
	return nil
}

// elsewhere answers requests without an operation: another method of a known path, or an unknown path.
func (f *middleware) elsewhere(r *http.Request) *Problem {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := f.mux.Handler(other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return newProblem(http.StatusNotFound, codeNotFound, "there is nothing at this address")
	}
	p := newProblem(http.StatusMethodNotAllowed, codeMethodNotAllowed, "the address does not take this method")
	p.header("Allow", strings.Join(allowed, ", "))
	return p
}

// readBody reads the whole body, within its limit, and checks that it is the operation's form, or JSON text:
// encoding/json would silently replace bytes that are not UTF-8.
func readBody(r *http.Request, form Form) ([]byte, *Problem) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, newProblem(http.StatusRequestEntityTooLarge, codeTooLarge, "the body is larger than 256 KiB").on("body",
			fieldTooLong, "at most 262144 bytes")
	case err != nil:
		return nil, newProblem(http.StatusBadRequest, codeBadRequest, "the body cannot be read").on("body", fieldFormat,
			"could not be read")
	case form != nil:
		return body, form.fault(r.Header.Get("Content-Type"), body)
	case len(body) == 0:
		return nil, nil
	}
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if isJSON := kind == jsonMedia || kind == patchMedia && r.Method == http.MethodPatch; err != nil || !isJSON ||
		(parameters["charset"] != "" && !strings.EqualFold(parameters["charset"], "utf-8")) {
		must := "must be " + jsonMedia
		if r.Method == http.MethodPatch {
			must += " or " + patchMedia
		}
		return nil, newProblem(http.StatusUnsupportedMediaType, codeMediaType, "the body "+must).on("header.Content-Type",
			fieldFormat, must)
	}
	if values(body) > maxValues {
		return nil, newProblem(http.StatusRequestEntityTooLarge, codeTooLarge, "the body has too many values").
			on("body", fieldTooLong, "at most "+decimal(maxValues)+" values")
	}
	if !utf8.Valid(body) {
		return nil, newProblem(http.StatusBadRequest, codeBadRequest, "the body is not valid UTF-8").on("body", fieldFormat,
			"must be UTF-8")
	}
	if fault := jsonFault(body); fault != "" {
		return nil, newProblem(http.StatusBadRequest, codeBadRequest, "the body is not valid JSON").on("body", fieldFormat,
			fault)
	}
	return body, nil
}
