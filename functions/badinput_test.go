package functions_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/sample"
	"example.com/registrar/shared/api"
	"github.com/aws/aws-lambda-go/events"
)

// planted stands in every bad value. It must come out nowhere: not in an answer, not in the log.
const planted = "Pl4ntedValue"

// bad is a request with one fault.
type bad struct {
	name    string
	method  string
	address string
	headers http.Header
	body    string
	field   string // what the answer must name, or the beginning of it
	gateway bool   // API Gateway itself may find no route for the address
}

// request is an operation's event as a request, to be spoilt.
type request struct {
	method, path string
	query        url.Values
	parameters   map[string]string
	headers      http.Header
	body         string
}

// form reports whether the operation takes a form instead of JSON.
func (r request) form() bool {
	return strings.HasPrefix(r.headers.Get("Content-Type"), "application/x-www-form")
}

func (r request) bad(name, field string) bad {
	address := r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	return bad{name: name, method: r.method, address: address, headers: r.headers.Clone(), body: r.body, field: field}
}

func (r request) withBody(name, field, body string) bad {
	b := r.bad(name, field)
	b.body = body
	return b
}

func (r request) withHeader(name, field, header, value string) bad {
	b := r.bad(name, field)
	b.headers.Set(header, value)
	return b
}

// withQuery puts a parameter, as it stands in an address, in the place of the one with its name.
func (r request) withQuery(name, field, parameter string) bad {
	key, _, _ := strings.Cut(parameter, "=")
	query := maps.Clone(r.query)
	delete(query, key)
	b := r.bad(name, field)
	b.address = r.path + "?" + strings.TrimPrefix(query.Encode()+"&"+parameter, "&")
	return b
}

// TestBadInput sends each operation's event with one fault at a time, through the gateway. It is refused with a problem
// that names the fault's place and repeats nothing of it, and nothing is written.
func TestBadInput(t *testing.T) {
	c := openCampus(t)
	cursor := cursorOf(t, c.cloud.API)
	for _, f := range functions.All() {
		if f.Operations == nil {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			r := requestOf(t, f.Name)
			bodies := badBodies
			if r.form() {
				bodies = badForms
			}
			all := slices.Concat(badPaths(r), badQueries(r, f.Name, cursor), badHeaders(r, f.Name), bodies(t, r))
			if len(all) < 7 {
				t.Errorf("only %d faults", len(all))
			}
			for _, b := range all {
				refused(t, c.cloud.API, b)
				if log := c.logged(); strings.Contains(log, planted) || strings.Contains(log, `"level":"ERROR"`) {
					t.Errorf("%s: the log has the value, or an error:\n%.2000s", b.name, log)
				}
			}
			if changed := c.restore(); len(changed) > 0 {
				t.Errorf("the table has changed: %q", changed)
			}
		})
	}
}

// refused sends a bad request and judges the answer.
func refused(t *testing.T, gateway http.Handler, b bad) {
	t.Helper()
	r := httptest.NewRequest(b.method, b.address, strings.NewReader(b.body))
	r.Header = b.headers
	w := httptest.NewRecorder()
	gateway.ServeHTTP(w, r)
	if w.Code == http.StatusNotFound && b.gateway && w.Body.String() == `{"message":"Not Found"}` {
		return
	}
	if all := fmt.Sprint(w.Body, w.Header()); strings.Contains(all, planted) {
		t.Errorf("%s: the answer repeats the value: %.1000s", b.name, all)
	}
	var problem api.Problem
	err := json.Unmarshal(w.Body.Bytes(), &problem)
	if w.Code < http.StatusBadRequest || w.Code >= http.StatusInternalServerError || err != nil ||
		problem.Status != w.Code || problem.Code == "" ||
		problem.Instance == "" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: %d %s: %.1000s", b.name, w.Code, w.Header().Get("Content-Type"), w.Body)
		return
	}
	if !slices.ContainsFunc(problem.Errors, func(f api.ProblemField) bool {
		return strings.HasPrefix(f.Field, b.field) && f.Code != "" && f.Detail != ""
	}) {
		t.Errorf("%s: the answer does not name %s: %.1000s", b.name, b.field, w.Body)
	}
}

func requestOf(t *testing.T, name string) request {
	t.Helper()
	var event events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(eventOf(t, name), &event); err != nil {
		t.Fatal(err)
	}
	query, err := url.ParseQuery(event.RawQueryString)
	if err != nil {
		t.Fatal(err)
	}
	r := request{
		method: event.RequestContext.HTTP.Method, path: event.RawPath, query: query, parameters: event.PathParameters,
		headers: http.Header{}, body: bodyOf(t, event),
	}
	for _, name := range []string{"content-type", "if-match"} {
		if value, ok := event.Headers[name]; ok {
			r.headers.Set(name, value)
		}
	}
	return r
}

