package expression

import (
	"slices"
	"strings"

	"example.com/registrar/infra/local/dynamodb/attr"
)

// Condition is a compiled condition or filter.
type Condition struct {
	root  test
	names map[string]bool // top-level attributes that it reads
}

// test is one node of a condition.
type test func(item attr.Attributes) bool

// operand is a path, a value or a size.
type operand struct {
	get   func(item attr.Attributes) (attr.Value, bool)
	path  path        // set for a path
	value *attr.Value // set for a :value
	text  string      // a path's string form, a value's name
}

// Matches reports whether the item meets the condition. A missing item is an empty one.
func (c *Condition) Matches(item attr.Attributes) bool { return c.root(item) }

// Reads reports whether the condition names that attribute: a filter may not name a key.
func (c *Condition) Reads(name string) bool { return c.names[name] }

// ParseCondition compiles a condition; kind is "ConditionExpression" or "FilterExpression" and stands in messages.
func ParseCondition(kind, src string, holders *Placeholders) (*Condition, error) {
	p, err := newParser(kind, src, holders)
	if err != nil {
		return nil, err
	}
	c := &conditionParser{parser: p, names: map[string]bool{}}
	root, err := c.or()
	if err != nil {
		return nil, err
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	return &Condition{root: root, names: c.names}, nil
}

type conditionParser struct {
	*parser
	names map[string]bool
}

func (c *conditionParser) or() (test, error) {
	return c.chain("OR", c.and, func(a, b test) test {
		return func(i attr.Attributes) bool { return a(i) || b(i) }
	})
}

func (c *conditionParser) and() (test, error) {
	return c.chain("AND", c.not, func(a, b test) test {
		return func(i attr.Attributes) bool { return a(i) && b(i) }
	})
}

func (c *conditionParser) chain(
	operator string, operand func() (test, error), join func(a, b test) test,
) (test, error) {
	left, err := operand()
	if err != nil {
		return nil, err
	}
	for {
		more, err := c.acceptWord(operator)
		if err != nil || !more {
			return left, err
		}
		if err := c.operator(); err != nil {
			return nil, err
		}
		right, err := operand()
		if err != nil {
			return nil, err
		}
		left = join(left, right)
	}
}

func (c *conditionParser) not() (test, error) {
	negated, err := c.acceptWord("NOT")
	if err != nil {
		return nil, err
	}
	if !negated {
		return c.primary()
	}
	if err := c.operator(); err != nil {
		return nil, err
	}
	if err := c.deeper(); err != nil {
		return nil, err
	}
	inner, err := c.not()
	c.depth--
	return func(i attr.Attributes) bool { return !inner(i) }, err
}

func (c *conditionParser) primary() (test, error) {
	bracketed, err := c.accept("(")
	if err != nil {
		return nil, err
	}
	if bracketed {
		if c.is("(") && c.redundant() {
			return nil, c.wrong("The expression has redundant parentheses;")
		}
		if err := c.deeper(); err != nil {
			return nil, err
		}
		inner, err := c.or()
		if err != nil {
			return nil, err
		}
		c.depth--
		return inner, c.expect(")")
	}
	if name, ok := c.function(); ok && name != "size" {
		return c.predicate(name)
	}
	return c.comparison()
}

// redundant reports whether the parenthesis that the current token opens closes right before another closing one.
func (c *conditionParser) redundant() bool {
	depth := 0
	for i := c.tok.from; i < len(c.src); i++ {
		switch c.src[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return strings.HasPrefix(strings.TrimLeft(c.src[i+1:], " \t\r\n"), ")")
			}
		}
	}
	return false
}

// arguments reads a function's operands in parentheses.
func (c *conditionParser) arguments(name string, want int) ([]operand, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	if err := c.next(); err != nil {
		return nil, err
	}
	if err := c.expect("("); err != nil {
		return nil, err
	}
	var operands []operand
	for {
		o, err := c.operand()
		if err != nil {
			return nil, err
		}
		operands = append(operands, o)
		more, err := c.accept(",")
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
	}
	if len(operands) != want {
		return nil, c.wrong("Incorrect number of operands for operator or function; operator or function: %s, number of "+
			"operands: %d", name, len(operands))
	}
	return operands, c.expect(")")
}

