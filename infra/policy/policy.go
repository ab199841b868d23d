// Package policy says in IAM's words what a function's role allows: the one place where the manifest's grants become
// statements, for the CDK app and the local engines.
//
// It knows the manifest and how IAM writes policies, and neither how a template names its resources nor how anybody
// evaluates a policy: see infra/local/iam. Start with [Statements]. docs/least-privilege.md says why statements are as
// they are, with AWS's pages.
package policy

import (
	"encoding/json"
	"fmt"

	"example.com/registrar/functions"
)

// Names say how things are called where the policy is to stand.
type Names interface {
	// ARN is the Amazon Resource Name of what a grant is on, for the function.
	ARN(f functions.Function, t functions.Thing) string
	// Sender is the address that mail comes from.
	Sender() string
}

// Statement is one that allows actions.
type Statement struct {
	Actions   []string
	Resources []string
	Condition Condition // nil: none
}

// Condition has values by operator and key.
type Condition map[string]map[string][]string

// Statements are those of grants.
func Statements(f functions.Function, grants []functions.Grant, names Names) []Statement {
	all := make([]Statement, len(grants))
	for i, g := range grants {
		s := Statement{Actions: g.Actions, Condition: condition(g, names)}
		for _, t := range g.On {
			s.Resources = append(s.Resources, names.ARN(f, t))
		}
		all[i] = s
	}
	return all
}

// condition is a grant's. ForAllValues is met where a request has no leading keys, as a Scan has none: Null refuses it.
func condition(g functions.Grant, names Names) Condition {
	c := Condition{}
	if g.Keys != nil {
		const leading = "dynamodb:LeadingKeys"
		c["ForAllValues:StringLike"] = map[string][]string{leading: g.Keys}
		c["Null"] = map[string][]string{leading: {"false"}}
	}
	if g.Within != "" {
		c["ForAnyValue:StringEquals"] = map[string][]string{"dynamodb:EnclosingOperation": {g.Within}}
	}
	if g.AsSender {
		c["StringEquals"] = map[string][]string{"ses:FromAddress": {names.Sender()}}
	}
	if len(c) == 0 {
		return nil
	}
	return c
}

// Role is all that the function's role allows: its grants, and what Lambda does with the role.
func Role(f functions.Function, names Names) []Statement {
	var all []Statement
	for _, grants := range [][]functions.Grant{f.ServiceGrants(), f.Grants()} {
		all = append(all, Statements(f, grants, names)...)
	}
	return all
}

// The members of a policy document (IAM user guide, "IAM JSON policy elements reference").
type (
	document struct {
		Version   string
		Statement []statement
	}
	statement struct {
		Effect    string
		Action    []string
		Resource  []string
		Condition Condition `json:",omitempty"`
	}
)

// Document is a policy of the statements, in JSON without spaces.
func Document(statements []Statement) ([]byte, error) {
	d := document{Version: "2012-10-17", Statement: []statement{}}
	for _, s := range statements {
		d.Statement = append(d.Statement, statement{"Allow", s.Actions, s.Resources, s.Condition})
	}
	text, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("write a policy: %w", err)
	}
	return text, nil
}
