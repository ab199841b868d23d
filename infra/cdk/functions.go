package main

import (
	"fmt"
	"regexp"
	"slices"

	"example.com/registrar/functions"
	"example.com/registrar/infra/policy"
	"example.com/registrar/shared/lambdahost"
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/jsii-runtime-go"
)

// site is what functions are put into.
type site struct {
	names        names
	mail         sender
	code         func(functions.Function) string
	architecture Architecture
	otlp         string // where spans go; empty: functions are not told
	// public is where people reach the API, for the links in mails; empty: at the API's own address.
	public string
	keys   string // a word in each function's description: see [New]
	traced bool   // Lambda sends spans to X-Ray

	uploads  bool                                       // whether a queue names a prefix of the bucket
	told     map[[2]string]*string                      // by stack and name, what stacks asked for with [site.ask]
	mappings map[string]awslambda.CfnEventSourceMapping // by name of the function, of what a stream feeds
}

// logDays is how long logs are kept.
const logDays = 30

// addFunction adds a function with its logs, its role, and what triggers it; its routes, if they have a throttle of
// their own, to the stage's stack.
func (s site) addFunction(stack, stage awscdk.Stack, f functions.Function) error {
	if f.Bucket != functions.No && !s.uploads {
		return fmt.Errorf("function %s uses the bucket, but no queue of the manifest names a prefix of it", f.Name)
	}
	id, name := f.LogicalID(), s.names.of(f.Name)
	if resource := f.Resource(); slices.Contains([]string{dataStack, "api", "alarms", "mail", lastStack}, resource) {
		return fmt.Errorf("function %s: the stack %s is not for functions", f.Name, resource)
	}
	const longest = 64 // of a function's name (Lambda API reference, CreateFunction)
	if len(name) > longest {
		return fmt.Errorf("function %s: its name %s has more than %d characters", f.Name, name, longest)
	}
	logs := awslogs.NewCfnLogGroup(stack, jsii.String(id+"Logs"), &awslogs.CfnLogGroupProps{
		LogGroupName: jsii.String(s.names.logGroup(f.Name)), RetentionInDays: jsii.Number(logDays),
	})
	logs.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY, nil)
	code := awss3assets.NewAsset(stack, jsii.String(id+"Code"), &awss3assets.AssetProps{Path: jsii.String(s.code(f))})
	description := f.Name
	if s.keys != "" {
		description += ", with the keys of " + s.keys
	}
	props := &awslambda.CfnFunctionProps{
		FunctionName: &name, Description: &description,
		Runtime: jsii.String("provided.al2023"), Architectures: jsii.Strings(s.architecture.Name),
		Handler:    jsii.String("bootstrap"),
		Code:       &awslambda.CfnFunction_CodeProperty{S3Bucket: code.S3BucketName(), S3Key: code.S3ObjectKey()},
		MemorySize: jsii.Number(f.Memory), Timeout: jsii.Number(f.Timeout.Seconds()),
		Environment: &awslambda.CfnFunction_EnvironmentProperty{Variables: s.environment(stack, f)},
		LoggingConfig: &awslambda.CfnFunction_LoggingConfigProperty{
			LogGroup: logs.Ref(), LogFormat: jsii.String("JSON"),
			ApplicationLogLevel: jsii.String("DEBUG"), // what is held for failures may pass: see shared/telemetry
		},
		Role: s.addRole(stack, id+"Role", "What the function "+f.Name+" may do", "lambda.amazonaws.com", nil,
			s.statements(stack, f, logs)).AttrArn(),
	}
	if s.traced {
		props.TracingConfig = &awslambda.CfnFunction_TracingConfigProperty{Mode: jsii.String("Active")}
	}
	function := awslambda.NewCfnFunction(stack, &id, props)
	switch {
	case f.Queue != nil:
		s.addConsumer(stack, f, function)
	case f.Stream != nil:
		s.addStream(stack, f, function)
	case f.Schedule != nil:
		s.addSchedule(stack, f, function)
	case f.Throttle != nil:
		s.addRoutes(stage, f)
	default:
		for _, permission := range s.addRoutes(stack, f) {
			permission.AddResourceDependency(function, nil)
		}
	}
	return nil
}

