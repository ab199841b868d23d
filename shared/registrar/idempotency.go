package registrar

import "time"

// IdempotencyKey lets a client send a request again without a second effect. The zero key means that the client sent
// none.
type IdempotencyKey struct {
	Principal string   // whose key it is
	Key       string   // the client's, 1 to 255 printable characters
	Request   [32]byte // SHA-256 of the request; the same key with another request is refused
}

// Zero tells whether the client sent no key.
func (k IdempotencyKey) Zero() bool { return k.Key == "" }

// AnswerLifetime is how long an answer is kept for its key.
const AnswerLifetime = 24 * time.Hour

// Answer is what a key was answered, in the edge's own form. It is stored in the transaction of its effect, so that
// there is an answer if and only if there is the effect.
type Answer struct {
	Key   IdempotencyKey
	Reply []byte // opaque here; a record, whose fields' limits bound it: of the largest, a course, to less than 100 KiB
}

// AnsweredBefore tells that the request with this key was carried out before, perhaps by a first attempt whose reply
// was lost: the stored reply is to be sent again, and nothing was changed now.
type AnsweredBefore struct {
	Reply []byte
}

// Error says so.
func (*AnsweredBefore) Error() string { return "the request was answered before" }
