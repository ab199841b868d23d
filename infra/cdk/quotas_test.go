package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"example.com/registrar/infra/grown"
)

// many is how many functions the app must have room for.
const many = 250

// TestRoom synthesizes the app with many functions, for the stage with the longest name, and holds it to AWS's quotas:
// those that cannot be raised, and of the others what an account has at first. Where names that only AWS knows count,
// the longest are taken.
func TestRoom(t *testing.T) {
	s := synthesize(t, grown.Manifest(many), map[string]any{
		"stage": "registrationday1", "architecture": "x86_64", "tracing": "active",
	})
	t.Run("names", s.testNames)
	t.Run("stacks", s.testStackQuotas)
	t.Run("functions", s.testFunctionQuotas)
	t.Run("policies", s.testPolicyQuotas)
	t.Run("routes", s.testRouteQuotas)
	t.Run("architecture", s.testArchitecture)
	if got := len(s.all("AWS::Lambda::Function")); got != many {
		t.Errorf("%d functions, want %d", got, many)
	}
}

// testArchitecture holds all functions, and the binaries that they come from, to the context: it asked for x86_64, and
// for spans in X-Ray. Without the first it is arm64, and without the second there are none, as [system.shapes] expects.
func (s system) testArchitecture(t *testing.T) {
	if s.built != "amd64" {
		t.Errorf("functions for x86_64 are those that were built for %q", s.built)
	}
	for id, r := range s.all("AWS::Lambda::Function") {
		var f lambda
		if convert(t, r.Properties, &f); !slices.Equal(f.Architectures, []string{"x86_64"}) ||
			f.TracingConfig.Mode != "Active" {
			t.Errorf("%s is for %v, its tracing %+v", id, f.Architectures, f.TracingConfig)
		}
		role := propertiesOf(t, s.all("AWS::IAM::Role")[id+"Role"].Properties)
		if text := fmt.Sprint(role["Policies"]); !strings.Contains(text, "xray:PutTraceSegments") {
			t.Errorf("%s may not send spans: %s", id, text)
		}
	}
}

// The real functions are held to the same: a queue, or an index, may be what is one too many for one of them.
func (s system) testQuotas(t *testing.T) {
	s.testStackQuotas(t)
	s.testFunctionQuotas(t)
	s.testPolicyQuotas(t)
	s.testRouteQuotas(t)
}

// within fails if something is above a quota, and logs how near it is.
func within(t *testing.T, quota int, what string, sizes map[string]int) {
	t.Helper()
	largest := ""
	for _, of := range slices.Sorted(maps.Keys(sizes)) {
		if sizes[of] > quota {
			t.Errorf("%s of %s: %d, of %d", what, of, sizes[of], quota)
		}
		if largest == "" || sizes[of] > sizes[largest] {
			largest = of
		}
	}
	t.Logf("%s: at most %d of %d (%s)", what, sizes[largest], quota, largest)
	if len(sizes) == 0 {
		t.Errorf("nothing has %s", what)
	}
}

// CloudFormation user guide, "Understand CloudFormation quotas".
func (s system) testStackQuotas(t *testing.T) {
	resources, outputs, parameters, sizes := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for name, stack := range s.stacks {
		resources[name], outputs[name], parameters[name] = len(stack.resources), len(stack.outputs), len(stack.parameters)+1
		sizes[name] = stack.size
	}
	within(t, 500, "resources in a template", resources)
	within(t, 200, "outputs in a template", outputs)
	within(t, 200, "parameters in a template", parameters) // one is the CDK's own
	within(t, 1_000_000, "bytes of a template", sizes)
	within(t, 2000, "stacks of an account", map[string]int{"the app": len(s.stacks)})
}

