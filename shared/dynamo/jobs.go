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

// Job reads what is kept of a job; of one that never ran, only its name.
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

// putOver writes an item of a version over the one before, in the table alone: what it holds is no record of the
// university, and nobody is told of it. It returns [registrar.ErrVersionMismatch] when the stored version is another.
// That ours is there already, because an answer was lost, is seen by a token that it is written with.
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
