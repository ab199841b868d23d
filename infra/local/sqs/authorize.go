package sqs

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"example.com/registrar/infra/local/iam"
)

const codeDenied = "AccessDeniedException"

// authorize refuses what the caller's policy does not allow. SQS has no actions for batches: they need the action of
// the single operation (SQS developer guide, "Amazon SQS API permissions: Actions and resource reference"). Its answer
// has the action in small letters, as AWS's has.
func (e *Engine) authorize(r *http.Request, operation string, body []byte) error {
	if e.options.Access == nil {
		return nil
	}
	accessKey := iam.Caller(r)
	if !e.options.Access.Restricts(accessKey) {
		return nil
	}
	var of struct{ QueueUrl, QueueName, SourceArn string }
	if json.Unmarshal(body, &of) != nil {
		return newFault("SerializationException", "The request is not what the operation takes")
	}
	resource := of.SourceArn
	if resource == "" {
		name := of.QueueName
		if name == "" {
			name = of.QueueUrl[strings.LastIndexByte(of.QueueUrl, '/')+1:]
		}
		resource = e.arn(name)
	}
	err := e.options.Access.Check(r.Context(), accessKey, iam.Request{
		Action: "sqs:" + strings.TrimSuffix(operation, "Batch"), Resource: resource,
	})
	var denied *iam.Denied
	if errors.As(err, &denied) {
		denied.Action = strings.ToLower(denied.Action)
		return newFault(codeDenied, "%s", denied.Error())
	}
	return err
}
