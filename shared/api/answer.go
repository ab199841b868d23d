package api

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"example.com/registrar/shared/telemetry/request"
)

// maxAnswer bounds an answer's body, in bytes as it stands in Lambda's response: a JSON text, or base64. Lambda takes 6
// MB (Lambda quotas, "Invocation payload"); what is left is for the headers.
const maxAnswer = 5 << 20

// minCompressed is the size of a body, in bytes, from which on it is worth compressing: smaller ones fit into one
// packet.
const minCompressed = 1024

// held holds an answer back until it is complete. Only then is it known whether it fits, has changed, and is worth
// compressing.
type held struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// begin makes it an empty answer.
func (h *held) begin() {
	h.header, h.status = http.Header{}, 0
	h.body.Reset()
	h.header.Set("Cache-Control", "no-store")
	h.header.Set("X-Content-Type-Options", "nosniff")
}

// Header implements [http.ResponseWriter].
func (h *held) Header() http.Header { return h.header }

// WriteHeader implements [http.ResponseWriter].
func (h *held) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

// Write implements [http.ResponseWriter].
func (h *held) Write(p []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.body.Write(p)
}

// fits reports whether Lambda can return the answer.
func (h *held) fits() bool {
	return h.body.Len() <= maxAnswer/2 || enveloped(h.body.Bytes()) <= maxAnswer
}

// enveloped is the number of bytes of a body in Lambda's response: as a JSON text, or as base64 if it is not UTF-8.
func enveloped(body []byte) int {
	if !utf8.Valid(body) {
		return base64.StdEncoding.EncodedLen(len(body))
	}
	size := len(body)
	for _, c := range body {
		switch {
		case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t':
			size++
		case c < ' ':
			size += len(`\u0000`) - 1
		}
	}
	const line, paragraph = "\u2028", "\u2029" // which encoding/json escapes, too
	return size + (bytes.Count(body, []byte(line))+bytes.Count(body, []byte(paragraph)))*len(line)
}

// shorter is the request for a page whose answer was too long, with a smaller limit by which it may fit; nil when there
// is none. The page then ends early, with the cursor of its end. At most this many records are asked for; it returns
// the new number.
func (h *held) shorter(r *http.Request, most int) (*http.Request, int) {
	query := r.URL.Query()
	if asked, err := strconv.Atoi(query.Get("limit")); err == nil {
		most = min(asked, most)
	}
	// less than before, as the answer was longer than allowed
	most = int(int64(most) * maxAnswer / int64(enveloped(h.body.Bytes())))
	if most < 1 {
		return nil, 0
	}
	query.Set("limit", strconv.Itoa(most))
	less := r.Clone(r.Context())
	less.URL.RawQuery = query.Encode()
	less.Body = http.NoBody
	return less, most
}

// send decides the request's conditions, compresses the body if that is worth it and the client accepts it, and writes
// the answer. It returns the status that was sent.
//
// Compression of a secret together with text that an attacker chooses could reveal the secret by the length (BREACH).
// No answer here has both: problems do not repeat what was sent, and a browser adds no credentials that another site's
// page could use.
func (h *held) send(w http.ResponseWriter, r *http.Request, x *exchange, pool *sync.Pool) int {
	if h.status == 0 {
		h.status = http.StatusOK
	}
	long := h.body.Len() >= minCompressed && compressible(h.header.Get("Content-Type"))
	if long {
		h.header.Add("Vary", "Accept-Encoding")
	}
	h.decide(r, x)
	if long && h.body.Len() >= minCompressed {
		h.compress(r, pool)
	}
	for name, values := range h.header {
		w.Header()[name] = values
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Length", strconv.Itoa(h.body.Len()))
		h.body.Reset()
	}
	w.WriteHeader(h.status)
	if h.body.Len() > 0 {
		_, _ = w.Write(h.body.Bytes()) // the client may be gone
	}
	return h.status
}

// decide answers a GET or HEAD request with conditions (RFC 9110 section 13.2.2): 412 if the record does not match
// If-Match, 304 if it matches If-None-Match. A record with a weak tag matches no tag in If-Match, only "*".
func (h *held) decide(r *http.Request, x *exchange) {
	etag := h.header.Get("ETag")
	if !reads(r) || h.status != http.StatusOK || etag == "" {
		return
	}
	strong, weak := strings.CutPrefix(etag, "W/")
	if value := r.Header.Values(headerIfMatch); value != nil {
		tags, _ := parseEntityTags(value[0])
		if _, ok := tags.strong().find(strong); !ok || weak && !tags.all {
			p := newProblem(http.StatusPreconditionFailed, codeVersionMismatch, "the record has changed since the version in "+
				"If-Match").
				on("header."+headerIfMatch, "VERSION", "is not the record's present version")
			h.begin()
			p.Instance = request.From(r.Context()).ID
			writeProblem(h, x, p)
			return
		}
	}
	if value := r.Header.Values(headerIfNoneMatch); value != nil {
		tags, _ := parseEntityTags(value[0])
		if known, ok := tags.find(strong); ok {
			h.status = http.StatusNotModified
			h.body.Reset()
			if !weak {
				h.header.Set("ETag", known) // of the coding that the client has
			}
			for _, name := range []string{"Content-Type", "Link"} {
				h.header.Del(name)
			}
		}
	}
}

// compress compresses the body when the client accepts it.
func (h *held) compress(r *http.Request, pool *sync.Pool) {
	if !wantsGzip(strings.Join(r.Header.Values("Accept-Encoding"), ",")) {
		return
	}
	var smaller bytes.Buffer
	z, _ := pool.Get().(*gzip.Writer) // of newCompressors
	z.Reset(&smaller)
	_, _ = z.Write(h.body.Bytes()) // a buffer takes everything
	_ = z.Close()
	pool.Put(z)
	if smaller.Len() >= h.body.Len() {
		return
	}
	h.body = smaller
	h.header.Set("Content-Encoding", "gzip")
	if etag := h.header.Get("ETag"); strings.HasPrefix(etag, `"`) { // a weak one stands for every coding
		h.header.Set("ETag", strings.TrimSuffix(etag, `"`)+gzipSuffix+`"`)
	}
}

// compressible reports whether a media type is text, which gzip makes smaller.
func compressible(media string) bool {
	kind, _, _ := strings.Cut(media, ";")
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "json") || strings.HasSuffix(kind, "+xml")
}

// wantsGzip reads Accept-Encoding (RFC 9110, sections 12.5.3 and 12.4.2): whether gzip is acceptable, and at least as
// welcome as no coding. Without the header anything is acceptable, but nothing is known about the client: no coding
// then. Elements that cannot be read are ignored.
func wantsGzip(accept string) bool {
	coded, plain, rest := -1.0, -1.0, -1.0 // weights; -1: not named
	for element := range strings.SplitSeq(accept, ",") {
		name, parameters, weighed := strings.Cut(element, ";")
		weight := 1.0
		if weighed {
			q, value, _ := strings.Cut(strings.TrimSpace(parameters), "=")
			var err error
			if weight, err = strconv.ParseFloat(value, 64); err != nil || !strings.EqualFold(q, "q") ||
				!(weight >= 0 && weight <= 1) {
				continue
			}
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip", "x-gzip":
			coded = max(coded, weight)
		case "identity":
			plain = weight
		case "*":
			rest = weight
		}
	}
	if coded < 0 {
		coded = rest
	}
	return coded > 0 && coded >= plain
}

// newCompressors reuses compressors, each of which has some hundred kilobytes.
func newCompressors() *sync.Pool {
	return &sync.Pool{New: func() any {
		z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // a level that there is
		return z
	}}
}
