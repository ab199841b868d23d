package functions_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"example.com/registrar/infra/local/sample"
	"example.com/registrar/shared/api"
)

// answered is what the API says to one request.
type answered struct {
	status int
	etag   string
	body   map[string]any
	fields []string // of a problem: each with its code
}

// ask sends a request with a JSON body, or none, and the headers, name and value in turn.
func (c *campus) ask(method, address, body string, headers ...string) answered {
	c.Helper()
	r := httptest.NewRequest(method, address, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	c.cloud.API.ServeHTTP(w, r)
	a := answered{status: w.Code, etag: w.Header().Get("ETag")}
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &a.body); err != nil {
			c.Fatalf("%s %s: %v: %s", method, address, err, w.Body)
		}
	}
	if w.Code >= http.StatusBadRequest {
		var p api.Problem
		_ = json.Unmarshal(w.Body.Bytes(), &p) // it was JSON a moment ago
		for _, f := range p.Errors {
			a.fields = append(a.fields, f.Field+" "+f.Code)
		}
	}
	return a
}

// at walks into the answer's body.
func (a answered) at(path string) any {
	var value any = a.body
	for name := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

// A change is a merge patch (RFC 7396): absent leaves, null removes or is refused, a value is set, and objects merge.
func TestNullEmptyAndAbsentAreThreeThings(t *testing.T) {
	c := openCampus(t)
	type step struct {
		body   string
		want   map[string]any // of the answer; nil: not there
		fields string         // refused for these
	}
	none := any(nil)
	for address, steps := range map[string][]step{
		"/v1/terms/" + sample.ID(sample.KindTerm, 2): {
			{`{"deadlines": {"lastAdd": "2026-09-01T04:00:00Z", "lastDrop": "2026-09-08T04:00:00Z"}, "creditLimit": 18,
			   "registration": {"open": "2026-08-01T04:00:00Z", "close": "2026-09-01T04:00:00Z"}}`, nil, ""},
			{`{"deadlines": {"lastAdd": null}}`, map[string]any{"deadlines.lastAdd": none,
				"deadlines.lastDrop": "2026-09-08T04:00:00Z"}, ""},
			{`{"registration": {"open": null}}`, map[string]any{"registration.open": none,
				"registration.close": "2026-09-01T04:00:00Z"}, ""},
			{`{"registration": {"open": "2026-08-02T04:00:00Z"}}`, map[string]any{"registration.open": "2026-08-02T04:00:00Z",
				"registration.close": "2026-09-01T04:00:00Z"}, ""},
			{`{"registration": null, "deadlines": null, "creditLimit": null}`, map[string]any{"registration.open": none,
				"registration.close": none, "deadlines.lastDrop": none, "creditLimit": 0.0}, ""},
			{`{"title": null, "code": null, "start": null, "timeZone": null}`, nil,
				"body.code TYPE, body.start TYPE, body.timeZone TYPE, body.title TYPE"},
			{`{"title": "", "code": ""}`, nil, "body.code REQUIRED, body.title REQUIRED"},
		},
		"/v1/courses/" + sample.ID(sample.KindCourse, 1): {
			{`{"prerequisites": "One.\r\nTwo.", "requires": ["MATH 1"], "school": " X "}`,
				map[string]any{"prerequisites": "One.\nTwo.", "school": "X"}, ""},
			{`{"credits": {"min": 3}}`, map[string]any{"credits.min": 3.0, "credits.max": 4.0}, ""},
			{`{"description": null, "requires": [], "school": ""}`, map[string]any{"description": none, "requires": none,
				"school": none, "prerequisites": "One.\nTwo."}, ""},
			{`{"credits": null}`, nil, "body.credits TYPE"},
			{`{"credits": {"min": null}, "title": null}`, nil, "body.credits.min TYPE, body.title TYPE"},
			{`{"requires": [null]}`, nil, "body.requires[0] TYPE"},
			{`{"requires": null}`, nil, "body.requires TYPE"}, // an empty list empties it
		},
		"/v1/sections/" + sample.ID(sample.KindSection, 88): {
			{`{"deadlines": {"lastAdd": "2027-01-20T04:00:00Z"}}`, map[string]any{"label": "03"}, ""},
			{`{"label": null, "meetings": [], "instructors": [], "deadlines": null}`,
				map[string]any{"label": none, "deadlines.lastAdd": none}, ""},
			{`{"capacity": null, "status": null, "crn": null, "component": null}`, nil,
				"body.capacity TYPE, body.component TYPE, body.crn TYPE, body.status TYPE"},
			{`{"meetings": [{"days": "M", "start": "10:00", "end": "11:00", "from": "2027-01-11", "to": "2027-01-18", "room": ` +
				`null}]}`, nil, "body.meetings[0].room TYPE"},
		},
		"/v1/students/" + sample.ID(sample.KindStudent, 3): {
			{`{"email": null, "givenName": null}`, map[string]any{"email": none, "givenName": none}, ""},
			{`{"familyName": null}`, nil, "body.familyName REQUIRED"}, // nobody would be left
			{`{"email": ""}`, nil, "body.email FORMAT"},
			{`{"active": null, "number": null}`, nil, "body.active TYPE, body.number TYPE"},
		},
		"/v1/instructors/" + sample.ID(sample.KindInstructor, 3): {
			{`{"email": null}`, map[string]any{"email": none}, ""},
			{`{"name": null}`, nil, "body.name TYPE"},
		},
		"/v1/students/" + sample.ID(sample.KindStudent, 4) + "/mail-preferences": {
			{`{"registrationMade": false}`, map[string]any{"registrationMade": false, "registrationDropped": true}, ""},
			{`{"registrationMade": null}`, nil, "body.registrationMade TYPE"},
		},
	} {
		for _, s := range steps {
			before := c.ask(http.MethodGet, address, "")
			got := c.ask(http.MethodPatch, address, s.body, "If-Match", before.etag, "Content-Type",
				"application/merge-patch+json")
			if s.fields != "" {
				if slices.Sort(got.fields); got.status != http.StatusUnprocessableEntity ||
					strings.Join(got.fields, ", ") != s.fields {
					t.Errorf("%s %s: %d %q, want %q", address, s.body, got.status, got.fields, s.fields)
				}
				continue
			}
			if got.status != http.StatusOK || got.etag == before.etag {
				t.Errorf("%s %s: %d %s %v", address, s.body, got.status, got.etag, got.body)
			}
			after := c.ask(http.MethodGet, address, "")
			for path, want := range s.want {
				if got.at(path) != want || after.at(path) != want {
					t.Errorf("%s %s: %s is %v, and %v when it is read, want %v", address, s.body, path, got.at(path), after.at(path),
						want)
				}
			}
			// The same once more changes nothing: the version stays, and nothing is written.
			c.mu.Lock()
			wrote := len(c.wrote)
			c.mu.Unlock()
			again := c.ask(http.MethodPatch, address, s.body, "If-Match", after.etag)
			c.mu.Lock()
			more := len(c.wrote) - wrote
			c.mu.Unlock()
			if again.status != http.StatusOK || again.etag != after.etag ||
				again.at("updatedAt") != after.at("updatedAt") || more != 0 {
				t.Errorf("%s %s once more: %d %s, %d items written, want 200 %s and none", address, s.body, again.status,
					again.etag, more, after.etag)
			}
		}
	}
}

// What is sent of a moment is stored, or it is refused: it never turns into "not set".
func TestInstantsThatCannotBeStoredAreRefused(t *testing.T) {
	c := openCampus(t)
	for _, moment := range []string{
		"9999-12-31T23:59:59-12:00", // of the year 10000 in UTC
		"0001-01-01T00:00:00Z",      // Go's zero time
		"0000-01-01T00:00:00Z", "1899-12-31T23:59:59Z", "9999-12-31T23:59:59.9999Z",
	} {
		term := fmt.Sprintf(`{"code": "EDGE", "title": "Edge", "start": "2027-01-11", "end": "2027-05-08", "timeZone": "UTC",
			"registration": {"open": %[1]q, "close": %[1]q}, "deadlines": {"lastAdd": %[1]q, "lastDrop": %[1]q}}`, moment)
		got := c.ask(http.MethodPost, "/v1/terms", term)
		slices.Sort(got.fields)
		want := []string{
			"body.deadlines.lastAdd OUT_OF_RANGE", "body.deadlines.lastDrop OUT_OF_RANGE",
			"body.registration.close OUT_OF_RANGE", "body.registration.open OUT_OF_RANGE",
		}
		if got.status != http.StatusUnprocessableEntity || !slices.Equal(got.fields, want) {
			t.Errorf("a term with %s: %d %q", moment, got.status, got.fields)
		}
		for _, address := range []string{"/v1/terms/" + sample.ID(sample.KindTerm, 1), "/v1/sections/" +
			sample.ID(sample.KindSection, 1)} {
			got := c.ask(http.MethodPatch, address, fmt.Sprintf(`{"deadlines": {"lastAdd": %q}}`, moment), "If-Match", `"1"`)
			if got.status != http.StatusUnprocessableEntity ||
				!slices.Equal(got.fields, []string{"body.deadlines.lastAdd OUT_OF_RANGE"}) {
				t.Errorf("%s with %s: %d %q", address, moment, got.status, got.fields)
			}
		}
		for _, name := range []string{"from", "to"} {
			got := c.ask(http.MethodGet, "/v1/audit?record=term/x&"+name+"="+url.QueryEscape(moment), "")
			if got.status != http.StatusUnprocessableEntity || !slices.Contains(got.fields, "query."+name+" OUT_OF_RANGE") {
				t.Errorf("the audit %s %s: %d %q", name, moment, got.status, got.fields)
			}
		}
	}
	for _, moment := range []string{"1900-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"} {
		address := "/v1/terms/" + sample.ID(sample.KindTerm, 3)
		got := c.ask(http.MethodPatch, address, fmt.Sprintf(`{"deadlines": {"lastAdd": %q}}`, moment), "If-Match",
			c.ask(http.MethodGet, address, "").etag)
		if read := c.ask(http.MethodGet, address, ""); got.status != http.StatusOK || read.at("deadlines.lastAdd") != moment {
			t.Errorf("%s: %d, and read %v", moment, got.status, read.at("deadlines.lastAdd"))
		}
	}
}

// 25, 25.0 and 2.5e1 are one number (JSON Schema, "integer"); 2.5 is none for seats.
func TestIntegersAreIntegersHoweverTheyAreWritten(t *testing.T) {
	c := openCampus(t)
	address := "/v1/sections/" + sample.ID(sample.KindSection, 2)
	for number, want := range map[string]float64{"25.0": 25, "3e1": 30, "2.50E+1": 25, "300e-1": 30, "0.0": 0, "-0e5": 0,
		"1e4": 10_000} {
		got := c.ask(http.MethodPatch, address, `{"capacity": `+number+`}`, "If-Match", "*")
		if got.status != http.StatusOK || got.at("seats.capacity") != want {
			t.Errorf("capacity %s: %d, %v, %q", number, got.status, got.at("seats.capacity"), got.fields)
		}
	}
	for _, number := range []string{"2.5", "1e-1", "1e5", "1e300", "1e400", "1e999999999", "1e-999999999",
		"1.5e-9223372036854775808", "-1"} {
		if got := c.ask(http.MethodPatch, address, `{"capacity": `+number+`}`, "If-Match",
			"*"); got.status != http.StatusUnprocessableEntity &&
			got.status != http.StatusBadRequest && number != "1e-999999999" && number != "1.5e-9223372036854775808" {
			t.Errorf("capacity %s: %d", number, got.status)
		} else if got.status >= http.StatusInternalServerError {
			t.Errorf("capacity %s: %d", number, got.status)
		}
	}
}

// One id in either case is one id: in a path, a query, and a body (RFC 9562 section 4).
func TestIDsOfEitherCaseAreOne(t *testing.T) {
	c := openCampus(t)
	term, course, student := strings.ToUpper(sample.ID(sample.KindTerm, 1)), strings.ToUpper(sample.ID(sample.KindCourse,
		1)), strings.ToUpper(sample.ID(sample.KindStudent, 500))
	section := strings.ToUpper(sample.ID(sample.KindSection, 88))
	instructor := strings.ToUpper(sample.ID(sample.KindInstructor, 1))
	if upper, lower := c.ask(http.MethodGet, "/v1/terms/"+term, ""), c.ask(http.MethodGet,
		"/v1/terms/"+strings.ToLower(term), ""); upper.status != http.StatusOK ||
		upper.at("id") != lower.at("id") {
		t.Errorf("a path: %d %v", upper.status, upper.at("id"))
	}
	if list := c.ask(http.MethodGet, "/v1/sections?term="+term+"&course="+course, ""); len(list.at("items").([]any)) == 0 {
		t.Errorf("a query finds nothing")
	}
	made := c.ask(http.MethodPost, "/v1/sections",
		fmt.Sprintf(`{"term": %q, "course": %q, "crn": "90009", "capacity": 1, "instructors": [%q]}`, term, course,
			instructor))
	if made.status != http.StatusCreated || made.at("term") != strings.ToLower(term) ||
		made.at("instructors").([]any)[0] != strings.ToLower(instructor) {
		t.Errorf("a body: %d %v", made.status, made.body)
	}
	twice := c.ask(http.MethodPatch, "/v1/sections/"+section, fmt.Sprintf(`{"instructors": [%q, %q]}`, instructor,
		strings.ToLower(instructor)), "If-Match", "*")
	if !slices.Equal(twice.fields, []string{"body.instructors[1] DUPLICATE"}) {
		t.Errorf("one instructor in both cases: %d %q", twice.status, twice.fields)
	}
	audit := c.ask(http.MethodGet, "/v1/audit?record=section/"+strings.ToUpper(made.at("id").(string)), "")
	if len(audit.at("items").([]any)) != 1 {
		t.Errorf("the audit of a record: %d %v", audit.status, audit.body)
	}
	if audit := c.ask(http.MethodGet, "/v1/audit?student="+strings.ToUpper(sample.ID(sample.KindStudent, 1)),
		""); audit.status != http.StatusOK || len(audit.at("items").([]any)) == 0 {
		t.Errorf("the audit of a student: %d %v", audit.status, audit.body)
	}
	if got := c.ask(http.MethodGet, "/v1/students/"+student+"/terms/"+term+"/registrations",
		""); got.status != http.StatusOK || got.at("student") != strings.ToLower(student) {
		t.Errorf("a schedule: %d %v", got.status, got.body)
	}
	for _, id := range []string{"0193000000007000800100000000000001", "{" + strings.ToLower(term) + "}",
		"urn:uuid:" + term} {
		if got := c.ask(http.MethodGet, "/v1/sections?term="+url.QueryEscape(id),
			""); got.status != http.StatusUnprocessableEntity {
			t.Errorf("id %s: %d", id, got.status)
		}
	}
}

// Codes are what universities print: compared without regard to case, spaces and how Unicode was typed, and shown as
// given.
func TestCodesOfCataloguesAreFound(t *testing.T) {
	c := openCampus(t)
	course := func(subject, number string) string {
		return fmt.Sprintf(`{"subject": %q, "number": %q, "title": "X", "credits": {"min": 1, "max": 1}}`, subject, number)
	}
	for _, code := range [][2]string{{"I&C SCI", "31"}, {"CHC/LAT", "101"}, {"S&DS", "101L"}, {"D", "051-0003-00"},
		{"É", "1#2"}, {"É", "1"}, {"COM|LIT", "1%23"}} {
		made := c.ask(http.MethodPost, "/v1/courses", course(code[0], code[1]))
		if made.status != http.StatusCreated || made.at("subject") != code[0] || made.at("number") != code[1] {
			t.Errorf("%q: %d %v", code, made.status, made.body)
		}
		if again := c.ask(http.MethodPost, "/v1/courses", course(strings.ToLower(code[0]),
			"  "+code[1])); again.status != http.StatusConflict {
			t.Errorf("%q in small letters: %d", code, again.status)
		}
	}
	for query, want := range map[string]string{
		"i%26c%20sci": "31", "I%26C++SCI": "31", "chc%2Flat": "101", "s%26ds": "101L", "e%CC%81": "1,1#2",
		"com%7Clit": "1%23",
	} {
		var numbers []string
		items, _ := c.ask(http.MethodGet, "/v1/courses?subject="+query, "").at("items").([]any)
		for _, i := range items {
			numbers = append(numbers, i.(map[string]any)["number"].(string))
		}
		if got := strings.Join(numbers, ","); got != want {
			t.Errorf("subject=%s finds %s, want %s", query, got, want)
		}
	}
	// A course's sections are its own, whatever is in its number.
	ids := map[string]string{}
	items, _ := c.ask(http.MethodGet, "/v1/courses?subject=%C3%89", "").at("items").([]any)
	for i, item := range items {
		id, number := item.(map[string]any)["id"].(string), item.(map[string]any)["number"].(string)
		ids[number] = id
		made := c.ask(http.MethodPost, "/v1/sections",
			fmt.Sprintf(`{"term": %q, "course": %q, "crn": "9|%d#1", "capacity": 2, "status": "open"}`,
				sample.ID(sample.KindTerm, 1), id, i))
		if made.status != http.StatusCreated {
			t.Fatalf("a section of %s: %v", number, made.body)
		}
		student := sample.ID(sample.KindStudent, 500-i)
		enrolled := c.ask(http.MethodPost, "/v1/sections/"+made.at("id").(string)+"/registrations",
			fmt.Sprintf(`{"student": %q}`, student))
		schedule := c.ask(http.MethodGet, "/v1/students/"+student+"/terms/"+sample.ID(sample.KindTerm, 1)+"/registrations",
			"")
		if enrolled.status != http.StatusCreated || schedule.status != http.StatusOK ||
			schedule.at("items").([]any)[0].(map[string]any)["crn"] != made.at("crn") {
			t.Errorf("enrolled in %v: %d %v; the schedule: %v", made.at("crn"), enrolled.status, enrolled.body, schedule.body)
		}
		again := c.ask(http.MethodPost, "/v1/sections/"+made.at("id").(string)+"/registrations",
			fmt.Sprintf(`{"student": %q}`, student))
		if again.at("code") != "ALREADY_ENROLLED" {
			t.Errorf("enrolled twice: %v", again.body)
		}
	}
	for number, id := range ids {
		list := c.ask(http.MethodGet, "/v1/sections?term="+sample.ID(sample.KindTerm, 1)+"&course="+id, "")
		if got := len(list.at("items").([]any)); got != 1 {
			t.Errorf("the course with number %s has %d sections, want 1", number, got)
		}
	}
}

// Names are kept as they were given, in NFC; searches fold case and diacritics. One name is enough.
func TestNamesAreFoundWithoutTheirDiacritics(t *testing.T) {
	c := openCampus(t)
	for i, name := range []string{`"familyName": "S\u030cimu\u030anek", "givenName": "Zoë"`, `"familyName": "Łukasiewicz"`,
		`"givenName": " Sukarno "`} {
		if made := c.ask(http.MethodPost, "/v1/students", fmt.Sprintf(`{"number": "E%d", %s}`, i,
			name)); made.status != http.StatusCreated {
			t.Fatalf("%s: %v", name, made.body)
		}
	}
	for query, want := range map[string]string{
		"simu": "Šimůnek", "%C5%A0IM%C5%AE": "Šimůnek", "s%CC%8Cim": "Šimůnek", "lukas": "Łukasiewicz", "sukarno": "Sukarno",
		"simunek%20zoe": "Šimůnek",
	} {
		items, _ := c.ask(http.MethodGet, "/v1/students?name="+query, "").at("items").([]any)
		if len(items) != 1 {
			t.Errorf("name=%s finds %d students", query, len(items))
			continue
		}
		found := items[0].(map[string]any)
		if name := found["familyName"]; name != want && (name != nil || found["givenName"] != want) {
			t.Errorf("name=%s finds %v", query, found)
		}
	}
	if made := c.ask(http.MethodPost, "/v1/courses",
		`{"subject": "FR", "number": "1", "title": "E\u0301tudes françaises", "credits": {"min": 1, "max": 1}}`); made.at(
		"title") != "Études françaises" {
		t.Errorf("a title: %v", made.body)
	}
	if items, _ := c.ask(http.MethodGet, "/v1/courses?title=etudes%20FRAN", "").at("items").([]any); len(items) != 1 {
		t.Errorf("a title without diacritics finds %d courses", len(items))
	}
}

// A parameter that is there and says nothing is not "all", nor is a key that is empty none.
func TestWhatIsEmptyIsNotAll(t *testing.T) {
	c := openCampus(t)
	term := sample.ID(sample.KindTerm, 1)
	for _, address := range []string{
		"/v1/students?number=", "/v1/students?name=", "/v1/students?name=%E2%80%8B", "/v1/courses?subject=",
		"/v1/courses?title=+", "/v1/sections?term=",
		"/v1/sections?term=" + term + "&course=", "/v1/sections?term=" + term + "&subject=", "/v1/sections?term=" + term +
			"&instructor=", "/v1/sections?term=" + term + "&open=",
		"/v1/audit?record=&from=2026-11-24T00:00:00Z&to=2026-11-25T00:00:00Z",
		"/v1/audit?student=&from=2026-11-24T00:00:00Z&to=2026-11-25T00:00:00Z", "/v1/terms?limit=",
		"/v1/mails?state=",
	} {
		if got := c.ask(http.MethodGet, address, ""); got.status != http.StatusUnprocessableEntity ||
			len(got.fields) != 1 || !strings.HasSuffix(got.fields[0], " REQUIRED") {
			t.Errorf("%s: %d %q", address, got.status, got.fields)
		}
	}
	got := c.ask(http.MethodPost, "/v1/instructors", `{"name": "Emmy Noether"}`, "Idempotency-Key", "")
	if got.status != http.StatusUnprocessableEntity ||
		!slices.Equal(got.fields, []string{"header.Idempotency-Key REQUIRED"}) {
		t.Errorf("an empty key: %d %q", got.status, got.fields)
	}
}

// Meetings lie within their term.
func TestMeetingsLieWithinTheirTerm(t *testing.T) {
	c := openCampus(t)
	section := func(crn, from, to, days string) string {
		return fmt.Sprintf(`{"term": %q, "course": %q, "crn": %q, "capacity": 1, "meetings": [
			{"days": "W", "start": "10:00", "end": "11:00", "from": "2027-01-11", "to": "2027-05-07"},
			{"days": %q, "start": "08:00", "end": "09:00", "from": %q, "to": %q}]}`,
			sample.ID(sample.KindTerm, 1), sample.ID(sample.KindCourse, 1), crn, days, from, to)
	}
	for _, s := range []struct{ from, to, days, want string }{
		{"2027-01-10", "2027-05-07", "M", "body.meetings[1].from OUT_OF_RANGE"},
		{"2027-01-11", "2027-05-08", "M", "body.meetings[1].to OUT_OF_RANGE"}, // the day after the last
		{"2026-01-12", "2026-05-04", "M", "body.meetings[1].from OUT_OF_RANGE, body.meetings[1].to OUT_OF_RANGE"},
		{"2027-01-12", "2027-01-17", "M", "body.meetings[1].days OUT_OF_RANGE"}, // no Monday among them
		{"2027-01-11", "2027-05-07", "M", ""},
	} {
		got := c.ask(http.MethodPost, "/v1/sections", section("M"+s.from+s.to, s.from, s.to, s.days))
		if strings.Join(got.fields, ", ") != s.want || (s.want == "") != (got.status == http.StatusCreated) {
			t.Errorf("%s to %s on %s: %d %q", s.from, s.to, s.days, got.status, got.fields)
		}
	}
	moved := c.ask(http.MethodPatch, "/v1/sections/"+sample.ID(sample.KindSection, 1),
		`{"meetings": [{"days": "M", "start": "10:00", "end": "11:00", "from": "2028-01-10", "to": "2028-01-17"}]}`,
		"If-Match", "*")
	if !slices.Equal(moved.fields, []string{"body.meetings[0].from OUT_OF_RANGE", "body.meetings[0].to OUT_OF_RANGE"}) {
		t.Errorf("moved out of the term: %d %q", moved.status, moved.fields)
	}
}

// A term does not become shorter than the meetings of its sections: nobody would learn of those that lie outside.
func TestATermKeepsItsMeetings(t *testing.T) {
	c := openCampus(t)
	term := "/v1/terms/" + sample.ID(sample.KindTerm, 1)
	for body, want := range map[string][]string{
		`{"start": "2027-01-12"}`:                      {"body.start OUT_OF_RANGE"},
		`{"end": "2027-04-30"}`:                        {"body.end OUT_OF_RANGE"},
		`{"start": "2027-02-01", "end": "2027-03-01"}`: {"body.start OUT_OF_RANGE", "body.end OUT_OF_RANGE"},
		`{"end": "2027-05-01", "title": "Shorter"}`:    nil,
		`{"start": "2027-01-04", "end": "2027-06-01"}`: nil,
	} {
		got := c.ask(http.MethodPatch, term, body, "If-Match", "*")
		if !slices.Equal(got.fields, want) || (got.status == http.StatusOK) != (want == nil) {
			t.Errorf("%s: %d %q", body, got.status, got.fields)
		}
	}
}

// A retry of what has succeeded gets its answer, whatever has changed since: here the dates of the term.
func TestASectionIsAnsweredForAgainAfterItsTermMoved(t *testing.T) {
	c := openCampus(t)
	body := fmt.Sprintf(`{"term": %q, "course": %q, "crn": "90011", "capacity": 1, "meetings": [
		{"days": "M", "start": "10:00", "end": "11:00", "from": "2027-05-17", "to": "2027-08-09"}]}`,
		sample.ID(sample.KindTerm, 3), sample.ID(sample.KindCourse, 1))
	made := c.ask(http.MethodPost, "/v1/sections", body, "Idempotency-Key", "once")
	for _, change := range [][2]string{
		{fmt.Sprintf("/v1/sections/%s", made.at("id")), `{"meetings": []}`},
		{"/v1/terms/" + sample.ID(sample.KindTerm, 3), `{"start": "2027-06-01"}`},
	} {
		if got := c.ask(http.MethodPatch, change[0], change[1], "If-Match", "*"); got.status != http.StatusOK {
			t.Fatalf("%s: %d %v", change[1], got.status, got.body)
		}
	}
	if again := c.ask(http.MethodPost, "/v1/sections", body, "Idempotency-Key",
		"once"); again.status != http.StatusCreated || again.at("id") != made.at("id") {
		t.Errorf("again: %d %v, want that of section %v", again.status, again.body, made.at("id"))
	}
}

// What is of the wrong type in a query is told what was expected, an instant too.
func TestAQuerySaysWhatItExpects(t *testing.T) {
	c := openCampus(t)
	for value, want := range map[string]string{
		"2026-11-24": "RFC 3339", "yesterday": "RFC 3339", "2026-11-24T09:00:00+01:00": "%2B", // a + is a space there
	} {
		got := c.ask(http.MethodGet, "/v1/audit?to=2026-11-30T00:00:00Z&from="+value, "")
		faults, _ := got.at("errors").([]any)
		if got.status != http.StatusUnprocessableEntity || !slices.Equal(got.fields, []string{"query.from TYPE"}) {
			t.Errorf("from %s: %d %q", value, got.status, got.fields)
			continue
		}
		detail, _ := (answered{body: faults[0].(map[string]any)}).at("detail").(string)
		if !strings.Contains(detail, want) {
			t.Errorf("from %s: %q, want it to name %s", value, detail, want)
		}
	}
}

// A name that is taken is answered with the record that has it, and not with the one that was not made.
func TestWhoHasTheNameIsTold(t *testing.T) {
	c := openCampus(t)
	term, course := sample.ID(sample.KindTerm, 1), sample.ID(sample.KindCourse, 1)
	section := c.ask(http.MethodGet, "/v1/sections/"+sample.ID(sample.KindSection, 1), "")
	student := c.ask(http.MethodGet, "/v1/students/"+sample.ID(sample.KindStudent, 1), "")
	for _, s := range []struct{ address, body, field, kind, id, detail string }{
		{"terms", `{"code": "2027-spring", "title": "T", "start": "2027-01-11", "end": "2027-05-08", "timeZone": "UTC"}`,
			"code", "term", term, "the code belongs to another term already"},
		{"courses", `{"subject": "csci", "number": "1000", "title": "T", "credits": {"min": 1, "max": 1}}`,
			"number", "course", course, "the subject with the number belongs to another course already"},
		{"sections", fmt.Sprintf(`{"term": %q, "course": %q, "crn": %q, "capacity": 1}`, term, course, section.at("crn")),
			"crn", "section", sample.ID(sample.KindSection, 1), "the CRN belongs to another section already"},
		{"students", fmt.Sprintf(`{"number": "U77", "familyName": "T", "email": %q}`, student.at("email")),
			"email", "student", sample.ID(sample.KindStudent, 1), "the e-mail address belongs to another student already"},
	} {
		got := c.ask(http.MethodPost, "/v1/"+s.address, s.body)
		refusals, _ := got.at("refusals").([]any)
		if got.status != http.StatusConflict || got.at("code") != "NAME_TAKEN" || got.at("detail") != s.detail ||
			len(refusals) != 1 {
			t.Errorf("%s: %d %v", s.address, got.status, got.body)
			continue
		}
		refusal := answered{body: refusals[0].(map[string]any)}
		if refusal.at("subject") != s.id || refusal.at("evidence.id") != s.id ||
			refusal.at("evidence.kind") != s.kind || refusal.at("evidence.field") != s.field {
			t.Errorf("%s: refusal %v, want it about %s %s", s.address, refusals[0], s.kind, s.id)
		}
	}
}

// A term that states no window is closed: what was left out does not mean "always".
func TestATermWithoutAWindowIsClosed(t *testing.T) {
	c := openCampus(t)
	term := "/v1/terms/" + sample.ID(sample.KindTerm, 3)
	made := c.ask(http.MethodPost, "/v1/sections",
		fmt.Sprintf(`{"term": %q, "course": %q, "crn": "90010", "capacity": 1, "status": "open"}`,
			sample.ID(sample.KindTerm, 3), sample.ID(sample.KindCourse, 1)))
	enrol := func() answered {
		return c.ask(http.MethodPost, fmt.Sprintf("/v1/sections/%s/registrations", made.at("id")),
			fmt.Sprintf(`{"student": %q}`, sample.ID(sample.KindStudent, 500)))
	}
	if got := enrol(); got.status != http.StatusConflict || got.at("code") != "WINDOW_CLOSED" {
		t.Errorf("without a window: %d %v", got.status, got.body)
	}
	if got := c.ask(http.MethodPatch, term, `{"registration": {"open": "2026-11-01T00:00:00Z"}}`, "If-Match",
		"*"); got.status != http.StatusOK {
		t.Fatalf("a window: %d %v", got.status, got.body)
	}
	if got := enrol(); got.status != http.StatusCreated {
		t.Errorf("with a window: %d %v", got.status, got.body)
	}
}

// A term that has ended takes no registrations, whatever its window says; a window may close after the end and not open
// then.
func TestNothingOpensAfterATermsEnd(t *testing.T) {
	c := openCampus(t) // in November 2026
	const window = `{"open": "2019-11-01T00:00:00Z", "close": "2030-01-01T00:00:00Z"}`
	term := func(code, end, window string) answered {
		return c.ask(http.MethodPost, "/v1/terms",
			fmt.Sprintf(`{"code": %q, "title": "T", "start": "2020-01-13", "end": %q, "timeZone": "America/New_York",
			"registration": %s}`, code, end, window))
	}
	for code, want := range map[string]struct {
		end, code string
		status    int
	}{
		"ENDED":    {"2020-05-09", "WINDOW_CLOSED", http.StatusConflict},
		"LAST-DAY": {"2026-11-24", "WINDOW_CLOSED", http.StatusConflict}, // the end day is not in the term
		"GOES-ON":  {"2026-11-25", "", http.StatusCreated},
	} {
		made := term(code, want.end, window)
		section := c.ask(http.MethodPost, "/v1/sections",
			fmt.Sprintf(`{"term": %q, "course": %q, "crn": "1", "label": "01", "capacity": 1, "status": "open"}`,
				made.at("id"), sample.ID(sample.KindCourse, 1)))
		got := c.ask(http.MethodPost, fmt.Sprintf("/v1/sections/%v/registrations", section.at("id")),
			fmt.Sprintf(`{"student": %q}`, sample.ID(sample.KindStudent, 499)))
		if code, _ := got.at("code").(string); got.status != want.status || code != want.code {
			t.Errorf("%s: %d %v; the section %d, the term %d", code, got.status, got.body, section.status, made.status)
			continue
		}
		if want.code == "" {
			continue
		}
		no := got.at("refusals").([]any)[0].(map[string]any)
		if evidence, _ := no["evidence"].(map[string]any); evidence["termEnd"] != want.end ||
			no["detail"] != "the term has ended: "+want.end+" is the first day after it" {
			t.Errorf("%s: %v", code, no)
		}
	}
	// midnight in New York
	for opens, want := range map[string]string{"2020-05-09T03:59:59Z": "",
		"2020-05-09T04:00:00Z": "body.registration.open OUT_OF_RANGE"} {
		got := term("OPENS-"+want[:min(4, len(want))], "2020-05-09", `{"open": "`+opens+`"}`)
		if strings.Join(got.fields, ", ") != want || (want == "") != (got.status == http.StatusCreated) {
			t.Errorf("a window from %s: %d %v", opens, got.status, got.body)
		}
	}
}

// A rule that cannot be read is no rule that is kept: the enrolment fails, and the log says which attribute of what,
// not its value.
func TestAnEnrolmentUnderWhatCannotBeReadFails(t *testing.T) {
	c := openCampus(t)
	for n, spoilt := range []struct {
		pk, sk, attribute string // a key ends in what it is of
		value             any
		told              string
	}{
		{"SECTION#", "SECTION", "lastAdd", "planted-4711", "section"},
		{"SECTION#", "SECTION", "lastAdd", 4711, "section"},
		{"SECTION#", "SECTION", "meetings", "planted-4711", "section"},
		{"SECTION#", "SECTION", "creditsMin", "planted-4711", "section"},
		{"SEATS#", "SEATS", "freeSeats", "planted-4711", "seats"},
		{"STUDENT#", "STUDENT", "active", "planted-4711", "student"},
		{"TERM#", "TERM", "creditLimit", "planted-4711", "term"},
	} {
		made := c.ask(http.MethodPost, "/v1/sections", fmt.Sprintf(
			`{"term": %q, "course": %q, "crn": "9002%d", "capacity": 1, "status": "open"}`,
			sample.ID(sample.KindTerm, 1), sample.ID(sample.KindCourse, n+1), n))
		id, _ := made.at("id").(string)
		student, term := sample.ID(sample.KindStudent, 500-n), sample.ID(sample.KindTerm, 1)
		if spoilt.sk == "TERM" { // what was read of it is a second old, and forgotten with the next version
			c.ask(http.MethodPatch, "/v1/terms/"+term, `{"title": "Another"}`, "If-Match", "*")
		}
		pk := spoilt.pk + map[string]string{"SECTION": id, "SEATS": id, "STUDENT": student, "TERM": term}[spoilt.sk]
		var before item
		c.edit(pk, spoilt.sk, func(i item) item { before = maps.Clone(i); return with(spoilt.attribute, spoilt.value)(i) })
		c.logged()
		enrol := func() answered {
			return c.ask(http.MethodPost, "/v1/sections/"+id+"/registrations", fmt.Sprintf(`{"student": %q}`, student))
		}
		got, log := enrol(), c.logged()
		if got.status != http.StatusInternalServerError || strings.Contains(fmt.Sprint(got.body), spoilt.attribute) {
			t.Errorf("the %s of the %s is %v: %d %v", spoilt.attribute, spoilt.told, spoilt.value, got.status, got.body)
		}
		if !strings.Contains(log, "read the stored "+spoilt.told) || !strings.Contains(log, "attribute "+spoilt.attribute) ||
			strings.Contains(log, "4711") {
			t.Errorf("the %s of the %s is %v: the log is\n%.2000s", spoilt.attribute, spoilt.told, spoilt.value, log)
		}
		c.edit(pk, spoilt.sk, func(item) item { return before })
		if got := enrol(); got.status != http.StatusCreated {
			t.Errorf("once it is mended: %d %v", got.status, got.body)
		}
	}
}
