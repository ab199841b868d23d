package logs_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"example.com/registrar/infra/local/logs"
	"example.com/registrar/shared/telemetry"
	"example.com/registrar/shared/telemetry/request"
)

func TestText(t *testing.T) {
	const at = `"timestamp":"2026-11-24T13:00:00.123456Z"`
	clock := time.Date(2026, 11, 24, 13, 0, 0, 123456000, time.UTC).Local().Format("15:04:05.000")
	for _, c := range []struct{ line, want string }{
		{
			`{` + at + `,"level":"INFO","message":"request","function":"registrations-create",` +
				`"operation":"registrations-create","code":"SECTION_FULL",` +
				`"status":409,"latency":12.3,"conflicts":2,"readUnits":5,"coldStarts":1,"outcomes":1,"_aws":{"Timestamp":1},` +
				`"request":"JKJa=","correlation":"vera-1",` +
				`"trace":"1-5759e988-bd862e3fe1be46a994272793","requestId":"0194"}`,
			clock + ` INFO  registrations-create 409 SECTION_FULL 12.3 ms, 5 read units, 2 conflicts, cold correlation=vera-1 ` +
				`request=JKJa=`,
		},
		{
			`{` + at + `,"level":"INFO","message":"batch","function":"imports-apply","operation":"none","code":"OK",` +
				`"latency":1,"messages":2,"failures":1,` +
				`"queueAge":[1.5,2],"outcomes":1,"_aws":{}}`,
			clock + ` INFO  imports-apply batch OK 1 ms, 2 messages, 1 failed, in the queue for [1.5,2] ms`,
		},
		{
			`{` + at + `,"level":"ERROR","message":"panic","function":"docs","operation":"docs-page","panic":"it \"broke\"",` +
				`"stack":"a\n\tb\n","request":"1","correlation":"1"}`,
			clock + " ERROR docs docs-page panic  panic=\"it \\\"broke\\\"\" request=1\n    a\n    \tb",
		},
		{`{` + at + `,"level":"WARN","message":"m","group":{"a":1}}`, clock + ` WARN  m  group={"a":1}`},
		{`panic: out of chalk`, `panic: out of chalk`},
		{`{"half":`, `{"half":`},
		{`{"answer":1}`, `{"answer":1}`},
		{``, ``},
	} {
		got := strings.ReplaceAll(logs.Text([]byte(c.line+"\n")), "  ", " ")
		if want := strings.ReplaceAll(c.want, "  ", " "); got != want {
			t.Errorf("%s\n got %q\nwant %q", c.line, got, want)
		}
	}
}

// What the kit writes is read.
func TestReadable_ShowsAnInvocation(t *testing.T) {
	var text, raw bytes.Buffer
	log := logs.New(logs.Both(logs.Readable(&text), &raw))
	recorder := telemetry.New(telemetry.Options{Function: "things-get", Log: log.Handler()})
	ctx, invocation := recorder.Begin(request.With(t.Context(), request.Info{ID: "r-1", Correlation: "c-1"}),
		telemetry.Request)
	recorder.Log().WarnContext(ctx, "look out", "section", "s 1")
	telemetry.Debug(ctx, "detail", slog.Int("attempt", 2))
	telemetry.Conclude(ctx, telemetry.Outcome{Operation: "things-get", Code: "BUSY", Status: 503, Failed: true})
	invocation.End(ctx)
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	for i, want := range []string{`WARN  things-get look out  section="s 1" correlation=c-1`,
		"DEBUG things-get detail  attempt=2", "INFO  things-get 503 BUSY "} {
		if len(lines) != 3 || !strings.Contains(lines[i], want) || !strings.HasSuffix(lines[i], " request=r-1") {
			t.Fatalf("no %q in\n%s", want, text.String())
		}
	}
	for line := range bytes.Lines(raw.Bytes()) {
		if logs.Correlation(line) != "c-1" {
			t.Errorf("of whom is %s", line)
		}
	}
	if logs.Correlation([]byte("no JSON")) != "" {
		t.Error("a line that is no JSON has a correlation id")
	}
}

// Members are found in any JSON that a function may write.
func TestTextOfAnyJSON(t *testing.T) {
	for line, want := range map[string]string{
		`{}`: `{}`,
		`{"level":"INFO" , "message":"a \"b\" \\" ,"n": 12 ,"m":{"x":[1,"}",{"y":"]"}]},"l":[],"t":true,"z":null}`: "" +
			` INFO  a "b" \  n=12 m={"x":[1,"}",{"y":"]"}]} l=[] t=true z=null`,
		"{\n\t\"level\": \"WARN\",\n\t\"message\": \"caf\\u00e9\",\r\n\t\"é\": \"ü ü\"\n}": ` WARN  café  é="ü ü"`,
		`{"level":"INFO","message":"cut`:            `{"level":"INFO","message":"cut`,
		`{"level":"INFO","message":"two"} {}`:       `{"level":"INFO","message":"two"} {}`,
		"{\"level\":\"INFO\",\"message\":\"\xff\"}": " INFO  \ufffd",
	} {
		if got := logs.Text([]byte(line)); got != want {
			t.Errorf("%q is shown as %q, want %q", line, got, want)
		}
	}
}
