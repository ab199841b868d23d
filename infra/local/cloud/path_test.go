package cloud_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"example.com/registrar/infra/local/ses"
	"example.com/registrar/shared/registrar"
)

// The whole path, from a commit by the table's stream and the queues to a mail, and from a refusal by its queue to the
// audit: on the engines of this process, and on those that the environment names. How long it took is printed, not
// asserted.
func TestPath_FromACommitToAMail(t *testing.T) {
	const students, every = 60, 40 * time.Millisecond
	c := open(t)
	mailbox, ok := c.cloud.Engines.SES.(*ses.Engine)
	if !ok {
		t.Fatal("the mail service is another's")
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.cloud.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	term := c.term()
	section, full := c.section(term, "1", students), c.section(term, "2", 0)
	committed, student := map[string]time.Time{}, make([]string, students)
	for n := range student {
		student[n] = c.create("students", map[string]any{
			"number": fmt.Sprintf("%s-%d", c.mark, n), "givenName": "N.", "familyName": "N.",
			"email": fmt.Sprintf("%s-%d@example.edu", c.mark, n),
		})
	}
	for n, id := range student {
		c.must(http.MethodPost, enrolment(section), map[string]any{"student": id}, nil)
		committed[fmt.Sprintf("%s-%d@example.edu", c.mark, n)] = time.Now()
		if a := c.send(http.MethodPost, enrolment(full), "", map[string]any{"student": id}); a.code() != "SECTION_FULL" {
			t.Errorf("%d %s", a.status, a.body)
		}
		time.Sleep(every)
	}
	var took []time.Duration
	const patience = time.Minute
	for began := time.Now(); len(took) < students && time.Since(began) < patience; time.Sleep(100 * time.Millisecond) {
		took = took[:0]
		for _, m := range mailbox.Sent() {
			if at, ok := committed[m.To[0]]; ok {
				took = append(took, m.At.Sub(at))
			}
		}
	}
	if len(took) != students {
		t.Fatalf("%d of %d registrations were told by mail", len(took), students)
	}
	slices.Sort(took)
	t.Logf("from the answer to the mail: p50 %v, p95 %v, longest %v", took[students/2], took[students*95/100],
		took[students-1])
	var refused int
	for began := time.Now(); refused < students && time.Since(began) < patience; time.Sleep(100 * time.Millisecond) {
		refused = 0
		for request := (registrar.PageRequest{Limit: registrar.MaxPage}); ; {
			page, err := c.cloud.Store.Events(t.Context(),
				registrar.EventFilter{Record: registrar.Record{Kind: registrar.KindSection, ID: full}}, request)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Items {
				if e.Type == registrar.RegistrationRefused &&
					slices.Equal(e.Codes(), []registrar.Code{registrar.SectionFull}) && e.Correlation != "" {
					refused++
				}
			}
			if request.Cursor = page.Next; page.Next == "" {
				break
			}
		}
	}
	if refused != students {
		t.Errorf("%d of %d refusals are in the audit", refused, students)
	}
}
