package sqs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	local "example.com/registrar/infra/local/sqs"
)

// stocked is an engine with messages in all states: waiting, delayed, in flight, dead, and known to a FIFO queue.
type stocked struct {
	*testing.T
	*local.Engine
	now time.Time
}

func newStocked(t *testing.T, changed func([]byte)) *stocked {
	s := &stocked{T: t, now: time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)}
	s.Engine = local.New(local.Options{Region: "us-east-1", Account: "123456789012", Endpoint: "http://sqs.local",
		Now: func() time.Time { return s.now }, Changed: changed})
	s.ask("CreateQueue", `{"QueueName": "dead"}`)
	s.ask("CreateQueue", `{"QueueName": "q", "Attributes": {"RedrivePolicy":
		"{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:123456789012:dead\",\"maxReceiveCount\":1}"}}`)
	s.ask("CreateQueue", `{"QueueName": "q.fifo", "Attributes": {"FifoQueue": "true"}}`)
	return s
}

func (s *stocked) ask(operation, body string) string {
	s.Helper()
	w := post(s.Engine, operation, body)
	if w.Code != http.StatusOK {
		s.Fatalf("%s: %d %s", operation, w.Code, w.Body)
	}
	return w.Body.String()
}

func address(queue string) string { return `"QueueUrl": "http://sqs.local/123456789012/` + queue + `"` }

// batches has so many messages done ten at a time.
func batches(messages int, do func(from, to int)) {
	const atOnce = 10
	for n := 0; n < messages; n += atOnce {
		do(n, min(n+atOnce, messages))
	}
}

func (s *stocked) send(queue string, from, to int, more string) {
	var entries []string
	for n := from; n < to; n++ {
		entry := fmt.Sprintf(`{"Id": "%d", "MessageBody": "%s"`, n, strings.Repeat("x", 200))
		if strings.HasSuffix(queue, ".fifo") {
			entry += fmt.Sprintf(`, "MessageGroupId": "group-%d", "MessageDeduplicationId": "%d-%d"`, n%50, n, s.now.Unix())
		}
		entries = append(entries, entry+more+"}")
	}
	if text := s.ask("SendMessageBatch", `{`+address(queue)+`, "Entries": [`+strings.Join(entries, ",")+`]}`); strings.
		Contains(text, `"Failed"`) {
		s.Fatal(text)
	}
}

func (s *stocked) receive(queue string, most, seconds int) (handles []string) {
	var got struct {
		Messages []struct{ ReceiptHandle string }
	}
	text := s.ask("ReceiveMessage", fmt.Sprintf(`{%s, "MaxNumberOfMessages": %d, "VisibilityTimeout": %d}`, address(queue),
		most, seconds))
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		s.Fatal(err)
	}
	for _, m := range got.Messages {
		handles = append(handles, m.ReceiptHandle)
	}
	return handles
}

// fill puts so many messages into each state.
func (s *stocked) fill(messages int) {
	const long = 40_000
	batches(messages, func(from, to int) { s.send("q", from, to, "") })
	batches(messages, func(int, int) { s.receive("q", 10, 1) })
	s.now = s.now.Add(2 * time.Second)
	s.receive("q", 10, 1) // which finds that all of them were received too often
	batches(messages, func(from, to int) { s.send("q", from, to, "") })
	batches(messages, func(int, int) { s.receive("q", 10, long) })
	batches(messages, func(from, to int) { s.send("q", from, to, `, "DelaySeconds": 900`) })
	batches(messages, func(from, to int) { s.send("q", from, to, "") })
	batches(messages, func(from, to int) { s.send("q.fifo", from, to, "") })
	for queue, want := range map[string][3]int{"q": {messages, messages, messages}, "dead": {messages, 0, 0},
		"q.fifo": {messages, 0, 0}} {
		var got struct{ Attributes map[string]string }
		text := s.ask("GetQueueAttributes", `{`+address(queue)+`, "AttributeNames": ["All"]}`)
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			s.Fatal(err)
		}
		for i, name := range []string{"", "NotVisible", "Delayed"} {
			if n := got.Attributes["ApproximateNumberOfMessages"+name]; n != fmt.Sprint(want[i]) {
				s.Fatalf("%s has %s messages%s, want %d", queue, n, name, want[i])
			}
		}
	}
}

