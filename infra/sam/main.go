// Command sam writes template.yaml, the SAM template of Registrar, from the manifest (`make generate`), and with
// -arch what the SAM CLI has to know of this machine (`make sam-env`): .sam-env.json, the functions' variables, and
// samconfig.toml. It knows functions/manifest.go and what `make run` calls its things; what SAM makes of the files is
// SAM's.
//
// The template is for `sam build` and `sam local`, and holds what these need: functions and routes. It does not deploy,
// infra/cdk does: SAM makes three resources and more of a function, CloudFormation takes 500 in a template, and the API
// of one template is not to be had in a nested one.
//
// Start with template.yaml.tmpl.
package main

import (
	"bytes"
	_ "embed" // the template
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/template"

	"example.com/registrar/functions"
)

//go:embed template.yaml.tmpl
var source string

func main() {
	out := flag.String("o", "template.yaml", "the file to write the template to")
	arch := flag.String("arch", "", "write .sam-env.json and samconfig.toml for binaries of this GOARCH, not the template")
	port := flag.Int("port", defaultPort, "where `make run` serves the API; its engines are on the next ports")
	host := flag.String("host", "host.docker.internal", "how a container calls this machine")
	flag.Parse()
	var err error
	if *arch == "" {
		err = write(*out, func() ([]byte, error) { return Template(functions.All()) })
	} else {
		err = errors.Join(
			write(".sam-env.json", func() ([]byte, error) { return Environment(functions.All(), *host, *port) }),
			write("samconfig.toml", func() ([]byte, error) { return Config(*arch) }),
		)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sam:", err)
		os.Exit(1)
	}
}

func write(name string, document func() ([]byte, error)) error {
	text, err := document()
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}

// view is what the template is filled with.
type view struct {
	API       functions.Gateway
	Paths     []path
	Functions []function
}

type path struct {
	Path    string
	Methods []method
}

type method struct{ Method, Function string }

type function struct {
	functions.Function
	Seconds     int
	Environment []string // names of variables
}

// Template is the template of the functions, the same bytes for the same functions.
func Template(all []functions.Function) ([]byte, error) {
	v := view{API: functions.API()}
	paths := map[string][]method{}
	for _, f := range all {
		shown := function{
			Function: f, Seconds: int(f.Timeout.Seconds()), Environment: slices.Sorted(maps.Keys(f.Environment())),
		}
		// An empty endpoint means AWS to the SDK.
		for _, service := range f.Services() {
			shown.Environment = append(shown.Environment, endpoint(service))
		}
		v.Functions = append(v.Functions, shown)
		if f.Operations == nil {
			continue
		}
		for _, o := range f.Operations(functions.Adapters{}) {
			paths[o.Path] = append(paths[o.Path], method{strings.ToLower(o.Method), f.LogicalID()})
		}
	}
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		v.Paths = append(v.Paths, path{p, paths[p]})
	}
	parsed, err := template.New("template.yaml").Option("missingkey=error").Parse(source)
	if err != nil {
		return nil, fmt.Errorf("read the template's template: %w", err)
	}
	var document bytes.Buffer
	if err := parsed.Execute(&document, v); err != nil {
		return nil, fmt.Errorf("fill the template: %w", err)
	}
	return document.Bytes(), nil
}

// endpoint names the variable by which the SDK finds a service.
func endpoint(service string) string { return "AWS_ENDPOINT_URL_" + service }
