package functions_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/registrar/functions"
)

const (
	module  = "example.com/registrar"
	awsCode = "github.com/aws"
	proxy   = "github.com/awslabs/aws-lambda-go-api-proxy"
)

// goPackage is what `go list` tells of a package.
type goPackage struct {
	ImportPath, Name, Doc, Dir string
	Standard                   bool
	Deps                       []string // all that it links
	Imports                    []string // itself
	GoFiles                    []string
}

// short is the import path without the module's.
func (p goPackage) short() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// list asks the go command. With -find no dependency is looked up, so that packages list whose modules are not there.
func list(t *testing.T, arguments ...string) map[string]goPackage {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json"}, arguments...)...)
	command.Dir = root
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	packages := map[string]goPackage{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages[p.short()] = p
	}
}

// below reports whether a package is the one with that path, or lies beneath it.
func below(name, parent string) bool { return name == parent || strings.HasPrefix(name, parent+"/") }

// firstBelow finds the first of the packages that lies below one of the parents.
func firstBelow(packages []string, parents ...string) string {
	for _, p := range packages {
		if slices.ContainsFunc(parents, func(parent string) bool { return below(p, parent) }) {
			return p
		}
	}
	return ""
}

// linked are this project's packages with all that they link.
func linked(t *testing.T) map[string]goPackage {
	t.Helper()
	packages := list(t, "./functions/...", "./shared/...", "./infra/local/...")
	if len(packages) < 60 {
		t.Fatalf("go list found only %d packages", len(packages))
	}
	return packages
}

// domain is the package of the domain's words and rules.
const domain = "shared/registrar"

// bookkeeping are the packages of records that are not of registration itself: imports, mails, runs of schedules and
// reconciliations. The store keeps these records, so every function links what these packages link. So they are held to
// the same rule as the domain, except for the packages that are listed here.
func bookkeeping() map[string][]string {
	const words = module + "/" + domain
	return map[string][]string{
		"shared/intake":    {words},
		"shared/mail":      {words},
		"shared/schedule":  {words, "log/slog"},
		"shared/reconcile": {words, module + "/shared/intake", "golang.org/x/sync/errgroup", "log/slog"},
	}
}

func TestArrowsPointOneWay(t *testing.T) {
	const infra, manifest = module + "/infra", module + "/functions"
	packages := linked(t)
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		p := packages[name]
		forbid := func(packages []string, why string, parents ...string) {
			t.Helper()
			if got := firstBelow(packages, parents...); got != "" {
				t.Errorf("%s reaches %s: %s", name, got, why)
			}
		}
		if may, ok := bookkeeping()[name]; ok || name == domain {
			imports := slices.DeleteFunc(slices.Clone(p.Imports), func(i string) bool { return slices.Contains(may, i) })
			for _, imported := range imports {
				if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") {
					t.Errorf("%s imports %s: the domain and its bookkeeping know neither AWS nor HTTP nor any library, "+
						"so that their rules can be read and tested alone", name, imported)
				}
			}
			forbid(imports, "the domain does not speak to the world: adapters do", "net", "os", "encoding/json",
				"database/sql", "log", "log/slog")
		}
		if below(name, "shared") {
			forbid(p.Deps, "what is shared knows nothing of those who share it", infra, manifest)
		}
		if below(name, "shared") && name != "shared/lambdahost" {
			forbid(p.Imports, "shared/lambdahost is the one door to Lambda", awsCode+"/aws-lambda-go", proxy)
		}
		if name == "functions" || !below(name, "functions") {
			continue
		}
		forbid(p.Deps, "functions run on AWS; what is in infra/ describes, builds or imitates it", infra)
		if p.Name == "main" {
			if slices.Contains(p.Deps, manifest) {
				t.Errorf("%s reaches the manifest: the function would link all others, and start more slowly", name)
			}
			continue
		}
		forbid(p.Deps, "operations and workers are AWS-free: each main.go picks the adapters, so that no function links a "+
			"client that it "+
			"does not use", awsCode, proxy, module+"/shared/dynamo", module+"/shared/objects", module+"/shared/lambdahost")
	}
}

