package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// request is one that a client makes.
type request struct{ method, path, body, key string }

func enrolling(section, student, key string) request {
	return request{http.MethodPost, "/v1/sections/" + section + "/registrations", `{"student":"` + student + `"}`, key}
}

func reading(section string) request {
	return request{method: http.MethodGet, path: "/v1/sections/" + section}
}

// run is what came of a while of requests.
type run struct {
	took    time.Duration
	answers map[string]int // by status, and by code where that is not 2xx
	times   *hdrhistogram.Histogram
}

func (r run) done() int { return int(r.times.TotalCount()) }

func (r run) perSecond() float64 { return float64(r.done()) / r.took.Seconds() }

const longestAnswer = time.Minute

func newTimes() *hdrhistogram.Histogram {
	const digits = 3
	return hdrhistogram.New(1, longestAnswer.Microseconds(), digits)
}

// clients are a closed loop: each has one request under way, and makes the next one when that is answered.
type clients struct {
	http   *http.Client
	atOnce int
}

func newClients(atOnce int) *clients {
	return &clients{atOnce: atOnce, http: &http.Client{Timeout: longestAnswer, Transport: &http.Transport{
		MaxIdleConnsPerHost: atOnce, MaxConnsPerHost: atOnce, DisableCompression: true,
	}}}
}

// make makes requests until none is left or the time is over. next is called by one client at a time.
func (c *clients) make(
	ctx context.Context, address string, long time.Duration, next func() (request, bool),
) (run, error) {
	all := run{answers: map[string]int{}, times: newTimes()}
	var mu sync.Mutex
	var failed atomic.Pointer[error]
	var working sync.WaitGroup
	began := time.Now()
	for range c.atOnce {
		working.Go(func() {
			own := run{answers: map[string]int{}, times: newTimes()}
			for time.Since(began) < long && failed.Load() == nil {
				mu.Lock()
				r, ok := next()
				mu.Unlock()
				if !ok {
					break
				}
				sent := time.Now()
				status, body, err := c.do(ctx, address, r)
				if err != nil {
					failed.CompareAndSwap(nil, &err)
					break
				}
				_ = own.times.RecordValue(time.Since(sent).Microseconds()) // the client gives up before it is too long
				own.answers[outcome(status, body)]++
			}
			mu.Lock()
			defer mu.Unlock()
			all.times.Merge(own.times)
			for what, n := range own.answers {
				all.answers[what] += n
			}
		})
	}
	working.Wait()
	all.took = time.Since(began)
	if err := failed.Load(); err != nil {
		return all, *err
	}
	return all, nil
}

func (c *clients) do(ctx context.Context, address string, in request) (status int, body []byte, err error) {
	var text io.Reader = http.NoBody
	if in.body != "" {
		text = bytes.NewReader([]byte(in.body))
	}
	r, err := http.NewRequestWithContext(ctx, in.method, address+in.path, text)
	if err != nil {
		return 0, nil, err
	}
	if in.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if in.key != "" {
		r.Header.Set("Idempotency-Key", in.key)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	return answer.StatusCode, body, err
}

// outcome is the status, or the code of a problem.
func outcome(status int, body []byte) string {
	var problem struct{ Code string }
	if status >= http.StatusBadRequest && json.Unmarshal(body, &problem) == nil && problem.Code != "" {
		return problem.Code
	}
	return fmt.Sprint(status)
}

// also are the answers that were not awaited.
func (r run) also(awaited ...string) map[string]int {
	rest := maps.Clone(r.answers)
	for _, a := range awaited {
		delete(rest, a)
	}
	return rest
}
