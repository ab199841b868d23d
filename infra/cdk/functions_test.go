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
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/lambdahost"
	"github.com/google/go-cmp/cmp"
)

// lambda has the properties of AWS::Lambda::Function, and those of AWS::Serverless::Function besides.
type lambda struct {
	MemorySize, Timeout           int
	Runtime, Handler, Description string
	Architectures                 []string
	LoggingConfig                 struct {
		LogFormat, ApplicationLogLevel string
		LogGroup                       reference
	}
	Role        reference
	Environment struct{ Variables map[string]any }
	Policies    []policy
	Events      map[string]struct {
		Type       string
		Properties properties
	}
}

type policy struct {
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
}

func (s system) testFunctions(t *testing.T) {
	synthesized, sam := s.shapes(t), samShapes(t, s.sam)
	if len(synthesized) != len(functions.All()) || len(sam) != len(functions.All()) {
		t.Errorf("%d functions in the CDK app, %d in template.yaml, %d in the manifest", len(synthesized), len(sam),
			len(functions.All()))
	}
	if diff := cmp.Diff(map[string]any{"OTEL_EXPORTER_OTLP_ENDPOINT": "OtlpEndpoint"}, s.samGlobals); diff != "" {
		t.Errorf("the variables of all functions in template.yaml (-want +got):\n%s", diff)
	}
	for _, f := range functions.All() {
		want := wanted(t, f)
		if diff := cmp.Diff(want, sam[f.LogicalID()]); diff != "" {
			t.Errorf("%s in template.yaml is not what the manifest says (-want +got):\n%s", f.Name, diff)
		}
		want.Grants = append(want.Grants, managed(f)...)
		slices.Sort(want.Grants)
		want.Environment = append(want.Environment, "OTEL_EXPORTER_OTLP_ENDPOINT="+testEndpoint) // of all, in template.yaml
		slices.Sort(want.Environment)
		if diff := cmp.Diff(want, synthesized[f.LogicalID()]); diff != "" {
			t.Errorf("%s in the CDK app is not what the manifest says (-want +got):\n%s", f.Name, diff)
		}
	}
}

