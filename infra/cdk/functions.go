package main

import (
	"fmt"

	"example.com/registrar/functions"
	"example.com/registrar/shared/lambdahost"
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2integrations"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"
)

// site is what functions are put into.
type site struct {
	data data
	mail outbox
	api  awsapigatewayv2.HttpApi
	code func(functions.Function) string
	otlp string // where spans go; empty: functions are not told
	// public is where people reach the API, for the links in mails; empty: at the API's own address.
	public string
	keys   string // a word in each function's description: see [New]

	functions map[string]awslambda.Function           // by name, as they are added
	mappings  map[string]awslambda.EventSourceMapping // likewise, of what a stream feeds
	topic     awssns.Topic                            // of alarms
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
	description := f.Name
	if s.keys != "" {
		description += ", with the keys of " + s.keys
	}
	function := awslambda.NewFunction(stack, jsii.String(id), &awslambda.FunctionProps{
		Description: &description,
		Runtime:     awslambda.Runtime_PROVIDED_AL2023(), Architecture: awslambda.Architecture_ARM_64(),
		Handler:    jsii.String("bootstrap"),
		Code:       awslambda.Code_FromAsset(jsii.String(s.code(f)), nil),
		MemorySize: jsii.Number(f.Memory), Timeout: seconds(f.Timeout), Environment: s.environment(f),
		LogGroup: logs, LoggingFormat: awslambda.LoggingFormat_JSON, Role: role,
		// what is held for failures may pass: see shared/telemetry
		ApplicationLogLevelV2: awslambda.ApplicationLogLevel_DEBUG,
	})
	// The CDK lets a function wait for its role's policies. Here they are part of the role, which the function refers to
	// anyway.
	resource := function.Node().DefaultChild().(awslambda.CfnFunction) //nolint:errcheck // CDK's documentation says it
	resource.AddDeletionOverride(jsii.String("DependsOn"))
	s.functions[f.Name] = function
	switch {
	case f.Queue != nil:
		s.addConsumer(stack, f, function)
		return nil
	case f.Stream != nil:
		s.addStream(stack, f, function)
		return nil
	case f.Schedule != nil:
		s.addSchedule(stack, f, function)
		return nil
	}
	for _, o := range f.Operations(functions.Adapters{}) {
		route := identifier(o.ID)
		awsapigatewayv2.NewHttpRoute(stack, jsii.String(route+"Route"), &awsapigatewayv2.HttpRouteProps{
			HttpApi: s.api, RouteKey: awsapigatewayv2.HttpRouteKey_With(&o.Path, awsapigatewayv2.HttpMethod(o.Method)),
			// payload format 2.0
			Integration: awsapigatewayv2integrations.NewHttpLambdaIntegration(jsii.String(route), function, nil),
		})
	}
	return nil
}

// addStream feeds a function from the table's stream.
func (s site) addStream(stack awscdk.Stack, f functions.Function, function awslambda.Function) {
	pattern := map[string]any{
		"eventName": []string{"INSERT"},
		"dynamodb": map[string]any{
			"Keys": map[string]any{"PK": map[string]any{"S": []any{map[string]any{"prefix": f.Stream.Prefix}}}}},
	}
	mapping := awslambda.NewEventSourceMapping(stack, jsii.String(f.LogicalID()+"Mapping"),
		&awslambda.EventSourceMappingProps{
			Target: function, EventSourceArn: s.data.table.TableStreamArn(),
			StartingPosition: awslambda.StartingPosition_TRIM_HORIZON,
			BatchSize:        jsii.Number(f.Stream.BatchSize), ParallelizationFactor: jsii.Number(f.Stream.Parallel),
			RetryAttempts: jsii.Number(f.Stream.Retries), MaxRecordAge: seconds(f.Stream.MaxAge), BisectBatchOnError: jsii.Bool(
				true),
			ReportBatchItemFailures: jsii.Bool(true), Filters: &[]*map[string]any{awslambda.FilterCriteria_Filter(&pattern)},
			// for alarms
			MetricsConfig: &awslambda.MetricsConfig{Metrics: &[]awslambda.MetricType{awslambda.MetricType_EVENT_COUNT}},
		})
	s.mappings[f.Name] = mapping
	// The CDK's own destination would let the function read and write all of the bucket.
	child := mapping.Node().DefaultChild()
	resource := child.(awslambda.CfnEventSourceMapping) //nolint:errcheck // CDK's documentation says it
	resource.SetDestinationConfig(&awslambda.CfnEventSourceMapping_DestinationConfigProperty{
		OnFailure: &awslambda.CfnEventSourceMapping_OnFailureProperty{Destination: s.data.bucket.BucketArn()},
	})
}

// addSchedule lets EventBridge Scheduler call a function, with a role that may do nothing else, and that it takes for
// schedules of this account's group alone (Scheduler user guide, "Confused deputy prevention", which allows no narrower
// ARN).
func (s site) addSchedule(stack awscdk.Stack, f functions.Function, function awslambda.Function) {
	id := f.LogicalID()
	group := "arn:" + *stack.Partition() + ":scheduler:" + *stack.Region() + ":" + *stack.Account() +
		":schedule-group/default"
	role := awsiam.NewRole(stack, jsii.String(id+"ScheduleRole"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("scheduler.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": stack.Account(),
				"aws:SourceArn": group}},
		}),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"call": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &[]awsiam.PolicyStatement{
				awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
					Actions: jsii.Strings("lambda:InvokeFunction"), Resources: &[]*string{function.FunctionArn()},
				}),
			}}),
		},
	})
	awsscheduler.NewCfnSchedule(stack, jsii.String(id+"Schedule"), &awsscheduler.CfnScheduleProps{
		Description: jsii.String(f.Name), ScheduleExpression: &f.Schedule.Expression,
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn: function.FunctionArn(), RoleArn: role.RoleArn(), Input: jsii.String(lambdahost.ScheduleInput),
			RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{
				MaximumRetryAttempts: jsii.Number(functions.ScheduleRetries), MaximumEventAgeInSeconds: jsii.Number(
					functions.ScheduleMaxAge.Seconds()),
			},
		},
	})
}

