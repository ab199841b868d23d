package cloudevents_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/consumer/cloudevents"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
	"github.com/google/go-cmp/cmp"
)

func event() registrar.Event {
	return registrar.Event{
		ID: "0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11", Type: registrar.RegistrationEnrolled, Schema: 1,
		At: time.Date(2026, 11, 24, 9, 0, 0, 123_000_000, time.UTC), Actor: "anonymous", OnBehalfOf: "s", Request: "req",
		Correlation: "cor", Trace: "Root=1",
		Record: registrar.Record{Kind: registrar.KindSection, ID: "s/1"}, Student: "p", Version: 3,
		Facts: registrar.Facts{"term": "t", "attempt": int64(2), "codes": []string{"A", "B"}, "note": "<\"&é"},
	}
}

func TestAnEventComesBackAsItWasSent(t *testing.T) {
	text, err := cloudevents.Marshal(event())
	if err != nil {
		t.Fatal(err)
	}
	got, err := cloudevents.Unmarshal(text)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(event(), got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for _, part := range []string{`"specversion":"1.0"`, `"type":"registrar.registration.enrolled.v1"`,
		`"subject":"section/s/1"`, `"time":"2026-11-24T09:00:00.123Z"`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s lacks %s", text, part)
		}
	}
}

func TestWhatIsUnknownIsLeftOut(t *testing.T) {
	text, err := cloudevents.Marshal(event())
	if err != nil {
		t.Fatal(err)
	}
	newer := strings.Replace(string(text), `"data":{`,
		`"dataschema":"x","later":{"a":1},"data":{"object":{"a":1},"half":1.5,"nothing":null,`, 1)
	got, err := cloudevents.Unmarshal([]byte(newer))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(event(), got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// What an event must say is an error when it is missing or stands there in another form: it is never read as none or 0.
func TestAFactThatCannotBeReadIsAnError(t *testing.T) {
	registration, ended := event(), event()
	registration.Facts = registrar.Facts{
		"term": "t", "course": "c", "crn": "100", "state": "ENROLLED", "attempt": int64(2), "credits": int64(400),
	}
	ended.Type, ended.Record = registrar.ImportEnded, registrar.Record{Kind: registrar.KindImport, ID: "m"}
	ended.Facts = registrar.Facts{
		"kind": "sections", "term": "t", "state": "FINISHED", "rowsRead": int64(3), "rowsApplied": int64(2),
		"rowsRefused": int64(1),
	}
	for _, c := range []struct {
		event registrar.Event
		read  func(registrar.Event) error
	}{
		{registration, func(e registrar.Event) error { _, err := e.Registration(); return err }},
		{ended, func(e registrar.Event) error { _, err := intake.ReadEnd(e); return err }},
	} {
		text, err := cloudevents.Marshal(c.event)
		if err != nil {
			t.Fatal(err)
		}
		var whole map[string]any
		if err := json.Unmarshal(text, &whole); err != nil {
			t.Fatal(err)
		}
		facts := whole["data"].(map[string]any)
		if err := c.read(c.event); err != nil {
			t.Errorf("as it was sent: %v", err)
		}
		for name := range c.event.Facts {
			before := facts[name]
			for _, value := range []any{nil, 1.5, "4711 planted", -1, map[string]any{"a": 1}, []any{1}} {
				_, isText := value.(string)
				if free := name == "term" || name == "course" || name == "crn" || name == "kind"; isText && free {
					continue
				}
				facts[name] = value
				spoilt, err := json.Marshal(whole)
				if err != nil {
					t.Fatal(err)
				}
				e, err := cloudevents.Unmarshal(spoilt)
				if err == nil {
					err = c.read(e)
				}
				if err == nil || strings.Contains(err.Error(), "planted") {
					t.Errorf("%s: the fact %s is %v: %v", c.event.Type, name, value, err)
				}
			}
			facts[name] = before
		}
	}
}

func TestWhatIsNoEventIsRefused(t *testing.T) {
	text, err := cloudevents.Marshal(event())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"not JSON":             {`{`, ``},
		"two":                  {`}}`, `}}{}`},
		"another spec":         {`"1.0"`, `"0.3"`},
		"no id":                {`"id":"0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11"`, `"id":""`},
		"another source":       {`"/registrar"`, `"/elsewhere"`},
		"no schema":            {`enrolled.v1`, `enrolled`},
		"a schema of nothing":  {`enrolled.v1`, `enrolled.v0`},
		"another's type":       {`"registrar.registration`, `"com.example`},
		"no subject":           {`"section/s/1"`, `"section"`},
		"no time":              {`"time":"2026-11-24T09:00:00.123Z",`, ``},
		"other data":           {`application/json`, `text/plain`},
		"data that is no data": {`"data":{`, `"data":[{`},
	} {
		changed := strings.Replace(string(text), change[0], change[1], 1)
		if e, err := cloudevents.Unmarshal([]byte(changed)); err == nil {
			t.Errorf("%s: taken for %+v", name, e)
		}
	}
}

// Errors go into logs and dead letters' reasons: neither is the place for what somebody wrote into a field.
func TestAnErrorRepeatsNoValue(t *testing.T) {
	text, err := cloudevents.Marshal(event())
	if err != nil {
		t.Fatal(err)
	}
	const name = "Quendolin Xiroszewska"
	for what, change := range map[string][2]string{
		"a name for a time":   {`2026-11-24T09:00:00.123Z`, name},
		"much for a time":     {`2026-11-24T09:00:00.123Z`, strings.Repeat(name, 10_000)},
		"a number for a time": {`"2026-11-24T09:00:00.123Z"`, `4711`},
		"too long a number":   {`"recordversion":3`, `"recordversion":` + strings.Repeat("4711", 10_000)},
		"a name for a number": {`"recordversion":3`, `"recordversion":"` + name + `"`},
		"a name for the data": {`"data":{`, `"data":"` + name + `","more":{`},
	} {
		changed := strings.Replace(string(text), change[0], change[1], 1)
		_, err := cloudevents.Unmarshal([]byte(changed))
		if err == nil || strings.Contains(err.Error(), "Quendolin") || strings.Contains(err.Error(), "4711") ||
			len(err.Error()) > 200 {
			t.Errorf("%s: %.300v", what, err)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	text, err := cloudevents.Marshal(event())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := cloudevents.Unmarshal(text)
		if err != nil {
			return
		}
		again, err := cloudevents.Marshal(e)
		if err != nil {
			t.Fatalf("an event that was read cannot be written: %v", err)
		}
		if back, err := cloudevents.Unmarshal(again); err != nil || !back.At.Equal(e.At) || back.ID != e.ID ||
			back.Type != e.Type || back.Schema != e.Schema {
			t.Fatalf("%+v came back as %+v, %v", e, back, err)
		}
	})
}
