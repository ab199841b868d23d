// Command zones packs the time zone database for shared/registrar, which says how: it reads the archive of Go's
// distribution (lib/time/zoneinfo.zip) in shared/registrar/testdata and writes shared/registrar/zones.bin. Who takes a
// newer database copies the archive of a newer Go there, and runs this from the root.
package main

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
)

func main() {
	const archive, packed = "shared/registrar/testdata/zoneinfo.zip", "shared/registrar/zones.bin"
	text, err := pack(archive)
	if err == nil {
		err = os.WriteFile(packed, text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "zones:", err)
		os.Exit(1)
	}
}

func pack(name string) (packed []byte, err error) {
	archive, err := zip.OpenReader(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	entries := slices.DeleteFunc(slices.Clone(archive.File), func(f *zip.File) bool {
		return strings.HasSuffix(f.Name, "/")
	})
	slices.SortFunc(entries, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	var index, data []byte
	places := map[string]int{}
	for _, entry := range entries {
		file, err := entry.Open()
		if err != nil {
			return nil, err
		}
		zone, err := io.ReadAll(file)
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, err
		}
		if len(entry.Name) > math.MaxUint8 || len(zone) > math.MaxUint16 {
			return nil, fmt.Errorf("%s: too long a name, or too much data", entry.Name)
		}
		offset, known := places[string(zone)]
		if !known {
			offset = len(data)
			places[string(zone)], data = offset, append(data, zone...)
		}
		index = append(append(index, byte(len(entry.Name))), entry.Name...)
		index = binary.BigEndian.AppendUint32(index, uint32(offset)) //nolint:gosec // a few hundred KB
		index = binary.BigEndian.AppendUint16(index, uint16(len(zone)))
	}
	packed = binary.BigEndian.AppendUint32(nil, uint32(len(index))) //nolint:gosec // a few KB
	return slices.Concat(packed, index, data), nil
}