// operations are what a consumer and a sender do with one message, each by its name.
func (s *stocked) operations() map[string]float64 {
	const runs = 20
	next := 1 << 20
	allocations := map[string]float64{}
	for name, do := range map[string]func(){
		"send": func() { s.send("q", 0, 1, "") },
		"send to FIFO": func() {
			next++
			s.send("q.fifo", next, next+1, "")
		},
		"receive, wait on and delete": func() {
			handles := s.receive("q", 1, 30)
			if len(handles) != 1 {
				s.Fatalf("%d messages were received", len(handles))
			}
			handle := address("q") + `, "ReceiptHandle": "` + handles[0] + `"`
			s.ask("ChangeMessageVisibility", `{`+handle+`, "VisibilityTimeout": 60}`)
			s.ask("DeleteMessage", `{`+handle+`}`)
		},
		"attributes": func() { s.ask("GetQueueAttributes", `{`+address("q")+`, "AttributeNames": ["All"]}`) },
	} {
		allocations[name] = testing.AllocsPerRun(runs, do)
	}
	return allocations
}

func heapBytes() float64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

func allocatedBy(work func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	work()
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc - before.TotalAlloc)
}

// Ten times the messages, in every state, take at most twelve times the work to put in and to restore and twelve times
// the memory; and what is done with one of them takes what it always took.
func TestGrowth(t *testing.T) {
	const few, times, linear, even = 60, 10, 12, 1.2
	type cost struct {
		fill, memory, restore, repeat float64
		operations                    map[string]float64
	}
	of := func(messages int) (c cost) {
		var told [][]byte
		before := heapBytes()
		s := newStocked(t, func(change []byte) { told = append(told, change) })
		c.fill = allocatedBy(func() { s.fill(messages) })
		changes := told
		told = nil
		var size float64
		for _, change := range changes {
			size += float64(len(change))
		}
		c.memory = heapBytes() - before - size
		var snapshot bytes.Buffer
		if err := s.Snapshot(&snapshot); err != nil {
			t.Fatal(err)
		}
		c.operations = s.operations()
		again := newStocked(t, nil)
		c.restore = allocatedBy(func() {
			if err := again.Restore(&snapshot); err != nil {
				t.Fatal(err)
			}
		})
		repeated := local.New(local.Options{Region: "us-east-1", Account: "123456789012"})
		c.repeat = allocatedBy(func() {
			for _, change := range changes {
				if err := repeated.Repeat(change); err != nil {
					t.Fatal(err)
				}
			}
		})
		runtime.KeepAlive(s)
		return c
	}
	of(few) // what the first one allocates for good
	small, large := of(few), of(times*few)
	for what, ratio := range map[string]float64{"filling": large.fill / small.fill, "memory": large.memory / small.memory,
		"restoring": large.restore / small.restore, "repeating": large.repeat / small.repeat} {
		if ratio > linear {
			t.Errorf("%s: %.1f times as much for %d times the messages", what, ratio, times)
		}
	}
	for name, n := range small.operations {
		if later := large.operations[name]; later > even*n {
			t.Errorf("%s: %.0f allocations among %d messages, %.0f among %d", name, n, few, later, times*few)
		}
	}
}

// What is told of a change does not cost the more, the more queues there are that have none.
func TestGrowth_Queues(t *testing.T) {
	s := newStocked(t, func([]byte) {})
	send := func() { s.send("q", 0, 1, "") }
	const runs, queues, even = 50, 100, 1.2
	before := testing.AllocsPerRun(runs, send)
	for n := range queues {
		s.ask("CreateQueue", fmt.Sprintf(`{"QueueName": "other-%d"}`, n))
	}
	if after := testing.AllocsPerRun(runs, send); after > even*before {
		t.Errorf("sending a message: %.0f allocations, %.0f beside %d queues", before, after, queues)
	}
}

// A FIFO queue that is made again of its changes knows the sends of the last five minutes, not all that ever were.
func TestGrowth_Sends(t *testing.T) {
	var told [][]byte
	s := newStocked(t, func(change []byte) { told = append(told, change) })
	const each, spans = 20, 30
	repeated := local.New(local.Options{Region: "us-east-1", Account: "123456789012"})
	for range spans {
		batches(each, func(from, to int) { s.send("q.fifo", from, to, "") })
		for n := 0; n < each; {
			for _, handle := range s.receive("q.fifo", 10, 30) {
				s.ask("DeleteMessage", `{`+address("q.fifo")+`, "ReceiptHandle": "`+handle+`"}`)
				n++
			}
		}
		s.now = s.now.Add(6 * time.Minute)
	}
	for _, change := range told {
		if err := repeated.Repeat(change); err != nil {
			t.Fatal(err)
		}
	}
	var snapshot bytes.Buffer
	if err := repeated.Snapshot(&snapshot); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(snapshot.Bytes(), []byte(`"Key":`)); n != each {
		t.Errorf("%d sends are known, want the %d of the last minutes", n, each)
	}
}
