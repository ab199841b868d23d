package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/journal"
	local "example.com/registrar/infra/local/s3"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
)

// shelf is a bucket that is reached without a socket.
type shelf struct {
	*testing.T
	*s3.Client
}

const bucketName = "shelf"

func shelfOf(t *testing.T, handler http.Handler) shelf {
	t.Helper()
	return shelf{t, s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://s3.local"), UsePathStyle: true,
		HTTPClient:                 inprocess.Client(handler),
		Credentials:                credentials.NewStaticCredentialsProvider("local", "local", ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})}
}

func newStore(t *testing.T) (*local.Store, shelf) {
	t.Helper()
	store := local.New(local.Options{Folder: t.TempDir()})
	if err := store.CreateBucket(bucketName); err != nil {
		t.Fatal(err)
	}
	return store, shelfOf(t, store)
}

func (s shelf) put(key string, body []byte) {
	s.Helper()
	if _, err := s.PutObject(s.Context(), &s3.PutObjectInput{Bucket: aws.String(bucketName), Key: aws.String(key),
		Body: bytes.NewReader(body), Metadata: map[string]string{"of": key}}); err != nil {
		s.Fatal(err)
	}
}

// get gives what an object holds, or the part of it that a range names, and its metadata.
func (s shelf) get(key, part string) (string, map[string]string) {
	s.Helper()
	in := &s3.GetObjectInput{Bucket: aws.String(bucketName), Key: aws.String(key)}
	if part != "" {
		in.Range = aws.String(part)
	}
	out, err := s.GetObject(s.Context(), in)
	if err != nil {
		s.Fatal(err)
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	if err != nil {
		s.Fatal(err)
	}
	return string(text), out.Metadata
}

// many are so many bytes, which differ.
func many(n int, seed byte) []byte {
	all := make([]byte, n)
	for i := range all {
		all[i] = byte(i>>8) ^ byte(i) ^ seed
	}
	return all
}

// Objects of all sizes are what was put, whole and in part; large ones leave nothing behind in their folder.
func TestObjects(t *testing.T) {
	folder := t.TempDir()
	store := local.New(local.Options{Folder: folder})
	if err := store.CreateBucket(bucketName); err != nil {
		t.Fatal(err)
	}
	s := shelfOf(t, store)
	for _, size := range []int{0, 1, 256 << 10, 256<<10 + 1, 3 << 20} {
		body := many(size, 1)
		key := fmt.Sprint("size/", size)
		s.put(key, body)
		text, meta := s.get(key, "")
		if text != string(body) || meta["of"] != key {
			t.Errorf("%s: %d bytes, %v", key, len(text), meta)
		}
		if size == 0 {
			continue
		}
		if text, _ := s.get(key, fmt.Sprintf("bytes=%d-%d", size/2, size-1)); text != string(body[size/2:]) {
			t.Errorf("the second half of %s has %d bytes", key, len(text))
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%v are left in the folder: %v", left, err)
	}
	if _, err := s.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucketName),
		Key: aws.String("size/1")}); err != nil {
		t.Fatal(err)
	}
	var missing *types.NoSuchKey
	if _, err := s.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucketName),
		Key: aws.String("size/1")}); !errors.As(err, &missing) {
		t.Errorf("a deleted object is answered %v", err)
	}
	if _, err := s.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: aws.String(bucketName), Key: aws.String("copy"),
		CopySource: aws.String(bucketName + "/size/3145728")}); err != nil {
		t.Fatal(err)
	}
	if text, _ := s.get("copy", ""); text != string(many(3<<20, 1)) {
		t.Errorf("a copy has %d bytes", len(text))
	}
	if _, err := s.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucketName), Key: aws.String("copy"),
		Body: strings.NewReader("other"), IfNoneMatch: aws.String("*")}); err == nil {
		t.Error("an object was replaced under If-None-Match: *")
	}
}

// A body that is shorter or longer than its length, or not what its MD5 says, is refused, also one that goes to the
// disk.
func TestObjects_BrokenBodies(t *testing.T) {
	store, s := newStore(t)
	for _, size := range []int{100, 1 << 20} {
		r := httptest.NewRequest(http.MethodPut, "/"+bucketName+"/broken", bytes.NewReader(many(size, 2)))
		r.Header.Set("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==") // of an empty body
		w := httptest.NewRecorder()
		store.ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest {
			t.Errorf("%d bytes with the MD5 of none: %d %s", size, w.Code, w.Body)
		}
		r = httptest.NewRequest(http.MethodPut, "/"+bucketName+"/broken", bytes.NewReader(many(size, 2)))
		r.Header.Set("Content-Length", fmt.Sprint(size+1))
		r.ContentLength = int64(size + 1)
		w = httptest.NewRecorder()
		store.ServeHTTP(w, r)
		if w.Code == http.StatusOK {
			t.Errorf("%d bytes that should be one more are taken", size)
		}
	}
	list, err := s.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucketName)})
	if err != nil || len(list.Contents) > 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// Lists come in pages, with prefixes and folders, each key and folder once.
