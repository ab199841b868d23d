package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"example.com/registrar/shared/registrar"
)

// IdempotencyInput is embedded in the input of an operation that makes something.
type IdempotencyInput struct {
	IdempotencyKey string `header:"Idempotency-Key" minLength:"1" maxLength:"255" pattern:"^[!-~]+$" doc:"Any unique text, such as a UUID. A request that is sent again with its key within 24 hours has no second effect and gets the same answer." example:"7d2f6c1e-5b3a-4e0f-9a53-2a1f4f0b8c11"`
}

// Key is the idempotency key of the request.
func (in IdempotencyInput) Key(ctx context.Context) registrar.IdempotencyKey {
	if in.IdempotencyKey == "" {
		return registrar.IdempotencyKey{}
	}
	return registrar.IdempotencyKey{Principal: ActorOf(ctx).Principal, Key: in.IdempotencyKey,
		Request: exchangeOf(ctx).digest}
}

// ActorOf is who acts. Accounts come later; until then the actor is anonymous.
func ActorOf(context.Context) registrar.Actor { return registrar.Anonymous() }

// Created is the answer with a record that was made.
type Created[T any] struct {
	Location string `header:"Location" doc:"Where the record is, relative to the address of the request (RFC 9110 section 10.2.2)" example:"terms/0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11"`
	ETag     string `header:"ETag" doc:"Version of the record"`
	Body     T
}

// Read is the answer with a record.
type Read[T any] struct {
	ETag string `header:"ETag" doc:"Version of the record, for If-Match"`
	Body T
}

// Nothing is the answer 204.
type Nothing struct{}

// Create carries out an effect that makes a record. The effect stores the answer in its transaction. When the key was
// answered before, nothing is done and the stored answer is given instead. The location is relative to the address that
// the request went to, the list of such records: "terms/" and the id. The part before it (a stage, a domain's mapping)
// may differ from client to client, and may be missing in the event.
//
// Parts are those of the [ETag]. Nothing in the body may expire before the key does. Such values are added to the
// answer afterwards.
func Create[T any](key registrar.IdempotencyKey, location string, version registrar.Version, body T,
	effect func(registrar.Answer) error,
	parts ...int,
) (*Created[T], error) {
	out := &Created[T]{Location: location, ETag: ETag(version, parts...), Body: body}
	answer := registrar.Answer{Key: key}
	if !key.Zero() {
		reply, err := Reply(out)
		if err != nil {
			return nil, err
		}
		answer.Reply = reply
	}
	if err := effect(answer); err != nil {
		return Replayed[Created[T]](err)
	}
	return out, nil
}

// Reply is the stored form of an answer.
func Reply(out any) ([]byte, error) {
	reply, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("keep an answer: %w", err)
	}
	return reply, nil
}

// Replayed returns the answer in the error ([registrar.AnsweredBefore]), or the error.
func Replayed[O any](err error) (*O, error) {
	var before *registrar.AnsweredBefore
	if !errors.As(err, &before) {
		return nil, err
	}
	out := new(O)
	if err := json.Unmarshal(before.Reply, out); err != nil {
		return nil, fmt.Errorf("read a kept answer: %w", err)
	}
	return out, nil
}

// Answers is what [AnswerOr] needs of the store.
type Answers interface {
	// Answered is [*registrar.AnsweredBefore] when the key has an answer, a refusal when it belongs to another request,
	// nil when there is none.
	Answered(ctx context.Context, key registrar.IdempotencyKey) error
}

// AnswerOr returns the stored answer of the key, or the error. It is for faults that an operation finds before it
// writes; the store looks for the answer itself when it writes. A request that cannot be carried out now may have been
// carried out when it first came.
func AnswerOr[O any](ctx context.Context, answers Answers, key registrar.IdempotencyKey, err error) (*O, error) {
	if !key.Zero() {
		if before := answers.Answered(ctx, key); before != nil {
			return Replayed[O](before)
		}
	}
	return nil, err
}

// IfMatchInput is embedded in the input of a change or a deletion.
type IfMatchInput struct {
	IfMatch string `header:"If-Match" doc:"ETag of the version that the change was made of; or several, or *, as RFC 9110 says" example:"\"1\""`
}

// expected is the condition in If-Match.
type expected struct {
	any      bool                // any version that there is
	versions []registrar.Version // else one of these
}

func (e expected) met(v registrar.Version) bool { return e.any || slices.Contains(e.versions, v) }

// expects returns the versions that the client saw. Without the header it is any version. A change must name one: 428
// then (RFC 6585 section 3).
func (in IfMatchInput) expects(needed bool) (expected, error) {
	if in.IfMatch == "" && needed {
		return expected{}, newProblem(http.StatusPreconditionRequired, codePreconditionRequired,
			"the change needs the version that it was made of, in If-Match").
			on("header.If-Match", registrar.FieldRequired, "must be the record's ETag")
	}
	if in.IfMatch == "" {
		return expected{any: true}, nil
	}
	tags, _ := parseEntityTags(in.IfMatch) // the middleware has refused invalid values
	return expected{any: tags.all, versions: tags.versions()}, nil
}

// Record is what [Change] needs of a record R.
type Record[R any] interface {
	Current() registrar.Version
	Validate() error
	SameFacts(other R) bool // whatever their ids and stamps
}

// Change changes a record: it reads it, compares its version with the one that the client saw, changes it, checks its
// form, and stores it under the condition that nobody was faster. A change that changes nothing stores nothing: the
// record keeps its version, and there is no event.
func Change[R Record[R]](
	in IfMatchInput, read func() (R, error), change func(R) R, store func(before, after R) error,
) (R, error) {
	var none R
	expected, err := in.expects(true)
	if err != nil {
		return none, err
	}
	before, err := read()
	if err != nil {
		return none, err
	}
	if !expected.met(before.Current()) {
		return none, registrar.ErrVersionMismatch
	}
	after := change(before)
	if after.SameFacts(before) {
		return before, nil
	}
	if err := after.Validate(); err != nil {
		return none, err
	}
	if err := store(before, after); err != nil {
		return none, err
	}
	return after, nil
}

// Delete deletes a record under the client's condition, if there is one: remove gets the version that the record must
// have, 0 for any. When If-Match names several versions, the record is read first.
func Delete(in IfMatchInput, read func() (registrar.Version, error), remove func(registrar.Version) error) error {
	expected, err := in.expects(false)
	switch {
	case err != nil:
		return err
	case expected.any:
		return remove(0)
	case len(expected.versions) == 1:
		return remove(expected.versions[0])
	}
	present, err := read()
	if err != nil {
		return err
	}
	if !expected.met(present) {
		return registrar.ErrVersionMismatch
	}
	return remove(present)
}
