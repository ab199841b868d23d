package telemetrytest_test

import (
	"strings"
	"testing"

	"example.com/registrar/shared/telemetry/telemetrytest"
	"github.com/google/go-cmp/cmp"
)

// example is the specification's own.
const example = `{"_aws":{"Timestamp":1574109732004,"CloudWatchMetrics":[{"Namespace":"lambda-function-metrics",` +
	`"Dimensions":[["functionVersion"]],` +
	`"Metrics":[{"Name":"time","Unit":"Milliseconds","StorageResolution":60}]}]},"functionVersion":"$LATEST","time":100,` +
	`"requestId":"989ffbf8"}`

func TestCheck_TakesWhatTheSpecificationShows(t *testing.T) {
	got, err := telemetrytest.Check([]byte(example))
	want := []telemetrytest.Metric{{
		Namespace: "lambda-function-metrics", Name: "time", Unit: "Milliseconds",
		Dimensions: map[string]string{"functionVersion": "$LATEST"}, Values: []float64{100},
	}}
	if err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
	several := strings.NewReplacer(`"time":100`, `"time":[1,2.5]`, `[["functionVersion"]]`, `[[],["functionVersion"]]`,
		`,"Unit":"Milliseconds"`, "").Replace(example)
	if got, err = telemetrytest.Check([]byte(several)); err != nil || len(got) != 2 || len(got[1].Values) != 2 ||
		got[0].Unit != "None" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = telemetrytest.Check([]byte(`{"level":"INFO"}`)); err != nil || got != nil {
		t.Errorf("a line of another kind: %v, %v", got, err)
	}
}

func TestCheck_RefusesWhatTheSpecificationForbids(t *testing.T) {
	for _, c := range []struct{ from, to string }{
		{`{"_aws"`, `_aws`},
		{`"989ffbf8"}`, `"989ffbf8"} {}`},
		{`"989ffbf8"}`, `"989ffbf8"`},
		{`"requestId":"989ffbf8"`, `"time":7`},
		{`"requestId":"989ffbf8"`, `"requestId":"` + strings.Repeat("x", 256<<10) + `"`},
		{`"Timestamp":1574109732004`, `"Timestamp":"2019-11-18T20:42:12Z"`},
		{`"Timestamp":1574109732004`, `"Timestamp":1574109732`},
		{`"Timestamp":1574109732004,`, ``},
		{`"CloudWatchMetrics":[`, `"CloudWatchMetrics":[],"Other":[`},
		{`"Namespace":"lambda-function-metrics",`, ``},
		{`lambda-function-metrics`, ``},
		{`lambda-function-metrics`, `AWS/Lambda`},
		{`lambda-function-metrics`, strings.Repeat("x", 256)},
		{`[["functionVersion"]]`, `[]`},
		{`[["functionVersion"]]`, `["functionVersion"]`},
		{`[["functionVersion"]]`, `[["functionVersion","functionVersion"]]`},
		{`[["functionVersion"]]`, `[["missing"]]`},
		{`[["functionVersion"]]`, `[["time"]]`},
		{`[["functionVersion"]]`, `[[` + strings.Repeat(`"functionVersion",`, 30) + `"functionVersion"]]`},
		{`"$LATEST"`, `" "`},
		{`"$LATEST"`, `"ä"`},
		{`"$LATEST"`, `"` + strings.Repeat("x", 1025) + `"`},
		{`[{"Name":"time","Unit":"Milliseconds","StorageResolution":60}]`, `[]`},
		{`"Name":"time",`, ``},
		{`"Name":"time"`, `"Name":"late"`},
		{`"Milliseconds"`, `"Parsecs"`},
		{`:60`, `:30`},
		{`"time":100`, `"time":"100"`},
		{`"time":100`, `"time":null`},
		{`"time":100`, `"time":[]`},
		{`"time":100`, `"time":[` + strings.Repeat("1,", 100) + `1]`},
	} {
		broken := strings.Replace(example, c.from, c.to, 1)
		if broken == example {
			t.Fatalf("%s is not in the example", c.from)
		}
		if got, err := telemetrytest.Check([]byte(broken)); err == nil {
			t.Errorf("%.80s instead of %s: taken as %+v", c.to, c.from, got)
		}
	}
}
