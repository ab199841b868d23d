package cloud_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/iam"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/sample"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/dynamo"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
)

// requestOf is what a call of a function asks for that a grant's action, thing and key allow.
func requestOf(f functions.Function, g functions.Grant, action string, on functions.Thing, key string) iam.Request {
	r := iam.Request{Action: action, Resource: strings.TrimSuffix(cloud.ARN(f, on), "*")}
	if key != "" {
		r.Context = append(r.Context, iam.Attribute{Key: "dynamodb:LeadingKeys",
			Values: []string{strings.Replace(key, "*", "x", 1)}})
	}
	if g.Within != "" {
		r.Context = append(r.Context, iam.Attribute{Key: "dynamodb:EnclosingOperation", Values: []string{g.Within}})
	}
	if g.AsSender {
		r.Context = append(r.Context, iam.Attribute{Key: "ses:FromAddress", Values: []string{"registrar@example.edu"}})
	}
	return r
}

// Each function may do what its grants say; cut by one action on one kind of key, it may do all but that. So no grant
// is had twice, and none is lost on the way from the manifest into a policy.
func TestAFunctionCutByOneKeyOrActionIsRefusedThat(t *testing.T) {
	whole, err := cloud.Authority(cloud.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cuts := 0
	for _, f := range functions.All() {
		for at, a := range f.Table {
			for n, key := range a.Keys {
				cut := f
				cut.Table = slices.Clone(f.Table)
				for i, other := range cut.Table { // a grant may be named by several parts of the manifest
					if other.Action == a.Action && other.Index == a.Index && other.Within == a.Within {
						other.Keys = slices.DeleteFunc(slices.Clone(other.Keys), func(k string) bool { return k == key })
						cut.Table[i] = other
					}
				}
				cut.Table = slices.DeleteFunc(cut.Table, func(a functions.Access) bool { return len(a.Keys) == 0 })
				document, err := cloud.Policy(cut)
				if err != nil {
					t.Fatal(err)
				}
				less, err := iam.New(iam.Options{}, iam.Principal{Name: f.Name, Policy: document})
				if err != nil {
					t.Fatal(err)
				}
				of := functions.Function{Name: f.Name, Table: []functions.Access{f.Table[at]}}
				g := of.Grants()[0]
				request := requestOf(f, g, g.Actions[0], g.On[0], a.Keys[n])
				if err := whole.Check(t.Context(), iam.AccessKey(f.Name), request); err != nil {
					t.Errorf("%s: %v", f.Name, err)
				}
				err = less.Check(t.Context(), iam.AccessKey(f.Name), request)
				bare := slices.ContainsFunc(cut.Table, func(b functions.Access) bool { // which allows it within a transaction, too
					return a.Within && !b.Within && b.Action == a.Action && slices.Contains(b.Keys, key)
				})
				if err == nil != bare || err != nil && !strings.Contains(err.Error(), a.Action) {
					t.Errorf("%s without %s of %s: %v", f.Name, a.Action, key, err)
				}
				cuts++
			}
		}
		for _, g := range slices.Concat(f.Grants(), f.ServiceGrants()) {
			for _, action := range g.Actions {
				for _, on := range g.On {
					key := ""
					if len(g.Keys) > 0 {
						key = g.Keys[0]
					}
					if err := whole.Check(t.Context(), iam.AccessKey(f.Name), requestOf(f, g, action, on, key)); err != nil {
						t.Errorf("%s: %v", f.Name, err)
					}
				}
			}
		}
	}
	t.Logf("%d cuts", cuts)
}

// without takes one action on one kind of key from a function.
func without(f functions.Function, action, key string) functions.Function {
	f.Table = slices.Clone(f.Table)
	for i, a := range f.Table {
		if a.Action == action {
			f.Table[i].Keys = slices.DeleteFunc(slices.Clone(a.Keys), func(k string) bool { return k == key })
		}
	}
	f.Table = slices.DeleteFunc(f.Table, func(a functions.Access) bool { return len(a.Keys) == 0 })
	return f
}

// A function that lacks one action on one kind of key fails, and the log says who was denied what.
func TestAFunctionThatLacksAGrantFails(t *testing.T) {
	type cut struct{ action, key, method, path, body string }
	section, student := sample.ID(sample.KindSection, sample.Sections), sample.ID(sample.KindStudent, sample.Students)
	term := sample.ID(sample.KindTerm, 1)
	cuts := map[string]cut{
		"registrations-create": {"UpdateItem", "SEATS#*", http.MethodPost, "/v1/sections/" + section + "/registrations",
			fmt.Sprintf(`{"student": %q}`, student)},
		"terms-create": {"PutItem", "EVENT#*", http.MethodPost, "/v1/terms", `{"code": "T", "title": "T",
			"start": "2030-01-10", "end": "2030-05-06", "timeZone": "UTC"}`},
		"sections-list": {"Query", "INSTRUCTOR#*", http.MethodGet, "/v1/sections?term=" + term + "&instructor=" +
			sample.ID(sample.KindInstructor, 1), ""},
	}
	var log bytes.Buffer
	c, err := cloud.Open(t.Context(), cloud.Options{
		System: api.RealSystem(), Log: slog.New(slog.NewTextHandler(&log, nil)), SQSAddress: "http://sqs.local",
		S3Address: "http://s3.local", Grants: func(f functions.Function) functions.Function {
			if c, ok := cuts[f.Name]; ok {
				return without(f, c.action, c.key)
			}
			return f
		},
		Before: func(ctx context.Context, store *dynamo.Store) error { return sample.Fill(ctx, store) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, cut := range cuts {
		log.Reset()
		r := httptest.NewRequest(cut.method, cut.path, strings.NewReader(cut.body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		c.API.ServeHTTP(w, r)
		if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "dynamodb") {
			t.Errorf("%s without %s of %s: %d %s", name, cut.action, cut.key, w.Code, w.Body)
		}
		role := functions.Function{Name: name}.LogicalID() + "Role"
		for _, part := range []string{
			"AccessDeniedException", "is not authorized to perform: dynamodb:" + cut.action + " on resource: arn:aws:dynamodb:",
			"assumed-role/" + role + "/" + name, cut.key,
		} {
			if !strings.Contains(log.String(), part) {
				t.Errorf("%s without %s of %s: the log lacks %q:\n%s", name, cut.action, cut.key, part, log.String())
			}
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// Each engine refuses in its service's words.
func TestEnginesRefuseWhatAPolicyDoesNotAllow(t *testing.T) {
	c, err := cloud.Open(t.Context(), cloud.Options{System: api.RealSystem(), SQSAddress: "http://sqs.local",
		S3Address: "http://s3.local"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	provider := func(key aws.Credentials) credentials.StaticCredentialsProvider {
		return credentials.StaticCredentialsProvider{Value: key}
	}
	table := func(as string) *dynamodb.Client {
		key := cloud.Credentials()
		if as != "" {
			key = iam.Credentials(as)
		}
		return dynamodb.New(dynamodb.Options{Region: cloud.Region, Credentials: provider(key),
			BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: inprocess.Client(c.DynamoDB)})
	}
	key := func(pk string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: pk},
			"SK": &types.AttributeValueMemberS{Value: "x"}}
	}
	name, create := aws.String(cloud.Table), "registrations-create"
	query := func(as, index, pk string) error {
		in := &dynamodb.QueryInput{TableName: name, KeyConditionExpression: aws.String("#pk = :pk"),
			ExpressionAttributeNames:  map[string]string{"#pk": index + "PK"},
			ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: pk}}}
		if index != "" {
			in.IndexName = aws.String(index)
		}
		_, err := table(as).Query(t.Context(), in)
		return err
	}
	get := func(as, pk string) error {
		_, err := table(as).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: name, Key: key(pk)})
		return err
	}
	batch := func(pks ...string) error {
		of := types.KeysAndAttributes{}
		for _, pk := range pks {
			of.Keys = append(of.Keys, key(pk))
		}
		_, err := table(create).BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{cloud.Table: of}})
		return err
	}
	transact := func(items ...types.TransactWriteItem) error {
		_, err := table(create).TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: items})
		return err
	}
	put := func(pk string) types.TransactWriteItem {
		return types.TransactWriteItem{Put: &types.Put{TableName: name, Item: key(pk)}}
	}
	remove := types.TransactWriteItem{Delete: &types.Delete{TableName: name, Key: key("STUDENT#1")}}
	_, errPut := table(create).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: name, Item: key("EVENT#1")})
	_, errScan := table("audit-list").Scan(t.Context(), &dynamodb.ScanInput{TableName: name})
	_, errDescribe := table(create).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: name})

	queues := sqs.New(sqs.Options{Region: cloud.Region, Credentials: provider(iam.Credentials(create)),
		BaseEndpoint: aws.String("http://sqs.local"), HTTPClient: inprocess.Client(c.SQS)})
	send := func(queue string) error {
		_, err := queues.SendMessage(t.Context(), &sqs.SendMessageInput{MessageBody: aws.String("x"),
			QueueUrl: aws.String("http://sqs.local/" + cloud.Account + "/" + queue)})
		return err
	}
	bucket := s3.New(s3.Options{Region: cloud.Region, Credentials: provider(iam.Credentials("imports-apply")),
		BaseEndpoint: aws.String("http://s3.local"), HTTPClient: inprocess.Client(c.S3), UsePathStyle: true})
	object := func(key string) error {
		_, err := bucket.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(cloud.Bucket), Key: aws.String(key)})
		return err
	}
	_, errObject := bucket.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(cloud.Bucket),
		Key: aws.String("imports/x"), Body: strings.NewReader("x")})
	mail := func(as string) error {
		of := sesv2.New(sesv2.Options{Region: cloud.Region, Credentials: provider(iam.Credentials(as)),
			BaseEndpoint: aws.String("http://ses.local"), HTTPClient: inprocess.Client(c.SES)})
		_, err := of.SendEmail(t.Context(), &sesv2.SendEmailInput{
			FromEmailAddress: aws.String("registrar@example.edu"), Destination: &sestypes.Destination{
				ToAddresses: []string{"a@example.edu"}},
			Content: &sestypes.EmailContent{Simple: &sestypes.Message{Subject: &sestypes.Content{Data: aws.String("x")},
				Body: &sestypes.Body{Text: &sestypes.Content{Data: aws.String("x")}}}},
		})
		return err
	}

	for what, c := range map[string]struct {
		err  error
		code string // empty: allowed
	}{
		"a key of its own":                       {get("terms-get", "TERM#1"), ""},
		"another kind of key":                    {get("terms-get", "STUDENT#1"), "AccessDeniedException"},
		"an administrator":                       {get("", "STUDENT#1"), ""},
		"a function that there is none of":       {get("nobody", "TERM#1"), "AccessDeniedException"},
		"a batch of keys of its own":             {batch("SEATS#1", "STUDENT#1"), ""},
		"a batch with one that is not":           {batch("SEATS#1", "MAIL#1"), "AccessDeniedException"},
		"a transaction":                          {transact(put("EVENT#1"), put("STUDENT#1")), ""},
		"a transaction with one key that is not": {transact(put("EVENT#2"), put("MAIL#1")), "AccessDeniedException"},
		"a transaction with one action too many": {transact(put("EVENT#2"), remove), "AccessDeniedException"},
		"what is allowed within transactions":    {errPut, "AccessDeniedException"},
		"an index":                               {query("terms-list", "GSI1", "TERMS"), ""},
		"another partition of an index":          {query("terms-list", "GSI1", "MAILS#UNKNOWN"), "AccessDeniedException"},
		"another index":                          {query("terms-list", "GSI2", "TERMS"), "AccessDeniedException"},
		"the table by a key of an index":         {query("terms-list", "", "TERMS"), "AccessDeniedException"},
		"a scan":                                 {errScan, "AccessDeniedException"},
		"the table's description":                {errDescribe, "AccessDeniedException"},
		"its queue":                              {send("audit"), ""},
		"another queue":                          {send("imports"), "AccessDenied"},
		"an object that is not there":            {object("imports/nothing"), "AccessDenied"},
		"an object elsewhere":                    {object("aws/lambda/x"), "AccessDenied"},
		"to write what it may read":              {errObject, "AccessDenied"},
		"mail":                                   {mail("notifications-send"), ""},
		"mail from elsewhere":                    {mail(create), "AccessDeniedException"},
	} {
		var refused smithy.APIError
		switch {
		case c.code == "" && c.err != nil:
			t.Errorf("%s: %v", what, c.err)
		case c.code != "" && (!errors.As(c.err, &refused) || refused.ErrorCode() != c.code ||
			!strings.Contains(refused.ErrorMessage(), "is not authorized to perform")):
			t.Errorf("%s: %v", what, c.err)
		}
	}
}
