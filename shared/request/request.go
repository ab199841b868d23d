// Package request carries what the edge knows of a request and what is behind it needs: its id and when it arrived. It
// knows nothing of HTTP, Lambda or queues, so that everyone may import it. Start with [With] and [From].
package request

import (
	"context"
	"time"
)

// Info is what the edge knows of a request.
type Info struct {
	ID         string    // the gateway's, as its access log and its answer's header have it
	ReceivedAt time.Time // when the gateway received it; deadlines and waitlists are decided on this
	// Correlation is what everything that one request caused has in common, however many queues lie between; the first
	// request's id unless its client chose one.
	Correlation string
	Trace       string // AWS X-Ray's: "Root=1-67288e44-0123456789abcdef01234567", perhaps with ";Parent=…;Sampled=…"
	// Principal is who asked, and OnBehalfOf for whom, if for another. Empty: nobody said.
	Principal, OnBehalfOf string
}

type key struct{}

// With gives the context its request.
func With(ctx context.Context, info Info) context.Context {
	return context.WithValue(ctx, key{}, info)
}

// From gives the context's request; zero when there is none.
func From(ctx context.Context) Info {
	info, _ := ctx.Value(key{}).(Info)
	return info
}
