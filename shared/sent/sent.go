// Package sent answers whether a request of the AWS SDK may have left this process. What has not left was not carried out: it
// is a failure like any other, and no unknown outcome.
//
// It knows how the SDK and net/http send requests, and nothing of the project. Start with [Door].
package sent

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Door is an HTTP client for one request of the SDK, and notes whether it may have left. It stands before the client that the
// options of that request name: what the SDK has to do before, which is to check parameters, find the endpoint, get credentials
// and sign, comes before it.
type Door struct {
	Next   aws.HTTPClient
	passed atomic.Bool
}

// Do implements [aws.HTTPClient].
func (d *Door) Do(r *http.Request) (*http.Response, error) {
	d.passed.Store(true)
	answer, err := d.Next.Do(r)
	if err != nil && unconnected(err) {
		d.passed.Store(false)
	}
	return answer, err //nolint:wrapcheck // the SDK judges it by its type
}

// Passed reports whether the request, or any attempt of it, may have left. It is false where nobody asked for it to be sent.
func (d *Door) Passed() bool { return d.passed.Load() }

// unconnected reports whether there was no connection to write a request to: net/http writes only once it has one, and has
// shaken hands on it.
func unconnected(err error) bool {
	var dialled *net.OpError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &dialled) && dialled.Op == "dial" || errors.As(err, &certificate) || errors.As(err, &record)
}

// MayConnect reports whether a request that could not be sent for this reason may be a moment later: the host is known, but
// did not take the connection, or the name could not be asked for.
func MayConnect(err error) bool {
	var dialled *net.OpError
	var name *net.DNSError
	switch {
	case errors.As(err, &name):
		return !name.IsNotFound
	case errors.As(err, &dialled):
		return dialled.Op == "dial"
	}
	return false
}
