package audit

import (
	"context"
	"fmt"

	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/consumer/cloudevents"
	"example.com/registrar/shared/registrar"
)

// RecordStore is what [Recorder] needs of the store.
type RecordStore interface {
	// KeepRefused writes refused attempts. Writing one again changes nothing.
	KeepRefused(ctx context.Context, events []registrar.Event) error
}

// Recorder writes the refused attempts from a queue's messages, a batch at once.
func Recorder(settings consumer.Settings, store RecordStore) consumer.Handler {
	read := func(m consumer.Message) (registrar.Event, error) {
		e, err := cloudevents.Unmarshal(m.Body)
		if err == nil && e.Type != registrar.RegistrationRefused {
			err = fmt.Errorf("event %s of type %s was not refused: it is in the audit already", e.ID, e.Type)
		}
		return e, err
	}
	return consumer.Together(settings, consumer.Work[registrar.Event]{Name: "audit-record", Read: read,
		Cause: consumer.Cause}, store.KeepRefused)
}
