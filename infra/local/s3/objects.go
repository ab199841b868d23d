package s3

import (
	"bytes"
	"crypto/md5" //nolint:gosec // what S3's ETags are
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/tidwall/btree"
)

// inMemory is how many bytes of an object are kept in memory. A larger one is a file.
const inMemory = 256 << 10

// objects are the buckets and what is in them: a backend of gofakes3.
type objects struct {
	now    func() time.Time
	folder string // for the files of large objects; empty: the system's for temporary files

	mu      sync.RWMutex
	buckets map[string]*bucket
	uploads map[gofakes3.UploadID]*upload // in parts, that are under way
	last    int                           // number of the latest of them
}

type bucket struct {
	created time.Time
	objects btree.Map[string, *object]
}

// object never changes.
type object struct {
	meta     map[string]string
	hash     []byte // of an object of parts: of the parts' hashes
	modified time.Time
	content  *content
}

// content is what an object or a part holds, and never changes. A file has no name any more: it is gone when nobody
// reads it and nothing refers to it, and when the process ends, however that does.
type content struct {
	size int64
	hash []byte
	text []byte
	file *os.File // instead of text
}

func newObjects(now func() time.Time, folder string) *objects {
	return &objects{now: now, folder: folder, buckets: map[string]*bucket{}, uploads: map[gofakes3.UploadID]*upload{}}
}

// read reads what has so many bytes, or fails when it has more or fewer.
func (o *objects) read(from io.Reader, size int64) (*content, error) {
	if size < 0 {
		return nil, gofakes3.ErrIncompleteBody
	}
	c := &content{size: size}
	sum := md5.New() //nolint:gosec // see above
	if size <= inMemory {
		text, err := gofakes3.ReadAll(io.TeeReader(from, sum), size)
		c.text, c.hash = text, sum.Sum(nil)
		return c, err
	}
	file, err := os.CreateTemp(o.folder, "object")
	if err != nil {
		return nil, fmt.Errorf("keep a large object: %w", err)
	}
	c.file = file
	if err := os.Remove(file.Name()); err != nil {
		return nil, fmt.Errorf("keep a large object: %w", err)
	}
	// One byte more than there may be, so that the end is read, where gofakes3 checks the body's sum.
	n, err := io.Copy(io.MultiWriter(file, sum), io.LimitReader(from, size+1))
	if err == nil && n != size {
		err = gofakes3.ErrIncompleteBody
	}
	c.hash = sum.Sum(nil)
	return c, err
}

// part is a reader of some of its bytes.
func (c *content) part(from, length int64) io.Reader {
	if c.file != nil {
		return io.NewSectionReader(c.file, from, length)
	}
	return bytes.NewReader(c.text[from : from+length])
}

