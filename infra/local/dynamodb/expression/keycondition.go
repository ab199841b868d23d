package expression

import "example.com/registrar/infra/local/dynamodb/attr"

// KeyCondition is a compiled key condition: one partition, and perhaps a range of its sort keys.
type KeyCondition struct {
	Partition attr.Value
	Sort      *SortCondition // nil: the whole partition
}

// SortCondition is a range of sort keys.
type SortCondition struct {
	Operator string // one of = < <= > >= BETWEEN begins_with
	Low      attr.Value
	High     attr.Value // of BETWEEN
}

// ParseKeyCondition compiles a key condition for a table or index with those key names; sortKey is empty where there is
// none.
func ParseKeyCondition(src string, holders *Placeholders, partitionKey, sortKey string) (*KeyCondition, error) {
	p, err := newParser("KeyConditionExpression", src, holders)
	if err != nil {
		return nil, err
	}
	k := &keyParser{parser: p, partitionKey: partitionKey, sortKey: sortKey}
	if err := k.conjunction(); err != nil {
		return nil, err
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	if k.partition == nil {
		return nil, attr.Invalid("Query condition missed key schema element: %s", partitionKey)
	}
	return &KeyCondition{Partition: *k.partition, Sort: k.sort}, nil
}

type keyParser struct {
	*parser
	partitionKey, sortKey string
	partition             *attr.Value
	sort                  *SortCondition
}

func (k *keyParser) conjunction() error {
	for {
		if err := k.term(); err != nil {
			return err
		}
		more, err := k.acceptWord("AND")
		if err != nil {
			return err
		}
		if !more {
			return k.notSupported()
		}
	}
}

func (k *keyParser) notSupported() error {
	for _, w := range []string{"OR", "NOT", "IN"} {
		if k.keyword(w) {
			return k.wrong("Invalid operator used in KeyConditionExpression: %s", w)
		}
	}
	return nil
}

func (k *keyParser) term() error {
	if err := k.notSupported(); err != nil {
		return err
	}
	bracketed, err := k.accept("(")
	if err != nil {
		return err
	}
	if bracketed {
		if err := k.deeper(); err != nil {
			return err
		}
		if err := k.conjunction(); err != nil {
			return err
		}
		k.depth--
		return k.expect(")")
	}
	if name, ok := k.function(); ok {
		return k.beginsWith(name)
	}
	swapped := k.tok.kind == colon // :value = name
	var name string
	var value attr.Value
	if swapped {
		value, err = k.value()
	} else {
		name, err = k.keyName()
	}
	if err != nil {
		return err
	}
	if k.keyword("BETWEEN") && !swapped {
		return k.keyBetween(name)
	}
	if k.is("<>") {
		return k.wrong("Unsupported operator on KeyCondition: operator: <>")
	}
	if err := k.notSupported(); err != nil {
		return err
	}
	operator := k.tok.text
	mirrored := map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
	other, ok := mirrored[operator]
	if !ok || k.tok.kind != mark {
		return k.unexpected()
	}
	if err := k.next(); err != nil {
		return err
	}
	if swapped {
		operator = other
		name, err = k.keyName()
	} else {
		value, err = k.literal()
	}
	if err != nil {
		return err
	}
	return k.add(name, &SortCondition{Operator: operator, Low: value})
}

func (k *keyParser) keyName() (string, error) {
	steps, err := k.path()
	if err != nil {
		return "", err
	}
	if len(steps) > 1 {
		return "", k.wrong("KeyConditionExpressions cannot have conditions on nested attributes")
	}
	return steps[0].name, nil
}

func (k *keyParser) literal() (attr.Value, error) {
	if k.tok.kind != colon {
		return attr.Value{}, k.unexpected()
	}
	return k.value()
}

func (k *keyParser) beginsWith(function string) error {
	if function != "begins_with" {
		return k.wrong("Invalid operator used in KeyConditionExpression: %s", function)
	}
	if err := k.next(); err != nil {
		return err
	}
	if err := k.expect("("); err != nil {
		return err
	}
	name, err := k.keyName()
	if err != nil {
		return err
	}
	if err := k.expect(","); err != nil {
		return err
	}
	prefix, err := k.literal()
	if err != nil {
		return err
	}
	if prefix.Kind != attr.String && prefix.Kind != attr.Binary {
		return k.wrong("Incorrect operand type for operator or function; operator or function: begins_with, operand type: %s",
			prefix.Kind)
	}
	if err := k.expect(")"); err != nil {
		return err
	}
	return k.add(name, &SortCondition{Operator: "begins_with", Low: prefix})
}

func (k *keyParser) keyBetween(name string) error {
	if err := k.next(); err != nil {
		return err
	}
	low, err := k.literal()
	if err != nil {
		return err
	}
	if !k.keyword("AND") {
		return k.unexpected()
	}
	if err := k.next(); err != nil {
		return err
	}
	high, err := k.literal()
	if err != nil {
		return err
	}
	if err := checkBounds(k.parser, low, high); err != nil {
		return err
	}
	return k.add(name, &SortCondition{Operator: "BETWEEN", Low: low, High: high})
}

func (k *keyParser) add(name string, c *SortCondition) error {
	switch name {
	case k.partitionKey:
		if k.partition != nil {
			return k.wrong("KeyConditionExpressions must only contain one condition per key")
		}
		if c.Operator != "=" {
			return attr.Invalid("Query key condition not supported")
		}
		k.partition = &c.Low
	case k.sortKey:
		if k.sort != nil {
			return k.wrong("KeyConditionExpressions must only contain one condition per key")
		}
		k.sort = c
	default:
		if k.sortKey == "" {
			return attr.Invalid("Query condition missed key schema element: %s", k.partitionKey)
		}
		return attr.Invalid("Query condition missed key schema element: %s", k.sortKey)
	}
	return nil
}
