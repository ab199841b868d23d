package dynamodb

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"example.com/registrar/infra/local/dynamodb/attr"
	"example.com/registrar/infra/local/dynamodb/expression"
)

// legacy holds the request parameters that DynamoDB keeps for old programs. They are refused by name,
// but for KeyConditions, without which some libraries do not query (guregu/dynamo).
type legacy struct {
	AttributesToGet     json.RawMessage
	AttributeUpdates    json.RawMessage
	ConditionalOperator json.RawMessage
	Expected            json.RawMessage
	QueryFilter         json.RawMessage
	ScanFilter          json.RawMessage
}

// refuse refuses them, and says so when they stand beside expressions, which are given by name.
func (l legacy) refuse(expressions map[string]*string) error {
	maps.DeleteFunc(expressions, func(_ string, text *string) bool { return text == nil })
	var found []string
	for _, p := range []struct {
		name  string
		value json.RawMessage
	}{
		{"AttributesToGet", l.AttributesToGet}, {"AttributeUpdates", l.AttributeUpdates},
		{"ConditionalOperator", l.ConditionalOperator}, {"Expected", l.Expected},
		{"QueryFilter", l.QueryFilter}, {"ScanFilter", l.ScanFilter},
	} {
		if len(p.value) > 0 && string(p.value) != "null" {
			found = append(found, p.name)
		}
	}
	switch {
	case len(found) == 0:
		return nil
	case len(expressions) > 0:
		return invalid("Can not use both expression and non-expression parameters in the same request: Non-expression "+
			"parameters: {%s} Expression parameters: {%s}",
			strings.Join(found, ", "), strings.Join(slices.Sorted(maps.Keys(expressions)), ", "))
	default:
		return invalid("The local cloud does not offer the legacy parameter %s; use an expression", found[0])
	}
}

// legacyCondition is a condition on one attribute, of the parameter KeyConditions.
type legacyCondition struct {
	AttributeValueList []attr.Value
	ComparisonOperator string
}

// check reports what is wrong with a condition by itself, and gives its operator in the language of expressions (API
// reference, Condition; developer guide, "Legacy conditional parameters").
func (c legacyCondition) check() (operator string, err error) {
	operators := map[string]string{"EQ": "=", "LE": "<=", "LT": "<", "GE": ">=", "GT": ">", "BEGINS_WITH": "begins_with",
		"BETWEEN": "BETWEEN"}
	elsewhere := []string{"NE", "NOT_NULL", "NULL", "CONTAINS", "NOT_CONTAINS", "IN"}
	operator, ok := operators[c.ComparisonOperator]
	switch {
	case slices.Contains(elsewhere, c.ComparisonOperator):
		return "", invalid("Attempted conditional constraint is not an indexable operation")
	case !ok:
		return "", invalid("1 validation error detected: Value '%s' at 'keyConditions.comparisonOperator' failed to "+
			"satisfy constraint: Member must satisfy enum value set: [IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, GT, NOT_NULL, "+
			"NE, LE, BEGINS_WITH, GE, CONTAINS]", c.ComparisonOperator)
	}
	want := 1
	if operator == "BETWEEN" {
		want = 2
	}
	if len(c.AttributeValueList) != want {
		return "", invalid("One or more parameter values were invalid: Invalid number of argument(s) for the %s "+
			"ComparisonOperator", c.ComparisonOperator)
	}
	for _, v := range c.AttributeValueList {
		if v.Kind > attr.Binary || operator == "begins_with" && v.Kind == attr.Number {
			return "", invalid("One or more parameter values were invalid: ComparisonOperator %s is not valid for %s "+
				"AttributeValue type", c.ComparisonOperator, v.Kind)
		}
	}
	if operator == "BETWEEN" {
		if order, ok := attr.Compare(c.AttributeValueList[0], c.AttributeValueList[1]); !ok || order > 0 {
			return "", invalid("The BETWEEN condition was provided a range where the lower bound is greater than the " +
				"upper bound")
		}
	}
	return operator, nil
}

// legacyCondition makes a key condition of the parameter KeyConditions.
func (k keySchema) legacyCondition(conditions map[string]legacyCondition) (*expression.KeyCondition, error) {
	made := &expression.KeyCondition{}
	found := false
	for _, name := range slices.Sorted(maps.Keys(conditions)) {
		c := conditions[name]
		operator, err := c.check()
		if err != nil {
			return nil, err
		}
		switch {
		case name == k.partition && operator != "=":
			return nil, invalid("Query key condition not supported")
		case name == k.partition:
			made.Partition, found = c.AttributeValueList[0], true
		case name == k.sort && k.sort != "":
			made.Sort = &expression.SortCondition{Operator: operator, Low: c.AttributeValueList[0]}
			if operator == "BETWEEN" {
				made.Sort.High = c.AttributeValueList[1]
			}
		case k.sort == "":
			return nil, invalid("Query condition missed key schema element: %s", k.partition)
		default:
			return nil, invalid("Query condition missed key schema element: %s", k.sort)
		}
	}
	if !found {
		return nil, invalid("Query condition missed key schema element: %s", k.partition)
	}
	return made, nil
}
