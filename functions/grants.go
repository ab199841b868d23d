package functions

import (
	"slices"

	"example.com/registrar/shared/dynamo"
	"github.com/aws/aws-sdk-go-v2/aws"
)

// Grant is one statement of a function's role: it allows the actions on the things. The CDK app says it in IAM's
// words.
type Grant struct {
	Actions []string
	On      []Thing
	// Prefixes, of a grant to list the bucket: only objects whose keys begin so.
	Prefixes []string
	// AsSender, of a grant to send mail: only as the system's one sender.
	AsSender bool
}

// Thing is what a grant is on.
type Thing struct {
	Kind ThingKind
	Of   string // the index's or the queue's name, or the prefix of the objects
}

// ThingKind is a kind of [Thing].
type ThingKind int

// What grants are on.
const (
	OnTable ThingKind = iota
	OnIndex
	OnBucket
	OnObjects
	OnQueue
	OnDeadLetters
	OnMailIdentity
	OnMailConfigurationSet
)

// Grants are what the function may do, and nothing else: least privilege. What Lambda does with the function's role to
// write its log and to feed it stands apart.
func (f Function) Grants() []Grant {
	var all []Grant
	allow := func(on []Thing, actions ...string) { all = append(all, Grant{Actions: actions, On: on}) }
	if f.Table != No {
		allow(table(), tableActions(f.Table)...)
	}
	all = append(all, f.bucketGrants()...)
	for _, name := range f.Sends {
		allow([]Thing{{OnQueue, name}}, "sqs:SendMessage")
	}
	all = append(all, f.Care.grants()...)
	if f.Mails { // a configuration set that is named needs the action, too
		all = append(all, Grant{Actions: []string{"ses:SendEmail"}, On: []Thing{{Kind: OnMailIdentity},
			{Kind: OnMailConfigurationSet}}, AsSender: true})
	}
	if f.Queue != nil { // the consumer kit's
		allow([]Thing{{OnQueue, f.Queue.Name}}, "sqs:ChangeMessageVisibility")
		allow([]Thing{{OnDeadLetters, f.Queue.Name}}, "sqs:SendMessage")
	}
	if f.Stream != nil { // Lambda puts what it gives up there with the function's role
		allow([]Thing{{OnObjects, FailedPrefix}}, "s3:PutObject")
		allow([]Thing{{Kind: OnBucket}}, "s3:ListBucket")
	}
	return all
}

// table is the table with its indexes.
func table() []Thing {
	all := []Thing{{Kind: OnTable}}
	for _, index := range dynamo.TableDefinition("").GlobalSecondaryIndexes {
		all = append(all, Thing{OnIndex, aws.ToString(index.IndexName)})
	}
	return all
}

// tableActions are the actions that a use of the table needs. A transaction needs those of its parts (DynamoDB
// developer guide, "Using IAM with transactions"), a batch its own.
func tableActions(use Use) []string {
	actions := []string{"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"}
	if use == Write {
		actions = append(actions, "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem",
			"dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem")
	}
	return actions
}

// bucketGrants are those of the function's use of the bucket, in which it has to do with uploads alone.
func (f Function) bucketGrants() []Grant {
	var uploads []Thing
	var prefixes []string
	for _, q := range queues() {
		if q.Uploads != "" {
			uploads, prefixes = append(uploads, Thing{OnObjects, q.Uploads}), append(prefixes, q.Uploads)
		}
	}
	switch f.Bucket {
	case Read: // S3 answers 404 for an object that is not there only to those who may list; to others 403
		return []Grant{
			{Actions: []string{"s3:GetObject"}, On: uploads},
			{Actions: []string{"s3:ListBucket"}, On: []Thing{{Kind: OnBucket}}, Prefixes: prefixes},
		}
	case Write:
		return []Grant{{Actions: []string{"s3:PutObject"}, On: uploads}}
	case No:
	}
	return nil
}

// grants are those on all queues and their dead letters.
func (c Care) grants() []Grant {
	var waiting, dead []Thing
	for _, q := range queues() {
		waiting, dead = append(waiting, Thing{OnQueue, q.Name}), append(dead, Thing{OnDeadLetters, q.Name})
	}
	count := Grant{Actions: []string{"sqs:GetQueueAttributes"}, On: slices.Concat(waiting, dead)}
	look := Grant{Actions: []string{"sqs:ReceiveMessage", "sqs:ChangeMessageVisibility"}, On: dead}
	remove := Grant{Actions: []string{"sqs:DeleteMessage"}, On: dead}
	send := Grant{Actions: []string{"sqs:SendMessage"}, On: waiting}
	switch c {
	case Count:
		return []Grant{count}
	case Inspect:
		return []Grant{count, look}
	case Discard:
		return []Grant{look, remove}
	case Replay:
		return []Grant{look, remove, send}
	case Leave:
	}
	return nil
}
