package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestEqualSourcesGiveEqualPackages builds a function here and in a copy of the sources, which lies elsewhere and has
// another commit. The CDK calls a package after the hash of what is in it: were the two binaries not the same, every
// commit would deploy every function anew.
func TestEqualSourcesGiveEqualPackages(t *testing.T) {
	here, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	there := t.TempDir()
	for _, part := range []string{"go.mod", "go.sum", "functions", "shared"} {
		copyTo(t, there, here, part)
	}
	for _, command := range []string{
		"git init -q", "git add go.mod", "git -c user.name=t -c user.email=t@example.edu commit -q -m elsewhere",
	} {
		sh(t, there, "bash", "-c", command)
	}
	if a, b := packageOf(t, here), packageOf(t, there); a != b {
		t.Errorf("equal sources gave %s and %s", a, b)
	}
}

// packageOf builds a function in a folder, as the Makefile does, and gives the hash of its binary.
func packageOf(t *testing.T, folder string) string {
	t.Helper()
	const function = "health-get"
	command := ""
	for line := range strings.Lines(sh(t, ".", "make", "-n", "-C", "../..", "invoke", "FN="+function)) {
		if _, build, found := strings.Cut(line, "CGO_ENABLED=0 go build "); found {
			// Go's own default, whatever this machine's settings are.
			command = "GOFLAGS=-buildvcs=true CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build " + build
		}
	}
	out := filepath.Join(t.TempDir(), "bootstrap")
	command = strings.Replace(command, "-o .build/local/"+function+"/bootstrap", "-o "+out, 1)
	if !strings.Contains(command, out) {
		t.Fatalf("the Makefile builds a function otherwise: %s", command)
	}
	sh(t, folder, "bash", "-c", command)
	binary, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(binary)
	return hex.EncodeToString(hash[:])
}

func sh(t *testing.T, folder string, command ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), command[0], command[1:]...)
	c.Dir = folder
	said, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", command, err, said)
	}
	return string(said)
}

// copyTo copies a file, or a folder without its tests' data.
func copyTo(t *testing.T, to, from, name string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(from, name), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if entry.IsDir() {
			if entry.Name() == "testdata" {
				return filepath.SkipDir
			}
			return os.MkdirAll(target, 0o755)
		}
		source, err := os.Open(path)
		if err != nil {
			return err
		}
		defer source.Close()
		file, err := os.Create(target)
		if err != nil {
			return err
		}
		if _, err := io.Copy(file, source); err != nil {
			return err
		}
		return file.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
}
