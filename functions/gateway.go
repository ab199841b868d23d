package functions

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// Gateway is what API Gateway does before it calls a function. The local gateway and the CDK app follow it, and
// template.yaml as far as the SAM CLI's gateway does.
type Gateway struct {
	CORS     CORS
	Throttle Throttle // of the stage: requests to all routes whose function has no throttle of its own
}

// CORS is what web pages of other origins may do (API Gateway developer guide, "Configure CORS for HTTP APIs"; S3 user
// guide, "Using cross-origin resource sharing").
type CORS struct {
	Origins []string      // whose pages may call: "https://app.example", or "*" for all
	Methods []string      // "GET", …
	Headers []string      // that a request may have beyond what every page may send (Fetch standard, "CORS-safelisted")
	Expose  []string      // headers of an answer that a page may read beyond those that every page may
	MaxAge  time.Duration // for which a browser need not ask again: whole seconds, up to a day
}

// Throttle bounds requests by a token bucket; above it API Gateway answers 429 (developer guide, "Throttle requests to
// your HTTP APIs"). An account's buckets together hold 5,000 tokens and gain 10,000 a second ("API Gateway quotas").
type Throttle struct {
	Rate  int // requests a second, over time
	Burst int // requests at once: the bucket's size
}

// Concurrency is how many calls of an account's functions may be in progress, all together (Lambda quotas, "Concurrent
// executions"). Above it Lambda refuses calls, API Gateway answers 503, and nobody tries again. So all bursts together
// stay below it.
const Concurrency = 1000

// API is the gateway of all operations.
//
// Any page may call: a request shows who sends it in a header that no browser adds by itself, so that another site's
// page can do nothing in a visitor's name. The stage's throttle leaves a third of the account's rate for later APIs. It
// is enough for the readers of a registration morning: 2,800 requests a second in the largest that was published
// (University of Virginia, 2019).
func API() Gateway {
	methods := map[string]bool{}
	for _, f := range All() {
		if f.Operations != nil {
			for _, o := range f.Operations(Adapters{}) {
				methods[o.Method] = true
			}
		}
	}
	return Gateway{
		CORS: CORS{
			Origins: []string{"*"}, Methods: slices.Sorted(maps.Keys(methods)),
			Headers: []string{"Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "X-Correlation-Id"},
			Expose:  []string{"Apigw-Requestid", "ETag", "Link", "Location", "Retry-After", "X-Correlation-Id"},
			MaxAge:  time.Hour,
		},
		Throttle: Throttle{Rate: 4000, Burst: 500},
	}
}

// UploadCORS is what web pages may do with the bucket: upload to the addresses that the API gives them. The bucket has
// its own CORS rules, so the API's do not cover it.
func UploadCORS() CORS {
	api := API().CORS
	return CORS{Origins: api.Origins, Methods: []string{http.MethodPut}, Headers: []string{"Content-Type"},
		MaxAge: api.MaxAge}
}

// Throttles are the throttles of routes that have one of their own, by route key: "POST /v1/imports".
func Throttles(all []Function) map[string]Throttle {
	own := map[string]Throttle{}
	for _, f := range all {
		if f.Throttle == nil || f.Operations == nil {
			continue
		}
		for _, o := range f.Operations(Adapters{}) {
			own[o.Method+" "+o.Path] = *f.Throttle
		}
	}
	return own
}
