package s3

import (
	"errors"
	"net/http"
	"strings"

	"example.com/registrar/infra/local/iam"
)

// authorize says why the caller may not do this; empty: it may. An object that is not there is told as such only to who
// may list the bucket (S3 API reference, GetObject).
func (s *Store) authorize(r *http.Request) (message string) {
	if s.options.Access == nil {
		return ""
	}
	accessKey := iam.Caller(r)
	if !s.options.Access.Restricts(accessKey) {
		return ""
	}
	request, ok := requestOf(r)
	err := s.options.Access.Check(r.Context(), accessKey, request)
	if bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); err == nil && ok {
		object, missing := s.backend.HeadObject(bucket, key)
		if missing == nil {
			object.Contents.Close()
			return ""
		}
		err = s.options.Access.Check(r.Context(), accessKey, iam.Request{Action: "s3:ListBucket",
			Resource: "arn:aws:s3:::" + bucket})
	}
	var denied *iam.Denied
	if errors.As(err, &denied) {
		denied.Resource = `"` + denied.Resource + `"` // as S3 writes it
		return denied.Error()
	} else if err != nil {
		return err.Error()
	}
	return ""
}

// requestOf is what a request needs, and whether it reads an object. What functions have no use for has an action that
// no policy of theirs allows.
func requestOf(r *http.Request) (request iam.Request, reads bool) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	arn := "arn:aws:s3:::" + bucket
	query := r.URL.Query()
	for _, part := range []string{"acl", "tagging", "versions", "versionId", "uploads", "uploadId", "policy"} {
		if query.Has(part) {
			return iam.Request{Action: "s3:" + r.Method + "?" + part, Resource: arn + "/" + key}, false
		}
	}
	switch {
	case key != "" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		return iam.Request{Action: "s3:GetObject", Resource: arn + "/" + key}, true
	case key != "" && r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") == "":
		return iam.Request{Action: "s3:PutObject", Resource: arn + "/" + key}, false
	case key != "" && r.Method == http.MethodDelete:
		return iam.Request{Action: "s3:DeleteObject", Resource: arn + "/" + key}, false
	case key == "" && r.Method == http.MethodGet:
		listing := iam.Request{Action: "s3:ListBucket", Resource: arn}
		if query.Has("prefix") {
			listing.Context = iam.Context{{Key: "s3:prefix", Values: []string{query.Get("prefix")}}}
		}
		return listing, false
	}
	return iam.Request{Action: "s3:" + r.Method, Resource: arn + "/" + key}, false
}
