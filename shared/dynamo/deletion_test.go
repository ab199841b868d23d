package dynamo_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"
)

// looking is a client that lets something happen once dependents were looked for.
type looking struct {
	*dynamodb.Client
	table  string
	looked func() error
}

func (l *looking) Query(
	ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	out, err := l.Client.Query(ctx, in, o...)
	if looked := l.looked; err == nil && looked != nil {
		l.looked = nil
		err = looked()
	}
	return out, err
}

func lookingUniversity(t *testing.T, now func() time.Time) (*registrartest.University, *looking) {
	t.Helper()
	l := &looking{Client: client(t, nil), table: "deletion-" + uuid.NewString()}
	if _, err := l.CreateTable(t.Context(), dynamo.TableDefinition(l.table)); err != nil {
		t.Fatal(err)
	}
	return registrartest.New(t,
		dynamo.New(l, dynamo.Config{Table: l.table, CursorKey: registrar.NewSecret("0123456789abcdef")}, now)), l
}

// A deletion that fails in its middle leaves the record as it was: dependents may come.
func TestAFailedDeletionLeavesNoMark(t *testing.T) {
	u, l := lookingUniversity(t, time.Now)
	term, course := u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One")
	broken := error(&smithy.GenericAPIError{Code: "AccessDeniedException"})
	l.looked = func() error { return broken }
	if err := u.DeleteTerm(t.Context(), term.ID, 0); !errors.Is(err, broken) {
		t.Fatalf("a deletion in which nothing can be read: %v", err)
	}
	u.NewSection(term, course, "100", 1)
}

// The mark of a function that was killed, and so never took it away, runs out.
func TestAMarkOfDeletionRunsOut(t *testing.T) {
	now := time.Now()
	u, l := lookingUniversity(t, func() time.Time { return now })
	term, course := u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One")
	section := u.SectionOf(term, course, "100", 1)
	killed := error(&smithy.GenericAPIError{Code: "AccessDeniedException"})
	l.looked = func() error {
		if err := u.CreateSection(t.Context(), section, registrar.Answer{}); !registrar.IsRefusal(err, registrar.NotFound) {
			t.Errorf("a section of a term that is about to be deleted: %v", err)
		}
		now = now.Add(6 * time.Minute)
		if err := u.CreateSection(t.Context(), section, registrar.Answer{}); err != nil {
			t.Errorf("a section after the mark has run out: %v", err)
		}
		return killed
	}
	if err := u.DeleteTerm(t.Context(), term.ID, 0); !errors.Is(err, killed) {
		t.Error(err)
	}
}

// Between the look for dependents and the deletion the mark goes, a section comes, and somebody else marks the term
// again.
func TestATermIsNotDeletedUnderAnothersMark(t *testing.T) {
	u, l := lookingUniversity(t, time.Now)
	term, course := u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One")
	l.looked = func() error {
		changed := term
		changed.Title, changed.Stamp = "Another", term.Next(u.Now())
		if err := u.UpdateTerm(t.Context(), term, changed); err != nil {
			t.Error(err)
		}
		u.NewSection(term, course, "100", 1)
		id := &types.AttributeValueMemberS{Value: "TERM#" + string(term.ID)}
		_, err := l.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: aws.String(l.table), Key: map[string]types.AttributeValue{"PK": id,
				"SK": &types.AttributeValueMemberS{Value: "TERM"}},
			UpdateExpression: aws.String("SET deleting = :mark"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":mark": &types.AttributeValueMemberS{
				Value: "2999-01-01T00:00:00.000Z#other"}},
		})
		return err
	}
	if err := u.DeleteTerm(t.Context(), term.ID, 0); !errors.Is(err, registrar.ErrBusy) {
		t.Errorf("the deletion: %v, want ErrBusy", err)
	}
	if _, err := u.Store.Term(t.Context(), term.ID); err != nil {
		t.Errorf("the term under its section: %v", err)
	}
}
