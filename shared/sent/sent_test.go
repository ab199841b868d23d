package sent_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/registrar/shared/sent"
)

func TestDoor_NotesWhatMayHaveLeft(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer broken.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	unknown := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}
	}}}
	for what, c := range map[string]struct {
		url           string
		client        *http.Client
		left, maybeIn bool
	}{
		"a connection that broke":               {broken.URL, http.DefaultClient, true, false},
		"a connection that was refused":         {gone.URL, http.DefaultClient, false, true},
		"a certificate that nobody vouches for": {secure.URL, http.DefaultClient, false, false},
		"a name that nobody has":                {"http://registrar.invalid", unknown, false, false},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		door := &sent.Door{Next: c.client}
		answer, err := door.Do(r)
		if err == nil {
			answer.Body.Close()
			t.Fatalf("%s: no error", what)
		}
		if door.Passed() != c.left || sent.MayConnect(err) != c.maybeIn {
			t.Errorf("%s: left %t, may connect %t, want %t and %t: %v", what, door.Passed(), sent.MayConnect(err), c.left, c.maybeIn, err)
		}
	}
	if (&sent.Door{Next: http.DefaultClient}).Passed() {
		t.Error("what nobody sent has left")
	}
}
