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
	binaries := filepath.Join(*root, ".build", "arm64")
	if err := built(binaries, functions.All()); err != nil {
		return err
	}
	app, err := New(Options{
		Functions: functions.All(), Out: *out,
		Code: func(f functions.Function) string { return filepath.Join(binaries, f.Name) },
	})
	if err != nil {
		return err
	}
	app.Synth(nil)
	return nil
}

// built says which functions have no binary below the folder.
func built(binaries string, all []functions.Function) error {
	var missing []string
	for _, f := range all {
		_, err := os.Stat(filepath.Join(binaries, f.Name, "bootstrap"))
		if errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, f.Name)
		} else if err != nil {
			return fmt.Errorf("look for the binary of %s: %w", f.Name, err)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("run `make build` first: %s has no binary for %s", binaries, strings.Join(missing, ", "))
	}
	return nil
}
