package registrar

import (
	"archive/zip"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// zoneinfo is lib/time/zoneinfo.zip of Go's distribution: the IANA time zone database, which is in the public domain.
// It is what the package time/tzdata has; but [time.LoadLocation] asks that one last, after ZONEINFO and the system's
// own files, so that a zone's rules, and whether there is such a zone, would depend on where a function runs.
//
//go:embed zoneinfo.zip
var zoneinfo string

// errNoZone tells of a name that is no zone of the database.
var errNoZone = errors.New("there is no such time zone")

// Zone is the time zone of an IANA name, such as "America/New_York", by the database in the binary alone: the same on
// every machine, and in an image that has no zones. It is an error for every other name, "" and "Local" among them. It
// takes a fraction of a millisecond.
func Zone(name string) (*time.Location, error) {
	archive, err := zip.NewReader(strings.NewReader(zoneinfo), int64(len(zoneinfo)))
	if err != nil {
		return nil, fmt.Errorf("read the time zones: %w", err)
	}
	for _, entry := range archive.File {
		if entry.Name != name {
			continue
		}
		file, err := entry.Open()
		if err != nil {
			return nil, fmt.Errorf("read the time zone: %w", err)
		}
		defer file.Close()
		data, err := io.ReadAll(file)
		if err != nil {
			return nil, fmt.Errorf("read the time zone: %w", err)
		}
		return time.LoadLocationFromTZData(name, data)
	}
	return nil, errNoZone
}
