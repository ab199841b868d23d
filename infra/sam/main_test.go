package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"example.com/registrar/functions"
	"example.com/registrar/infra/grown"
	"example.com/registrar/infra/local/cloud"
	"github.com/google/go-cmp/cmp"
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

// TestTemplateHoldsTheManifest reads the template of 250 functions, of which the real ones are the first, as the SAM
// CLI does, and finds in it every function as the manifest has it, every route, and nothing else.
func TestTemplateHoldsTheManifest(t *testing.T) {
	all := grown.Manifest(many)
	document, err := Template(all)
	if err != nil {
		t.Fatal(err)
	}
	got := read(t, document)
	want := contents{functions: map[string]lambda{}, routes: map[string]string{}}
	for _, f := range all {
		variables := slices.Collect(maps.Keys(f.Environment()))
		for _, service := range f.Services() {
			variables = append(variables, "AWS_ENDPOINT_URL_"+service)
		}
		slices.Sort(variables)
		want.functions[f.LogicalID()] = lambda{".build/sam/" + f.Name, f.Memory, int(f.Timeout.Seconds()), variables}
		if f.Operations == nil {
			continue
		}
		for _, o := range f.Operations(functions.Adapters{}) {
			want.routes[o.Method+" "+o.Path] = f.LogicalID()
		}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(contents{}, lambda{})); diff != "" || len(want.functions) != many {
		t.Errorf("the template of %d functions (-want +got):\n%s", len(want.functions), diff)
	}
}

// TestEnvironment holds .sam-env.json to what `make run` calls its things, on whatever port, and to the variables that
// functions declare: SAM leaves others out without a word.
func TestEnvironment(t *testing.T) {
	all := functions.All()
	const host, port = "machine.example", 9000
	document, err := Environment(all, host, port)
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]map[string]string
	if err := json.Unmarshal(document, &file); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"TABLE_NAME": cloud.Table, "CURSOR_KEY": cloud.CursorKey, "BUCKET_NAME": cloud.Bucket,
		"MAIL_SENDER": cloud.MailSender, "MAIL_CONFIGURATION_SET": cloud.ConfigurationSet,
		"UNSUBSCRIBE_KEY": cloud.UnsubscribeKey, "QUEUE_URL_PREFIX": "http://machine.example:9002/" + cloud.Account + "/",
		"API_URL":                   "http://127.0.0.1:9000",
		"AWS_ENDPOINT_URL_DYNAMODB": "http://machine.example:9001", "AWS_ENDPOINT_URL_SQS": "http://machine.example:9002",
		"AWS_ENDPOINT_URL_S3": "http://machine.example:9003", "AWS_ENDPOINT_URL_SESV2": "http://machine.example:9004",
	}
	if diff := cmp.Diff(want, file["Parameters"]); diff != "" {
		t.Errorf(".sam-env.json against `make run` (-want +got):\n%s", diff)
	}
	const queue = "http://machine.example:9002/" + cloud.Account + "/imports"
	if own := file["ImportsApply"]; own["QUEUE_URL"] != queue || own["DEAD_LETTER_QUEUE_URL"] != queue+"-dead" {
		t.Errorf("the imports' queue is %v", own)
	}
	text, err := Template(all)
	if err != nil {
		t.Fatal(err)
	}
	declared := read(t, text).functions
	for id, f := range declared {
		set := slices.Collect(maps.Keys(file[id]))
		for _, name := range f.variables {
			if _, shared := file["Parameters"][name]; !shared && !slices.Contains(set, name) {
				t.Errorf("%s declares %s, .sam-env.json does not set it", id, name)
			}
		}
		for _, name := range set {
			if !slices.Contains(f.variables, name) {
				t.Errorf(".sam-env.json sets %s for %s, which does not declare it", name, id)
			}
		}
	}
	for id := range file {
		if _, ok := declared[id]; !ok && id != "Parameters" {
			t.Errorf(".sam-env.json is for %s, too, which is no function", id)
		}
	}
}