// addConsumer feeds a function from its queue.
func (s site) addConsumer(stack awscdk.Stack, f functions.Function, function awslambda.Function) {
	id, queue := identifier(f.Queue.Name), s.data.queues[f.Queue.Name]
	mapping := &awslambda.EventSourceMappingProps{
		Target: function, EventSourceArn: queue.messages.QueueArn(), BatchSize: jsii.Number(f.Queue.BatchSize),
		MaxConcurrency: jsii.Number(f.Queue.Concurrency), ReportBatchItemFailures: jsii.Bool(true),
	}
	if f.Queue.Window > 0 {
		mapping.MaxBatchingWindow = seconds(f.Queue.Window)
	}
	awslambda.NewEventSourceMapping(stack, jsii.String(id+"Mapping"), mapping)
}

func (s site) environment(f functions.Function) *map[string]*string {
	variables := map[string]*string{}
	for name, value := range f.Environment() {
		variables[name] = s.value(value)
	}
	if s.otlp != "" {
		variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = &s.otlp
	}
	return &variables
}

func (s site) value(v functions.Value) *string {
	switch v.Kind {
	case functions.TableName:
		return s.data.table.TableName()
	case functions.CursorKey:
		// In the template a reference, which CloudFormation resolves when it makes or changes the function: see "The keys" in
		// docs/operations.md.
		return s.data.cursorKey.SecretValue().UnsafeUnwrap()
	case functions.BucketName:
		return s.data.bucket.BucketName()
	case functions.QueueURL:
		return s.data.queues[v.Of].messages.QueueUrl()
	case functions.DeadLetterURL:
		return s.data.queues[v.Of].dead.QueueUrl()
	case functions.MailSender:
		return jsii.String("Registrar <" + s.mail.address + ">")
	case functions.MailConfigurationSet:
		return s.mail.configuration.Ref()
	case functions.UnsubscribeKey:
		return s.data.unsubscribeKey.SecretValue().UnsafeUnwrap()
	case functions.APIURL:
		if s.public != "" {
			return &s.public
		}
		return s.api.ApiEndpoint()
	case functions.Text:
	}
	return &v.Of
}

// statements are what a function's role allows: the grants of its line in the manifest, and what Lambda does with the
// role.
func (s site) statements(f functions.Function, logs awslogs.LogGroup) *[]awsiam.PolicyStatement {
	var all []awsiam.PolicyStatement
	allow := func(on *string, actions ...string) {
		all = append(all, awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{Actions: jsii.Strings(actions...),
			Resources: &[]*string{on}}))
	}
	allow(logs.LogGroupArn(), "logs:CreateLogStream", "logs:PutLogEvents")
	if f.Queue != nil {
		allow(s.data.queues[f.Queue.Name].messages.QueueArn(), "sqs:ReceiveMessage", "sqs:DeleteMessage",
			"sqs:GetQueueAttributes")
	}
	if f.Stream != nil {
		allow(s.data.table.TableStreamArn(), "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator",
			"dynamodb:ListStreams")
	}
	for _, g := range f.Grants() {
		all = append(all, s.statement(g))
	}
	return &all
}

// statement is a grant in IAM's words.
func (s site) statement(g functions.Grant) awsiam.PolicyStatement {
	on := make([]string, len(g.On))
	for i, t := range g.On {
		on[i] = s.arn(t)
	}
	props := awsiam.PolicyStatementProps{Actions: jsii.Strings(g.Actions...), Resources: jsii.Strings(on...)}
	if g.Prefixes != nil {
		names := make([]string, len(g.Prefixes))
		for i, prefix := range g.Prefixes {
			names[i] = prefix + "*"
		}
		props.Conditions = &map[string]any{"StringLike": map[string]any{"s3:prefix": names}}
	}
	if g.AsSender {
		props.Conditions = &map[string]any{"StringEquals": map[string]any{"ses:FromAddress": s.mail.address}}
	}
	return awsiam.NewPolicyStatement(&props)
}

// arn is that of what a grant is on.
func (s site) arn(t functions.Thing) string {
	switch t.Kind {
	case functions.OnTable:
		return *s.data.table.TableArn()
	case functions.OnIndex:
		return *s.data.table.TableArn() + "/index/" + t.Of
	case functions.OnBucket:
		return *s.data.bucket.BucketArn()
	case functions.OnObjects:
		return *s.data.bucket.BucketArn() + "/" + t.Of + "*"
	case functions.OnQueue:
		return *s.data.queues[t.Of].messages.QueueArn()
	case functions.OnDeadLetters:
		return *s.data.queues[t.Of].dead.QueueArn()
	case functions.OnMailIdentity:
		return s.mail.arn("identity/" + s.mail.identity)
	case functions.OnMailConfigurationSet:
	}
	return s.mail.arn("configuration-set/" + *s.mail.configuration.Ref())
}
