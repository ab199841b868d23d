// Package expression is DynamoDB's expression language: conditions, filters, updates, projections and key conditions.
// One lexer and one parser serve them all, and what they make is compiled once, before any lock is taken, and can then
// be applied to any number of items.
//
// It knows attribute values and nothing of tables. Start with [ParseCondition]; the rules are those of the developer
// guide's chapter "Using expressions in DynamoDB". What is wrong is told by an [attr.ValidationError].
package expression

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/registrar/infra/local/dynamodb/attr"
)

// Limits of an expression (developer guide, "Constraints", expression parameters).
const (
	MaxBytes     = 4096
	MaxOperators = 300
	MaxIn        = 100
	maxDepth     = 200 // of parentheses and NOT, so that a hostile text cannot exhaust the stack
)

// Placeholders are the names (#n) and values (:v) of one request, shared by its expressions.
type Placeholders struct {
	names      map[string]string
	values     map[string]attr.Value
	usedNames  map[string]bool
	usedValues map[string]bool
}

// NewPlaceholders takes ExpressionAttributeNames and ExpressionAttributeValues.
func NewPlaceholders(names map[string]string, values map[string]attr.Value) *Placeholders {
	return &Placeholders{names: names, values: values, usedNames: map[string]bool{}, usedValues: map[string]bool{}}
}

// Check checks the form of the placeholders themselves.
func (p *Placeholders) Check() error {
	for _, name := range slices.Sorted(maps.Keys(p.names)) {
		if !wellFormed(name, '#') {
			return attr.Invalid(`ExpressionAttributeNames contains invalid key: Syntax error; key: "%s"`, name)
		}
		switch long := p.names[name]; {
		case long == "":
			return attr.Invalid(`ExpressionAttributeNames contains invalid value: Empty attribute name for key %s`, name)
		case len(long) > attr.MaxNameBytes:
			return attr.Invalid("ExpressionAttributeNames contains invalid value: Attribute name is too large, must be less "+
				"than 65536 bytes for key %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		if !wellFormed(name, ':') {
			return attr.Invalid(`ExpressionAttributeValues contains invalid key: Syntax error; key: "%s"`, name)
		}
	}
	return nil
}

func wellFormed(name string, mark byte) bool {
	if len(name) < 2 || name[0] != mark {
		return false
	}
	for i := 1; i < len(name); i++ {
		if !later(name[i]) {
			return false
		}
	}
	return true
}

// CheckAllUsed refuses placeholders that no expression of the request used.
func (p *Placeholders) CheckAllUsed() error {
	if unused := missing(p.values, p.usedValues); len(unused) > 0 {
		return attr.Invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}",
			strings.Join(unused, ", "))
	}
	if unused := missing(p.names, p.usedNames); len(unused) > 0 {
		return attr.Invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}",
			strings.Join(unused, ", "))
	}
	return nil
}

func missing[V any](all map[string]V, used map[string]bool) []string {
	var unused []string
	for name := range all {
		if !used[name] {
			unused = append(unused, name)
		}
	}
	slices.Sort(unused)
	return unused
}

// step is one step of a document path: an attribute's name, or a position in a list.
type step struct {
	name  string
	index int // valid when name is empty
}

// path leads to a value within an item: its first step is a name.
type path []step

func (p path) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range p {
		if i > 0 {
			b.WriteString(", ")
		}
		if s.name != "" {
			b.WriteString(s.name)
		} else {
			fmt.Fprintf(&b, "[%d]", s.index)
		}
	}
	b.WriteByte(']')
	return b.String()
}

// find follows the path; false where it leads to nothing.
func (p path) find(item attr.Attributes) (attr.Value, bool) {
	v, ok := item.Get(p[0].name)
	for _, s := range p[1:] {
		if !ok {
			return attr.Value{}, false
		}
		switch {
		case s.name != "" && v.Kind == attr.Map:
			v, ok = v.Map[s.name]
		case s.name == "" && v.Kind == attr.List && s.index < len(v.List):
			v = v.List[s.index]
		default:
			return attr.Value{}, false
		}
	}
	return v, ok
}

// clash reports whether two paths cannot stand in one expression: one leads to or into the other (overlap), or they
// need one value to be both a map and a list (conflict).
func (p path) clash(o path) (overlap, conflict bool) {
	for i := range min(len(p), len(o)) {
		if p[i] != o[i] {
			return false, (p[i].name == "") != (o[i].name == "")
		}
	}
	return true, false
}

// checkPaths refuses paths of one expression that clash.
func checkPaths(kind string, paths []path) error {
	for i, p := range paths {
		for _, o := range paths[:i] {
			switch overlap, conflict := o.clash(p); {
			case overlap:
				return attr.Invalid("Invalid %s: Two document paths overlap with each other; must remove or rewrite one of these "+
					"paths; path one: %s, path two: %s", kind, o, p)
			case conflict:
				return attr.Invalid("Invalid %s: Two document paths conflict with each other; must remove or rewrite one of "+
					"these paths; path one: %s, path two: %s", kind, o, p)
			}
		}
	}
	return nil
}