func (c *conditionParser) predicate(name string) (test, error) {
	counts := map[string]int{"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2,
		"contains": 2}
	want, ok := counts[name]
	if !ok {
		if name == "if_not_exists" || name == "list_append" {
			return nil, c.wrong("The function is not allowed in a %s; function: %s",
				strings.ToLower(strings.TrimSuffix(c.kind, "Expression"))+" expression", name)
		}
		return nil, c.wrong("Invalid function name; function: %s", name)
	}
	args, err := c.arguments(name, want)
	if err != nil {
		return nil, err
	}
	a := args[0]
	switch name {
	case "attribute_exists", "attribute_not_exists":
		if a.path == nil {
			return nil, c.wrong("Operator or function requires a document path; operator or function: %s", name)
		}
		exists := name == "attribute_exists"
		return func(i attr.Attributes) bool {
			_, ok := a.get(i)
			return ok == exists
		}, nil
	case "attribute_type":
		return c.typeTest(a, args[1])
	case "begins_with":
		b := args[1]
		for _, o := range args {
			if o.value != nil && o.value.Kind != attr.String && o.value.Kind != attr.Binary {
				return nil, c.operandType(name, o.value.Kind)
			}
		}
		return both(a, b, func(v, prefix attr.Value) bool {
			return v.Kind == prefix.Kind && (v.Kind == attr.String || v.Kind == attr.Binary) &&
				strings.HasPrefix(v.Str, prefix.Str)
		}), nil
	default:
		if a.path != nil && a.text == args[1].text {
			return nil, c.wrong("The first operand must be distinct from the remaining operands for this operator or "+
				"function; operator: contains, first operand: %s", a.text)
		}
		return both(a, args[1], contains), nil
	}
}

func (c *conditionParser) typeTest(a, b operand) (test, error) {
	if b.value == nil || b.value.Kind != attr.String {
		return nil, c.wrong("Incorrect operand type for operator or function; operator or function: attribute_type, "+
			"operand type: %s", kindOf(b))
	}
	kind, ok := attr.KindOf(b.value.Str)
	if !ok {
		return nil, c.wrong("Invalid attribute type name found; type: %s, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
			b.value.Str)
	}
	return func(i attr.Attributes) bool {
		v, ok := a.get(i)
		return ok && v.Kind == kind
	}, nil
}

func kindOf(o operand) string {
	if o.value == nil {
		return "path"
	}
	return o.value.Kind.String()
}

func (c *conditionParser) operandType(operator string, kind attr.Kind) error {
	return c.wrong("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", operator,
		kind)
}

func contains(v, part attr.Value) bool {
	switch v.Kind {
	case attr.String, attr.Binary:
		return part.Kind == v.Kind && strings.Contains(v.Str, part.Str)
	case attr.List:
		return slices.ContainsFunc(v.List, func(e attr.Value) bool { return attr.Equal(e, part) })
	case attr.StringSet:
		return part.Kind == attr.String && slices.Contains(v.Set, part.Str)
	case attr.NumberSet:
		return part.Kind == attr.Number && slices.Contains(v.Set, part.Str)
	case attr.BinarySet:
		return part.Kind == attr.Binary && slices.Contains(v.Set, part.Str)
	default:
		return false
	}
}

// both makes a test of two operands that is false when either is missing.
func both(a, b operand, holds func(a, b attr.Value) bool) test {
	return func(i attr.Attributes) bool {
		x, ok := a.get(i)
		if !ok {
			return false
		}
		y, ok := b.get(i)
		return ok && holds(x, y)
	}
}

// operand reads a path, a value or size(path).
func (c *conditionParser) operand() (operand, error) {
	if c.tok.kind == colon {
		text := c.tok.text
		v, err := c.value()
		return operand{value: &v, text: text, get: func(attr.Attributes) (attr.Value, bool) { return v, true }}, err
	}
	if name, ok := c.function(); ok {
		if name != "size" || c.within > 0 {
			return operand{}, c.wrong("The function is not allowed to be used this way in an expression; function: %s", name)
		}
		c.within++
		defer func() { c.within-- }()
		args, err := c.arguments(name, 1)
		if err != nil {
			return operand{}, err
		}
		o := args[0]
		if o.value != nil && (o.value.Kind == attr.Number || o.value.Kind == attr.Bool || o.value.Kind == attr.Null) {
			return operand{}, c.operandType("size", o.value.Kind)
		}
		return operand{text: "size " + o.text, get: func(i attr.Attributes) (attr.Value, bool) {
			v, ok := o.get(i)
			if !ok {
				return attr.Value{}, false
			}
			return sizeOf(v)
		}}, nil
	}
	steps, err := c.path()
	if err != nil {
		return operand{}, err
	}
	c.names[steps[0].name] = true
	return operand{path: steps, text: steps.String(), get: steps.find}, nil
}

