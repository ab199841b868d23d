package journal

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// counter is an engine: PUT changes it, everything else tells how often; DELETE would change it, and is refused.
type counter struct{ n atomic.Int64 }

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPut:
		c.n.Add(1)
	case http.MethodDelete:
		w.WriteHeader(http.StatusConflict)
	}
	fmt.Fprint(w, c.n.Load())
}

func openCounter(t testing.TB, noSync bool) *Journal {
	t.Helper()
	j, err := Open(t.Context(), &counter{}, Options{Path: filepath.Join(t.TempDir(), "file"), Changes: S3Changes,
		Clock: &Clock{}, NoSync: noSync})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() }) // a test may have closed it
	return j
}

func ask(j *Journal, method string) string {
	w := httptest.NewRecorder()
	j.ServeHTTP(w, httptest.NewRequest(method, "/", http.NoBody))
	text, _ := io.ReadAll(w.Body) // of a recorder
	return fmt.Sprint(w.Code, " ", string(text))
}

// Nobody is told of a change, by a read or by why he is refused, before it is on disk.
func TestNobodySeesWhatIsNotOnDisk(t *testing.T) {
	for method, want := range map[string]string{http.MethodGet: "200 1", http.MethodDelete: "409 1"} {
		j := openCounter(t, false)
		j.book.file.syncing.Lock() // as long as the disk takes
		changed := make(chan string, 1)
		go func() { changed <- ask(j, http.MethodPut) }()
		for j.engine.(*counter).n.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		told := make(chan string, 1)
		go func() { told <- ask(j, method) }()
		select {
		case got := <-told:
			t.Errorf("%s told of a change that is not on disk: %s", method, got)
			told <- got
		case <-time.After(50 * time.Millisecond):
		}
		j.book.file.syncing.Unlock()
		if got := <-changed; got != "200 1" {
			t.Errorf("the change: %s", got)
		}
		select {
		case got := <-told:
			if got != want {
				t.Errorf("%s: %s, want %s", method, got, want)
			}
		case <-time.After(time.Minute):
			t.Errorf("%s was never answered", method)
		}
	}
}

// BenchmarkRead is what a read costs while nobody writes, and what each of eighteen at once costs while eight write all
// the time.
func BenchmarkRead(b *testing.B) {
	for _, writers := range []int{0, 8} {
		for _, noSync := range []bool{false, true} {
			b.Run(fmt.Sprintf("writers=%d/noSync=%t", writers, noSync), func(b *testing.B) {
				j := openCounter(b, noSync)
				ask(j, http.MethodPut)
				ended := make(chan struct{})
				for range writers {
					go func() {
						for {
							select {
							case <-ended:
								return
							default:
								ask(j, http.MethodPut)
							}
						}
					}()
				}
				b.SetParallelism(writers + 1)
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						ask(j, http.MethodGet)
					}
				})
				b.StopTimer()
				close(ended)
			})
		}
	}
}
