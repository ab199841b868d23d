package imports

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"example.com/registrar/shared/registrar"
)

// announcement is what the worker reads of an S3 event notification (S3 user guide, "Event message structure").
type announcement struct {
	Event   string `json:"Event"` // "s3:TestEvent", once, when the notification is set up
	Records []struct {
		S3 struct {
			Object struct {
				Key string `json:"key"` // encoded as in an address
			} `json:"object"`
		} `json:"s3"`
	} `json:"Records"`
}

// ApplyAnnounced applies the imports whose files' arrival the message announces.
func (a Applier) ApplyAnnounced(ctx context.Context, message []byte) error {
	var note announcement
	if err := json.Unmarshal(message, &note); err != nil {
		return fmt.Errorf("read an announcement: %w", err)
	}
	if note.Event == "s3:TestEvent" {
		return nil
	}
	if len(note.Records) == 0 {
		return errors.New("read an announcement: it announces nothing")
	}
	for _, record := range note.Records {
		key, err := url.QueryUnescape(record.S3.Object.Key)
		if err != nil {
			return fmt.Errorf("read an announcement: the key: %w", err)
		}
		id, ok := strings.CutPrefix(key, objectPrefix)
		if !ok {
			return fmt.Errorf("read an announcement: %q is no import's file", key)
		}
		if err := a.Apply(ctx, registrar.ImportID(id)); err != nil {
			return err
		}
	}
	return nil
}
