package dynamo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
)

// Config names the table of the store's records.
type Config struct {
	Table string // TABLE_NAME
	// CursorKey is CURSOR_KEY: the secret that seals page cursors, at least 16 characters. Empty: cursors are good within
	// this store alone, for those who give none to a client.
	CursorKey registrar.Secret
}

// ConfigFrom reads the configuration from the environment, and names every variable that is missing or wrong. Only a
// store for pages needs the key of cursors.
func ConfigFrom(getenv func(string) string, pages bool) (Config, error) {
	c := Config{Table: getenv("TABLE_NAME")}
	var wrong []string
	if c.Table == "" {
		wrong = append(wrong, "TABLE_NAME is not set")
	}
	const shortest = 16
	if pages {
		if c.CursorKey = registrar.NewSecret(getenv("CURSOR_KEY")); len(c.CursorKey.Reveal()) < shortest {
			wrong = append(wrong, "CURSOR_KEY is not set, or has fewer than 16 characters")
		}
	}
	if len(wrong) > 0 {
		return c, errors.New("configuration of the store: " + strings.Join(wrong, "; "))
	}
	return c, nil
}

// Client is what the store needs of the SDK's client.
type Client interface {
	dynamodb.QueryAPIClient
	GetItem(ctx context.Context, in *dynamodb.GetItemInput, options ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput,
		error)
	PutItem(ctx context.Context, in *dynamodb.PutItemInput, options ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput,
		error)
	UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput,
		options ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput,
		options ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	BatchWriteItem(ctx context.Context, in *dynamodb.BatchWriteItemInput,
		options ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error)
	TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput,
		options ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// Store keeps the records. It is safe for concurrent use.
type Store struct {
	client    retryingClient
	table     string
	cursorKey registrar.Secret
	now       registrar.Clock
	newID     registrar.IDs
	sections  *cache[registrar.SectionID, registrar.Section]
	terms     *cache[registrar.TermID, registrar.Term]
	full      *cache[registrar.SectionID, registrar.Seats] // of sections without a seat to take
}

// New makes a store over a client.
func New(client Client, c Config, now registrar.Clock) *Store {
	if c.CursorKey.Reveal() == "" {
		c.CursorKey = registrar.NewSecret(rand.Text())
	}
	return &Store{
		client: retryingClient{meteredClient{client}}, table: c.Table, cursorKey: c.CursorKey, now: now,
		newID:    func() string { return uuid.Must(uuid.NewV7()).String() },
		sections: newCache[registrar.SectionID](now, func(s registrar.Section) registrar.Version { return s.Version }),
		terms:    newCache[registrar.TermID](now, func(t registrar.Term) registrar.Version { return t.Version }),
		full:     newCache[registrar.SectionID](now, func(s registrar.Seats) registrar.Version { return s.SectionVersion }),
	}
}

// As makes a store over another client that shares with this one what was read and is kept for a while.
func (s *Store) As(client Client, c Config) *Store {
	other := New(client, c, s.now)
	other.sections, other.terms, other.full = s.sections, s.terms, s.full
	return other
}

// Open makes a store that the environment configures: see [ConfigFrom]. It is for functions that give no client a
// cursor.
func Open(sdk aws.Config, getenv func(string) string) (*Store, error) {
	return open(sdk, getenv, false)
}

// OpenForPages is Open for functions that give lists to clients page by page.
func OpenForPages(sdk aws.Config, getenv func(string) string) (*Store, error) {
	return open(sdk, getenv, true)
}

func open(sdk aws.Config, getenv func(string) string, pages bool) (*Store, error) {
	c, err := ConfigFrom(getenv, pages)
	if err != nil {
		return nil, err
	}
	return New(dynamodb.NewFromConfig(sdk), c, time.Now), nil
}

// TableDefinition is the table that the store expects, for local engines and tests. On AWS it comes from infra/cdk; a
// test compares the two.
func TableDefinition(name string) *dynamodb.CreateTableInput {
	attribute := func(name string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS}
	}
	keys := func(partition, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{
			{AttributeName: aws.String(partition), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String(sort), KeyType: types.KeyTypeRange},
		}
	}
	index := func(name string) types.GlobalSecondaryIndex {
		return types.GlobalSecondaryIndex{
			IndexName: aws.String(name), KeySchema: keys(name+"PK", name+"SK"),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		}
	}
	return &dynamodb.CreateTableInput{
		TableName: aws.String(name), BillingMode: types.BillingModePayPerRequest, KeySchema: keys("PK", "SK"),
		AttributeDefinitions: []types.AttributeDefinition{
			attribute("PK"), attribute("SK"), attribute("GSI1PK"), attribute("GSI1SK"), attribute("GSI2PK"), attribute("GSI2SK"),
		},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{index("GSI1"), index("GSI2")},
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true),
			StreamViewType: types.StreamViewTypeNewAndOldImages},
	}
}

