package main

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/cloud"
	"gopkg.in/yaml.v3"
)

const root = "../../"

func TestTemplateIsOfTheManifest(t *testing.T) {
	want, err := Template(functions.All())
	if err != nil {
		t.Fatal(err)
	}
	if got := readFile(t, root+"template.yaml"); got != string(want) {
		t.Error("template.yaml is not what functions/manifest.go makes: run `make generate`")
	}
}

func TestEveryFunctionAndRouteOnce(t *testing.T) {
	var want, got []string
	for _, f := range functions.All() {
		want = append(want, f.LogicalID())
		if f.Operations != nil {
			for _, o := range f.Operations(functions.Adapters{}) {
				want = append(want, f.LogicalID()+" "+o.Method+" "+o.Path)
			}
		}
	}
	for id, f := range lambdas(t, readFile(t, root+"template.yaml")) {
		got = append(got, id)
		for _, e := range f.Properties.Events {
			if e.Type == "HttpApi" {
				got = append(got, id+" "+e.Properties.Method+" "+e.Properties.Path)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("functions and routes of template.yaml:\n%s\nof the manifest:\n%s", strings.Join(got, "\n"),
			strings.Join(want, "\n"))
	}
}

// A stack holds at most 500 resources (CloudFormation quotas), and SAM makes more of a function than one: a role, a
// permission for each route, a mapping for a queue or a stream, a schedule. There should be time to part it.
func TestTheStackIsFarFromFull(t *testing.T) {
	document := readFile(t, root+"template.yaml")
	var template struct {
		Resources map[string]yaml.Node `yaml:"Resources"`
	}
	if err := yaml.Unmarshal([]byte(document), &template); err != nil {
		t.Fatal(err)
	}
	total := len(template.Resources) + 1 // the API's stage
	for _, f := range lambdas(t, document) {
		total += 1 + len(f.Properties.Events)
	}
	const most = 450
	if t.Logf("%d resources", total); total > most {
		t.Errorf("the stack has %d resources, of which %d are too many", total, total-most)
	}
}

// TestLocalEnvironment holds .sam-env.json to the manifest and to what `make run` calls its things, and to the
// variables that functions declare: SAM leaves others out without a word.
func TestLocalEnvironment(t *testing.T) {
	document, err := Environment(functions.All())
	if err != nil {
		t.Fatal(err)
	}
	text := readFile(t, root+".sam-env.json")
	if string(document) != text {
		t.Error(".sam-env.json is behind the manifest: make generate")
	}
	var file map[string]map[string]string
	if err := json.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	const engines = "http://host.docker.internal:"
	want := map[string]string{
		"TABLE_NAME": cloud.Table, "CURSOR_KEY": cloud.CursorKey, "BUCKET_NAME": cloud.Bucket,
		"AWS_ENDPOINT_URL_DYNAMODB": engines + "8081", "AWS_ENDPOINT_URL_SQS": engines +
			"8082", "AWS_ENDPOINT_URL_S3": engines + "8083",
		"AWS_ENDPOINT_URL_SESV2": engines + "8084", "MAIL_SENDER": cloud.MailSender,
		"MAIL_CONFIGURATION_SET": cloud.ConfigurationSet,
		"UNSUBSCRIBE_KEY":        cloud.UnsubscribeKey, "API_URL": "http://127.0.0.1:8080",
	}
	if !maps.Equal(file["Parameters"], want) {
		t.Errorf(".sam-env.json sets %v, `make run` has %v", file["Parameters"], want)
	}
	if got := file["ImportsApply"]["QUEUE_URL"]; got != engines+"8082/"+cloud.Account+"/imports" {
		t.Errorf("the imports' queue is %s", got)
	}
	for id, f := range lambdas(t, readFile(t, root+"template.yaml")) {
		for name := range f.Properties.Environment.Variables {
			_, shared := file["Parameters"][name]
			if _, own := file[id][name]; !shared && !own {
				t.Errorf("%s declares %s, .sam-env.json does not set it", id, name)
			}
		}
		for name := range file[id] {
			if _, declared := f.Properties.Environment.Variables[name]; !declared {
				t.Errorf(".sam-env.json sets %s for %s, which does not declare it", name, id)
			}
		}
	}
}

func TestManifestsToCome(t *testing.T) {
	consumer := functions.Function{
		Name: "notices-send", Memory: 128, Timeout: time.Minute,
		Queue: &functions.Queue{Name: "late-notices", BatchSize: 10, Concurrency: 2, Receives: 3},
	}
	document, err := Template([]functions.Function{consumer})
	if err != nil {
		t.Fatal(err)
	}
	if events := lambdas(t,
		string(document))["NoticesSend"].Properties.Events; events["Queue"].Properties.BatchSize != 10 {
		t.Errorf("events of a consumer: %+v", events)
	}
	for _, unwanted := range []string{"QueuePolicy", "DependsOn", "NotificationConfiguration", "TABLE_NAME", "dynamodb:",
		"SES", "MailFeedback", "UnsubscribeKey", "MailSender", "PublicUrl"} {
		if strings.Contains(string(document), unwanted) {
			t.Errorf("a queue that is told of no uploads, and a function that uses nothing, have %s", unwanted)
		}
	}
	if !strings.Contains(string(document), "VisibilityTimeout: 360 ") {
		t.Error("the queue hides a message for another time than six times the consumer's minute")
	}
	scheduled := functions.Function{
		Name: "notices-sweep", Memory: 128, Timeout: time.Minute, Schedule: &functions.Schedule{
			Expression: "rate(15 minutes)"},
	}
	if document, err = Template([]functions.Function{scheduled}); err != nil {
		t.Fatal(err)
	}
	if events := lambdas(t, string(document))["NoticesSweep"].Properties.Events; events["Schedule"].Type != "ScheduleV2" {
		t.Errorf("events of a scheduled function: %+v", events)
	}
	consumer.Bucket = functions.Read
	if _, err := Template([]functions.Function{consumer}); err == nil {
		t.Error("a function reads a bucket without any prefix")
	}
}

type lambda struct {
	Properties struct {
		Environment struct{ Variables map[string]any }
		Events      map[string]struct {
			Type       string
			Properties struct {
				Method, Path string
				BatchSize    int
			}
		}
	}
}

// UnmarshalYAML reads a function's properties by CloudFormation's spelling.
func (l *lambda) UnmarshalYAML(node *yaml.Node) error {
	var properties map[string]any
	if err := node.Decode(&properties); err != nil {
		return err
	}
	document, err := json.Marshal(properties)
	if err != nil {
		return err
	}
	type plain lambda
	return json.Unmarshal(document, (*plain)(l))
}

// lambdas are a template's functions by logical id. Reading fails on a key that stands twice.
func lambdas(t *testing.T, document string) map[string]lambda {
	t.Helper()
	var template struct {
		Resources map[string]yaml.Node `yaml:"Resources"`
	}
	if err := yaml.Unmarshal([]byte(document), &template); err != nil {
		t.Fatal(err)
	}
	all := map[string]lambda{}
	for id, node := range template.Resources {
		var kind struct {
			Type string `yaml:"Type"`
		}
		if err := node.Decode(&kind); err != nil {
			t.Fatal(err)
		}
		if kind.Type != "AWS::Serverless::Function" {
			continue
		}
		var l lambda
		if err := node.Decode(&l); err != nil {
			t.Fatal(err)
		}
		all[id] = l
	}
	return all
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	document, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(document)
}
