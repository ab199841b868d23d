package iam

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// policy is a policy document, compiled: its statements by the action that they allow.
type policy struct {
	byAction map[string][]*statement
}

// statement allows actions on resources, under conditions that must all be met.
type statement struct {
	resources  []pattern
	conditions []condition
}

// The names that a document uses (IAM user guide, "IAM JSON policy elements reference").
type (
	document struct {
		Version   string
		Statement []documentStatement
	}
	documentStatement struct {
		Effect    string
		Action    texts
		Resource  texts
		Condition map[string]map[string]texts
	}
)

// texts is a list, which may be written as one text.
type texts []string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *texts) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var one string
		if err := json.Unmarshal(data, &one); err != nil {
			return err
		}
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// compile reads a policy. Whatever this evaluator does not know is an error: what is not understood must not be taken
// for an allowance.
func compile(text []byte) (*policy, error) {
	var read document
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&read); err != nil {
		return nil, fmt.Errorf("read a policy: %w", err)
	}
	if read.Version != "2012-10-17" {
		return nil, fmt.Errorf("a policy of version %q", read.Version)
	}
	p := &policy{byAction: map[string][]*statement{}}
	for n, s := range read.Statement {
		compiled, err := s.compile()
		if err != nil {
			return nil, fmt.Errorf("statement %d: %w", n+1, err)
		}
		for _, action := range s.Action {
			p.byAction[action] = append(p.byAction[action], compiled)
		}
	}
	return p, nil
}

func (s documentStatement) compile() (*statement, error) {
	switch {
	case s.Effect != "Allow":
		return nil, fmt.Errorf("the effect %q; only Allow is offered", s.Effect)
	case len(s.Action) == 0 || len(s.Resource) == 0:
		return nil, fmt.Errorf("no action, or no resource")
	}
	for _, action := range s.Action {
		if strings.ContainsAny(action, "*?") || !strings.Contains(action, ":") {
			return nil, fmt.Errorf("the action %q; wildcards are not offered", action)
		}
	}
	compiled := &statement{}
	for _, resource := range s.Resource {
		compiled.resources = append(compiled.resources, pattern(resource))
	}
	for _, operator := range slices.Sorted(maps.Keys(s.Condition)) {
		for _, key := range slices.Sorted(maps.Keys(s.Condition[operator])) {
			c, err := newCondition(operator, key, s.Condition[operator][key])
			if err != nil {
				return nil, err
			}
			compiled.conditions = append(compiled.conditions, c)
		}
	}
	return compiled, nil
}

// allows reports whether any statement allows the request.
func (p *policy) allows(r *Request) bool {
	for _, s := range p.byAction[r.Action] {
		if s.allows(r) {
			return true
		}
	}
	return false
}

func (s *statement) allows(r *Request) bool {
	matched := false
	for _, resource := range s.resources {
		if resource.matches(r.Resource) {
			matched = true
			break
		}
	}
	if !matched {
		return false
	}
	for i := range s.conditions {
		if !s.conditions[i].met(r) {
			return false
		}
	}
	return true
}

// condition is one operator on one key of the request's context.
type condition struct {
	key    string
	values []pattern
	like   bool // values may have wildcards
	set    setOperator
	null   bool // the operator Null
	absent bool // of Null: the key must be absent, not present
}

type setOperator int

const (
	single      setOperator = iota // the key has one value, which must match
	forAllValue                    // every value of the request must match; without any value the condition is met
	forAnyValue                    // at least one value of the request must match
)

// newCondition knows the operators that the project's policies use.
func newCondition(operator, key string, values []string) (condition, error) {
	c := condition{key: key}
	for _, v := range values {
		if strings.Contains(v, "${") {
			return c, fmt.Errorf("the value %q; policy variables are not offered", v)
		}
		c.values = append(c.values, pattern(v))
	}
	if operator == "Null" {
		if len(values) != 1 || values[0] != "true" && values[0] != "false" {
			return c, fmt.Errorf("the condition Null with the values %q", values)
		}
		c.null, c.absent = true, values[0] == "true"
		return c, nil
	}
	switch set, rest, found := strings.Cut(operator, ":"); {
	case found && set == "ForAllValues":
		c.set, operator = forAllValue, rest
	case found && set == "ForAnyValue":
		c.set, operator = forAnyValue, rest
	}
	switch operator {
	case "StringEquals":
	case "StringLike":
		c.like = true
	default:
		return c, fmt.Errorf("the condition operator %q is not offered", operator)
	}
	if len(values) == 0 {
		return c, fmt.Errorf("the condition %s on %s has no value", operator, key)
	}
	return c, nil
}

func (c *condition) met(r *Request) bool {
	values, present := r.Context.of(c.key)
	switch {
	case c.null:
		return c.absent != present
	case c.set == forAllValue:
		for _, v := range values {
			if !c.matches(v) {
				return false
			}
		}
		return true // without any value, too: hence the condition Null beside it
	case c.set == forAnyValue:
		return slices.ContainsFunc(values, c.matches)
	}
	return len(values) == 1 && c.matches(values[0])
}

func (c *condition) matches(value string) bool {
	for _, p := range c.values {
		if c.like && p.matches(value) || !c.like && string(p) == value {
			return true
		}
	}
	return false
}

// pattern is a text with wildcards: * stands for any characters, ? for one. Comparison is case-sensitive.
type pattern string

// matches reports whether the whole text is one that the pattern stands for.
func (p pattern) matches(text string) bool {
	first := strings.IndexAny(string(p), "*?")
	switch {
	case first < 0:
		return string(p) == text
	case first == len(p)-1 && p[first] == '*': // what nearly all patterns are
		return strings.HasPrefix(text, string(p[:first]))
	}
	return matches(string(p), text)
}

// matches goes back to the last * where it does not go on, so it needs at most len(p) × len(text) steps.
func matches(p, text string) bool {
	at, star, from := 0, -1, 0
	for i := 0; i < len(text); {
		switch {
		case at < len(p) && p[at] == '*':
			star, from = at, i
			at++
		case at < len(p) && (p[at] == '?' || p[at] == text[i]):
			at++
			i++
		case star >= 0:
			from++
			at, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(p[at:], "*") == ""
}