// TimeToLive is the attribute with the time (seconds since 1970) after which an item may be deleted.
const TimeToLive = "expires"

// Reachable is nil when the table can be read. It takes half a read unit.
func (s *Store) Reachable(ctx context.Context) error {
	if _, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(s.table),
		Key: key("HEALTH", "HEALTH")}); err != nil {
		return busyOr(ctx, fmt.Errorf("reach the table: %w", err))
	}
	return nil
}

type item = map[string]types.AttributeValue

func notFound(kind, id string) error {
	return registrar.Refuse(registrar.NotFound, id, "there is no such %s", kind)
}

// getItem reads the item of one record consistently; a [registrar.NotFound] refusal when there is none.
func (s *Store) getItem(ctx context.Context, k item, kind, id string) (item, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(s.table), Key: k,
		ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, busyOr(ctx, fmt.Errorf("read a %s: %w", kind, err))
	}
	if len(out.Item) == 0 {
		return nil, notFound(kind, id)
	}
	return out.Item, nil
}

// getRecord reads one record consistently; a [registrar.NotFound] refusal when there is none.
func getRecord[R any](
	ctx context.Context, s *Store, k item, kind, id string, from func(item) (R, error),
) (R, error) {
	i, err := s.getItem(ctx, k, kind, id)
	if err != nil {
		var none R
		return none, err
	}
	return from(i)
}

// maxBatchGet is how many keys one BatchGetItem takes.
const maxBatchGet = 100

// batchGet reads items consistently and returns them in the order of their keys, nil where there is none. Keys must
// differ.
func (s *Store) batchGet(ctx context.Context, keys []item) ([]item, error) {
	return s.batchRead(ctx, keys, true)
}

// batchRead is batchGet that may also be eventually consistent, at half the price.
func (s *Store) batchRead(ctx context.Context, keys []item, consistent bool) ([]item, error) {
	found := make(map[string]item, len(keys))
	name := func(i item) string { return text(i["PK"]) + "\x00" + text(i["SK"]) }
	for chunk := keys; len(chunk) > 0; {
		n := min(len(chunk), maxBatchGet)
		rest := map[string]types.KeysAndAttributes{s.table: {Keys: chunk[:n], ConsistentRead: aws.Bool(consistent)}}
		for attempt := 0; len(rest) > 0; attempt++ {
			if attempt > 0 {
				if err := pause(ctx, attempt); err != nil {
					return nil, err
				}
			}
			out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: rest})
			if err != nil {
				return nil, busyOr(ctx, fmt.Errorf("read a batch: %w", err))
			}
			for _, i := range out.Responses[s.table] {
				found[name(i)] = i
			}
			rest = out.UnprocessedKeys
		}
		chunk = chunk[n:]
	}
	items := make([]item, len(keys))
	for i, k := range keys {
		items[i] = found[name(k)]
	}
	return items, nil
}

// Stamps and times in the form of items.

const instantFormat = "2006-01-02T15:04:05.000Z"

func instant(t time.Time) types.AttributeValue { return str(t.UTC().Format(instantFormat)) }

func stampInto(i item, stamp registrar.Stamp) {
	i["version"] = num(stamp.Version)
	i["createdAt"] = instant(stamp.CreatedAt)
	i["updatedAt"] = instant(stamp.UpdatedAt)
}

// put adds a text to an item unless it is empty.
func put[T ~string](i item, name string, value T) {
	if value != "" {
		i[name] = str(value)
	}
}

func putInstant(i item, name string, t time.Time) {
	if !t.IsZero() {
		i[name] = instant(t)
	}
}

func texts(values []string) types.AttributeValue {
	list := make([]types.AttributeValue, len(values))
	for i, v := range values {
		list[i] = str(v)
	}
	return &types.AttributeValueMemberL{Value: list}
}

// nameKey is the item that keeps a natural key unique. Its kind is the constant of the record, such as "COURSE".
func nameKey(kind, name string) item { return key("NAME#"+kind+"#"+name, "NAME") }
