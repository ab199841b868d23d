package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// file is a list of entries that only grows. It is safe for concurrent use.
type file struct {
	noSync bool

	writing sync.Mutex
	disk    *os.File
	size    int64

	copied int64 // of another file, up to which place

	syncing sync.Mutex // held while the file is written to disk
	durable atomic.Int64
	failed  atomic.Pointer[error]
}

// headerBytes stand before each entry: its length and its checksum.
const headerBytes = 8

const private = 0o600 // to whoever runs the local cloud

// reading is told of the entries of a file.
type reading interface {
	entry(text []byte) error
	// end says why the file cannot be whole, after its last whole entry; nil if it can.
	end() error
}

// unread reads a file that should be empty.
type unread struct{}

func (unread) entry([]byte) error { return nil }
func (unread) end() error         { return nil }

// openFile reads the entries in order and is ready for more. What was cut off at the end is taken away.
func openFile(path string, noSync bool, each reading) (*file, error) {
	disk, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, private)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	f := &file{disk: disk, noSync: noSync}
	if err := errors.Join(f.read(each), f.syncFolder(path)); err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), disk.Close())
	}
	return f, nil
}

// syncFolder makes the file's name as durable as what is in it.
func (f *file) syncFolder(path string) error {
	if f.noSync {
		return nil
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func (f *file) read(each reading) error {
	about, err := f.disk.Stat()
	if err != nil {
		return err
	}
	reader := bufio.NewReader(f.disk)
	for {
		text, err := next(reader, about.Size()-f.size)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := each.entry(text); err != nil {
			return fmt.Errorf("at %d: %w", f.size, err)
		}
		f.size += headerBytes + int64(len(text))
	}
	if err := each.end(); err != nil {
		return fmt.Errorf("at %d: %w", f.size, err)
	}
	if err := f.disk.Truncate(f.size); err != nil {
		return err
	}
	_, err = f.disk.Seek(f.size, io.SeekStart)
	f.durable.Store(f.size)
	return err
}

// next reads an entry; io.EOF at the end, and at an entry that is not whole.
func next(reader io.Reader, left int64) ([]byte, error) {
	var header [headerBytes]byte
	if _, err := io.ReadFull(reader, header[:]); err != nil {
		return nil, io.EOF
	}
	length := int64(binary.BigEndian.Uint32(header[:4]))
	if length > left-headerBytes {
		return nil, io.EOF
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(reader, text); err != nil || crc32.ChecksumIEEE(text) != binary.BigEndian.Uint32(header[4:]) {
		return nil, io.EOF
	}
	return text, nil
}

// broken is the error after which nothing is written any more.
func (f *file) broken() error {
	if failed := f.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

func (f *file) fail(err error) error {
	f.failed.CompareAndSwap(nil, &err)
	return err
}

// append writes an entry after all others. It gives the place up to which the file must be on disk to hold it.
func (f *file) append(text []byte) (int64, error) {
	entry := make([]byte, headerBytes, headerBytes+len(text))
	binary.BigEndian.PutUint32(entry[:4], uint32(len(text))) // a request, or what one changed
	binary.BigEndian.PutUint32(entry[4:], crc32.ChecksumIEEE(text))
	f.writing.Lock()
	defer f.writing.Unlock()
	if err := f.broken(); err != nil {
		return 0, err
	}
	if _, err := f.disk.Write(append(entry, text...)); err != nil {
		return 0, f.fail(err)
	}
	f.size += headerBytes + int64(len(text))
	return f.size, nil
}

// copy copies another file's entries from where copying ended last to a place between two of them.
func (f *file) copy(from *file, to int64) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	n, err := io.Copy(f.disk, io.NewSectionReader(from.disk, f.copied, to-f.copied))
	f.copied += n
	f.size += n
	if err == nil && f.copied != to {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// end is the place after the last entry.
func (f *file) end() int64 {
	f.writing.Lock()
	defer f.writing.Unlock()
	return f.size
}

// sync waits until the file is on disk up to the place, and fails once something could not be written. One caller
// writes for all that wait.
func (f *file) sync(place int64) error {
	if f.noSync || place <= f.durable.Load() {
		return f.broken()
	}
	f.syncing.Lock()
	defer f.syncing.Unlock()
	if place <= f.durable.Load() {
		return f.broken()
	}
	size := f.end()
	if err := f.disk.Sync(); err != nil {
		return f.fail(err)
	}
	f.durable.Store(size)
	// an entry that could not be written has no place of its own: who waits for it waits for the one before
	return f.broken()
}

func (f *file) close() error { return f.disk.Close() }