// wanted is the shape that the manifest gives a function, without what SAM leaves to AWS's managed policies.
func wanted(t *testing.T, f functions.Function) shape {
	t.Helper()
	s := shape{Memory: f.Memory, Timeout: int(f.Timeout.Seconds()), Grants: grants(f)}
	for name, value := range f.Environment() {
		s.Environment = append(s.Environment, name+"="+valueName(t, value))
	}
	slices.Sort(s.Environment)
	switch {
	case f.Queue != nil:
		s.Source = properties{
			"from": identifier(f.Queue.Name) + "Queue.Arn", "BatchSize": f.Queue.BatchSize,
			"FunctionResponseTypes": []string{"ReportBatchItemFailures"}, "ScalingConfig": properties{
				"MaximumConcurrency": f.Queue.Concurrency},
		}
		if f.Queue.Window > 0 {
			s.Source["MaximumBatchingWindowInSeconds"] = f.Queue.Window.Seconds()
		}
	case f.Stream != nil:
		s.Source = properties{
			"from": "Table.StreamArn", "StartingPosition": "TRIM_HORIZON", "BatchSize": f.Stream.BatchSize,
			"ParallelizationFactor": f.Stream.Parallel, "MaximumRetryAttempts": f.Stream.Retries,
			"MaximumRecordAgeInSeconds": f.Stream.MaxAge.Seconds(), "BisectBatchOnFunctionError": true,
			"FunctionResponseTypes": []string{"ReportBatchItemFailures"},
			"FilterCriteria": properties{"Filters": []properties{{"Pattern": properties{
				"eventName": []string{"INSERT"},
				"dynamodb":  properties{"Keys": properties{"PK": properties{"S": []properties{{"prefix": f.Stream.Prefix}}}}},
			}}}},
			"DestinationConfig": properties{"OnFailure": properties{"Destination": "Bucket.Arn"}},
			"MetricsConfig":     properties{"Metrics": []string{"EventCount"}},
		}
	case f.Schedule != nil:
		s.Schedule = properties{
			"ScheduleExpression": f.Schedule.Expression, "Input": lambdahost.ScheduleInput,
			"RetryPolicy": properties{"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600},
		}
	default:
		for _, o := range f.Operations(functions.Adapters{}) {
			s.Routes = append(s.Routes, o.Method+" "+o.Path)
		}
		slices.Sort(s.Routes)
	}
	s.Source, s.Schedule = asRead(t, s.Source), asRead(t, s.Schedule)
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
	switch v.Kind {
	case functions.TableName:
		return "Table"
	case functions.CursorKey:
		return "CursorKey"
	case functions.BucketName:
		return "Bucket"
	case functions.QueueURL:
		return identifier(v.Of) + "Queue"
	case functions.DeadLetterURL:
		return identifier(v.Of) + "DeadLetterQueue"
	case functions.MailSender:
		return "Registrar <MailSender>"
	case functions.MailConfigurationSet:
		return "MailConfigurationSet"
	case functions.UnsubscribeKey:
		return "UnsubscribeKey"
	case functions.APIURL:
		return "Api.ApiEndpoint"
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
func grants(f functions.Function) []string {
	var all []string
	table := []string{"Table.Arn"}
	var objects, prefixes []string
	for _, index := range dynamo.TableDefinition("").GlobalSecondaryIndexes {
		table = append(table, "Table.Arn/index/"+*index.IndexName)
	}
	for _, other := range functions.All() {
		if other.Queue != nil && other.Queue.Uploads != "" {
			objects, prefixes = append(objects, "Bucket.Arn/"+other.Queue.Uploads+"*"), append(prefixes, `"`+other.Queue.Uploads+
				`*"`)
		}
	}
	if f.Table != functions.No {
		all = append(all, on(table, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")...)
	}
	if f.Table == functions.Write {
		all = append(all, on(table, "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem",
			"dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem")...)
	}
	switch f.Bucket {
	case functions.Read:
		all = append(all, on(objects, "s3:GetObject")...)
		all = append(all, `s3:ListBucket on Bucket.Arn if {"StringLike":{"s3:prefix":[`+strings.Join(prefixes, ",")+`]}}`)
	case functions.Write:
		all = append(all, on(objects, "s3:PutObject")...)
	case functions.No:
	}
	for _, name := range f.Sends {
		all = append(all, "sqs:SendMessage on "+identifier(name)+"Queue.Arn")
	}
	if f.Mails {
		const ses, from = "ses:SendEmail on arn:AWS::Partition:ses:AWS::Region:AWS::AccountId:",
			` if {"StringEquals":{"ses:FromAddress":"MailSender"}}`
		all = append(all, ses+"identity/MailIdentity"+from, ses+"configuration-set/MailConfigurationSet"+from)
	}
	if f.Queue != nil {
		id := identifier(f.Queue.Name)
		all = append(all, "sqs:ChangeMessageVisibility on "+id+"Queue.Arn", "sqs:SendMessage on "+id+"DeadLetterQueue.Arn")
	}
	for _, other := range functions.All() {
		if other.Queue == nil {
			continue
		}
		id := identifier(other.Queue.Name)
		queue, dead := []string{id + "Queue.Arn"}, []string{id + "DeadLetterQueue.Arn"}
		if f.Care == functions.Count || f.Care == functions.Inspect {
			all = append(all, on(append(queue, dead...), "sqs:GetQueueAttributes")...)
		}
		if f.Care == functions.Inspect || f.Care == functions.Discard || f.Care == functions.Replay {
			all = append(all, on(dead, "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility")...)
		}
		if f.Care == functions.Discard || f.Care == functions.Replay {
			all = append(all, on(dead, "sqs:DeleteMessage")...)
		}
		if f.Care == functions.Replay {
			all = append(all, on(queue, "sqs:SendMessage")...)
		}
	}
	if f.Stream != nil {
		all = append(all, "s3:PutObject on Bucket.Arn/"+functions.FailedPrefix+"*", "s3:ListBucket on Bucket.Arn")
	}
	slices.Sort(all)
	return all
}

// managed are a function's grants for logging and for being fed, which SAM leaves to AWS's managed policies.
func managed(f functions.Function) []string {
	all := on([]string{f.LogicalID() + "Logs.Arn"}, "logs:CreateLogStream", "logs:PutLogEvents")
	if f.Queue != nil {
		all = append(all, on([]string{identifier(f.Queue.Name) + "Queue.Arn"}, "sqs:ReceiveMessage", "sqs:DeleteMessage",
			"sqs:GetQueueAttributes")...)
	}
	if f.Stream != nil {
		all = append(all, on([]string{"Table.StreamArn"}, "dynamodb:DescribeStream", "dynamodb:GetRecords",
			"dynamodb:GetShardIterator", "dynamodb:ListStreams")...)
	}
	return all
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
			if f.Runtime != "provided.al2023" || f.Handler != "bootstrap" ||
				!slices.Equal(f.Architectures, []string{"arm64"}) || f.LoggingConfig.LogFormat != "JSON" ||
				f.LoggingConfig.ApplicationLogLevel != "DEBUG" || !strings.HasSuffix(f.Description, ", with the keys of "+
				testKeys) {
				t.Errorf("function %s of stack %s runs as %+v", id, name, f)
			}
			f.Policies = stack.rolePolicies(t, string(f.Role), "lambda.amazonaws.com", "")
			if _, twice := all[plain(id)]; twice {
				t.Errorf("function %s stands twice", id)
			}
			all[plain(id)] = stack.withTriggers(t, id, f.shape(t))
		}
	}
	return all
}

// rolePolicies are the policies of a role that a service, and nobody else, may assume, under the condition on whose
// behalf it does.
func (s stack) rolePolicies(t *testing.T, id, service, onBehalf string) []policy {
	t.Helper()
	var role struct {
		AssumeRolePolicyDocument policy
		Policies                 []struct{ PolicyDocument policy }
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
	var all []policy
	for _, p := range role.Policies {
		all = append(all, p.PolicyDocument)
	}
	return all
}

// withTriggers adds a function's routes, what feeds it, and its schedule. A route counts if the API may call the
// function, too, and a schedule if it has a role that may.
func (s stack) withTriggers(t *testing.T, id string, sh shape) shape {
	t.Helper()
	permitted := 0
	for resourceID, r := range s.resources {
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
			var of struct{ FunctionName reference }
			if convert(t, r.Properties, &of); string(of.FunctionName) != id {
				continue
			}
			if sh.Source != nil {
				t.Errorf("function %s is fed twice", id)
			}
			sh.Source = renamed(propertiesOf(t, r.Properties), "EventSourceArn", "from")
			delete(sh.Source, "FunctionName")
		case "AWS::Scheduler::Schedule":
			var schedule struct {
				Target struct{ Arn, RoleArn reference }
			}
			if convert(t, r.Properties, &schedule); string(schedule.Target.Arn) != id {
				continue
			}
			if sh.Schedule != nil {
				t.Errorf("function %s has two schedules", id)
			}
			sh.Schedule = s.schedule(t, resourceID, string(schedule.Target.RoleArn), plain(id))
		}
	}
	if permitted != len(sh.Routes) {
		t.Errorf("function %s has %d routes, and %d permissions for the API to call it", id, len(sh.Routes), permitted)
	}
	slices.Sort(sh.Routes)
	return sh
}

// testScheduleRole holds a schedule's role to what it is for: to call the function, and nothing else, for this
// account's schedules.
func (s stack) testScheduleRole(t *testing.T, role, function string) {
	t.Helper()
	const ours = ` if {"StringEquals":{"aws:SourceAccount":"AWS::AccountId",` +
		`"aws:SourceArn":"arn:AWS::Partition:scheduler:AWS::Region:AWS::AccountId:schedule-group/default"}}`
	may := lambda{Policies: s.rolePolicies(t, role, "scheduler.amazonaws.com", ours)}.shape(t).Grants
	if want := []string{"lambda:InvokeFunction on " + function + ".Arn"}; !slices.Equal(may, want) {
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

func samShapes(t *testing.T, resources map[string]resource) map[string]shape {
	t.Helper()
	all := map[string]shape{}
	for id, r := range resources {
		if r.Type != "AWS::Serverless::Function" {
			continue
		}
		var f lambda
		convert(t, r.Properties, &f)
		sh := f.shape(t)
		for _, e := range f.Events {
			p, _ := named(e.Properties).(properties)
			switch e.Type {
			case "HttpApi":
				sh.Routes = append(sh.Routes, said(p["Method"])+" "+said(p["Path"]))
			case "SQS":
				sh.Source = renamed(p, "Queue", "from")
			case "DynamoDB":
				sh.Source = renamed(p, "Stream", "from")
			case "ScheduleV2":
				stack{resources: resources}.testScheduleRole(t, strings.TrimSuffix(said(p["RoleArn"]), ".Arn"), id)
				delete(p, "RoleArn")
				sh.Schedule = p
			default:
				t.Errorf("%s has an event of type %s", id, e.Type)
			}
		}
		slices.Sort(sh.Routes)
		all[id] = sh
	}
	return all
}

// shape is the function's without its triggers.
func (l lambda) shape(t *testing.T) shape {
	t.Helper()
	s := shape{Memory: l.MemorySize, Timeout: l.Timeout}
	for variable, value := range l.Environment.Variables {
		if !strings.HasPrefix(variable, "AWS_ENDPOINT_URL_") { // declared for sam local; empty on AWS
			s.Environment = append(s.Environment, variable+"="+name(value))
		}
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

func renamed(p properties, from, to string) properties {
	p[to] = p[from]
	delete(p, from)
	return p
}

// An export's name holds its logical id and its attribute, each with eight digits of a hash behind.
var (
	export = regexp.MustCompile(`:ExportsOutput(?:Ref|FnGetAtt)(\w+?)[0-9A-F]{8}(\w*?)[0-9A-F]{8}$`)
	secret = regexp.MustCompile(`^{{resolve:secretsmanager:(\w+):SecretString:::}}$`)
	sub    = regexp.MustCompile(`\$\{([\w.:]+)\}`) // of Fn::Sub
)

// name is a value as text, in which references stand as in template.yaml, whatever stack they are of: "Table",
// "Table.Arn".
func name(value any) string {
	switch v := value.(type) {
	case []any:
		// !If, read without its tag: an empty parameter is a context that is not there
		if len(v) == 3 && v[0] == "HasPublicUrl" {
			return name(v[2])
		}
	case string:
		return strings.ReplaceAll(sub.ReplaceAllString(v, "$1"), testSender, "MailSender")
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
		if id, ok := v["Fn::ImportValue"].(string); ok {
			if of := export.FindStringSubmatch(id); of != nil {
				return strings.TrimSuffix(of[1]+"."+of[2], ".")
			}
		}
		if parts, ok := v["Fn::Join"].([]any); ok {
			var joined strings.Builder
			for _, part := range list(parts[1]) {
				joined.WriteString(name(part))
			}
			return secret.ReplaceAllString(joined.String(), "$1") // a secret is what it refers to
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
					Policies []struct{ PolicyDocument policy }
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
						for _, on := range texts(statement.Resource) {
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
	for _, f := range functions.All() {
		want++
		if f.Schedule != nil {
			want++
		}
	}
	if roles != want || statements < roles {
		t.Errorf("%d roles with %d statements, want %d roles", roles, statements, want)
	}
	for on, want := range map[string]bool{
		"*": true, "arn:aws:s3:::x/*": true, "arn:<AWS::Partition>:ses:<AWS::Region>:<AWS::AccountId>:identity/*": true,
		"arn:<AWS::Partition>:ses:<AWS::Region>:<AWS::AccountId>:identity/example.edu": false, "<Table>/*": true,
		"<Bucket>/imports/*": false, "<Table>/index/GSI1": false,
	} {
		if wide(on) != want {
			t.Errorf("wide(%q) is %v", on, !want)
		}
	}
}

// wide says whether a resource is anything but one that the app made, a part of it, or objects under a prefix of it; or
// one thing of SES.
func wide(on string) bool {
	if strings.HasPrefix(on, "arn:<AWS::Partition>:ses:<AWS::Region>:<AWS::AccountId>:") {
		return strings.Contains(on, "*")
	}
	path, made := strings.CutPrefix(on, "<")
	_, path, closed := strings.Cut(path, ">")
	if !made || !closed {
		return true
	}
	before, _, wildcard := strings.Cut(path, "*")
	return wildcard && (strings.Trim(before, "/") == "" || !strings.HasSuffix(path, "/*"))
}
