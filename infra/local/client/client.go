// Package client calls the API as any client would, over HTTP, for the commands beside it. It knows JSON and problems,
// nothing of what is behind the API. Start with [Client.Do].
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client calls the API at an address such as "http://127.0.0.1:8080".
type Client struct {
	address string
	http    *http.Client
}

// New makes a client that has up to so many requests under way.
func New(address string, atOnce int) *Client {
	const patience = time.Minute
	return &Client{address: strings.TrimSuffix(address, "/"), http: &http.Client{
		Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: atOnce, MaxConnsPerHost: atOnce},
	}}
}

// Problem is an answer that says no (RFC 9457). Without a code it is no answer of Registrar's functions.
type Problem struct {
	Status int     `json:"status"`
	Code   string  `json:"code"`
	Detail string  `json:"detail"`
	Errors []Field `json:"errors"`
}

// Field is a field of the request that was wrong.
type Field struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// Error implements error.
func (p *Problem) Error() string {
	if p.Code == "" {
		return fmt.Sprintf("the answer is %d %s, and not from Registrar: does another program listen there?", p.Status,
			p.Detail)
	}
	text := fmt.Sprintf("%d %s: %s", p.Status, p.Code, p.Detail)
	for _, f := range p.Errors {
		text += fmt.Sprintf("\n  %s %s", f.Field, f.Detail)
	}
	return text
}

// Do sends in (nil: no body) and reads the answer into out (nil: not wanted). A refusal is a [*Problem].
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.address+path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	_, err = c.send(r, out)
	return err
}

// Upload sends a file to an address that the API gave.
func (c *Client) Upload(
	ctx context.Context, method, address string, headers map[string]string, file io.Reader, size int64,
) error {
	r, err := http.NewRequestWithContext(ctx, method, address, file)
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	r.ContentLength = size
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	_, err = c.send(r, nil)
	return err
}

// answer is what came back for one request, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// once sends a request and reads the answer.
func (c *Client) once(r *http.Request) (answer, error) {
	response, err := c.http.Do(r)
	if err != nil {
		return answer{}, explained(r.URL.Scheme+"://"+r.URL.Host, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: body}, nil
}

// again waits before a request that was throttled is sent once more, so that those who were throttled together do not
// come back together, and renews its body. It returns false when ctx ends first, or for a body that was read and is
// gone.
func again(ctx context.Context, r *http.Request, attempt int) bool {
	const first, doublings = 100 * time.Millisecond, 5
	select {
	case <-ctx.Done():
		return false
	case <-time.After(rand.N(first << min(attempt, doublings))):
	}
	if r.GetBody == nil {
		return r.Body == nil || r.Body == http.NoBody
	}
	var err error
	r.Body, err = r.GetBody()
	return err == nil
}

// send sends a request; one that is throttled (429) as often as it takes. It returns the answer's headers.
func (c *Client) send(r *http.Request, out any) (http.Header, error) {
	got, err := c.once(r)
	for attempt := 0; err == nil && got.status == http.StatusTooManyRequests && again(r.Context(), r, attempt); attempt++ {
		got, err = c.once(r)
	}
	if err != nil {
		return nil, err
	}
	if got.status >= http.StatusMultipleChoices {
		problem := &Problem{Status: got.status, Detail: http.StatusText(got.status)}
		_ = json.Unmarshal(got.body, problem) // some answers are the gateway's own, in another form
		return nil, problem
	}
	if out == nil {
		return got.header, nil
	}
	if err := json.Unmarshal(got.body, out); err != nil {
		return nil, fmt.Errorf("%s %s: read the answer: %w", r.Method, r.URL.Path, err)
	}
	return got.header, nil
}

// All reads every page of a list. It goes from page to page as the answers' Link headers say.
func All[T any](ctx context.Context, c *Client, path string, query url.Values) ([]T, error) {
	query.Set("limit", "100")
	at, err := url.Parse(c.address + path + "?" + query.Encode())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for all := []T(nil); ; {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), http.NoBody)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		var page struct {
			Items []T `json:"items"`
		}
		headers, err := c.send(r, &page)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		next, more := nextOf(headers)
		if !more {
			return all, nil
		}
		if at, err = at.Parse(next); err != nil { // relative to the page that it was given with
			return nil, fmt.Errorf("%s: the next page: %w", path, err)
		}
	}
}

// nextOf is the reference to the next page in the headers of a list (RFC 8288), which this API gives alone.
func nextOf(headers http.Header) (reference string, ok bool) {
	link, ok := strings.CutPrefix(headers.Get("Link"), "<")
	if !ok {
		return "", false
	}
	reference, parameters, ok := strings.Cut(link, ">")
	return reference, ok && strings.TrimSpace(parameters) == `; rel="next"`
}

// Term is what the commands need of a term.
type Term struct {
	ID   string `json:"id"`
	Code string `json:"code"`
}

// TermByCode finds a term.
func TermByCode(ctx context.Context, c *Client, code string) (Term, bool, error) {
	terms, err := All[Term](ctx, c, "/v1/terms", url.Values{})
	if err != nil {
		return Term{}, false, err
	}
	for _, t := range terms {
		if strings.EqualFold(t.Code, code) {
			return t, true, nil
		}
	}
	return Term{}, false, nil
}