// cursorOf gives a cursor that is right, but for another list than any event asks for.
func cursorOf(t *testing.T, gateway http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	gateway.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/courses?subject=HIST&limit=1", http.NoBody))
	var page struct {
		Next string `json:"next"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || page.Next == "" {
		t.Fatalf("no cursor: %v, %s", err, w.Body)
	}
	return page.Next
}

// badPaths spoils the ids in the address, as it is and percent-encoded.
func badPaths(r request) []bad {
	var all []bad
	for name, id := range r.parameters {
		for what, value := range map[string]string{
			"no id": planted, "long": strings.Repeat(planted, 100), "NUL": id + "%00" + planted, "not UTF-8": "%ff%fe" +
				planted, "space": "%20",
			"up": "..", "up, encoded": "%2e%2e", "up and on": "../../v1/terms/" +
				planted, "up and on, encoded": "..%2F..%2Fetc%2F" + planted,
			"twice encoded": "%252e%252e%252f" + planted, "backslash": "..%5C..%5C" + planted, "here": ".", "empty": "",
			"slash":          id + "/",
			"slash, encoded": "%2F" + id, "two": id + "%20" + id, "in braces": "%7B" + id + "%7D", "as a URN": "urn:uuid:" +
				id, "key": "TERM%23" + planted,
		} {
			b := r.bad("path "+name+": "+what, "path")
			b.address, b.gateway = strings.Replace(b.address, id, value, 1), true
			all = append(all, b)
		}
	}
	return all
}

// badQueries spoils the query. Every operation refuses what it does not know.
func badQueries(r request, function, cursor string) []bad {
	all := []bad{
		r.withQuery("unknown parameter", "query.colour", "colour="+planted),
		r.withQuery("unknown, without value", "query.colour", "colour"),
		r.withQuery("query not UTF-8", "query", "limit=%ff"+planted),
		r.withQuery("percent without digits", "query", "limit=%zz"+planted),
		r.withQuery("query with NUL", "query", "limit=1%00"+planted),
		r.withQuery("semicolon", "query", "limit=1;"+planted),
	}
	if r.method != http.MethodGet {
		return all
	}
	for name := range r.query {
		all = append(all,
			r.withQuery("parameter twice: "+name, "query."+name, name+"="+url.QueryEscape(r.query.Get(name))+"&"+name+"="+
				url.QueryEscape(r.query.Get(name))),
			r.withQuery("NUL: "+name, "query."+name, name+"=%00"+planted),
			r.withQuery("empty: "+name, "query."+name, name+"="), // which is not "all"
			r.withQuery("invisible: "+name, "query."+name, name+"=%E2%80%8B"),
			r.withQuery("long: "+name, "query."+name, name+"="+strings.Repeat(planted, 500)))
	}
	if strings.HasSuffix(function, "-list") || function == "registrations-roster" || function == "imports-get" ||
		function == "audit-differences" {
		for _, limit := range []string{"0", "-1", "101", "1e2", "1.5", "0x10", planted, strings.Repeat("9", 40), "%20",
			"true"} {
			all = append(all, r.withQuery("limit "+limit, "query.limit", "limit="+limit))
		}
		forged := []byte(cursor)
		forged[len(forged)/2] ^= 1
		for what, value := range map[string]string{
			"of another list": cursor, "changed": string(forged), "cut": cursor[:len(cursor)-4], "invented": planted,
			"long":  strings.Repeat(planted, 400),
			"a key": url.QueryEscape(`{"PK":"TERMS","SK":"` + planted + `"}`), "padded": cursor + "%3D", "with NUL": cursor +
				"%00",
		} {
			all = append(all, r.withQuery("cursor "+what, "query.cursor", "cursor="+value))
		}
	}
	if function == "sections-list" {
		for _, name := range []string{"term", "course", "instructor"} {
			all = append(all, r.withQuery(name, "query."+name, name+"="+planted))
		}
		all = append(all, r.withQuery("open", "query.open", "open="+planted), r.withQuery("term empty", "query.term",
			"term="))
	}
	return all
}

// badHeaders spoils the headers that the operation reads.
func badHeaders(r request, function string) []bad {
	var all []bad
	if strings.HasSuffix(function, "-update") || strings.HasSuffix(function, "-delete") {
		for _, tag := range []string{
			`W/"1"`, `1`, `"1" "2"`, `"8", "9"`, `*, "1"`, `,`, `"0"`, `"-1"`, `"1`, `""`, `"1e0"`, `"` + planted + `"`, `"` +
				strings.Repeat("9", 30) + `"`, strings.Repeat(planted, 50), `"1` + "\xff" + `"`, `'1'`,
		} {
			all = append(all, r.withHeader("If-Match "+tag, "header.If-Match", "If-Match", tag))
		}
	}
	// To replay a dead letter twice is harmless by itself: the second finds it gone.
	if r.method == http.MethodPost && !r.form() && function != "deadletters-replay" || function == "registrations-drop" {
		for _, key := range []string{strings.Repeat(planted, 30), planted + " with spaces", planted + "\x7f", planted + "\tx",
			"\xff" + planted, "schlüssel" + planted, "\u00a0", "", " "} {
			all = append(all, r.withHeader("Idempotency-Key "+key, "header.Idempotency-Key", "Idempotency-Key", key))
		}
	}
	if r.body != "" {
		kinds := []string{"", "text/plain", "application/xml", "application/json; charset=latin1", planted,
			"application/json, text/plain", "application/merge-patch+xml"}
		if r.method != http.MethodPatch {
			kinds = append(kinds, "application/merge-patch+json")
		}
		if r.form() {
			kinds = append(kinds, "application/json", "multipart/mixed; boundary="+planted)
		} else {
			kinds = append(kinds, "multipart/form-data; boundary="+planted)
		}
		for _, kind := range kinds {
			all = append(all, r.withHeader("Content-Type "+kind, "header.Content-Type", "Content-Type", kind))
		}
	}
	return all
}

