package registrar

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// zones is the IANA time zone database, which is in the public domain. It is the copy in Go's distribution,
// lib/time/zoneinfo.zip, which is also in testdata; infra/zones packs it. The package time/tzdata has the same data,
// but [time.LoadLocation] reads ZONEINFO and the system's own files first. Then a zone's rules, and whether there is
// such a zone, would depend on where a function runs.
//
// Each name is stored once with the position of its data. Data that several names share is stored once, too. In a
// function's package that is half of the archive's size.
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

// errNoZone is the error for a name that is not in the database.
var errNoZone = errors.New("there is no such time zone")

// Zone is the time zone of an IANA name, such as "America/New_York". It uses only the database in the binary: the
// result is the same on every machine, and in an image that has no zones. Every other name is an error, "" and "Local"
// too. It takes some microseconds.
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