// Lambda developer guide, "Lambda quotas"; the API references of Lambda, SQS, EventBridge Scheduler, CloudWatch.
func (s system) testFunctionQuotas(t *testing.T) {
	environments := map[string]int{}
	for id, r := range s.all("AWS::Lambda::Function") {
		var f lambda
		convert(t, r.Properties, &f)
		size := 0
		for variable, value := range f.Environment.Variables {
			size += len(variable) + len(resolved(named(value)))
		}
		environments[id] = size
	}
	within(t, 4096, "bytes of an environment", environments)
	for kind, quota := range map[string]int{
		"AWS::Lambda::Function": 64, "AWS::SQS::Queue": 80, "AWS::Scheduler::Schedule": 64, "AWS::CloudWatch::Alarm": 255,
		"AWS::DynamoDB::Table": 255, "AWS::S3::Bucket": 63, "AWS::SNS::Topic": 256, "AWS::Logs::LogGroup": 512,
		"AWS::SES::ConfigurationSet": 64,
	} {
		names := map[string]int{}
		for id, r := range s.all(kind) {
			names[id] = len(resolved(propertiesOf(t, r.Properties)[kinds[kind]]))
		}
		within(t, quota, "characters of a name of "+kind, names)
	}
}

// IAM user guide, "IAM and AWS STS quotas"; Lambda developer guide, "Lambda quotas"; the API references of SQS and SNS;
// S3 user guide, "Bucket policies".
func (s system) testPolicyQuotas(t *testing.T) {
	inline, trust, resource := map[string]int{}, map[string]int{}, map[string]int{}
	for id, r := range s.all("AWS::IAM::Role") {
		p := propertiesOf(t, r.Properties)
		trust[id] = size(t, p["AssumeRolePolicyDocument"])
		policies, _ := p["Policies"].([]any)
		for _, one := range policies {
			policy, _ := one.(properties)
			inline[id] += size(t, policy["PolicyDocument"])
		}
	}
	within(t, 10_240, "characters of a role's inline policies", inline)
	within(t, 2048, "characters of a role's trust policy", trust)
	within(t, 1000, "roles of an account", map[string]int{"the app": len(inline)})
	for _, r := range s.all("AWS::Lambda::Permission") {
		p := propertiesOf(t, r.Properties)
		const around = 400 // of the statement that Lambda makes of a permission: names of members, an id of 100 characters
		resource[said(p["FunctionName"])] += size(t, p) + around
	}
	within(t, 20*1024, "bytes of a function's resource policy", resource)
	for kind, quota := range map[string]int{
		"AWS::SQS::QueuePolicy": 8192, "AWS::SNS::TopicPolicy": 30 * 1024, "AWS::S3::BucketPolicy": 20 * 1024,
	} {
		sizes := map[string]int{}
		for id, r := range s.all(kind) {
			sizes[id] = size(t, propertiesOf(t, r.Properties)["PolicyDocument"])
		}
		within(t, quota, "characters of "+kind, sizes)
	}
}

// API Gateway developer guide, "Quotas for configuring and running an HTTP API".
func (s system) testRouteQuotas(t *testing.T) {
	within(t, 300, "routes of an API", map[string]int{"the app": len(s.all("AWS::ApiGatewayV2::Route"))})
	within(t, 300, "integrations of an API", map[string]int{"the app": len(s.all("AWS::ApiGatewayV2::Integration"))})
}

// size is how many characters of a policy count, which are those but spaces.
func size(t *testing.T, document any) int {
	t.Helper()
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return len(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, resolved(string(text))))
}

// resolved is a text with the longest of what AWS may put into it.
func resolved(value any) string {
	text := strings.NewReplacer(
		"AWS::Partition", "aws-us-gov", "AWS::Region", "ap-southeast-9", "AWS::AccountId", "123456789012",
		"AWS::URLSuffix", "amazonaws.com.cn", "ApiId", "a1b2c3d4e5",
		"StreamArn", longest("dynamodb")+"table/registrar-registrationday1/stream/2026-11-24T12:00:00.000",
	).Replace(fmt.Sprint(value))
	if strings.HasPrefix(text, "{{resolve:secretsmanager:") {
		return strings.Repeat("k", keySize)
	}
	if id, logs := strings.CutSuffix(text, "Logs.Arn"); logs {
		return longest("logs") + "log-group:/aws/lambda/registrar-registrationday1-" + id + "-:*"
	}
	return text
}

// longest begins the longest ARN of a service.
func longest(service string) string {
	return "arn:aws-us-gov:" + service + ":ap-southeast-9:123456789012:"
}
