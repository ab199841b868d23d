package kill_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/ses"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"
)

const (
	root = "../../.."
	// clients register side by side, as on a registration morning.
	clients = 64
	perHead = 20 // sections that a student takes
	// whatFails goes on all the time, besides the kills of the whole.
	whatFails = "lambda kill=1%; sqs duplicate=3% delay=..1s; dynamodb:TransactWriteItems conflict=2%,lost-reply=1%"
)

// campus is `make run`, which dies and comes back.
type campus struct {
	*testing.T
	binary, data string
	port         int
	mails        *ses.Engine // the test's own: what was sent is sent, whoever dies afterwards
	mailService  string

	mu      sync.Mutex
	running *exec.Cmd
	log     *os.File
}

// TestNothingIsLost makes KILL registrations (make kill says 10,000).
func TestNothingIsLost(t *testing.T) {
	wanted, err := strconv.Atoi(os.Getenv("KILL"))
	if err != nil || wanted < perHead {
		t.Skip("left out: KILL names no number of registrations (make kill does)")
	}
	c := open(t)
	c.start()
	defer c.stop()
	students, sections := wanted/perHead, perHead
	section, student := c.found(students, sections)

	ended := make(chan struct{})
	var kills int
	var killer sync.WaitGroup
	killer.Go(func() { kills = c.killAtRandom(ended, wanted) })
	confirmed, refused := c.register(student, section)
	close(ended)
	killer.Wait()
	if confirmed != students*sections {
		t.Fatalf("%d of %d registrations were confirmed", confirmed, students*sections)
	}
	t.Logf("%d registrations were confirmed, while the whole was killed %d times", confirmed, kills)
	c.settle()
	c.redrive()
	c.settle()
	if dead := c.dead(); len(dead) > 0 {
		t.Errorf("there are dead letters after all were moved back once: %v", dead)
	}
	c.audit(section, confirmed, refused)
}

// open builds nothing of the functions: make build-local has done that.
func open(t *testing.T) *campus {
	t.Helper()
	c := &campus{T: t, data: t.TempDir(), binary: filepath.Join(t.TempDir(), "registrar"), port: freePorts(t)}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", c.binary, "./infra/local")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for _, f := range functions.All() {
		if _, err := os.Stat(filepath.Join(root, ".build", "local", f.Name, "bootstrap")); err != nil {
			t.Fatalf("%v (make build-local)", err)
		}
	}
	var err error
	if c.log, err = os.Create(filepath.Join(t.TempDir(), "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.log.Close() })
	c.mails = ses.New(ses.Options{Identities: []string{"example.edu"}, ConfigurationSets: []string{cloud.ConfigurationSet},
		Keep: 1 << 20})
	service := httptest.NewServer(c.mails)
	t.Cleanup(service.Close)
	c.mailService = service.URL
	return c
}

// freePorts finds a port with free ones behind it, for the API and the engines.
func freePorts(t *testing.T) int {
	t.Helper()
	const engines, tries = 6, 50
next:
	for range tries {
		first := 20000 + rand.IntN(20000)
		for n := range engines {
			l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(first+n))
			if err != nil {
				continue next
			}
			_ = l.Close() // nothing was accepted
		}
		return first
	}
	t.Fatal("no free ports")
	return 0
}

func (c *campus) at(n int) string { return "http://127.0.0.1:" + strconv.Itoa(c.port+n) }

// start starts `make run` and waits until it answers.
func (c *campus) start() {
	c.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	cmd := exec.Command(c.binary)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "PORT="+strconv.Itoa(c.port), "SEED=none", "LAMBDA=processes", "DATA_DIR="+c.data,
		"DATA_SYNC=off",
		"FAULTS="+whatFails, "FAULTS_SEED="+strconv.Itoa(rand.IntN(1_000_000)), "AWS_ENDPOINT_URL_SESV2="+c.mailService,
		"VISIBILITY=20s") // what a killed function had comes back while the test runs, and what a slow one has comes twice
	cmd.Stdout, cmd.Stderr = c.log, c.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		c.Fatal(err)
	}
	c.running = cmd
	const patience = 2 * time.Minute
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		answer, err := http.Get(c.at(0) + "/health")
		if err != nil {
			continue
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return
		}
	}
	text, _ := os.ReadFile(c.log.Name())
	c.Fatalf("it does not start:\n%s", text[max(0, len(text)-4000):])
}

// kill ends the whole at once, and all functions with it, as a power cut does: they end with who started them (package
// lambda).
func (c *campus) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = syscall.Kill(-c.running.Process.Pid, syscall.SIGKILL)
	_ = c.running.Wait() // it was killed
}

func (c *campus) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.running.Process.Signal(syscall.SIGTERM)
	_ = c.running.Wait()
	_ = syscall.Kill(-c.running.Process.Pid, syscall.SIGKILL)
}

