package main

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/registrar/functions"
	"example.com/registrar/shared/lambdahost"
	"github.com/google/go-cmp/cmp"
)

// lambda has the properties of AWS::Lambda::Function.
type lambda struct {
	MemorySize, Timeout           int
	FunctionName                  string
	Runtime, Handler, Description string
	Architectures                 []string
	LoggingConfig                 struct {
		LogFormat, ApplicationLogLevel string
		LogGroup                       reference
	}
	TracingConfig struct{ Mode string }
	Role          reference
	Environment   struct{ Variables map[string]any }
	Policies      []policyDocument // its role's
}

type policyDocument struct {
	Statement []struct {
		Effect, Principal, Action, Resource, Condition any
	}
}

// properties are a resource's or an event's, with references by name.
type properties = map[string]any

// shape is what two descriptions of a function must agree on, and with the manifest.
type shape struct {
	Memory, Timeout int
	Environment     []string // "TABLE_NAME=Table"
	Grants          []string // "dynamodb:GetItem on Table.Arn"
	Routes          []string
	Source          properties // what feeds it: a queue or a stream, with all settings
	Schedule        properties
	Runs            properties // what becomes of runs that fail
}

func (s system) testFunctions(t *testing.T) {
	synthesized := s.shapes(t)
	if len(synthesized) != len(s.functions) {
		t.Errorf("%d functions in the CDK app, %d in the manifest", len(synthesized), len(s.functions))
	}
	for _, f := range s.functions {
		if diff := cmp.Diff(wanted(t, f), synthesized[f.LogicalID()]); diff != "" {
			t.Errorf("%s is not what the manifest says (-want +got):\n%s", f.Name, diff)
		}
	}
}

// wanted is the shape that the manifest gives a function.
func wanted(t *testing.T, f functions.Function) shape {
	t.Helper()
	s := shape{Memory: f.Memory, Timeout: int(f.Timeout.Seconds()), Grants: append(grants(t, f), managed(f)...)}
	slices.Sort(s.Grants)
	s.Environment = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + testEndpoint}
	for name, value := range f.Environment() {
		s.Environment = append(s.Environment, name+"="+valueName(t, value))
	}
	slices.Sort(s.Environment)
	switch {
	case f.Queue != nil:
		s.Source = properties{
			"EventSourceArn": queueARN(f.Queue.Name), "BatchSize": f.Queue.BatchSize,
			"FunctionResponseTypes": []string{"ReportBatchItemFailures"}, "ScalingConfig": properties{
				"MaximumConcurrency": f.Queue.Concurrency},
		}
		if f.Queue.Window > 0 {
			s.Source["MaximumBatchingWindowInSeconds"] = f.Queue.Window.Seconds()
		}
	case f.Stream != nil:
		s.Source = properties{
			"EventSourceArn": "StreamArn", "StartingPosition": "TRIM_HORIZON", "BatchSize": f.Stream.BatchSize,
			"ParallelizationFactor": f.Stream.Parallel, "MaximumRetryAttempts": f.Stream.Retries,
			"MaximumRecordAgeInSeconds": f.Stream.MaxAge.Seconds(), "BisectBatchOnFunctionError": true,
			"FunctionResponseTypes": []string{"ReportBatchItemFailures"},
			"FilterCriteria": properties{"Filters": []properties{{"Pattern": properties{
				"eventName": []string{"INSERT"},
				"dynamodb":  properties{"Keys": properties{"PK": properties{"S": []properties{{"prefix": f.Stream.Prefix}}}}},
			}}}},
			"DestinationConfig": properties{"OnFailure": properties{"Destination": bucketARN}},
			"MetricsConfig":     properties{"Metrics": []string{"EventCount"}},
		}
	case f.Schedule != nil:
		s.Schedule = properties{
			"ScheduleExpression": f.Schedule.Expression, "Input": lambdahost.ScheduleInput,
			"RetryPolicy":      properties{"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600},
			"DeadLetterConfig": properties{"Arn": queueARN("failed-runs")}, "Name": "registrar-test-" + f.Name,
		}
		s.Runs = properties{
			"Qualifier": "$LATEST", "MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600,
			"DestinationConfig": properties{"OnFailure": properties{"Destination": queueARN("failed-runs")}},
		}
	default:
		for _, o := range f.Operations(functions.Adapters{}) {
			s.Routes = append(s.Routes, o.Method+" "+o.Path)
		}
		slices.Sort(s.Routes)
	}
	s.Source, s.Schedule, s.Runs = asRead(t, s.Source), asRead(t, s.Schedule), asRead(t, s.Runs)
	return s
}

