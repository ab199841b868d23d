// Package sent answers whether a request of the AWS SDK may have left this process. What has not left was not carried
// out: it is a failure like any other, and no unknown outcome.
//
// It knows how the SDK and net/http send requests, and nothing of the project. Start with [Client].
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

// Client is an HTTP client for one request of the SDK. It records whether the request may have left this process. It
// wraps the HTTP client in the options of that request. The SDK calls it last: after it has checked the parameters,
// found the endpoint, got credentials and signed the request.
type Client struct {
	Next aws.HTTPClient
	left atomic.Bool
}

// Do implements [aws.HTTPClient]. net/http writes a request only when it has a connection and the TLS handshake is
// done. So a request that asked for a connection and got none has not left. Where the HTTP client does not report its
// connections, the request may have left.
func (c *Client) Do(r *http.Request) (*http.Response, error) {
	var wanted, got atomic.Bool
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GetConn: func(string) { wanted.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { got.Store(true) },
	})
	answer, err := c.Next.Do(r.WithContext(ctx))
	if err == nil || got.Load() || !wanted.Load() {
		c.left.Store(true)
	}
	return answer, err // the SDK judges it by its type
}

// MayHaveLeft reports whether the request, or any attempt of it, may have left. It is false when the SDK never came so
// far.
func (c *Client) MayHaveLeft() bool { return c.left.Load() }

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
