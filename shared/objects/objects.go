// Package objects is the bucket for uploaded files: it presigns upload addresses and reads what was uploaded. It knows
// S3 through the AWS SDK, and nothing of the files' contents. Start with [Open].
package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"example.com/registrar/shared/intake"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Bucket keeps objects. It is safe for concurrent use.
type Bucket struct {
	client *s3.Client
	name   string
	now    func() time.Time
}

// New makes a bucket over a client.
func New(client *s3.Client, name string, now func() time.Time) *Bucket {
	return &Bucket{client: client, name: name, now: now}
}

// Open makes a bucket that the environment configures: BUCKET_NAME. With an endpoint of its own, addresses have the
// bucket in their path.
func Open(config aws.Config, getenv func(string) string) (*Bucket, error) {
	name := getenv("BUCKET_NAME")
	if name == "" {
		return nil, errors.New("configuration of the bucket: BUCKET_NAME is not set")
	}
	return New(s3.NewFromConfig(config, func(o *s3.Options) {
		o.UsePathStyle = getenv("AWS_ENDPOINT_URL_S3") != ""
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired // clients that upload have no SDK
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired // and their objects have no checksum
	}), name, time.Now), nil
}

// PresignUpload gives an address for uploading one CSV file under the key. It does not bound the length: a presigned
// PUT can only be signed for one exact Content-Length, and nobody knows the file's length yet. Whoever reads the object
// checks its size first.
func (b *Bucket) PresignUpload(ctx context.Context, key string) (intake.Upload, error) {
	const contentType = "text/csv"
	signed, err := s3.NewPresignClient(b.client).PresignPutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(b.name), Key: aws.String(key), ContentType: aws.String(contentType),
	}, s3.WithPresignExpires(intake.UploadTime))
	if err != nil {
		return intake.Upload{}, fmt.Errorf("sign an upload: %w", err)
	}
	return intake.Upload{
		Method: http.MethodPut, URL: signed.URL, Headers: map[string]string{"Content-Type": contentType},
		Until: b.now().Add(intake.UploadTime).UTC(),
	}, nil
}

// Open reads an object, and returns its size in bytes. The caller closes it.
func (b *Bucket) Open(ctx context.Context, key string) (object io.ReadCloser, size int64, err error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(b.name), Key: aws.String(key)})
	if err != nil {
		return nil, 0, fmt.Errorf("read object %s: %w", key, err)
	}
	return out.Body, aws.ToInt64(out.ContentLength), nil
}