// asRead are properties with the types that JSON is read into.
func asRead(t *testing.T, p properties) (read properties) {
	t.Helper()
	convert(t, p, &read)
	return read
}

// valueName is how [name] calls what an environment variable holds.
func valueName(t *testing.T, v functions.Value) string {
	t.Helper()
	const queues = "https://sqs.AWS::Region.AWS::URLSuffix/AWS::AccountId/registrar-test-"
	switch v.Kind {
	case functions.TableName, functions.MailConfigurationSet:
		return "registrar-test"
	case functions.CursorKey:
		return "{{resolve:secretsmanager:registrar/test/cursor-key:SecretString}}"
	case functions.BucketName:
		return strings.TrimPrefix(bucketARN, "arn:AWS::Partition:s3:::")
	case functions.QueueURL:
		return queues + v.Of
	case functions.QueueURLPrefix:
		return queues
	case functions.DeadLetterURL:
		return queues + v.Of + "-dead"
	case functions.MailSender:
		return "Registrar <" + testSender + ">"
	case functions.UnsubscribeKey:
		return "{{resolve:secretsmanager:registrar/test/unsubscribe-key:SecretString}}"
	case functions.APIURL:
		return "https://ApiId.execute-api.AWS::Region.AWS::URLSuffix"
	case functions.Text:
		return v.Of
	}
	t.Errorf("a variable holds %+v, which this test does not know", v)
	return ""
}

// on are grants of actions on resources.
func on(resources []string, actions ...string) []string {
	var all []string
	for _, action := range actions {
		for _, resource := range resources {
			all = append(all, action+" on "+resource)
		}
	}
	return all
}

// grants are what a function may do by its line of the manifest, and nothing else.
func grants(t *testing.T, f functions.Function) []string {
	t.Helper()
	var all []string
	for _, g := range f.Grants() {
		var things []string
		for _, thing := range g.On {
			things = append(things, arnOf(thing))
		}
		for _, allowed := range on(things, g.Actions...) {
			all = append(all, allowed+condition(t, wantedCondition(g)))
		}
	}
	slices.Sort(all)
	return all
}

// wantedCondition is a grant's condition in IAM's words; nil when there is none.
func wantedCondition(g functions.Grant) any {
	list := func(values ...string) []any {
		all := make([]any, len(values))
		for i, v := range values {
			all[i] = v
		}
		return all
	}
	c := map[string]any{}
	if len(g.Keys) > 0 {
		c["ForAllValues:StringLike"] = map[string]any{"dynamodb:LeadingKeys": list(g.Keys...)}
		c["Null"] = map[string]any{"dynamodb:LeadingKeys": list("false")}
	}
	if g.Within != "" {
		c["ForAnyValue:StringEquals"] = map[string]any{"dynamodb:EnclosingOperation": list(g.Within)}
	}
	if g.AsSender {
		c["StringEquals"] = map[string]any{"ses:FromAddress": list(testSender)}
	}
	if len(c) == 0 {
		return nil
	}
	return c
}

// arnOf is that of what a grant is on.
func arnOf(t functions.Thing) string {
	const here = "AWS::Region:AWS::AccountId:"
	const tableARN = "arn:AWS::Partition:dynamodb:" + here + "table/registrar-test"
	switch t.Kind {
	case functions.OnTable:
		return tableARN
	case functions.OnIndex:
		return tableARN + "/index/" + t.Of
	case functions.OnBucket:
		return bucketARN
	case functions.OnObjects:
		return bucketARN + "/" + t.Of + "*"
	case functions.OnQueue:
		return queueARN(t.Of)
	case functions.OnDeadLetters:
		return queueARN(t.Of + "-dead")
	case functions.OnMailIdentity:
		return "arn:AWS::Partition:ses:" + here + "identity/example.edu"
	case functions.OnMailConfigurationSet:
		return "arn:AWS::Partition:ses:" + here + "configuration-set/registrar-test"
	case functions.OnStream, functions.OnLogs: // Lambda's: see [managed]
	}
	return "?"
}

const bucketARN = "arn:AWS::Partition:s3:::registrar-test-uploads-AWS::AccountId-AWS::Region"

