// Package logs shows log lines to people: the JSON lines that functions write for CloudWatch become lines of text, one
// for each, with what matters first. It knows the keys that aws-lambda-go and shared/telemetry write, and nothing else.
// X-Ray's trace ids, Lambda's invocation ids and the directives for metrics are left out; `LOG=json make run`, and the
// file that `make run` keeps, have them all.
//
// Start with [New], which makes the local cloud's logger, and [Readable].
package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// New makes a logger that writes lines as functions on Lambda do.
func New(out io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr}))
}

// Readable makes a writer of JSON lines that writes them as text. Each Write has to bring whole lines; a line that is
// not JSON is written as it is. It is safe for concurrent use.
func Readable(out io.Writer) io.Writer { return &readable{out: out} }

type readable struct {
	mu  sync.Mutex
	out io.Writer
}

// Write implements [io.Writer].
func (r *readable) Write(p []byte) (int, error) {
	var text bytes.Buffer
	for line := range bytes.Lines(p) {
		text.WriteString(Text(line))
		text.WriteByte('\n')
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.out.Write(text.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Both makes a writer that writes each line to both.
func Both(a, b io.Writer) io.Writer { return &both{a: a, b: b} }

type both struct {
	mu   sync.Mutex
	a, b io.Writer
}

// Write implements [io.Writer].
func (b *both) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, first := b.a.Write(p)
	_, second := b.b.Write(p)
	if err := errors.Join(first, second); err != nil {
		return 0, err
	}
	return len(p), nil
}

type member struct {
	key   string
	value json.RawMessage
}

// Text is a line as people read it.
func Text(line []byte) string {
	line = bytes.TrimRight(line, "\r\n")
	members, err := read(line)
	if err != nil {
		return string(line)
	}
	take := func(key string) string {
		for i, m := range members {
			if m.key == key {
				members = append(members[:i:i], members[i+1:]...)
				return plain(m.value)
			}
		}
		return ""
	}
	var t strings.Builder
	stamp := take("timestamp")
	if at, err := time.Parse(time.RFC3339Nano, stamp); err == nil {
		stamp = at.Local().Format("15:04:05.000")
	}
	level, message := take("level"), take("message")
	if stamp == "" && level == "" {
		return string(line) // JSON of another kind
	}
	t.WriteString(stamp + " " + level + strings.Repeat(" ", max(0, len("ERROR ")-len(level))))
	function, operation := take("function"), take("operation")
	if operation != "" && operation != "none" && !strings.HasSuffix(function, operation) {
		function = strings.TrimSpace(function + " " + operation)
	}
	if function != "" {
		t.WriteString(function + " ")
	}
	metrics := take("_aws") != ""
	if metrics && message == "request" {
		if status := take("status"); status != "" {
			t.WriteString(status + " ")
		}
	} else {
		t.WriteString(message + " ")
	}
	if metrics {
		t.WriteString(take("code") + " " + take("latency") + " ms")
		take("outcomes")
		counts(&t, take)
		t.WriteString(" ")
	}
	request, correlation, stack := take("request"), take("correlation"), take("stack")
	take("trace")
	take("requestId")
	for _, m := range members {
		pair(&t, m.key, plain(m.value))
	}
	if correlation != request {
		pair(&t, "correlation", correlation)
	}
	pair(&t, "request", request)
	text := strings.TrimRight(t.String(), " ")
	for frame := range strings.Lines(stack) {
		text += "\n    " + strings.TrimRight(frame, "\n")
	}
	return text
}

// counts writes what an invocation counted in words.
func counts(t *strings.Builder, take func(string) string) {
	for _, c := range []struct{ key, before, after string }{
		{"readUnits", "", " read units"}, {"writeUnits", "", " write units"}, {"conflicts", "", " conflicts"}, {"retries", "",
			" retries"},
		{"messages", "", " messages"}, {"failures", "", " failed"}, {"queueAge", "in the queue for ", " ms"},
	} {
		if value := take(c.key); value != "" {
			t.WriteString(", " + c.before + value + c.after)
		}
	}
	if take("coldStarts") != "" {
		t.WriteString(", cold")
	}
}

func pair(t *strings.Builder, key, value string) {
	if value == "" {
		return
	}
	if strings.ContainsAny(value, " \"\n\t") && value[0] != '{' && value[0] != '[' {
		value = strconv.Quote(value)
	}
	t.WriteString(" " + key + "=" + value)
}

// plain is a value without the quotes of a text.
func plain(value json.RawMessage) string {
	if value[0] != '"' {
		return string(value)
	}
	if inner := value[1 : len(value)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

// read gives the members of a JSON object in their order. Since it reads every line of `make run`, it does not decode
// the values.
func read(line []byte) ([]member, error) {
	if len(line) == 0 || line[0] != '{' || !json.Valid(line) {
		return nil, errors.New("no JSON object")
	}
	const usual = 24
	members := make([]member, 0, usual)
	rest := space(line[1:])
	for len(rest) > 0 && rest[0] != '}' {
		key := rest[:extent(rest)]
		rest = space(space(rest[len(key):])[1:]) // the colon
		value := rest[:extent(rest)]
		members = append(members, member{plain(key), value})
		if rest = space(rest[len(value):]); rest[0] == ',' {
			rest = space(rest[1:])
		}
	}
	return members, nil
}

func space(text []byte) []byte { return bytes.TrimLeft(text, " \t\r\n") }

// extent is the length in bytes of the first value in valid JSON.
func extent(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // of a number or a word, after which its object ends
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(text)
}

// Correlation is the correlation id of a line; empty when it has none.
func Correlation(line []byte) string {
	var ids struct {
		Correlation string `json:"correlation"`
	}
	if json.Unmarshal(line, &ids) != nil {
		return ""
	}
	return ids.Correlation
}
