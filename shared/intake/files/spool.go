package files

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"slices"
)

// maxScheduleRows bounds the rows of a schedule. 32 bytes of each stay in memory; the largest universities have some
// ten thousand sections in a term.
const maxScheduleRows = 500_000

// spool keeps the rows of a file on disk, in the temporary folder, and returns them section by section, those of one
// course after one another, wherever they were. Memory has a few numbers for each row. A section's rows may be anywhere
// in a file, and all of them must be known before anything of the section is decided.
type spool struct {
	file  *os.File
	out   *bufio.Writer
	size  int64
	seed  maphash.Seed
	index []spooled
	// The part of the file that was read last.
	window []byte
	at     int64
}

// spooled is the position of a row, and its section and course.
type spooled struct {
	section uint64 // hash of the CRN; from sort on the place of the section's first row
	course  uint64 // hash of the course; from sort on the place of the course's first row
	offset  int64
	place   uint32 // among the rows of the file
	flags   uint32
}

const (
	flagAlone   = 1 << iota // it has no CRN: it belongs to no section
	flagDoubted             // it is beside a row that cannot be read, which may belong to the same section
)

// openSpool makes the file. Where the system allows it, its name is removed at once, so that nothing is left when the
// process is killed.
func openSpool() (*spool, error) {
	file, err := os.CreateTemp("", "registrar-import-*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	_ = os.Remove(file.Name()) // where an open file cannot be removed, Close does it
	return &spool{file: file, out: bufio.NewWriterSize(file, sniffed), seed: maphash.MakeSeed()}, nil
}

// Close removes the file.
func (s *spool) Close() error {
	err := s.file.Close()
	if removed := os.Remove(s.file.Name()); removed != nil && !errors.Is(removed, os.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}

// add writes a row of a section and course; of none where they are empty.
func (s *spool) add(section, course string, flags uint32, texts []string) error {
	if len(s.index) == maxScheduleRows {
		return &FileError{"the file has more than 500,000 rows: is it the schedule of one term?"}
	}
	entry := spooled{offset: s.size, place: uint32(len(s.index)), flags: flags}
	if section == "" {
		entry.flags |= flagAlone
	} else {
		entry.section = maphash.String(s.seed, section)
	}
	if course != "" {
		entry.course = maphash.String(s.seed, course)
	}
	s.index = append(s.index, entry)
	buffer := binary.AppendUvarint(s.out.AvailableBuffer(), uint64(len(texts)))
	for _, text := range texts {
		buffer = binary.AppendUvarint(buffer, uint64(len(text)))
		buffer = append(buffer, text...)
	}
	n, err := s.out.Write(buffer)
	s.size += int64(n)
	if err != nil {
		return fmt.Errorf("write the temporary file: %w", err)
	}
	return nil
}

// doubt marks the last row.
func (s *spool) doubt() {
	if n := len(s.index); n > 0 {
		s.index[n-1].flags |= flagDoubted
	}
}

// sort puts the rows into the order in which they are returned.
func (s *spool) sort() error {
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("write the temporary file: %w", err)
	}
	s.out = nil
	// Rows of one section beside one another, each section under the place of its first row.
	slices.SortFunc(s.index, func(a, b spooled) int {
		return order(
			uint64(a.flags&flagAlone),
			uint64(b.flags&flagAlone),
			a.section,
			b.section,
			uint64(a.place),
			uint64(b.place),
		)
	})
	for i := 0; i < len(s.index); {
		first := s.index[i]
		n := s.section(i)
		for j := i; j < i+n; j++ {
			s.index[j].section, s.index[j].course = uint64(first.place), first.course
		}
		i += n
	}
	// Sections of one course beside one another, each course under the place of its first row.
	slices.SortFunc(s.index, func(a, b spooled) int { return order(a.course, b.course, a.section, b.section) })
	for i := 0; i < len(s.index); {
		course, place := s.index[i].course, s.index[i].section
		for ; i < len(s.index) && s.index[i].course == course; i++ {
			if course == 0 {
				place = s.index[i].section
			}
			s.index[i].course = place
		}
	}
	slices.SortFunc(s.index, func(a, b spooled) int {
		return order(a.course, b.course, a.section, b.section, uint64(a.place), uint64(b.place))
	})
	return nil
}

// order compares pairs of numbers, the first of them that differ.
func order(pairs ...uint64) int {
	for i := 0; i < len(pairs); i += 2 {
		switch a, b := pairs[i], pairs[i+1]; {
		case a < b:
			return -1
		case a > b:
			return 1
		}
	}
	return 0
}

// section counts the rows from i on that belong to one section.
func (s *spool) section(i int) int {
	n := 1
	for s.index[i].flags&flagAlone == 0 && i+n < len(s.index) && s.index[i+n].flags&flagAlone == 0 &&
		s.index[i+n].section == s.index[i].section {
		n++
	}
	return n
}

// texts reads the i-th row.
func (s *spool) texts(i int) ([]string, error) {
	offset := s.index[i].offset
	next := func(n int) ([]byte, error) {
		if offset < s.at || offset+int64(n) > s.at+int64(len(s.window)) {
			size := int(min(int64(max(n, 2*sniffed)), s.size-offset))
			if n = min(n, size); cap(s.window) < size || cap(s.window) > size+maxRowBytes {
				s.window = make([]byte, size)
			}
			s.window, s.at = s.window[:size], offset
			if _, err := s.file.ReadAt(s.window, offset); err != nil && !errors.Is(err, io.EOF) {
				s.window = s.window[:0]
				return nil, fmt.Errorf("read the temporary file: %w", err)
			}
		}
		from := int(offset - s.at)
		return s.window[from:min(from+n, len(s.window))], nil
	}
	number := func() (int, error) {
		bytes, err := next(binary.MaxVarintLen32)
		if err != nil {
			return 0, err
		}
		value, n := binary.Uvarint(bytes)
		if n <= 0 || value > 4*maxRowBytes {
			return 0, errors.New("read the temporary file: it is not as it was written")
		}
		offset += int64(n)
		return int(value), nil
	}
	count, err := number()
	if err != nil {
		return nil, err
	}
	texts := make([]string, count)
	for t := range texts {
		length, err := number()
		if err != nil {
			return nil, err
		}
		bytes, err := next(length)
		if err != nil {
			return nil, err
		}
		texts[t] = string(bytes)
		offset += int64(length)
	}
	return texts, nil
}