// managed are a function's grants for logging, for being fed, and for keeping what failed.
func managed(f functions.Function) []string {
	all := on([]string{f.LogicalID() + "Logs.Arn"}, "logs:CreateLogStream", "logs:PutLogEvents")
	if f.Queue != nil {
		all = append(all, on([]string{queueARN(f.Queue.Name)}, "sqs:ReceiveMessage", "sqs:DeleteMessage",
			"sqs:GetQueueAttributes")...)
	}
	if f.Stream != nil {
		all = append(all, on([]string{"StreamArn"}, "dynamodb:DescribeStream", "dynamodb:GetRecords",
			"dynamodb:GetShardIterator", "dynamodb:ListStreams")...)
		all = append(all, "s3:PutObject on "+bucketARN+"/aws/lambda/*", "s3:ListBucket on "+bucketARN)
	}
	if f.Schedule != nil {
		all = append(all, "sqs:SendMessage on "+queueARN("failed-runs"))
	}
	return all
}

// shapes are the synthesized functions by their logical ids.
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
			if f.Runtime != "provided.al2023" || f.Handler != "bootstrap" ||
				!slices.Equal(f.Architectures, []string{"arm64"}) || f.LoggingConfig.LogFormat != "JSON" ||
				f.LoggingConfig.ApplicationLogLevel != "DEBUG" || f.TracingConfig.Mode != "" ||
				!strings.HasSuffix(f.Description, ", with the keys of "+
					testKeys) {
				t.Errorf("function %s of stack %s runs as %+v", id, name, f)
			}
			f.Policies = stack.rolePolicies(t, string(f.Role), "lambda.amazonaws.com", "")
			if _, twice := all[id]; twice {
				t.Errorf("function %s stands twice", id)
			}
			sh := s.withRoutes(t, stack, f.FunctionName, f.shape(t))
			all[id] = stack.withTriggers(t, id, f.FunctionName, sh)
		}
	}
	return all
}

// rolePolicies are the policies of a role that a service, and nobody else, may assume, under the condition on whose
// behalf it does.
func (s stack) rolePolicies(t *testing.T, id, service, onBehalf string) []policyDocument {
	t.Helper()
	var role struct {
		AssumeRolePolicyDocument policyDocument
		Policies                 []struct{ PolicyDocument policyDocument }
		ManagedPolicyArns        []any
	}
	convert(t, s.resources[id].Properties, &role)
	if len(role.ManagedPolicyArns) > 0 {
		t.Errorf("role %s has managed policies", id)
	}
	trust := role.AssumeRolePolicyDocument.Statement
	if len(trust) != 1 || trust[0].Effect != "Allow" || trust[0].Action != "sts:AssumeRole" ||
		!reflect.DeepEqual(trust[0].Principal, map[string]any{"Service": service}) ||
		condition(t, trust[0].Condition) != onBehalf {
		t.Errorf("role %s is for %+v, want %s alone%s", id, trust, service, onBehalf)
	}
	var all []policyDocument
	for _, p := range role.Policies {
		all = append(all, p.PolicyDocument)
	}
	return all
}

