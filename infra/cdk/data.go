package main

import (
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/shared/dynamo"
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/jsii-runtime-go"
)

// keySize is how many characters a generated secret has.
const keySize = 64

// newData makes what outlives every deployment. All of it is retained, and its stack cannot be deleted by mistake.
func newData(stack awscdk.Stack, n names, all []functions.Function) {
	newKey(stack, "CursorKey", n.key(cursorKey), "Seals page cursors")
	newKey(stack, "UnsubscribeKey", n.key(unsubscribeKey), "Makes the tokens by which mail is unsubscribed from; with "+
		"another, old mails' are worth nothing")
	newTable(stack, n)
	policies := map[string]awssqs.CfnQueuePolicy{}
	scheduled := false
	for _, f := range all {
		if f.Queue != nil {
			policies[f.Queue.Name] = newQueue(stack, n, f)
		}
		scheduled = scheduled || f.Schedule != nil
	}
	if scheduled {
		newDeadLetterQueue(stack, n, identifier(failedRuns)+"Queue", failedRuns)
	}
	newBucket(stack, n, all, policies)
}

// newKey makes a secret that nobody has to know.
func newKey(stack awscdk.Stack, id, name, description string) {
	awssecretsmanager.NewSecret(stack, &id, &awssecretsmanager.SecretProps{
		SecretName: &name, Description: &description, RemovalPolicy: awscdk.RemovalPolicy_RETAIN,
		GenerateSecretString: &awssecretsmanager.SecretStringGenerator{
			PasswordLength: jsii.Number(keySize), ExcludePunctuation: jsii.Bool(true),
		},
	})
}

// newTable is [dynamo.TableDefinition], and what only AWS knows: recovery, protection, time to live.
func newTable(stack awscdk.Stack, n names) {
	definition := dynamo.TableDefinition("")
	partition, sort := keys(definition.KeySchema)
	table := awsdynamodb.NewTable(stack, jsii.String("Table"), &awsdynamodb.TableProps{
		TableName: jsii.String(n.all()), PartitionKey: partition, SortKey: sort,
		BillingMode:         awsdynamodb.BillingMode(definition.BillingMode),
		Stream:              awsdynamodb.StreamViewType(definition.StreamSpecification.StreamViewType),
		TimeToLiveAttribute: jsii.String(dynamo.TimeToLive),
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(true),
		},
		DeletionProtection: jsii.Bool(true),
		RemovalPolicy:      awscdk.RemovalPolicy_RETAIN,
	})
	for _, index := range definition.GlobalSecondaryIndexes {
		partition, sort := keys(index.KeySchema)
		table.AddGlobalSecondaryIndex(&awsdynamodb.GlobalSecondaryIndexProps{
			IndexName: index.IndexName, PartitionKey: partition, SortKey: sort,
			ProjectionType: awsdynamodb.ProjectionType(index.Projection.ProjectionType),
		})
	}
	tell(stack, n, streamARN, "Where the table's stream is read", table.TableStreamArn())
}

// keys are the partition key and the sort key of a schema; all keys of the table are texts.
func keys(schema []types.KeySchemaElement) (partition, sort *awsdynamodb.Attribute) {
	return &awsdynamodb.Attribute{Name: schema[0].AttributeName, Type: awsdynamodb.AttributeType_STRING},
		&awsdynamodb.Attribute{Name: schema[1].AttributeName, Type: awsdynamodb.AttributeType_STRING}
}

// Names of the values that a stack tells the others; see [names].
const (
	streamARN = "stream-arn"
	apiID     = "api-id"
)

// tell writes a value into a parameter of Systems Manager.
func tell(stack awscdk.Stack, n names, name, description string, value *string) {
	awsssm.NewCfnParameter(stack, jsii.String(identifier(name)+"Parameter"), &awsssm.CfnParameterProps{
		Name: jsii.String(n.parameter(name)), Type: jsii.String("String"), Value: value, Description: &description,
	})
}

// ask reads what another stack tells, which is deployed earlier.
func (s site) ask(stack awscdk.Stack, name string) *string {
	key := [2]string{*stack.StackName(), name}
	if s.told[key] == nil {
		s.told[key] = awscdk.NewCfnParameter(stack, jsii.String(identifier(name)), &awscdk.CfnParameterProps{
			Type: jsii.String("AWS::SSM::Parameter::Value<String>"), Default: s.names.parameter(name),
		}).ValueAsString()
	}
	return s.told[key]
}

