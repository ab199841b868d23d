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
	"gopkg.in/yaml.v3"
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
		Context: map[string]any{"stage": "test"},
	}
	app, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	a := system{stacks: map[string]stack{}, sam: samTemplate(t), after: map[string]bool{}}
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

	for _, stage := range []string{"Prod", "a-b", "1", "averyveryverylongstage"} {
		options.Context = map[string]any{"stage": stage}
		if _, err := New(options); err == nil {
			t.Errorf("stage %q is accepted", stage)
		}
	}
}

func TestMissingBinariesAreNamed(t *testing.T) {
	root := t.TempDir()
	err := run([]string{"-root", root}, os.Getenv)
	if err == nil || !strings.Contains(err.Error(), "make build") || !strings.Contains(err.Error(), functions.All()[0].Name) {
		t.Errorf("without binaries: %v", err)
	}
}

// system is what was synthesized, and SAM's description of the same.
type system struct {
	stacks map[string]stack
	sam    map[string]resource
	after  map[string]bool // stacks that the API's stage is deployed after
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

// lambda has the properties of AWS::Lambda::Function, and those of AWS::Serverless::Function besides.
type lambda struct {
	MemorySize, Timeout int
	Runtime, Handler    string
	Architectures       []string
	LoggingConfig       struct {
		LogFormat string
		LogGroup  reference
	}
	Role        reference
	Environment struct{ Variables map[string]any }
	Policies    []policy
	Events      map[string]struct {
		Type       string
		Properties struct {
			Method, Path, Queue string
			mapping
		}
	}
}

type mapping struct {
	FunctionName, EventSourceArn reference
	BatchSize                    int
	FunctionResponseTypes        []string
	ScalingConfig                struct{ MaximumConcurrency int }
}

type policy struct {
	Statement []struct {
		Effect           string
		Action, Resource any
	}
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

// samTemplate reads template.yaml. Short functions such as !Ref lose their names, which nothing here asks for.
func samTemplate(t *testing.T) map[string]resource {
	t.Helper()
	document, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template map[string]any
	if err := yaml.Unmarshal(document, &template); err != nil {
		t.Fatal(err)
	}
	var read map[string]resource
	convert(t, template["Resources"], &read)
	return read
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
	want := []string{"registrar-test-api", "registrar-test-api-stage", "registrar-test-data", "registrar-test-workers"}
	for _, f := range functions.All() {
		want = append(want, "registrar-test-"+f.Resource())
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
	for name, r := range map[string]resource{"template.yaml": s.sam["Table"], "the CDK app": s.all("AWS::DynamoDB::Table")["Table"]} {
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
	uploads := 0
	for _, f := range functions.All() {
		if f.Queue == nil || f.Queue.Uploads == "" {
			continue
		}
		uploads++
		queue := object{"Fn::GetAtt": []any{assertions.Match_StringLikeRegexp(jsii.String("^" + identifier(f.Queue.Name) + "Queue.{8}$")), "Arn"}}
		data.HasResourceProperties(jsii.String("AWS::S3::Bucket"), object{
			"PublicAccessBlockConfiguration": object{
				"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
			},
			"BucketEncryption":       object{"ServerSideEncryptionConfiguration": assertions.Match_AnyValue()},
			"LifecycleConfiguration": object{"Rules": some(object{"Prefix": f.Queue.Uploads, "Status": "Enabled", "ExpirationInDays": 30})},
			"NotificationConfiguration": object{"QueueConfigurations": some(object{
				"Event": "s3:ObjectCreated:*", "Queue": queue,
				"Filter": object{"S3Key": object{"Rules": []any{object{"Name": "prefix", "Value": f.Queue.Uploads}}}},
			})},
		})
		data.HasResourceProperties(jsii.String("AWS::SQS::QueuePolicy"), object{"PolicyDocument": object{"Statement": some(object{
			"Effect": "Allow", "Action": "sqs:SendMessage", "Principal": object{"Service": "s3.amazonaws.com"}, "Resource": queue,
			"Condition": object{"StringEquals": object{"aws:SourceAccount": object{"Ref": "AWS::AccountId"}}, "ArnEquals": assertions.Match_AnyValue()},
		})}})
	}
	if uploads == 0 {
		t.Error("no queue of the manifest is told of uploads")
	}
	data.HasResourceProperties(jsii.String("AWS::S3::BucketPolicy"), object{"PolicyDocument": object{"Statement": some(object{
		"Effect": "Deny", "Action": "s3:*", "Principal": object{"AWS": "*"}, "Condition": object{"Bool": object{"aws:SecureTransport": "false"}},
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
			if got, want := said(statement.Condition.ArnEquals["aws:SourceArn"]), "arn:<AWS::Partition>:s3:::"+said(bucket.BucketName); got != want {
				t.Errorf("%s trusts %q, the bucket is %q", id, got, want)
			}
		}
	}
}

// testQueues holds every queue to the project's rule: a dead-letter queue of its own with an alarm.
func (s system) testQueues(t *testing.T) {
	type attributes struct {
		VisibilityTimeout, MessageRetentionPeriod int
		RedrivePolicy                             *struct {
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
	alarmed := map[string]bool{}
	for _, r := range s.all("AWS::CloudWatch::Alarm") {
		var alarm struct {
			MetricName, ComparisonOperator string
			Threshold                      float64
			Dimensions                     []struct{ Value reference }
		}
		convert(t, r.Properties, &alarm)
		if alarm.MetricName == "ApproximateNumberOfMessagesVisible" && alarm.ComparisonOperator == "GreaterThanThreshold" && alarm.Threshold == 0 {
			for _, d := range alarm.Dimensions {
				alarmed[string(d.Value)] = true
			}
		}
	}
	alarm := func(id string) bool {
		for export := range alarmed {
			if strings.Contains(export, "ExportsOutputFnGetAtt"+id) {
				return true
			}
		}
		return false
	}
	for id, q := range queues {
		if q.RedrivePolicy == nil && !dead[id] {
			t.Errorf("queue %s has no dead-letter queue", id)
		}
		if dead[id] && !alarm(id) {
			t.Errorf("no alarm watches the dead-letter queue %s", id)
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
			if q.RedrivePolicy == nil || q.RedrivePolicy.MaxReceiveCount != f.Queue.Receives || q.VisibilityTimeout != int(f.Visibility().Seconds()) {
				t.Errorf("queue %s in %s is %+v, the manifest says %+v and hidden for %v", f.Queue.Name, place, q, *f.Queue, f.Visibility())
			}
		}
	}
}

// shape is what two descriptions of a function must agree on.
type shape struct {
	Memory, Timeout int
	Environment     []string
	Actions         []string // without those for logging and for polling a queue, which SAM leaves to AWS's managed policies
	Routes          []string
	Queue           string
	BatchSize       int
	Concurrency     int
	Responses       []string
}

func (s system) testFunctions(t *testing.T) {
	synthesized, sam := s.shapes(t), samShapes(t, s.sam)
	if len(synthesized) != len(functions.All()) || len(sam) != len(functions.All()) {
		t.Errorf("%d functions in the CDK app, %d in template.yaml, %d in the manifest", len(synthesized), len(sam), len(functions.All()))
	}
	for _, f := range functions.All() {
		got, other := synthesized[f.LogicalID()], sam[f.LogicalID()]
		if !reflect.DeepEqual(got, other) {
			t.Errorf("%s differs\n  in the CDK app:    %+v\n  in template.yaml: %+v", f.Name, got, other)
		}
		want := shape{Memory: f.Memory, Timeout: int(f.Timeout.Seconds()), Actions: got.Actions}
		if f.Bucket != functions.No {
			want.Environment = append(want.Environment, "BUCKET_NAME")
		}
		if f.Table != functions.No {
			want.Environment = append(want.Environment, "CURSOR_KEY", "TABLE_NAME")
		}
		if f.Queue != nil {
			want.Queue, want.BatchSize, want.Concurrency = identifier(f.Queue.Name)+"Queue", f.Queue.BatchSize, f.Queue.Concurrency
			want.Responses = []string{"ReportBatchItemFailures"}
		} else {
			for _, o := range f.Operations(functions.Adapters{}) {
				want.Routes = append(want.Routes, o.Method+" "+o.Path)
			}
			slices.Sort(want.Routes)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is\n  %+v, the manifest says\n  %+v", f.Name, got, want)
		}
		for _, a := range got.Actions {
			service, action, _ := strings.Cut(a, ":")
			use := map[string]functions.Use{"dynamodb": f.Table, "s3": f.Bucket}[service]
			reads := slices.ContainsFunc([]string{"Get", "BatchGet", "Query"}, func(prefix string) bool { return strings.HasPrefix(action, prefix) })
			if use == functions.No || use == functions.Read && !reads {
				t.Errorf("%s may %s, which its line in the manifest does not say", f.Name, a)
			}
		}
	}
}

// shapes are the synthesized functions by their names in the manifest.
func (s system) shapes(t *testing.T) map[string]shape {
	t.Helper()
	all := map[string]shape{}
	for name, stack := range s.stacks {
		for id, r := range stack.resources {
			if r.Type != "AWS::Lambda::Function" {
				continue
			}
			var f lambda
			convert(t, r.Properties, &f)
			if f.Runtime != "provided.al2023" || f.Handler != "bootstrap" || !slices.Equal(f.Architectures, []string{"arm64"}) || f.LoggingConfig.LogFormat != "JSON" {
				t.Errorf("function %s of stack %s runs as %+v", id, name, f)
			}
			if key, ok := f.Environment.Variables["CURSOR_KEY"]; ok && !strings.HasPrefix(said(key), "{{resolve:secretsmanager:<") {
				t.Errorf("function %s: the cursor key is %q, no reference to a secret", id, said(key))
			}
			var role struct {
				Policies          []struct{ PolicyDocument policy }
				ManagedPolicyArns []any
			}
			convert(t, stack.resources[string(f.Role)].Properties, &role)
			if len(role.ManagedPolicyArns) > 0 {
				t.Errorf("the role of function %s has managed policies", id)
			}
			for _, p := range role.Policies {
				f.Policies = append(f.Policies, p.PolicyDocument)
			}
			if _, twice := all[plain(id)]; twice {
				t.Errorf("function %s stands twice", id)
			}
			all[plain(id)] = stack.withTriggers(t, id, f.shape())
		}
	}
	return all
}

// withTriggers adds a function's routes and its queue. A route counts if the API may call the function, too.
func (s stack) withTriggers(t *testing.T, id string, sh shape) shape {
	t.Helper()
	permitted := 0
	for _, r := range s.resources {
		switch r.Type {
		case "AWS::ApiGatewayV2::Route":
			var route struct {
				RouteKey string
				Target   any
			}
			convert(t, r.Properties, &route)
			target, _ := strings.CutPrefix(said(route.Target), "integrations/")
			var integration struct {
				IntegrationURI       reference `json:"IntegrationUri"`
				PayloadFormatVersion string
			}
			convert(t, s.resources[strings.Trim(target, "<>")].Properties, &integration)
			if string(integration.IntegrationURI) == id && integration.PayloadFormatVersion == "2.0" {
				sh.Routes = append(sh.Routes, route.RouteKey)
			}
		case "AWS::Lambda::Permission":
			var permission struct {
				FunctionName reference
				Principal    string
			}
			convert(t, r.Properties, &permission)
			if string(permission.FunctionName) == id && permission.Principal == "apigateway.amazonaws.com" {
				permitted++
			}
		case "AWS::Lambda::EventSourceMapping":
			var m mapping
			convert(t, r.Properties, &m)
			if string(m.FunctionName) == id {
				_, export, _ := strings.Cut(string(m.EventSourceArn), "ExportsOutputFnGetAtt")
				queue, _, _ := strings.Cut(export, "Arn")
				sh = sh.fed(plain(queue), m)
			}
		}
	}
	if permitted != len(sh.Routes) {
		t.Errorf("function %s has %d routes, and %d permissions for the API to call it", id, len(sh.Routes), permitted)
	}
	slices.Sort(sh.Routes)
	return sh
}

func samShapes(t *testing.T, resources map[string]resource) map[string]shape {
	t.Helper()
	all := map[string]shape{}
	for id, r := range resources {
		if r.Type != "AWS::Serverless::Function" {
			continue
		}
		var f lambda
		convert(t, r.Properties, &f)
		sh := f.shape()
		for _, e := range f.Events {
			if e.Type == "SQS" {
				queue, _, _ := strings.Cut(e.Properties.Queue, ".Arn")
				sh = sh.fed(queue, e.Properties.mapping)
			} else {
				sh.Routes = append(sh.Routes, e.Properties.Method+" "+e.Properties.Path)
			}
		}
		slices.Sort(sh.Routes)
		all[id] = sh
	}
	return all
}

func (s shape) fed(queue string, m mapping) shape {
	s.Queue, s.BatchSize, s.Concurrency, s.Responses = queue, m.BatchSize, m.ScalingConfig.MaximumConcurrency, m.FunctionResponseTypes
	return s
}

func (l lambda) shape() shape {
	s := shape{Memory: l.MemorySize, Timeout: l.Timeout}
	for name := range l.Environment.Variables {
		if !strings.HasPrefix(name, "AWS_ENDPOINT_URL_") { // declared for sam local; empty on AWS
			s.Environment = append(s.Environment, name)
		}
	}
	for _, p := range l.Policies {
		for _, statement := range p.Statement {
			for _, action := range texts(statement.Action) {
				if !strings.HasPrefix(action, "logs:") && !strings.HasPrefix(action, "sqs:") {
					s.Actions = append(s.Actions, action)
				}
			}
		}
	}
	slices.Sort(s.Environment)
	slices.Sort(s.Actions)
	return s
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

// testGateway holds CORS and the throttles in both descriptions to the manifest. A stage that names a route which is not there
// fails at its deployment, and the one that there is has no other routes.
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
			AllowOrigins: api.CORS.Origins, AllowMethods: api.CORS.Methods, AllowHeaders: api.CORS.Headers, ExposeHeaders: api.CORS.Expose,
			MaxAge: int(api.CORS.MaxAge.Seconds()),
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
				if convert(t, r.Properties, &stage); stage.StageName != "$default" || !stage.AutoDeploy || name != "registrar-test-api-stage" {
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

// testPolicies finds a wildcard in any role: in an action, or in a resource other than objects under a prefix. Every role may
// log, and a consumer's poll its queue.
func (s system) testPolicies(t *testing.T) {
	roles, statements, may := 0, 0, map[string][]string{}
	for name, stack := range s.stacks {
		for id, r := range stack.resources {
			switch r.Type {
			case "AWS::IAM::Role":
				roles++
				var role struct {
					Policies []struct{ PolicyDocument policy }
				}
				convert(t, r.Properties, &role)
				for _, p := range role.Policies {
					for _, statement := range p.PolicyDocument.Statement {
						statements++
						for _, action := range texts(statement.Action) {
							if statement.Effect != "Allow" || strings.Contains(action, "*") || !strings.Contains(action, ":") {
								t.Errorf("role %s of stack %s: %s %q", id, name, statement.Effect, action)
							}
							if strings.HasPrefix(action, "logs:") || strings.HasPrefix(action, "sqs:") {
								may[plain(id)] = append(may[plain(id)], action)
							}
						}
						for _, on := range texts(statement.Resource) {
							if wide(on) {
								t.Errorf("role %s of stack %s: resource %q", id, name, on)
							}
						}
					}
				}
			case "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy":
				t.Errorf("%s of stack %s stands outside its role", id, name)
			}
		}
	}
	for _, f := range functions.All() {
		want := []string{"logs:CreateLogStream", "logs:PutLogEvents"}
		if f.Queue != nil {
			want = append(want, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
		}
		if got := may[f.LogicalID()+"Role"]; !slices.Equal(got, want) {
			t.Errorf("%s logs and polls with %v, want %v", f.Name, got, want)
		}
	}
	if roles != len(functions.All()) || statements < roles {
		t.Errorf("%d roles with %d statements, %d functions", roles, statements, len(functions.All()))
	}
	for on, want := range map[string]bool{"*": true, "arn:aws:s3:::x/*": true, "<Table>/*": true, "<Bucket>/imports/*": false, "<Table>/index/GSI1": false} {
		if wide(on) != want {
			t.Errorf("wide(%q) is %v", on, !want)
		}
	}
}

// wide says whether a resource is anything but one that the app made, a part of it, or objects under a prefix of it.
func wide(on string) bool {
	path, made := strings.CutPrefix(on, "<")
	_, path, closed := strings.Cut(path, ">")
	if !made || !closed {
		return true
	}
	before, _, wildcard := strings.Cut(path, "*")
	return wildcard && (strings.Trim(before, "/") == "" || !strings.HasSuffix(path, "/*"))
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
