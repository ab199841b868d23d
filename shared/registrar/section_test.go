package registrar_test

import (
	"testing"

	"example.com/registrar/shared/registrar"
	"pgregory.net/rapid"
)

func days(t *testing.T, letters string) registrar.Days {
	t.Helper()
	d, ok := registrar.ParseDays(letters)
	if !ok {
		t.Fatalf("ParseDays(%q) refused", letters)
	}
	return d
}

func TestConflictsWith(t *testing.T) {
	base := registrar.Meeting{Days: days(t, "MR"), Start: 600, End: 710, From: "2024-08-28", To: "2024-12-20"}
	change := func(f func(*registrar.Meeting)) registrar.Meeting {
		m := base
		f(&m)
		return m
	}
	for name, c := range map[string]struct {
		other registrar.Meeting
		want  bool
	}{
		"the same":                {base, true},
		"touching ends":           {change(func(m *registrar.Meeting) { m.Start, m.End = 710, 800 }), false},
		"one minute over":         {change(func(m *registrar.Meeting) { m.Start, m.End = 709, 800 }), true},
		"other weekdays":          {change(func(m *registrar.Meeting) { m.Days = days(t, "TWF") }), false},
		"one weekday in common":   {change(func(m *registrar.Meeting) { m.Days = days(t, "TR") }), true},
		"later date range":        {change(func(m *registrar.Meeting) { m.From, m.To = "2024-12-21", "2025-01-31" }), false},
		"one shared day, Friday":  {change(func(m *registrar.Meeting) { m.From, m.To = "2024-12-20", "2025-01-31" }), false},
		"shared days with Monday": {change(func(m *registrar.Meeting) { m.From, m.To = "2024-12-16", "2025-01-31" }), true},
	} {
		if got := base.ConflictsWith(c.other); got != c.want {
			t.Errorf("%s: ConflictsWith = %t, want %t", name, got, c.want)
		}
		if got := c.other.ConflictsWith(base); got != c.want {
			t.Errorf("%s, the other way round: ConflictsWith = %t, want %t", name, got, c.want)
		}
	}
}

// A date before 1970 is a negative number of days; 1 January of the year 1 is a placeholder that other systems send.
func TestConflictsWith_LongAgo(t *testing.T) {
	for from, days := range map[registrar.Date]registrar.Days{"0001-01-01": days(t, "M"), "1969-12-28": days(t, "U"),
		"1969-12-31": days(t, "W")} {
		m := registrar.Meeting{Days: days, Start: 600, End: 660, From: from, To: from}
		if !m.ConflictsWith(m) {
			t.Errorf("a meeting on %s does not conflict with itself", from)
		}
		m.Days ^= 1<<7 - 1
		if m.ConflictsWith(m) {
			t.Errorf("on %s a meeting of all other weekdays conflicts with itself", from)
		}
	}
}

func TestDays_RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := registrar.Days(rapid.IntRange(0, 127).Draw(t, "days"))
		back, ok := registrar.ParseDays(d.String())
		if !ok || back != d {
			t.Fatalf("%07b written as %q is read as %07b, %t", d, d, back, ok)
		}
	})
	for _, bad := range []string{"X", "MM", "m", "M R"} {
		if _, ok := registrar.ParseDays(bad); ok {
			t.Errorf("ParseDays(%q) was accepted", bad)
		}
	}
}

func TestCredits(t *testing.T) {
	for text, want := range map[string]registrar.Credits{"4": 400, "1.5": 150, "0.25": 25, "100": 10000} {
		got, err := registrar.ParseCredits(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("ParseCredits(%q) = %d, %v, written back %q", text, got, err, got)
		}
	}
	for _, bad := range []string{"", "-1", "1.234", "101", "100.01", "x", "1.x", "1.-1"} {
		if c, err := registrar.ParseCredits(bad); err == nil {
			t.Errorf("ParseCredits(%q) = %d, want an error", bad, c)
		}
	}
}
