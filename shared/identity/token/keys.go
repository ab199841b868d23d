package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"

	"example.com/registrar/shared/registrar"
)

// JWK is a public key of P-256 (RFC 7518 section 6.2.1), as the key set publishes it.
type JWK struct {
	Type      string `json:"kty"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
}

// JWKS is a key set (RFC 7517 section 5).
type JWKS struct {
	Keys []JWK `json:"keys"`
}

const coordinate = 32 // bytes of P-256's field (RFC 7518 section 6.2.1.2)

// PublicJWK is the public half of a key. Its id is its thumbprint (RFC 7638).
func PublicJWK(key *ecdsa.PublicKey) (JWK, error) {
	raw, err := key.Bytes() // 4, x, y
	if err != nil || key.Curve != elliptic.P256() {
		return JWK{}, errors.New("the key is not one of P-256")
	}
	j := JWK{Type: "EC", Use: "sig", Algorithm: algorithm, Curve: "P-256",
		X: base64.RawURLEncoding.EncodeToString(raw[1 : 1+coordinate]),
		Y: base64.RawURLEncoding.EncodeToString(raw[1+coordinate:])}
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + j.X + `","y":"` + j.Y + `"}`))
	j.KeyID = base64.RawURLEncoding.EncodeToString(sum[:])
	return j, nil
}

// Public is the key itself.
func (j JWK) Public() (*ecdsa.PublicKey, error) {
	x, errX := base64.RawURLEncoding.DecodeString(j.X)
	y, errY := base64.RawURLEncoding.DecodeString(j.Y)
	if j.Type != "EC" || j.Curve != "P-256" || errX != nil || errY != nil || len(x) != coordinate || len(y) != coordinate {
		return nil, fmt.Errorf("the key %q is not one of P-256", j.KeyID)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	if err != nil {
		return nil, fmt.Errorf("the key %q: %w", j.KeyID, err)
	}
	return key, nil
}

// Public are the keys of a set by their ids.
func (s JWKS) Public() (map[string]*ecdsa.PublicKey, error) {
	keys := make(map[string]*ecdsa.PublicKey, len(s.Keys))
	for _, j := range s.Keys {
		key, err := j.Public()
		if err != nil {
			return nil, err
		}
		keys[j.KeyID] = key
	}
	return keys, nil
}

// NewKey makes a key to sign with, in PEM (PKCS #8).
func NewKey(random io.Reader) (registrar.Secret, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return registrar.Secret{}, fmt.Errorf("make a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return registrar.Secret{}, fmt.Errorf("write a key: %w", err)
	}
	return registrar.NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))), nil
}

// NewSigner reads a key of [NewKey].
func NewSigner(issue Issue, key registrar.Secret) (Signer, error) {
	block, _ := pem.Decode([]byte(key.Reveal()))
	if block == nil {
		return Signer{}, errors.New("the key to sign with is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Signer{}, errors.New("the key to sign with is not PKCS #8") // its own text could quote the key
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return Signer{}, errors.New("the key to sign with is not one of ECDSA")
	}
	public, err := PublicJWK(&private.PublicKey)
	if err != nil {
		return Signer{}, err
	}
	return Signer{Issue: issue, KeyID: public.KeyID, Key: private}, nil
}

// Set is the public key set of the keys to sign with, as JSON.
func Set(signers ...Signer) ([]byte, error) {
	set := JWKS{Keys: []JWK{}}
	for _, s := range signers {
		j, err := PublicJWK(&s.Key.PublicKey)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, j)
	}
	return json.Marshal(set)
}
