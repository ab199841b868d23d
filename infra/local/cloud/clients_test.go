package cloud_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/shared/api"
)

// engines are those of a local cloud, on sockets; tools is the folder with the commands of .ci/tools/sam.
func engines(t *testing.T) (dynamodb, sqs, tools string) {
	t.Helper()
	if tools = os.Getenv("TOOLS"); tools == "" {
		t.Skip("left out: TOOLS names no folder with the aws CLI (make test-integration does)")
	}
	var c *cloud.Cloud
	serve := func(engine func() http.Handler) string {
		server := httptest.NewServer(
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { engine().ServeHTTP(w, r) }))
		t.Cleanup(server.Close)
		return server.URL
	}
	dynamodb, sqs = serve(func() http.Handler { return c.DynamoDB }), serve(func() http.Handler { return c.SQS })
	var err error
	c, err = cloud.Open(t.Context(), cloud.Options{
		Log: slog.New(slog.DiscardHandler), System: api.RealSystem(), SQSAddress: sqs, S3Address: "http://s3.local",
	})
	if err != nil {
		t.Fatal(err)
	}
	return dynamodb, sqs, tools
}

// The engines answer those who are not this project: boto3, with its resources and waiters.
func TestClients_Boto3(t *testing.T) {
	dynamodb, sqs, tools := engines(t)
	// SAM brings boto3
	python := exec.CommandContext(t.Context(), filepath.Join(tools, "..", "sam", "bin", "python"),
		"testdata/boto3_client.py")
	python.Env = append(os.Environ(), "DYNAMODB="+dynamodb, "SQS="+sqs)
	if out, err := python.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The aws CLI, as one types it.
func TestClients_AWSCLI(t *testing.T) {
	dynamodb, sqs, tools := engines(t)
	run := func(service, endpoint string, arguments ...string) (string, error) {
		aws := exec.CommandContext(t.Context(), filepath.Join(tools, "aws"), append([]string{
			service, "--endpoint-url", endpoint, "--region", "us-east-1", "--output", "json",
		}, arguments...)...)
		aws.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local")
		out, err := aws.CombinedOutput()
		return string(out), err
	}
	must := func(out any, service, endpoint string, arguments ...string) {
		t.Helper()
		text, err := run(service, endpoint, arguments...)
		if err == nil && out != nil {
			err = json.Unmarshal([]byte(text), out)
		}
		if err != nil {
			t.Fatalf("aws %s %v: %v\n%s", service, arguments, err, text)
		}
	}
	refused := func(code, service, endpoint string, arguments ...string) {
		t.Helper()
		if text, err := run(service, endpoint, arguments...); err == nil || !strings.Contains(text, "("+code+")") {
			t.Errorf("aws %s %v: %v, want %s\n%s", service, arguments, err, code, text)
		}
	}

	const item = `{"P": {"S": "a"}, "S": {"N": "1"}, "left": {"N": "1"}}`
	must(nil, "dynamodb", dynamodb, "create-table", "--table-name", "cli", "--billing-mode", "PAY_PER_REQUEST",
		"--key-schema", "AttributeName=P,KeyType=HASH", "AttributeName=S,KeyType=RANGE",
		"--attribute-definitions", "AttributeName=P,AttributeType=S", "AttributeName=S,AttributeType=N")
	put := []string{"put-item", "--table-name", "cli", "--item", item, "--condition-expression", "attribute_not_exists(P)"}
	must(nil, "dynamodb", dynamodb, put...)
	refused("ConditionalCheckFailedException", "dynamodb", dynamodb, put...)
	transaction := []string{"transact-write-items", "--transact-items", `[
		{"Update": {"TableName": "cli", "Key": {"P": {"S": "a"}, "S": {"N": "1"}}, 
			"UpdateExpression": "SET #l = #l - :one", "ConditionExpression": "#l >= :one",
			"ExpressionAttributeNames": {"#l": "left"}, "ExpressionAttributeValues": {":one": {"N": "1"}}}},
		{"Put": {"TableName": "cli", "Item": {"P": {"S": "a"}, "S": {"N": "2"}, "owner": {"S": "x"}}}}]`}
	must(nil, "dynamodb", dynamodb, transaction...)
	refused("TransactionCanceledException", "dynamodb", dynamodb, transaction...)
	var page struct {
		Items []map[string]map[string]string
	}
	must(&page, "dynamodb", dynamodb, "query", "--table-name", "cli", "--key-condition-expression", "P = :p",
		"--expression-attribute-values", `{":p": {"S": "a"}}`)
	want := []map[string]map[string]string{
		{"P": {"S": "a"}, "S": {"N": "1"}, "left": {"N": "0"}}, {"P": {"S": "a"}, "S": {"N": "2"}, "owner": {"S": "x"}},
	}
	if !reflect.DeepEqual(page.Items, want) {
		t.Errorf("the query found %v, want %v", page.Items, want)
	}

	var queue struct{ QueueUrl string }
	must(&queue, "sqs", sqs, "create-queue", "--queue-name", "cli")
	must(nil, "sqs", sqs, "send-message", "--queue-url", queue.QueueUrl, "--message-body", "hello")
	var received struct {
		Messages []struct{ Body, ReceiptHandle string }
	}
	must(&received, "sqs", sqs, "receive-message", "--queue-url", queue.QueueUrl, "--wait-time-seconds", "1")
	if len(received.Messages) != 1 || received.Messages[0].Body != "hello" {
		t.Fatalf("received %+v", received)
	}
	must(nil, "sqs", sqs, "delete-message", "--queue-url", queue.QueueUrl, "--receipt-handle",
		received.Messages[0].ReceiptHandle)
	var left struct{ Attributes map[string]string }
	must(&left, "sqs", sqs, "get-queue-attributes", "--queue-url", queue.QueueUrl, "--attribute-names", "All")
	for _, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"} {
		if left.Attributes[name] != "0" {
			t.Errorf("%s is %q after the delete", name, left.Attributes[name])
		}
	}
}