// ListBuckets implements [gofakes3.Backend].
func (o *objects) ListBuckets() ([]gofakes3.BucketInfo, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	all := make([]gofakes3.BucketInfo, 0, len(o.buckets))
	for name, b := range o.buckets {
		all = append(all, gofakes3.BucketInfo{Name: name, CreationDate: gofakes3.NewContentTime(b.created)})
	}
	slices.SortFunc(all, func(a, b gofakes3.BucketInfo) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// ListBucket implements [gofakes3.Backend]. A page begins after its marker, and where the prefix begins.
func (o *objects) ListBucket(
	name string, prefix *gofakes3.Prefix, page gofakes3.ListBucketPage,
) (*gofakes3.ObjectList, error) {
	if prefix == nil {
		prefix = &gofakes3.Prefix{}
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	b := o.buckets[name]
	if b == nil {
		return nil, gofakes3.BucketNotFound(name)
	}
	list := gofakes3.NewObjectList()
	var count int64
	keys := b.objects.Iter()
	for ok := keys.Seek(max(page.Marker, prefix.Prefix)); ok; {
		key, held := keys.Key(), keys.Value()
		if prefix.HasPrefix && !strings.HasPrefix(key, prefix.Prefix) {
			break // no later one has it either
		}
		var match gofakes3.PrefixMatch
		if key == page.Marker && page.Marker != "" || !prefix.Match(key, &match) {
			ok = keys.Next()
			continue
		}
		seen := match.CommonPrefix && strings.HasPrefix(page.Marker, match.MatchedPart) // on the page before
		if !seen && page.MaxKeys > 0 && count == page.MaxKeys {
			list.IsTruncated = true
			break
		}
		switch {
		case !match.CommonPrefix:
			list.NextMarker = key
			list.Add(&gofakes3.Content{Key: key, LastModified: gofakes3.NewContentTime(held.modified),
				ETag: gofakes3.FormatETag(held.hash), Size: held.content.size})
		case !seen:
			list.NextMarker = match.MatchedPart
			list.AddPrefix(match.MatchedPart)
		}
		if !seen {
			count++
		}
		if match.CommonPrefix {
			ok = keys.Seek(match.MatchedPart + afterText) // past all that it stands for
		} else {
			ok = keys.Next()
		}
	}
	if !list.IsTruncated {
		list.NextMarker = ""
	}
	return list, nil
}

// afterText is after each text in UTF-8.
const afterText = "\xff"

// CreateBucket implements [gofakes3.Backend].
func (o *objects) CreateBucket(name string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.buckets[name] != nil {
		return gofakes3.ResourceError(gofakes3.ErrBucketAlreadyExists, name)
	}
	o.buckets[name] = &bucket{created: o.now()}
	return nil
}

// BucketExists implements [gofakes3.Backend].
func (o *objects) BucketExists(name string) (bool, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.buckets[name] != nil, nil
}

// DeleteBucket implements [gofakes3.Backend]. One that is not empty stays.
func (o *objects) DeleteBucket(name string) error { return o.deleteBucket(name, false) }

// ForceDeleteBucket implements [gofakes3.Backend].
func (o *objects) ForceDeleteBucket(name string) error { return o.deleteBucket(name, true) }

func (o *objects) deleteBucket(name string, full bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.buckets[name]
	if b == nil {
		return gofakes3.BucketNotFound(name)
	}
	if b.objects.Len() > 0 && !full {
		return gofakes3.ResourceError(gofakes3.ErrBucketNotEmpty, name)
	}
	delete(o.buckets, name)
	for id, u := range o.uploads {
		if u.bucket == name {
			delete(o.uploads, id)
		}
	}
	return nil
}

func (o *objects) find(bucketName, key string) (*object, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	b := o.buckets[bucketName]
	if b == nil {
		return nil, gofakes3.BucketNotFound(bucketName)
	}
	held, ok := b.objects.Get(key)
	if !ok {
		return nil, gofakes3.KeyNotFound(key)
	}
	return held, nil
}

// shown is an object as gofakes3 has it, with a reader of what is in the range.
func (held *object) shown(key string, asked *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	size := held.content.size
	found, err := asked.Range(size)
	if err != nil {
		return nil, err
	}
	from, length := int64(0), size
	if found != nil {
		from, length = found.Start, found.Length
	}
	return &gofakes3.Object{Name: key, Metadata: held.meta, Size: size, Hash: held.hash, Range: found,
		Contents: io.NopCloser(held.content.part(from, length))}, nil
}

// GetObject implements [gofakes3.Backend].
func (o *objects) GetObject(bucketName, key string, asked *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	held, err := o.find(bucketName, key)
	if err != nil {
		return nil, err
	}
	return held.shown(key, asked)
}

// HeadObject implements [gofakes3.Backend].
func (o *objects) HeadObject(bucketName, key string) (*gofakes3.Object, error) {
	held, err := o.find(bucketName, key)
	if err != nil {
		return nil, err
	}
	return &gofakes3.Object{Name: key, Metadata: held.meta, Size: held.content.size, Hash: held.hash,
		Contents: io.NopCloser(strings.NewReader(""))}, nil
}

// DeleteObject implements [gofakes3.Backend].
func (o *objects) DeleteObject(bucketName, key string) (gofakes3.ObjectDeleteResult, error) {
	_, err := o.DeleteMulti(bucketName, key)
	return gofakes3.ObjectDeleteResult{}, err
}

// DeleteMulti implements [gofakes3.Backend].
func (o *objects) DeleteMulti(bucketName string, keys ...string) (result gofakes3.MultiDeleteResult, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.buckets[bucketName]
	if b == nil {
		return result, gofakes3.BucketNotFound(bucketName)
	}
	for _, key := range keys {
		b.objects.Delete(key) // one that is not there counts as deleted, as with AWS
		result.Deleted = append(result.Deleted, gofakes3.ObjectID{Key: key})
	}
	return result, nil
}

// PutObject implements [gofakes3.Backend].
func (o *objects) PutObject(
	bucketName, key string, meta map[string]string, from io.Reader, size int64, conditions *gofakes3.PutConditions,
) (gofakes3.PutObjectResult, error) {
	c, err := o.read(from, size) // before the lock: clients may be slow
	if err != nil {
		return gofakes3.PutObjectResult{}, err
	}
	return gofakes3.PutObjectResult{}, o.put(bucketName, key, &object{meta: meta, hash: c.hash, content: c}, conditions)
}

func (o *objects) put(bucketName, key string, held *object, conditions *gofakes3.PutConditions) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.buckets[bucketName]
	if b == nil {
		return gofakes3.BucketNotFound(bucketName)
	}
	if conditions != nil {
		before, ok := b.objects.Get(key)
		now := &gofakes3.ConditionalObjectInfo{Exists: ok}
		if ok {
			now.Hash = before.hash
		}
		if err := gofakes3.CheckPutConditions(conditions, now); err != nil {
			return err
		}
	}
	held.modified = o.now()
	b.objects.Set(key, held)
	return nil
}

// CopyObject implements [gofakes3.Backend]. What the object holds is shared, since it never changes.
func (o *objects) CopyObject(
	fromBucket, fromKey, toBucket, toKey string, meta map[string]string,
) (gofakes3.CopyObjectResult, error) {
	held, err := o.find(fromBucket, fromKey)
	if err != nil {
		return gofakes3.CopyObjectResult{}, err
	}
	copied := &object{meta: meta, hash: held.hash, content: held.content}
	if err := o.put(toBucket, toKey, copied, nil); err != nil {
		return gofakes3.CopyObjectResult{}, err
	}
	return gofakes3.CopyObjectResult{ETag: gofakes3.FormatETag(held.hash),
		LastModified: gofakes3.NewContentTime(copied.modified)}, nil
}
