package policy_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"example.com/registrar/functions"
	"example.com/registrar/infra/policy"
	"example.com/registrar/shared/dynamo"
	"github.com/google/go-cmp/cmp"
)

// longest names things as the CDK app does, in the region and of the stage with the longest names.
type longest struct{}

func (longest) ARN(f functions.Function, t functions.Thing) string {
	const stage, here = "registrar-averylongstagename", ":ap-southeast-2:123456789012:"
	switch t.Kind {
	case functions.OnTable:
		return "arn:aws-us-gov:dynamodb" + here + "table/" + stage
	case functions.OnIndex:
		return "arn:aws-us-gov:dynamodb" + here + "table/" + stage + "/index/" + t.Of
	case functions.OnStream:
		return "arn:aws-us-gov:dynamodb" + here + "table/" + stage + "/stream/2026-11-24T13:00:00.000"
	case functions.OnBucket:
		return "arn:aws-us-gov:s3:::" + stage + "-uploads-123456789012-ap-southeast-2"
	case functions.OnObjects:
		return "arn:aws-us-gov:s3:::" + stage + "-uploads-123456789012-ap-southeast-2/" + t.Of + "*"
	case functions.OnQueue:
		return "arn:aws-us-gov:sqs" + here + stage + "-" + t.Of
	case functions.OnDeadLetters:
		return "arn:aws-us-gov:sqs" + here + stage + "-" + t.Of + "-dead"
	case functions.OnMailIdentity:
		return "arn:aws-us-gov:ses" + here + "identity/" + longest{}.Sender()
	case functions.OnMailConfigurationSet:
		return "arn:aws-us-gov:ses" + here + "configuration-set/" + stage
	case functions.OnLogs:
	}
	return "arn:aws-us-gov:logs" + here + "log-group:/aws/lambda/" + stage + "-" + f.Name + ":*"
}

func (longest) Sender() string { return "registrar-of-the-university@students.mail.example.edu" }

// A role's inline policies have at most 10,240 characters, all together and without spaces (IAM user guide, "IAM and
// AWS STS quotas").
func TestPoliciesStayUnderIAMsQuota(t *testing.T) {
	const quota, room = 10_240, 2_000 // for what a function is granted next
	largest, of := 0, ""
	for _, f := range functions.All() {
		document, err := policy.Document(policy.Role(f, longest{}))
		if err != nil {
			t.Fatal(err)
		}
		if size := len(document); size > largest {
			largest, of = size, f.Name
		}
	}
	if largest > quota-room {
		t.Errorf("the policy of %s has %d characters, of %d", of, largest, quota)
	}
	t.Logf("the largest policy is that of %s: %d characters", of, largest)
}

// What every statement on the table must be: bound to partitions, whether the request has any or not; on one thing; and
// without Scan, whose requests have no leading keys.
func TestStatementsOnTheTableAreBound(t *testing.T) {
	for _, f := range functions.All() {
		batches := map[string]int{} // statements by action, where all keys of a request must match within one
		for _, s := range policy.Role(f, longest{}) {
			on := slices.ContainsFunc(s.Resources, func(r string) bool { return strings.Contains(r, ":table/") })
			service := slices.Contains(s.Actions, "dynamodb:GetRecords")
			if !on || service {
				continue
			}
			leading := s.Condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
			if len(leading) == 0 || !cmp.Equal(s.Condition["Null"], map[string][]string{"dynamodb:LeadingKeys": {"false"}}) ||
				len(s.Resources) != 1 {
				t.Errorf("%s: a statement on the table is not bound to partitions: %+v", f.Name, s)
			}
			for _, key := range leading {
				if kind := strings.TrimSuffix(key, "*"); dynamo.KeyPattern(kind) != key {
					t.Errorf("%s: %q is no pattern of a kind of partition: %q is", f.Name, key, dynamo.KeyPattern(kind))
				}
			}
			enclosed := strings.Join(s.Condition["ForAnyValue:StringEquals"]["dynamodb:EnclosingOperation"], ",")
			for _, action := range s.Actions {
				batches[action+" "+s.Resources[0]+" "+enclosed]++
				writes := slices.Contains([]string{"dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"}, action)
				if action == "dynamodb:Scan" || writes && enclosed != "TransactWriteItems" {
					t.Errorf("%s: %s is allowed %q", f.Name, action, enclosed)
				}
			}
		}
		for of, n := range batches {
			if n > 1 {
				t.Errorf("%s: %s is allowed in %d statements: a batch must match within one", f.Name, of, n)
			}
		}
	}
}

// The words are IAM's.
func TestDocument(t *testing.T) {
	f := functions.Function{
		Name: "notices-send", Mails: true,
		Table: []functions.Access{
			{Action: "GetItem", Keys: []string{"B#*", "A#*"}}, {Action: "GetItem", Keys: []string{"A#*"}},
			{Action: "Query", Index: "GSI1", Keys: []string{"ALL"}},
			{Action: "PutItem", Within: true, Keys: []string{"A#*", "B#*"}},
			{Action: "UpdateItem", Within: true, Keys: []string{"B#*", "A#*"}},
		},
	}
	document, err := policy.Document(policy.Statements(f, f.Grants(), longest{}))
	if err != nil {
		t.Fatal(err)
	}
	const arn = "arn:aws-us-gov:dynamodb:ap-southeast-2:123456789012:table/registrar-averylongstagename"
	const ses = "arn:aws-us-gov:ses:ap-southeast-2:123456789012:"
	want := `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": ["dynamodb:GetItem"], "Resource": ["` + arn + `"], "Condition": {
			"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["A#*", "B#*"]},
			"Null": {"dynamodb:LeadingKeys": ["false"]}}},
		{"Effect": "Allow", "Action": ["dynamodb:PutItem", "dynamodb:UpdateItem"], "Resource": ["` + arn + `"],
			"Condition": {
			"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["A#*", "B#*"]},
			"ForAnyValue:StringEquals": {"dynamodb:EnclosingOperation": ["TransactWriteItems"]},
			"Null": {"dynamodb:LeadingKeys": ["false"]}}},
		{"Effect": "Allow", "Action": ["dynamodb:Query"], "Resource": ["` + arn + `/index/GSI1"], "Condition": {
			"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ALL"]}, "Null": {"dynamodb:LeadingKeys": ["false"]}}},
		{"Effect": "Allow", "Action": ["ses:SendEmail"], "Resource": ["` + ses + `identity/` + longest{}.Sender() + `", "` +
		ses + `configuration-set/registrar-averylongstagename"],
			"Condition": {"StringEquals": {"ses:FromAddress": ["` + longest{}.Sender() + `"]}}}
	]}`
	var got, wanted any
	if err := json.Unmarshal(document, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
