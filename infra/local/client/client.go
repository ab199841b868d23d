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

// Problem is an answer that says no (RFC 9457).
type Problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Error implements error.
func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Code, p.Detail) }

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
	return c.send(r, out)
}

// Upload sends a file to an address that the API gave.
func (c *Client) Upload(ctx context.Context, method, address string, headers map[string]string, file io.Reader, size int64) error {
	r, err := http.NewRequestWithContext(ctx, method, address, file)
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	r.ContentLength = size
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	return c.send(r, nil)
}

// once sends a request and reads the answer.
func (c *Client) once(r *http.Request) (status int, body []byte, err error) {
	answer, err := c.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	if body, err = io.ReadAll(answer.Body); err != nil {
		return 0, nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, err)
	}
	return answer.StatusCode, body, nil
}

// again waits before a request that was throttled is sent once more, so that those who were throttled together do not come
// back together, and renews its body. It returns false when ctx ends first, or for a body that was read and is gone.
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

// send sends a request; one that is throttled (429) as often as it takes.
func (c *Client) send(r *http.Request, out any) error {
	status, body, err := c.once(r)
	for attempt := 0; err == nil && status == http.StatusTooManyRequests && again(r.Context(), r, attempt); attempt++ {
		status, body, err = c.once(r)
	}
	if err != nil {
		return err
	}
	if status >= http.StatusMultipleChoices {
		problem := &Problem{Status: status, Detail: http.StatusText(status)}
		_ = json.Unmarshal(body, problem) // some answers are the gateway's own, in another form
		return problem
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", r.Method, r.URL.Path, err)
	}
	return nil
}

// All reads every page of a list.
func All[T any](ctx context.Context, c *Client, path string, query url.Values) ([]T, error) {
	var all []T
	query.Set("limit", "100")
	for {
		var page struct {
			Items []T    `json:"items"`
			Next  string `json:"next"`
		}
		if err := c.Do(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all, nil
		}
		query.Set("cursor", page.Next)
	}
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