// badBodies spoils the body, and each value in it.
func badBodies(t *testing.T, r request) []bad {
	big := r.withBody("5 MB", "body", `{"title": "`+strings.Repeat(planted, 5<<20/len(planted))+`"}`)
	big.headers.Set("Content-Type", "application/json")
	all := []bad{big}
	if r.body == "" {
		return all // what has no body in its event may have one, but not of 5 MB
	}
	inside := strings.TrimSuffix(r.body, "}")
	all = append(all,
		r.withBody("no body", "body", ""),
		r.withBody("blanks", "body", " \n"),
		r.withBody("cut", "body", inside),
		r.withBody("more after the end", "body", r.body+planted),
		r.withBody("two bodies", "body", r.body+r.body),
		r.withBody("single quotes", "body", strings.ReplaceAll(r.body, `"`, `'`)),
		r.withBody("trailing comma", "body", inside+",}"),
		r.withBody("null", "body", "null"),
		r.withBody("array", "body", "["+r.body+"]"),
		r.withBody("text", "body", `"`+planted+`"`),
		r.withBody("number", "body", "17"),
		r.withBody("not UTF-8", "body", inside+`, "title": "`+"\xff\xfe"+planted+`"}`),
		r.withBody("name twice", "body", inside+`, "colour": 1, "\u0063olour": "`+planted+`"}`),
		r.withBody("NUL byte", "body", inside+", \"colour\": \"\x00"+planted+"\"}"),
		r.withBody("unknown field", "body.colour", inside+`, "colour": "`+planted+`"}`),
		r.withBody("unknown field with a bad name", "body", inside+`, "\u0000": "`+planted+`"}`),
		r.withBody("prototype", "body.__proto__", inside+`, "__proto__": {"x": "`+planted+`"}}`),
		r.withBody("nested", "body", strings.Repeat("[", 60_000)+strings.Repeat("]", 60_000)),
		r.withBody("nested deeper than JSON is read", "body", strings.Repeat(`{"a":`, 20_000)+"1"+strings.Repeat("}",
			20_000)),
		r.withBody("nested in a field", "body.colour", inside+`, "colour": `+strings.Repeat("[", 5_000)+`"`+planted+`"`+
			strings.Repeat("]", 5_000)+"}"),
		r.withBody("huge number", "body", inside+`, "colour": `+strings.Repeat("9", 1000)+"}"),
	)
	compressed := r.withBody("said to be compressed", "body", "\x1f\x8b\x08"+planted)
	compressed.headers.Set("Content-Encoding", "gzip")
	all = append(all, compressed)
	var whole map[string]any
	if err := json.Unmarshal([]byte(r.body), &whole); err != nil {
		t.Fatal(err)
	}
	return append(all, badValues(r, whole, whole, "body")...)
}

