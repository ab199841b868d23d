package dynamodb

import (
	"maps"
	"slices"
	"strings"
)

// Limits of tags (developer guide, "Adding tags and labels to resources").
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

type tag struct{ Key, Value string }

// tagged is what the tags become with those that are given.
func tagged(tags map[string]string, given []tag) (map[string]string, error) {
	next := map[string]string{}
	maps.Copy(next, tags)
	for _, g := range given {
		if g.Key == "" || len(g.Key) > maxTagKey || len(g.Value) > maxTagValue {
			return nil, invalid("One or more parameter values were invalid: A tag's key has 1 to 128 characters, its value up to 256")
		}
		next[g.Key] = g.Value
	}
	if len(next) > maxTags {
		return nil, invalid("One or more parameter values were invalid: Too many tags: a resource has at most 50")
	}
	return next, nil
}

// resource finds the table that an ARN names; the engine's lock must be held.
func (e *Engine) resource(arn, code string) (*table, error) {
	if !strings.HasPrefix(arn, "arn:aws:dynamodb:") || !strings.Contains(arn, ":table/") {
		return nil, invalid("Invalid TableArn: Invalid ResourceArn provided as input %s", arn)
	}
	t, err := e.find(arn)
	if err != nil {
		return nil, newFault(code, "Requested resource not found: ResourceArn: %s not found", arn)
	}
	return t, nil
}

func (e *Engine) tagResource(in *struct {
	ResourceArn string
	Tags        []tag
}) (any, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t, err := e.resource(in.ResourceArn, "ResourceNotFoundException")
	if err != nil {
		return nil, err
	}
	next, err := tagged(t.tags, in.Tags)
	if err != nil {
		return nil, err
	}
	t.tags = next
	return struct{}{}, nil
}

func (e *Engine) untagResource(in *struct {
	ResourceArn string
	TagKeys     []string
}) (any, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t, err := e.resource(in.ResourceArn, "ResourceNotFoundException")
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(t.tags, key)
	}
	return struct{}{}, nil
}

// listTagsOfResource answers in one page. The service hides from this operation whether a table exists.
func (e *Engine) listTagsOfResource(in *struct{ ResourceArn string }) (any, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	t, err := e.resource(in.ResourceArn, "AccessDeniedException")
	if err != nil {
		return nil, err
	}
	tags := []tag{}
	for _, key := range slices.Sorted(maps.Keys(t.tags)) {
		tags = append(tags, tag{key, t.tags[key]})
	}
	return map[string]any{"Tags": tags}, nil
}
