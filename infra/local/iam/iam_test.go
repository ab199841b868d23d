package iam_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/registrar/infra/local/iam"
)

const (
	table   = "arn:aws:dynamodb:us-east-1:000000000000:table/registrar"
	leading = "dynamodb:LeadingKeys"
)

func newAuthority(t *testing.T, o iam.Options, statements ...string) *iam.Authority {
	t.Helper()
	a, err := iam.New(o, iam.Principal{Name: "seats-count", Role: "SeatsCountRole",
		Policy: []byte(`{"Version": "2012-10-17", "Statement": [` + strings.Join(statements, ",") + `]}`)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func keys(values ...string) iam.Attribute { return iam.Attribute{Key: leading, Values: values} }

// What a statement allows is what AWS's pages say; docs/least-privilege.md names them.
func TestEvaluation(t *testing.T) {
	const bound = `{"Effect": "Allow", "Action": ["dynamodb:BatchGetItem", "dynamodb:Scan"], "Resource": "` + table + `",
		"Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["SEATS#*", "TERMS"]},
			"Null": {"dynamodb:LeadingKeys": "false"}}}`
	const unbound = `{"Effect": "Allow", "Action": "dynamodb:Scan", "Resource": "` + table + `",
		"Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["SEATS#*"]}}}`
	const enclosed = `{"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "` + table + `",
		"Condition": {"ForAnyValue:StringEquals": {"dynamodb:EnclosingOperation": ["TransactWriteItems"]}}}`
	const objects = `{"Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::b/imports/*",
		"arn:aws:s3:::b/?/x*z"]}`
	const sender = `{"Effect": "Allow", "Action": "ses:SendEmail", "Resource": "*",
		"Condition": {"StringEquals": {"ses:FromAddress": ["a@example.edu", "a*"]}}}`
	within := iam.Attribute{Key: "dynamodb:EnclosingOperation", Values: []string{"TransactWriteItems"}}
	for what, c := range map[string]struct {
		statements []string
		request    iam.Request
		allowed    bool
	}{
		"a key that a pattern stands for": {[]string{bound},
			iam.Request{"dynamodb:BatchGetItem", table, iam.Context{keys("SEATS#1")}}, true},
		"keys that patterns stand for, each by another": {[]string{bound},
			iam.Request{"dynamodb:BatchGetItem", table, iam.Context{keys("SEATS#1", "TERMS")}}, true},
		"one key too many": {[]string{bound},
			iam.Request{"dynamodb:BatchGetItem", table, iam.Context{keys("SEATS#1", "STUDENT#1")}}, false},
		"a whole key is no prefix": {[]string{bound},
			iam.Request{"dynamodb:BatchGetItem", table, iam.Context{keys("TERMS#1")}}, false},
		"another case": {[]string{bound},
			iam.Request{"dynamodb:BatchGetItem", table, iam.Context{keys("seats#1")}}, false},
		"keys in two statements": {
			[]string{bound, strings.ReplaceAll(strings.ReplaceAll(bound, "SEATS", "STUDENT"), `, "TERMS"`, "")},
			iam.Request{"dynamodb:BatchGetItem", table, iam.Context{keys("SEATS#1", "STUDENT#1")}}, false},
		"no keys, and Null wants some":    {[]string{bound}, iam.Request{"dynamodb:Scan", table, nil}, false},
		"no keys, and ForAllValues alone": {[]string{unbound}, iam.Request{"dynamodb:Scan", table, nil}, true},
		"another action": {[]string{bound}, iam.Request{"dynamodb:GetItem", table,
			iam.Context{keys("SEATS#1")}}, false},
		"an index of the table": {[]string{bound},
			iam.Request{"dynamodb:BatchGetItem", table + "/index/GSI1", iam.Context{keys("SEATS#1")}}, false},
		"within a transaction":    {[]string{enclosed}, iam.Request{"dynamodb:PutItem", table, iam.Context{within}}, true},
		"by itself":               {[]string{enclosed}, iam.Request{"dynamodb:PutItem", table, nil}, false},
		"an object":               {[]string{objects}, iam.Request{"s3:GetObject", "arn:aws:s3:::b/imports/a/b", nil}, true},
		"an object elsewhere":     {[]string{objects}, iam.Request{"s3:GetObject", "arn:aws:s3:::b/import", nil}, false},
		"wildcards in the middle": {[]string{objects}, iam.Request{"s3:GetObject", "arn:aws:s3:::b/a/xyzyz", nil}, true},
		"a ? that stands for none": {[]string{objects},
			iam.Request{"s3:GetObject", "arn:aws:s3:::b//xz", nil}, false},
		"equal": {[]string{sender}, iam.Request{"ses:SendEmail", "x",
			iam.Context{{Key: "ses:FromAddress", Values: []string{"a@example.edu"}}}}, true},
		"a * that is none": {[]string{sender}, iam.Request{"ses:SendEmail", "x",
			iam.Context{{Key: "ses:FromAddress", Values: []string{"ab"}}}}, false},
		"a value that is absent": {[]string{sender}, iam.Request{"ses:SendEmail", "x", nil}, false},
	} {
		a := newAuthority(t, iam.Options{}, c.statements...)
		err := a.Check(t.Context(), iam.AccessKey("seats-count"), c.request)
		if allowed := err == nil; allowed != c.allowed {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A policy with anything that this evaluator does not know is refused as a whole.
func TestWhatIsNotKnownIsNoAllowance(t *testing.T) {
	for _, policy := range []string{
		`{`, `{"Version": "2008-10-17", "Statement": []}`, `{"Version": "2012-10-17", "Statements": []}`,
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "a:b", "Resource": "*"}]}`,
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "a:*", "Resource": "*"}]}`,
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}`,
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "a:b"}]}`,
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "NotAction": "a:b", "Resource": "*"}]}`,
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "a:b", "Resource": "*",
			"Condition": {"StringEqualsIgnoreCase": {"k": "v"}}}]}`,
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "a:b", "Resource": "*",
			"Condition": {"StringEquals": {"k": "${aws:username}"}}}]}`,
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "a:b", "Resource": "*",
			"Condition": {"StringEquals": {"k": []}}}]}`,
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "a:b", "Resource": "*",
			"Condition": {"Null": {"k": "no"}}}]}`,
	} {
		if _, err := iam.New(iam.Options{}, iam.Principal{Name: "x", Policy: []byte(policy)}); err == nil {
			t.Errorf("accepted: %s", policy)
		}
	}
}

// A refusal says who, what and on what, in AWS's words; the log says besides on which kind of key, and no key itself.
func TestARefusalNamesEverything(t *testing.T) {
	var log bytes.Buffer
	calls := 0
	a := newAuthority(t, iam.Options{
		Account: "000000000000", Log: slog.New(slog.NewTextHandler(&log, nil)),
		Shown:   func(key string) string { kind, _, _ := strings.Cut(key, "#"); return kind + "#*" },
		Observe: func(c iam.Call) { calls++ },
	})
	request := iam.Request{"dynamodb:PutItem", table, iam.Context{keys("STUDENT#ann@example.edu")}}
	err := a.Check(t.Context(), iam.AccessKey("seats-count"), request)
	const want = "User: arn:aws:sts::000000000000:assumed-role/SeatsCountRole/seats-count is not authorized to perform: " +
		"dynamodb:PutItem on resource: " + table + " because no identity-based policy allows the dynamodb:PutItem action"
	var denied *iam.Denied
	if !errors.As(err, &denied) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	for _, part := range []string{"seats-count", "dynamodb:PutItem", table, "STUDENT#*"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log lacks %s: %s", part, log.String())
		}
	}
	if strings.Contains(log.String(), "ann@") {
		t.Errorf("the log names somebody: %s", log.String())
	}
	if calls != 1 {
		t.Errorf("%d calls were observed", calls)
	}

	for key, denies := range map[string]bool{
		"local": false, "": false, "AKIAIOSFODNN7EXAMPLE": false, // administrators
		iam.AccessKey("seats-count"): true, iam.AccessKey("nobody"): true,
	} {
		if err := a.Check(t.Context(), key, request); (err != nil) != denies || a.Restricts(key) != denies {
			t.Errorf("%q: %v", key, err)
		}
	}
	if err := a.Check(iam.Repeat(t.Context()), iam.AccessKey("seats-count"), request); err != nil {
		t.Errorf("what was allowed once is refused after a restart: %v", err)
	}
	if err := (*iam.Authority)(nil).Check(t.Context(), iam.AccessKey("seats-count"), request); err != nil {
		t.Errorf("without an authority: %v", err)
	}
}

func TestCaller(t *testing.T) {
	header := func(value string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
		r.Header.Set("Authorization", value)
		return r
	}
	for want, r := range map[string]*http.Request{
		"function-a-b": header("AWS4-HMAC-SHA256 Credential=function-a-b/20261124/us-east-1/dynamodb/aws4_request, " +
			"SignedHeaders=host, Signature=x"),
		"": header("Bearer x"),
		"function-c": httptest.NewRequest(http.MethodPut,
			"/b/k?X-Amz-Credential=function-c%2F20261124%2Fus-east-1%2Fs3%2Faws4_request", http.NoBody),
	} {
		if got := iam.Caller(r); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	a, err := iam.New(iam.Options{}, iam.Principal{Name: "x", Policy: []byte(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": ["dynamodb:PutItem"], "Resource": "` + table + `", "Condition": {
			"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["A#*", "B#*", "C#*", "D#*", "E#*"]},
			"ForAnyValue:StringEquals": {"dynamodb:EnclosingOperation": ["TransactWriteItems"]},
			"Null": {"dynamodb:LeadingKeys": "false"}}}]}`)})
	if err != nil {
		b.Fatal(err)
	}
	request := iam.Request{"dynamodb:PutItem", table, iam.Context{keys("E#1"),
		{Key: "dynamodb:EnclosingOperation", Values: []string{"TransactWriteItems"}}}}
	key := iam.AccessKey("x")
	for b.Loop() {
		if err := a.Check(b.Context(), key, request); err != nil {
			b.Fatal(err)
		}
	}
}
