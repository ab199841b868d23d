// Package provider signs people in with another provider, by OpenID Connect's authorization code flow with PKCE (OpenID
// Connect Core 1.0 section 3.1, RFC 7636, RFC 9700). It is the only package that knows the libraries for that, and
// belongs into the functions of that sign-in alone.
//
// What ties the two halves of a sign-in together is one secret that the browser that began keeps ([Begun.Secret]), in a
// cookie: state, nonce and PKCE's verifier are derived from it, so that nothing has to be stored before somebody comes
// back, and a response that another browser began is refused. Start with [Open].
package provider

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"example.com/registrar/shared/identity"
	"example.com/registrar/shared/registrar"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Config is what a stage knows of its provider.
type Config struct {
	Issuer   string // its address, as its tokens have it
	ClientID string
	Secret   registrar.Secret // of this client
	Redirect string           // where the provider sends people back to: one address, which the provider knows too
}

// Provider is a provider whose metadata has been read.
type Provider struct {
	config     Config
	found      *oidc.Provider
	oauth      oauth2.Config
	verifier   *oidc.IDTokenVerifier
	issInReply bool // the provider says that it names itself in its response (RFC 9207 section 3)
	http       *http.Client
	clock      registrar.Clock
}

// ErrRefused tells that the response is not good, or that the provider did not sign somebody in. Why stands in the
// text, for a log; it has nothing of the response.
var ErrRefused = errors.New("the provider's answer is not good")

// Open reads the provider's metadata (OpenID Connect Discovery 1.0).
func Open(ctx context.Context, c Config, client *http.Client, clock registrar.Clock) (*Provider, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, client), c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("read the metadata of the provider %s: %w", c.Issuer, err)
	}
	var metadata struct {
		IssInReply bool     `json:"authorization_response_iss_parameter_supported"`
		PKCE       []string `json:"code_challenge_methods_supported"`
	}
	if err := found.Claims(&metadata); err != nil {
		return nil, fmt.Errorf("read the metadata of the provider %s: %w", c.Issuer, err)
	}
	if metadata.PKCE != nil && !slices.Contains(metadata.PKCE, "S256") {
		return nil, fmt.Errorf("the provider %s does not take PKCE's S256", c.Issuer)
	}
	return &Provider{
		config: c, found: found, http: client, clock: clock, issInReply: metadata.IssInReply,
		oauth: oauth2.Config{ClientID: c.ClientID, ClientSecret: c.Secret.Reveal(), Endpoint: found.Endpoint(),
			RedirectURL: c.Redirect, Scopes: []string{oidc.ScopeOpenID, "email"}},
		verifier: found.Verifier(&oidc.Config{ClientID: c.ClientID, Now: clock,
			SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256, oidc.PS256, oidc.EdDSA}}),
	}, nil
}

// Begun is a sign-in that has begun.
type Begun struct {
	Secret registrar.Secret // for the browser to keep, out of reach of pages, until it comes back
	URL    string           // of the provider's page
}

// Begin begins a sign-in.
func (p *Provider) Begin(random identity.Random) Begun {
	secret := identity.NewToken(random)
	return Begun{Secret: secret, URL: p.oauth.AuthCodeURL(derived(secret, "state"),
		oidc.Nonce(derived(secret, "nonce")), oauth2.S256ChallengeOption(derived(secret, "verifier")))}
}

// derived is one of the values that a secret stands for, in 43 characters of base64url.
func derived(secret registrar.Secret, name string) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(name))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Person is who the provider says has signed in.
type Person struct {
	Issuer, Subject string
	Email           registrar.Personal // one that the provider has verified; empty: none
	TwoFactors      bool               // the provider says that there were several (RFC 8176: mfa)
	At              time.Time          // when they signed in there; zero: it does not say
}

// End ends a sign-in with the query that the browser came back with, and the secret that it kept. It is [ErrRefused],
// or the provider could not be reached.
func (p *Provider) End(ctx context.Context, secret registrar.Secret, query url.Values) (Person, error) {
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(query[name]) > 1 {
			return Person{}, fmt.Errorf("%w: a parameter stands twice", ErrRefused)
		}
	}
	state := identity.HashOf(registrar.NewSecret(query.Get("state")))
	switch {
	case secret.Reveal() == "" || !identity.HashOf(registrar.NewSecret(derived(secret, "state"))).Is(state):
		return Person{}, fmt.Errorf("%w: this browser did not begin it", ErrRefused)
	case query.Has("iss") && query.Get("iss") != p.config.Issuer, p.issInReply && !query.Has("iss"):
		return Person{}, fmt.Errorf("%w: it is from another provider", ErrRefused)
	case query.Has("error"):
		return Person{}, fmt.Errorf("%w: nobody was signed in", ErrRefused)
	case query.Get("code") == "":
		return Person{}, fmt.Errorf("%w: it has no code", ErrRefused)
	}
	ctx = oidc.ClientContext(ctx, p.http)
	token, err := p.oauth.Exchange(ctx, query.Get("code"), oauth2.VerifierOption(derived(secret, "verifier")))
	var no *oauth2.RetrieveError
	switch {
	case errors.As(err, &no) && no.Response != nil && no.Response.StatusCode < http.StatusInternalServerError:
		return Person{}, fmt.Errorf("%w: the code is not taken", ErrRefused)
	case err != nil:
		return Person{}, fmt.Errorf("change a code for a token at %s: %w", p.config.Issuer, err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return Person{}, fmt.Errorf("%w: the id token is not valid", ErrRefused)
	}
	if id.Nonce != derived(secret, "nonce") {
		return Person{}, fmt.Errorf("%w: the id token is for another sign-in", ErrRefused)
	}
	who, err := person(id)
	if err != nil || who.Email != "" {
		return who, err
	}
	// Where there is an access token, the address may be told with that alone (OpenID Connect Core 1.0 section 5.4).
	info, err := p.found.UserInfo(ctx, oauth2.StaticTokenSource(token))
	switch {
	case err != nil:
		return Person{}, fmt.Errorf("ask %s about somebody: %w", p.config.Issuer, err)
	case info.Subject != who.Subject: // section 5.3.2
		return Person{}, fmt.Errorf("%w: it tells of somebody else", ErrRefused)
	case info.EmailVerified && registrar.ValidEmail(info.Email):
		who.Email = registrar.Personal(info.Email)
	}
	return who, nil
}

func person(id *oidc.IDToken) (Person, error) {
	var claims struct {
		Email    registrar.Personal `json:"email"`
		Verified any                `json:"email_verified"` // some write "true" as text, which is not true
		Methods  []string           `json:"amr"`
		At       int64              `json:"auth_time"`
	}
	if err := id.Claims(&claims); err != nil {
		return Person{}, fmt.Errorf("%w: the id token cannot be read", ErrRefused)
	}
	who := Person{Issuer: id.Issuer, Subject: id.Subject, TwoFactors: slices.Contains(claims.Methods, "mfa")}
	if claims.Verified == true && registrar.ValidEmail(string(claims.Email)) {
		who.Email = claims.Email
	}
	if claims.At > 0 {
		who.At = time.Unix(claims.At, 0).UTC()
	}
	return who, nil
}
