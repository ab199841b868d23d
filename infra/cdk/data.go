package main

import (
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/shared/dynamo"
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/jsii-runtime-go"
)

// keySize is how many characters a generated secret has.
const keySize = 64

// data is what outlives every deployment. All of it is retained, and its stack cannot be deleted by mistake.
type data struct {
	table     awsdynamodb.Table
	bucket    awss3.Bucket
	uploads   []string // prefixes of the bucket
	cursorKey awssecretsmanager.Secret
	// unsubscribeKey makes the tokens by which mail is unsubscribed from.
	unsubscribeKey awssecretsmanager.Secret
	queues         map[string]queue
}

type queue struct{ messages, dead awssqs.Queue }

func newData(stack awscdk.Stack, all []functions.Function) data {
	d := data{
		cursorKey: newKey(stack, "CursorKey", "Seals page cursors"),
		unsubscribeKey: newKey(stack, "UnsubscribeKey", "Makes the tokens by which mail is unsubscribed from; with "+
			"another, old mails' are worth nothing"),
		queues: map[string]queue{},
	}
	d.addTable(stack)
	for _, f := range all {
		if f.Queue != nil {
			d.queues[f.Queue.Name] = newQueue(stack, f)
		}
	}
	d.addBucket(stack, all)
	return d
}

// newKey makes a secret that nobody has to know.
func newKey(stack awscdk.Stack, id, description string) awssecretsmanager.Secret {
	return awssecretsmanager.NewSecret(stack, &id, &awssecretsmanager.SecretProps{
		Description: &description, RemovalPolicy: awscdk.RemovalPolicy_RETAIN,
		GenerateSecretString: &awssecretsmanager.SecretStringGenerator{PasswordLength: jsii.Number(keySize),
			ExcludePunctuation: jsii.Bool(true)},
	})
}

// addTable is [dynamo.TableDefinition], and what only AWS knows: recovery, protection, time to live.
func (d *data) addTable(stack awscdk.Stack) {
	definition := dynamo.TableDefinition("")
	partition, sort := keys(definition.KeySchema)
	d.table = awsdynamodb.NewTable(stack, jsii.String("Table"), &awsdynamodb.TableProps{
		PartitionKey: partition, SortKey: sort,
		BillingMode:         awsdynamodb.BillingMode(definition.BillingMode),
		Stream:              awsdynamodb.StreamViewType(definition.StreamSpecification.StreamViewType),
		TimeToLiveAttribute: jsii.String(dynamo.TimeToLive),
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: jsii.Bool(
			true)},
		DeletionProtection: jsii.Bool(true),
		RemovalPolicy:      awscdk.RemovalPolicy_RETAIN,
	})
	for _, index := range definition.GlobalSecondaryIndexes {
		partition, sort := keys(index.KeySchema)
		d.table.AddGlobalSecondaryIndex(&awsdynamodb.GlobalSecondaryIndexProps{
			IndexName: index.IndexName, PartitionKey: partition, SortKey: sort,
			ProjectionType: awsdynamodb.ProjectionType(index.Projection.ProjectionType),
		})
	}
}

// keys are the partition key and the sort key of a schema; all keys of the table are texts.
func keys(schema []types.KeySchemaElement) (partition, sort *awsdynamodb.Attribute) {
	return &awsdynamodb.Attribute{Name: schema[0].AttributeName, Type: awsdynamodb.AttributeType_STRING},
		&awsdynamodb.Attribute{Name: schema[1].AttributeName, Type: awsdynamodb.AttributeType_STRING}
}

// newQueue makes a consumer's queue and its dead-letter queue.
func newQueue(stack awscdk.Stack, f functions.Function) queue {
	id := identifier(f.Queue.Name)
	dead := awssqs.NewQueue(stack, jsii.String(id+"DeadLetterQueue"), &awssqs.QueueProps{
		RetentionPeriod: seconds(functions.DeadLettersKept), Encryption: awssqs.QueueEncryption_SQS_MANAGED,
		RemovalPolicy: awscdk.RemovalPolicy_RETAIN,
	})
	return queue{dead: dead, messages: awssqs.NewQueue(stack, jsii.String(id+"Queue"), &awssqs.QueueProps{
		VisibilityTimeout: seconds(f.Visibility()), DeliveryDelay: seconds(f.Queue.Delay),
		Encryption: awssqs.QueueEncryption_SQS_MANAGED, RemovalPolicy: awscdk.RemovalPolicy_RETAIN,
		DeadLetterQueue: &awssqs.DeadLetterQueue{Queue: dead, MaxReceiveCount: jsii.Number(f.Queue.Receives)},
	})}
}

