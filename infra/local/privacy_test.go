package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/registrar/infra/local/client"
	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/sample"
	"example.com/registrar/shared/telemetry/telemetrytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// What no line of any log may have: the people that the test makes, and the secrets.
const (
	privateGiven  = "Quendolin"
	privateFamily = "Xiroszewska"
	privateNumber = "PRIV-4711"
	privateEmail  = "quendolin.xiroszewska@example.edu"
	privateOther  = "wim.vandergrunt@example.edu" // of an instructor, and whom an import tells of its end
	privateName   = "Wim Vandergrunt"
)

// observed is `make run` as a process of its own, whose every line is kept.
type observed struct {
	*testing.T
	port int
	log  *os.File
}

func observe(t *testing.T, env ...string) *observed {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := &observed{T: t, port: 20_000 + rand.IntN(20_000)}
	if o.log, err = os.Create(filepath.Join(t.TempDir(), "log")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Dir = filepath.Join("..", "..") // where `make run` is called
	cmd.Env = append(os.Environ(), append(env, "LOCAL=1", "LOG=json", "LOG_LEVEL=debug", "PORT="+strconv.Itoa(o.port))...)
	cmd.Stdout, cmd.Stderr = o.log, o.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // what it has to say is in the log
		o.log.Close()
	})
	for range 600 {
		if answer, err := http.Get(o.at(0) + "/health"); err == nil {
			answer.Body.Close()
			return o
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("it does not come up: %s", o.text())
	return nil
}

func (o *observed) at(n int) string { return "http://127.0.0.1:" + strconv.Itoa(o.port+n) }

func (o *observed) text() []byte {
	o.Helper()
	text, err := os.ReadFile(o.log.Name())
	if err != nil {
		o.Fatal(err)
	}
	return text
}

// await waits until a line of the log has all of the texts.
func (o *observed) await(texts ...string) {
	o.Helper()
	const patience = time.Minute
	for began := time.Now(); time.Since(began) < patience; time.Sleep(100 * time.Millisecond) {
		for line := range strings.Lines(string(o.text())) {
			if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
				return
			}
		}
	}
	o.Errorf("no line of the log has %q", texts)
}

// send sends a request and gives the answer's status and body.
func (o *observed) send(method, address, body string, headers ...string) (status int, text string) {
	o.Helper()
	if strings.HasPrefix(address, "/") {
		address = o.at(0) + address
	}
	r, err := http.NewRequestWithContext(o.Context(), method, address, strings.NewReader(body))
	if err != nil {
		o.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		o.Fatal(err)
	}
	defer answer.Body.Close()
	out, err := io.ReadAll(answer.Body)
	if err != nil {
		o.Fatal(err)
	}
	return answer.StatusCode, string(out)
}

// create makes a record and gives its id.
func (o *observed) create(resource, body string) string {
	o.Helper()
	status, text := o.send(http.MethodPost, "/v1/"+resource, body)
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(text), &made); err != nil || status != http.StatusCreated {
		o.Fatalf("%s: %d %s", resource, status, text)
	}
	return made.ID
}