func TestObjects_Lists(t *testing.T) {
	_, s := newStore(t)
	for _, key := range []string{"a/1", "a/2", "a/b/3", "a/b/4", "a/c/5", "a/d", "b/6", "é/7"} {
		s.put(key, []byte(key))
	}
	for _, c := range []struct {
		prefix, delimiter string
		want              []string
	}{
		{"", "", []string{"a/1", "a/2", "a/b/3", "a/b/4", "a/c/5", "a/d", "b/6", "é/7"}},
		{"a/", "", []string{"a/1", "a/2", "a/b/3", "a/b/4", "a/c/5", "a/d"}},
		{"a/", "/", []string{"a/1", "a/2", "a/b/", "a/c/", "a/d"}},
		{"", "/", []string{"a/", "b/", "é/"}},
		{"none", "/", nil},
	} {
		for _, size := range []int32{1, 2, 100} {
			in := &s3.ListObjectsV2Input{Bucket: aws.String(bucketName), MaxKeys: aws.Int32(size)}
			if c.prefix != "" {
				in.Prefix = aws.String(c.prefix)
			}
			if c.delimiter != "" {
				in.Delimiter = aws.String(c.delimiter)
			}
			seen := map[string]int{}
			for pages := s3.NewListObjectsV2Paginator(s, in); pages.HasMorePages(); {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if n := len(page.Contents) + len(page.CommonPrefixes); n > int(size) {
					t.Errorf("a page of %d has %d", size, n)
				}
				for _, o := range page.Contents {
					seen[aws.ToString(o.Key)]++
				}
				for _, p := range page.CommonPrefixes {
					seen[aws.ToString(p.Prefix)]++
				}
			}
			want := map[string]int{}
			for _, key := range c.want {
				want[key] = 1
			}
			if diff := cmp.Diff(want, seen); diff != "" {
				t.Errorf("prefix %q, delimiter %q, pages of %d (-want +got):\n%s", c.prefix, c.delimiter, size, diff)
			}
		}
	}
}

// begin begins an object in parts and sends its first.
func (s shelf) begin(key string, first []byte) (id string, part types.CompletedPart) {
	s.Helper()
	made, err := s.CreateMultipartUpload(s.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String(bucketName),
		Key: aws.String(key)})
	if err != nil {
		s.Fatal(err)
	}
	return aws.ToString(made.UploadId), s.send(key, aws.ToString(made.UploadId), 1, first)
}

func (s shelf) send(key, id string, number int32, body []byte) types.CompletedPart {
	s.Helper()
	out, err := s.UploadPart(s.Context(), &s3.UploadPartInput{Bucket: aws.String(bucketName), Key: aws.String(key),
		UploadId: aws.String(id), PartNumber: aws.Int32(number), Body: bytes.NewReader(body)})
	if err != nil {
		s.Fatal(err)
	}
	return types.CompletedPart{PartNumber: aws.Int32(number), ETag: out.ETag}
}

func (s shelf) complete(key, id string, parts ...types.CompletedPart) error {
	_, err := s.CompleteMultipartUpload(s.Context(), &s3.CompleteMultipartUploadInput{Bucket: aws.String(bucketName),
		Key: aws.String(key), UploadId: aws.String(id), MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	return err
}

// What a snapshot was taken of is there again, whole: objects of all sizes, and uploads that are under way.
func TestObjects_Snapshot(t *testing.T) {
	store, s := newStore(t)
	large := many(1<<20, 3)
	s.put("small", []byte("small"))
	s.put("large", large)
	id, first := s.begin("parts", large)
	write := store.Freeze()
	s.put("small", []byte("changed")) // after the snapshot was taken
	s.put("late", []byte("late"))
	var snapshot bytes.Buffer
	if err := write(&snapshot); err != nil {
		t.Fatal(err)
	}
	again := local.New(local.Options{Folder: t.TempDir()})
	if err := again.Restore(bytes.NewReader(snapshot.Bytes())); err != nil {
		t.Fatal(err)
	}
	restored := shelfOf(t, again)
	if text, meta := restored.get("small", ""); text != "small" || meta["of"] != "small" {
		t.Errorf("%q, %v", text, meta)
	}
	if text, _ := restored.get("large", "bytes=1000-1999"); text != string(large[1000:2000]) {
		t.Errorf("a part of the large one has %d bytes", len(text))
	}
	if err := restored.complete("parts", id, restored.send("parts", id, 2, []byte("end")), first); err == nil {
		t.Error("parts in a wrong order are taken")
	}
	if err := restored.complete("parts", id, first, restored.send("parts", id, 2, []byte("end"))); err != nil {
		t.Fatal(err)
	}
	if text, _ := restored.get("parts", ""); text != string(large)+"end" {
		t.Errorf("the object of parts has %d bytes", len(text))
	}
	if err := restored.complete("parts", id, first); err == nil {
		t.Error("an upload is completed twice")
	}
	list, err := restored.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucketName)})
	if err != nil || len(list.Contents) != 3 {
		t.Errorf("%+v, %v", list, err)
	}
	for _, cut := range []int{0, 3, 100, snapshot.Len() / 2, snapshot.Len() - 1} {
		broken := local.New(local.Options{Folder: t.TempDir()})
		if err := broken.Restore(bytes.NewReader(snapshot.Bytes()[:cut])); err == nil {
			t.Errorf("a snapshot of which %d bytes are left of %d is restored", cut, snapshot.Len())
		}
	}
}

