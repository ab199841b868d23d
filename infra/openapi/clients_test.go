package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The generator of the client in Go. It reads OpenAPI 3.1 from 2.8 on.
const oapiCodegen = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2"

// Clients that others' generators make of the document compile, and walk through README: testdata/go and
// testdata/typescript say how. NODE names the folder of openapi-typescript and the TypeScript compiler
// (.ci/tools/openapi); the client in Go comes from Go modules.
func TestGeneratedClients(t *testing.T) {
	node := os.Getenv("NODE")
	if node == "" {
		t.Skip("NODE is not set: `make test-integration` runs this")
	}
	document, err := filepath.Abs("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	api := running(t)
	t.Run("Go", func(t *testing.T) {
		folder := copied(t, "testdata/go")
		if err := os.Mkdir(filepath.Join(folder, "registrar"), 0o755); err != nil {
			t.Fatal(err)
		}
		run(t, folder, "go", "run", oapiCodegen, "-config", "generate.yaml", document)
		run(t, folder, "go", "vet", ".")
		run(t, folder, "go", "run", ".", api)
	})
	t.Run("TypeScript", func(t *testing.T) {
		folder := copied(t, "testdata/typescript")
		if err := os.Symlink(filepath.Dir(node), filepath.Join(folder, "node_modules")); err != nil {
			t.Fatal(err)
		}
		run(t, folder, filepath.Join(node, "openapi-typescript"), document, "--output", "registrar.ts")
		run(t, folder, filepath.Join(node, "tsc"), "--project", ".")
		run(t, folder, "node", "out/main.js", api)
	})
}

// copied copies a folder to where it can be built, and gives the copy.
func copied(t *testing.T, folder string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	return to
}

func run(t *testing.T, folder, name string, arguments ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, arguments...)
	command.Dir = folder
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, arguments, err, out)
	}
}
