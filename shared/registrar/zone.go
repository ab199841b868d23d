package registrar

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// zones is the IANA time zone database, which is in the public domain, as Go's distribution has it in
// lib/time/zoneinfo.zip: a copy of that is in testdata, and infra/zones packs it. It holds what the package time/tzdata
// has; but [time.LoadLocation] asks that one last, after ZONEINFO and the system's own files, so that a zone's rules,
// and whether there is such a zone, would depend on where a function runs.
//
// Each name stands once with the place of its data, and data that several names have stands once too. In a function's
// package that is half of what the archive is.
//
//go:embed zones.bin
var zones string

// The form of [zones], whose numbers are big-endian: the length of the index, the index, the data. The index has for
// each name one byte with its length, the name, and the data's offset and length.
const (
	indexLengthBytes = 4
	offsetBytes      = 4
	lengthBytes      = 2
)

// errNoZone tells of a name that is no zone of the database.
var errNoZone = errors.New("there is no such time zone")

// Zone is the time zone of an IANA name, such as "America/New_York", by the database in the binary alone: the same on
// every machine, and in an image that has no zones. It is an error for every other name, "" and "Local" among them. It
// takes some microseconds.
func Zone(name string) (*time.Location, error) {
	end := indexLengthBytes + number(zones[:indexLengthBytes])
	index, all := zones[indexLengthBytes:end], zones[end:]
	for index != "" {
		entry := index[1 : 1+index[0]]
		place := index[1+len(entry):]
		index = place[offsetBytes+lengthBytes:]
		if entry != name {
			continue
		}
		offset := number(place[:offsetBytes])
		length := number(place[offsetBytes : offsetBytes+lengthBytes])
		zone, err := time.LoadLocationFromTZData(name, []byte(all[offset:offset+length]))
		if err != nil {
			return nil, fmt.Errorf("read the time zone: %w", err)
		}
		return zone, nil
	}
	return nil, errNoZone
}

// number is a big-endian number of up to four bytes.
func number(bytes string) int {
	var padded [4]byte
	copy(padded[len(padded)-len(bytes):], bytes)
	return int(binary.BigEndian.Uint32(padded[:]))
}
