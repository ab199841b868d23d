package main

import (
	"example.com/registrar/functions"
	"example.com/registrar/shared/queue"
	"github.com/aws/aws-cdk-go/awscdk/v2"
)

// names are what the things of a stage are called: registrar-<stage>, and for most a word more. Stacks find each
// other's things by these names, not by exports: CloudFormation neither changes nor removes an export that another
// stack imports, so that one change of both could not be deployed. A name holds nobody back. What AWS names itself, the
// API's id and the stream's ARN, its stack writes into a parameter of Systems Manager, which the others read whenever
// they are deployed.
//
// Roles alone have the names that CloudFormation makes of stack and logical id: they are of the account, not of a
// region, and the longest of ours with a region in it is longer than the 64 characters that IAM allows.
type names struct {
	stage string
	// pseudo parameters of CloudFormation
	partition, region, account, suffix string
}

func namesOf(stage string) names {
	return names{
		stage: stage, partition: *awscdk.Aws_PARTITION(), region: *awscdk.Aws_REGION(), account: *awscdk.Aws_ACCOUNT_ID(),
		suffix: *awscdk.Aws_URL_SUFFIX(),
	}
}

// all is the name of what there is one of: the table, the API, the configuration set.
func (n names) all() string { return "registrar-" + n.stage }

// of is the name of one thing of several: a function, an alarm, a topic.
func (n names) of(thing string) string { return n.all() + "-" + thing }

// arn is that of a thing of this account and region.
func (n names) arn(service, thing string) string {
	return "arn:" + n.partition + ":" + service + ":" + n.region + ":" + n.account + ":" + thing
}

func (n names) tableARN() string { return n.arn("dynamodb", "table/"+n.all()) }

// bucket is unique in all of AWS, because it names the account and the region. With the longest stage and region it
// has 62 of the 63 characters that S3 allows.
func (n names) bucket() string { return n.of("uploads-" + n.account + "-" + n.region) }

func (n names) bucketARN() string { return "arn:" + n.partition + ":s3:::" + n.bucket() }

// dead is the name of a queue's dead-letter queue, in the manifest's way.
func dead(name string) string { return queue.DeadLetterName(name) }

func (n names) queueARN(name string) string { return n.arn("sqs", n.of(name)) }

func (n names) queueURL(name string) string {
	return "https://sqs." + n.region + "." + n.suffix + "/" + n.account + "/" + n.of(name)
}

func (n names) functionARN(function string) string {
	return n.arn("lambda", "function:"+n.of(function))
}

func (n names) topicARN(topic string) string { return n.arn("sns", n.of(topic)) }

func (n names) logGroup(function string) string { return "/aws/lambda/" + n.of(function) }

// key is the name of a secret.
func (n names) key(name string) string { return "registrar/" + n.stage + "/" + name }

// secret is the value of a secret: in a template a reference, which CloudFormation resolves when it makes or changes
// what holds it; see "The keys" in docs/operations.md.
func (n names) secret(key string) string {
	return "{{resolve:secretsmanager:" + n.key(key) + ":SecretString}}"
}

// Names of secrets, topics and queues that are not in the manifest.
const (
	cursorKey      = "cursor-key"
	unsubscribeKey = "unsubscribe-key"
	alarmTopic     = "alarms"
	feedbackTopic  = "mail-feedback"
	failedRuns     = functions.FailedRuns
)

// parameter is the name of a value that one stack tells the others.
func (n names) parameter(name string) string { return "/registrar/" + n.stage + "/" + name }
