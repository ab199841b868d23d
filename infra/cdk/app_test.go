package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"example.com/registrar/functions"
	"example.com/registrar/shared/dynamo"
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// testSender is the sender in the tests; its domain is called as the parameter of template.yaml that stands for it.
const testSender = "sender@MailIdentity"

// testEndpoint is where the test's spans go, testKeys the word that changes when the keys do.
const (
	testEndpoint = "https://collector.example.edu"
	testKeys     = "2026-11-24"
)

// TestApp synthesizes the app once, because to start Node takes seconds, and looks at it from all sides.
func TestApp(t *testing.T) {
	defer jsii.Close()
	code := t.TempDir() // one for all functions: what a binary holds is nothing to the templates
	if err := os.WriteFile(filepath.Join(code, "bootstrap"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	options := Options{
		Functions: functions.All(), Out: t.TempDir(), Code: func(functions.Function) string { return code },
		Context: map[string]any{
			"stage": "test", "sender": testSender, "alarmAddress": alarmAddress, "otlpEndpoint": testEndpoint, "keys": testKeys,
		},
	}
	app, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	a := system{stacks: map[string]stack{}, after: map[string]bool{}}
	a.sam, a.samGlobals = samTemplate(t)
	for _, child := range *app.Node().Children() {
		if s, ok := child.(awscdk.Stack); ok {
			a.stacks[*s.StackName()] = stackOf(t, s)
			if *s.StackName() == "registrar-test-api-stage" {
				for _, other := range *s.Dependencies() {
					a.after[*other.StackName()] = true
				}
			}
		}
	}
	t.Run("stacks", a.testStacks)
	t.Run("table", a.testTable)
	t.Run("bucket", a.testBucket)
	t.Run("queues", a.testQueues)
	t.Run("functions", a.testFunctions)
	t.Run("routes", a.testRoutes)
	t.Run("gateway", a.testGateway)
	t.Run("policies", a.testPolicies)
	t.Run("logs", a.testLogs)
	t.Run("alarms", a.testAlarms)
	t.Run("everything is watched", a.testEverythingIsWatched)
	t.Run("topic", a.testTopic)
	t.Run("mail", a.testMail)

	for sender, identity := range map[string]string{
		"": "", "nobody": "example.edu", "Registrar <a@example.edu>": "example.edu", "a@example.edu": "example.com",
		"a@badexample.edu": "example.edu",
	} {
		options.Context = map[string]any{"sender": sender, "identity": identity}
		if _, err := New(options); err == nil {
			t.Errorf("the sender %q of the identity %q is accepted", sender, identity)
		}
	}
	for _, endpoint := range []string{"collector.example.edu:4318", "grpc://collector.example.edu", "https://"} {
		options.Context = map[string]any{"otlpEndpoint": endpoint}
		if _, err := New(options); err == nil {
			t.Errorf("spans may go to %q", endpoint)
		}
	}
	for _, address := range []string{"courses.example.edu", "http://courses.example.edu", "https:///registrar",
		"https://courses.example.edu?a=1"} {
		options.Context = map[string]any{"publicUrl": address}
		if _, err := New(options); err == nil {
			t.Errorf("people may reach the API at %q", address)
		}
	}
	for _, stage := range []string{"Prod", "a-b", "1", "averyveryverylongstage"} {
		options.Context = map[string]any{"stage": stage}
		if _, err := New(options); err == nil {
			t.Errorf("stage %q is accepted", stage)
		}
	}
	for _, address := range []string{"", "operators", "Operators <operators@example.edu>"} {
		options.Context = map[string]any{"alarmAddress": address, "sender": testSender}
		if _, err := New(options); err == nil {
			t.Errorf("alarms may go to %q", address)
		}
	}
}

func TestMissingBinariesAreNamed(t *testing.T) {
	root := t.TempDir()
	err := run([]string{"-root", root}, os.Getenv)
	if err == nil || !strings.Contains(err.Error(), "make build") ||
		!strings.Contains(err.Error(), functions.All()[0].Name) {
		t.Errorf("without binaries: %v", err)
	}
}

// system is what was synthesized, and SAM's description of the same.
type system struct {
	stacks map[string]stack
	sam    map[string]resource
	// samGlobals are the variables that template.yaml gives to all functions.
	samGlobals map[string]any
	after      map[string]bool // stacks that the API's stage is deployed after
}

type stack struct {
	protected bool
	resources map[string]resource
	template  assertions.Template
}

// resource is one of a template, by CloudFormation's words.
type resource struct {
	Type           string
	DeletionPolicy string
	Properties     json.RawMessage
}

// reference is the logical id that a Ref or a Fn::GetAtt names; for another stack's, the name of the export.
type reference string

// UnmarshalJSON takes anything: what is no reference has none.
func (r *reference) UnmarshalJSON(document []byte) error {
	var value any
	if err := json.Unmarshal(document, &value); err != nil {
		return err
	}
	*r = reference(strings.Trim(said(value), "<>"))
	return nil
}

// said is a value as text, a reference as <id>.
func said(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case map[string]any:
		if id, ok := v["Ref"]; ok {
			return fmt.Sprintf("<%v>", id)
		}
		if id, ok := v["Fn::ImportValue"]; ok {
			return fmt.Sprintf("<%v>", id)
		}
		if of, ok := v["Fn::GetAtt"].([]any); ok {
			return fmt.Sprintf("<%v>", of[0])
		}
		if parts, ok := v["Fn::Join"].([]any); ok {
			var joined strings.Builder
			for _, part := range parts[1].([]any) {
				joined.WriteString(said(part))
			}
			return joined.String()
		}
	}
	return fmt.Sprintf("?%v", value)
}

// texts are a value's texts, of which CloudFormation writes one without a list.
func texts(value any) []string {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	var all []string
	for _, v := range list {
		all = append(all, said(v))
	}
	return all
}

func stackOf(t *testing.T, s awscdk.Stack) stack {
	t.Helper()
	template := assertions.Template_FromStack(s, nil)
	var read struct{ Resources map[string]resource }
	convert(t, template.ToJSON(), &read)
	return stack{protected: *s.TerminationProtection(), resources: read.Resources, template: template}
}

// samTemplate reads template.yaml: its resources, and the variables of all functions. Short functions such as !Ref lose
// their names, which nothing here asks for.
func samTemplate(t *testing.T) (resources map[string]resource, variables map[string]any) {
	t.Helper()
	document, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template map[string]any
	if err := yaml.Unmarshal(document, &template); err != nil {
		t.Fatal(err)
	}
	convert(t, template["Resources"], &resources)
	var globals struct{ Function lambda }
	convert(t, template["Globals"], &globals)
	return resources, globals.Function.Environment.Variables
}

func convert(t *testing.T, from, to any) {
	t.Helper()
	document, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(document, to); err != nil {
		t.Fatal(err)
	}
}

// all are the resources of a type in all stacks, by logical id without the hash that the CDK appends.
func (s system) all(kind string) map[string]resource {
	found := map[string]resource{}
	for _, stack := range s.stacks {
		for id, r := range stack.resources {
			if r.Type == kind {
				found[plain(id)] = r
			}
		}
	}
	return found
}

// plain is a logical id without the CDK's hash; of an export's name, what it is of.
func plain[S ~string](id S) string {
	const hash = 8
	return string(id[:max(0, len(id)-hash)])
}

func (s system) testStacks(t *testing.T) {
	want := []string{
		"registrar-test-alarms", "registrar-test-api", "registrar-test-api-stage", "registrar-test-data",
		"registrar-test-mail", "registrar-test-workers",
	}
	for _, f := range functions.All() {
		if f.Operations != nil {
			want = append(want, "registrar-test-"+f.Resource())
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	var got []string
	for name, stack := range s.stacks {
		got = append(got, name)
		const most = 450 // of CloudFormation's 500, so that there is time to part it
		if len(stack.resources) == 0 || len(stack.resources) >= most {
			t.Errorf("stack %s has %d resources", name, len(stack.resources))
		}
		if stack.protected != (name == "registrar-test-data") {
			t.Errorf("stack %s: termination protection is %v", name, stack.protected)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("stacks are %v, want %v", got, want)
	}
	for id, r := range s.stacks["registrar-test-data"].resources {
		if r.DeletionPolicy != "Retain" && r.Type != "AWS::SQS::QueuePolicy" {
			t.Errorf("%s is not retained", id)
		}
	}
}

func (s system) testTable(t *testing.T) {
	definition := dynamo.TableDefinition("")
	want := map[string]any{
		"BillingMode": "PAY_PER_REQUEST", "DeletionProtectionEnabled": true,
		"PointInTimeRecoverySpecification": map[string]any{"PointInTimeRecoveryEnabled": true},
		"StreamSpecification":              map[string]any{"StreamViewType": "NEW_AND_OLD_IMAGES"},
		"TimeToLiveSpecification":          map[string]any{"AttributeName": dynamo.TimeToLive, "Enabled": true},
	}
	type key struct{ AttributeName, KeyType string }
	type attribute struct{ AttributeName, AttributeType string }
	type index struct {
		IndexName  string
		KeySchema  []key
		Projection struct{ ProjectionType string }
	}
	var keys struct {
		AttributeDefinitions   []attribute
		KeySchema              []key
		GlobalSecondaryIndexes []index
	}
	convert(t, definition, &keys) // leaves out what the two spell differently
	var wanted map[string]any
	convert(t, keys, &wanted)
	for name, value := range want {
		wanted[name] = value
	}
	data := s.stacks["registrar-test-data"].template
	data.ResourceCountIs(jsii.String("AWS::DynamoDB::Table"), jsii.Number(1))
	data.HasResourceProperties(jsii.String("AWS::DynamoDB::Table"), wanted)
	for name, r := range map[string]resource{"template.yaml": s.sam["Table"],
		"the CDK app": s.all("AWS::DynamoDB::Table")["Table"]} {
		var got map[string]any
		convert(t, r.Properties, &got)
		if !reflect.DeepEqual(got, wanted) {
			t.Errorf("the table in %s is %v, the store expects %v", name, got, wanted)
		}
	}
}

func (s system) testBucket(t *testing.T) {
	type object = map[string]any
	some := func(o object) any { return assertions.Match_ArrayWith(&[]any{assertions.Match_ObjectLike(&o)}) }
	data := s.stacks["registrar-test-data"].template
	data.ResourceCountIs(jsii.String("AWS::S3::Bucket"), jsii.Number(1))
	pages := functions.UploadCORS()
	wanted := asRead(t, object{"CorsRules": []object{{
		"AllowedOrigins": pages.Origins, "AllowedMethods": pages.Methods, "AllowedHeaders": pages.Headers,
		"MaxAge": pages.MaxAge.Seconds(),
	}}})
	for place, r := range map[string]resource{"the CDK app": s.all("AWS::S3::Bucket")["Bucket"],
		"template.yaml": s.sam["Bucket"]} {
		if diff := cmp.Diff(wanted, propertiesOf(t, r.Properties)["CorsConfiguration"]); diff != "" {
			t.Errorf("what pages may upload in %s (-want +got):\n%s", place, diff)
		}
	}
	uploads := 0
	for _, f := range functions.All() {
		if f.Queue == nil || f.Queue.Uploads == "" {
			continue
		}
		uploads++
		queue := object{"Fn::GetAtt": []any{assertions.Match_StringLikeRegexp(jsii.String("^" + identifier(f.Queue.Name) +
			"Queue.{8}$")), "Arn"}}
		data.HasResourceProperties(jsii.String("AWS::S3::Bucket"), object{
			"PublicAccessBlockConfiguration": object{
				"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
			},
			"BucketEncryption": object{"ServerSideEncryptionConfiguration": assertions.Match_AnyValue()},
			"LifecycleConfiguration": object{"Rules": some(object{"Prefix": f.Queue.Uploads, "Status": "Enabled",
				"ExpirationInDays": 30})},
			"NotificationConfiguration": object{"QueueConfigurations": some(object{
				"Event": "s3:ObjectCreated:*", "Queue": queue,
				"Filter": object{"S3Key": object{"Rules": []any{object{"Name": "prefix", "Value": f.Queue.Uploads}}}},
			})},
		})
		data.HasResourceProperties(jsii.String("AWS::SQS::QueuePolicy"),
			object{"PolicyDocument": object{"Statement": some(object{
				"Effect": "Allow", "Action": "sqs:SendMessage", "Principal": object{"Service": "s3.amazonaws.com"},
				"Resource": queue,
				"Condition": object{"StringEquals": object{"aws:SourceAccount": object{"Ref": "AWS::AccountId"}},
					"ArnEquals": assertions.Match_AnyValue()},
			})}})
	}
	if uploads == 0 {
		t.Error("no queue of the manifest is told of uploads")
	}
	data.HasResourceProperties(jsii.String("AWS::S3::BucketPolicy"),
		object{"PolicyDocument": object{"Statement": some(object{
			"Effect": "Deny", "Action": "s3:*", "Principal": object{"AWS": "*"}, "Condition": object{
				"Bool": object{"aws:SecureTransport": "false"}},
		})}})
	// The name that the queue's policy trusts is the bucket's: a wrong one shows at a deployment, and not before.
	var bucket struct{ BucketName any }
	convert(t, s.all("AWS::S3::Bucket")["Bucket"].Properties, &bucket)
	for id, r := range s.all("AWS::SQS::QueuePolicy") {
		var queue struct {
			PolicyDocument struct {
				Statement []struct {
					Condition struct{ ArnEquals map[string]any }
				}
			}
		}
		convert(t, r.Properties, &queue)
		for _, statement := range queue.PolicyDocument.Statement {
			if strings.HasPrefix(id, "Mail") {
				continue // trusts a topic: see testMail
			}
			if got, want := said(statement.Condition.ArnEquals["aws:SourceArn"]), "arn:<AWS::Partition>:s3:::"+
				said(bucket.BucketName); got != want {
				t.Errorf("%s trusts %q, the bucket is %q", id, got, want)
			}
		}
	}
}

// testQueues holds every queue to the project's rule: a dead-letter queue of its own.
func (s system) testQueues(t *testing.T) {
	type attributes struct {
		VisibilityTimeout, MessageRetentionPeriod, DelaySeconds int
		RedrivePolicy                                           *struct {
			DeadLetterTargetArn reference
			MaxReceiveCount     int
		}
	}
	queues, dead := map[string]attributes{}, map[string]bool{}
	for id, r := range s.all("AWS::SQS::Queue") {
		var q attributes
		convert(t, r.Properties, &q)
		queues[id] = q
		if q.RedrivePolicy != nil {
			if dead[plain(q.RedrivePolicy.DeadLetterTargetArn)] {
				t.Errorf("queue %s shares its dead-letter queue", id)
			}
			dead[plain(q.RedrivePolicy.DeadLetterTargetArn)] = true
		}
	}
	for id, q := range queues {
		if q.RedrivePolicy == nil && !dead[id] {
			t.Errorf("queue %s has no dead-letter queue", id)
		}
	}
	for _, f := range functions.All() {
		if f.Queue == nil {
			continue
		}
		id := identifier(f.Queue.Name) + "Queue"
		var sam attributes
		convert(t, s.sam[id].Properties, &sam)
		for place, q := range map[string]attributes{"the CDK app": queues[id], "template.yaml": sam} {
			if q.RedrivePolicy == nil || q.RedrivePolicy.MaxReceiveCount != f.Queue.Receives ||
				q.VisibilityTimeout != int(f.Visibility().Seconds()) ||
				q.DelaySeconds != int(f.Queue.Delay.Seconds()) {
				t.Errorf("queue %s in %s is %+v, the manifest says %+v and hidden for %v", f.Queue.Name, place, q, *f.Queue,
					f.Visibility())
			}
		}
	}
}

func (s system) testRoutes(t *testing.T) {
	var want, got []string
	for _, f := range functions.All() {
		if f.Operations != nil {
			for _, o := range f.Operations(functions.Adapters{}) {
				want = append(want, o.Method+" "+o.Path)
			}
		}
	}
	for _, stack := range s.stacks {
		for _, r := range stack.resources {
			if r.Type == "AWS::ApiGatewayV2::Route" {
				var route struct{ RouteKey string }
				convert(t, r.Properties, &route)
				got = append(got, route.RouteKey)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the API has the routes\n%s\nthe operations have\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// routeSettings are the throttles of a stage or of a route.
type routeSettings struct {
	ThrottlingRateLimit  float64
	ThrottlingBurstLimit int
}

// testGateway holds CORS and the throttles in both descriptions to the manifest. A stage that names a route which is
// not there fails at its deployment, and the one that there is has no other routes.
func (s system) testGateway(t *testing.T) {
	type cors struct {
		AllowOrigins, AllowMethods, AllowHeaders, ExposeHeaders []string
		AllowCredentials                                        bool
		MaxAge                                                  int
	}
	type gateway struct {
		CorsConfiguration    cors
		DefaultRouteSettings routeSettings
		RouteSettings        map[string]routeSettings
	}
	api := functions.API()
	want := gateway{
		CorsConfiguration: cors{
			AllowOrigins: api.CORS.Origins, AllowMethods: api.CORS.Methods, AllowHeaders: api.CORS.Headers,
			ExposeHeaders: api.CORS.Expose,
			MaxAge:        int(api.CORS.MaxAge.Seconds()),
		},
		DefaultRouteSettings: routeSettings{float64(api.Throttle.Rate), api.Throttle.Burst},
		RouteSettings:        map[string]routeSettings{},
	}
	for route, own := range functions.Throttles(functions.All()) {
		want.RouteSettings[route] = routeSettings{float64(own.Rate), own.Burst}
	}
	var sam, synthesized gateway
	convert(t, s.sam["Api"].Properties, &sam)
	stages := 0
	for name, stack := range s.stacks {
		for id, r := range stack.resources {
			switch r.Type {
			case "AWS::ApiGatewayV2::Api":
				convert(t, r.Properties, &synthesized)
			case "AWS::ApiGatewayV2::Stage":
				stages++
				convert(t, r.Properties, &synthesized)
				var stage struct {
					StageName  string
					AutoDeploy bool
				}
				if convert(t, r.Properties, &stage); stage.StageName != "$default" || !stage.AutoDeploy ||
					name != "registrar-test-api-stage" {
					t.Errorf("stage %s of stack %s is %+v", id, name, stage)
				}
			}
		}
	}
	if stages != 1 {
		t.Errorf("the API has %d stages", stages)
	}
	for place, got := range map[string]gateway{"the CDK app": synthesized, "template.yaml": sam} {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("the gateway in %s is\n  %+v, the manifest says\n  %+v", place, got, want)
		}
	}
	for name := range s.stacks {
		if before := name != "registrar-test-data" && name != "registrar-test-api-stage"; before != s.after[name] {
			t.Errorf("the stage is deployed after %s: %v", name, s.after[name])
		}
	}
}

// testMail follows what becomes of mail, in both descriptions: SES may publish to the topic, for this account's
// configuration set alone, and the topic may send to the queue.
func (s system) testMail(t *testing.T) {
	told := ""
	for _, f := range functions.All() {
		if f.Queue != nil && f.Queue.Feedback {
			told += identifier(f.Queue.Name) + "Queue"
		}
	}
	if told != "MailFeedbackQueue" {
		t.Fatalf("feedback goes to %q", told)
	}
	const set = "MailConfigurationSet"
	type destination struct{ ConfigurationSetName, EventDestination any }
	type subscription struct{ TopicArn, Protocol, Endpoint any }
	type document struct {
		PolicyDocument struct {
			Statement []struct{ Effect, Principal, Action, Resource, Condition any }
		}
	}
	want := map[string]any{
		"AWS::SES::ConfigurationSetEventDestination": properties{"ConfigurationSetName": set, "EventDestination": properties{
			"Name": "feedback", "Enabled": true, "MatchingEventTypes": []any{"BOUNCE", "COMPLAINT"},
			"SnsDestination": properties{"TopicARN": "MailFeedbackTopic"},
		}},
		"AWS::SNS::Subscription": properties{"TopicArn": "MailFeedbackTopic", "Protocol": "sqs", "Endpoint": told + ".Arn"},
		"AWS::SNS::TopicPolicy": properties{
			"Effect": "Allow", "Principal": properties{"Service": "ses.amazonaws.com"}, "Action": "sns:Publish",
			"Resource": "MailFeedbackTopic",
			"Condition": properties{"StringEquals": properties{
				"aws:SourceAccount": "AWS::AccountId",
				"aws:SourceArn":     "arn:AWS::Partition:ses:AWS::Region:AWS::AccountId:configuration-set/" + set,
			}},
		},
		"AWS::SQS::QueuePolicy": properties{
			"Effect": "Allow", "Principal": properties{"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
			"Resource":  told + ".Arn",
			"Condition": properties{"ArnEquals": properties{"aws:SourceArn": "MailFeedbackTopic"}},
		},
	}
	read := func(r resource) any {
		switch r.Type {
		case "AWS::SES::ConfigurationSetEventDestination":
			var d destination
			convert(t, r.Properties, &d)
			return named(asRead(t, properties{"ConfigurationSetName": d.ConfigurationSetName,
				"EventDestination": d.EventDestination}))
		case "AWS::SNS::Subscription":
			var d subscription
			convert(t, r.Properties, &d)
			return named(asRead(t, properties{"TopicArn": d.TopicArn, "Protocol": d.Protocol, "Endpoint": d.Endpoint}))
		}
		var d document
		convert(t, r.Properties, &d)
		if len(d.PolicyDocument.Statement) != 1 {
			return d
		}
		one := d.PolicyDocument.Statement[0]
		return named(properties{"Effect": one.Effect, "Principal": one.Principal, "Action": one.Action,
			"Resource": one.Resource, "Condition": one.Condition})
	}
	sam := map[string]any{}
	for id, r := range s.sam {
		if want[r.Type] != nil && strings.HasPrefix(id, "Mail") {
			sam[r.Type] = read(r)
		}
	}
	synthesized := map[string]any{}
	for _, r := range s.stacks["registrar-test-mail"].resources {
		if want[r.Type] != nil {
			synthesized[r.Type] = read(r)
		}
	}
	for place, got := range map[string]map[string]any{"the CDK app": synthesized, "template.yaml": sam} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the way of feedback in %s (-want +got):\n%s", place, diff)
		}
	}
}

func (s system) testLogs(t *testing.T) {
	for name, stack := range s.stacks {
		for id, r := range stack.resources {
			if r.Type != "AWS::Lambda::Function" {
				continue
			}
			var f lambda
			convert(t, r.Properties, &f)
			var group struct{ RetentionInDays int }
			if r, ok := stack.resources[string(f.LoggingConfig.LogGroup)]; ok {
				convert(t, r.Properties, &group)
			}
			if group.RetentionInDays == 0 {
				t.Errorf("function %s of stack %s logs without end into %q", id, name, f.LoggingConfig.LogGroup)
			}
		}
	}
}
