package lambdahost

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"example.com/registrar/shared/telemetry"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

func TestLinesTo_WriteWhereTheLogIsJSON(t *testing.T) {
	var out bytes.Buffer
	if linesTo(&out, func(string) string { return "Text" }) != nil {
		t.Error("a log that is text gets lines of JSON")
	}
	lines := linesTo(&out, func(name string) string {
		return map[string]string{"AWS_LAMBDA_LOG_FORMAT": "JSON"}[name]
	})
	recorder := telemetry.New(telemetry.Options{Function: "things", Log: slog.DiscardHandler, Lines: lines})
	ctx, i := recorder.Begin(lambdacontext.NewContext(context.Background(),
		&lambdacontext.LambdaContext{AwsRequestID: "8476a536"}), telemetry.Task)
	i.End(ctx)
	if out.Len() != 0 {
		t.Errorf("a log that takes no Info got %s", &out)
	}
	recorder = telemetry.New(telemetry.Options{Function: "things", Log: slog.NewJSONHandler(&out, nil), Lines: lines})
	ctx, i = recorder.Begin(ctx, telemetry.Task)
	i.End(ctx)
	if !strings.HasSuffix(out.String(), `,"requestId":"8476a536"}`+"\n") {
		t.Errorf("the line is %s", &out)
	}
}
