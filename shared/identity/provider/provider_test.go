package provider_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/identity/provider"
	"example.com/registrar/shared/registrar"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const back = "https://registrar.example.edu/v1/sessions/provider/callback"

// elsewhere is zitadel's OpenID provider, with its own two people, and one whose address it has not verified.
type elsewhere struct {
	*provider.Provider
	page *http.Client
}

type people struct {
	storage.UserStore
	more *storage.User
}

func (p people) GetUserByID(id string) *storage.User {
	if id == p.more.ID {
		return p.more
	}
	return p.UserStore.GetUserByID(id)
}

func (p people) GetUserByUsername(name string) *storage.User {
	if name == p.more.Username {
		return p.more
	}
	return p.UserStore.GetUserByUsername(name)
}

func open(t *testing.T) *elsewhere {
	t.Helper()
	var handler http.Handler
	server := httptest.NewServer(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	users := people{storage.NewUserStore(server.URL), &storage.User{ID: "id3", Username: "unverified",
		Password: "verysecure", Email: "ada@example.edu"}}
	handler = exampleop.SetupServer(server.URL, storage.NewStorageWithClients(users, map[string]*storage.Client{
		"registrar": storage.WebClient("registrar", "secret", back),
	}), nil, false, op.WithAllowInsecure())
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := provider.Open(t.Context(), provider.Config{Issuer: server.URL, ClientID: "registrar",
		Secret: registrar.NewSecret("secret"), Redirect: back}, server.Client(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return &elsewhere{p, &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), back) {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return b
}

// signIn is what somebody does at the provider's page: the query that they come back with.
func (e *elsewhere) signIn(t *testing.T, address, name string) url.Values {
	t.Helper()
	page := e.get(t, address)
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(page.body)
	if id == nil {
		t.Fatalf("there is no form at %s: %.300s", address, page.body)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, page.at,
		strings.NewReader(url.Values{"id": {id[1]}, "username": {name}, "password": {"verysecure"}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := e.page.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	to, err := answer.Location()
	if err != nil {
		text, _ := io.ReadAll(answer.Body)
		t.Fatalf("nobody is sent back: %v: %.300s", err, text)
	}
	return to.Query()
}

type page struct{ at, body string }

func (e *elsewhere) get(t *testing.T, address string) page {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := e.page.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return page{answer.Request.URL.String(), string(text)}
}

func TestSomebodySignsInElsewhere(t *testing.T) {
	t.Parallel()
	e := open(t)
	begun := e.Begin(random)
	who, err := e.End(t.Context(), begun.Secret, e.signIn(t, begun.URL, "test-user2"))
	if err != nil || who.Email != "test-user2@zitadel.ch" || who.Subject != "id2" || who.Issuer == "" {
		t.Errorf("%q %+v, %v", string(who.Email), who, err)
	}
	begun = e.Begin(random)
	who, err = e.End(t.Context(), begun.Secret, e.signIn(t, begun.URL, "unverified"))
	if err != nil || who.Email != "" || who.Subject != "id3" {
		t.Errorf("an address that nobody verified counts: %q, %v", string(who.Email), err)
	}
}

// TestOtherResponsesAreRefused is the attack suite's part of OpenID Connect.
func TestOtherResponsesAreRefused(t *testing.T) {
	t.Parallel()
	e := open(t)
	for name, change := range map[string]func(url.Values, registrar.Secret) registrar.Secret{
		"state missing":   func(q url.Values, s registrar.Secret) registrar.Secret { q.Del("state"); return s },
		"state swapped":   func(q url.Values, s registrar.Secret) registrar.Secret { q.Set("state", "other"); return s },
		"state twice":     func(q url.Values, s registrar.Secret) registrar.Secret { q.Add("state", "x"); return s },
		"another browser": func(url.Values, registrar.Secret) registrar.Secret { return e.Begin(random).Secret },
		"no browser":      func(url.Values, registrar.Secret) registrar.Secret { return registrar.Secret{} },
		"code missing":    func(q url.Values, s registrar.Secret) registrar.Secret { q.Del("code"); return s },
		"code made up":    func(q url.Values, s registrar.Secret) registrar.Secret { q.Set("code", "x"); return s },
		"another issuer": func(q url.Values, s registrar.Secret) registrar.Secret {
			q.Set("iss", "https://evil.example")
			return s
		},
		"the provider refused": func(q url.Values, s registrar.Secret) registrar.Secret {
			q.Set("error", "access_denied")
			return s
		},
	} {
		begun := e.Begin(random)
		query := e.signIn(t, begun.URL, "test-user2")
		secret := change(query, begun.Secret)
		if who, err := e.End(t.Context(), secret, query); !errors.Is(err, provider.ErrRefused) {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
	begun := e.Begin(random)
	query := e.signIn(t, begun.URL, "test-user2")
	if _, err := e.End(t.Context(), begun.Secret, query); err != nil {
		t.Fatal(err)
	}
	if _, err := e.End(t.Context(), begun.Secret, query); !errors.Is(err, provider.ErrRefused) {
		t.Errorf("a code twice: %v", err)
	}
}

// TestWhatTheBrowserChangesOnItsWayThereIsSeen: a nonce or a challenge that is not ours.
func TestWhatTheBrowserChangesOnItsWayThereIsSeen(t *testing.T) {
	t.Parallel()
	e := open(t)
	for name, change := range map[string]func(url.Values){
		"nonce wrong":     func(q url.Values) { q.Set("nonce", "other") },
		"nonce missing":   func(q url.Values) { q.Del("nonce") },
		"PKCE wrong":      func(q url.Values) { q.Set("code_challenge", strings.Repeat("A", 43)) },
		"PKCE downgraded": func(q url.Values) { q.Set("code_challenge_method", "plain") },
	} {
		begun := e.Begin(random)
		address, err := url.Parse(begun.URL)
		if err != nil {
			t.Fatal(err)
		}
		query := address.Query()
		if query.Get("code_challenge_method") != "S256" || query.Get("nonce") == "" || query.Get("redirect_uri") != back {
			t.Errorf("the way there is %s", begun.URL)
		}
		change(query)
		address.RawQuery = query.Encode()
		if who, err := e.End(t.Context(), begun.Secret, e.signIn(t, address.String(), "test-user2")); !errors.Is(err,
			provider.ErrRefused) {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
}

func TestAProviderThatCannotBeReachedIsNoRefusal(t *testing.T) {
	t.Parallel()
	e := open(t)
	begun := e.Begin(random)
	query := e.signIn(t, begun.URL, "test-user2")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.End(ctx, begun.Secret, query); err == nil || errors.Is(err, provider.ErrRefused) {
		t.Errorf("%v", err)
	}
}
