package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"syscall"
	"time"
)

// ErrNothingThere means that nothing listens at an address: `make run` does not run, or on another port.
var ErrNothingThere = errors.New("nothing listens there")

// explained says what to do about an error of a request to an address of `make run`.
func explained(address string, err error) error {
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return fmt.Errorf("%s: %w. Start the system with `make run` in another terminal; if it runs on another port than "+
		"8080, say PORT= here too", address, ErrNothingThere)
}

// Reach returns nil if something listens at an address such as "http://127.0.0.1:8081", and an error that says what to
// do if not ([ErrNothingThere]).
func Reach(ctx context.Context, address string) error {
	at, err := url.Parse(address)
	if err != nil {
		return err
	}
	port := at.Port()
	if port == "" {
		port = at.Scheme
	}
	const patience = 5 * time.Second
	connection, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", net.JoinHostPort(at.Hostname(), port))
	if err != nil {
		return explained(address, err)
	}
	return connection.Close()
}