// sizeOf is what the function size gives; numbers, booleans and null have none.
func sizeOf(v attr.Value) (attr.Value, bool) {
	switch v.Kind {
	case attr.String:
		return attr.Int(int64(len([]rune(v.Str)))), true
	case attr.Binary:
		return attr.Int(int64(len(v.Str))), true
	case attr.Map:
		return attr.Int(int64(len(v.Map))), true
	case attr.List:
		return attr.Int(int64(len(v.List))), true
	case attr.StringSet, attr.NumberSet, attr.BinarySet:
		return attr.Int(int64(len(v.Set))), true
	default:
		return attr.Value{}, false
	}
}

func (c *conditionParser) comparison() (test, error) {
	left, err := c.operand()
	if err != nil {
		return nil, err
	}
	switch {
	case c.keyword("BETWEEN"):
		return c.between(left)
	case c.keyword("IN"):
		return c.in(left)
	case c.tok.kind == mark && slices.Contains([]string{"=", "<>", "<", "<=", ">", ">="}, c.tok.text):
	default:
		return nil, c.unexpected()
	}
	operator := c.tok.text
	if err := c.operator(); err != nil {
		return nil, err
	}
	if err := c.next(); err != nil {
		return nil, err
	}
	right, err := c.operand()
	if err != nil {
		return nil, err
	}
	if left.path != nil && left.text == right.text {
		return nil, c.wrong("The first operand must be distinct from the remaining operands for this operator or function; "+
			"operator: %s, first operand: %s", operator, left.text)
	}
	switch operator {
	case "=":
		return both(left, right, attr.Equal), nil
	case "<>":
		// What is missing equals nothing, nor what is missing too.
		return func(i attr.Attributes) bool {
			a, okA := left.get(i)
			b, okB := right.get(i)
			return !okA || !okB || !attr.Equal(a, b)
		}, nil
	}
	if err := c.ordered(operator, left, right); err != nil {
		return nil, err
	}
	return both(left, right, func(a, b attr.Value) bool {
		order, ok := attr.Compare(a, b)
		return ok && compares(operator, order)
	}), nil
}

func compares(operator string, order int) bool {
	switch operator {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}

// ordered refuses values that have no order.
func (c *conditionParser) ordered(operator string, operands ...operand) error {
	for _, o := range operands {
		if o.value == nil {
			continue
		}
		if _, ok := attr.Compare(*o.value, *o.value); !ok {
			return c.operandType(operator, o.value.Kind)
		}
	}
	return nil
}

func (c *conditionParser) between(v operand) (test, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	if err := c.next(); err != nil {
		return nil, err
	}
	low, err := c.operand()
	if err != nil {
		return nil, err
	}
	if !c.keyword("AND") {
		return nil, c.unexpected()
	}
	if err := c.next(); err != nil {
		return nil, err
	}
	high, err := c.operand()
	if err != nil {
		return nil, err
	}
	if err := c.ordered("BETWEEN", v, low, high); err != nil {
		return nil, err
	}
	if low.value != nil && high.value != nil {
		if err := checkBounds(c.parser, *low.value, *high.value); err != nil {
			return nil, err
		}
	}
	return func(i attr.Attributes) bool {
		value, ok := v.get(i)
		if !ok {
			return false
		}
		from, okFrom := low.get(i)
		to, okTo := high.get(i)
		if !okFrom || !okTo {
			return false
		}
		a, okA := attr.Compare(from, value)
		b, okB := attr.Compare(value, to)
		return okA && okB && a <= 0 && b <= 0
	}, nil
}

func checkBounds(p *parser, low, high attr.Value) error {
	order, ok := attr.Compare(low, high)
	if !ok {
		return p.wrong("The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: "+
			"AttributeValue: {%s}, upper bound operand: AttributeValue: {%s}", wire(low), wire(high))
	}
	if order > 0 {
		return p.wrong("The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound "+
			"operand: AttributeValue: {%s}, upper bound operand: AttributeValue: {%s}", wire(low), wire(high))
	}
	return nil
}

func wire(v attr.Value) string { return v.Kind.String() + ":" + v.Str }

func (c *conditionParser) in(v operand) (test, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	if err := c.next(); err != nil {
		return nil, err
	}
	if err := c.expect("("); err != nil {
		return nil, err
	}
	var list []operand
	for {
		o, err := c.operand()
		if err != nil {
			return nil, err
		}
		list = append(list, o)
		more, err := c.accept(",")
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
	}
	if len(list) > MaxIn {
		return nil, c.wrong("The IN operator is provided with too many operands; number of operands: %d", len(list))
	}
	return func(i attr.Attributes) bool {
		value, ok := v.get(i)
		return ok && slices.ContainsFunc(list, func(o operand) bool {
			candidate, ok := o.get(i)
			return ok && attr.Equal(value, candidate)
		})
	}, c.expect(")")
}