// addBucket makes the bucket for uploads, which tells queues of what arrives. The CDK's own notifications are a
// function of its own with a role that may change every bucket; what CloudFormation has needs neither, but a name for
// the bucket: its queue's policy must name the bucket before there is one. The stack's id makes the name unique.
func (d *data) addBucket(stack awscdk.Stack, all []functions.Function) {
	id := awscdk.Fn_Select(jsii.Number(2), awscdk.Fn_Split(jsii.String("/"), stack.StackId(), nil))
	name := "registrar-uploads-" + *id
	var rules []*awss3.LifecycleRule
	var told []any
	var policies []awssqs.QueuePolicy
	for _, f := range all {
		if f.Queue == nil || f.Queue.Uploads == "" {
			continue
		}
		prefix, queue := f.Queue.Uploads, d.queues[f.Queue.Name].messages
		d.uploads = append(d.uploads, prefix)
		rules = append(rules, &awss3.LifecycleRule{Prefix: &prefix,
			Expiration: awscdk.Duration_Days(jsii.Number(functions.UploadsKept.Hours() / 24))})
		told = append(told, &awss3.CfnBucket_QueueConfigurationProperty{
			Event: jsii.String("s3:ObjectCreated:*"), Queue: queue.QueueArn(),
			Filter: &awss3.CfnBucket_NotificationFilterProperty{S3Key: &awss3.CfnBucket_S3KeyFilterProperty{
				Rules: &[]any{&awss3.CfnBucket_FilterRuleProperty{Name: jsii.String("prefix"), Value: &prefix}},
			}},
		})
		policy := awssqs.NewQueuePolicy(stack, jsii.String(identifier(f.Queue.Name)+"QueuePolicy"), &awssqs.QueuePolicyProps{
			Queues: &[]awssqs.IQueue{queue},
		})
		policy.Document().AddStatements(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("s3.amazonaws.com"), nil)},
			Actions:    jsii.Strings("sqs:SendMessage"), Resources: &[]*string{queue.QueueArn()},
			Conditions: &map[string]any{
				"StringEquals": map[string]any{"aws:SourceAccount": stack.Account()},
				"ArnEquals":    map[string]any{"aws:SourceArn": "arn:" + *stack.Partition() + ":s3:::" + name},
			},
		}))
		policies = append(policies, policy)
	}
	pages := functions.UploadCORS()
	var methods []awss3.HttpMethods
	for _, method := range pages.Methods {
		methods = append(methods, awss3.HttpMethods(method))
	}
	d.bucket = awss3.NewBucket(stack, jsii.String("Bucket"), &awss3.BucketProps{
		BucketName: &name, BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		Encryption: awss3.BucketEncryption_S3_MANAGED,
		EnforceSSL: jsii.Bool(true), LifecycleRules: &rules, RemovalPolicy: awscdk.RemovalPolicy_RETAIN,
		Cors: &[]*awss3.CorsRule{{
			AllowedOrigins: jsii.Strings(pages.Origins...), AllowedMethods: &methods, AllowedHeaders: jsii.Strings(
				pages.Headers...),
			MaxAge: jsii.Number(pages.MaxAge.Seconds()),
		}},
	})
	d.bucket.Policy().ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN)
	if len(told) > 0 {
		bucket := d.bucket.Node().DefaultChild().(awss3.CfnBucket) //nolint:errcheck // a bucket's default child is one
		bucket.SetNotificationConfiguration(&awss3.CfnBucket_NotificationConfigurationProperty{QueueConfigurations: &told})
	}
	for _, policy := range policies { // S3 tries the queue when it is told of it
		d.bucket.Node().AddDependency(policy)
	}
}

// identifier makes a construct's id of a name: "dead-letters" becomes "DeadLetters".
func identifier(name string) string { return functions.Function{Name: name}.LogicalID() }

func seconds(d time.Duration) awscdk.Duration {
	return awscdk.Duration_Seconds(jsii.Number(d.Seconds()))
}