// held is how many bytes the heap holds.
func held() float64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

// Large objects take a little memory, however large they are; a page of a list costs the same among ten times as many
// objects, and one of folders the same among folders of ten times as many.
func TestGrowth(t *testing.T) {
	store, s := newStore(t)
	before := held()
	const large, times = 2 << 20, 10
	body := many(large, 4)
	for n := range times {
		s.put(fmt.Sprint("large/", n), body)
	}
	if grown := held() - before; grown > large {
		t.Errorf("%d objects of %d bytes hold %.0f", times, large, grown)
	}
	runtime.KeepAlive(store)
	const folders, objects = 5, 40
	page := func() (flat, deep float64) {
		list := func(in *s3.ListObjectsV2Input) float64 {
			in.Bucket = aws.String(bucketName)
			return testing.AllocsPerRun(5, func() {
				if _, err := s.ListObjectsV2(t.Context(), in); err != nil {
					t.Fatal(err)
				}
			})
		}
		return list(&s3.ListObjectsV2Input{Prefix: aws.String("folder/0/"), MaxKeys: aws.Int32(20)}),
			list(&s3.ListObjectsV2Input{Prefix: aws.String("folder/"), Delimiter: aws.String("/")})
	}
	fill := func(from, to int) {
		for n := from; n < to; n++ {
			for f := range folders {
				s.put(fmt.Sprintf("folder/%d/%05d", f, n), []byte("x"))
			}
		}
	}
	fill(0, objects)
	flat, deep := page()
	fill(objects, times*objects)
	flatLater, deepLater := page()
	const even = 1.2
	if flatLater > even*flat || deepLater > even*deep {
		t.Errorf("a page: %.0f allocations, later %.0f; of folders %.0f, later %.0f", flat, flatLater, deep, deepLater)
	}
}

// A journal of objects grows with what there is, not with what happened, and what is there is there again, also a part
// of an upload that was sent before a snapshot.
func TestGrowth_Journal(t *testing.T) {
	path := t.TempDir() + "/s3"
	const least = 64 << 10
	open := func() (shelf, *journal.Journal) {
		clock := &journal.Clock{}
		store := local.New(local.Options{Folder: t.TempDir(), Now: clock.Now})
		j, err := journal.Open(t.Context(), store, journal.Options{Path: path, Changes: journal.S3Changes, Clock: clock,
			Least: least, NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		return shelfOf(t, j), j
	}
	s, j := open()
	if _, err := s.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucketName)}); err != nil {
		t.Fatal(err)
	}
	id, first := s.begin("parts", []byte("first "))
	const objects, size = 5, 10 << 10
	most := int64(0)
	for n := range 200 {
		s.put(fmt.Sprint(n%objects), many(size, byte(n)))
		const settled = 10
		if n%settled == 0 {
			for began := time.Now(); ; time.Sleep(time.Millisecond) { // until the snapshot under way is there
				about, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := os.Stat(path + ".new"); errors.Is(err, os.ErrNotExist) || time.Since(began) > time.Minute {
					most = max(most, about.Size())
					break
				}
			}
		}
	}
	// A snapshot of the state, as many bytes of changes, the changes before the next one is looked for; in base64.
	if bound := int64(2*(objects*size+least)+10*size) * 3 / 2; most > bound {
		t.Errorf("the journal of %d objects of %d bytes had %d bytes, want at most %d", objects, size, most, bound)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	s, j = open()
	for n := 195; n < 200; n++ {
		if text, _ := s.get(fmt.Sprint(n%objects), ""); text != string(many(size, byte(n))) {
			t.Errorf("object %d is another, of %d bytes", n%objects, len(text))
		}
	}
	if err := s.complete("parts", id, first, s.send("parts", id, 2, []byte("second"))); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	s, j = open()
	if text, _ := s.get("parts", ""); text != "first second" {
		t.Errorf("the object of parts is %q", text)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}
