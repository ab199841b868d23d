package s3

import (
	"crypto/md5" //nolint:gosec // what S3's ETags are
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/johannesboyne/gofakes3"
)

// upload is an object that comes in parts.
type upload struct {
	bucket, key string
	meta        map[string]string
	begun       time.Time
	parts       map[int]part
}

type part struct {
	content  *content
	modified time.Time
}

// CreateMultipartUpload implements [gofakes3.MultipartBackend]. Ids count up, so that equal requests make equal states.
func (o *objects) CreateMultipartUpload(
	bucketName, key string, meta map[string]string,
) (gofakes3.UploadID, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.buckets[bucketName] == nil {
		return "", gofakes3.BucketNotFound(bucketName)
	}
	o.last++
	id := gofakes3.UploadID(strconv.Itoa(o.last))
	o.uploads[id] = &upload{bucket: bucketName, key: key, meta: meta, begun: o.now(), parts: map[int]part{}}
	return id, nil
}

// under finds an upload. The lock is held.
func (o *objects) under(bucketName, key string, id gofakes3.UploadID) (*upload, error) {
	u := o.uploads[id]
	if u == nil || u.bucket != bucketName || u.key != key {
		return nil, gofakes3.ErrNoSuchUpload
	}
	return u, nil
}

// UploadPart implements [gofakes3.MultipartBackend].
func (o *objects) UploadPart(
	bucketName, key string, id gofakes3.UploadID, number int, size int64, from io.Reader,
) (etag string, err error) {
	if number < 1 || number > gofakes3.MaxUploadPartNumber {
		return "", gofakes3.ErrInvalidPart
	}
	c, err := o.read(from, size)
	if err != nil {
		return "", err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	u, err := o.under(bucketName, key, id)
	if err != nil {
		return "", err
	}
	u.parts[number] = part{c, o.now()}
	return gofakes3.FormatETag(c.hash), nil
}

// ListMultipartUploads implements [gofakes3.MultipartBackend]. The uploads of a prefix come by key and id.
func (o *objects) ListMultipartUploads(
	bucketName string, marker *gofakes3.UploadListMarker, prefix gofakes3.Prefix, limit int64,
) (*gofakes3.ListMultipartUploadsResult, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if o.buckets[bucketName] == nil {
		return nil, gofakes3.BucketNotFound(bucketName)
	}
	list := &gofakes3.ListMultipartUploadsResult{Bucket: bucketName, Delimiter: prefix.Delimiter, Prefix: prefix.Prefix,
		MaxUploads: limit}
	after := gofakes3.UploadListMarker{}
	if marker != nil {
		after = *marker
		list.KeyMarker, list.UploadIDMarker = after.Object, after.UploadID
	}
	var all []gofakes3.UploadID
	for id, u := range o.uploads {
		later := u.key > after.Object || u.key == after.Object && after.UploadID != "" && number(id) > number(after.UploadID)
		if u.bucket == bucketName && strings.HasPrefix(u.key, prefix.Prefix) && later {
			all = append(all, id)
		}
	}
	slices.SortFunc(all, func(a, b gofakes3.UploadID) int {
		if order := strings.Compare(o.uploads[a].key, o.uploads[b].key); order != 0 {
			return order
		}
		return number(a) - number(b)
	})
	for _, id := range all {
		if limit > 0 && int64(len(list.Uploads)) == limit {
			last := list.Uploads[limit-1]
			list.IsTruncated, list.NextKeyMarker, list.NextUploadIDMarker = true, last.Key, last.UploadID
			break
		}
		u := o.uploads[id]
		list.Uploads = append(list.Uploads, gofakes3.ListMultipartUploadItem{Key: u.key, UploadID: id,
			StorageClass: "STANDARD", Initiated: gofakes3.NewContentTime(u.begun)})
	}
	return list, nil
}

// number is an upload id's, 0 of one that is none.
func number(id gofakes3.UploadID) int {
	n, err := strconv.Atoi(string(id))
	if err != nil {
		return 0
	}
	return n
}

// ListParts implements [gofakes3.MultipartBackend].
func (o *objects) ListParts(
	bucketName, key string, id gofakes3.UploadID, marker int, limit int64,
) (*gofakes3.ListMultipartUploadPartsResult, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	u, err := o.under(bucketName, key, id)
	if err != nil {
		return nil, err
	}
	list := &gofakes3.ListMultipartUploadPartsResult{Bucket: bucketName, Key: key, UploadID: id, MaxParts: limit,
		PartNumberMarker: marker, StorageClass: "STANDARD"}
	for _, n := range slices.Sorted(maps.Keys(u.parts)) {
		if n <= marker {
			continue
		}
		if limit > 0 && int64(len(list.Parts)) == limit {
			list.IsTruncated, list.NextPartNumberMarker = true, list.Parts[limit-1].PartNumber
			break
		}
		p := u.parts[n]
		list.Parts = append(list.Parts, gofakes3.ListMultipartUploadPartItem{PartNumber: n, Size: p.content.size,
			ETag: gofakes3.FormatETag(p.content.hash), LastModified: gofakes3.NewContentTime(p.modified)})
	}
	return list, nil
}

// AbortMultipartUpload implements [gofakes3.MultipartBackend].
func (o *objects) AbortMultipartUpload(bucketName, key string, id gofakes3.UploadID) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := o.under(bucketName, key, id); err != nil {
		return err
	}
	delete(o.uploads, id)
	return nil
}

// CompleteMultipartUpload implements [gofakes3.MultipartBackend].
func (o *objects) CompleteMultipartUpload(
	bucketName, key string, id gofakes3.UploadID, in *gofakes3.CompleteMultipartUploadRequest,
) (gofakes3.VersionID, string, error) {
	meta, parts, err := o.chosen(bucketName, key, id, in)
	if err != nil {
		return "", "", err
	}
	var size int64
	var readers []io.Reader
	sum := md5.New() //nolint:gosec // see above
	for _, c := range parts {
		size += c.size
		readers = append(readers, c.part(0, c.size))
		_, _ = sum.Write(c.hash) // a sum's never fails
	}
	whole, err := o.read(io.MultiReader(readers...), size)
	if err != nil {
		return "", "", err
	}
	held := &object{meta: meta, hash: sum.Sum(nil), content: whole}
	if err := o.put(bucketName, key, held, nil); err != nil {
		return "", "", err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.uploads, id)
	return "", gofakes3.FormatETag(held.hash), nil
}

// chosen are the parts that an upload is completed of, in their order.
func (o *objects) chosen(
	bucketName, key string, id gofakes3.UploadID, in *gofakes3.CompleteMultipartUploadRequest,
) (meta map[string]string, parts []*content, err error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	u, err := o.under(bucketName, key, id)
	if err != nil {
		return nil, nil, err
	}
	if len(in.Parts) == 0 {
		return nil, nil, gofakes3.ErrInvalidPart
	}
	before := 0
	for _, named := range in.Parts {
		if named.PartNumber <= before {
			return nil, nil, gofakes3.ErrInvalidPartOrder
		}
		before = named.PartNumber
		p, ok := u.parts[named.PartNumber]
		if !ok || strings.Trim(named.ETag, `"`) != strings.Trim(gofakes3.FormatETag(p.content.hash), `"`) {
			return nil, nil, gofakes3.ErrorMessagef(gofakes3.ErrInvalidPart, "part %d is not there with that ETag",
				named.PartNumber)
		}
		parts = append(parts, p.content)
	}
	return u.meta, parts, nil
}
