// Package s3 is the object store of the local cloud: gofakes3, an S3 in Go, with what it lacks in front of it:
// presigned addresses are checked as AWS documents them ("Authenticating Requests: Using Query Parameters"), and the
// arrival of an object is announced as an event notification; and behind it, where objects are kept: small ones in
// memory, larger ones on the disk, and all of them in a snapshot when one is asked for.
//
// Faithful: buckets, put, get, ranges, presigned PUT and GET with signature, signed headers and expiry. Not faithful:
// signatures in the Authorization header are not checked, there are no bucket policies, no versions and no
// lifecycles, and nothing outlives the process unless infra/local/journal keeps it. Start with [New].
package s3

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"example.com/registrar/infra/local/iam"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/johannesboyne/gofakes3"
)

// Options configure the store.
type Options struct {
	Region      string
	Credentials aws.Credentials  // that a presigned address may be signed with, besides those of functions
	Now         func() time.Time // nil: the system's clock
	// Folder is where large objects are, in files without names; empty: where the system has temporary files.
	Folder string
	Log    *slog.Logger
	// Announce is called after an object arrived, with its key and an S3 event notification (JSON, version 2.1). An error
	// is logged: as with AWS, the upload itself has succeeded. Nil: nothing is announced.
	Announce func(ctx context.Context, key string, notification []byte) error
	// Access decides what those callers may do whose credentials name a function. Nil: everybody may do everything.
	Access *iam.Authority
}

// Store is an S3 endpoint with path-style addresses.
type Store struct {
	options   Options
	objects   http.Handler
	backend   *objects
	sequencer atomic.Uint64
}

// New makes an empty store.
func New(options Options) *Store {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	backend := newObjects(options.Now, options.Folder)
	return &Store{
		options: options, backend: backend,
		objects: gofakes3.New(backend, gofakes3.WithTimeSkewLimit(0)).Server(),
	}
}

// CreateBucket makes a bucket, or returns an error when its name is taken or not allowed.
func (s *Store) CreateBucket(name string) error {
	if err := s.backend.CreateBucket(name); err != nil {
		return fmt.Errorf("create bucket %s: %w", name, err)
	}
	return nil
}

// ServeHTTP speaks S3's REST protocol.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("X-Amz-Signature") {
		if code, reason := s.checkPresigned(r); code != "" {
			refuse(w, code, reason)
			return
		}
	}
	if message := s.authorize(r); message != "" {
		refuse(w, "AccessDenied", message)
		return
	}
	if r.ContentLength >= 0 && r.Header.Get("Content-Length") == "" { // a request that came without a socket
		r = r.Clone(r.Context())
		r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	seen := &answer{ResponseWriter: w, status: http.StatusOK}
	s.objects.ServeHTTP(seen, r)
	bucket, key, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if r.Method == http.MethodPut && ok && key != "" && seen.status == http.StatusOK &&
		s.options.Announce != nil && !r.URL.Query().Has("uploadId") {
		if err := s.announce(r.Context(), bucket, key); err != nil {
			s.options.Log.Error("an object's arrival could not be announced", "bucket", bucket, "error", err)
		}
	}
}

// answer remembers the status that was written.
type answer struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

const timeFormat = "20060102T150405Z"