// killAtRandom kills and starts again until told to end: about once in so many registrations that it happens a few
// times.
func (c *campus) killAtRandom(ended <-chan struct{}, wanted int) (kills int) {
	longest := 4*time.Second + time.Duration(wanted/500)*time.Second
	for {
		select {
		case <-ended:
			return kills
		case <-time.After(longest/2 + rand.N(longest/2)):
		}
		c.kill()
		c.start()
		kills++
	}
}

// send asks until it is answered for certain; with its key, again has no second effect.
func (c *campus) send(method, path, key string, in any) (int, []byte) {
	text, err := json.Marshal(in)
	if err != nil {
		c.Fatal(err)
	}
	client := http.Client{Timeout: 40 * time.Second}
	const patience = 5 * time.Minute
	for began := time.Now(); time.Since(began) < patience; time.Sleep(100*time.Millisecond +
		rand.N(400*time.Millisecond)) {
		r, err := http.NewRequestWithContext(c.Context(), method, c.at(0)+path, bytes.NewReader(text))
		if err != nil {
			c.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
		answer, err := client.Do(r)
		if err != nil {
			continue
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode >= http.StatusInternalServerError ||
			answer.StatusCode == http.StatusTooManyRequests {
			continue
		}
		return answer.StatusCode, body
	}
	return 0, nil
}

// found makes a term, sections with a seat for every student, and students with addresses.
func (c *campus) found(students, sections int) (section, student []string) {
	c.Helper()
	create := func(path string, in map[string]any) string {
		status, body := c.send(http.MethodPost, path, uuid.NewString(), in)
		var made struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(body, &made); err != nil || status != http.StatusCreated {
			c.Errorf("POST %s: %d %s", path, status, body)
		}
		return made.ID
	}
	term := create("/v1/terms", map[string]any{"code": "KILL", "title": "T", "start": "2027-01-11", "end": "2027-05-08",
		"timeZone": "UTC", "registration": map[string]any{"open": "2000-01-01T00:00:00Z"}})
	for n := range sections {
		course := create("/v1/courses", map[string]any{"subject": "KILL", "number": fmt.Sprint(n), "title": "X",
			"credits": map[string]any{"min": 1, "max": 1}})
		section = append(section, create("/v1/sections", map[string]any{
			"term": term, "course": course, "crn": fmt.Sprint(n), "capacity": students, "status": "open",
		}))
	}
	student = make([]string, students)
	c.sideBySide(students, func(n int) {
		student[n] = create("/v1/students", map[string]any{
			"number": fmt.Sprint("K", n), "givenName": "G", "familyName": "F", "email": fmt.Sprintf("k%d@example.edu", n),
		})
	})
	if c.Failed() {
		c.FailNow()
	}
	return section, student
}

func (c *campus) sideBySide(n int, do func(n int)) {
	places := make(chan struct{}, clients)
	var all sync.WaitGroup
	for i := range n {
		places <- struct{}{}
		all.Go(func() { do(i); <-places })
	}
	all.Wait()
}

// register lets every student take every section, and one of them a second time. It says how many were confirmed, and
// how many refused.
func (c *campus) register(student, section []string) (confirmed, refused int) {
	var yes, no atomic.Int64
	c.sideBySide(len(student)*len(section), func(n int) {
		p, s := student[n/len(section)], section[n%len(section)]
		path, in := "/v1/sections/"+s+"/registrations", map[string]any{"student": p}
		if status, body := c.send(http.MethodPost, path, "register-"+p+"-"+s, in); status == http.StatusCreated {
			yes.Add(1)
		} else {
			c.Errorf("register: %d %s", status, body)
		}
		if n%len(section) > 0 {
			return
		}
		if status, body := c.send(http.MethodPost, path, "again-"+p+"-"+s, in); status == http.StatusConflict {
			no.Add(1)
		} else {
			c.Errorf("register again: %d %s", status, body)
		}
	})
	return int(yes.Load()), int(no.Load())
}

func (c *campus) table() *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region: cloud.Region, BaseEndpoint: aws.String(c.at(1)), Credentials: credentials.StaticCredentialsProvider{
			Value: cloud.Credentials()},
		RetryMaxAttempts: 10,
	})
}

func (c *campus) queues() *sqs.Client {
	return sqs.New(sqs.Options{
		Region: cloud.Region, BaseEndpoint: aws.String(c.at(2)), Credentials: credentials.StaticCredentialsProvider{
			Value: cloud.Credentials()},
		RetryMaxAttempts: 10,
	})
}

// depth tells what a queue holds: nothing when it is empty.
func (c *campus) depth(client *sqs.Client, queue string) (held []string) {
	c.Helper()
	url := c.at(2) + "/" + cloud.Account + "/" + queue
	out, err := client.GetQueueAttributes(c.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url,
		AttributeNames: []sqstypes.QueueAttributeName{"All"}})
	if err != nil {
		c.Fatal(err)
	}
	for _, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
		"ApproximateNumberOfMessagesDelayed"} {
		if n := out.Attributes[name]; n != "0" {
			held = append(held, queue+" "+name+" "+n)
		}
	}
	return held
}