// people asks for much that names the private people, most of it wrong.
func (o *observed) people(student string) (statuses map[int]int) {
	o.Helper()
	statuses = map[int]int{}
	same := fmt.Sprintf(`{"number": %q, "givenName": %q, "familyName": %q, "email": %q}`, privateNumber, privateGiven,
		privateFamily, privateEmail)
	for _, r := range []struct{ method, address, body string }{
		{http.MethodGet, "/v1/students/" + student, ""},
		{http.MethodGet, "/v1/students?number=" + privateNumber, ""},
		{http.MethodGet, "/v1/students?name=" + privateFamily, ""},
		{http.MethodGet, "/v1/students?name=" + privateFamily + "&name=" + privateGiven, ""},
		{http.MethodGet, "/v1/students?" + privateFamily + "=1", ""},
		{http.MethodGet, "/v1/students?cursor=" + privateFamily, ""},
		{http.MethodGet, "/v1/students/" + privateNumber, ""},
		{http.MethodGet, "/v1/" + privateFamily, ""},
		{http.MethodGet, "/v1/audit?student=" + student, ""},
		{http.MethodPost, "/v1/students", same},
		{http.MethodPost, "/v1/students", strings.Replace(same, privateEmail, privateEmail+" "+privateEmail, 1)},
		{http.MethodPost, "/v1/students", strings.Replace(same, "email", privateFamily, 1)},
		{http.MethodPost, "/v1/students", strings.Replace(same, `"`+privateGiven+`"`, `["`+privateGiven+`"]`, 1)},
		{http.MethodPost, "/v1/students", same[:len(same)-4]},
		{http.MethodPost, "/v1/students", same + strings.Repeat(" ", 300<<10)},
		{http.MethodPatch, "/v1/students/" + student, fmt.Sprintf(`{"familyName": %q}`, privateFamily)},
		{http.MethodPut, "/v1/students/" + student, same},
		{http.MethodPost, "/v1/instructors", fmt.Sprintf(`{"name": %q, "email": %q}`, privateName, privateOther)},
		{http.MethodPost, "/v1/imports", fmt.Sprintf(`{"kind": "sections", "term": %q, "notify": %q}`, privateName,
			privateOther)},
		{http.MethodPost, "/v1/imports", fmt.Sprintf(`{"kind": "sections", "term": %q, "notify": %q}`,
			sample.ID(sample.KindTerm, 3), privateName)},
		{http.MethodPost, "/v1/unsubscribe/" + privateFamily, ""},
		{http.MethodPatch, "/v1/students/" + student + "/mail-preferences", fmt.Sprintf(`{"off": [%q]}`, privateFamily)},
	} {
		status, _ := o.send(r.method, r.address, r.body, "Idempotency-Key", privateFamily+strconv.Itoa(rand.Int()),
			"If-Match", `"`+privateFamily+`"`,
			"Cookie", "name="+privateFamily, "User-Agent", privateName, "Authorization", "Bearer "+privateFamily,
			"X-Correlation-Id", privateName)
		statuses[status]++
	}
	return statuses
}

// imports takes a file the whole way.
func (o *observed) imports(kind, term, file string) (upload string) {
	o.Helper()
	status, text := o.send(http.MethodPost, "/v1/imports", fmt.Sprintf(`{"kind": %q, "term": %q, "notify": %q}`, kind,
		term, privateOther))
	var asked struct {
		ID     string
		Upload struct {
			Method, URL string
			Headers     map[string]string
		}
	}
	if err := json.Unmarshal([]byte(text), &asked); err != nil || status >= http.StatusBadRequest {
		o.Fatalf("import: %d %s", status, text)
	}
	var headers []string
	for name, value := range asked.Upload.Headers {
		headers = append(headers, name, value)
	}
	if status, text := o.send(asked.Upload.Method, asked.Upload.URL, file, headers...); status != http.StatusOK {
		o.Fatalf("upload: %d %s", status, text)
	}
	for range 600 {
		_, text := o.send(http.MethodGet, "/v1/imports/"+asked.ID, "")
		if strings.Contains(text, `"FINISHED"`) || strings.Contains(text, `"FAILED"`) {
			return asked.Upload.URL
		}
		time.Sleep(50 * time.Millisecond)
	}
	o.Fatalf("the import does not end")
	return ""
}