// checkPresigned signs the request once more as its address says that it was signed, and compares. It returns an S3
// error code and a reason, or two empty texts.
func (s *Store) checkPresigned(r *http.Request) (code, reason string) {
	query := r.URL.Query()
	at, err := time.Parse(timeFormat, query.Get("X-Amz-Date"))
	seconds, errSeconds := strconv.Atoi(query.Get("X-Amz-Expires"))
	const week = 7 * 24 * 60 * 60
	if err != nil || errSeconds != nil || seconds < 1 || seconds > week {
		return "AuthorizationQueryParametersError", "X-Amz-Date or X-Amz-Expires is wrong"
	}
	if now := s.options.Now(); now.After(at.Add(time.Duration(seconds)*time.Second)) || at.After(now.Add(15*time.Minute)) {
		return "AccessDenied", "Request has expired"
	}
	credentials, ofFunction := s.options.Access.Credentials(iam.Caller(r))
	if !ofFunction {
		credentials = s.options.Credentials
	}
	unsigned := *r.URL
	unsigned.Scheme, unsigned.Host = "http", r.Host
	stated := query.Get("X-Amz-Signature")
	for _, parameter := range []string{"X-Amz-Signature", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date",
		"X-Amz-SignedHeaders", "X-Amz-Security-Token"} {
		query.Del(parameter)
	}
	unsigned.RawQuery = query.Encode()
	again, err := http.NewRequestWithContext(r.Context(), r.Method, unsigned.String(), http.NoBody)
	if err != nil {
		return "InvalidRequest", "the address cannot be read"
	}
	again.Host = r.Host
	for name := range strings.SplitSeq(r.URL.Query().Get("X-Amz-SignedHeaders"), ";") {
		switch name {
		case "host":
		case "content-length":
			again.ContentLength = r.ContentLength
		default:
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	signed, _, err := v4.NewSigner().PresignHTTP(r.Context(), credentials, again, "UNSIGNED-PAYLOAD", "s3",
		s.options.Region, at, func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err != nil {
		return "InvalidRequest", "the address cannot be signed"
	}
	address, err := url.Parse(signed)
	if err != nil || subtle.ConstantTimeCompare([]byte(address.Query().Get("X-Amz-Signature")), []byte(stated)) != 1 {
		return "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."
	}
	return "", ""
}

func refuse(w http.ResponseWriter, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	status := http.StatusForbidden
	if code == "AuthorizationQueryParametersError" || code == "InvalidRequest" {
		status = http.StatusBadRequest
	}
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(struct { // the client went away, and nobody reads on
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: message})
}

// notification is an S3 event message, structure version 2.1 (Amazon S3 user guide, "Event message structure").
type notification struct {
	Records []record `json:"Records"`
}

type record struct {
	EventVersion string    `json:"eventVersion"`
	EventSource  string    `json:"eventSource"`
	AWSRegion    string    `json:"awsRegion"`
	EventTime    time.Time `json:"eventTime"`
	EventName    string    `json:"eventName"`
	S3           entity    `json:"s3"`
}

type entity struct {
	SchemaVersion string `json:"s3SchemaVersion"`
	Bucket        struct {
		Name string `json:"name"`
		ARN  string `json:"arn"`
	} `json:"bucket"`
	Object struct {
		Key       string `json:"key"` // encoded as in a query
		Size      int64  `json:"size"`
		ETag      string `json:"eTag"`
		Sequencer string `json:"sequencer"`
	} `json:"object"`
}

func (s *Store) announce(ctx context.Context, bucket, key string) error {
	object, err := s.backend.HeadObject(bucket, key)
	if err != nil {
		return fmt.Errorf("look at the object: %w", err)
	}
	defer object.Contents.Close()
	r := record{
		EventVersion: "2.1", EventSource: "aws:s3", AWSRegion: s.options.Region,
		EventTime: s.options.Now().UTC().Truncate(time.Millisecond), EventName: "ObjectCreated:Put",
	}
	r.S3.SchemaVersion = "1.0"
	r.S3.Bucket.Name, r.S3.Bucket.ARN = bucket, "arn:aws:s3:::"+bucket
	r.S3.Object.Key, r.S3.Object.Size = url.QueryEscape(key), object.Size
	r.S3.Object.ETag = fmt.Sprintf("%x", object.Hash)
	r.S3.Object.Sequencer = fmt.Sprintf("%016X", s.sequencer.Add(1))
	message, err := json.Marshal(notification{Records: []record{r}})
	if err != nil {
		return fmt.Errorf("write the notification: %w", err)
	}
	return s.options.Announce(ctx, key, message)
}
