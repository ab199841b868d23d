package imports

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"example.com/registrar/shared/registrar"
)

// announcement is the part of an S3 event notification that the worker reads (S3 user guide, "Event message
// structure").
type announcement struct {
	Event   string             `json:"Event,omitempty"` // "s3:TestEvent", once, when the notification is set up
	Records []announcedArrival `json:"Records"`
}

type announcedArrival struct {
	S3 struct {
		Object struct {
			Key string `json:"key"` // encoded as in an address
		} `json:"object"`
	} `json:"s3"`
}

// announce writes the same notification as S3: the import's file has arrived.
func announce(id registrar.ImportID) ([]byte, error) {
	var arrival announcedArrival
	arrival.S3.Object.Key = url.QueryEscape(ObjectKey(id))
	body, err := json.Marshal(announcement{Records: []announcedArrival{arrival}})
	if err != nil {
		return nil, fmt.Errorf("announce an upload: %w", err)
	}
	return body, nil
}

// announced reads which imports' files have arrived; none when S3 only tests the queue.
func announced(message []byte) ([]registrar.ImportID, error) {
	var note announcement
	if err := json.Unmarshal(message, &note); err != nil {
		return nil, fmt.Errorf("no announcement: %w", err)
	}
	if note.Event == "s3:TestEvent" {
		return nil, nil
	}
	if len(note.Records) == 0 {
		return nil, errors.New("an announcement that announces nothing")
	}
	ids := make([]registrar.ImportID, len(note.Records))
	for i, record := range note.Records {
		key, err := url.QueryUnescape(record.S3.Object.Key)
		if err != nil {
			return nil, fmt.Errorf("an announcement of a key that cannot be read: %w", err)
		}
		id, ok := strings.CutPrefix(key, objectPrefix)
		if !ok {
			return nil, errors.New("an announcement of an object that is no import's file")
		}
		ids[i] = registrar.ImportID(id)
	}
	return ids, nil
}
