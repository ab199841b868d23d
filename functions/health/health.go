// Package health has the operation that reports whether the system can answer: it reaches the store, as every other
// operation must. It knows shared/api alone. Start with [Get].
package health

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
)

// Store is what [Get] needs of the store.
type Store interface {
	// Reachable is nil when the table can be read.
	Reachable(ctx context.Context) error
}

// Health is the state of the system.
type Health struct {
	Status  string `json:"status" enum:"ok" example:"ok"`
	Version string `json:"version" doc:"Of the API" example:"1.0.0"`
}

type output struct {
	Body Health
}

// Get reports whether the system can answer.
func Get(store Store) api.Operation {
	return api.Define(api.Spec{
		ID: "health-get", Method: http.MethodGet, Path: "/health", Summary: "Check whether the system can answer",
		Tag:         "health",
		Description: "503 or 500 when it cannot reach its records.", Access: api.Public,
	}, func(ctx context.Context, _ *struct{}) (*output, error) {
		if err := store.Reachable(ctx); err != nil {
			return nil, err
		}
		return &output{Body: Health{Status: "ok", Version: api.Version}}, nil
	})
}
