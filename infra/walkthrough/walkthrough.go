// Package walkthrough runs README's walk-through, the commands as they stand there, against an API, and holds each
// answer to what README says of it. So README is right wherever the tests walk: on this machine's local cloud and on
// what was deployed.
//
// It knows README and HTTP, and nothing of what is behind the API but how long that may be out of date. It needs bash,
// curl and sed, as a reader does. Start with [Walk].
package walkthrough

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"example.com/registrar/shared/registrar"
)

const (
	heading = "## A walk through"
	local   = "http://127.0.0.1:8080" // where README's API is
)

// statuses are the answers' to the walk-through's requests, in their order.
func statuses() []int {
	return []int{
		201, 201, 201, 201, // a term, a course, a section and a student
		201, 200, 200, 409, 200, 200, // enrol, the roster, the section, enrol again, drop, the schedule
		200, 201, 201, // a change; enrol, twice with one key
		200, 200, 200, // how the student wants mail; mails; one that is settled
		409, // enrol again, to follow it
	}
}

// Walk takes README's path and the address of an API, such as "http://127.0.0.1:8080", that has the sample data: one of
// the steps settles a mail of it. Where a seat was given up, it pauses, as a reader does: for so long another function
// may refuse who wants it, from what it knew ([registrar.FullAge]). What README asks of other things than the API, such
// as the log of `make run`, is left out.
func Walk(ctx context.Context, readme, api string) error {
	text, err := os.ReadFile(readme)
	if err != nil {
		return fmt.Errorf("read the walk-through: %w", err)
	}
	script, err := commands(string(text))
	if err != nil {
		return fmt.Errorf("read the walk-through in %s: %w", readme, err)
	}
	// A status stands on a line of its own among the errors, and each answer ends its line.
	const curl = `curl() { command curl -w '\n%{stderr}status %{http_code}\n' "$@"; }` + "\n"
	bash := exec.CommandContext(ctx, "bash", "-u", "-o", "pipefail", "-c", curl+strings.ReplaceAll(script, local, api))
	var out, told bytes.Buffer
	bash.Stdout, bash.Stderr = &out, &told
	if err := bash.Run(); err != nil {
		return fmt.Errorf("walk through %s: %w\n%s%s", readme, err, told.String(), out.String())
	}
	if err := check(out.String(), told.String()); err != nil {
		return fmt.Errorf("walk through %s: %w\n%s%s", readme, err, told.String(), out.String())
	}
	return nil
}

// commands are those of the walk-through that speak to the API alone.
func commands(readme string) (string, error) {
	_, section, found := strings.Cut(readme, "\n"+heading+"\n")
	if !found {
		return "", fmt.Errorf("there is no heading %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var all []string
	for _, block := range strings.Split(section, "\n```sh\n")[1:] {
		block, _, _ = strings.Cut(block, "\n```")
		if strings.Contains(block, "aws ") { // asks the local engines
			continue
		}
		for line := range strings.Lines(block + "\n") {
			if !strings.HasPrefix(line, "make ") {
				all = append(all, line)
			}
		}
		if strings.Contains(block, "-X DELETE") {
			all = append(all, fmt.Sprintf("sleep %.1f\n", registrar.FullAge.Seconds()))
		}
	}
	script := strings.Join(all, "")
	if !strings.Contains(script, "api="+local) {
		return "", fmt.Errorf("no command says where the API is: api=%s", local)
	}
	return script, nil
}

// check compares what was answered with what README says.
func check(out, told string) error {
	var got []int
	for line := range strings.Lines(told) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "status "); ok {
			status, err := strconv.Atoi(text)
			if err != nil {
				return fmt.Errorf("read the status %q: %w", text, err)
			}
			got = append(got, status)
		}
	}
	if !slices.Equal(got, statuses()) {
		return fmt.Errorf("the answers' statuses are %v, want %v", got, statuses())
	}
	var bodies []string // of the answers that are shown, not cut for their ids
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); line != "" {
			bodies = append(bodies, line)
		}
	}
	return errors.Join(
		holds(bodies, "ENROLLED", "state"), holds(bodies, "ALREADY_ENROLLED", "code"), holds(bodies, "DROPPED", "state"),
		holds(bodies, "RELEASED", "state"), twice(bodies),
	)
}

// holds reports an error unless one of the answers has that value under that name, at its top.
func holds(bodies []string, value, name string) error {
	for _, body := range bodies {
		var object map[string]any
		if json.Unmarshal([]byte(body), &object) == nil && object[name] == value {
			return nil
		}
	}
	return fmt.Errorf("no answer has %q as its %q", value, name)
}

// twice reports an error unless an answer came twice, as it does to a request that is sent again with its key.
func twice(bodies []string) error {
	seen := map[string]bool{}
	for _, body := range bodies {
		if seen[body] {
			return nil
		}
		seen[body] = true
	}
	return errors.New("a request with the key of one before was answered otherwise")
}
