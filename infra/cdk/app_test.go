package main

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/registrar/functions"
	"example.com/registrar/shared/dynamo"
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"
)

// testSender is the sender in the tests.
const testSender = "sender@example.edu"

// testEndpoint is where the test's spans go, testKeys the word that changes when the keys do.
const (
	testEndpoint = "https://collector.example.edu"
	testKeys     = "2026-11-24"
)

func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// TestApp synthesizes the app once, because that takes seconds, and looks at it from all sides.
func TestApp(t *testing.T) {
	a := synthesize(t, functions.All(), map[string]any{"stage": "test"}, addChecks)
	t.Run("stacks", a.testStacks)
	t.Run("names", a.testNames)
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
	t.Run("quotas", a.testQuotas)
	t.Run("cdk-nag", a.testFindings)
	t.Run("context", testContext)
}

// synthesize has the app write its templates for the functions, and reads them.
func synthesize(
	t *testing.T, all []functions.Function, context map[string]any, before ...func(awscdk.App),
) system {
	t.Helper()
	code := t.TempDir() // one for all functions: what a binary holds is nothing to the templates
	if err := os.WriteFile(filepath.Join(code, "bootstrap"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	built := ""
	options := Options{
		Functions: all, Out: t.TempDir(), Context: map[string]any{
			"sender": testSender, "alarmAddress": alarmAddress, "otlpEndpoint": testEndpoint, "keys": testKeys,
		},
		Code: func(a Architecture) (func(functions.Function) string, error) {
			built = a.GOARCH
			return always(code)(a)
		},
	}
	maps.Copy(options.Context, context)
	app, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	for _, prepare := range before {
		prepare(app)
	}
	app.Synth(nil)
	s := read(t, options.Out, all, fmt.Sprint(context["stage"]))
	s.built = built
	return s
}

// always takes all binaries from one folder, whatever the architecture.
func always(folder string) func(Architecture) (func(functions.Function) string, error) {
	return func(Architecture) (func(functions.Function) string, error) {
		return func(functions.Function) string { return folder }, nil
	}
}

// testContext has the app refuse what it cannot use. It creates nothing before it has read it.
func testContext(t *testing.T) {
	refused := func(context map[string]any) {
		t.Helper()
		options := Options{Functions: functions.All()[:1], Out: t.TempDir(), Context: context,
			Code: always(".")}
		if _, err := New(options); err == nil {
			t.Errorf("the context %v is accepted", context)
		}
	}
	for sender, identity := range map[string]string{
		"": "", "nobody": "example.edu", "Registrar <a@example.edu>": "example.edu", "a@example.edu": "example.com",
		"a@badexample.edu": "example.edu",
	} {
		refused(map[string]any{"sender": sender, "identity": identity})
	}
	for _, endpoint := range []string{"collector.example.edu:4318", "grpc://collector.example.edu", "https://"} {
		refused(map[string]any{"otlpEndpoint": endpoint})
	}
	for _, address := range []string{"courses.example.edu", "http://courses.example.edu", "https:///registrar",
		"https://courses.example.edu?a=1"} {
		refused(map[string]any{"publicUrl": address})
	}
	for _, stage := range []string{"Prod", "a-b", "1", "averyveryverylongstage"} {
		refused(map[string]any{"stage": stage})
	}
	for _, address := range []string{"", "operators", "Operators <operators@example.edu>"} {
		refused(map[string]any{"alarmAddress": address, "sender": testSender})
	}
	refused(map[string]any{"tracing": "on"})
	refused(map[string]any{"architecture": "amd64"})
}

// What was built for another processor deploys well, and fails at its first invocation.
func TestBinariesAreForTheArchitecture(t *testing.T) {
	folder := t.TempDir()
	all := functions.All()[:2]
	for _, f := range all {
		if err := os.Mkdir(filepath.Join(folder, f.Name), 0o755); err != nil {
			t.Fatal(err)
		}
		// the 64 bytes that say what follows (elf(5)): 64 bits, little endian, Linux; an executable for the machine
		header := make([]byte, 64)
		copy(header, "\x7fELF\x02\x01\x01")
		copy(header[16:], []byte{2, 0, byte(elf.EM_X86_64), 0, 1})
		if err := os.WriteFile(filepath.Join(folder, f.Name, "bootstrap"), header, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := built(folder, Architecture{Name: "x86_64", machine: elf.EM_X86_64}, all); err != nil {
		t.Error(err)
	}
	err := built(folder, Architecture{Name: "arm64", machine: elf.EM_AARCH64}, all)
	if err == nil || !strings.Contains(err.Error(), all[1].Name+" (EM_X86_64)") {
		t.Errorf("built for another: %v", err)
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

// system is what was synthesized.
type system struct {
	folder    string // where it was written to
	functions []functions.Function
	stage     string
	built     string           // the GOARCH of the binaries that it takes
	stacks    map[string]stack // by name without what begins all: "data"
}

type stack struct {
	protected bool
	after     []string // stacks that are deployed before it
	size      int      // of its template, in bytes
	resources map[string]resource
	outputs   map[string]struct{ Export any }
	// parameters are its template's, without the one of the CDK's own.
	parameters map[string]struct{ Type, Default string }
}

// resource is one of a template, by CloudFormation's words.
type resource struct {
	Type           string
	DeletionPolicy string
	DependsOn      []string
	Properties     json.RawMessage
}

// read reads what the CDK wrote: a manifest, and a template for each stack.
func read(t *testing.T, folder string, all []functions.Function, stage string) system {
	t.Helper()
	var assembly struct {
		Artifacts map[string]struct {
			Type         string
			Dependencies []string
			Properties   struct {
				TemplateFile          string
				TerminationProtection bool
			}
		}
	}
	convert(t, json.RawMessage(readFile(t, filepath.Join(folder, "manifest.json"))), &assembly)
	s := system{folder: folder, functions: all, stage: stage, stacks: map[string]stack{}}
	begin := "registrar-" + stage + "-"
	for id, artifact := range assembly.Artifacts {
		if artifact.Type != "aws:cloudformation:stack" {
			continue
		}
		document := readFile(t, filepath.Join(folder, artifact.Properties.TemplateFile))
		var template struct {
			Resources  map[string]resource
			Outputs    map[string]struct{ Export any }
			Parameters map[string]struct{ Type, Default string }
		}
		convert(t, json.RawMessage(document), &template)
		delete(template.Parameters, "BootstrapVersion")
		one := stack{
			protected: artifact.Properties.TerminationProtection, size: len(document), resources: template.Resources,
			outputs: template.Outputs, parameters: template.Parameters,
		}
		for _, other := range artifact.Dependencies {
			if name, ours := strings.CutPrefix(other, begin); ours && !strings.HasSuffix(name, ".assets") {
				one.after = append(one.after, name)
			}
		}
		name, ours := strings.CutPrefix(id, begin)
		if !ours {
			t.Errorf("a stack is called %s", id)
		}
		s.stacks[name] = one
	}
	return s
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	document, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(document)
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

// all are the resources of a type in all stacks, by logical id without the hash that the CDK may append.
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

// plain is a logical id without the hash that the CDK appends to what it composes.
func plain[S ~string](id S) string {
	return hash.ReplaceAllString(string(id), "")
}

var hash = regexp.MustCompile(`[0-9A-F]{8}$`)

func (s system) testStacks(t *testing.T) {
	want := []string{"alarms", "api", "api-stage", "data", "mail"}
	for _, f := range s.functions {
		want = append(want, f.Resource())
	}
	slices.Sort(want)
	want = slices.Compact(want)
	if got := slices.Sorted(maps.Keys(s.stacks)); !slices.Equal(got, want) {
		t.Errorf("stacks are %v, want %v", got, want)
	}
	for name, stack := range s.stacks {
		if stack.protected != (name == "data") {
			t.Errorf("stack %s: termination protection is %v", name, stack.protected)
		}
	}
	for id, r := range s.stacks["data"].resources {
		if r.DeletionPolicy != "Retain" && r.Type != "AWS::SSM::Parameter" {
			t.Errorf("%s is not retained", id)
		}
	}
}

// kinds are the kinds of resources that have a name of ours, and the property that holds it.
var kinds = map[string]string{
	"AWS::DynamoDB::Table": "TableName", "AWS::S3::Bucket": "BucketName", "AWS::SQS::Queue": "QueueName",
	"AWS::SecretsManager::Secret": "Name", "AWS::SES::ConfigurationSet": "Name", "AWS::SNS::Topic": "TopicName",
	"AWS::ApiGatewayV2::Api": "Name", "AWS::Lambda::Function": "FunctionName", "AWS::Logs::LogGroup": "LogGroupName",
	"AWS::Scheduler::Schedule": "Name", "AWS::CloudWatch::Alarm": "AlarmName", "AWS::SSM::Parameter": "Name",
}

// testNames follows every name of ours that a template mentions: a stack that is deployed earlier, or the same one,
// gives it to something. There are no exports, which a later deployment could neither change nor remove.
func (s system) testNames(t *testing.T) {
	given := map[string][]string{} // the stacks by what they call so
	for name, stack := range s.stacks {
		for id, r := range stack.resources {
			property, ok := kinds[r.Type]
			if !ok {
				continue
			}
			called := said(propertiesOf(t, r.Properties)[property])
			if !strings.Contains(called, "registrar-"+s.stage) && !strings.Contains(called, "registrar/"+s.stage+"/") {
				t.Errorf("%s %s of stack %s is called %q", r.Type, id, name, called)
			}
			if given[r.Type+called] != nil {
				t.Errorf("the %s %s is made twice", r.Type, called)
			}
			given[r.Type+called], given[called] = []string{name}, append(given[called], name)
		}
	}
	mentioned := regexp.MustCompile(`(?:/aws/[a-z]+/(?:apis/)?|\b)registrar-` + s.stage +
		`(?:-uploads-AWS::AccountId-AWS::Region|[a-zA-Z0-9-]*)|/?registrar/` +
		s.stage + `/[a-z-]+`)
	for name, stack := range s.stacks {
		for id, output := range stack.outputs {
			if output.Export != nil {
				t.Errorf("stack %s exports %s", name, id)
			}
		}
		texts := []string{}
		for id, r := range stack.resources {
			if strings.Contains(string(r.Properties), "Fn::ImportValue") {
				t.Errorf("stack %s imports what %s needs", name, id)
			}
			text, err := json.Marshal(named(propertiesOf(t, r.Properties)))
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(text))
		}
		for _, p := range stack.parameters {
			if p.Type != "AWS::SSM::Parameter::Value<String>" {
				t.Errorf("stack %s has a parameter of the type %s", name, p.Type)
			}
			texts = append(texts, p.Default)
		}
		found := 0
		for _, text := range texts {
			for _, word := range mentioned.FindAllString(text, -1) {
				found++
				if word == "registrar-"+s.stage+"-" { // what names of queues begin with, for who is given their names
					continue
				}
				there := func(by string) bool { return by == name || slices.Contains(stack.after, by) }
				if !slices.ContainsFunc(given[word], there) && (name != "data" || word != topicOfMail) {
					t.Errorf("stack %s mentions %s, which it does not make, nor a stack that is deployed before it", name, word)
				}
			}
		}
		if found == 0 {
			t.Errorf("stack %s mentions nothing by name", name)
		}
	}
}

// topicOfMail may send to a queue, in whose policy it stands before it is there.
const topicOfMail = "registrar-test-mail-feedback"

func (s system) testTable(t *testing.T) {
	definition := dynamo.TableDefinition("")
	want := map[string]any{
		"TableName": "registrar-test", "BillingMode": "PAY_PER_REQUEST", "DeletionProtectionEnabled": true,
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
	tables := s.all("AWS::DynamoDB::Table")
	got := propertiesOf(t, tables["Table"].Properties)
	delete(got, "Tags")
	if diff := cmp.Diff(wanted, got); diff != "" || len(tables) != 1 {
		t.Errorf("%d tables; of the one that the store expects (-want +got):\n%s", len(tables), diff)
	}
}

func (s system) testBucket(t *testing.T) {
	const name = "registrar-test-uploads-AWS::AccountId-AWS::Region"
	rules := []properties{{
		"Id": "leftovers", "Status": "Enabled", "AbortIncompleteMultipartUpload": properties{"DaysAfterInitiation": 7},
		"ExpiredObjectDeleteMarker": true, "NoncurrentVersionExpiration": properties{"NoncurrentDays": 7},
	}}
	kept := func(name, prefix string, days int) {
		rules = append(rules, properties{"Id": name, "Status": "Enabled", "Prefix": prefix, "ExpirationInDays": days,
			"NoncurrentVersionExpiration": properties{"NoncurrentDays": 7}})
	}
	var told []properties
	for _, f := range s.functions {
		if f.Queue != nil && f.Queue.Uploads != "" {
			kept(f.Queue.Name, f.Queue.Uploads, 30)
			told = append(told, properties{
				"Event": "s3:ObjectCreated:*", "Queue": queueARN(f.Queue.Name),
				"Filter": properties{"S3Key": properties{"Rules": []properties{{"Name": "prefix", "Value": f.Queue.Uploads}}}},
			})
		}
		if f.Stream != nil {
			kept("failed", "aws/lambda/", 90)
		}
	}
	if len(told) == 0 {
		t.Error("no queue of the manifest is told of uploads")
	}
	pages := functions.UploadCORS()
	want := properties{
		"BucketName": name, "VersioningConfiguration": properties{"Status": "Enabled"},
		"PublicAccessBlockConfiguration": properties{
			"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
		},
		"BucketEncryption": properties{"ServerSideEncryptionConfiguration": []properties{
			{"ServerSideEncryptionByDefault": properties{"SSEAlgorithm": "AES256"}},
		}},
		"LifecycleConfiguration":    properties{"Rules": rules},
		"NotificationConfiguration": properties{"QueueConfigurations": told},
		"CorsConfiguration": properties{"CorsRules": []properties{{
			"AllowedOrigins": pages.Origins, "AllowedMethods": pages.Methods, "AllowedHeaders": pages.Headers,
			"MaxAge": pages.MaxAge.Seconds(),
		}}},
	}
	buckets := s.all("AWS::S3::Bucket")
	got := propertiesOf(t, buckets["Bucket"].Properties)
	delete(got, "Tags")
	if diff := cmp.Diff(asRead(t, want), got); diff != "" || len(buckets) != 1 {
		t.Errorf("%d buckets; of the one (-want +got):\n%s", len(buckets), diff)
	}
	policy := propertiesOf(t, s.all("AWS::S3::BucketPolicy")["BucketPolicy"].Properties)
	if diff := cmp.Diff(asRead(t, properties{"Bucket": "Bucket", "PolicyDocument": properties{
		"Version": "2012-10-17", "Statement": []properties{{
			"Effect": "Deny", "Action": "s3:*", "Principal": properties{"AWS": "*"},
			"Resource":  []string{"Bucket.Arn", "Bucket.Arn/*"},
			"Condition": properties{"Bool": properties{"aws:SecureTransport": "false"}},
		}},
	}}), policy); diff != "" {
		t.Errorf("the bucket's policy (-want +got):\n%s", diff)
	}
}

// testQueues holds every queue to the project's rules: a dead-letter queue of its own, and nobody but those who must
// may send to it.
func (s system) testQueues(t *testing.T) {
	want, policies := map[string]properties{}, map[string]properties{}
	deadLetters := func(id, name string) {
		want[id] = properties{
			"QueueName": "registrar-test-" + name, "MessageRetentionPeriod": 14 * 24 * 3600, "SqsManagedSseEnabled": true,
		}
		policies[id+"Policy"] = policyOf(id, onlyWithTLS("sqs:*", queueARN(name)))
	}
	for _, f := range s.functions {
		if f.Queue == nil {
			continue
		}
		q, id := f.Queue, identifier(f.Queue.Name)
		deadLetters(id+"DeadLetterQueue", q.Name+"-dead")
		want[id+"Queue"] = properties{
			"QueueName": "registrar-test-" + q.Name, "VisibilityTimeout": f.Visibility().Seconds(),
			"DelaySeconds": q.Delay.Seconds(), "SqsManagedSseEnabled": true,
			"RedrivePolicy": properties{"deadLetterTargetArn": queueARN(q.Name + "-dead"), "maxReceiveCount": q.Receives},
		}
		statements := []properties{onlyWithTLS("sqs:*", queueARN(q.Name))}
		send := func(service string, condition properties) {
			statements = append(statements, properties{
				"Effect": "Allow", "Principal": properties{"Service": service}, "Action": "sqs:SendMessage",
				"Resource": queueARN(q.Name), "Condition": condition,
			})
		}
		if q.Uploads != "" {
			send("s3.amazonaws.com", properties{
				"StringEquals": properties{"aws:SourceAccount": "AWS::AccountId"},
				"ArnEquals": properties{
					"aws:SourceArn": "arn:AWS::Partition:s3:::registrar-test-uploads-AWS::AccountId-AWS::Region",
				},
			})
		}
		if q.Feedback {
			send("sns.amazonaws.com", properties{"ArnEquals": properties{"aws:SourceArn": arn("sns", "mail-feedback")}})
		}
		policies[id+"QueuePolicy"] = policyOf(id+"Queue", statements...)
	}
	deadLetters("FailedRunsQueue", "failed-runs")
	for kind, want := range map[string]map[string]properties{
		"AWS::SQS::Queue": want, "AWS::SQS::QueuePolicy": policies,
	} {
		got := map[string]properties{}
		for id, r := range s.all(kind) {
			got[id] = propertiesOf(t, r.Properties)
			delete(got[id], "Tags")
		}
		for id := range want {
			want[id] = asRead(t, want[id])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}

func policyOf(queue string, statements ...properties) properties {
	return properties{
		"Queues":         []string{queue},
		"PolicyDocument": properties{"Version": "2012-10-17", "Statement": statements},
	}
}

func onlyWithTLS(action, on string) properties {
	return properties{
		"Effect": "Deny", "Principal": properties{"AWS": "*"}, "Action": action, "Resource": on,
		"Condition": properties{"Bool": properties{"aws:SecureTransport": "false"}},
	}
}

// arn is that of what is called registrar-test-<name>, as [name] writes it.
func arn(service, name string) string {
	return "arn:AWS::Partition:" + service + ":AWS::Region:AWS::AccountId:registrar-test-" + name
}

func queueARN(queue string) string { return arn("sqs", queue) }

func (s system) testRoutes(t *testing.T) {
	var want, got []string
	for _, f := range s.functions {
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

// testGateway holds the API to the manifest: CORS, throttles, what is measured and what is logged. A stage that names a
// route which is not there fails at its deployment, and at the next one when the route has gone before it; so it
// depends on all of these, in its own stack.
func (s system) testGateway(t *testing.T) {
	api := functions.API()
	gateway := propertiesOf(t, s.stacks["api"].resources["Api"].Properties)
	delete(gateway, "Tags")
	if diff := cmp.Diff(asRead(t, properties{
		"Name": "registrar-test", "Description": "Registrar (test)", "ProtocolType": "HTTP",
		"CorsConfiguration": properties{
			"AllowOrigins": api.CORS.Origins, "AllowMethods": api.CORS.Methods, "AllowHeaders": api.CORS.Headers,
			"ExposeHeaders": api.CORS.Expose, "MaxAge": api.CORS.MaxAge.Seconds(),
		},
	}), gateway); diff != "" {
		t.Errorf("the API (-want +got):\n%s", diff)
	}
	settings := func(t functions.Throttle) properties {
		return properties{
			"ThrottlingRateLimit": t.Rate, "ThrottlingBurstLimit": t.Burst, "DetailedMetricsEnabled": true,
		}
	}
	throttled, keys := properties{}, []string{}
	for route, own := range functions.Throttles(s.functions) {
		throttled[route], keys = settings(own), append(keys, route)
	}
	last := s.stacks["api-stage"]
	stage := propertiesOf(t, last.resources["Stage"].Properties)
	logged, _ := stage["AccessLogSettings"].(properties)
	line := said(logged["Format"])
	delete(stage, "AccessLogSettings")
	delete(stage, "Tags")
	if diff := cmp.Diff(asRead(t, properties{
		"ApiId": "ApiId", "StageName": "$default", "AutoDeploy": true, "DefaultRouteSettings": settings(api.Throttle),
		"RouteSettings": throttled,
	}), stage); diff != "" {
		t.Errorf("the stage (-want +got):\n%s", diff)
	}
	if stages := s.all("AWS::ApiGatewayV2::Stage"); len(stages) != 1 {
		t.Errorf("the API has %d stages", len(stages))
	}
	var beside []string
	for id, r := range last.resources {
		if r.Type == "AWS::ApiGatewayV2::Route" && slices.Contains(last.resources["Stage"].DependsOn, id) {
			beside = append(beside, said(propertiesOf(t, r.Properties)["RouteKey"]))
		}
	}
	slices.Sort(beside)
	slices.Sort(keys)
	if !slices.Equal(beside, keys) {
		t.Errorf("the stage waits for %q, but throttles %q", beside, keys)
	}
	for name := range s.stacks {
		if name != "api-stage" && name != "data" && name != "mail" && name != "alarms" && !slices.Contains(last.after, name) {
			t.Errorf("the stage may be deployed before %s", name)
		}
	}
	testAccessLog(t, line)
	if logged["DestinationArn"] != "AccessLogs.Arn" {
		t.Errorf("requests are logged to %v", logged)
	}
}

// testAccessLog holds a line to what it is for: JSON, by which a request is found again in the functions' logs, and
// nothing of whom it was from.
func testAccessLog(t *testing.T, line string) {
	t.Helper()
	var fields map[string]string
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Fatalf("a line of the access log, %s, is no JSON: %v", line, err)
	}
	for field, variable := range map[string]string{
		"requestId": "requestId", "extendedRequestId": "extendedRequestId", "routeKey": "routeKey", "status": "status",
		"integrationError": "integration.error", "functionRequestId": "integration.requestId",
		"responseLatency": "responseLatency", "integrationLatency": "integration.latency",
	} {
		if fields[field] != "$context."+variable {
			t.Errorf("the access log has %q as %s", fields[field], field)
		}
	}
	for field, variable := range fields {
		for _, personal := range []string{"identity", "authorizer", "path", "domain", "message"} {
			if strings.Contains(variable, personal) {
				t.Errorf("the access log has %s as %s, in which anything may stand that is of a person", variable, field)
			}
		}
	}
}

// testMail follows what becomes of mail: SES may publish to the topic, for this account's configuration set alone, and
// the topic sends to the queue.
func (s system) testMail(t *testing.T) {
	want := map[string]any{
		"MailConfigurationSet": properties{
			"Name": "registrar-test", "ReputationOptions": properties{"ReputationMetricsEnabled": true},
		},
		"MailFeedbackTopic": properties{"TopicName": "registrar-test-mail-feedback"},
		"MailFeedback": properties{"ConfigurationSetName": "MailConfigurationSet", "EventDestination": properties{
			"Name": "feedback", "Enabled": true, "MatchingEventTypes": []string{"BOUNCE", "COMPLAINT"},
			"SnsDestination": properties{"TopicARN": "MailFeedbackTopic"},
		}},
		"MailFeedbackTopicPolicy": topicPolicy("MailFeedbackTopic", "mail-feedback", "ses.amazonaws.com", properties{
			"aws:SourceAccount": "AWS::AccountId",
			"aws:SourceArn":     "arn:AWS::Partition:ses:AWS::Region:AWS::AccountId:configuration-set/registrar-test",
		}),
	}
	for _, f := range s.functions {
		if f.Queue != nil && f.Queue.Feedback {
			want[identifier(f.Queue.Name)+"Subscription"] = properties{
				"TopicArn": "MailFeedbackTopic", "Protocol": "sqs", "Endpoint": queueARN(f.Queue.Name),
			}
		}
	}
	got := map[string]any{}
	for id, r := range s.stacks["mail"].resources {
		if r.Type != "AWS::CDK::Metadata" {
			p := propertiesOf(t, r.Properties)
			delete(p, "Tags")
			got[id] = p
		}
	}
	if diff := cmp.Diff(asRead(t, want), got); diff != "" || len(want) < 5 {
		t.Errorf("the way of feedback (-want +got):\n%s", diff)
	}
	if waits := s.stacks["mail"].resources["MailFeedback"].DependsOn; !slices.Contains(waits, "MailFeedbackTopicPolicy") {
		t.Errorf("SES tries the topic after %v", waits)
	}
}

// topicPolicy lets a service publish, on behalf of whom it says.
func topicPolicy(id, name, service string, onBehalf properties) properties {
	return properties{
		"Topics": []string{id},
		"PolicyDocument": properties{"Version": "2012-10-17", "Statement": []properties{
			{
				"Effect": "Allow", "Principal": properties{"Service": service}, "Action": "sns:Publish",
				"Resource": arn("sns", name), "Condition": properties{"StringEquals": onBehalf},
			},
			onlyWithTLS("sns:Publish", arn("sns", name)),
		}},
	}
}

// testLogs holds every function to a log group of its own, which forgets, and every other group, too.
func (s system) testLogs(t *testing.T) {
	groups := s.all("AWS::Logs::LogGroup")
	for id, r := range groups {
		if p := propertiesOf(t, r.Properties); p["RetentionInDays"] != float64(30) {
			t.Errorf("%s is kept for %v days", id, p["RetentionInDays"])
		}
	}
	for _, f := range s.functions {
		id := f.LogicalID()
		var function lambda
		convert(t, s.all("AWS::Lambda::Function")[id].Properties, &function)
		if string(function.LoggingConfig.LogGroup) != id+"Logs" ||
			propertiesOf(t, groups[id+"Logs"].Properties)["LogGroupName"] != "/aws/lambda/registrar-test-"+f.Name {
			t.Errorf("%s logs into %s", f.Name, function.LoggingConfig.LogGroup)
		}
	}
	if want := len(s.functions) + 1; len(groups) != want { // and the access log
		t.Errorf("%d log groups, want %d", len(groups), want)
	}
}
