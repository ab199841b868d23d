package main

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"syscall"
	"testing"

	"example.com/registrar/infra/walkthrough"
)

// README's walk-through is right, command by command.
func TestReadmeIsRight(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("left out: there is no curl, which README's commands need")
	}
	port := 20_000 + rand.IntN(20_000)
	program := start(t, port, "SEED=")
	defer func() {
		if err := program.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := program.Wait(); err != nil {
			t.Errorf("the local cloud ended with %v", err)
		}
	}()
	if err := walkthrough.Walk(t.Context(), "../../README.md", fmt.Sprintf("http://127.0.0.1:%d", port)); err != nil {
		t.Error(err)
	}
}
