package identity

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"

	"example.com/registrar/shared/registrar"
)

// Random gives n bytes that nobody can guess: crypto/rand's, or a test's.
type Random func(n int) []byte

// tokenBytes are the random bytes of a token: 256 bits, so that a plain hash of it may be stored (OWASP ASVS 5.0,
// 6.5.2: at least 112 bits).
const tokenBytes = 32

// NewToken makes a token for one use or for one session, in 43 characters of base64url.
func NewToken(random Random) registrar.Secret {
	return registrar.NewSecret(base64.RawURLEncoding.EncodeToString(random(tokenBytes)))
}

// NewSessionID makes the id of a session.
func NewSessionID(random Random) SessionID {
	const idBytes = 16
	return SessionID(hex.EncodeToString(random(idBytes)))
}

// Hash is how a token is stored: SHA-256 in hexadecimal digits. It is for tokens of [NewToken] and codes of
// [NewRecoveryCodes] alone: a password wants a slow hash.
type Hash string

// HashOf is the hash of a token.
func HashOf(token registrar.Secret) Hash {
	sum := sha256.Sum256([]byte(token.Reveal()))
	return Hash(hex.EncodeToString(sum[:]))
}

// Is reports whether both are the same, in a time that does not depend on where they differ. No hash is the empty one.
func (h Hash) Is(other Hash) bool {
	return h != "" && subtle.ConstantTimeCompare([]byte(h), []byte(other)) == 1
}
