package deadletters_test

import (
	"context"
	"net/http"
	"testing"

	"example.com/registrar/functions/deadletters"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/api/apitest"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/registrar"
)

// operator has one queue with one dead letter, and keeps what was asked of it.
type operator struct {
	limit               int
	replayed, discarded []string
}

func known(queue string) error {
	if queue != "audit" {
		return registrar.Refuse(registrar.NotFound, queue, "there is no queue of this name")
	}
	return nil
}

func (o *operator) Letters(_ context.Context, queue string, most int) ([]consumer.DeadLetter, int, error) {
	o.limit = most
	return []consumer.DeadLetter{{Message: apitest.ID(1), Reason: "why", Receives: 3, At: apitest.Now(), Group: "g",
		Trace: "Root=1-5759e988-bd862e3fe1be46a994272793", Body: []byte("text")}}, 200, known(queue)
}

func (o *operator) Depths(context.Context) ([]consumer.Depth, error) {
	return []consumer.Depth{{Queue: "audit", Waiting: 1, Delayed: 2, InFlight: 3, Dead: 4}}, nil
}

func (o *operator) Replay(_ context.Context, queue, message string) (string, error) {
	o.replayed = append(o.replayed, queue+"/"+message)
	return "new", known(queue)
}

func (o *operator) Discard(_ context.Context, queue, message string) error {
	o.discarded = append(o.discarded, queue+"/"+message)
	return known(queue)
}

func TestOperations(t *testing.T) {
	o := &operator{}
	letters, one := "/v1/queues/audit/dead-letters", "/v1/queues/audit/dead-letters/"+apitest.ID(1)
	call := func(operation api.Operation, method, path string) apitest.Answer {
		return apitest.Call(t, operation, apitest.Request{Method: method, Path: path})
	}
	apitest.Same(t, "queues", call(deadletters.Queues(o), http.MethodGet, "/v1/queues").Body,
		`{"items":[{"name":"audit","waiting":1,"delayed":2,"inFlight":3,"deadLetters":4}]}`)
	apitest.Same(t, "dead letters", call(deadletters.List(o), http.MethodGet, letters+"?limit=7").Body,
		`{"deadLetters":200,"items":[{"message":"`+apitest.ID(1)+`","reason":"why","receives":3,"at":"2026-11-24T09:00:00Z",`+
			`"correlation":"`+apitest.ID(1)+`","trace":"Root=1-5759e988-bd862e3fe1be46a994272793","group":"g","body":"text",`+
			`"bodyBytes":4}]}`)
	if o.limit != 7 {
		t.Errorf("asked for %d", o.limit)
	}
	if call(deadletters.List(o), http.MethodGet, letters); o.limit != 20 {
		t.Errorf("asked for %d by default", o.limit)
	}
	apitest.Same(t, "a replay", call(deadletters.Replay(o), http.MethodPost, one+"/replay").Body, `{"message":"new"}`)
	if a := call(deadletters.Discard(o), http.MethodDelete, one); a.Status != http.StatusNoContent || a.Body != "" {
		t.Errorf("a letter that is discarded: %d %s", a.Status, a.Body)
	}
	want := "audit/" + apitest.ID(1)
	if len(o.replayed) != 1 || o.replayed[0] != want || len(o.discarded) != 1 || o.discarded[0] != want {
		t.Errorf("replayed %q, discarded %q", o.replayed, o.discarded)
	}
	other := "/v1/queues/other/dead-letters"
	apitest.Refused(t, "list", call(deadletters.List(o), http.MethodGet, other), http.StatusNotFound, "NOT_FOUND")
	apitest.Refused(t, "replay", call(deadletters.Replay(o), http.MethodPost, other+"/"+apitest.ID(1)+"/replay"),
		http.StatusNotFound, "NOT_FOUND")
	apitest.Refused(t, "discard", call(deadletters.Discard(o), http.MethodDelete, other+"/"+apitest.ID(1)),
		http.StatusNotFound, "NOT_FOUND")
	apitest.Refused(t, "no name", call(deadletters.List(o), http.MethodGet, "/v1/queues/Audit/dead-letters"),
		http.StatusUnprocessableEntity, "INVALID")
	if len(o.replayed) != 2 || len(o.discarded) != 2 {
		t.Errorf("replayed %q, discarded %q", o.replayed, o.discarded)
	}
}
