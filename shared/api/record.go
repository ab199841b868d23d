package api

import (
	"context"

	"example.com/registrar/shared/registrar"
)

// What the operations on one record of a resource have in common. Each takes the store's methods, and what is the
// resource's own: how a record is made, changed and shown. An operation that needs more is written out.

// CreateInput is the input of an operation that makes a record of what a client states, an N.
type CreateInput[N any] struct {
	IdempotencyInput
	Body N
}

// CreateRecord handles the creation of a record R, shown as a T. To make one gives it its id and its first version, and
// says where it will be: see [Create].
func CreateRecord[N any, R Record[R], T any](
	create func(N) (R, string), store func(context.Context, R, registrar.Answer) error, show func(R) T,
) func(context.Context, *CreateInput[N]) (*Created[T], error) {
	return func(ctx context.Context, in *CreateInput[N]) (*Created[T], error) {
		record, location := create(in.Body)
		if err := record.Validate(); err != nil {
			return nil, err
		}
		return Create(in.Key(ctx), location, record.Current(), show(record), func(answer registrar.Answer) error {
			return store(ctx, record, answer)
		})
	}
}

// ReadRecord handles the reading of a record R by its id, shown as a T.
func ReadRecord[K ~string, R, T any](
	read func(context.Context, K) (R, error), show func(R) *Read[T],
) func(context.Context, *IDInput) (*Read[T], error) {
	return func(ctx context.Context, in *IDInput) (*Read[T], error) {
		record, err := read(ctx, K(in.ID))
		if err != nil {
			return nil, err
		}
		return show(record), nil
	}
}

// UpdateInput is the input of an operation that changes a record by a merge patch, a C.
type UpdateInput[C any] struct {
	IDInput
	IfMatchInput
	Body C
}

// UpdateRecord handles the change of a record R, shown as a T: see [Change]. To change one gives it its next version,
// too.
func UpdateRecord[C any, K ~string, R Record[R], T any](
	read func(context.Context, K) (R, error), change func(C, R) R, store func(ctx context.Context, before, after R) error,
	show func(R) *Read[T],
) func(context.Context, *UpdateInput[C]) (*Read[T], error) {
	return func(ctx context.Context, in *UpdateInput[C]) (*Read[T], error) {
		after, err := Change(in.IfMatchInput,
			func() (R, error) { return read(ctx, K(in.ID)) },
			func(r R) R { return change(in.Body, r) },
			func(before, after R) error { return store(ctx, before, after) })
		if err != nil {
			return nil, err
		}
		return show(after), nil
	}
}

// DeleteInput is the input of an operation that removes a record.
type DeleteInput struct {
	IDInput
	IfMatchInput
}

// DeleteRecord handles the deletion of a record R: see [Delete].
func DeleteRecord[K ~string, R interface{ Current() registrar.Version }](
	read func(context.Context, K) (R, error), remove func(context.Context, K, registrar.Version) error,
) func(context.Context, *DeleteInput) (*Nothing, error) {
	return func(ctx context.Context, in *DeleteInput) (*Nothing, error) {
		id := K(in.ID)
		return nil, Delete(in.IfMatchInput,
			func() (registrar.Version, error) {
				found, err := read(ctx, id)
				if err != nil {
					return 0, err
				}
				return found.Current(), nil
			},
			func(version registrar.Version) error { return remove(ctx, id, version) })
	}
}
