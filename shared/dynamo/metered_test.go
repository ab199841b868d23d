package dynamo_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	localdynamodb "example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
	"example.com/registrar/shared/telemetry"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
)

// What an invocation is told to have consumed is what the table was asked for.
func TestUnitsAreCountedIntoTheInvocation(t *testing.T) {
	if os.Getenv("AWS_ENDPOINT_URL_DYNAMODB") != "" {
		t.Skip("left out: another engine does not tell what it was asked for")
	}
	var mu sync.Mutex
	consumed := map[string]float64{}
	c := client(t, func(u localdynamodb.Usage) {
		mu.Lock()
		defer mu.Unlock()
		for _, of := range u.Capacity {
			name := "writeUnits"
			if of.Read {
				name = "readUnits"
			}
			consumed[name] += of.Units
		}
	})
	table := "metered-" + uuid.NewString()
	if _, err := c.CreateTable(t.Context(), dynamo.TableDefinition(table)); err != nil {
		t.Fatal(err)
	}
	store := dynamo.New(c, dynamo.Config{Table: table, CursorKey: registrar.NewSecret("0123456789abcdef")}, time.Now)
	u := registrartest.New(t, store)
	term := u.NewTerm("2025-SPRING")
	course := u.NewCourse("CSCI", "1100", "One")
	section, unused := u.NewSection(term, course, "100", 3), u.NewSection(term, course, "101", 3)
	student := u.NewStudent("U1", "Ann", "Able")
	clear(consumed)

	var log bytes.Buffer
	recorder := telemetry.New(telemetry.Options{Log: slog.NewJSONHandler(&log, nil)})
	ctx, invocation := recorder.Begin(t.Context(), telemetry.Request)
	_, err := u.Desk().Enrol(ctx, registrar.EnrolRequest{Section: section.ID, Student: student.ID,
		Actor: registrar.Anonymous(), At: u.Now()}, registrar.IdempotencyKey{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Roster(ctx, section.ID, registrar.PageRequest{Limit: 10}); err != nil { // Query
		t.Fatal(err)
	}
	if err := store.DeleteSection(ctx, unused.ID, unused.Version); err != nil { // UpdateItem, Query, TransactWriteItems
		t.Fatal(err)
	}
	if err := store.Reachable(ctx); err != nil { // GetItem
		t.Fatal(err)
	}
	telemetry.Conclude(ctx, telemetry.Outcome{})
	invocation.End(ctx)
	var line map[string]any
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"readUnits", "writeUnits"} {
		if line[name] != consumed[name] || consumed[name] < 5 {
			t.Errorf("%s: %v counted, %v consumed", name, line[name], consumed[name])
		}
	}
}

func TestConflictsAndRetriesAreCountedAndToldWhenTheRequestFails(t *testing.T) {
	u, f, section, student := faultyUniversity(t)
	f.before = func(call int64) error {
		switch call {
		case 1, 2:
			return conflict()
		case 3:
			return &types.ProvisionedThroughputExceededException{Message: aws.String("slow down")}
		}
		return nil
	}
	var log bytes.Buffer
	recorder := telemetry.New(telemetry.Options{Log: slog.NewJSONHandler(&log, nil)})
	ctx, invocation := recorder.Begin(t.Context(), telemetry.Request)
	_, err := u.Desk().Enrol(ctx, registrar.EnrolRequest{Section: section.ID, Student: student.ID,
		Actor: registrar.Anonymous(), At: u.Now()}, registrar.IdempotencyKey{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	telemetry.Conclude(ctx, telemetry.Outcome{Failed: true})
	invocation.End(ctx)
	text := log.String()
	if n := strings.Count(text,
		`"reasons":"the transaction was cancelled: TransactionConflict, None, None, None, None"`); n != 2 {
		t.Errorf("%d conflicts are told", n)
	}
	if n := strings.Count(text, `"msg":"DynamoDB.TransactWriteItems"`); n != 4 {
		t.Errorf("%d attempts are told", n)
	}
	if !strings.Contains(text, `"conflicts":2,"retries":3,`) {
		t.Errorf("counted otherwise:\n%s", text)
	}
}
