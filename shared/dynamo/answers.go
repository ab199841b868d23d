package dynamo

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// An answer has its own partition, because one portal may be the principal of everybody. The key has the length of the
// principal before it, so that two pairs of principal and key never make the same partition.
func answerKey(key registrar.IdempotencyKey) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"PK": str(fmt.Sprintf("ANSWER#%d#%s#%s", len(key.Principal), key.Principal, key.Key)),
		"SK": str("ANSWER"),
	}
}

// answerPut writes the answer in the transaction of its effect. Its condition fails when the key was answered before.
// An answer whose time is over counts as none, because the table's expiry deletes late.
func (s *Store) answerPut(answer registrar.Answer) types.TransactWriteItem {
	now := s.now()
	item := answerKey(answer.Key)
	item["request"] = &types.AttributeValueMemberB{Value: answer.Key.Request[:]}
	item["reply"] = &types.AttributeValueMemberB{Value: answer.Reply}
	item["expires"] = num(now.Add(registrar.AnswerLifetime).Unix())
	return types.TransactWriteItem{Put: &types.Put{
		TableName: aws.String(s.table), Item: item,
		ConditionExpression:       aws.String("attribute_not_exists(PK) OR expires <= :now"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":now": num(now.Unix())},
	}}
}

// Answered implements [example.com/registrar/shared/api.Answers].
func (s *Store) Answered(ctx context.Context, key registrar.IdempotencyKey) error {
	return s.answered(ctx, key)
}

// answered reads the answer of a key: [*registrar.AnsweredBefore] for the same request, a refusal for another one, nil
// when there is no answer.
func (s *Store) answered(ctx context.Context, key registrar.IdempotencyKey) error {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(s.table), Key: answerKey(key), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return busyOr(ctx, fmt.Errorf("read the answer of an idempotency key: %w", err))
	}
	return s.answerIn(out.Item, key)
}

// answerIn evaluates an answer item, for [Store.answered] and for the batch read of an enrolment.
func (s *Store) answerIn(item map[string]types.AttributeValue, key registrar.IdempotencyKey) error {
	if len(item) == 0 {
		return nil
	}
	r := read("answer", item)
	expires, request, reply := count[int64](&r, "expires"), r.mustBinary("request"), r.mustBinary("reply")
	switch {
	case r.err != nil:
		return r.err
	case expires <= s.now().Unix():
		return nil
	case !bytes.Equal(request, key.Request[:]):
		return registrar.Refuse(registrar.IdempotencyMismatch, "", "the idempotency key was used with another request").
			ClearedBy("a new key")
	}
	return &registrar.AnsweredBefore{Reply: reply}
}

// Attribute values without reflection, because these items are read and written most often.

func str[T ~string](v T) types.AttributeValue { return &types.AttributeValueMemberS{Value: string(v)} }

func num[T ~int | ~int32 | ~int64](v T) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(v), 10)}
}

// text is a text in an item of this process, or in a key. Stored items are read by a [reader].
func text(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}
