package journal

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// Whoever waits for an entry that could not be written is told, also when all that stands before it comes to the disk.
func TestFile_SyncAfterAFailure(t *testing.T) {
	full := errors.New("no space left on device")
	for _, brought := range []string{"by itself", "by another"} {
		f, err := openFile(filepath.Join(t.TempDir(), "file"), false, unread{})
		if err != nil {
			t.Fatal(err)
		}
		place, err := f.append([]byte("the one before"))
		if err != nil {
			t.Fatal(err)
		}
		_ = f.fail(full) // as append does
		told := make(chan error, 1)
		if brought == "by another" {
			f.syncing.Lock()
		}
		go func() { told <- f.sync(f.end()) }()
		if brought == "by another" {
			time.Sleep(50 * time.Millisecond) // until it waits
			f.durable.Store(place)
			f.syncing.Unlock()
		}
		if err := <-told; !errors.Is(err, full) {
			t.Errorf("what stands before was brought to the disk %s: %v", brought, err)
		}
		if err := f.sync(f.end()); !errors.Is(err, full) {
			t.Errorf("and once more: %v", err)
		}
		if err := f.close(); err != nil {
			t.Error(err)
		}
	}
}
