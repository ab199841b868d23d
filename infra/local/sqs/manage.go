package sqs

import (
	"context"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// rest is how long a name waits after DeleteQueue, and a queue after PurgeQueue (API reference).
const rest = 60 * time.Second

// queueInput names a queue, and nothing else.
type queueInput struct {
	QueueURL string `json:"QueueUrl"`
}

type urlOutput struct {
	QueueURL string `json:"QueueUrl"`
}

type createInput struct {
	QueueName  string
	Attributes map[string]string
	Tags       map[string]string `json:"tags"`
}

// createQueue returns the queue of that name when it has the attributes that are asked for. Attributes that are not
// mentioned, and tags, may differ, as with AWS.
func (e *Engine) createQueue(_ context.Context, in *createInput) (any, error) {
	base, fifo := strings.CutSuffix(in.QueueName, ".fifo")
	wantsFifo := in.Attributes["FifoQueue"] == "true"
	if !fifo && in.Attributes["FifoQueue"] == "false" {
		delete(in.Attributes, "FifoQueue")
	}
	switch {
	case in.QueueName == "":
		return nil, missing("QueueName")
	case fifo != wantsFifo:
		return nil, invalid("The name of a FIFO queue must end with the .fifo suffix, and FifoQueue must be true.")
	case !isName(base) || len(in.QueueName) > 80:
		return nil, invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	now := e.lock()
	defer e.unlock()
	if q := e.queues[in.QueueName]; q != nil {
		for _, name := range slices.Sorted(maps.Keys(in.Attributes)) {
			if q.attributes[name] != in.Attributes[name] {
				return nil, newFault("QueueNameExists",
					"A queue already exists with the same name and a different value for attribute %s", name)
			}
		}
		return urlOutput{e.url(q.name)}, nil
	}
	if at, ok := e.deleted[in.QueueName]; ok && at.Add(rest).After(now) {
		return nil, newFault("QueueDeletedRecently",
			"You must wait 60 seconds after deleting a queue before you can create another with the same name.")
	}
	e.rested(now)
	q := e.newQueue(in.QueueName, fifo, now)
	if err := e.configure(q, in.Attributes); err != nil {
		return nil, err
	}
	maps.Copy(q.tags, in.Tags)
	e.queues[q.name], e.dirty = q, true
	return urlOutput{e.url(q.name)}, nil
}

// newQueue makes a queue whose changes are told.
func (e *Engine) newQueue(name string, fifo bool, now time.Time) *queue {
	q := newQueue(name, fifo, now)
	if e.options.Changed != nil {
		q.touched = newTouched()
		q.touched.touchSettings()
	}
	return q
}

// rested forgets the names that have rested.
func (e *Engine) rested(now time.Time) {
	maps.DeleteFunc(e.deleted, func(_ string, at time.Time) bool { return !at.Add(rest).After(now) })
}

type getURLInput struct {
	QueueName string
	Owner     string `json:"QueueOwnerAWSAccountId"`
}

func (e *Engine) getQueueURL(_ context.Context, in *getURLInput) (any, error) {
	if in.QueueName == "" {
		return nil, missing("QueueName")
	}
	e.lock()
	defer e.unlock()
	if e.queues[in.QueueName] == nil || in.Owner != "" && in.Owner != e.options.Account {
		return nil, newFault("QueueDoesNotExist", "The specified queue does not exist.")
	}
	return urlOutput{e.url(in.QueueName)}, nil
}

// paging asks for a part of a list of queues.
type paging struct {
	MaxResults *int
	NextToken  string
}

// page returns the URLs of a page of the names, and the token of the next one. Without MaxResults there is one page.
func (e *Engine) page(names []string, p paging) (urls []string, next string, err error) {
	most := 1000
	if p.MaxResults != nil {
		most = *p.MaxResults
	}
	if most < 1 || most > 1000 {
		return nil, "", invalid("Value %d for parameter MaxResults is invalid. Reason: MaxResults must be an integer "+
			"between 1 and 1000.", most)
	}
	after, err := base64.URLEncoding.DecodeString(p.NextToken)
	if err != nil {
		return nil, "", invalid("Invalid or expired next token.")
	}
	slices.Sort(names)
	from, found := slices.BinarySearch(names, string(after))
	if found {
		from++
	}
	names = names[from:]
	if len(names) > most {
		names = names[:most]
		if p.MaxResults != nil {
			next = base64.URLEncoding.EncodeToString([]byte(names[most-1]))
		}
	}
	for _, name := range names {
		urls = append(urls, e.url(name))
	}
	return urls, next, nil
}

type listInput struct {
	paging
	QueueNamePrefix string
}

func (e *Engine) listQueues(_ context.Context, in *listInput) (any, error) {
	e.mu.Lock()
	var names []string
	for name := range e.queues {
		if strings.HasPrefix(name, in.QueueNamePrefix) {
			names = append(names, name)
		}
	}
	e.mu.Unlock()
	urls, next, err := e.page(names, in.paging)
	if err != nil {
		return nil, err
	}
	return struct {
		QueueUrls []string `json:",omitempty"`
		NextToken string   `json:",omitempty"`
	}{urls, next}, nil
}

type listSourcesInput struct {
	queueInput
	paging
}

func (e *Engine) listDeadLetterSourceQueues(_ context.Context, in *listSourcesInput) (any, error) {
	names, err := e.sources(in.QueueURL)
	if err != nil {
		return nil, err
	}
	urls, next, err := e.page(names, in.paging)
	if err != nil {
		return nil, err
	}
	return struct {
		QueueUrls []string `json:"queueUrls"` // so spelt in the service's model
		NextToken string   `json:",omitempty"`
	}{urls, next}, nil
}

// sources returns the names of the queues whose dead letter queue this is.
func (e *Engine) sources(url string) ([]string, error) {
	e.lock()
	defer e.unlock()
	target, err := e.find(url)
	if err != nil {
		return nil, err
	}
	return e.sourcesOf(target), nil
}

// sourcesOf does so when the engine is locked.
func (e *Engine) sourcesOf(target *queue) []string {
	names := []string{}
	for name, q := range e.queues {
		if q.settings.deadLetterARN == e.arn(target.name) {
			names = append(names, name)
		}
	}
	return names
}

func (e *Engine) deleteQueue(_ context.Context, in *queueInput) (any, error) {
	now := e.lock()
	defer e.unlock()
	q, err := e.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	delete(e.queues, q.name)
	delete(e.moving, q.name)
	e.deleted[q.name], e.dirty = now, true
	if e.gone == nil {
		e.gone = map[string]time.Time{}
	}
	e.gone[q.name] = now
	q.notify()
	return nil, nil
}

func (e *Engine) purgeQueue(_ context.Context, in *queueInput) (any, error) {
	now := e.lock()
	defer e.unlock()
	q, err := e.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	if !q.purged.IsZero() && now.Before(q.purged.Add(rest)) {
		return nil, newFault("PurgeQueueInProgress", "Only one PurgeQueue operation on %s is allowed every 60 seconds.",
			q.name)
	}
	q.purged, e.dirty = now, true
	q.clear()
	q.touched.touchSettings()
	q.notify()
	return nil, nil
}

type tagInput struct {
	queueInput
	Tags map[string]string
}

// checkTags refuses tags that AWS refuses (Developer Guide, "Amazon SQS queue quotas").
func checkTags(tags map[string]string) error {
	for key, value := range tags {
		if key == "" || utf8.RuneCountInString(key) > 128 || utf8.RuneCountInString(value) > 256 ||
			strings.HasPrefix(strings.ToLower(key), "aws:") {
			return invalid("The tag %q is invalid: a key has 1 to 128 characters and does not begin with aws:, a value has up "+
				"to 256.", key)
		}
	}
	return nil
}

func (e *Engine) tagQueue(_ context.Context, in *tagInput) (any, error) {
	if len(in.Tags) == 0 {
		return nil, missing("Tags")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	e.lock()
	defer e.unlock()
	q, err := e.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	maps.Copy(q.tags, in.Tags)
	e.dirty = true
	q.touched.touchSettings()
	return nil, nil
}

type untagInput struct {
	queueInput
	TagKeys []string
}

func (e *Engine) untagQueue(_ context.Context, in *untagInput) (any, error) {
	if len(in.TagKeys) == 0 {
		return nil, missing("TagKeys")
	}
	e.lock()
	defer e.unlock()
	q, err := e.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(q.tags, key)
	}
	e.dirty = true
	q.touched.touchSettings()
	return nil, nil
}

func (e *Engine) listQueueTags(_ context.Context, in *queueInput) (any, error) {
	e.lock()
	defer e.unlock()
	q, err := e.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	return struct {
		Tags map[string]string `json:",omitempty"`
	}{maps.Clone(q.tags)}, nil
}
