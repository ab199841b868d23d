package schedule_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/registrar/shared/schedule"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// The forms and the wildcards of the user guide's page, and of the page on cron expressions that it shares them with.
func TestDueTimes(t *testing.T) {
	const from = "2026-11-24 13:00" // a Tuesday
	for expression, want := range map[string][]string{
		"cron(0 3 * * ? *)":      {"2026-11-25 03:00", "2026-11-26 03:00"},
		"cron(0/20 6-9 * * ? *)": {"2026-11-25 06:00", "2026-11-25 06:20", "2026-11-25 06:40", "2026-11-25 07:00"},
		"cron(0 10 * * ? *)":     {"2026-11-25 10:00"},
		"cron(15 12 * * ? *)":    {"2026-11-25 12:15"},
		"cron(0 18 ? * MON-FRI *)": {"2026-11-24 18:00", "2026-11-25 18:00", "2026-11-26 18:00", "2026-11-27 18:00",
			"2026-11-30 18:00"},
		"cron(0 8 1 * ? *)":               {"2026-12-01 08:00", "2027-01-01 08:00"},
		"cron(1/10 * ? * 3,5 *)":          {"2026-11-24 13:01", "2026-11-24 13:11"},
		"cron(*/25 0 ? * SUN *)":          {"2026-11-29 00:00", "2026-11-29 00:25", "2026-11-29 00:50", "2026-12-06 00:00"},
		"cron(10-20/5 0 1 JAN,MAR ? *)":   {"2027-01-01 00:10", "2027-01-01 00:15", "2027-01-01 00:20", "2027-03-01 00:10"},
		"cron(15 10 ? * 6L 2026-2027)":    {"2026-11-27 10:15", "2026-12-25 10:15", "2027-01-29 10:15"},
		"cron(0 0 L * ? *)":               {"2026-11-30 00:00", "2026-12-31 00:00", "2027-01-31 00:00", "2027-02-28 00:00"},
		"cron(0 0 ? * L *)":               {"2026-11-28 00:00", "2026-12-05 00:00"},
		"cron(0 0 ? * 3#2 *)":             {"2026-12-08 00:00", "2027-01-12 00:00"},
		"cron(0 0 ? * TUE#5 *)":           {"2026-12-29 00:00", "2027-03-30 00:00"},
		"cron(0 0 3W * ? *)":              {"2026-12-03 00:00", "2027-01-04 00:00", "2027-02-03 00:00"},
		"cron(0 0 1W 5 ? *)":              {"2027-05-03 00:00"}, // the first is a Saturday, and the nearest lies in April
		"cron(0 0 31W 1,2,10 ? 2027)":     {"2027-01-29 00:00", "2027-10-29 00:00"},
		"cron(0 0 29 2 ? *)":              {"2028-02-29 00:00", "2032-02-29 00:00"},
		"cron(0 0 31 * ? *)":              {"2026-12-31 00:00", "2027-01-31 00:00", "2027-03-31 00:00"},
		"cron(59 23 31 12 ? 2199)":        {"2199-12-31 23:59", ""},
		"cron(0 0 30 2 ? *)":              {""},
		"cron(0 0 1 1 ? 2020)":            {""},
		"cron(0 0 1 1 ? 2027/2)":          {"2027-01-01 00:00", "2029-01-01 00:00"},
		"cron( 0  12 *  * ?   2026 )":     {"2026-11-25 12:00"},
		"cron(0 13 24 11 ? 2026)":         {""}, // the time itself is not after it
		"cron(00 07 * * ? *)":             {"2026-11-25 07:00"},
		"rate(15 minutes)":                {"2026-11-24 13:15", "2026-11-24 13:30"},
		"rate(1 minute)":                  {"2026-11-24 13:01"},
		"rate(1 hour)":                    {"2026-11-24 14:00"},
		"rate(36 hours)":                  {"2026-11-26 01:00"},
		"rate(5 days)":                    {"2026-11-29 13:00"},
		"cron(0 0 ? JAN-DEC/6 SAT#1 *)":   {"2027-01-02 00:00", "2027-07-03 00:00"},
		"cron(0 0 1-5,30-31/1 11,12 ? *)": {"2026-11-30 00:00", "2026-12-01 00:00"},
	} {
		e, err := schedule.Parse(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		var got []string
		for due := at(t, from); len(got) < len(want); {
			if due = e.Next(due); due.IsZero() {
				got = append(got, "")
				break
			}
			got = append(got, due.Format("2006-01-02 15:04"))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", expression, d)
		}
	}
}

func TestWhatIsNoExpression(t *testing.T) {
	for _, text := range []string{
		"", "rate", "rate()", "rate(15 minutes", "15 minutes", "rate(0 minutes)", "rate(-1 minutes)", "rate(1.5 hours)",
		"rate(1 minutes)",
		"rate(2 minute)", "rate(15 weeks)", "rate(15)", "rate(99999999999 days)", "at(2026-11-24T13:00:00)",
		"cron(0 3 * * *)",
		"cron(0 3 * * ? * *)", "cron(0 3 * * * *)", "cron(0 3 ? * ? *)", "cron(0 3 1 * MON *)", "cron(60 3 * * ? *)",
		"cron(0 24 * * ? *)",
		"cron(0 3 0 * ? *)", "cron(0 3 32 * ? *)", "cron(0 3 * 13 ? *)", "cron(0 3 ? * 8 *)", "cron(0 3 ? * 0 *)",
		"cron(0 3 * * ? 1969)",
		"cron(0 3 * * ? 2200)", "cron(0 3 ? * FRI-MON *)", "cron(20-10 3 * * ? *)", "cron(0/0 3 * * ? *)",
		"cron(0/x 3 * * ? *)",
		"cron(0 3 LW * ? *)", "cron(0 3 L-3 * ? *)", "cron(0 3 W * ? *)", "cron(0 3 32W * ? *)", "cron(0 3 1,L * ? *)",
		"cron(0 3 ? * 3#6 *)",
		"cron(0 3 ? * 3#0 *)", "cron(0 3 ? * 3#1,6#3 *)", "cron(0 3 ? * 3# *)", "cron(0 3 ? * mon *)", "cron(? 3 * * ? *)",
		"cron(, 3 * * ? *)",
		"cron(+5 3 * * ? *)", "cron(5-7-9 3 * * ? *)", "cron(005 3 * * ? *)", "cron(1//2 3 * * ? *)", "cron(- 3 * * ? *)",
		"cron(0 3 * * ? L)",
	} {
		if e, err := schedule.Parse(text); err == nil {
			t.Errorf("%q was read; it is due at %v", text, e.Next(time.Date(2026, 11, 24, 13, 0, 0, 0, time.UTC)))
		}
	}
}

func TestTheFirstDueTime(t *testing.T) {
	made := at(t, "2026-11-24 13:00").Add(7 * time.Second)
	if first := schedule.MustParse("rate(15 minutes)").First(made); !first.Equal(made) {
		t.Errorf("a rate is first due at %v", first)
	}
	if first := schedule.MustParse("cron(0 3 * * ? *)").First(made); !first.Equal(at(t, "2026-11-25 03:00")) {
		t.Errorf("cron is first due at %v", first)
	}
	if !(schedule.Expression{}).First(made).IsZero() {
		t.Error("no expression is due")
	}
}

func TestNames(t *testing.T) {
	nightly := schedule.MustParse("cron(0/20 6-9 * * ? *)")
	for text, want := range map[string]bool{"2026-11-24 06:20": true, "2026-11-24 06:21": false,
		"2026-11-24 05:20": false} {
		if got := nightly.Names(at(t, text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if nightly.Names(at(t, "2026-11-24 06:20").Add(time.Second)) {
		t.Error("a second later is another time")
	}
	if !schedule.MustParse("rate(15 minutes)").Names(at(t, "2026-11-24 06:21")) {
		t.Error("a rate may name any time")
	}
}

func TestBetween(t *testing.T) {
	for _, c := range []struct {
		expression, done, due string
		want                  int
	}{
		{"rate(15 minutes)", "2026-11-24 13:00", "2026-11-24 13:15", 0},
		{"rate(15 minutes)", "2026-11-24 13:00", "2026-11-24 13:20", 1}, // set anew meanwhile: 13:05 and 13:20
		{"rate(15 minutes)", "2026-11-24 13:00", "2026-11-24 14:00", 3},
		{"rate(15 minutes)", "2026-11-24 13:00", "2026-11-24 13:00", 0},
		{"rate(15 minutes)", "2026-11-24 13:00", "2026-11-24 12:00", 0},
		{"rate(1 minute)", "1970-01-01 00:00", "2026-11-24 12:00", 10_000},
		{"cron(0 3 * * ? *)", "2026-11-20 03:00", "2026-11-24 03:00", 3},
		{"cron(0 3 * * ? *)", "2026-11-23 03:00", "2026-11-24 03:00", 0},
		{"cron(0/20 6-9 * * ? *)", "2026-11-23 09:40", "2026-11-24 06:40", 2},
		{"cron(* * * * ? *)", "1970-01-01 00:00", "2026-11-24 12:00", 10_000},
		{"cron(0 3 * * ? *)", "2026-11-24 03:00", "2026-11-20 03:00", 0},
	} {
		if got := schedule.MustParse(c.expression).Between(at(t, c.done), at(t, c.due)); got != c.want {
			t.Errorf("%s, %s to %s: %d, want %d", c.expression, c.done, c.due, got, c.want)
		}
	}
}

// What is found by going on from field to field is what is found by looking at every minute.
func TestNoMinuteIsMissedOrInvented(t *testing.T) {
	fields := [][]string{
		{"0", "7", "0/13", "5,50", "*/30", "10-12"},
		{"*", "0", "3,21", "6-9", "0/5"},
		{"*", "1", "L", "15W", "1W", "31W", "28-31", "2/9"},
		{"*", "2", "FEB-APR", "1/4"},
		{"*", "1", "L", "6L", "3#2", "SUN#5", "MON-FRI", "2/3"},
		{"*", "2026", "2027-2029", "2028"},
	}
	rapid.Check(t, func(t *rapid.T) {
		var words [6]string
		for i, choices := range fields {
			words[i] = rapid.SampledFrom(choices).Draw(t, fmt.Sprint("field ", i))
		}
		words[rapid.SampledFrom([]int{2, 4}).Draw(t, "either")] = "?"
		text := fmt.Sprintf("cron(%s %s %s %s %s %s)", words[0], words[1], words[2], words[3], words[4], words[5])
		e, err := schedule.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		from := time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC).Add(
			time.Duration(rapid.IntRange(0, 60*24*1000).Draw(t, "minute")) * time.Minute)
		var walked, named []time.Time
		const days = 20
		until := from.AddDate(0, 0, days)
		for due := e.Next(from); !due.IsZero() && !due.After(until); due = e.Next(due) {
			walked = append(walked, due)
		}
		for minute := from.Add(time.Minute); !minute.After(until); minute = minute.Add(time.Minute) {
			if e.Names(minute) {
				named = append(named, minute)
			}
		}
		if !slices.Equal(walked, named) {
			t.Errorf("%s from %s: walked %v, named %v", text, from, walked, named)
		}
	})
}