// An unused import costs as much start-up as a used one.
func TestFunctionsLinkOnlyWhatTheyUse(t *testing.T) {
	const sdk = awsCode + "/aws-sdk-go-v2/service/"
	packages := linked(t)
	for _, f := range functions.All() {
		p, ok := packages[f.Folder()]
		if !ok {
			continue // [TestEveryFunctionHasItsParts] tells
		}
		for link, may := range map[string]bool{
			sdk + "dynamodb": len(f.Table) > 0 || f.Stream != nil,
			sdk + "s3":       f.Bucket != functions.No,
			sdk + "sqs": f.Queue != nil || f.Stream != nil || len(f.Sends) > 0 ||
				f.Queues != functions.NoQueues,
			module + "/shared/queue": f.Queue != nil || f.Stream != nil || len(f.Sends) > 0 ||
				f.Queues != functions.NoQueues,
			module + "/shared/dynamo":        len(f.Table) > 0 || f.Stream != nil,
			module + "/shared/dynamo/stream": f.Stream != nil,
			module + "/shared/objects":       f.Bucket != functions.No,
			module + "/shared/intake/files":  f.Resource() == "imports",
			// A consumer or a task may share a package with operations, and so their library; its start-up makes nobody wait.
			"github.com/danielgtaylor/huma/v2":  f.Operations != nil || f.Queue != nil || f.Schedule != nil,
			"github.com/johannesboyne/gofakes3": false, // the local cloud's
			"testing":                           false,
			// Profiles, single sign-on, EC2's metadata: a function has none, see shared/sdk.
			awsCode + "/aws-sdk-go-v2/config":           false,
			awsCode + "/aws-sdk-go-v2/feature/ec2/imds": false,
			sdk + "sso":           false,
			sdk + "ssooidc":       false,
			sdk + "signin":        false,
			sdk + "sts":           false,
			"go.opentelemetry.io": false, // only with the build tag otel: see TestOpenTelemetryIsOptIn
		} {
			if got := firstBelow(p.Deps, link); got != "" && !may {
				t.Errorf("%s links %s, which its line of the manifest gives it no use for", f.Name, got)
			}
		}
		for _, dependency := range p.Deps {
			resource, ok := strings.CutPrefix(dependency, module+"/functions/")
			if ok && resource != f.Resource() {
				t.Errorf("%s links functions/%s: a function serves one resource", f.Name, resource)
			}
		}
	}
}

// Clients of the SDK's releases from September 2026 on ("Enable schema-based (de)serialization") build tables of all
// their service's shapes when they are initialised, those of operations that nobody calls too: DynamoDB's and SQS's
// were a fifth of the start of registrations-create, and what they save at a request cannot be measured. So go.mod has
// the releases before, until a client builds its tables when they are used. Whoever takes newer ones looks at what
// `make bench-start` says.
func TestFunctionsBuildNoTables(t *testing.T) {
	const services, tables = awsCode + "/aws-sdk-go-v2/service/", "/schemas"
	packages := linked(t)
	for _, f := range functions.All() {
		for _, dependency := range packages[f.Folder()].Deps {
			if strings.HasPrefix(dependency, services) && strings.HasSuffix(dependency, tables) {
				t.Errorf("%s links %s, which costs every start", f.Name, dependency)
			}
		}
	}
}

// Spans cost megabytes and milliseconds, so they are for those who ask: `make build TAGS=otel`.
func TestOpenTelemetryIsOptIn(t *testing.T) {
	const sdk = "go.opentelemetry.io/otel/sdk"
	for tags, want := range map[string]bool{"lambda.norpc": false, "lambda.norpc,otel": true} {
		for name, p := range list(t, "-tags", tags, "./functions/health/get", "./functions/imports/apply") {
			if got := firstBelow(p.Deps, sdk) != ""; got != want {
				t.Errorf("%s built with the tags %s links OpenTelemetry: %t, want %t", name, tags, got, want)
			}
		}
	}
}

