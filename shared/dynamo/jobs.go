package dynamo

import (
	"context"
	"errors"
	"fmt"

	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/schedule"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func jobKey(name string) item { return key("JOB#"+name, "JOB") }

// Job reads the record of a job; for one that never ran it has only the name.
func (s *Store) Job(ctx context.Context, name string) (schedule.Job, error) {
	i, err := s.getItem(ctx, jobKey(name), "job", name)
	switch {
	case registrar.IsRefusal(err, registrar.NotFound):
		return schedule.Job{Name: name}, nil
	case err != nil:
		return schedule.Job{}, err
	}
	r := read("job", i)
	r.id = name
	return record(&r, schedule.Job{
		Name: name, Done: r.instant("doneDue"), Version: r.version(),
		Run: schedule.JobRun{Due: r.instant("due"), Token: r.text("token"), Until: r.instant("until")},
	})
}

// SaveJob writes a job over the version before, or returns [registrar.ErrVersionMismatch]: another run was quicker.
func (s *Store) SaveJob(ctx context.Context, j schedule.Job) error {
	i := jobKey(j.Name)
	putInstant(i, "doneDue", j.Done)
	putInstant(i, "due", j.Run.Due)
	putInstant(i, "until", j.Run.Until)
	put(i, "token", j.Run.Token)
	i["version"] = num(j.Version)
	return s.putOver(ctx, i, j.Version, "job")
}

// putOver writes an item of a version over the one before, without an event: it is not a record of the university. It
// returns [registrar.ErrVersionMismatch] when another version is stored. When our own item is stored already, because
// an answer was lost, its token shows that.
func (s *Store) putOver(ctx context.Context, i item, version registrar.Version, kind string) error {
	written := str(s.newID())
	i["written"] = written
	p := s.versionedPut(i, version-1)
	_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String(s.table), Item: i, ConditionExpression: p.ConditionExpression,
		ExpressionAttributeValues:           p.ExpressionAttributeValues,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var other *types.ConditionalCheckFailedException
	switch {
	case err == nil, errors.As(err, &other) && sameValue(other.Item["written"], written):
		return nil
	case other != nil:
		return fmt.Errorf("write a %s: %w", kind, registrar.ErrVersionMismatch)
	}
	return busyOr(ctx, fmt.Errorf("write a %s: %w", kind, err))
}
