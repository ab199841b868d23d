package telemetry_test

import (
	"bytes"
	"context"
	"log/slog"
	"regexp"
	"testing"
	"time"

	"example.com/registrar/shared/telemetry"
	"example.com/registrar/shared/telemetry/request"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"
)

// withID adds the invocation's id, as the handler of aws-lambda-go does.
type withID struct{ slog.Handler }

func (h withID) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(slog.String("requestId", "8476a536"))
	return h.Handler.Handle(ctx, r)
}

// The line of an invocation is, byte by byte but for its times, what a JSON log of Lambda writes.
func TestLines_AreThoseOfTheLog(t *testing.T) {
	times := regexp.MustCompile(`"(timestamp|latency|Timestamp)":("[^"]*"|[0-9.]+)`)
	for name, about := range map[string]struct {
		info request.Info
		with any // a key that the context has
		end  telemetry.Outcome
	}{
		"a request": {
			request.Info{ID: "JKJaXmPLvHcESHA=", Correlation: "vera-1", Trace: "Root=1-5759e988-bd862e3fe1be46a994272793"},
			"things-get", telemetry.Outcome{Operation: "things-get", Status: 200},
		},
		"nobody's":              {request.Info{}, "none", telemetry.Outcome{}},
		"a failure":             {request.Info{ID: "r"}, "x", telemetry.Outcome{Code: "INTERNAL", Status: 500, Failed: true}},
		"text to be escaped":    {request.Info{ID: "a\"b\\c\n<é>\x01"}, "tab\t&", telemetry.Outcome{Operation: "ö"}},
		"a value of other kind": {request.Info{ID: "r"}, []string{"a", "b"}, telemetry.Outcome{}},
	} {
		t.Run(name, func(t *testing.T) {
			write := func(lines bool) string {
				var out bytes.Buffer
				options := telemetry.Options{Function: "registrar-things", Log: withID{slog.NewJSONHandler(&out,
					&slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr})}}
				if lines {
					options.Lines = &telemetry.Lines{Out: &out, RequestID: func(context.Context) string { return "8476a536" }}
				}
				ctx, i := telemetry.New(options).Begin(request.With(t.Context(), about.info), telemetry.Request)
				ctx = telemetry.With(ctx, "what", about.with)
				telemetry.Count(ctx, telemetry.ReadUnits, 1.5)
				telemetry.Count(ctx, telemetry.WriteUnits, 15)
				telemetry.Time(ctx, telemetry.QueueAge, 1500*time.Microsecond)
				telemetry.Time(ctx, telemetry.QueueAge, time.Hour)
				telemetry.Conclude(ctx, about.end)
				i.End(ctx)
				return times.ReplaceAllString(out.String(), `"$1":0`)
			}
			if diff := cmp.Diff(write(false), write(true)); diff != "" {
				t.Errorf("the log's (-), the line (+):\n%s", diff)
			}
		})
	}
}
