package functions_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/sample"
	"example.com/registrar/shared/consumer"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

// found is what the API tells of the latest reconciliation.
type found struct {
	Reconciliation *struct {
		EndedAt     string
		Checked     struct{ Sections, Courses, Students, Imports int }
		Differences int
		Unsettled   int
	}
	Items []struct {
		Record, Count, Of string
		Kept, Derived     any // numbers, or words
	}
	Next string
}

// reconciled runs the nightly audit, started by hand, and asks the API for what it found.
func (c *campus) reconciled() found {
	c.Helper()
	f := functions.All()[functionNamed(functions.All(), "audit-reconcile")]
	if _, err := f.Handler(c.adapters(f), consumer.Settings{}).Invoke(c.Context(),
		[]byte(`{"due":"2026-11-24T12:30:00.5Z"}`)); err != nil {
		c.Fatal(err)
	}
	var all found
	for address := "/v1/audit/differences?limit=1"; ; {
		w := httptest.NewRecorder()
		c.cloud.API.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, http.NoBody))
		var page found
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != http.StatusOK {
			c.Fatalf("%d %s: %v", w.Code, w.Body, err)
		}
		all.Reconciliation, all.Items = page.Reconciliation, append(all.Items, page.Items...)
		if page.Next == "" {
			return all
		}
		address = "/v1/audit/differences?limit=1&cursor=" + page.Next
	}
}

// edit changes an item behind the store's back; nil removes it.
func (c *campus) edit(pk, sk string, change func(item) item) {
	c.Helper()
	key := item{"PK": &types.AttributeValueMemberS{Value: pk}, "SK": &types.AttributeValueMemberS{Value: sk}}
	got, err := c.client.GetItem(c.Context(), &dynamodb.GetItemInput{TableName: aws.String(cloud.Table), Key: key,
		ConsistentRead: aws.Bool(true)})
	if err != nil {
		c.Fatal(err)
	}
	if got.Item == nil {
		got.Item = key
	}
	after := change(got.Item)
	if after == nil {
		_, err = c.client.DeleteItem(c.Context(), &dynamodb.DeleteItemInput{TableName: aws.String(cloud.Table), Key: key})
	} else {
		_, err = c.client.PutItem(c.Context(), &dynamodb.PutItemInput{TableName: aws.String(cloud.Table), Item: after})
	}
	if err != nil {
		c.Fatal(err)
	}
}

func removed(item) item { return nil }

// with sets an attribute: text, or a number.
func with(name string, value any) func(item) item {
	return func(i item) item {
		switch value := value.(type) {
		case string:
			i[name] = &types.AttributeValueMemberS{Value: value}
		case int:
			i[name] = &types.AttributeValueMemberN{Value: fmt.Sprint(value)}
		}
		return i
	}
}

// place is where a count is made wrong: a section of the sample, and a student who is enrolled in it. No two cases
// share one.
type place struct{ term, course, section, student string }

func (p place) registration() string { return "REG#" + p.term + "#" + p.section }
func (p place) offering() string     { return p.term + "." + p.course }

// sections are those of the place's course.
func (p place) sections() (ids []string) {
	for n := 1; n <= sample.Sections; n++ {
		if sample.ID(sample.KindCourse, (n-1)%(sample.Courses-1)+1) == p.course {
			ids = append(ids, sample.ID(sample.KindSection, n))
		}
	}
	return ids
}

// place gives the nth, from 1.
func (c *campus) place(n int, taken map[string]bool) place {
	c.Helper()
	p := place{term: sample.ID(sample.KindTerm, 1), course: sample.ID(sample.KindCourse, n),
		section: sample.ID(sample.KindSection, n)}
	for _, key := range slices.Sorted(maps.Keys(c.fresh)) {
		student, isStudent := strings.CutPrefix(key, "STUDENT#")
		student, sk, _ := strings.Cut(student, " ")
		if isStudent && sk == p.registration() &&
			c.fresh[key]["state"].(*types.AttributeValueMemberS).Value == "ENROLLED" && !taken[student] {
			p.student, taken[student] = student, true
			return p
		}
	}
	c.Fatalf("nobody is enrolled in section %d", n)
	return p
}

