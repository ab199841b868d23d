package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// doneLifetime is how long a consumer remembers what it handled: longer than the dead letters' fourteen days, from
// which an event may come back.
const doneLifetime = 21 * 24 * time.Hour

// seenLifetime is how long the newest version that was handled is kept.
const seenLifetime = 90 * 24 * time.Hour

func claimKey(name, event string) item { return key("CLAIM#"+name+"#"+event, "CLAIM") }
func seenKey(name, subject string) item {
	return key("SEEN#"+name+"#"+subject, "SEEN")
}

// Claim implements [consumer.Claims]: one conditional put. A claim whose time is over, or whose item the table's expiry
// has not deleted yet, counts as none.
func (s *Store) Claim(ctx context.Context, name, event, token string, until time.Time) error {
	now := s.now()
	i := claimKey(name, event)
	i["token"], i["until"] = str(token), instant(until)
	i[TimeToLive] = num(until.Add(doneLifetime).Unix())
	_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String(s.table), Item: i,
		ConditionExpression: aws.String("attribute_not_exists(PK) OR attribute_not_exists(doneAt) AND #until <= :now " +
			"OR #expires <= :seconds"),
		ExpressionAttributeNames:  map[string]string{"#until": "until", "#expires": TimeToLive},
		ExpressionAttributeValues: item{":now": instant(now), ":seconds": num(now.Unix())},

		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var taken *types.ConditionalCheckFailedException
	if !errors.As(err, &taken) {
		if err != nil {
			return busyOr(ctx, fmt.Errorf("claim an event: %w", err))
		}
		return nil
	}
	r := read("claim", taken.Item)
	by, until, done := r.must("token"), r.mustInstant("until"), r.instant("doneAt")
	switch {
	case r.err != nil:
		return r.err
	case by == token: // our own, whose reply was lost
		return nil
	case !done.IsZero():
		return consumer.ErrDone
	}
	return &consumer.ClaimedError{Until: until}
}

// Complete implements [consumer.Claims].
func (s *Store) Complete(ctx context.Context, name, event, token string) error {
	now := s.now()
	return s.ofClaim(ctx, name, event, token, "SET doneAt = :now, #expires = :expires",
		item{":now": instant(now), ":expires": num(now.Add(doneLifetime).Unix())}, map[string]string{"#expires": TimeToLive})
}

// Release implements [consumer.Claims].
func (s *Store) Release(ctx context.Context, name, event, token string) error {
	return s.ofClaim(ctx, name, event, token, "SET #until = :now", item{":now": instant(s.now())},
		map[string]string{"#until": "until"})
}

// ofClaim changes a claim if the token still has it. Another's claim stays as it is.
func (s *Store) ofClaim(
	ctx context.Context, name, event, token, update string, values item, names map[string]string,
) error {
	values[":token"], names["#token"] = str(token), "token"
	_, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(s.table), Key: claimKey(name, event), UpdateExpression: aws.String(update),
		ConditionExpression: aws.String("#token = :token AND attribute_not_exists(doneAt)"), ExpressionAttributeNames: names,
		ExpressionAttributeValues: values,
	})
	var another *types.ConditionalCheckFailedException
	if err == nil || errors.As(err, &another) {
		return nil
	}
	return busyOr(ctx, fmt.Errorf("change a claim: %w", err))
}

// NewestVersion implements [consumer.Claims].
func (s *Store) NewestVersion(ctx context.Context, name, subject string) (registrar.Version, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(s.table), Key: seenKey(name, subject), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return 0, busyOr(ctx, fmt.Errorf("read what was seen: %w", err))
	}
	if len(out.Item) == 0 {
		return 0, nil
	}
	r := read("version seen", out.Item)
	return record(&r, r.version())
}

// RecordVersion implements [consumer.Claims].
func (s *Store) RecordVersion(ctx context.Context, name, subject string, version registrar.Version) error {
	_, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(s.table), Key: seenKey(name, subject), UpdateExpression: aws.String("SET version = :version, " +
			"#expires = :expires"),
		ConditionExpression:       aws.String("attribute_not_exists(PK) OR version < :version"),
		ExpressionAttributeNames:  map[string]string{"#expires": TimeToLive},
		ExpressionAttributeValues: item{":version": num(version), ":expires": num(s.now().Add(seenLifetime).Unix())},
	})
	var newer *types.ConditionalCheckFailedException
	if err == nil || errors.As(err, &newer) {
		return nil
	}
	return busyOr(ctx, fmt.Errorf("keep what was seen: %w", err))
}