// TestWhatIsBuiltIsDeclared: a container of one processor runs no binary of another.
func TestWhatIsBuiltIsDeclared(t *testing.T) {
	for goarch, declared := range map[string]string{"amd64": "x86_64", "arm64": "arm64"} {
		config, err := Config(goarch)
		if err != nil || !strings.Contains(string(config), `parameter_overrides = ["Architecture=`+declared+`"]`) {
			t.Errorf("binaries of %s are declared in\n%s%v", goarch, config, err)
		}
		said := dryRun(t, "sam-env", "SAM_ARCH="+goarch, "PORT=9000")
		for _, part := range []string{"ln -sfn " + goarch + " .build/sam", "-arch " + goarch, "-port 9000"} {
			if !strings.Contains(said, part) {
				t.Errorf("make sam-env SAM_ARCH=%s PORT=9000 lacks %q:\n%s", goarch, part, said)
			}
		}
		if said := dryRun(t, "build", "SAM_ARCH="+goarch); !strings.Contains(said, "for arch in arm64 amd64") ||
			!strings.Contains(said, "ln -sfn "+goarch+" .build/sam") {
			t.Errorf("make build does not build for both, or does not end with sam-env:\n%s", said)
		}
	}
	if _, err := Config("riscv64"); err == nil {
		t.Error("there is a samconfig.toml for a processor that Lambda does not have")
	}
}

// dryRun is what make would do.
func dryRun(t *testing.T, arguments ...string) string {
	t.Helper()
	run := exec.CommandContext(t.Context(), "make", append([]string{"-n", "-C", root}, arguments...)...)
	run.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")} // nothing of a make around this test
	said, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("make -n %v: %v\n%s", arguments, err, said)
	}
	return string(said)
}

// contents are what a template holds: functions by logical id, and by route the function that it leads to.
type contents struct {
	functions map[string]lambda
	routes    map[string]string
}

type lambda struct {
	code            string
	memory, timeout int
	variables       []string
}

// read reads a template. Reading fails on a key that stands twice.
func read(t *testing.T, document []byte) contents {
	t.Helper()
	var file struct {
		Resources map[string]struct {
			Type       string         `yaml:"Type"`
			Properties map[string]any `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(document, &file); err != nil {
		t.Fatal(err)
	}
	found := contents{functions: map[string]lambda{}, routes: map[string]string{}}
	for id, r := range file.Resources {
		var p struct {
			CodeURI             string `json:"CodeUri"`
			MemorySize, Timeout int
			Role                string
			Environment         struct{ Variables map[string]string }
			DefinitionBody      struct {
				Paths map[string]map[string]struct {
					Integration struct{ URI, PayloadFormatVersion string } `json:"x-amazon-apigateway-integration"`
				}
			}
		}
		text, err := json.Marshal(r.Properties)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &p); err != nil {
			t.Fatal(err)
		}
		switch r.Type {
		case "AWS::Serverless::Function":
			if p.Role == "" {
				t.Errorf("%s has no role, and SAM makes one", id)
			}
			var variables []string
			for name := range p.Environment.Variables {
				variables = append(variables, name)
			}
			slices.Sort(variables)
			found.functions[id] = lambda{p.CodeURI, p.MemorySize, p.Timeout, variables}
		case "AWS::Serverless::HttpApi":
			for path, methods := range p.DefinitionBody.Paths {
				for method, to := range methods {
					_, after, _ := strings.Cut(to.Integration.URI, "functions/${")
					function, rest, _ := strings.Cut(after, ".Arn}")
					if rest != "/invocations" || to.Integration.PayloadFormatVersion != "2.0" {
						t.Errorf("%s %s leads to %+v", method, path, to.Integration)
					}
					found.routes[fmt.Sprint(strings.ToUpper(method), " ", path)] = function
				}
			}
		default:
			t.Errorf("%s is a %s, which no function needs here", id, r.Type)
		}
	}
	return found
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	document, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(document)
}
