package sent_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/registrar/shared/sdk/sent"
)

func TestDoor_NotesWhatMayHaveLeft(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler)
	}))
	defer broken.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	nobody := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}
	}
	unknown := &http.Client{Transport: &http.Transport{DialContext: nobody}}
	garbled := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if secure, ok := conn.(*tls.Conn); ok { // what is no TLS record, on a connection that has carried the request
			_, _ = secure.NetConn().Write([]byte("this is no record"))
		}
	}))
	defer garbled.Close()
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	go func() {
		for { // it hangs up on whoever wants to shake hands
			conn, err := deaf.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	for what, c := range map[string]struct {
		url           string
		client        *http.Client
		left, maybeIn bool
	}{
		"a connection that broke":               {broken.URL, http.DefaultClient, true, false},
		"a connection that was refused":         {gone.URL, http.DefaultClient, false, true},
		"a certificate that nobody vouches for": {secure.URL, http.DefaultClient, false, false},
		"a name that nobody has":                {"http://registrar.invalid", unknown, false, false},
		"an answer that is no TLS":              {garbled.URL, garbled.Client(), true, false},
		"a handshake that was broken off":       {"https://" + deaf.Addr().String(), http.DefaultClient, false, true},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		client := &sent.Client{Next: c.client}
		answer, err := client.Do(r)
		if err == nil {
			answer.Body.Close()
			t.Fatalf("%s: no error", what)
		}
		if client.MayHaveLeft() != c.left || !c.left && sent.MayConnect(err) != c.maybeIn {
			t.Errorf("%s: left %t, may connect %t, want %t and %t: %v", what, client.MayHaveLeft(), sent.MayConnect(err), c.left,
				c.maybeIn, err)
		}
	}
	if (&sent.Client{Next: http.DefaultClient}).MayHaveLeft() {
		t.Error("what nobody sent has left")
	}
	twice := &sent.Client{Next: http.DefaultClient}
	for _, url := range []string{broken.URL, gone.URL} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := twice.Do(r); err == nil {
			answer.Body.Close()
			t.Fatalf("%s: no error", url)
		}
	}
	if !twice.MayHaveLeft() {
		t.Error("a first attempt has left no more because the second found no connection")
	}
}
