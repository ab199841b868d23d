package main

import (
	"fmt"

	"example.com/registrar/functions"
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2integrations"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
)

// site is what functions are put into.
type site struct {
	data data
	api  awsapigatewayv2.HttpApi
	code func(functions.Function) string
}

// addFunction adds a function with its logs, its role, and what triggers it.
func (s site) addFunction(stack awscdk.Stack, f functions.Function) error {
	if f.Bucket != functions.No && len(s.data.uploads) == 0 {
		return fmt.Errorf("function %s uses the bucket, but no queue of the manifest names a prefix of it", f.Name)
	}
	id := f.LogicalID()
	logs := awslogs.NewLogGroup(stack, jsii.String(id+"Logs"), &awslogs.LogGroupProps{
		Retention: awslogs.RetentionDays_ONE_MONTH, RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	role := awsiam.NewRole(stack, jsii.String(id+"Role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"manifest": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: s.statements(f, logs)}),
		},
	})
	function := awslambda.NewFunction(stack, jsii.String(id), &awslambda.FunctionProps{
		Description: jsii.String(f.Name),
		Runtime:     awslambda.Runtime_PROVIDED_AL2023(), Architecture: awslambda.Architecture_ARM_64(), Handler: jsii.String("bootstrap"),
		Code:       awslambda.Code_FromAsset(jsii.String(s.code(f)), nil),
		MemorySize: jsii.Number(f.Memory), Timeout: seconds(f.Timeout), Environment: s.environment(f),
		LogGroup: logs, LoggingFormat: awslambda.LoggingFormat_JSON, Role: role,
	})
	// The CDK lets a function wait for its role's policies. Here they are part of the role, which the function refers to anyway.
	resource := function.Node().DefaultChild().(awslambda.CfnFunction) //nolint:errcheck // a function's default child is one
	resource.AddDeletionOverride(jsii.String("DependsOn"))
	if f.Queue != nil {
		s.addConsumer(stack, f, function)
		return nil
	}
	for _, o := range f.Operations(functions.Adapters{}) {
		route := identifier(o.ID)
		awsapigatewayv2.NewHttpRoute(stack, jsii.String(route+"Route"), &awsapigatewayv2.HttpRouteProps{
			HttpApi: s.api, RouteKey: awsapigatewayv2.HttpRouteKey_With(&o.Path, awsapigatewayv2.HttpMethod(o.Method)),
			Integration: awsapigatewayv2integrations.NewHttpLambdaIntegration(jsii.String(route), function, nil), // payload format 2.0
		})
	}
	return nil
}

// addConsumer feeds a function from its queue, and gives the alarm when messages fail for good.
func (s site) addConsumer(stack awscdk.Stack, f functions.Function, function awslambda.Function) {
	id, queue := identifier(f.Queue.Name), s.data.queues[f.Queue.Name]
	awslambda.NewEventSourceMapping(stack, jsii.String(id+"Mapping"), &awslambda.EventSourceMappingProps{
		Target: function, EventSourceArn: queue.messages.QueueArn(), BatchSize: jsii.Number(f.Queue.BatchSize),
		MaxConcurrency: jsii.Number(f.Queue.Concurrency), ReportBatchItemFailures: jsii.Bool(true),
	})
	awscloudwatch.NewAlarm(stack, jsii.String(id+"DeadLetterAlarm"), &awscloudwatch.AlarmProps{
		AlarmDescription: jsii.String("Messages of the queue " + f.Queue.Name + " failed for good and lie in its dead-letter queue"),
		Metric: queue.dead.MetricApproximateNumberOfMessagesVisible(&awscloudwatch.MetricOptions{
			Statistic: jsii.String("Maximum"), Period: awscdk.Duration_Minutes(jsii.Number(1)),
		}),
		EvaluationPeriods: jsii.Number(1), Threshold: jsii.Number(0),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
}

func (s site) environment(f functions.Function) *map[string]*string {
	variables := map[string]*string{}
	if f.Table != functions.No {
		variables["TABLE_NAME"] = s.data.table.TableName()
		// Not the secret: a reference that CloudFormation resolves when it makes the function.
		variables["CURSOR_KEY"] = s.data.cursorKey.SecretValue().UnsafeUnwrap()
	}
	if f.Bucket != functions.No {
		variables["BUCKET_NAME"] = s.data.bucket.BucketName()
	}
	return &variables
}

// statements are what a function may do: what its line in the manifest names, and log.
func (s site) statements(f functions.Function, logs awslogs.LogGroup) *[]awsiam.PolicyStatement {
	var all []awsiam.PolicyStatement
	allow := func(resources []string, actions ...string) {
		all = append(all, awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Actions: jsii.Strings(actions...), Resources: jsii.Strings(resources...),
		}))
	}
	allow([]string{*logs.LogGroupArn()}, "logs:CreateLogStream", "logs:PutLogEvents")
	if f.Table != functions.No {
		table := []string{*s.data.table.TableArn()}
		for _, index := range s.data.indexes {
			table = append(table, *s.data.table.TableArn()+"/index/"+index)
		}
		allow(table, tableActions(f.Table)...)
	}
	if f.Bucket != functions.No {
		var objects []string
		for _, prefix := range s.data.uploads {
			objects = append(objects, *s.data.bucket.BucketArn()+"/"+prefix+"*")
		}
		allow(objects, bucketActions(f.Bucket)...)
	}
	if f.Queue != nil { // what Lambda's poller does with the function's role
		allow([]string{*s.data.queues[f.Queue.Name].messages.QueueArn()}, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
	}
	return &all
}

// tableActions are the actions that a use of the table needs. A transaction needs those of its parts (DynamoDB developer
// guide, "Using IAM with transactions"), a batch its own.
func tableActions(use functions.Use) []string {
	actions := []string{"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"}
	if use == functions.Write {
		actions = append(actions, "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem",
			"dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem")
	}
	return actions
}

func bucketActions(use functions.Use) []string {
	if use == functions.Write {
		return []string{"s3:PutObject"}
	}
	return []string{"s3:GetObject"}
}