// withRoutes adds a function's routes, in its stack or in the stage's. A route counts if the API may call the function
// for it, and for nothing else.
func (s system) withRoutes(t *testing.T, own stack, function string, sh shape) shape {
	t.Helper()
	var want, got []string
	for _, stack := range []stack{own, s.stacks["api-stage"]} {
		for _, r := range stack.resources {
			switch r.Type {
			case "AWS::ApiGatewayV2::Route":
				route := propertiesOf(t, r.Properties)
				target, _ := strings.CutPrefix(said(route["Target"]), "integrations/")
				integration := propertiesOf(t, stack.resources[target].Properties)
				if integration["IntegrationUri"] != functionARN(function) {
					continue
				}
				if integration["PayloadFormatVersion"] != "2.0" || integration["IntegrationType"] != "AWS_PROXY" ||
					integration["ApiId"] != "ApiId" || route["ApiId"] != "ApiId" {
					t.Errorf("the route %v is integrated as %v", route, integration)
				}
				key := said(route["RouteKey"])
				sh.Routes = append(sh.Routes, key)
				method, path, _ := strings.Cut(key, " ")
				want = append(want, "arn:AWS::Partition:execute-api:AWS::Region:AWS::AccountId:ApiId/*/"+method+
					regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "*"))
			case "AWS::Lambda::Permission":
				if p := propertiesOf(t, r.Properties); p["FunctionName"] == function {
					got = append(got, said(p["SourceArn"]))
					if p["Principal"] != "apigateway.amazonaws.com" || p["Action"] != "lambda:InvokeFunction" {
						t.Errorf("%s may be called by %v", function, p)
					}
				}
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s may be called for %q, has the routes %q", function, got, want)
	}
	slices.Sort(sh.Routes)
	return sh
}

func functionARN(function string) string {
	return "arn:AWS::Partition:lambda:AWS::Region:AWS::AccountId:function:" + function
}

// withTriggers adds what feeds a function, and its schedule, which counts if it has a role that may call it.
func (s stack) withTriggers(t *testing.T, id, function string, sh shape) shape {
	t.Helper()
	for resourceID, r := range s.resources {
		p := propertiesOf(t, r.Properties)
		switch r.Type {
		case "AWS::Lambda::EventSourceMapping":
			if p["FunctionName"] != id {
				continue
			}
			if sh.Source != nil {
				t.Errorf("function %s is fed twice", id)
			}
			delete(p, "FunctionName")
			delete(p, "Tags")
			sh.Source = p
		case "AWS::Lambda::EventInvokeConfig":
			if p["FunctionName"] == id {
				delete(p, "FunctionName")
				sh.Runs = p
			}
		case "AWS::Scheduler::Schedule":
			target, _ := p["Target"].(properties)
			if target["Arn"] != id+".Arn" {
				continue
			}
			if sh.Schedule != nil {
				t.Errorf("function %s has two schedules", id)
			}
			sh.Schedule = s.schedule(t, resourceID, strings.TrimSuffix(said(target["RoleArn"]), ".Arn"), function)
		}
	}
	return sh
}

// testScheduleRole holds a schedule's role to what it is for: to call the function, and nothing else, for this
// account's schedules.
func (s stack) testScheduleRole(t *testing.T, role, function string) {
	t.Helper()
	const ours = ` if {"StringEquals":{"aws:SourceAccount":"AWS::AccountId",` +
		`"aws:SourceArn":"arn:AWS::Partition:scheduler:AWS::Region:AWS::AccountId:schedule-group/default"}}`
	may := lambda{Policies: s.rolePolicies(t, role, "scheduler.amazonaws.com", ours)}.shape(t).Grants
	want := []string{"lambda:InvokeFunction on " + functionARN(function), "sqs:SendMessage on " + queueARN("failed-runs")}
	if !slices.Equal(may, want) {
		t.Errorf("the role %s of a schedule may %q, want %q", role, may, want)
	}
}

// schedule is one in SAM's form.
func (s stack) schedule(t *testing.T, id, role, function string) properties {
	t.Helper()
	s.testScheduleRole(t, role, function)
	p := propertiesOf(t, s.resources[id].Properties)
	if flexible := p["FlexibleTimeWindow"]; !reflect.DeepEqual(flexible, properties{"Mode": "OFF"}) {
		t.Errorf("schedule %s has the window %v", id, flexible)
	}
	target, _ := p["Target"].(properties)
	maps.Copy(p, target)
	for _, own := range []string{"FlexibleTimeWindow", "Description", "Target", "Arn", "RoleArn"} {
		delete(p, own)
	}
	return p
}

// shape is the function's without its triggers.
func (l lambda) shape(t *testing.T) shape {
	t.Helper()
	s := shape{Memory: l.MemorySize, Timeout: l.Timeout}
	for variable, value := range l.Environment.Variables {
		s.Environment = append(s.Environment, variable+"="+name(value))
	}
	for _, p := range l.Policies {
		for _, statement := range p.Statement {
			if statement.Effect != "Allow" {
				t.Errorf("a role has a statement that does not allow: %+v", statement)
			}
			resources := list(statement.Resource)
			for i, r := range resources {
				resources[i] = name(r)
			}
			for _, action := range list(statement.Action) {
				for _, r := range resources {
					s.Grants = append(s.Grants, name(action)+" on "+name(r)+condition(t, statement.Condition))
				}
			}
		}
	}
	slices.Sort(s.Environment)
	slices.Sort(s.Grants)
	return s
}

// condition is a statement's as text; empty when there is none.
func condition(t *testing.T, of any) string {
	t.Helper()
	if of == nil {
		return ""
	}
	text, err := json.Marshal(named(of))
	if err != nil {
		t.Fatal(err)
	}
	return " if " + string(text)
}

// list is a value's elements, of which CloudFormation writes one without a list.
func list(value any) []any {
	if all, ok := value.([]any); ok {
		return slices.Clone(all)
	}
	return []any{value}
}

func propertiesOf(t *testing.T, document json.RawMessage) properties {
	t.Helper()
	var read map[string]any
	convert(t, document, &read)
	p, ok := named(read).(properties)
	if !ok {
		t.Fatalf("%s are no properties", document)
	}
	return p
}

// name is a value as text, in which references stand by what they are of: "Table", "Table.Arn".
func name(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case map[string]any:
		if id, ok := v["Ref"].(string); ok {
			if strings.HasPrefix(id, "AWS::") {
				return id
			}
			return plain(id)
		}
		if of, ok := v["Fn::GetAtt"].([]any); ok {
			return plain(said(of[0])) + "." + said(of[1])
		}
		if parts, ok := v["Fn::Join"].([]any); ok {
			var joined strings.Builder
			for _, part := range list(parts[1]) {
				joined.WriteString(name(part))
			}
			return joined.String()
		}
	}
	return said(value)
}