// TestLogsTellNothingOfPeople runs the whole of it, with the sample's people and some of its own, asks for all sorts of
// things, lets much fail, has mail sent, and then reads every line that was logged, debug lines too: no name, address,
// student number or secret is in any. PROCESSES=1: the functions' real binaries run (make build-local builds them).
func TestLogsTellNothingOfPeople(t *testing.T) {
	env := []string{"FAULTS=dynamodb:TransactWriteItems conflict=20%,lost-reply=10%; sqs duplicate=20%"}
	if os.Getenv("PROCESSES") != "" {
		env = append(env, "LAMBDA=processes")
	}
	o := observe(t, env...)
	people := o.sampled()
	student := o.create("students", fmt.Sprintf(`{"number": %q, "givenName": %q, "familyName": %q, "email": %q}`,
		privateNumber, privateGiven, privateFamily, privateEmail))
	bouncing := o.create("students",
		fmt.Sprintf(`{"number": "%s-2", "givenName": %q, "familyName": %q, "email": "bounce+%s@simulator.amazonses.com"}`,
			privateNumber, privateGiven, privateFamily, privateNumber))
	section := "/v1/sections/" + sample.ID(sample.KindSection, sample.Sections) + "/registrations"
	for _, id := range []string{student, bouncing, student} {
		o.send(http.MethodPost, section, fmt.Sprintf(`{"student": %q}`, id))
	}
	o.await(`"a mail was dealt with"`, `"SENT"`)
	o.await(`"feedback on a mail"`, `"Permanent`)
	o.send(http.MethodDelete, section+"/"+student, "")
	asked := o.people(student)
	const header = "course_crn,short_name,full_name,course_type,course_credit_hours,course_days_of_the_week," +
		"course_start_time,course_end_time,course_start_date,course_end_date,course_location,course_instructor," +
		"course_max_enroll,course_section,description,raw_precoreqs,prerequisites,school\n"
	term := sample.ID(sample.KindTerm, 3)
	uploads := []string{
		o.imports("sections", term, header+"90001,BIOL-1010,Title,LEC,4,MR,10:00AM,11:50AM,2027-05-17,2027-08-13,Hall 1,"+
			privateName+",30,01,,,[],School\n"),
		o.imports("registrations", sample.ID(sample.KindTerm, 1), "student_number,term,crn\n"+privateNumber+
			",2027-SPRING,20001\nPRIV-404,2027-SPRING,20001\n"+privateNumber+",nowhere,20001\n"),
		o.imports("registrations", sample.ID(sample.KindTerm, 1), privateName+"\n\""),
	}
	o.await(`"a mail was dealt with"`, `"import-finished"`)
	o.garbage()
	o.await(`"a message is given up"`)
	o.forgetTheTable()
	failed := o.people(student)
	o.await(`"level":"ERROR"`, `"the request failed"`)
	o.await(`"level":"DEBUG"`, `"DynamoDB.GetItem"`, `"error"`)

	if asked[http.StatusOK] < 3 || asked[http.StatusUnprocessableEntity] < 3 ||
		asked[http.StatusBadRequest] < 3 || failed[http.StatusInternalServerError] < 5 {
		t.Errorf("the requests were answered otherwise than meant: %v, and without a table %v", asked, failed)
	}
	secrets := []string{cloud.CursorKey, cloud.UnsubscribeKey, "X-Amz-Signature", "Bearer"}
	for _, upload := range uploads {
		address, err := url.Parse(upload)
		if err != nil || address.Query().Get("X-Amz-Signature") == "" {
			t.Fatalf("the upload's address %q: %v", upload, err)
		}
		secrets = append(secrets, address.Query().Get("X-Amz-Signature"))
	}
	o.read(append(people, privateGiven, privateFamily, privateNumber, "PRIV-404", privateEmail, privateOther, privateName,
		"Vandergrunt"), secrets)
}

// sampled are the names, addresses and numbers of the sample's people.
func (o *observed) sampled() []string {
	o.Helper()
	type person struct{ Number, GivenName, FamilyName, Name, Email string }
	api := client.New(o.at(0), 1)
	var texts []string
	for _, list := range []string{"/v1/students", "/v1/instructors"} {
		all, err := client.All[person](o.Context(), api, list, url.Values{})
		if err != nil || len(all) < 20 {
			o.Fatalf("%s: %d, %v", list, len(all), err)
		}
		for _, p := range all {
			texts = append(texts, p.Number, p.GivenName, p.FamilyName, p.Name, p.Email)
		}
	}
	slices.Sort(texts)
	return slices.DeleteFunc(slices.Compact(texts), func(text string) bool { return text == "" })
}

