package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/identity"
	"example.com/registrar/shared/registrar"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var now = time.Date(2027, 1, 11, 9, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant that Go has no form for

type office struct {
	signer   Signer
	verifier *Verifier
	who      identity.Principal
}

func openOffice(t testing.TB, at time.Time) office {
	t.Helper()
	issue := Issue{Issuer: "https://api.example.edu", Audience: "https://api.example.edu"}
	pem, err := NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := NewSigner(issue, pem)
	if err != nil {
		t.Fatal(err)
	}
	published, err := Set(signer)
	if err != nil {
		t.Fatal(err)
	}
	var set JWKS
	if err := json.Unmarshal(published, &set); err != nil {
		t.Fatal(err)
	}
	keys, err := set.Public()
	if err != nil {
		t.Fatal(err)
	}
	return office{signer: signer, verifier: NewVerifier(issue, keys, func() time.Time { return at }),
		who: identity.Principal{Kind: identity.KindPerson, ID: "a1", Roles: []identity.Role{identity.RoleStudent},
			Student: "s1", Session: "e1", Rights: 3, AuthenticatedAt: now.Add(-time.Hour)}}
}

func (o office) sign(t testing.TB) string {
	t.Helper()
	text, err := o.signer.Sign(o.who, []identity.Method{identity.MethodPasskey}, "t1", now, identity.AccessTokenFor)
	if err != nil {
		t.Fatal(err)
	}
	return text.Reveal()
}

func TestATokenSaysWhoSignedIn(t *testing.T) {
	t.Parallel()
	o := openOffice(t, now.Add(time.Minute))
	got, err := o.verifier.Verify(o.sign(t))
	want := Verified{Principal: o.who, ID: "t1", ExpiresAt: now.Add(identity.AccessTokenFor),
		Methods: []identity.Method{identity.MethodPasskey}}
	if diff := cmp.Diff(want, got, cmpopts.EquateApproxTime(0)); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	o.who = identity.Principal{Kind: identity.KindClient, ID: "c1",
		Scopes: []identity.Permission{identity.ReadCatalogue, identity.ReadRoster}}
	if got, err := o.verifier.Verify(o.sign(t)); err != nil || cmp.Diff(o.who, got.Principal) != "" {
		t.Errorf("%v\n%s", err, cmp.Diff(o.who, got.Principal))
	}
}

// TestOtherTokensAreRefused is the part of the attack suite that needs no HTTP.
func TestOtherTokensAreRefused(t *testing.T) {
	t.Parallel()
	o := openOffice(t, now.Add(time.Minute))
	stranger := openOffice(t, now)
	good := o.sign(t)
	part := strings.Split(good, ".")
	published, err := PublicJWK(&o.signer.Key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := o.signer.Key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	// other makes a token which differs in one thing.
	other := func(method jwt.SigningMethod, key any, change func(header, claims map[string]any)) string {
		var c map[string]any
		text, err := base64.RawURLEncoding.DecodeString(part[1])
		if err != nil || json.Unmarshal(text, &c) != nil {
			t.Fatal(err)
		}
		token := jwt.NewWithClaims(method, jwt.MapClaims(c))
		token.Header["kid"], token.Header["typ"] = o.signer.KeyID, Type
		change(token.Header, c)
		signed, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	es := jwt.SigningMethodES256
	mine := o.signer.Key
	claim := func(name string, value any) string {
		return other(es, mine, func(_, c map[string]any) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		})
	}
	header := func(name string, value any) string {
		return other(es, mine, func(h, _ map[string]any) { h[name] = value })
	}
	same := func(_, _ map[string]any) {}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	flipped := []byte(part[2])
	flipped[10] ^= 1
	late, early := float64(now.Add(time.Hour).Unix()), float64(now.Add(-time.Hour).Unix())
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"good":                  {good, nil},
		"empty":                 {"", ErrInvalid},
		"no token":              {"a.b.c", ErrInvalid},
		"two parts":             {part[0] + "." + part[1], ErrInvalid},
		"four parts":            {good + ".x", ErrInvalid},
		"alg none":              {other(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, same), ErrInvalid},
		"HMAC with public key":  {other(jwt.SigningMethodHS256, raw, same), ErrInvalid},
		"HMAC with published":   {other(jwt.SigningMethodHS256, []byte(published.X), same), ErrInvalid},
		"another curve":         {other(jwt.SigningMethodES384, p384, same), ErrInvalid},
		"of another key":        {other(es, stranger.signer.Key, same), ErrInvalid},
		"expired":               {claim("exp", early), ErrExpired},
		"no expiry":             {claim("exp", nil), ErrInvalid},
		"for a day":             {claim("exp", late+86_400), ErrInvalid},
		"issued in the future":  {claim("iat", late), ErrInvalid},
		"never issued":          {claim("iat", nil), ErrInvalid},
		"not yet":               {claim("nbf", late), ErrInvalid},
		"another issuer":        {claim("iss", "https://api.example.org"), ErrInvalid},
		"no issuer":             {claim("iss", nil), ErrInvalid},
		"another audience":      {claim("aud", "https://other.example.edu"), ErrInvalid},
		"no audience":           {claim("aud", nil), ErrInvalid},
		"of nobody":             {claim("sub", ""), ErrInvalid},
		"without id":            {claim("jti", nil), ErrInvalid},
		"of the system":         {claim("kind", "system"), ErrInvalid},
		"of no kind":            {claim("kind", nil), ErrInvalid},
		"an id token":           {header("typ", "JWT"), ErrInvalid},
		"of no type":            {header("typ", nil), ErrInvalid},
		"unknown kid":           {header("kid", "unknown"), ErrUnknownKey},
		"kid is a path":         {header("kid", "../../dev/null"), ErrUnknownKey},
		"kid is no text":        {header("kid", 1), ErrUnknownKey},
		"jku":                   {header("jku", "https://evil.example/keys"), ErrInvalid},
		"crit":                  {header("crit", []string{"x"}), ErrInvalid},
		"altered payload":       {part[0] + "." + strings.ToUpper(part[1]) + "." + part[2], ErrInvalid},
		"altered signature":     {part[0] + "." + part[1] + "." + string(flipped), ErrInvalid},
		"no signature":          {part[0] + "." + part[1] + ".", ErrInvalid},
		"longer than it may be": {good + strings.Repeat("A", Longest), ErrInvalid},
		"embedded key": {other(es, stranger.signer.Key, func(h, _ map[string]any) {
			h["jwk"] = published
		}), ErrInvalid},
	} {
		got, err := o.verifier.Verify(c.token)
		if !errors.Is(err, c.want) || (c.want != nil && cmp.Diff(Verified{}, got) != "") {
			t.Errorf("%s: %v, and somebody is let in as %v", name, err, got.Principal)
		}
		if err != nil && strings.Contains(err.Error(), "evil") {
			t.Errorf("%s: the error quotes the token: %v", name, err)
		}
	}
}

func TestClocksMayDifferByAHalfMinute(t *testing.T) {
	t.Parallel()
	o := openOffice(t, now)
	end := now.Add(identity.AccessTokenFor)
	good := o.sign(t)
	for at, want := range map[time.Time]error{
		now.Add(-Leeway): nil, now.Add(-Leeway - time.Second): ErrInvalid, end: nil,
		end.Add(Leeway - time.Second): nil, end.Add(Leeway + time.Second): ErrExpired,
	} {
		keys := map[string]*ecdsa.PublicKey{o.signer.KeyID: &o.signer.Key.PublicKey}
		verifier := NewVerifier(o.signer.Issue, keys, func() time.Time { return at })
		if _, err := verifier.Verify(good); !errors.Is(err, want) {
			t.Errorf("%v after it was made: %v, want %v", at.Sub(now), err, want)
		}
	}
}

func TestKeysThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{
		"empty": "", "no PEM": "MIGHAgEAMBMG", "no key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	} {
		if _, err := NewSigner(Issue{}, registrar.NewSecret(key)); err == nil {
			t.Errorf("%s: it is taken for a key", name)
		}
	}
	good := JWK{Type: "EC", Curve: "P-256"}
	for name, j := range map[string]JWK{
		"RSA": {Type: "RSA"}, "empty": good,
		"off the curve": {Type: "EC", Curve: "P-256", X: strings.Repeat("A", 42) + "E", Y: strings.Repeat("A", 42) + "E"},
	} {
		if _, err := j.Public(); err == nil {
			t.Errorf("%s: it is taken for a key", name)
		}
	}
}

// BenchmarkVerify: an enrolment pays it once.
func BenchmarkVerify(b *testing.B) {
	o := openOffice(b, now)
	good := o.sign(b)
	for b.Loop() {
		if _, err := o.verifier.Verify(good); err != nil {
			b.Fatal(err)
		}
	}
}
