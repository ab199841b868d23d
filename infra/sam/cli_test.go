package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.com/registrar/functions"
	"example.com/registrar/infra/grown"
)

// many is how many functions the templates must have room for.
const many = 250

// TestSAMCLI has the SAM CLI work with the template of many functions: linted, built, and then `sam local` reaches
// every function and serves every route. SAM=path/to/.ci/tools/sam runs it.
//
// `sam local` wants a Docker engine before it says anything. One that only answers that it is there is enough to see
// what it would run.
func TestSAMCLI(t *testing.T) {
	tool := os.Getenv("SAM")
	if tool == "" {
		t.Skip("needs the SAM CLI: make template-check")
	}
	tool, err := filepath.Abs(tool)
	if err != nil {
		t.Fatal(err)
	}
	s := project{tool: tool, folder: t.TempDir()}
	all := grown.Manifest(many)
	s.write(t, all)
	s.run(t, "validate", "--lint")
	s.run(t, "build")

	docker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.44")
		fmt.Fprint(w, `{"Version": "27.0.0", "ApiVersion": "1.44", "MinAPIVersion": "1.24", "Os": "linux"}`)
	}))
	t.Cleanup(docker.CloseClientConnections)
	s.docker = "tcp://" + docker.Listener.Addr().String()

	said, err := s.command(t, "local", "invoke", "NoSuchFunction").CombinedOutput()
	if err == nil {
		t.Errorf("sam local invoke runs a function that is not there:\n%s", said)
	}
	routes := s.mounted(t)
	for _, f := range all {
		if id := f.LogicalID(); !strings.Contains(string(said), "'"+id+"'") {
			t.Errorf("sam local invoke does not reach %s", id)
		}
		if f.Operations == nil {
			continue
		}
		for _, o := range f.Operations(functions.Adapters{}) {
			key := o.Method + " " + o.Path
			if routes[key] != f.LogicalID() {
				t.Errorf("sam local start-api leads %s to %q, want %s", key, routes[key], f.LogicalID())
			}
			delete(routes, key)
		}
	}
	if len(routes) > 0 {
		t.Errorf("sam local start-api serves besides %v", slices.Sorted(maps.Keys(routes)))
	}
}

// project is a folder that the SAM CLI works in, with a Docker engine; empty: the one that the environment names.
type project struct{ tool, folder, docker string }

// write writes what `make generate`, `make build` and `make sam-env` do, with binaries of nothing.
func (s project) write(t *testing.T, all []functions.Function) {
	t.Helper()
	template, err := Template(all)
	if err != nil {
		t.Fatal(err)
	}
	config, err := Config(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	environment, err := Environment(all, "host.docker.internal", defaultPort)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"template.yaml": template, "samconfig.toml": config, ".sam-env.json": environment}
	for _, f := range all {
		files[".build/sam/"+f.Name+"/bootstrap"] = []byte("#!/bin/sh\n")
	}
	for name, text := range files {
		path := filepath.Join(s.folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func (s project) command(t *testing.T, arguments ...string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(t.Context(), s.tool, append([]string{"sam"}, arguments...)...)
	command.Dir = s.folder
	command.Env = append(os.Environ(), "NO_COLOR=1")
	if s.docker != "" {
		command.Env = append(command.Env, "DOCKER_HOST="+s.docker)
	}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	return command
}

func (s project) run(t *testing.T, arguments ...string) {
	t.Helper()
	if said, err := s.command(t, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("sam %v: %v\n%s", arguments, err, said)
	}
}

var mounting = regexp.MustCompile(`Mounting (\w+) at http://127\.0\.0\.1:\d+(\S*) \[(.*)\]`)

// mounted starts the API, and ends it when it has said what it serves: by route, the function.
func (s project) mounted(t *testing.T) map[string]string {
	t.Helper()
	port, err := free()
	if err != nil {
		t.Fatal(err)
	}
	command := s.command(t, "local", "start-api", "--port", port)
	reader, writer := io.Pipe()
	command.Stdout, command.Stderr = writer, writer
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = command.Wait() // it is killed
		_ = writer.Close()
	}()
	routes, said := map[string]string{}, ""
	for lines := bufio.NewScanner(reader); lines.Scan(); {
		if strings.Contains(lines.Text(), "Running on") {
			_ = command.Cancel() // it may have ended
			_, _ = io.Copy(io.Discard, reader)
			return routes
		}
		said += lines.Text() + "\n"
		if m := mounting.FindStringSubmatch(lines.Text()); m != nil {
			for method := range strings.SplitSeq(m[3], ", ") {
				if method != http.MethodOptions {
					routes[method+" "+m[2]] = m[1]
				}
			}
		}
	}
	t.Fatalf("sam local start-api serves nothing:\n%s", said)
	return nil
}

// free is a port that nobody listens on.
func free() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, errors.Join(err, listener.Close())
}