// A function is a line of the manifest, a folder with a main.go, and an event.
func TestEveryFunctionHasItsParts(t *testing.T) {
	parts := map[string][]string{}
	for _, f := range functions.All() {
		parts[f.Name] = append(parts[f.Name], "line in manifest.go")
		if f.Operations == nil {
			continue
		}
		operations := f.Operations(functions.Adapters{})
		for _, o := range operations {
			// docs-serve serves several
			if o.ID != f.Name && (len(operations) == 1 || !strings.HasPrefix(o.ID, f.Resource()+"-")) {
				t.Errorf("%s serves the operation %s: the operation's id is the function's name, so that one finds the other",
					f.Name, o.ID)
			}
		}
	}
	for part, pattern := range map[string]string{"folder with main.go": "functions/*/*/main.go",
		"event in events/": "events/*.json"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".json")
			if name == "main.go" {
				name = filepath.Base(filepath.Dir(filepath.Dir(file))) + "-" + filepath.Base(filepath.Dir(file))
			}
			parts[name] = append(parts[name], part)
		}
	}
	for name, has := range parts {
		if slices.Sort(has); !slices.Equal(has, []string{"event in events/", "folder with main.go", "line in manifest.go"}) {
			t.Errorf("%s has %q: a function needs all three, each once", name, has)
		}
	}
	folders, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if parts[folder.Name()] == nil {
			t.Errorf("testdata/%s is of no function", folder.Name())
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for name, p := range list(t, "-find", "./...") {
		if len(p.GoFiles) > 0 && strings.TrimSpace(p.Doc) == "" {
			t.Errorf("%s has no package comment: who opens it first should read there what it is for and what it may know", name)
		}
	}
}

// The adapter is archived, and lambda.Start takes over the process: both stay behind one door. A test may be a function
// itself.
func TestOneDoorToLambda(t *testing.T) {
	walk(t, func(name string, text []byte) {
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") || path.Dir(name) == "shared/lambdahost" ||
			below(name, "infra/local/bare") { // what functions are compared with, which is to be without it
			return
		}
		lambda := ""
		for _, spec := range file.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			if below(imported, proxy) {
				t.Errorf("%s imports %s: only shared/lambdahost knows its traps", name, imported)
			}
			if imported == awsCode+"/aws-lambda-go/lambda" {
				if lambda = "lambda"; spec.Name != nil {
					lambda = spec.Name.Name
				}
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok || lambda == "" || !strings.HasPrefix(selector.Sel.Name, "Start") {
				return true
			}
			if of, ok := selector.X.(*ast.Ident); ok && of.Name == lambda {
				t.Errorf("%s calls %s.%s: only shared/lambdahost hands the process to Lambda", name, lambda, selector.Sel.Name)
			}
			return true
		})
	})
}

func TestNothingIsLeftForLater(t *testing.T) {
	later := regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)
	count := 0
	walk(t, func(name string, text []byte) {
		count++
		if name == "functions/architecture_test.go" {
			return // this file, which has to name them
		}
		if at := later.FindIndex(text); at != nil {
			t.Errorf("%s:%d: %s: what is left for later belongs into an issue", name, 1+bytes.Count(text[:at[0]], []byte("\n")),
				text[at[0]:at[1]])
		}
	})
	if count < 100 {
		t.Errorf("looked at only %d files", count)
	}
}

func TestModulesAreWhatTheyAreCalled(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if line := regexp.MustCompile(`(?m)^\s*(replace|exclude)\b.*$`).Find(text); line != nil {
		t.Errorf("go.mod: %s: `go install` refuses such a module, and what is built is not what its path says", line)
	}
}

// walk reads every Go file, by its name from the root; folders that begin with a dot are not the project's.
func walk(t *testing.T, look func(name string, text []byte)) {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && file != root && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(file) != ".go":
			return nil
		}
		name, err := filepath.Rel(root, file)
		if err == nil {
			files[filepath.ToSlash(name)], err = os.ReadFile(file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		look(name, files[name])
	}
}