// addRole adds a role that a service may take, under a condition, for what the statements say.
func (s site) addRole(
	stack awscdk.Stack, id, description, service string, onBehalf map[string]any, statements []any,
) awsiam.CfnRole {
	trust := map[string]any{
		"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": map[string]any{"Service": service},
	}
	if onBehalf != nil {
		trust["Condition"] = onBehalf
	}
	return awsiam.NewCfnRole(stack, &id, &awsiam.CfnRoleProps{
		Description: &description, AssumeRolePolicyDocument: document(trust),
		Policies: &[]any{&awsiam.CfnRole_PolicyProperty{
			PolicyName: jsii.String("manifest"), PolicyDocument: document(statements...),
		}},
	})
}

// addRoutes adds the routes of a function, and lets the API call it for them and nothing else.
func (s site) addRoutes(stack awscdk.Stack, f functions.Function) []awslambda.CfnPermission {
	api := s.ask(stack, apiID)
	integration := awsapigatewayv2.NewCfnIntegration(stack, jsii.String(f.LogicalID()+"Integration"),
		&awsapigatewayv2.CfnIntegrationProps{
			ApiId: api, Description: &f.Name, IntegrationType: jsii.String("AWS_PROXY"),
			IntegrationUri: jsii.String(s.names.functionARN(f.Name)), PayloadFormatVersion: jsii.String("2.0"),
		})
	target := jsii.String("integrations/" + *integration.Ref())
	var permissions []awslambda.CfnPermission
	for _, o := range f.Operations(functions.Adapters{}) {
		id := identifier(o.ID)
		awsapigatewayv2.NewCfnRoute(stack, jsii.String(id+"Route"), &awsapigatewayv2.CfnRouteProps{
			ApiId: api, RouteKey: jsii.String(o.Method + " " + o.Path), OperationName: &o.ID, Target: target,
		})
		path := parameters.ReplaceAllString(o.Path, "*")
		permissions = append(permissions, awslambda.NewCfnPermission(stack, jsii.String(id+"Permission"),
			&awslambda.CfnPermissionProps{
				FunctionName: jsii.String(s.names.of(f.Name)), Action: jsii.String("lambda:InvokeFunction"),
				Principal: jsii.String("apigateway.amazonaws.com"),
				SourceArn: jsii.String(s.names.arn("execute-api", *api+"/*/"+o.Method+path)),
			}))
	}
	return permissions
}

// parameters are those of a route's path.
var parameters = regexp.MustCompile(`\{[^}]*\}`)

// addStream feeds a function from the table's stream.
func (s site) addStream(stack awscdk.Stack, f functions.Function, function awslambda.CfnFunction) {
	pattern := fmt.Sprintf(`{"eventName":["INSERT"],"dynamodb":{"Keys":{"PK":{"S":[{"prefix":%q}]}}}}`, f.Stream.Prefix)
	s.mappings[f.Name] = awslambda.NewCfnEventSourceMapping(stack, jsii.String(f.LogicalID()+"Mapping"),
		&awslambda.CfnEventSourceMappingProps{
			FunctionName: function.Ref(), EventSourceArn: s.ask(stack, streamARN),
			StartingPosition: jsii.String("TRIM_HORIZON"),
			BatchSize:        jsii.Number(f.Stream.BatchSize), ParallelizationFactor: jsii.Number(f.Stream.Parallel),
			MaximumRetryAttempts: jsii.Number(f.Stream.Retries), MaximumRecordAgeInSeconds: jsii.Number(
				f.Stream.MaxAge.Seconds()),
			BisectBatchOnFunctionError: jsii.Bool(true), FunctionResponseTypes: jsii.Strings("ReportBatchItemFailures"),
			FilterCriteria: &awslambda.CfnEventSourceMapping_FilterCriteriaProperty{Filters: &[]any{
				&awslambda.CfnEventSourceMapping_FilterProperty{Pattern: &pattern},
			}},
			// for alarms
			MetricsConfig: &awslambda.CfnEventSourceMapping_MetricsConfigProperty{Metrics: jsii.Strings("EventCount")},
			DestinationConfig: &awslambda.CfnEventSourceMapping_DestinationConfigProperty{
				OnFailure: &awslambda.CfnEventSourceMapping_OnFailureProperty{Destination: jsii.String(s.names.bucketARN())},
			},
		})
}

