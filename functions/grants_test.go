package functions_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/functions/audit"
	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/iam"
	"example.com/registrar/infra/local/sample"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/mail/unsubscribe"
	"example.com/registrar/shared/reconcile"
	"example.com/registrar/shared/schedule"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
)

// iamCall is one thing that a function does, or may do: an action on a thing, and of the table on which partitions.
type iamCall struct {
	function, action, on string
	within               string // the operation that encloses it
	keys                 string // the pattern of a partition key
}

func (c iamCall) String() string {
	parts := []string{c.action, "on", c.on}
	if c.keys != "" {
		parts = append(parts, c.keys)
	}
	if c.within != "" {
		parts = append(parts, "within", c.within)
	}
	return strings.Join(parts, " ")
}

// observeCall notes what a function asks an engine for, as narrowly as a policy could say it.
func (c *campus) observeCall(call iam.Call) {
	if !call.Allowed {
		c.Errorf("%s was denied %+v", call.Principal, call.Request)
	}
	made := iamCall{function: call.Principal, action: call.Request.Action, on: call.Request.Resource}
	if strings.HasPrefix(made.action, "s3:") { // of objects, their prefix
		made.on = made.on[:strings.LastIndex(made.on, "/")+1] + "*"
	}
	keys := []string{""}
	for _, attribute := range call.Request.Context {
		switch attribute.Key {
		case "dynamodb:LeadingKeys":
			keys = keys[:0]
			for _, key := range attribute.Values {
				keys = append(keys, dynamo.KeyPattern(key))
			}
		case "dynamodb:EnclosingOperation":
			made.within = attribute.Values[0]
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range keys {
		made.keys = key
		c.calls[made] = true
	}
}

// interference is what happens between a function and the table, once.
type interference struct {
	operation string // of DynamoDB
	about     string // a text that the request has
	// do gets the request's body, and reports whether it has answered.
	do func(w http.ResponseWriter, body string) bool
}

// interposed stands before the table.
type interposed struct {
	*campus

	next http.Handler
}

// ServeHTTP implements [http.Handler].
func (i interposed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := i.interfere.Load()
	if now == nil || !strings.HasSuffix(r.Header.Get("X-Amz-Target"), now.operation) {
		i.next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		i.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if strings.Contains(string(body), now.about) && i.interfere.CompareAndSwap(now, nil) && now.do(w, string(body)) {
		return
	}
	i.next.ServeHTTP(w, r)
}

// interpose lets [campus.meanwhile] and [campus.answerOnce] reach functions that are wired from now on.
func (c *campus) interpose() {
	c.Helper()
	engines := c.cloud.Engines
	engines.DynamoDB = interposed{c, engines.DynamoDB}
	c.open(engines)
}

// meanwhile does something right before the next such request is carried out.
func (c *campus) meanwhile(operation, about string, do func(body string)) {
	c.interfere.Store(&interference{operation, about, func(_ http.ResponseWriter, body string) bool {
		do(body)
		return false
	}})
}

// answerOnce has the next such request answered so.
func (c *campus) answerOnce(operation, about, answer string) {
	c.interfere.Store(&interference{operation, about, func(w http.ResponseWriter, _ string) bool {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, answer)
		return true
	}})
}

// happened is an error when an interference never came about.
func (c *campus) happened(what string) {
	c.Helper()
	if c.interfere.Swap(nil) != nil {
		c.Errorf("%s: nothing was interfered with", what)
	}
}

// granted is all that the manifest lets a function do.
func granted(f functions.Function) []iamCall {
	var all []iamCall
	for _, g := range f.Grants() {
		keys := g.Keys
		if len(keys) == 0 {
			keys = []string{""}
		}
		for _, action := range g.Actions {
			for _, thing := range g.On {
				for _, key := range keys {
					all = append(all, iamCall{f.Name, action, cloud.ARN(f, thing), g.Within, key})
				}
			}
		}
	}
	return all
}

// checkGrants holds the manifest to what was done: neither more nor less.
func (c *campus) checkGrants(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	done := maps.Clone(c.calls)
	c.mu.Unlock()
	for _, f := range functions.All() {
		for _, may := range granted(f) {
			if !done[may] {
				t.Errorf("%s is granted what it never did: %s", f.Name, may)
			}
			delete(done, may)
		}
	}
	for _, more := range slices.SortedFunc(maps.Keys(done), func(a, b iamCall) int {
		return strings.Compare(a.function+a.String(), b.function+b.String())
	}) {
		t.Errorf("%s does what it is not granted: %s", more.function, more)
	}
}

// testGrants holds the manifest to what functions do: in all cases of testdata, which ran before, in their events, and
// in what is rare, which is brought about here.
func (g *golden) testGrants(t *testing.T) {
	g.interpose()
	g.miscount()
	for _, f := range functions.All() {
		if f.Operations == nil && f.Name != "audit-reconcile" {
			g.work(f.Name, "")
		}
	}
	g.reconcile()
	g.rareChanges()
	g.rareRegistrations()
	g.rareRefreshes()
	g.rareImports()
	g.rareSchedules()
	g.rareMails()
	g.rareMessages()
	g.checkGrants(t)
}

// does sends a request that must be answered so.
func (c *campus) does(status int, method, address, body string, headers ...string) answered {
	c.Helper()
	got := c.ask(method, address, body, headers...)
	if got.status != status {
		c.Errorf("%s %s: %d %v, want %d", method, address, got.status, got.body, status)
	}
	return got
}

// work has a function that no request calls handle its event, of a queue with another message unless that is empty.
func (c *campus) work(name, message string) string {
	c.Helper()
	f := functions.All()[functionNamed(functions.All(), name)]
	event := eventOf(c, name)
	if message != "" {
		var of events.SQSEvent
		if err := json.Unmarshal(event, &of); err != nil {
			c.Fatal(err)
		}
		of.Records[0].Body = message
		var err error
		if event, err = json.Marshal(of); err != nil {
			c.Fatal(err)
		}
	}
	out, err := f.Handler(c.adapters(f), c.settings(f)).Invoke(c.Context(), event)
	if err != nil {
		c.Errorf("%s: %v", name, err)
	}
	return string(out)
}

func id(kind, n int) string { return sample.ID(kind, n) }

// rareChanges are of records: what testdata has no case of.
func (c *campus) rareChanges() {
	always := []string{"If-Match", "*"}
	term := "/v1/terms/" + id(sample.KindTerm, 1)
	c.does(http.StatusOK, http.MethodPatch, term, `{"end": "2027-05-07"}`, always...)
	c.does(http.StatusNoContent, http.MethodDelete, "/v1/courses/"+id(sample.KindCourse, sample.Courses), "",
		"If-Match", `"1", "2"`)
	c.does(http.StatusOK, http.MethodGet, "/v1/sections?term="+id(sample.KindTerm, 1), "")
	alone := c.does(http.StatusCreated, http.MethodPost, "/v1/sections", fmt.Sprintf(
		`{"term": %q, "course": %q, "crn": "90031", "capacity": 1}`, id(sample.KindTerm, 2), id(sample.KindCourse, 1)))
	c.does(http.StatusNoContent, http.MethodDelete, fmt.Sprint("/v1/sections/", alone.at("id")), "", always...)
	c.does(http.StatusOK, http.MethodPatch, "/v1/students/"+id(sample.KindStudent, 1), `{"number": "U7654321"}`, always...)
	c.does(http.StatusOK, http.MethodPatch, "/v1/instructors/"+id(sample.KindInstructor, 1), `{"number": "E1"}`, always...)
	c.does(http.StatusOK, http.MethodPatch, "/v1/instructors/"+id(sample.KindInstructor, 1), `{"number": "E2"}`, always...)
}

// conflict is an answer to a transaction of four.
const conflict = `{"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "Message": "a conflict",
	"CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}, {"Code": "None"}, {"Code": "None"}]}`

// rareRegistrations are those that meet others.
func (c *campus) rareRegistrations() {
	registrations := "/v1/sections/" + id(sample.KindSection, sample.Sections) + "/registrations"
	termRecord := "TERM#" + id(sample.KindTerm, 1)
	student := func(n int) (id, body string) {
		id = sample.ID(sample.KindStudent, n)
		return id, fmt.Sprintf(`{"student": %q}`, id)
	}
	enrolled := func(n int, headers ...string) string {
		of, body := student(n)
		c.does(http.StatusCreated, http.MethodPost, registrations, body, headers...)
		return of
	}

	// another transaction is in the way
	c.answerOnce("TransactWriteItems", "SEATS#", conflict)
	enrolled(499)
	c.happened("a conflict")

	// the same request comes twice, and the other is quicker
	c.meanwhile("TransactWriteItems", "ANSWER#", func(string) { enrolled(498, "Idempotency-Key", "twice") })
	of := enrolled(498, "Idempotency-Key", "twice")
	c.happened("an enrolment meanwhile")
	drop := func() {
		c.does(http.StatusOK, http.MethodDelete, registrations+"/"+of, "", "Idempotency-Key", "twice-dropped")
	}
	c.meanwhile("TransactWriteItems", "ANSWER#", func(string) { drop() })
	drop()
	c.happened("a drop meanwhile")

	// the student changed after it was read, and before the term record was
	renamed := func(i item) item { return with("studentVersion", 2)(i) }
	of = enrolled(497)
	c.edit("STUDENT#"+of, termRecord, renamed)
	c.ask(http.MethodDelete, registrations+"/"+of, "")
	c.edit("STUDENT#"+of, termRecord, renamed)
	_, body := student(497)
	c.ask(http.MethodPost, registrations, body)
}

// rareRefreshes are of copies: of a section, a student and a course that changed.
func (c *campus) rareRefreshes() {
	section := id(sample.KindSection, sample.Sections)
	student := id(sample.KindStudent, 496)
	c.does(http.StatusCreated, http.MethodPost, "/v1/sections/"+section+"/registrations",
		fmt.Sprintf(`{"student": %q}`, student))
	always := []string{"If-Match", "*"}
	course := c.does(http.StatusOK, http.MethodPatch, "/v1/sections/"+section, `{"crn": "90041"}`, always...).at("course")
	c.does(http.StatusOK, http.MethodPatch, fmt.Sprint("/v1/courses/", course), `{"title": "Another title"}`, always...)
	c.does(http.StatusOK, http.MethodPatch, "/v1/students/"+student, `{"familyName": "Other"}`, always...)
	changed := func(kind string, id any, field string) {
		c.work("registrations-refresh", fmt.Sprintf(`{"specversion": "1.0", "id": "01940000-0000-7000-8000-0000000000ad",
			"source": "/registrar", "type": "registrar.%s.updated.v1", "time": "2026-11-24T13:00:00Z",
			"subject": "%s/%v", "datacontenttype": "application/json", "actor": "anonymous", "recordversion": 2,
			"data": {"changed": [%q]}}`, kind, kind, id, field))
	}
	changed("section", section, "crn")
	changed("student", student, "familyName")
	changed("course", course, "title")
	c.edit("STUDENT#"+student, "TERM#"+id(sample.KindTerm, 1), with("studentVersion", 9))
	changed("student", student, "familyName")
}

// imports uploads a file and applies it.
func (c *campus) imports(kind, term, file string) {
	c.Helper()
	of := ""
	if term != "" {
		of = fmt.Sprintf(`, "term": %q`, term)
	}
	made := c.does(http.StatusCreated, http.MethodPost, "/v1/imports", fmt.Sprintf(`{"kind": %q%s}`, kind, of))
	address, _ := made.at("upload.url").(string)
	address, _, _ = strings.Cut(address, "?") // it was signed now, and the campus has another time
	upload := httptest.NewRequest(http.MethodPut, address, strings.NewReader(file))
	upload.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+iam.AccessKey("imports-create")+"/rest")
	upload.Header.Set("Content-Type", "text/csv")
	upload.Header.Set("Content-Length", strconv.Itoa(len(file)))
	w := httptest.NewRecorder()
	if c.cloud.S3.ServeHTTP(w, upload); w.Code != http.StatusOK {
		c.Fatalf("upload: %d %s", w.Code, w.Body)
	}
	id, _ := made.at("id").(string)
	if out := c.work("imports-apply", announced(id)); out != `{"batchItemFailures":[]}` {
		c.Errorf("import of %s: %s\n%s", kind, out, c.logged())
	}
	if got := c.does(http.StatusOK, http.MethodGet, "/v1/imports/"+id, ""); got.at("endedAt") == nil {
		c.Errorf("import of %s: %v", kind, got.body)
	}
}

// announced is what S3 says of an upload's arrival.
func announced(id string) string {
	return `{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": ` +
		`"registrar-imports"}, "object": {"key": "imports/` + id + `", "size": 1}}}]}`
}

// rareImports are of each kind of file, twice, so that the second changes what the first made.
func (c *campus) rareImports() {
	summer, spring := id(sample.KindTerm, 3), id(sample.KindTerm, 1)
	c.imports("sections", summer, strings.ReplaceAll(sample.File(), "90001", "90051"))
	c.imports("sections", summer, strings.NewReplacer("90001", "90051", "Ada King", "Grace Hopper", "Introduction to",
		"Elements of").Replace(sample.File()))
	c.imports("instructors", "", "number,name,email\nE77,Mary Jackson,mary@example.edu\n,Katherine Johnson,\n")
	c.imports("instructors", "", "number,name,email\nE77,Mary Jackson,mary.jackson@example.edu\n")
	c.imports("students", "", "number,given_name,family_name,email\nU7000001,Alan,Kay,alan@example.edu\n")
	c.imports("students", "", "number,given_name,family_name,email\nU7000001,Alan,Kaye,alan.kaye@example.edu\n")
	row := "U7000001,2027-SPRING,20001\n"
	header := "student_number,term,crn\n"
	c.answerOnce("TransactWriteItems", "SEATS#", strings.Replace(conflict, `{"Code": "None"}`,
		`{"Code": "None"}, {"Code": "None"}, {"Code": "None"}`, 1))
	c.imports("registrations", spring, header+row+"U1000490,2027-SPRING,1\n") // the second is refused, and audited
	c.happened("a conflict of an import")

	// somebody else's answer is under the row's key
	c.meanwhile("TransactWriteItems", "ANSWER#", func(body string) {
		pk := regexp.MustCompile(`ANSWER#[^"]*`).FindString(body)
		c.edit(pk, "ANSWER", func(i item) item {
			i["request"], i["reply"] = &types.AttributeValueMemberB{Value: []byte("x")},
				&types.AttributeValueMemberB{Value: []byte("y")}
			return with("expires", 4_000_000_000)(i)
		})
	})
	c.imports("registrations", spring, header+"U1000489,2027-SPRING,20002\n")
	c.happened("another answer")
	c.edit("STUDENT#"+id(sample.KindStudent, 1), "TERM#"+spring, with("studentVersion", 99))
	c.imports("registrations", spring, header+"U7654321,2027-SPRING,20003\n")

	// a name that imports made, with a number now, is deleted
	var person string
	for _, one := range c.does(http.StatusOK, http.MethodGet, "/v1/instructors?limit=100", "").body["items"].([]any) {
		if of, _ := one.(map[string]any); of["name"] == "Katherine Johnson" {
			person, _ = of["id"].(string)
		}
	}
	c.does(http.StatusOK, http.MethodPatch, "/v1/instructors/"+person, `{"number": "E78"}`, "If-Match", "*")
	c.does(http.StatusNoContent, http.MethodDelete, "/v1/instructors/"+person, "", "If-Match", `"2", "3"`)
}

// rareSchedules find an import that stands still, and the relay something else than a registration.
func (c *campus) rareSchedules() {
	stood := c.does(http.StatusCreated, http.MethodPost, "/v1/imports", `{"kind": "students"}`)
	c.edit(fmt.Sprint("IMPORT#", stood.at("id")), "IMPORT", func(i item) item {
		return with("updatedAt", "2026-11-20T00:00:00.000Z")(with("state", "RUNNING")(i))
	})
	late := c.does(http.StatusCreated, http.MethodPost, "/v1/imports", `{"kind": "students"}`)
	c.edit(fmt.Sprint("IMPORT#", late.at("id")), "IMPORT", with("createdAt", "2026-11-20T00:00:00.000Z"))
	c.edit("JOB#imports-sweep", "JOB", removed)
	c.work("imports-sweep", "")
	record := string(eventOf(c, "events-relay"))
	f := functions.All()[functionNamed(functions.All(), "events-relay")]
	section := strings.NewReplacer("registration.enrolled", "section.updated").Replace(record)
	if _, err := f.Handler(c.adapters(f), consumer.Settings{}).Invoke(c.Context(), []byte(section)); err != nil {
		c.Error(err)
	}
}

// reconcile runs the nightly audit as its function does, but for the time that it lets counts settle.
func (c *campus) reconcile() {
	f := functions.All()[functionNamed(functions.All(), "audit-reconcile")]
	a := c.adapters(f)
	task := audit.Reconcile(schedule.Settings{
		Name: f.Name, Expression: schedule.MustParse(f.Schedule.Expression), Registry: a.Store, Clock: a.System.Clock,
		NewID: a.System.NewID, Log: a.Log,
	}, reconcile.Reconciler{Store: a.Store, Clock: a.System.Clock, NewID: a.System.NewID, Log: a.Log,
		Settle: time.Millisecond})
	due, _, _ := strings.Cut(strings.TrimPrefix(string(eventOf(c, f.Name)), `{ "due": "`), `"`)
	at, err := time.Parse(time.RFC3339, due)
	if err != nil {
		c.Fatal(err)
	}
	if err := task(c.Context(), at); err != nil {
		c.Error(err)
	}
}

// miscount makes counts wrong, of a record of each kind that the nightly audit reads again.
func (c *campus) miscount() {
	c.edit("SEATS#"+id(sample.KindSection, 1), "SEATS", with("taken", 99))
	c.edit("IMPORT#"+id(sample.KindImport, 1), "IMPORT", func(i item) item {
		return with("GSI1PK", "IMPORTS#ENDED")(with("rows", "5 1 1 1")(with("state", "FINISHED")(i)))
	})
}

// rareMails are of an import that ended, of a mail that two resolve at once, and to somebody who is no student.
func (c *campus) rareMails() {
	im := c.does(http.StatusCreated, http.MethodPost, "/v1/imports",
		`{"kind": "students", "notify": "office@example.edu"}`).at("id")
	c.work("notifications-send", fmt.Sprintf(`{"specversion": "1.0", "id": "01940000-0000-7000-8000-0000000000ae",
		"source": "/registrar", "type": "registrar.import.ended.v1", "time": "2026-11-24T13:00:00Z",
		"subject": "import/%v", "datacontenttype": "application/json", "actor": "anonymous", "recordversion": 2,
		"data": {"kind": "students", "term": "", "state": "FAILED", "rowsRead": 0, "rowsApplied": 0, "rowsRefused": 0}}`, im))
	resolve := func() {
		c.does(http.StatusOK, http.MethodPost, fmt.Sprintf("/v1/mails/%s/resolution", sample.Mail().ID), `{"as": "sent"}`,
			"Idempotency-Key", "resolved-twice")
	}
	c.meanwhile("TransactWriteItems", "MAIL#", func(string) { resolve() })
	resolve()
	c.happened("a resolution meanwhile")
	token := unsubscribe.New(cloud.UnsubscribeKey).Make(mail.OfAddress("office@example.edu"), mail.ImportFinished)
	event := payloadOf(c, "POST /v1/unsubscribe/"+token+
		"\ncontent-type: application/x-www-form-urlencoded\n\nList-Unsubscribe=One-Click")
	f := functions.All()[functionNamed(functions.All(), "preferences-unsubscribe")]
	if got := invoke(c, f.Handler(c.adapters(f), consumer.Settings{}), event); got.StatusCode != http.StatusOK {
		c.Errorf("unsubscribe: %d %s", got.StatusCode, got.Body)
	}
}

// rareMessages are dead letters of each queue, messages that nobody can read, and work that fails.
func (c *campus) rareMessages() {
	for _, f := range functions.All() {
		if f.Queue == nil {
			continue
		}
		for range 3 {
			letter := consumer.Message{ID: uuid.NewString(), Body: []byte("{}")}
			if err := c.cloud.Consumer(f).SendToDeadLetters(c.Context(), letter, "a test"); err != nil {
				c.Fatal(err)
			}
		}
		letters := "/v1/queues/" + f.Queue.Name + "/dead-letters"
		for _, end := range []string{"/replay", ""} {
			list := c.does(http.StatusOK, http.MethodGet, letters, "")
			items, _ := list.body["items"].([]any)
			if len(items) == 0 {
				c.Fatalf("%s: no dead letters: %v", f.Queue.Name, list.body)
			}
			letter, _ := items[0].(map[string]any)
			if end == "/replay" {
				c.does(http.StatusOK, http.MethodPost, fmt.Sprint(letters, "/", letter["message"], end), "")
			} else {
				c.does(http.StatusNoContent, http.MethodDelete, fmt.Sprint(letters, "/", letter["message"]), "")
			}
		}
		c.work(f.Name, "nobody can read this")
		c.answerOnce("", "", `{"__type": "com.amazon.coral.validate#ValidationException", "message": "planted"}`)
		c.work(f.Name, "")
		c.happened("a failure of " + f.Name)
	}
}
