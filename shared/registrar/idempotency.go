package registrar

import "time"

// IdempotencyKey lets a client send a request again without a second effect. The zero key means that the client sent
// none.
type IdempotencyKey struct {
	Principal string   // whose key it is
	Key       string   // the client's, 1 to 255 printable characters
	Request   [32]byte // SHA-256 of the request; the same key with another request is refused
}

// Zero reports whether the client sent no key.
func (k IdempotencyKey) Zero() bool { return k.Key == "" }

// AnswerLifetime is how long an answer is kept for its key.
const AnswerLifetime = 24 * time.Hour

// Answer is the answer to a request with a key, in the edge's own form. It is stored in the transaction of the
// request's effect, so that there is an answer if and only if there is the effect.
type Answer struct {
	Key   IdempotencyKey
	Reply []byte // opaque here: a record. The limits of its fields bound it: the largest, a course, to less than 100 KiB
}

// AnsweredBefore says that the request with this key was carried out before, perhaps by a first attempt whose reply was
// lost. The stored reply is to be sent again, and nothing was changed now.
type AnsweredBefore struct {
	Reply []byte
}

// Error says so.
func (*AnsweredBefore) Error() string { return "the request was answered before" }