// named is a value with all references in it by [name], and filters' patterns read.
func named(value any) any {
	switch v := value.(type) {
	case map[string]any:
		all := properties{}
		for key, inner := range v {
			if key == "Ref" || strings.HasPrefix(key, "Fn::") {
				return name(v)
			}
			var pattern map[string]any
			if text, ok := inner.(string); ok && key == "Pattern" && json.Unmarshal([]byte(text), &pattern) == nil {
				inner = pattern
			}
			all[key] = named(inner)
		}
		return all
	case []any:
		all := make([]any, len(v))
		for i, inner := range v {
			all[i] = named(inner)
		}
		return all
	case string:
		return name(v)
	}
	return value
}

// testPolicies finds a wildcard in any role: in an action, or in a resource other than objects under a prefix. What
// each function may do is held to the manifest by [system.testFunctions]; there are no other roles but the schedules'.
func (s system) testPolicies(t *testing.T) {
	roles, statements, want := 0, 0, 0
	for stackName, stack := range s.stacks {
		for id, r := range stack.resources {
			switch r.Type {
			case "AWS::IAM::Role":
				roles++
				var role struct {
					Policies []struct{ PolicyDocument policyDocument }
				}
				convert(t, r.Properties, &role)
				for _, p := range role.Policies {
					for _, statement := range p.PolicyDocument.Statement {
						statements++
						for _, action := range texts(statement.Action) {
							if statement.Effect != "Allow" || strings.Contains(action, "*") || !strings.Contains(action, ":") {
								t.Errorf("role %s of stack %s: %s %q", id, stackName, statement.Effect, action)
							}
						}
						for _, on := range texts(named(statement.Resource)) {
							if wide(on) {
								t.Errorf("role %s of stack %s: resource %q", id, stackName, on)
							}
						}
					}
				}
			case "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy":
				t.Errorf("%s of stack %s stands outside its role", id, stackName)
			}
		}
	}
	for _, f := range s.functions {
		want++
		if f.Schedule != nil {
			want++
		}
	}
	if roles != want || statements < roles {
		t.Errorf("%d roles with %d statements, want %d roles", roles, statements, want)
	}
	for on, want := range map[string]bool{
		"*": true, bucketARN + "/*": true, bucketARN + "*": true, bucketARN + "/imports/*": false,
		queueARN("audit"): false, queueARN("audit*"): true, "arn:aws:s3:::x/*": true,
		"arn:AWS::Partition:ses:AWS::Region:AWS::AccountId:identity/*":           true,
		"arn:AWS::Partition:ses:AWS::Region:AWS::AccountId:identity/example.edu": false,
		"CoursesGetLogs.Arn": false, "CoursesGetLogs.Arn*": true,
		"StreamArn": false,
	} {
		if wide(on) != want {
			t.Errorf("wide(%q) is %v", on, !want)
		}
	}
}

// wide reports whether a resource is more than one thing: only objects under a prefix of the bucket may have a
// wildcard.
func wide(on string) bool {
	if on, found := strings.CutPrefix(on, bucketARN+"/"); found {
		prefix, rest, wildcard := strings.Cut(on, "*")
		return wildcard && (!strings.HasSuffix(prefix, "/") || rest != "")
	}
	ours := strings.HasPrefix(on, "arn:AWS::Partition:") && strings.Contains(on, ":AWS::AccountId:") ||
		on == "StreamArn" ||
		strings.HasSuffix(on, "Logs.Arn")
	return !ours && on != bucketARN || strings.Contains(on, "*")
}
