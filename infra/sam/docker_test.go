package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/infra/walkthrough"
)

// TestSAMLocalWalksThroughReadme runs `sam local start-api` with a Docker engine, beside `make run`, and walks README's
// walk-through there: every request is answered by a function's real binary in a container, which uses the engines of
// `make run`. SAM=path/to/.ci/tools/sam and BINARIES=.build/<GOARCH>, which `make build` fills, run it; the latter is
// relative to the project's folder.
//
// It pulls no image: the Lambda emulator that the SAM CLI brings is all that a container needs.
func TestSAMLocalWalksThroughReadme(t *testing.T) {
	tool, binaries := os.Getenv("SAM"), os.Getenv("BINARIES")
	if tool == "" || binaries == "" {
		t.Skip("left out: needs the SAM CLI and the built functions: make build test-integration")
	}
	if err := exec.CommandContext(t.Context(), "docker", "version").Run(); err != nil {
		t.Skipf("left out: no Docker engine answers (docker version: %v)", err)
	}
	const root = "../.."
	tool, err := filepath.Abs(tool)
	if err != nil {
		t.Fatal(err)
	}
	if binaries, err = filepath.Abs(filepath.Join(root, binaries)); err != nil {
		t.Fatal(err)
	}
	image := emulatorImage(t, tool)
	port := makeRun(t)
	s := project{tool: tool, folder: t.TempDir()}
	s.writeFor(t, binaries, port)
	s.run(t, "build")
	api := s.serve(t, "--invoke-image", image, "--skip-pull-image")
	if err := walkthrough.Walk(t.Context(), root+"/README.md", api); err != nil {
		t.Error(err)
	}
}

// emulatorImage makes an image for provided.al2023 without a system in it. The SAM CLI looks for the image with its
// emulator under a tag of its own, and builds it only if there is none.
func emulatorImage(t *testing.T, tool string) string {
	t.Helper()
	processor := architectures()[runtime.GOARCH]
	bin, err := exec.CommandContext(t.Context(), tool).Output()
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(bin)), "..", "sam", "lib", "python*",
		"site-packages",
		"samcli", "local", "rapid", "aws-lambda-rie-"+processor))
	if err != nil || len(found) != 1 {
		t.Fatalf("the SAM CLI's Lambda emulator: %q, %v", found, err)
	}
	emulator, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, text := range map[string][]byte{
		"aws-lambda-rie": emulator, "Dockerfile": []byte("FROM scratch\nCOPY aws-lambda-rie /var/rapid/aws-lambda-rie\n"),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const image = "registrar-test-lambda"
	emulated := image + ":rapid-" + processor
	docker := func(ctx context.Context, arguments ...string) {
		if said, err := exec.CommandContext(ctx, "docker", arguments...).CombinedOutput(); err != nil {
			t.Fatalf("docker %v: %v\n%s", arguments, err, said)
		}
	}
	docker(t.Context(), "build", "--tag", image, "--tag", emulated, folder)
	t.Cleanup(func() { docker(context.Background(), "image", "rm", "--force", image, emulated) })
	return image
}

// makeRun runs the local cloud where containers reach it, until the test ends, and returns its port.
func makeRun(t *testing.T) (port int) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "local")
	if said, err := exec.CommandContext(t.Context(), "go", "build", "-o", program,
		"../local").CombinedOutput(); err != nil {
		t.Fatalf("build the local cloud: %v\n%s", err, said)
	}
	for port = 20_000; !allFree(port); port += 10 {
	}
	command := exec.Command(program)
	command.Env = append(os.Environ(), "HOST=0.0.0.0", "PORT="+strconv.Itoa(port), "SEED=", "LOG_FILE=")
	var said strings.Builder
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM) // it may have ended
		if err := command.Wait(); err != nil {
			t.Errorf("the local cloud ended with %v:\n%s", err, said.String())
		}
	})
	for range 600 {
		if answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/health", port)); err == nil {
			answer.Body.Close()
			return port
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the local cloud does not answer")
	return 0
}

// allFree reports whether nobody listens on any of the five ports of `make run`.
func allFree(port int) bool {
	for n := range 5 {
		listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port+n))
		if err != nil {
			return false
		}
		_ = listener.Close() // it was only tried
	}
	return true
}

// writeFor writes what `make generate` and `make sam-env` do, for binaries and a `make run` that are there.
func (s project) writeFor(t *testing.T, binaries string, port int) {
	t.Helper()
	all := functions.All()
	template, err := Template(all)
	if err != nil {
		t.Fatal(err)
	}
	config, err := Config(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	environment, err := Environment(all, "host.docker.internal", port)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"template.yaml": template, "samconfig.toml": config, ".sam-env.json": environment,
	} {
		if err := os.WriteFile(filepath.Join(s.folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(s.folder, ".build"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binaries, filepath.Join(s.folder, ".build", "sam")); err != nil {
		t.Fatal(err)
	}
}

// serve runs `sam local start-api` until the test ends, and returns its address.
func (s project) serve(t *testing.T, arguments ...string) string {
	t.Helper()
	port, err := free()
	if err != nil {
		t.Fatal(err)
	}
	command := s.command(t, append([]string{"local", "start-api", "--port", port}, arguments...)...)
	reader, writer := io.Pipe()
	command.Stdout, command.Stderr = writer, writer
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait() // it is interrupted
		_ = writer.Close()
		close(ended)
	}()
	var said bytes.Buffer
	read := bufio.NewReader(io.TeeReader(reader, &said))
	for {
		line, err := read.ReadString('\n')
		if err != nil {
			t.Fatalf("sam local start-api ends:\n%s", said.String())
		}
		if strings.Contains(line, "Running on") {
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, read) }() // ends with the command
	t.Cleanup(func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGINT) // it may have ended
		<-ended
		if t.Failed() {
			t.Logf("sam local start-api said:\n%s", said.String())
		}
	})
	return "http://127.0.0.1:" + port
}
