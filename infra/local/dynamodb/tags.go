package dynamodb

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of tags (developer guide, "Adding tags and labels to resources").
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

type tag struct{ Key, Value string }

// checkTagText checks a tag's key or value: letters, digits and spaces of any language, and + - = . _ : / @ (as
// "Tagging restrictions in DynamoDB" has it).
func checkTagText(what, text string, least, most int) error {
	if n := utf8.RuneCountInString(text); n < least || n > most {
		return invalid("1 validation error detected: Value '%.600s' at 'tags.1.member.%s' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d and greater than or equal to %d", text, what, most, least)
	}
	if strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) && !unicode.IsSpace(r) &&
			!strings.ContainsRune("+-=._:/@", r)
	}) {
		return invalid("One or more parameter values were invalid: The %s of a tag has a character that is not allowed: %s",
			what, text)
	}
	if strings.HasPrefix(strings.ToLower(text), "aws:") {
		return invalid("One or more parameter values were invalid: The %s of a tag must not begin with aws:", what)
	}
	return nil
}

// tagged is what the tags become with those that are given.
func tagged(tags map[string]string, given []tag) (map[string]string, error) {
	next := map[string]string{}
	maps.Copy(next, tags)
	for i, g := range given {
		if err := checkTagText("key", g.Key, 1, maxTagKey); err != nil {
			return nil, err
		}
		if err := checkTagText("value", g.Value, 0, maxTagValue); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(given[:i], func(o tag) bool { return o.Key == g.Key }) {
			return nil, invalid("One or more parameter values were invalid: Duplicate tag key: %s", g.Key)
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
	if a, ok := parseARN(arn); !ok || a.rest != "" {
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
	if len(in.Tags) == 0 {
		return nil, invalid("1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have " +
			"length greater than or equal to 1")
	}
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
	return nothing{}, nil
}

func (e *Engine) untagResource(in *struct {
	ResourceArn string
	TagKeys     []string
}) (any, error) {
	if len(in.TagKeys) == 0 {
		return nil, invalid("1 validation error detected: Value at 'tagKeys' failed to satisfy constraint: Member must " +
			"have length greater than or equal to 1")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t, err := e.resource(in.ResourceArn, "ResourceNotFoundException")
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(t.tags, key)
	}
	return nothing{}, nil
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
