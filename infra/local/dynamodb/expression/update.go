package expression

import (
	"maps"
	"slices"
	"strings"

	"example.com/registrar/infra/local/dynamodb/attr"
)

// Update is a compiled update expression.
type Update struct {
	actions []action
}

type verb uint8

const (
	set verb = iota
	remove
	add
	del
)

type action struct {
	verb  verb
	path  path
	value source // of SET
	delta attr.Value
}

// source computes the right side of a SET from the old item.
type source func(old attr.Item) (attr.Value, error)

// ParseUpdate compiles an update expression.
func ParseUpdate(src string, holders *Placeholders) (*Update, error) {
	p, err := newParser("UpdateExpression", src, holders)
	if err != nil {
		return nil, err
	}
	u := &Update{}
	seen := map[string]bool{}
	clauses := map[string]func() (action, error){"SET": p.set, "REMOVE": p.remove, "ADD": p.add, "DELETE": p.delete}
	for p.tok.kind != end {
		clause := strings.ToUpper(p.tok.text)
		one, ok := clauses[clause]
		if !ok || p.tok.kind != word {
			return nil, p.unexpected()
		}
		if seen[clause] {
			return nil, p.wrong(`The "%s" section can only be used once in an update expression;`, clause)
		}
		seen[clause] = true
		if err := p.next(); err != nil {
			return nil, err
		}
		for {
			a, err := one()
			if err != nil {
				return nil, err
			}
			u.actions = append(u.actions, a)
			more, err := p.accept(",")
			if err != nil {
				return nil, err
			}
			if !more {
				break
			}
		}
	}
	paths := make([]path, len(u.actions))
	for i, a := range u.actions {
		paths[i] = a.path
	}
	return u, checkPaths("UpdateExpression", paths)
}

func (p *parser) set() (action, error) {
	target, err := p.path()
	if err != nil {
		return action{}, err
	}
	if err := p.expect("="); err != nil {
		return action{}, err
	}
	value, err := p.sum()
	return action{verb: set, path: target, value: value}, err
}

