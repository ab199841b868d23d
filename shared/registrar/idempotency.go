package registrar

import "time"

// IdempotencyKey lets a client send a request again without a second effect. The zero key means that the client sent none.
type IdempotencyKey struct {
	Principal string   // whose key it is
	Key       string   // the client's, 1 to 255 printable characters
	Request   [32]byte // SHA-256 of the request; the same key with another request is refused
}

// Zero tells whether the client sent no key.
func (k IdempotencyKey) Zero() bool { return k.Key == "" }

// AnswerLifetime is how long an answer is kept for its key.
const AnswerLifetime = 24 * time.Hour
