package cloud_test

import (
	"net/http"
	"testing"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/inprocess"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// A queue of uploads is told of what arrives under its prefix, and of nothing else in the bucket.
func TestUploadsAreAnnouncedByPrefix(t *testing.T) {
	if outside() {
		t.Skip("left out: an engine outside this process announces by itself")
	}
	c := open(t)
	queues := sqs.New(sqs.Options{
		Region: cloud.Region, BaseEndpoint: aws.String("http://sqs.local"), HTTPClient: inprocess.Client(c.cloud.SQS),
		Credentials: credentials.StaticCredentialsProvider{Value: cloud.Credentials()},
	})
	for _, f := range functions.All() {
		if f.Queue == nil || f.Queue.Uploads == "" {
			continue
		}
		queue, err := queues.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &f.Queue.Name})
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{functions.FailedPrefix + "a": "0", "not-" + f.Queue.Uploads + "a": "0", f.Queue.Uploads + "a": "1"} {
			file, size := text("x")
			c.put(http.MethodPut, "http://s3.local/"+cloud.Bucket+"/"+key, nil, file, size)
			got, err := queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
				QueueUrl: queue.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages},
			})
			if err != nil {
				t.Fatal(err)
			}
			if n := got.Attributes["ApproximateNumberOfMessages"]; n != want {
				t.Errorf("after %s the queue %s has %s messages, want %s", key, f.Queue.Name, n, want)
			}
			if _, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl}); err != nil {
				t.Fatal(err)
			}
		}
	}
}
