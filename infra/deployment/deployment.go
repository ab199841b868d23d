// Package deployment finds what an operator's command works on: the queues and the table of `make run`, or those of a
// stack on AWS.
//
// It knows the manifest's logical ids, which infra/cdk keeps, and what `make run` calls its things. Start with [Open].
package deployment

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/client"
	"example.com/registrar/infra/local/cloud"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Deployment is one place where Registrar runs.
type Deployment struct {
	SQS      *sqs.Client
	DynamoDB *dynamodb.Client

	Resources Resources
}

// Resources finds things by the logical ids that they have in both templates, for example "ImportsQueue".
type Resources interface {
	// Physical gives a queue's URL or a table's name.
	Physical(ctx context.Context, logicalID string) (string, error)
}

// Open finds the deployment of a stack: the one with the data ("registrar-prod-data").
// Region and credentials are those that every AWS SDK finds. Without a stack it is `make run` on this machine,
// where AWS_ENDPOINT_URL_SQS and AWS_ENDPOINT_URL_DYNAMODB say, which the Makefile sets from PORT; without them on the
// usual ports.
func Open(ctx context.Context, stack string, getenv func(string) string) (*Deployment, error) {
	if stack == "" {
		queues := cmp.Or(getenv("AWS_ENDPOINT_URL_SQS"), "http://127.0.0.1:8082")
		table := cmp.Or(getenv("AWS_ENDPOINT_URL_DYNAMODB"), "http://127.0.0.1:8081")
		local := aws.Config{Region: cloud.Region, Credentials: credentials.StaticCredentialsProvider{
			Value: cloud.Credentials()}}
		d := &Deployment{
			SQS: sqs.NewFromConfig(local, func(o *sqs.Options) {
				o.BaseEndpoint = aws.String(queues)
			}),
			DynamoDB: dynamodb.NewFromConfig(local, func(o *dynamodb.Options) {
				o.BaseEndpoint = aws.String(table)
			}),
		}
		d.Resources = Local{d.SQS}
		return d, nil
	}
	sdk, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("configuration of the AWS SDK: %w", err)
	}
	return &Deployment{
		SQS: sqs.NewFromConfig(sdk), DynamoDB: dynamodb.NewFromConfig(sdk),
		Resources: &Stack{Client: cloudformation.NewFromConfig(sdk), Name: stack},
	}, nil
}

// Reach returns an error that says what to do if nothing listens where `make run` should. On AWS it asks for nothing
// and returns nil.
func (d *Deployment) Reach(ctx context.Context) error {
	if _, ok := d.Resources.(Local); !ok {
		return nil
	}
	for _, address := range []*string{d.SQS.Options().BaseEndpoint, d.DynamoDB.Options().BaseEndpoint} {
		if err := client.Reach(ctx, aws.ToString(address)); err != nil {
			return fmt.Errorf("%w. STACK= names a stack on AWS instead", err)
		}
	}
	return nil
}

// Queues are the names of the manifest's queues.
func Queues() []string {
	var names []string
	for _, f := range functions.All() {
		if f.Queue != nil {
			names = append(names, f.Queue.Name)
		}
	}
	return names
}

// Queue finds a queue of the manifest, and its dead letters.
func (d *Deployment) Queue(ctx context.Context, name string) (url, deadLetters string, err error) {
	if names := Queues(); !slices.Contains(names, name) {
		return "", "", fmt.Errorf("there is no queue %q; there are %s", name, strings.Join(names, ", "))
	}
	id := functions.Function{Name: name}.LogicalID()
	if url, err = d.Resources.Physical(ctx, id+"Queue"); err == nil {
		deadLetters, err = d.Resources.Physical(ctx, id+"DeadLetterQueue")
	}
	return url, deadLetters, err
}

// Table finds the name of the table.
func (d *Deployment) Table(ctx context.Context) (string, error) {
	return d.Resources.Physical(ctx, "Table")
}

// Local are the things of `make run`.
type Local struct{ Client *sqs.Client }

// Physical implements [Resources].
func (l Local) Physical(ctx context.Context, logicalID string) (string, error) {
	names := map[string]string{"Table": cloud.Table}
	for _, f := range functions.All() {
		if f.Queue != nil {
			id := functions.Function{Name: f.Queue.Name}.LogicalID()
			names[id+"Queue"], names[id+"DeadLetterQueue"] = f.Queue.Name, f.Queue.Name+"-dead"
		}
	}
	name, ok := names[logicalID]
	if !ok || logicalID == "Table" {
		return name, nil
	}
	out, err := l.Client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return "", fmt.Errorf("find the queue %s of `make run` (STACK= would name a stack on AWS): %w", name, err)
	}
	return aws.ToString(out.QueueUrl), nil
}

// CloudFormation is what [Stack] needs of the SDK's client.
type CloudFormation interface {
	ListStackResources(ctx context.Context, in *cloudformation.ListStackResourcesInput,
		o ...func(*cloudformation.Options)) (*cloudformation.ListStackResourcesOutput, error)
}

// Stack are the things of a stack on AWS.
type Stack struct {
	Client CloudFormation
	Name   string

	found map[string]string // physical ids by logical ones; nil: not asked yet
}

// The CDK appends eight digits of a hash to its logical ids.
var hash = regexp.MustCompile(`[0-9A-F]{8}$`)

// Physical implements [Resources]. It asks CloudFormation once, and is not for concurrent use.
func (s *Stack) Physical(ctx context.Context, logicalID string) (string, error) {
	if s.found == nil {
		found := map[string]string{}
		for pages := cloudformation.NewListStackResourcesPaginator(s.Client, &cloudformation.ListStackResourcesInput{
			StackName: &s.Name}); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return "", fmt.Errorf("look at the stack %s: %w", s.Name, err)
			}
			keep(found, page.StackResourceSummaries)
		}
		if len(found) == 0 {
			return "", fmt.Errorf("the stack %s has neither queues nor a table: the CDK app's is the one whose name ends in "+
				"-data", s.Name)
		}
		s.found = found
	}
	if physical, ok := s.found[logicalID]; ok {
		return physical, nil
	}
	return "", fmt.Errorf("the stack %s has no %s; it has %s", s.Name, logicalID,
		strings.Join(slices.Sorted(maps.Keys(s.found)), ", "))
}

// keep notes queues and tables.
func keep(found map[string]string, resources []types.StackResourceSummary) {
	for _, r := range resources {
		switch aws.ToString(r.ResourceType) {
		case "AWS::SQS::Queue", "AWS::DynamoDB::Table":
			if id := aws.ToString(r.PhysicalResourceId); id != "" { // it may not be made yet
				logical := aws.ToString(r.LogicalResourceId)
				found[hash.ReplaceAllString(logical, "")] = id
			}
		}
	}
}
