package deployment_test

import (
	"context"
	"strings"
	"testing"

	"example.com/registrar/infra/deployment"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// pages are what CloudFormation lists, one resource a page.
type pages []types.StackResourceSummary

func (p pages) ListStackResources(
	_ context.Context, in *cloudformation.ListStackResourcesInput, _ ...func(*cloudformation.Options),
) (*cloudformation.ListStackResourcesOutput, error) {
	n := len(aws.ToString(in.NextToken))
	out := &cloudformation.ListStackResourcesOutput{StackResourceSummaries: p[n:min(n+1, len(p))]}
	if n+1 < len(p) {
		out.NextToken = aws.String(strings.Repeat("x", n+1))
	}
	return out, nil
}

func resource(kind, logical, physical string) types.StackResourceSummary {
	return types.StackResourceSummary{ResourceType: &kind, LogicalResourceId: &logical, PhysicalResourceId: &physical}
}

func TestStack_FindsThingsWithAndWithoutTheCDKsHash(t *testing.T) {
	for name, stack := range map[string]pages{
		"with": {
			resource("AWS::S3::Bucket", "Bucket83908E77", "b"), resource("AWS::SQS::Queue", "ImportsQueue5A1B2C3D",
				"https://sqs/imports"),
			resource("AWS::SQS::Queue", "ImportsDeadLetterQueue0A1B2C3D", "https://sqs/dead"), resource("AWS::DynamoDB::Table",
				"TableCD117FA1", "t"),
		},
		"without": {
			resource("AWS::SQS::Queue", "ImportsQueue", "https://sqs/imports"), resource("AWS::SQS::Queue",
				"ImportsDeadLetterQueue", "https://sqs/dead"),
			resource("AWS::DynamoDB::Table", "Table", "t"), resource("AWS::SQS::Queue", "AuditQueue", ""),
		},
	} {
		d := &deployment.Deployment{Resources: &deployment.Stack{Client: stack, Name: "s"}}
		url, dead, err := d.Queue(t.Context(), "imports")
		if err != nil || url != "https://sqs/imports" || dead != "https://sqs/dead" {
			t.Errorf("%s: %s, %s, %v", name, url, dead, err)
		}
		if table, err := d.Table(t.Context()); table != "t" || err != nil {
			t.Errorf("%s: table %s, %v", name, table, err)
		}
		if _, _, err := d.Queue(t.Context(), "audit"); err == nil || !strings.Contains(err.Error(), "has no AuditQueue") {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := d.Queue(t.Context(), "exports"); err == nil || !strings.Contains(err.Error(), "there is no queue") {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := &deployment.Deployment{Resources: &deployment.Stack{Client: pages{resource("AWS::Lambda::Function", "F", "f")},
		Name: "s"}}
	if _, err := d.Table(t.Context()); err == nil || !strings.Contains(err.Error(), "-data") {
		t.Errorf("of a stack without data: %v", err)
	}
}

func TestOpen_WithoutAStackIsThisMachine(t *testing.T) {
	d, err := deployment.Open(t.Context(), "", func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	if table, err := d.Table(t.Context()); table != "registrar" || err != nil {
		t.Errorf("table %q, %v", table, err)
	}
	if got := aws.ToString(d.SQS.Options().BaseEndpoint); got != "http://127.0.0.1:8082" {
		t.Errorf("SQS is at %s", got)
	}
}