// addSchedule lets EventBridge Scheduler call a function, with a role that may do nothing else, and that it takes for
// schedules of this account's group alone (Scheduler user guide, "Confused deputy prevention", which allows no narrower
// ARN).
//
// Scheduler calls it asynchronously, so nobody waits for the answer. What becomes of a run that failed for good, and of
// a start that Lambda did not take, is a message in one queue.
func (s site) addSchedule(stack awscdk.Stack, f functions.Function, function awslambda.CfnFunction) {
	id, failed := f.LogicalID(), s.names.queueARN(failedRuns)
	role := s.addRole(stack, id+"ScheduleRole", "What the schedule of "+f.Name+" may do", "scheduler.amazonaws.com",
		map[string]any{"StringEquals": map[string]any{
			"aws:SourceAccount": s.names.account, "aws:SourceArn": s.names.arn("scheduler", "schedule-group/default"),
		}},
		[]any{allow([]string{"lambda:InvokeFunction"}, s.names.functionARN(f.Name)),
			allow([]string{"sqs:SendMessage"}, failed)})
	awsscheduler.NewCfnSchedule(stack, jsii.String(id+"Schedule"), &awsscheduler.CfnScheduleProps{
		Name: jsii.String(s.names.of(f.Name)), Description: jsii.String(f.Name),
		ScheduleExpression: &f.Schedule.Expression,
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn: function.AttrArn(), RoleArn: role.AttrArn(), Input: jsii.String(lambdahost.ScheduleInput),
			RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{
				MaximumRetryAttempts:     jsii.Number(functions.ScheduleRetries),
				MaximumEventAgeInSeconds: jsii.Number(functions.ScheduleMaxAge.Seconds()),
			},
			DeadLetterConfig: &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: &failed},
		},
	})
	awslambda.NewCfnEventInvokeConfig(stack, jsii.String(id+"Runs"), &awslambda.CfnEventInvokeConfigProps{
		FunctionName: function.Ref(), Qualifier: jsii.String("$LATEST"),
		MaximumRetryAttempts:     jsii.Number(functions.RunRetries),
		MaximumEventAgeInSeconds: jsii.Number(functions.ScheduleMaxAge.Seconds()),
		DestinationConfig: &awslambda.CfnEventInvokeConfig_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventInvokeConfig_OnFailureProperty{Destination: &failed},
		},
	})
}

// addConsumer feeds a function from its queue.
func (s site) addConsumer(stack awscdk.Stack, f functions.Function, function awslambda.CfnFunction) {
	mapping := &awslambda.CfnEventSourceMappingProps{
		FunctionName: function.Ref(), EventSourceArn: jsii.String(s.names.queueARN(f.Queue.Name)),
		BatchSize: jsii.Number(f.Queue.BatchSize), FunctionResponseTypes: jsii.Strings("ReportBatchItemFailures"),
		ScalingConfig: &awslambda.CfnEventSourceMapping_ScalingConfigProperty{
			MaximumConcurrency: jsii.Number(f.Queue.Concurrency),
		},
	}
	if f.Queue.Window > 0 {
		mapping.MaximumBatchingWindowInSeconds = jsii.Number(f.Queue.Window.Seconds())
	}
	awslambda.NewCfnEventSourceMapping(stack, jsii.String(identifier(f.Queue.Name)+"Mapping"), mapping)
}