// garbage sends messages that nobody can read to all queues.
func (o *observed) garbage() {
	o.Helper()
	queues := sqs.New(sqs.Options{
		Region: cloud.Region, BaseEndpoint: aws.String(o.at(2)), Credentials: credentials.StaticCredentialsProvider{
			Value: cloud.Credentials()},
	})
	all, err := queues.ListQueues(o.Context(), &sqs.ListQueuesInput{})
	if err != nil || len(all.QueueUrls) < 4 {
		o.Fatalf("queues: %v, %v", all, err)
	}
	for _, address := range all.QueueUrls {
		for _, body := range []string{
			privateName, `{"specversion": "1.0", "id": "1", "data": {"name": "` + privateName +
				`"}}`, `{"specversion": "1.0", "id": "1", "time": "` + privateName + `"}`,
			`{"Type": "Notification", "Message": "{\"eventType\": \"Bounce\", \"bounce\": {\"timestamp\": \"` + privateName +
				`\"}}"}`,
		} {
			in := &sqs.SendMessageInput{QueueUrl: &address, MessageBody: &body}
			if strings.HasSuffix(address, ".fifo") {
				in.MessageGroupId, in.MessageDeduplicationId = aws.String("g"), aws.String(strconv.Itoa(rand.Int()))
			}
			if _, err := queues.SendMessage(o.Context(), in); err != nil {
				o.Fatal(err)
			}
		}
	}
}

// forgetTheTable deletes the table: from now on every request fails that needs it.
func (o *observed) forgetTheTable() {
	o.Helper()
	table := dynamodb.New(dynamodb.Options{
		Region: cloud.Region, BaseEndpoint: aws.String(o.at(1)), Credentials: credentials.StaticCredentialsProvider{
			Value: cloud.Credentials()},
	})
	if _, err := table.DeleteTable(context.WithoutCancel(o.Context()),
		&dynamodb.DeleteTableInput{TableName: aws.String(cloud.Table)}); err != nil {
		o.Fatal(err)
	}
}

// read reads all that was logged. A person's text must not stand in it as a word, nor a secret anywhere.
func (o *observed) read(people, secrets []string) {
	o.Helper()
	quoted := make([]string, len(people))
	for i, text := range people {
		quoted[i] = regexp.QuoteMeta(text)
	}
	gatewayID := regexp.MustCompile(`[A-Za-z0-9_-]{15}=`) // of a request; drawn, so that short names are in some
	forbidden := regexp.MustCompile(`\b(` + strings.Join(quoted, "|") + `)\b|(?i)` + privateFamily + "|" + privateGiven +
		"|" + privateEmail + "|" + privateNumber)
	if !forbidden.MatchString(`{"name":"` + people[0] + `"}`) {
		o.Fatal("the test finds nothing")
	}
	levels := map[string]int{}
	for line := range bytes.Lines(o.text()) {
		if at := forbidden.Find(gatewayID.ReplaceAll(line, nil)); at != nil {
			o.Errorf("a line has %s:\n%s", at, line)
		}
		for _, text := range secrets {
			if bytes.Contains(line, []byte(text)) {
				o.Errorf("a line has the secret %s:\n%s", text, line)
			}
		}
		var read struct{ Level, Message string }
		if line[0] == '{' {
			_, err := telemetrytest.Check(line)
			if err != nil || json.Unmarshal(line, &read) != nil {
				o.Errorf("a line that is not as it should be: %v\n%s", err, line)
			}
		}
		levels[read.Level]++
	}
	o.Logf("lines by level: %v", levels)
	if levels["DEBUG"] < 100 || levels["INFO"] < 50 || levels["ERROR"] < 5 {
		o.Errorf("the log is not whole: %v", levels)
	}
}
