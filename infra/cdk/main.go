// Command cdk is the CDK app of Registrar: it describes the system on AWS, and is how it is meant to be deployed. `make
// synth` synthesizes it into .build/cdk.out, for which Node is needed and the CDK's command line is not; with that,
//
//	cd infra/cdk && cdk deploy --all --context stage=prod --context sender=registrar@example.edu \
//	  --context alarmAddress=operators@example.edu
//
// It knows functions/manifest.go, from which every function, route, role, queue and alarm follows, and the table's
// definition; nothing of what functions do. It builds no binaries: `make build` does. infra/sam writes what the SAM
// CLI needs to run the functions on this machine; only this app deploys.
//
// Start with [New], then data.go and functions.go.
package main

import (
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"example.com/registrar/functions"
	"github.com/aws/jsii-runtime-go"
)

func main() {
	err := run(os.Args[1:], os.Getenv)
	jsii.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cdk:", err)
		os.Exit(1)
	}
}

func run(args []string, getenv func(string) string) error {
	flags := flag.NewFlagSet("cdk", flag.ContinueOnError)
	root := flags.String("root", ".", "the repository's folder, where `make build` was run")
	out := flags.String("out", "", "where to synthesize to (default: $CDK_OUTDIR, which the CDK's command line sets, or "+
		".build/cdk.out)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *out == "" {
		*out = getenv("CDK_OUTDIR")
	}
	if *out == "" {
		*out = filepath.Join(*root, ".build", "cdk.out")
	}
	app, err := New(Options{
		Functions: functions.All(), Out: *out,
		Code: func(a Architecture) (func(functions.Function) string, error) {
			binaries := filepath.Join(*root, ".build", a.GOARCH)
			if err := built(binaries, a, functions.All()); err != nil {
				return nil, err
			}
			return func(f functions.Function) string { return filepath.Join(binaries, f.Name) }, nil
		},
	})
	if err != nil {
		return err
	}
	app.Synth(nil)
	return nil
}

// built reports which functions have no binary below the folder, or one for another processor: a function that is
// declared for arm64 and built for amd64 deploys well, and fails at its first invocation.
func built(binaries string, a Architecture, all []functions.Function) error {
	var missing, others []string
	for _, f := range all {
		path := filepath.Join(binaries, f.Name, "bootstrap")
		binary, err := elf.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, f.Name)
			continue
		} else if err != nil {
			return fmt.Errorf("read the binary %s: %w", path, err)
		}
		if binary.Machine != a.machine {
			others = append(others, fmt.Sprintf("%s (%s)", f.Name, binary.Machine))
		}
		if err := binary.Close(); err != nil {
			return fmt.Errorf("read the binary %s: %w", path, err)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("run `make build` first: %s has no binary for %s", binaries, strings.Join(missing, ", "))
	}
	if len(others) > 0 {
		return fmt.Errorf("run `make build` again: %s has binaries that are not for %s: %s", binaries, a.Name,
			strings.Join(others, ", "))
	}
	return nil
}
