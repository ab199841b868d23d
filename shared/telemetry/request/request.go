// Package request carries what the edge knows of a request to the packages behind it: its id, when it arrived, and the
// ids that connect it with everything that it causes. It knows nothing of HTTP, Lambda or queues, so that every package
// may import it. Start with [With] and [From].
package request

import (
	"context"
	"strings"
	"time"
)

// Info is what the edge knows of a request.
type Info struct {
	ID string // the gateway's, as its access log and its answer's header have it
	// ReceivedAt is when the gateway received it, or the function's own time where the gateway's time cannot be true.
	// Deadlines and waitlists are decided on this.
	ReceivedAt time.Time
	// Correlation is the same for everything that one request causes, here and behind every queue: the client's own id,
	// see [ValidCorrelation], or else the request's id. It is in each log line, event and message.
	Correlation string
	// Trace is X-Ray's tracing header, for example
	// "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1" (X-Ray developer guide, "Tracing
	// header"); see [ValidTrace]. It goes into each event and message. Empty: there is none.
	Trace string
	// Principal is who asked, and OnBehalfOf for whom, if it was for another person. Empty: it is not known.
	Principal, OnBehalfOf string
}

// ValidCorrelation reports whether a correlation id from outside may be used: 1 to 64 characters, each an ASCII letter,
// a digit, a dot, an underscore or a hyphen, so that it cannot break a log line or a header.
func ValidCorrelation(id string) bool {
	const longest = 64
	return id != "" && len(id) <= longest && only(id, "._-")
}

// ValidTrace reports whether a tracing header from outside may be passed on: up to 256 characters, fields of letters,
// digits and hyphens separated by semicolons. One of them is a root with its time and its 96 random bits, in
// hexadecimal digits.
func ValidTrace(header string) bool {
	const longest = 256
	if len(header) > longest || !only(header, "-=;") {
		return false
	}
	for field := range strings.SplitSeq(header, ";") {
		if root, ok := strings.CutPrefix(field, "Root=1-"); ok {
			const digits, hyphen = 8 + 1 + 24, 8
			return len(root) == digits && root[hyphen] == '-' && strings.Trim(root, "0123456789abcdef-") == "" &&
				strings.Count(root, "-") == 1
		}
	}
	return false
}

// TraceID is the root of the trace, for example "1-5759e988-bd862e3fe1be46a994272793"; empty when there is none.
func (i Info) TraceID() string {
	for field := range strings.SplitSeq(i.Trace, ";") {
		if root, ok := strings.CutPrefix(field, "Root="); ok {
			return root
		}
	}
	return ""
}

// only reports whether a text consists of ASCII letters, digits, and these other characters.
func only(text, others string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune(others, r)
	})
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