// badForms spoils a form as a whole and each of its fields; all of them have one value that they may have.
func badForms(_ *testing.T, r request) []bad {
	field, _, _ := strings.Cut(r.body, "=")
	place := "body." + field
	all := []bad{
		// what the gateway passes on, in base64
		r.withBody("1 MB", "body", field+"="+strings.Repeat(planted, 1<<20/len(planted))),
		r.withBody("no body", "body", ""),
		r.withBody("not UTF-8", "body", r.body+"&x=\xff"+planted),
		r.withBody("percent without digits", "body", r.body+"&x=%zz"+planted),
		r.withBody("semicolon", "body", r.body+";"+planted),
		r.withBody("JSON", place, `{"`+field+`": "`+planted+`"}`),
		r.withBody("another field", place, planted+"=1"),
		r.withBody("another value", place, field+"="+planted),
		r.withBody("no value", place, field),
		r.withBody("a longer value", place, r.body+planted),
		r.withBody("twice", place, r.body+"&"+r.body),
	}
	for what, body := range map[string]string{
		"no part": "--" + planted + "--\r\n",
		"no end":  "--" + planted + "\r\nContent-Disposition: form-data; name=\"" + field + "\"\r\n\r\n" + planted,
		"another boundary": "--other\r\nContent-Disposition: form-data; name=\"" + field + "\"\r\n\r\n" + planted +
			"\r\n--other--\r\n",
		"another value": "--" + planted + "\r\nContent-Disposition: form-data; name=\"" + field + "\"\r\n\r\n" + planted +
			"\r\n--" + planted + "--\r\n",
		"no multipart form": r.body,
	} {
		b := r.withBody("multipart: "+what, "body", body)
		b.headers.Set("Content-Type", "multipart/form-data; boundary="+planted)
		all = append(all, b)
	}
	return all
}

// badValues puts bad values into each place of the body, one at a time. The walk goes on in objects and lists.
func badValues(r request, whole, at any, place string) []bad {
	var all []bad
	spoil := func(name string, put func(any), value any) {
		place := place + name
		with := func(what, raw string) {
			const mark = "the bad value comes here"
			put(mark)
			text, _ := json.Marshal(whole) // what was read from JSON
			field := place
			if _, err := strconv.ParseFloat(raw, 64); errors.Is(err, strconv.ErrRange) || strings.Contains(raw, `\ud83d`) {
				field = "body" // found before anybody looks at fields: the answer tells the byte
			}
			all = append(all, r.withBody(place+" is "+what, field, strings.Replace(string(text), `"`+mark+`"`, raw, 1)))
			put(value)
		}
		with("an object", `{"`+"x"+`": "`+planted+`"}`)
		with("a list in a list", `[["`+planted+`"]]`)
		switch value := value.(type) {
		case string:
			with("a number", "17")
			with("true", "true")
			with("long", `"`+strings.Repeat(planted, 2000)+`"`)
			with("invisible", `"\u200b\u2060"`)
			with("a control character", `"\u0000`+planted+`"`)
			with("half of a surrogate pair", `"`+value+`\ud83d `+planted+`"`)
			with("an escape sequence", `"`+value+`\u001b[31m`+planted+`"`)
		case float64:
			for _, number := range []string{
				`"` + planted + `"`, "-1", "1e9", "1e400", strings.Repeat("9", 400), "-" + strings.Repeat("9", 20),
				"9223372036854775808", "0.12345", "true",
			} {
				with(number, number)
			}
		case bool:
			with("a number", "1")
			with("text", `"`+planted+`"`)
		case map[string]any, []any:
			with("text", `"`+planted+`"`)
			all = append(all, badValues(r, whole, value, place)...)
		}
	}
	switch at := at.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(at)) {
			spoil("."+name, func(v any) { at[name] = v }, at[name])
			at[strings.ToUpper(name)] = at[name]
			text, _ := json.Marshal(whole) // what was read from JSON
			delete(at, strings.ToUpper(name))
			all = append(all, r.withBody(place+"."+name+" also in capitals", place+"."+strings.ToUpper(name), string(text)))
		}
	case []any:
		for i := range at {
			spoil("["+strconv.Itoa(i)+"]", func(v any) { at[i] = v }, at[i])
		}
	}
	return all
}

// A list's address stands in Link, so whatever is in a query comes back there. It must be the client's own again,
// encoded.
func TestALinkLeadsToTheNextPageAndNowhereElse(t *testing.T) {
	c := openCampus(t)
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/v1/sections?limit=1&subject=csci&term="+sample.ID(sample.KindTerm, 1),
		http.NoBody)
	r.Host = "evil.example"
	c.cloud.API.ServeHTTP(w, r)
	link := w.Header().Get("Link")
	if !strings.HasPrefix(link, "<?cursor=") || !strings.HasSuffix(link, `&limit=1&subject=csci&term=`+
		sample.ID(sample.KindTerm, 1)+`>; rel="next"`) {
		t.Errorf("Link: %s", link)
	}
}