func (s site) environment(stack awscdk.Stack, f functions.Function) map[string]*string {
	variables := map[string]*string{}
	for name, value := range f.Environment() {
		variables[name] = s.value(stack, value)
	}
	if s.otlp != "" {
		variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = &s.otlp
	}
	return variables
}

func (s site) value(stack awscdk.Stack, v functions.Value) *string {
	switch v.Kind {
	case functions.TableName:
		return jsii.String(s.names.all())
	case functions.CursorKey:
		return jsii.String(s.names.secret(cursorKey))
	case functions.BucketName:
		return jsii.String(s.names.bucket())
	case functions.QueueURL:
		return jsii.String(s.names.queueURL(v.Of))
	case functions.DeadLetterURL:
		return jsii.String(s.names.queueURL(dead(v.Of)))
	case functions.QueueURLPrefix:
		return jsii.String(s.names.queueURL(""))
	case functions.MailSender:
		return jsii.String("Registrar <" + s.mail.address + ">")
	case functions.MailConfigurationSet:
		return jsii.String(s.names.all())
	case functions.UnsubscribeKey:
		return jsii.String(s.names.secret(unsubscribeKey))
	case functions.APIURL:
		if s.public != "" {
			return &s.public
		}
		return jsii.String("https://" + *s.ask(stack, apiID) + ".execute-api." + s.names.region + "." + s.names.suffix)
	case functions.Text:
	}
	return &v.Of
}

// statements are what a function's role allows: the grants of its line in the manifest, and what Lambda does with the
// role.
func (s site) statements(stack awscdk.Stack, f functions.Function, logs awslogs.CfnLogGroup) []any {
	var all []any
	for _, allowed := range policy.Role(f, inPolicies{s, stack, *logs.AttrArn()}) {
		statement := allow(allowed.Actions, allowed.Resources...)
		if allowed.Condition != nil {
			condition := map[string]any{} // what the bridge to Node understands
			for operator, keys := range allowed.Condition {
				values := map[string]any{}
				for key, of := range keys {
					values[key] = of
				}
				condition[operator] = values
			}
			statement["Condition"] = condition
		}
		all = append(all, statement)
	}
	if s.traced { // X-Ray knows no resources that these actions could be on
		all = append(all, allow([]string{"xray:PutTraceSegments", "xray:PutTelemetryRecords"}, "*"))
	}
	return all
}

func allow(actions []string, on ...string) map[string]any {
	return map[string]any{"Effect": "Allow", "Action": actions, "Resource": on}
}

// inPolicies are how policies call things in a stack.
type inPolicies struct {
	site

	stack awscdk.Stack
	logs  string // the function's, with all their streams
}

// ARN implements [policy.Names].
func (p inPolicies) ARN(_ functions.Function, t functions.Thing) string {
	switch t.Kind {
	case functions.OnTable:
		return p.names.tableARN()
	case functions.OnIndex:
		return p.names.tableARN() + "/index/" + t.Of
	case functions.OnStream:
		return *p.ask(p.stack, streamARN)
	case functions.OnBucket:
		return p.names.bucketARN()
	case functions.OnObjects:
		return p.names.bucketARN() + "/" + t.Of + "*"
	case functions.OnQueue:
		return p.names.queueARN(t.Of)
	case functions.OnDeadLetters:
		return p.names.queueARN(dead(t.Of))
	case functions.OnMailIdentity:
		return p.names.arn("ses", "identity/"+p.mail.identity)
	case functions.OnMailConfigurationSet:
		return p.names.arn("ses", "configuration-set/"+p.names.all())
	case functions.OnLogs:
	}
	return p.logs
}

// Sender implements [policy.Names].
func (p inPolicies) Sender() string { return p.mail.address }