// sum reads one operand, or two with + or - between them.
func (p *parser) sum() (source, error) {
	left, err := p.setOperand()
	if err != nil {
		return nil, err
	}
	if !p.is("+") && !p.is("-") {
		return left, nil
	}
	operator := p.tok.text
	if err := p.operator(); err != nil {
		return nil, err
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	fixed := p.tok
	right, err := p.setOperand()
	if err != nil {
		return nil, err
	}
	if fixed.kind == colon {
		if v := p.holders.values[fixed.text]; v.Kind != attr.Number {
			return nil, p.wrong("Incorrect operand type for operator or function; operator or function: %s, operand type: %s",
				operator, longKind(v.Kind))
		}
	}
	return func(old attr.Item) (attr.Value, error) {
		a, err := left(old)
		if err != nil {
			return a, err
		}
		b, err := right(old)
		if err != nil {
			return b, err
		}
		if a.Kind != attr.Number || b.Kind != attr.Number {
			return a, attr.Invalid("An operand in the update expression has an incorrect data type")
		}
		if operator == "+" {
			return attr.Add(a, b)
		}
		return attr.Sub(a, b)
	}, nil
}

func longKind(k attr.Kind) string {
	names := map[attr.Kind]string{
		attr.String: "STRING", attr.Number: "NUMBER", attr.Binary: "BINARY", attr.Bool: "BOOLEAN", attr.Null: "NULL",
		attr.Map: "MAP", attr.List: "LIST", attr.StringSet: "STRING_SET", attr.NumberSet: "NUMBER_SET",
		attr.BinarySet: "BINARY_SET",
	}
	return names[k]
}

func (p *parser) setOperand() (source, error) {
	if p.tok.kind == colon {
		v, err := p.value()
		return func(attr.Item) (attr.Value, error) { return v, nil }, err
	}
	if p.is("(") {
		if err := p.next(); err != nil {
			return nil, err
		}
		if err := p.deeper(); err != nil {
			return nil, err
		}
		inner, err := p.sum()
		if err != nil {
			return nil, err
		}
		p.depth--
		return inner, p.expect(")")
	}
	if name, ok := p.function(); ok {
		if p.within > 0 && name == "list_append" {
			return nil, p.wrong("The function is not allowed to be used this way in an expression; function: %s", name)
		}
		p.within++
		defer func() { p.within-- }()
		return p.setFunction(name)
	}
	from, err := p.path()
	if err != nil {
		return nil, err
	}
	return func(old attr.Item) (attr.Value, error) {
		v, ok := from.find(old)
		if !ok {
			return v, attr.Invalid("The provided expression refers to an attribute that does not exist in the item")
		}
		return v, nil
	}, nil
}

func (p *parser) setFunction(name string) (source, error) {
	if name != "if_not_exists" && name != "list_append" {
		return nil, p.wrong("Invalid function name; function: %s", name)
	}
	if err := p.operator(); err != nil {
		return nil, err
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	if name == "if_not_exists" {
		if p.tok.kind == colon {
			return nil, p.wrong("Operator or function requires a document path; operator or function: if_not_exists")
		}
		from, err := p.path()
		if err != nil {
			return nil, err
		}
		if err := p.expect(","); err != nil {
			return nil, err
		}
		fallback, err := p.setOperand()
		if err != nil {
			return nil, err
		}
		return func(old attr.Item) (attr.Value, error) {
			if v, ok := from.find(old); ok {
				return v, nil
			}
			return fallback(old)
		}, p.expect(")")
	}
	var parts [2]source
	for i := range parts {
		if i > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		fixed := p.tok
		part, err := p.setOperand()
		if err != nil {
			return nil, err
		}
		if fixed.kind == colon {
			if v := p.holders.values[fixed.text]; v.Kind != attr.List {
				return nil, p.wrong("Incorrect operand type for operator or function; operator or function: list_append, operand "+
					"type: %s", v.Kind)
			}
		}
		parts[i] = part
	}
	return func(old attr.Item) (attr.Value, error) {
		var joined []attr.Value
		for _, part := range parts {
			v, err := part(old)
			if err != nil {
				return v, err
			}
			if v.Kind != attr.List {
				return v, attr.Invalid("An operand in the update expression has an incorrect data type")
			}
			joined = append(joined, v.List...)
		}
		return attr.Value{Kind: attr.List, List: joined}, nil
	}, p.expect(")")
}

func (p *parser) remove() (action, error) {
	target, err := p.path()
	return action{verb: remove, path: target}, err
}

func (p *parser) add() (action, error) {
	return p.delta(add, "ADD", attr.Number, attr.StringSet, attr.NumberSet, attr.BinarySet)
}

func (p *parser) delete() (action, error) {
	return p.delta(del, "DELETE", attr.StringSet, attr.NumberSet, attr.BinarySet)
}

func (p *parser) delta(v verb, name string, kinds ...attr.Kind) (action, error) {
	target, err := p.path()
	if err != nil {
		return action{}, err
	}
	if p.tok.kind != colon {
		return action{}, p.unexpected()
	}
	value, err := p.value()
	if err == nil && !slices.Contains(kinds, value.Kind) {
		err = p.wrong("Incorrect operand type for operator or function; operator: %s, operand type: %s, typeSet: "+
			"ALLOWED_FOR_%s_OPERAND", name, longKind(value.Kind), name)
	}
	return action{verb: v, path: target, delta: value}, err
}

// Touches reports whether the update changes that top-level attribute.
func (u *Update) Touches(name string) bool {
	return slices.ContainsFunc(u.actions, func(a action) bool { return a.path[0].name == name })
}

// OnlyRemoves reports whether the update can only take away: it then makes no item where there is none.
func (u *Update) OnlyRemoves() bool {
	return !slices.ContainsFunc(u.actions, func(a action) bool { return a.verb == set || a.verb == add })
}

// Apply gives the item after the update. The old item is not changed: every right side reads it, and every position of
// a list is one of it, whatever else the update does to that list.
func (u *Update) Apply(old attr.Item) (attr.Item, error) {
	root := &plan{}
	for _, a := range u.actions {
		leaf, err := a.leaf(old)
		if err != nil {
			return nil, err
		}
		if leaf != nil {
			root.add(a.path, leaf)
		}
	}
	changed, err := root.apply(attr.Value{Kind: attr.Map, Map: old})
	return changed.Map, err
}

// plan is what an update does within a value: to what its steps lead to, or at its leaves to the whole. Paths of one
// update neither overlap nor conflict (see checkPaths), so that a value is changed as a whole or within, as a map or as
// a list.
type plan struct {
	steps []step
	inner []*plan

	leaf   bool
	value  attr.Value // of a leaf that is set
	remove bool       // a leaf
}

func (p *plan) add(at path, leaf *plan) {
	for i, s := range at {
		n := slices.Index(p.steps, s)
		if n < 0 {
			n = len(p.steps)
			p.steps, p.inner = append(p.steps, s), append(p.inner, &plan{})
		}
		if i == len(at)-1 {
			p.inner[n] = leaf
		}
		p = p.inner[n]
	}
}

// leaf decides what the action does at its path; nil when nothing.
func (a action) leaf(old attr.Item) (*plan, error) {
	switch a.verb {
	case set:
		v, err := a.value(old)
		return &plan{leaf: true, value: v}, err
	case remove:
		return &plan{leaf: true, remove: true}, nil
	}
	before, ok := a.path.find(old)
	switch {
	case !ok && a.verb == del:
		return nil, nil
	case !ok:
		return &plan{leaf: true, value: a.delta}, nil
	case before.Kind != a.delta.Kind:
		return nil, attr.Invalid("An operand in the update expression has an incorrect data type")
	case before.Kind == attr.Number:
		sum, err := attr.Add(before, a.delta)
		return &plan{leaf: true, value: sum}, err
	case a.verb == add:
		return &plan{leaf: true, value: attr.SetOf(before.Kind, append(slices.Clone(before.Set), a.delta.Set...))}, nil
	}
	left := slices.DeleteFunc(slices.Clone(before.Set), func(m string) bool { return slices.Contains(a.delta.Set, m) })
	if len(left) == 0 { // a set is never empty
		return &plan{leaf: true, remove: true}, nil
	}
	return &plan{leaf: true, value: attr.Value{Kind: before.Kind, Set: left}}, nil
}

func badPath() error {
	return attr.Invalid("The document path provided in the update expression is invalid for update")
}

// apply gives a changed copy of what is a value with something to be changed in it.
func (p *plan) apply(v attr.Value) (attr.Value, error) {
	switch {
	case p.leaf:
		return p.value, nil
	case len(p.steps) == 0:
		return v, nil
	case p.steps[0].name != "" && v.Kind == attr.Map:
		return p.applyMap(v)
	case p.steps[0].name == "" && v.Kind == attr.List:
		return p.applyList(v)
	default:
		return v, badPath()
	}
}

func (p *plan) applyMap(v attr.Value) (attr.Value, error) {
	changed := maps.Clone(v.Map)
	if changed == nil {
		changed = attr.Item{}
	}
	for i, s := range p.steps {
		inner := p.inner[i]
		if inner.remove {
			delete(changed, s.name)
			continue
		}
		before, ok := v.Map[s.name]
		if !ok && !inner.leaf {
			return v, badPath()
		}
		var err error
		if changed[s.name], err = inner.apply(before); err != nil {
			return v, err
		}
	}
	return attr.Value{Kind: attr.Map, Map: changed}, nil
}

// applyList adds what is set behind the end there, in the order of the positions (developer guide, "Update
// expressions", SET: adding elements to a list).
func (p *plan) applyList(v attr.Value) (attr.Value, error) {
	order := make([]int, len(p.steps))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return p.steps[a].index - p.steps[b].index })
	changed := make([]attr.Value, 0, len(v.List)+len(p.steps))
	next := 0 // position of the old list that is to be copied
	for _, i := range order {
		at, inner := p.steps[i].index, p.inner[i]
		if inside := min(at, len(v.List)); next < inside {
			changed, next = append(changed, v.List[next:inside]...), inside
		}
		var before attr.Value
		switch {
		case at < len(v.List):
			before, next = v.List[at], at+1
		case !inner.leaf:
			return v, badPath()
		}
		if inner.remove {
			continue
		}
		after, err := inner.apply(before)
		if err != nil {
			return v, err
		}
		changed = append(changed, after)
	}
	return attr.Value{Kind: attr.List, List: append(changed, v.List[next:]...)}, nil
}

// Project gives only the values at the updated paths, for UPDATED_OLD and UPDATED_NEW.
func (u *Update) Project(item attr.Attributes) attr.Item {
	paths := make([]path, len(u.actions))
	for i, a := range u.actions {
		paths[i] = a.path
	}
	return project(item, paths)
}