// dead tells which queues have dead letters.
func (c *campus) dead() (held []string) {
	client := c.queues()
	for _, f := range functions.All() {
		if f.Queue != nil {
			held = append(held, c.depth(client, f.Queue.Name+"-dead")...)
		}
	}
	return held
}

// redrive is what an operator does with messages whose consumer was killed at each of their attempts: nobody knows a
// reason.
func (c *campus) redrive() {
	c.Helper()
	c.Logf("dead letters: %v", c.dead())
	client := c.queues()
	for _, f := range functions.All() {
		if f.Queue == nil {
			continue
		}
		arn := "arn:aws:sqs:" + cloud.Region + ":" + cloud.Account + ":" + f.Queue.Name
		_, err := client.StartMessageMoveTask(c.Context(),
			&sqs.StartMessageMoveTaskInput{SourceArn: aws.String(arn + "-dead"), DestinationArn: &arn})
		if err != nil {
			c.Fatal(err)
		}
	}
}

// settle waits until no queue holds anything, and the relay has had time to look at the stream again.
func (c *campus) settle() {
	c.Helper()
	client := c.queues()
	quiet := 0
	const patience, enough = 15 * time.Minute, 8
	var depths []string
	for began := time.Now(); time.Since(began) < patience; time.Sleep(time.Second) {
		depths = nil
		for _, f := range functions.All() {
			if f.Queue == nil {
				continue
			}
			depths = append(depths, c.depth(client, f.Queue.Name)...)
		}
		if quiet++; len(depths) > 0 {
			quiet = 0
		}
		if quiet == enough {
			return
		}
	}
	c.Fatalf("the queues do not become empty: %v", depths)
}

// audit counts, from the records.
func (c *campus) audit(section []string, confirmed, refused int) {
	c.Helper()
	client := c.table()
	store := dynamo.New(client, dynamo.Config{Table: cloud.Table, CursorKey: registrar.NewSecret(cloud.CursorKey)},
		time.Now)
	rows := 0
	for _, s := range section {
		rows += registrartest.CheckSeats(c.T, store, registrar.SectionID(s))
	}
	events, mails, states := map[string]bool{}, map[string]int{}, map[string]int{}
	audited := 0
	for pages := dynamodb.NewScanPaginator(client,
		&dynamodb.ScanInput{TableName: aws.String(cloud.Table)}); pages.HasMorePages(); {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			c.Fatal(err)
		}
		for _, i := range page.Items {
			pk := i["PK"].(*types.AttributeValueMemberS).Value
			switch {
			case dynamo.IsEvent(i):
				e, err := dynamo.EventOf(i)
				if err != nil {
					c.Fatal(err)
				}
				if e.Type == registrar.RegistrationEnrolled {
					events[string(e.ID)] = true
				}
			case strings.HasPrefix(pk, "REFUSED#"):
				audited++
			case strings.HasPrefix(pk, "MAIL#"):
				event := i["event"].(*types.AttributeValueMemberS).Value
				mails[event]++
				states[i["state"].(*types.AttributeValueMemberS).Value]++
			}
		}
	}
	sent := c.sentMails()
	twice := 0
	for _, n := range sent {
		if n > 1 {
			twice++
		}
	}
	c.Logf("%d rows, %d events, %d mails on record (%v), %d mails at the mail service, %d refusals in the audit", rows,
		len(events), len(mails), states, len(sent), audited)
	if audited < refused { // an answer that was lost was asked for again, and is another attempt
		c.Errorf("%d refusals were told, %d are in the audit", refused, audited)
	}
	if rows != confirmed || len(events) != confirmed {
		c.Errorf("%d confirmed, %d rows, %d events: want as many of each", confirmed, rows, len(events))
	}
	for e := range events {
		if mails[e] != 1 {
			c.Errorf("event %s has %d mails on record, want one: it was not handled, or twice", e, mails[e])
		}
	}
	if n := states[string(mail.Claimed)]; n > 0 {
		c.Errorf("%d mails are claimed, and nobody sends them", n)
	}
	if twice > 0 {
		c.Errorf("%d events were told twice", twice)
	}
	// What was sent is on record as sent or, when its function was killed before it could write so, as of unknown outcome.
	if lost := len(events) - len(sent); lost > states[string(mail.Unknown)] {
		c.Errorf("%d events have no mail at the mail service, but only %d mails are of unknown outcome", lost,
			states[string(mail.Unknown)])
	}
}

var errNoTag = errors.New("a mail without the tag of its event")

// sentMails are how many mails the mail service got, by event.
func (c *campus) sentMails() map[string]int {
	sent := map[string]int{}
	for _, m := range c.mails.Sent() {
		event := ""
		for _, tag := range m.Tags {
			if tag.Name == "event" {
				event = tag.Value
			}
		}
		if event == "" {
			c.Error(errNoTag)
		}
		sent[event]++
	}
	return sent
}
