package emulator

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/functions"
)

const (
	root    = "../.."
	stage   = "dev"
	account = "000000000000"
	sender  = "registrar@example.edu" // as whom `make test-deploy` synthesizes the app
)

// leftOut is what MiniStack 1.5.33 does not do as AWS does, of what the app asks for, by its source.
func leftOut() []string {
	return []string{
		"CORS of the HTTP API: CloudFormation's settings are kept under names that the gateway does not read",
		"throttles and access log of the stage: kept, not applied",
		"time to live, point-in-time recovery, lifecycles of the bucket: CloudFormation's settings are not passed on",
		"redrive: SQS there has no StartMessageMoveTask",
		"the scheduler's input: <aws.scheduler.scheduled-time> is not replaced; the test calls those functions itself",
		"records of the stream that are given up: S3 is no destination there",
		"logs in JSON: functions are not told of their log format, and write text",
		"alarms: metrics are not taken from logs, and an alarm of metric math stands on its first metric",
	}
}

// TestDeploy deploys the app that is synthesized in the folder ASSEMBLY into the MiniStack that runs at
// AWS_ENDPOINT_URL, and uses it. AWS_CDK is the path of the CDK's command. With AUTH=true MiniStack evaluates IAM
// policies.
func TestDeploy(t *testing.T) {
	if os.Getenv("MINISTACK_PID") == "" {
		t.Skip("left out: no MiniStack runs (make test-deploy starts one)")
	}
	if runtime.GOOS != "linux" {
		t.Skip("left out: MiniStack runs functions as processes of this machine, and they are built for Linux")
	}
	for _, line := range leftOut() {
		t.Log("left out:", line)
	}
	s := deploy(t)
	defer func() {
		if t.Failed() {
			s.explain(t)
		}
	}()
	missing := s.announceMissing(t) // it takes a while to die
	s.fill(t)
	t.Run("README's walk-through", s.testWalk)
	t.Run("an import", s.testImport)
	t.Run("mail", s.testMail)
	t.Run("a dead letter that is discarded", s.testDiscard)
	t.Run("every function", s.testFunctions)
	t.Run("a dead letter that is replayed", func(t *testing.T) { s.testReplay(t, missing) })
	t.Run("listens on loopback alone", testListeners)
	if os.Getenv("AUTH") == "true" {
		t.Run("nobody was denied anything", s.testNobodyWasDenied)
		t.Run("less is denied", s.testLessIsDenied)
	}
}

// explain shows the last errors that the functions and MiniStack logged.
func (s *system) explain(t *testing.T) {
	lines := s.logs(t)
	if own, err := os.ReadFile(os.Getenv("MINISTACK_LOG")); err == nil {
		lines = append(lines, strings.Split(string(own), "\n")...)
	}
	lines = slices.DeleteFunc(lines, func(line string) bool { return !strings.Contains(line, "ERROR") })
	const most = 20
	for _, line := range lines[max(0, len(lines)-most):] {
		t.Log(line)
	}
}

// deploy bootstraps the account and deploys all stacks.
func deploy(t *testing.T) *system {
	t.Helper()
	cdk, assembly := os.Getenv("AWS_CDK"), os.Getenv("ASSEMBLY")
	if cdk == "" || assembly == "" {
		t.Fatal("AWS_CDK or ASSEMBLY is not set: make test-deploy sets both")
	}
	began := time.Now()
	run(t, cdk, "bootstrap", "aws://"+account+"/us-east-1", "--app", assembly)
	run(t, cdk, "deploy", "--all", "--app", assembly, "--require-approval", "never", "--concurrency", "2")
	s := open(t)
	if got, want := len(s.functions), len(functions.All()); got != want {
		t.Fatalf("deployed are %d functions, want %d", got, want)
	}
	t.Logf("deployed in %.0f s", time.Since(began).Seconds())
	return s
}

// run runs a command of the CDK.
func run(t *testing.T, cdk string, arguments ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), cdk, append(arguments, "--no-notices")...)
	command.Env = append(os.Environ(), "CDK_DISABLE_CLI_TELEMETRY=true", "CDK_DISABLE_VERSION_CHECK=true")
	command.Dir = t.TempDir() // the repository's cdk.json says how to synthesize, which was done
	if out, err := command.CombinedOutput(); err != nil {
		const most = 4000
		t.Fatalf("cdk %s: %v\n%s", strings.Join(arguments, " "), err, out[max(0, len(out)-most):])
	}
}
