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
			return nil, p.wrong("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", operator, longKind(v.Kind))
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
		attr.Map: "MAP", attr.List: "LIST", attr.StringSet: "STRING_SET", attr.NumberSet: "NUMBER_SET", attr.BinarySet: "BINARY_SET",
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
				return nil, p.wrong("Incorrect operand type for operator or function; operator or function: list_append, operand type: %s", v.Kind)
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
		err = p.wrong("Incorrect operand type for operator or function; operator: %s, operand type: %s, typeSet: ALLOWED_FOR_%s_OPERAND", name, longKind(value.Kind), name)
	}
	return action{verb: v, path: target, delta: value}, err
}

// Touches tells whether the update changes that top-level attribute.
func (u *Update) Touches(name string) bool {
	return slices.ContainsFunc(u.actions, func(a action) bool { return a.path[0].name == name })
}

// Apply gives the item after the update. The old item is not changed; every right side reads the old one.
func (u *Update) Apply(old attr.Item) (attr.Item, error) {
	item := maps.Clone(old)
	if item == nil {
		item = attr.Item{}
	}
	values := make([]attr.Value, len(u.actions))
	for i, a := range u.actions {
		if a.verb != set {
			continue
		}
		var err error
		if values[i], err = a.value(old); err != nil {
			return nil, err
		}
	}
	// Removals from a list go from its end, so that earlier positions keep their meaning.
	var removals []path
	for i, a := range u.actions {
		var err error
		switch a.verb {
		case set:
			err = put(item, a.path, values[i])
		case remove:
			removals = append(removals, a.path)
		case add:
			err = a.add(item, old)
		case del:
			err = a.delete(item, old)
		}
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(removals, func(a, b path) int { return b[len(b)-1].index - a[len(a)-1].index })
	for _, p := range removals {
		if err := cut(item, p); err != nil {
			return nil, err
		}
	}
	return item, nil
}

func (a action) add(item, old attr.Item) error {
	before, ok := a.path.find(old)
	switch {
	case !ok:
		return put(item, a.path, a.delta)
	case before.Kind != a.delta.Kind:
		return attr.Invalid("An operand in the update expression has an incorrect data type")
	case before.Kind == attr.Number:
		sum, err := attr.Add(before, a.delta)
		if err != nil {
			return err
		}
		return put(item, a.path, sum)
	default:
		return put(item, a.path, attr.SetOf(before.Kind, append(slices.Clone(before.Set), a.delta.Set...)))
	}
}

func (a action) delete(item, old attr.Item) error {
	before, ok := a.path.find(old)
	if !ok {
		return nil
	}
	if before.Kind != a.delta.Kind {
		return attr.Invalid("An operand in the update expression has an incorrect data type")
	}
	left := slices.DeleteFunc(slices.Clone(before.Set), func(m string) bool { return slices.Contains(a.delta.Set, m) })
	if len(left) == 0 { // a set is never empty
		return cut(item, a.path)
	}
	return put(item, a.path, attr.Value{Kind: before.Kind, Set: left})
}

func badPath() error {
	return attr.Invalid("The document path provided in the update expression is invalid for update")
}

// put sets a value in an item whose top level is ours to change; what lies below is copied on the way.
func put(item attr.Item, p path, v attr.Value) error {
	return change(item, p, func(container attr.Value, last step) (attr.Value, error) {
		switch {
		case last.name != "" && container.Kind == attr.Map:
			container.Map = maps.Clone(container.Map)
			container.Map[last.name] = v
		case last.name == "" && container.Kind == attr.List:
			container.List = slices.Clone(container.List)
			if last.index < len(container.List) {
				container.List[last.index] = v
			} else { // a position behind the end adds to the list
				container.List = append(container.List, v)
			}
		default:
			return container, badPath()
		}
		return container, nil
	}, func() { item[p[0].name] = v })
}

// cut removes a value; nothing happens when it is not there.
func cut(item attr.Item, p path) error {
	return change(item, p, func(container attr.Value, last step) (attr.Value, error) {
		switch {
		case last.name != "" && container.Kind == attr.Map:
			container.Map = maps.Clone(container.Map)
			delete(container.Map, last.name)
		case last.name == "" && container.Kind == attr.List:
			if last.index < len(container.List) {
				container.List = slices.Delete(slices.Clone(container.List), last.index, last.index+1)
			}
		default:
			return container, badPath()
		}
		return container, nil
	}, func() { delete(item, p[0].name) })
}

// change goes to the container of the path's last step and puts back the changed copies of all that lead to it.
func change(item attr.Item, p path, at func(container attr.Value, last step) (attr.Value, error), top func()) error {
	if len(p) == 1 {
		top()
		return nil
	}
	first, ok := item[p[0].name]
	if !ok {
		return badPath()
	}
	changed, err := changeIn(first, p[1:], at)
	if err == nil {
		item[p[0].name] = changed
	}
	return err
}

func changeIn(v attr.Value, rest path, at func(attr.Value, step) (attr.Value, error)) (attr.Value, error) {
	if len(rest) == 1 {
		return at(v, rest[0])
	}
	inner, ok := path{{name: "v"}, rest[0]}.find(attr.Item{"v": v})
	if !ok {
		return v, badPath()
	}
	changed, err := changeIn(inner, rest[1:], at)
	if err != nil {
		return v, err
	}
	if rest[0].name != "" {
		v.Map = maps.Clone(v.Map)
		v.Map[rest[0].name] = changed
	} else {
		v.List = slices.Clone(v.List)
		v.List[rest[0].index] = changed
	}
	return v, nil
}

// Project gives only the values at the updated paths, for UPDATED_OLD and UPDATED_NEW.
func (u *Update) Project(item attr.Item) attr.Item {
	paths := make([]path, len(u.actions))
	for i, a := range u.actions {
		paths[i] = a.path
	}
	return project(item, paths)
}
