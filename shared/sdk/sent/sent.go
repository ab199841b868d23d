// Package sent answers whether a request of the AWS SDK may have left this process. What has not left was not carried
// out: it is a failure like any other, and no unknown outcome.
//
// It knows how the SDK and net/http send requests, and nothing of the project. Start with [Door].
package sent

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Door is an HTTP client for one request of the SDK, and notes whether it may have left. It stands before the client
// that the options of that request name: what the SDK has to do before, which is to check parameters, find the
// endpoint, get credentials and sign, comes before it.
type Door struct {
	Next   aws.HTTPClient
	passed atomic.Bool
}

// Do implements [aws.HTTPClient]. net/http writes a request only once it has a connection, and has shaken hands on it:
// so one that wanted a connection and got none has not left. A client that tells nothing of connections may have sent
// everything.
func (d *Door) Do(r *http.Request) (*http.Response, error) {
	var wanted, got atomic.Bool
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GetConn: func(string) { wanted.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { got.Store(true) },
	})
	answer, err := d.Next.Do(r.WithContext(ctx))
	if err == nil || got.Load() || !wanted.Load() {
		d.passed.Store(true)
	}
	return answer, err // the SDK judges it by its type
}

// Passed reports whether the request, or any attempt of it, may have left. It is false where nobody asked for it to be
// sent.
func (d *Door) Passed() bool { return d.passed.Load() }

// MayConnect reports whether a request that could not be sent for this reason may be a moment later: the host is known,
// but did not take the connection or broke it off, or the name could not be asked for.
func MayConnect(err error) bool {
	var name *net.DNSError
	if errors.As(err, &name) {
		return !name.IsNotFound
	}
	var broken *net.OpError
	var late net.Error
	switch {
	case errors.As(err, &late) && late.Timeout(), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return true
	case errors.As(err, &broken):
		return broken.Op == "dial" || broken.Op == "read" || broken.Op == "write" // and not an alert of the handshake
	}
	return false
}
