//go:build !otel

package lambdahost

import (
	"context"

	"example.com/registrar/shared/telemetry"
)

// newTracer makes no tracer. `make build TAGS=otel` builds functions with a tracer: see tracer_otel.go.
func newTracer(context.Context) (telemetry.Tracer, error) { return nil, nil }