// Every kind of count is made wrong in the table. The audit finds each and nothing else, without a name in its log; in
// the sample as it is it finds nothing.
func TestTheNightlyAuditFindsEveryCountThatIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until((&campus{}).system().Clock())) // a bubble begins in 2000
		c := openCampus(t)
		all := c.reconciled()
		if r := all.Reconciliation; r == nil || r.EndedAt == "" || r.Differences+r.Unsettled+len(all.Items) > 0 ||
			r.Checked.Sections != sample.Sections ||
			r.Checked.Courses != sample.Courses || r.Checked.Students != sample.Students || r.Checked.Imports != 0 {
			t.Fatalf("the sample as it is: %+v, %+v", r, all.Items)
		}
		const metric = `{"Name":"differences","Unit":"Count"}`
		if log := c.logged(); strings.Contains(log, metric) {
			t.Errorf("an alarm was raised:\n%s", log)
		}
		c.restore()
		seats := func(attribute string, value any) func(place) {
			return func(p place) { c.edit("SEATS#"+p.section, "SEATS", with(attribute, value)) }
		}
		ofSection := func(counts ...string) func(place) []string {
			return func(p place) (want []string) {
				for _, count := range counts {
					want = append(want, "section/"+p.section+" "+count+" ")
				}
				return want
			}
		}
		holding := func(p place) string { return "student/" + p.student + " termRecord.holdings " + p.section }
		seatsAnd := func(also func(place) string) func(place) []string {
			return func(p place) []string { return append(ofSection("seats.taken", "seats.free")(p), also(p)) }
		}
		var want []string
		taken := map[string]bool{}
		for n, planted := range []struct {
			plant func(place)
			want  func(place) []string // record, count and of which
		}{
			{seats("taken", 99), ofSection("seats.taken")},
			{seats("freeSeats", -1), ofSection("seats.free")},
			{seats("offered", 1), ofSection("seats.offered")},
			{seats("waiting", 1), ofSection("seats.waiting")},
			{seats("capacity", 1), ofSection("seats.capacity")},
			{seats("status", "closed"), ofSection("seats.status")},
			{seats("sectionVersion", 2), ofSection("seats.sectionVersion")},
			{func(p place) { c.edit("SEATS#"+p.section, "SEATS", removed) }, ofSection("seats")},
			{ // a section that cannot be read
				func(p place) {
					c.edit("SECTION#"+p.section, "SECTION", func(i item) item { delete(i, "meetings"); return i })
				}, ofSection("record"),
			},
			{ // a section that is gone, and not from the lists
				func(p place) { c.edit("SECTION#"+p.section, "SECTION", removed) },
				func(p place) []string {
					return append(ofSection("seats.taken")(p), "section/"+p.section+" term.sections "+p.term, "course/"+p.course+
						" term.sections "+p.term)
				},
			},
			{ // a section that its term does not list
				func(p place) { c.edit("TERM#"+p.term, "SECTION#"+p.course+"#"+p.section, removed) },
				func(p place) []string {
					return []string{"course/" + p.course + " offering.sections " + p.offering(), "course/" + p.course +
						" term.sections " + p.term}
				},
			},
			{ // an offering that counts wrong
				func(p place) { c.edit("COURSE#"+p.course, "OFFERING#"+p.term, with("sections", 9)) },
				func(p place) []string { return []string{"course/" + p.course + " offering.sections " + p.offering()} },
			},
			{ // an offering that is gone
				func(p place) { c.edit("COURSE#"+p.course, "OFFERING#"+p.term, removed) },
				func(p place) (want []string) {
					for _, section := range p.sections() {
						want = append(want, "section/"+section+" offering.sections "+p.offering())
					}
					return want
				},
			},
			{ // an offering of nothing
				func(p place) {
					c.edit("COURSE#"+p.course, "OFFERING#"+sample.ID(sample.KindTerm, 2), with("sections", 1))
				},
				func(p place) []string {
					return []string{"course/" + p.course + " offering.sections " + sample.ID(sample.KindTerm, 2) + "." + p.course}
				},
			},
			{ // a student with a term too many
				func(p place) { c.edit("STUDENT#"+p.student, "TERMS", with("terms", 2)) },
				func(p place) []string { return []string{"student/" + p.student + " student.terms "} },
			},
			{ // a holding too few
				func(p place) {
					c.edit("STUDENT#"+p.student, "TERM#"+p.term, func(i item) item {
						list := i["holdings"].(*types.AttributeValueMemberL)
						list.Value = slices.DeleteFunc(list.Value, func(h types.AttributeValue) bool {
							return strings.HasPrefix(h.(*types.AttributeValueMemberS).Value, p.section)
						})
						return i
					})
				}, func(p place) []string { return []string{holding(p)} },
			},
			{ // a holding with other credits
				func(p place) {
					c.edit("STUDENT#"+p.student, "TERM#"+p.term, func(i item) item {
						for _, h := range i["holdings"].(*types.AttributeValueMemberL).Value {
							if text := h.(*types.AttributeValueMemberS); strings.HasPrefix(text.Value, p.section) {
								text.Value = strings.Replace(text.Value, "|400|", "|300|", 1)
							}
						}
						return i
					})
				}, func(p place) []string { return []string{holding(p)} },
			},
			{ // a holding that meets at another hour than its section
				func(p place) {
					c.edit("STUDENT#"+p.student, "TERM#"+p.term, func(i item) item {
						for _, h := range i["holdings"].(*types.AttributeValueMemberL).Value {
							if text := h.(*types.AttributeValueMemberS); strings.HasPrefix(text.Value, p.section) {
								fields := strings.Split(text.Value, "|")
								fields[4] = "M,1,2,2027-01-11,2027-04-30"
								text.Value = strings.Join(fields, "|")
							}
						}
						return i
					})
				}, func(p place) []string { return []string{"student/" + p.student + " termRecord.copies " + p.section} },
			},
			{ // a section that did not follow its course's title
				func(p place) { c.edit("SECTION#"+p.section, "SECTION", with("title", "Another")) },
				func(p place) []string { return []string{"section/" + p.section + " section.title "} },
			},
			{ // a term record that cannot be read
				func(p place) {
					c.edit("STUDENT#"+p.student, "TERM#"+p.term, func(i item) item { delete(i, "holdings"); return i })
				}, func(p place) []string { return []string{"student/" + p.student + " record " + p.term} },
			},
			{ // seats that cannot be read
				seats("taken", "three"), func(p place) []string { return []string{"section/" + p.section + " record "} },
			},
			{ // a registration that cannot be read
				func(p place) { c.edit("STUDENT#"+p.student, p.registration(), with("state", "?")) },
				func(p place) []string { return []string{"student/" + p.student + " record " + p.section} },
			},
			{ // a count of terms that cannot be read
				func(p place) { c.edit("STUDENT#"+p.student, "TERMS", with("terms", "one")) },
				func(p place) []string { return []string{"student/" + p.student + " record terms"} },
			},
			{ // a student that cannot be read
				func(p place) { c.edit("STUDENT#"+p.student, "STUDENT", with("active", "yes")) },
				func(p place) []string { return []string{"student/" + p.student + " record student"} },
			},
			{ // an offering that cannot be read
				func(p place) { c.edit("COURSE#"+p.course, "OFFERING#"+p.term, with("sections", "one")) },
				func(p place) []string { return []string{"course/" + p.course + " record " + p.offering()} },
			},
			{ // a drop that gave no seat back
				func(p place) {
					c.edit("STUDENT#"+p.student, p.registration(), func(i item) item {
						onRoster := i["GSI1SK"].(*types.AttributeValueMemberS).Value
						return with("state", "DROPPED")(with("GSI1SK", strings.Replace(onRoster, "ENROLLED#", "DROPPED#", 1))(i))
					})
				}, seatsAnd(holding),
			},
			{ // a registration that is gone
				func(p place) { c.edit("STUDENT#"+p.student, p.registration(), removed) }, seatsAnd(holding),
			},
			{ // a registration off the roster
				func(p place) { c.edit("STUDENT#"+p.student, p.registration(), with("GSI1PK", "ROSTER#elsewhere")) },
				seatsAnd(func(p place) string { return "student/" + p.student + " section.roster " + p.section }),
			},
			{ // rows of an import
				func(place) {
					c.edit("IMPORT#"+sample.ID(sample.KindImport, 1), "IMPORT", func(i item) item {
						return with("rows", "9 7 1")(with("state", "FINISHED")(with("GSI1PK", "IMPORTS#ENDED")(i)))
					})
				},
				func(place) []string { return []string{"import/" + sample.ID(sample.KindImport, 1) + " import.rows "} },
			},
		} {
			p := c.place(n+1, taken)
			planted.plant(p)
			want = append(want, planted.want(p)...)
		}
		c.logged()
		all = c.reconciled()
		var got []string
		for _, d := range all.Items {
			got = append(got, d.Record+" "+d.Count+" "+d.Of)
			if d.Kept == d.Derived || d.Kept == nil || d.Derived == nil || d.Kept == "" || d.Derived == "" {
				t.Errorf("no difference: %+v", d)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("found (-want +got):\n%s", diff)
		}
		if r := all.Reconciliation; r.Differences != len(want) || r.Unsettled != 0 || r.EndedAt == "" {
			t.Errorf("the reconciliation: %+v", r)
		}
		log := c.logged()
		if strings.Count(log, "a count does not say what the records say") != len(want) ||
			!strings.Contains(log, fmt.Sprintf(`"differences":%d,`, len(want))) || strings.Count(log, metric) != 1 {
			t.Errorf("the log:\n%s", log)
		}
		for key, i := range c.fresh {
			if name, ok := i["familyName"].(*types.AttributeValueMemberS); ok && strings.HasSuffix(key, " STUDENT") &&
				regexp.MustCompile(`\b`+name.Value+`\b`).MatchString(log) {
				t.Errorf("the log has the name %s", name.Value)
			}
		}
	})
}