// newQueue makes a consumer's queue and its dead-letter queue.
func newQueue(stack awscdk.Stack, n names, f functions.Function) awssqs.CfnQueuePolicy {
	q, id := f.Queue, identifier(f.Queue.Name)
	deadLetters := newDeadLetterQueue(stack, n, id+"DeadLetterQueue", dead(q.Name))
	queue := awssqs.NewCfnQueue(stack, jsii.String(id+"Queue"), &awssqs.CfnQueueProps{
		QueueName: jsii.String(n.of(q.Name)), VisibilityTimeout: jsii.Number(f.Visibility().Seconds()),
		DelaySeconds: jsii.Number(q.Delay.Seconds()), SqsManagedSseEnabled: jsii.Bool(true),
		RedrivePolicy: map[string]any{"deadLetterTargetArn": n.queueARN(dead(q.Name)), "maxReceiveCount": q.Receives},
	})
	queue.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN, nil)
	// SQS looks for the dead-letter queue when it is told of it.
	queue.AddResourceDependency(deadLetters, nil)
	statements := []any{onlyTLS("sqs:*", n.queueARN(q.Name))}
	if q.Uploads != "" {
		statements = append(statements, map[string]any{
			"Effect": "Allow", "Principal": map[string]any{"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage",
			"Resource": n.queueARN(q.Name), "Condition": map[string]any{
				"StringEquals": map[string]any{"aws:SourceAccount": n.account},
				"ArnEquals":    map[string]any{"aws:SourceArn": n.bucketARN()},
			},
		})
	}
	if q.Feedback {
		statements = append(statements, map[string]any{
			"Effect": "Allow", "Principal": map[string]any{"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
			"Resource":  n.queueARN(q.Name),
			"Condition": map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": n.topicARN(feedbackTopic)}},
		})
	}
	return newQueuePolicy(stack, id+"QueuePolicy", queue, statements)
}

// newDeadLetterQueue makes a queue of what failed for good.
func newDeadLetterQueue(stack awscdk.Stack, n names, id, name string) awssqs.CfnQueue {
	queue := awssqs.NewCfnQueue(stack, &id, &awssqs.CfnQueueProps{
		QueueName: jsii.String(n.of(name)), MessageRetentionPeriod: jsii.Number(functions.DeadLettersKept.Seconds()),
		SqsManagedSseEnabled: jsii.Bool(true),
	})
	queue.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN, nil)
	newQueuePolicy(stack, id+"Policy", queue, []any{onlyTLS("sqs:*", n.queueARN(name))})
	return queue
}

// newQueuePolicy is a queue's one policy: of two, the one that is deployed later would be all.
func newQueuePolicy(stack awscdk.Stack, id string, queue awssqs.CfnQueue, statements []any) awssqs.CfnQueuePolicy {
	policy := awssqs.NewCfnQueuePolicy(stack, &id, &awssqs.CfnQueuePolicyProps{
		Queues: &[]*string{queue.Ref()}, PolicyDocument: document(statements...),
	})
	policy.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN, nil)
	return policy
}

// onlyTLS refuses requests that are not encrypted on their way.
func onlyTLS(actions, on string) map[string]any {
	return map[string]any{
		"Effect": "Deny", "Principal": map[string]any{"AWS": "*"}, "Action": actions, "Resource": on,
		"Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}},
	}
}

// document is a policy of statements.
func document(statements ...any) map[string]any {
	return map[string]any{"Version": "2012-10-17", "Statement": statements}
}

// newBucket makes the bucket, which tells queues of uploads. The CDK's own notifications are a function of its own with
// a role that may change every bucket; what CloudFormation has needs neither.
//
// Objects have versions, so that what was overwritten or deleted by mistake can be had back for a while. Each prefix
// says how long its objects are kept; what is under no prefix of ours is kept.
func newBucket(
	stack awscdk.Stack, n names, all []functions.Function, policies map[string]awssqs.CfnQueuePolicy,
) {
	rules := []*awss3.LifecycleRule{{
		Id: jsii.String("leftovers"), AbortIncompleteMultipartUploadAfter: days(functions.VersionsKept),
		ExpiredObjectDeleteMarker: jsii.Bool(true), NoncurrentVersionExpiration: days(functions.VersionsKept),
	}}
	for _, l := range functions.Lifecycles(all) {
		rules = append(rules, &awss3.LifecycleRule{Id: jsii.String(l.Name), Prefix: jsii.String(l.Prefix),
			Expiration: days(l.Kept), NoncurrentVersionExpiration: days(functions.VersionsKept)})
	}
	pages := functions.UploadCORS()
	var methods []awss3.HttpMethods
	for _, method := range pages.Methods {
		methods = append(methods, awss3.HttpMethods(method))
	}
	bucket := awss3.NewBucket(stack, jsii.String("Bucket"), &awss3.BucketProps{
		BucketName: jsii.String(n.bucket()), BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		Encryption: awss3.BucketEncryption_S3_MANAGED, Versioned: jsii.Bool(true),
		EnforceSSL: jsii.Bool(true), LifecycleRules: &rules, RemovalPolicy: awscdk.RemovalPolicy_RETAIN,
		Cors: &[]*awss3.CorsRule{{
			AllowedOrigins: jsii.Strings(pages.Origins...), AllowedMethods: &methods,
			AllowedHeaders: jsii.Strings(pages.Headers...), MaxAge: jsii.Number(pages.MaxAge.Seconds()),
		}},
	})
	bucket.Policy().ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN)
	var told []any
	for _, f := range all {
		if f.Queue == nil || f.Queue.Uploads == "" {
			continue
		}
		told = append(told, &awss3.CfnBucket_QueueConfigurationProperty{
			Event: jsii.String("s3:ObjectCreated:*"), Queue: jsii.String(n.queueARN(f.Queue.Name)),
			Filter: &awss3.CfnBucket_NotificationFilterProperty{S3Key: &awss3.CfnBucket_S3KeyFilterProperty{
				Rules: &[]any{&awss3.CfnBucket_FilterRuleProperty{Name: jsii.String("prefix"), Value: &f.Queue.Uploads}},
			}},
		})
		bucket.Node().AddDependency(policies[f.Queue.Name]) // S3 tries the queue when it is told of it
	}
	if len(told) > 0 {
		resource := bucket.Node().DefaultChild().(awss3.CfnBucket) //nolint:errcheck // a bucket's default child is one
		resource.SetNotificationConfiguration(&awss3.CfnBucket_NotificationConfigurationProperty{QueueConfigurations: &told})
	}
}

// identifier makes a construct's id of a name: "dead-letters" becomes "DeadLetters".
func identifier(name string) string { return functions.Function{Name: name}.LogicalID() }

func days(d time.Duration) awscdk.Duration {
	const day = 24 * time.Hour
	return awscdk.Duration_Days(jsii.Number(float64(d / day)))
}
