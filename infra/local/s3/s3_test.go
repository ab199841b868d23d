package s3_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	local "example.com/registrar/infra/local/s3"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

type cloud struct {
	endpoint      string
	client        *s3.Client
	notifications []events.S3Event
	late          time.Duration // how far the store's clock is ahead
}

func start(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{}
	store := local.New(local.Options{
		Region: "us-east-1", Credentials: aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"},
		Now: func() time.Time { return time.Now().Add(c.late) },
		Announce: func(_ context.Context, key string, message []byte) error {
			var event events.S3Event
			if err := json.Unmarshal(message, &event); err != nil {
				return err
			}
			if got := event.Records[0].S3.Object.URLDecodedKey; got != key {
				t.Errorf("key %q, the event says %q", key, got)
			}
			c.notifications = append(c.notifications, event)
			return nil
		},
	})
	if err := store.CreateBucket("uploads"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(store)
	t.Cleanup(server.Close)
	c.endpoint = server.URL
	c.client = s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
	return c
}

func send(t *testing.T, method, address, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestPresignedUpload_IsStoredAndAnnounced(t *testing.T) {
	c := start(t)
	put, err := s3.NewPresignClient(c.client).PresignPutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String("uploads"), Key: aws.String("imports/a b.csv"),
	}, s3.WithPresignExpires(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if status, body := send(t, put.Method, put.URL, "x,y\n1,2\n"); status != http.StatusOK {
		t.Fatalf("upload: %d %s", status, body)
	}
	object, err := c.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("uploads"),
		Key: aws.String("imports/a b.csv")})
	if err != nil {
		t.Fatal(err)
	}
	defer object.Body.Close()
	if body, err := io.ReadAll(object.Body); err != nil || string(body) != "x,y\n1,2\n" {
		t.Errorf("object = %q, %v", body, err)
	}
	if len(c.notifications) != 1 || len(c.notifications[0].Records) != 1 {
		t.Fatalf("notifications = %+v, want one of one record", c.notifications)
	}
	r := c.notifications[0].Records[0]
	if r.EventName != "ObjectCreated:Put" || r.S3.Bucket.Name != "uploads" ||
		r.S3.Object.URLDecodedKey != "imports/a b.csv" || r.S3.Object.Size != 8 {
		t.Errorf("record = %+v", r)
	}
}

func TestPresignedUpload_TamperedOrExpiredIsRefused(t *testing.T) {
	c := start(t)
	put, err := s3.NewPresignClient(c.client).PresignPutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String("uploads"), Key: aws.String("imports/1"),
	}, s3.WithPresignExpires(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for name, address := range map[string]string{
		"another key":     strings.Replace(put.URL, "imports/1", "imports/2", 1),
		"a longer life":   strings.Replace(put.URL, "X-Amz-Expires=60", "X-Amz-Expires=6000", 1),
		"another day":     strings.Replace(put.URL, "X-Amz-Date=2", "X-Amz-Date=1", 1),
		"a cut signature": put.URL[:len(put.URL)-1],
	} {
		if status, body := send(t, put.Method, address, "x"); status < 400 || status > 403 {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, _ := send(t, http.MethodGet, put.URL, ""); status != http.StatusForbidden {
		t.Errorf("an address for PUT answered GET with %d", status)
	}
	c.late = 2 * time.Minute
	if status, body := send(t, put.Method, put.URL, "x"); status != http.StatusForbidden ||
		!strings.Contains(body, "expired") {
		t.Errorf("expired: %d %s", status, body)
	}
	if len(c.notifications) != 0 {
		t.Errorf("a refused upload was announced: %+v", c.notifications)
	}
}
