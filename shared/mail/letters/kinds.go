package letters

import (
	"strconv"
	"strings"
	"time"

	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
)

// Registration says that a student was enrolled in a section, or dropped it, at a time; the kind says which. Times are
// the campus's.
func (w *Writer) Registration(
	locale Locale, kind mail.Kind, s registrar.Section, t registrar.Term, at time.Time, unsubscribe string,
) (Text, error) {
	d := w.draft(locale, values{"course": s.Subject + " " + s.Number, "title": s.Title})
	d.fact("course", s.Subject+" "+s.Number+" – "+s.Title)
	d.fact("component", s.Component)
	d.fact("section", s.Label)
	d.fact("crn", s.CRN)
	d.fact("term", t.Title)
	if kind == mail.RegistrationMade {
		d.fact("meets", d.meets(s.Meetings))
	}
	d.fact("at", at.In(campus(t)).Format(d.say("format.time")))
	return w.finish(d, string(kind), unsubscribe)
}

// ImportEnded says that an import was finished, with its counts, or that it failed, and why. The term is the zero one
// when the import has none.
func (w *Writer) ImportEnded(locale Locale, im intake.Import, t registrar.Term, unsubscribe string) (Text, error) {
	of := t.Title
	if t.Title == "" { // people belong to no term
		of = string(im.Kind)
	}
	d := w.draft(locale, values{"term": of})
	d.fact("import", string(im.ID))
	d.fact("holds", d.say("holds."+string(im.Kind)))
	if t.Title != "" {
		d.fact("term", t.Title)
	}
	if im.DryRun {
		d.fact("dryRun", d.say("dryRun.yes"))
	}
	d.fact("at", im.EndedAt.In(campus(t)).Format(d.say("format.time")))
	kind := "import-finished"
	if im.State == intake.Failed {
		kind = "import-failed"
		d.fact("reason", im.Reason)
	}
	d.fact("read", strconv.Itoa(im.Rows.Read))
	d.fact("applied", strconv.Itoa(im.Rows.Applied))
	d.fact("refused", strconv.Itoa(im.Rows.Refused))
	return w.finish(d, kind, unsubscribe)
}

// campus is the term's clock. It is UTC for a term without a zone; no stored term is without one.
func campus(t registrar.Term) *time.Location {
	zone, err := registrar.Zone(t.TimeZone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// meets says when and where a section meets, for example "Mon Thu 10:00–11:50, Hall 1".
func (d *draft) meets(meetings []registrar.Meeting) string {
	if len(meetings) == 0 {
		return d.say("meets.arranged")
	}
	var all []string
	for _, m := range meetings {
		var days []string
		for _, letter := range m.Days.String() {
			days = append(days, d.say("day."+string(letter)))
		}
		text := strings.Join(days, " ") + " " + m.Start.String() + "–" + m.End.String()
		if m.Room != "" {
			text += ", " + m.Room
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}
