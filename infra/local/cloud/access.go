package cloud

import (
	"fmt"
	"net/http"
	"sync"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/iam"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/lambda"
	"example.com/registrar/infra/policy"
	"example.com/registrar/shared/dynamo"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdkdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	sdks3 "github.com/aws/aws-sdk-go-v2/service/s3"
	sdkses "github.com/aws/aws-sdk-go-v2/service/sesv2"
	sdksqs "github.com/aws/aws-sdk-go-v2/service/sqs"
)

// names are how the local cloud calls what policies name.
type names struct{}

// ARN implements [policy.Names].
func (names) ARN(f functions.Function, t functions.Thing) string {
	const arn, here = "arn:aws:", ":" + Region + ":" + Account + ":"
	switch t.Kind {
	case functions.OnTable:
		return arn + "dynamodb" + here + "table/" + Table
	case functions.OnIndex:
		return arn + "dynamodb" + here + "table/" + Table + "/index/" + t.Of
	case functions.OnStream: // whose name has the time at which it began
		return arn + "dynamodb" + here + "table/" + Table + "/stream/*"
	case functions.OnBucket:
		return arn + "s3:::" + Bucket
	case functions.OnObjects:
		return arn + "s3:::" + Bucket + "/" + t.Of + "*"
	case functions.OnQueue:
		return arn + "sqs" + here + t.Of
	case functions.OnDeadLetters:
		return arn + "sqs" + here + t.Of + "-dead"
	case functions.OnMailIdentity:
		return arn + "ses" + here + "identity/" + mailIdentity
	case functions.OnMailConfigurationSet:
		return arn + "ses" + here + "configuration-set/" + ConfigurationSet
	case functions.OnLogs:
	}
	return arn + "logs" + here + "log-group:" + f.Name + ":*"
}

// Sender implements [policy.Names].
func (names) Sender() string { return senderAddress }

// ARN is the Amazon Resource Name of what a grant is on, as it is called here.
func ARN(f functions.Function, t functions.Thing) string { return names{}.ARN(f, t) }

// Policy is the policy of a function's role, as it stands here: a JSON document.
func Policy(f functions.Function) ([]byte, error) {
	return policy.Document(policy.Role(f, names{}))
}

// Authority knows the role of each function of the manifest, as the options change it.
func Authority(o Options) (*iam.Authority, error) {
	var all []iam.Principal
	for _, f := range functions.All() {
		if o.Grants != nil {
			f = o.Grants(f)
		}
		document, err := Policy(f)
		if err != nil {
			return nil, fmt.Errorf("function %s: %w", f.Name, err)
		}
		all = append(all, iam.Principal{Name: f.Name, Role: f.LogicalID() + "Role", Policy: document})
	}
	return iam.New(iam.Options{
		Account: Account, Log: o.Log, Shown: dynamo.KeyPattern, Observe: o.ObserveCalls,
	}, all...)
}

// clients make the SDK's clients of one principal, when they are asked for: a function uses one or two of them.
type clients struct {
	dynamodb func() *sdkdynamodb.Client
	streams  func() *lambda.HTTPStreams
	sqs      func() *sdksqs.Client
	s3       func() *sdks3.Client
	ses      func() *sdkses.Client
}

// connect reaches the engines with these credentials, and those that the environment names with its own.
func (c *Cloud) connect(key aws.Credentials) clients {
	provider := credentials.StaticCredentialsProvider{Value: key}
	o := c.options
	return clients{
		dynamodb: sync.OnceValue(func() *sdkdynamodb.Client {
			if c.DynamoDB == nil {
				return sdkdynamodb.NewFromConfig(c.outside)
			}
			return sdkdynamodb.New(sdkdynamodb.Options{
				Region: Region, Credentials: provider, BaseEndpoint: aws.String(dynamoDBAddress),
				HTTPClient: inprocess.Client(c.DynamoDB),
			})
		}),
		streams: sync.OnceValue(func() *lambda.HTTPStreams {
			if c.DynamoDB == nil {
				return &lambda.HTTPStreams{
					Client:   &http.Client{Transport: signed{c.outside.Credentials, c.outside.Region, http.DefaultTransport}},
					Endpoint: o.Getenv("AWS_ENDPOINT_URL_DYNAMODB"),
				}
			}
			return &lambda.HTTPStreams{
				Client:   &http.Client{Transport: signed{provider, Region, inprocess.Transport{Handler: c.DynamoDB}}},
				Endpoint: dynamoDBAddress,
			}
		}),
		sqs: sync.OnceValue(func() *sdksqs.Client {
			if c.SQS == nil {
				return sdksqs.NewFromConfig(c.outside)
			}
			return sdksqs.New(sdksqs.Options{
				Region: Region, Credentials: provider, BaseEndpoint: aws.String(o.SQSAddress), HTTPClient: inprocess.Client(c.SQS),
			})
		}),
		ses: sync.OnceValue(func() *sdkses.Client {
			if c.SES == nil {
				return sdkses.NewFromConfig(c.outside)
			}
			return sdkses.New(sdkses.Options{
				Region: Region, Credentials: provider, BaseEndpoint: aws.String("http://ses.local"),
				HTTPClient: inprocess.Client(c.SES),
			})
		}),
		s3: sync.OnceValue(func() *sdks3.Client {
			if c.S3 == nil {
				return sdks3.NewFromConfig(c.outside, func(o *sdks3.Options) { o.UsePathStyle = true })
			}
			return sdks3.New(sdks3.Options{
				Region: Region, Credentials: provider, BaseEndpoint: aws.String(o.S3Address), HTTPClient: inprocess.Client(c.S3),
				UsePathStyle:               true,
				RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
				ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
			})
		}),
	}
}

// dynamoDBAddress is how the SDK calls the embedded DynamoDB within this process.
const dynamoDBAddress = "http://dynamodb.local"
