package dynamo

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// A cursor is the key of the last record on a page, encrypted and sealed for its list. A client can neither make one
// nor use it for another list nor read it, and a link with a cursor names nobody.

func sealer(key registrar.Secret) (cipher.AEAD, error) {
	sum := sha256.Sum256([]byte(key.Reveal()))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (s *Store) cursor(list string, at item, keys []string) (string, error) {
	values := make([]string, len(keys))
	for i, name := range keys {
		values[i] = text(at[name])
	}
	payload, err := json.Marshal(values)
	if err != nil {
		return "", fmt.Errorf("write a cursor: %w", err)
	}
	seal, err := sealer(s.cursorKey)
	if err != nil {
		return "", fmt.Errorf("write a cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(seal.Seal(nil, nil, payload, []byte(list))), nil
}

func (s *Store) startKey(list, cursor string, keys []string) (item, error) {
	if cursor == "" {
		return nil, nil
	}
	seal, err := sealer(s.cursorKey)
	if err != nil {
		return nil, fmt.Errorf("read a cursor: %w", err)
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, registrar.ErrBadCursor
	}
	payload, err := seal.Open(nil, nil, sealed, []byte(list))
	if err != nil {
		return nil, registrar.ErrBadCursor
	}
	var values []string
	if err := json.Unmarshal(payload, &values); err != nil || len(values) != len(keys) {
		return nil, registrar.ErrBadCursor
	}
	start := item{}
	for i, name := range keys {
		start[name] = str(values[i])
	}
	return start, nil
}

// maxQueries bounds the work for one page when a filter removes most records. The page is then short, but has a cursor.
const maxQueries = 8

// collect reads one page of a query. The resolve function makes records of a batch of items, nil for one that a filter
// leaves out. The list's name must contain the query and its filters.
func collect[T any](ctx context.Context, s *Store, list string, in *dynamodb.QueryInput, page registrar.PageRequest,
	resolve func(context.Context, []item) ([]*T, error),
) (registrar.Page[T], error) {
	keys := []string{"PK", "SK"}
	if in.IndexName != nil {
		keys = append(keys, *in.IndexName+"PK", *in.IndexName+"SK")
	}
	result := registrar.Page[T]{Items: []T{}}
	start, err := s.startKey(list, page.Cursor, keys)
	if err != nil {
		return result, err
	}
	in.ExclusiveStartKey = start
	in.Limit = aws.Int32(int32(page.Limit + 1)) // one more, to know whether a page follows
	var last item
	for range maxQueries {
		out, err := s.client.Query(ctx, in)
		if err != nil {
			kind, _, _ := strings.Cut(list, "#") // the rest may be a person's name
			return result, busyOr(ctx, fmt.Errorf("list %s: %w", kind, err))
		}
		records, err := resolve(ctx, out.Items)
		if err != nil {
			return result, err
		}
		for i, r := range records {
			if r != nil && len(result.Items) == page.Limit {
				result.Next, err = s.cursor(list, last, keys)
				return result, err
			}
			last = out.Items[i]
			if r != nil {
				result.Items = append(result.Items, *r)
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			return result, nil
		}
		last, in.ExclusiveStartKey = out.LastEvaluatedKey, out.LastEvaluatedKey
	}
	result.Next, err = s.cursor(list, last, keys)
	return result, err
}

// listPage is collect for records that are their items.
func listPage[T any](
	ctx context.Context, s *Store, list string, in *dynamodb.QueryInput, page registrar.PageRequest,
	from func(item) (T, error),
) (registrar.Page[T], error) {
	return collect(ctx, s, list, in, page, func(_ context.Context, items []item) ([]*T, error) {
		records := make([]*T, len(items))
		for i := range items {
			r, err := from(items[i])
			if err != nil {
				return nil, err
			}
			records[i] = &r
		}
		return records, nil
	})
}

// inIndex queries one partition of an index, by the beginning of its sort key.
func (s *Store) inIndex(index, partition, prefix string) *dynamodb.QueryInput {
	in := &dynamodb.QueryInput{
		TableName: aws.String(s.table), IndexName: aws.String(index),
		KeyConditionExpression:    aws.String(index + "PK = :partition"),
		ExpressionAttributeValues: item{":partition": str(partition)},
	}
	if prefix != "" {
		in.KeyConditionExpression = aws.String(index + "PK = :partition AND begins_with(" + index + "SK, :prefix)")
		in.ExpressionAttributeValues[":prefix"] = str(prefix)
	}
	return in
}
