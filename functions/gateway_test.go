package functions_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/sample"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/objects"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// What the buckets hold together is what can be let through in one moment: Lambda must have room for it, and the
// account's own bucket too.
func TestThrottlesRefuseBeforeLambdaDoes(t *testing.T) {
	const accountRate, accountBurst = 10_000, 5_000 // API Gateway quotas
	stage := functions.API().Throttle
	rate, burst, workers := stage.Rate, stage.Burst, 0
	for route, own := range functions.Throttles(functions.All()) {
		if own.Rate < 1 || own.Burst < 1 {
			t.Errorf("%s lets nothing through: %+v", route, own)
		}
		rate, burst = rate+own.Rate, burst+own.Burst
	}
	for _, f := range functions.All() {
		if f.Queue != nil {
			workers += f.Queue.Concurrency
			if f.Throttle != nil {
				t.Errorf("%s has no route to throttle", f.Name)
			}
		}
	}
	if burst+workers > functions.Concurrency || burst > accountBurst || rate > accountRate {
		t.Errorf("%d requests at once besides %d workers, of %d functions at once; %d a second", burst, workers,
			functions.Concurrency, rate)
	}
}

// A web page can send and read every header that operations take and give, and use every method.
func TestCORSCoversTheOperations(t *testing.T) {
	cors := functions.API().CORS
	text, err := os.ReadFile(filepath.Join("docs", "openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	type header struct{ In, Name string }
	var document struct {
		Paths map[string]map[string]struct {
			Parameters  []header
			RequestBody *struct{}
			Responses   map[string]struct{ Headers map[string]any }
		}
		Components struct { // what all operations take and give
			Parameters map[string]header
			Headers    map[string]any
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	methods, sent, given := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, p := range document.Components.Parameters {
		sent[p.Name] = true
	}
	for name := range document.Components.Headers {
		given[name] = true
	}
	for _, path := range document.Paths {
		for method, operation := range path {
			methods[strings.ToUpper(method)] = true
			if operation.RequestBody != nil {
				sent["Content-Type"] = true // of JSON: not among those that every page may send
			}
			for _, p := range operation.Parameters {
				if p.In == "header" { // not a reference to a shared one
					sent[p.Name] = true
				}
			}
			for _, response := range operation.Responses {
				for name := range response.Headers {
					given[name] = true
				}
			}
		}
	}
	// every page may, or the browser acts on it
	for _, every := range []string{"Cache-Control", "Content-Type", "Content-Security-Policy", "Referrer-Policy",
		"Vary"} {
		delete(given, every)
	}
	for what, of := range map[string]struct {
		allowed []string
		used    map[string]bool
	}{"methods": {cors.Methods, methods}, "headers": {cors.Headers, sent}, "headers of answers": {cors.Expose, given}} {
		if used := slices.Sorted(maps.Keys(of.used)); !slices.Equal(of.allowed, used) {
			t.Errorf("%s: CORS allows %v, the operations have %v", what, of.allowed, used)
		}
	}
}

// A web page can upload to the addresses that the API gives it, and do nothing else with the bucket.
func TestCORSCoversUploads(t *testing.T) {
	client := s3.New(s3.Options{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("key", "secret",
		"")})
	upload, err := objects.New(client, "bucket", time.Now).PresignUpload(t.Context(), "imports/1")
	if err != nil {
		t.Fatal(err)
	}
	cors := functions.UploadCORS()
	if want := []string{upload.Method}; !slices.Equal(cors.Methods, want) {
		t.Errorf("methods: CORS allows %v, an upload has %v", cors.Methods, want)
	}
	if want := slices.Sorted(maps.Keys(upload.Headers)); !slices.Equal(cors.Headers, want) {
		t.Errorf("headers: CORS allows %v, an upload has %v", cors.Headers, want)
	}
	if !slices.Equal(cors.Origins, functions.API().CORS.Origins) {
		t.Errorf("pages of %v may upload, those of %v may ask for an address", cors.Origins, functions.API().CORS.Origins)
	}
}

// What no route matches is API Gateway's to answer, before any function is asked: another method of a known path too.
func TestWhatNoRouteMatchesIsTheGatewaysAnswer(t *testing.T) {
	c := openCampus(t)
	term := "/v1/terms/" + sample.ID(sample.KindTerm, 1)
	for _, ask := range []struct{ method, path string }{
		{http.MethodHead, term}, {http.MethodPut, term}, {http.MethodPost, term}, {http.MethodOptions, term}, {"QUERY", term},
		{http.MethodGet, term + "/"}, {http.MethodGet, "/v1/terms/"}, {http.MethodGet, "/" + term}, {http.MethodGet,
			strings.Replace(term, "/terms", "//terms", 1)},
		{http.MethodGet, strings.Replace(term, "terms", "Terms", 1)}, {http.MethodGet, strings.Replace(term, "terms/",
			"terms%2Fx%2F", 1)}, {http.MethodPost, "/"},
	} {
		w := httptest.NewRecorder()
		c.cloud.API.ServeHTTP(w, httptest.NewRequest(ask.method, ask.path, http.NoBody))
		want := `{"message":"Not Found"}`
		if ask.method == http.MethodHead {
			want = ""
		}
		if w.Code != http.StatusNotFound || w.Body.String() != want || w.Header().Get("X-Correlation-Id") != "" {
			t.Errorf("%s %s: %d %s", ask.method, ask.path, w.Code, w.Body)
		}
	}
}

// Location and Link lead to the right address wherever the API is: they are relative to the request's.
func TestReferencesLeadThereUnderAMapping(t *testing.T) {
	c := openCampus(t)
	const prefix = "/registrar"
	mapped := http.StripPrefix(prefix, c.cloud.API) // as API Gateway takes a mapping off
	ask := func(method, address, body string) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequest(method, address, strings.NewReader(body))
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		w := httptest.NewRecorder()
		mapped.ServeHTTP(w, r)
		if w.Code >= http.StatusMultipleChoices {
			t.Fatalf("%s %s: %d %s", method, address, w.Code, w.Body)
		}
		return w
	}
	resolve := func(base, reference string) string {
		t.Helper()
		from, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		to, err := from.Parse(reference)
		if err != nil {
			t.Fatal(err)
		}
		return to.String()
	}
	section := "/v1/sections/" + sample.ID(sample.KindSection, 11)
	for address, body := range map[string]string{
		"/v1/terms": `{"code": "X", "title": "X", "start": "2028-01-10", "end": "2028-05-06", "timeZone": ` +
			`"America/New_York", "registration": {"open": "2000-01-01T00:00:00Z"}}`,
		section + "/registrations": `{"student": "` + sample.ID(sample.KindStudent, 499) + `"}`,
		"/v1/imports":              `{"kind": "sections", "term": "` + sample.ID(sample.KindTerm, 1) + `"}`,
	} {
		address = "http://courses.example.edu" + prefix + address
		made := ask(http.MethodPost, address, body)
		read := ask(http.MethodGet, resolve(address, made.Header().Get("Location")), "")
		if tag := read.Header().Get("ETag"); tag == "" || tag != made.Header().Get("ETag") {
			t.Errorf("%s: Location %s of %s leads to %s: %s", address, made.Header().Get("Location"), made.Header().Get("ETag"),
				read.Header().Get("ETag"), read.Body)
		}
	}
	address := "http://courses.example.edu" + prefix + section[:len("/v1/sections")] + "?limit=2&term=" +
		sample.ID(sample.KindTerm, 1)
	link := ask(http.MethodGet, address, "").Header().Get("Link")
	reference, rel, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	if rel != `; rel="next"` {
		t.Fatalf("Link: %s", link)
	}
	if next := ask(http.MethodGet, resolve(address, reference), ""); !strings.Contains(next.Body.String(), `"items":[{`) {
		t.Errorf("the next page: %s", next.Body)
	}
}

// A compressed answer goes through Lambda's base64 and arrives whole; its entity tag is good for a change.
func TestCompressedAnswersThroughTheGateway(t *testing.T) {
	c := openCampus(t)
	ask := func(method, address, body string, headers map[string]string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, address, strings.NewReader(body))
		for name, value := range headers {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		c.cloud.API.ServeHTTP(w, r)
		return w
	}
	list := "/v1/sections?limit=20&term=" + sample.ID(sample.KindTerm, 1)
	plain := ask(http.MethodGet, list, "", nil)
	coded := ask(http.MethodGet, list, "", map[string]string{"Accept-Encoding": "br;q=0.5, gzip"})
	if coded.Header().Get("Content-Encoding") != "gzip" || coded.Body.Len() >= plain.Body.Len() ||
		coded.Header().Get("Vary") != "Accept-Encoding" {
		t.Fatalf("%d bytes of %d, %v", coded.Body.Len(), plain.Body.Len(), coded.Header())
	}
	reader, err := gzip.NewReader(coded.Body)
	if err != nil {
		t.Fatal(err)
	}
	var first, second struct{ Items []any } // cursors differ each time
	err = errors.Join(json.NewDecoder(reader).Decode(&second), json.NewDecoder(plain.Body).Decode(&first))
	if err != nil || !reflect.DeepEqual(first, second) {
		t.Errorf("compressed, the list is another: %v", err)
	}
	course := "/v1/courses/" + sample.ID(sample.KindCourse, 1)
	whole := ask(http.MethodGet, course, "", map[string]string{"Accept-Encoding": "gzip"})
	description := strings.Repeat("A description that is long enough to be compressed. ", 50) + "End."
	changed := ask(http.MethodPatch, course, `{"description":"`+description+`"}`, map[string]string{
		"If-Match": whole.Header().Get("ETag"), "Content-Type": "application/json", "Accept-Encoding": "gzip",
	})
	if changed.Code != http.StatusOK || !strings.HasSuffix(changed.Header().Get("ETag"), `-gzip"`) {
		t.Fatalf("%d %v", changed.Code, changed.Header())
	}
	for _, method := range []string{http.MethodGet, http.MethodPatch} {
		headers := map[string]string{"Content-Type": "application/json"}
		want := http.StatusNotModified
		if headers["If-None-Match"] = changed.Header().Get("ETag"); method == http.MethodPatch {
			delete(headers, "If-None-Match")
			headers["If-Match"], want = changed.Header().Get("ETag"), http.StatusOK
		}
		if got := ask(method, course, `{"title":"Another"}`, headers); got.Code != want {
			t.Errorf("%s with the tag of the compressed answer: %d %s", method, got.Code, got.Body)
		}
	}
}

// The local gateway does what the manifest says.
func TestTheLocalGatewayFollows(t *testing.T) {
	clock := (&campus{}).system().Clock // it stands still, so that no bucket fills again
	c, err := cloud.Open(t.Context(), cloud.Options{
		System: api.System{Clock: clock}, SQSAddress: "http://sqs.local", S3Address: "http://s3.local",
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, http.NoBody)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		c.API.ServeHTTP(w, r)
		return w
	}
	preflight := ask(http.MethodOptions, "/v1/terms", "Origin", "https://app.example", "Access-Control-Request-Method",
		"POST").Header()
	for name, want := range map[string]string{
		"Allow-Origin": "*", "Allow-Methods": strings.Join(functions.API().CORS.Methods, ","),
		"Allow-Headers": strings.Join(functions.API().CORS.Headers, ","), "Max-Age": "3600",
	} {
		if got := preflight.Get("Access-Control-" + name); got != want {
			t.Errorf("a preflight is told %s %q, want %q", name, got, want)
		}
	}
	if got := ask(http.MethodGet, "/v1/terms", "Origin",
		"https://app.example").Header().Get("Access-Control-Expose-Headers"); got != strings.Join(functions.API().CORS.Expose,
		",") {
		t.Errorf("exposed: %q", got)
	}
	passed := func(path string, burst int) {
		t.Helper()
		n := 0
		for ask(http.MethodGet, path).Code != http.StatusTooManyRequests {
			if n++; n > burst {
				break
			}
		}
		if n != burst {
			t.Errorf("%s: %d requests passed at once, want %d", path, n, burst)
		}
	}
	passed("/health", functions.Throttles(functions.All())["GET /health"].Burst)
	passed("/v1/terms/no-id", functions.API().Throttle.Burst-1) // one was taken above
}
