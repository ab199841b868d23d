package deployment_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// PORT moves the whole system. A command that did not follow would work on another one, if that runs on the usual port.
func TestMakeSpeaksToTheSystemOnThePort(t *testing.T) {
	const sqs, own = "AWS_ENDPOINT_URL_SQS=${AWS_ENDPOINT_URL_SQS:-http://127.0.0.1:$((9000+2))}", "http://127.0.0.1:9000"
	for command, want := range map[string]string{
		"import": own, "replay": own, "trigger FN=imports-sweep": sqs, "redrive QUEUE=imports": sqs, "republish": sqs,
	} {
		if said := dryRun(t, command+" PORT=9000"); !strings.Contains(said, want) {
			t.Errorf("make %s PORT=9000 does not speak to %s:\n%s", command, want, said)
		}
	}
	for _, command := range []string{"redrive QUEUE=imports", "republish"} {
		if said := dryRun(t, command+" STACK=registrar-prod-data"); strings.Contains(said, "127.0.0.1") ||
			!strings.Contains(said, "registrar-prod-data") {
			t.Errorf("make %s does not speak to AWS with a stack:\n%s", command, said)
		}
	}
}

// dryRun is what make would do.
func dryRun(t *testing.T, command string) string {
	t.Helper()
	run := exec.CommandContext(t.Context(), "make", append([]string{"-n", "-C", "../.."}, strings.Fields(command)...)...)
	run.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")} // nothing of a make around this test
	said, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("make -n %s: %v\n%s", command, err, said)
	}
	return string(said)
}
