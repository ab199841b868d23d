package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Expression says when a schedule is due, in UTC. The zero value is never due.
type Expression struct {
	every time.Duration // of a rate
	cron  *cron
}

// Parse reads an expression of EventBridge Scheduler (user guide, "Schedule types on EventBridge Scheduler"): "rate(15
// minutes)" or "cron(0 3 * * ? *)". It refuses one-time expressions, "at(…)", and everything that the guide does not
// name: a rate of one with a unit in the plural and the reverse, ranges that run backwards, names in small letters, and
// further forms of Quartz such as "LW" and "L-3".
func Parse(text string) (Expression, error) {
	kind, rest, ok := strings.Cut(text, "(")
	inside, closed := strings.CutSuffix(rest, ")")
	if !ok || !closed {
		return Expression{}, fmt.Errorf("schedule %q: not rate(…) or cron(…)", text)
	}
	var e Expression
	var err error
	switch kind {
	case "rate":
		e.every, err = parseRate(inside)
	case "cron":
		e.cron, err = parseCron(inside)
	case "at":
		err = errors.New("one-time schedules are not offered")
	default:
		err = fmt.Errorf("%q is not rate or cron", kind)
	}
	if err != nil {
		return Expression{}, fmt.Errorf("schedule %q: %w", text, err)
	}
	return e, nil
}

// MustParse is [Parse] for expressions in the program itself. It panics when one cannot be read.
func MustParse(text string) Expression {
	e, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return e
}

// First is the first due time of a schedule that is made at the given time. A rate without a start date is due at once
// (user guide, "Rate-based schedules"), a cron expression at the next time that it names. It is zero when there is
// none.
func (e Expression) First(made time.Time) time.Time {
	if e.every > 0 {
		return made.UTC()
	}
	return e.Next(made)
}

// Next is the due time after another: for a rate, later by its interval; for a cron expression, the first time after it
// that the expression names. It is zero when there is none.
func (e Expression) Next(due time.Time) time.Time {
	switch {
	case e.every > 0:
		return due.UTC().Add(e.every)
	case e.cron != nil:
		return e.cron.next(due.UTC())
	}
	return time.Time{}
}

// Names reports whether the expression may name that time. A rate may name any.
func (e Expression) Names(due time.Time) bool {
	return e.every > 0 || e.cron != nil && e.cron.names(due.UTC())
}

// mostCounted bounds what [Expression.Between] counts.
const mostCounted = 10_000

// Between counts the due times after one and before another, at most ten thousand. A rate that was changed has other
// due times than before: then whole intervals are counted.
func (e Expression) Between(done, due time.Time) int {
	if e.every > 0 {
		return int(min(max(0, (due.Sub(done)-1)/e.every), mostCounted))
	}
	n := 0
	for at := e.Next(done); !at.IsZero() && at.Before(due) && n < mostCounted; at = e.Next(at) {
		n++
	}
	return n
}

func parseRate(text string) (time.Duration, error) {
	number, unit, ok := strings.Cut(text, " ")
	n, err := strconv.Atoi(number)
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
	one, known := units[strings.TrimSuffix(unit, "s")]
	const most = 1_000_000 // minutes, hours or days; nobody needs more, and it cannot overflow
	switch {
	case !ok || err != nil || n < 1 || n > most:
		return 0, errors.New("a rate is a whole number from 1 to a million, a blank and a unit")
	case !known:
		return 0, errors.New("a rate's unit is minute, minutes, hour, hours, day or days")
	case strings.HasSuffix(unit, "s") != (n > 1):
		return 0, errors.New("a rate's unit is in the singular for 1, and else in the plural")
	}
	return time.Duration(n) * one, nil
}

// cron is a parsed expression of six fields.
type cron struct {
	minutes, hours, months, years set
	days                          func(day time.Time) bool // the fields day-of-month and day-of-week
}

// set are the numbers that a field names.
type set map[int]bool

// The fields: what they are called, and their bounds.
type field struct {
	name        string
	first, last int
	names       []string // of the numbers from the first on; nil: they have none
}

func fields() [6]field {
	return [...]field{
		{"minutes", 0, 59, nil},
		{"hours", 0, 23, nil},
		{"day-of-month", 1, 31, nil},
		{"month", 1, 12, []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}},
		{"day-of-week", 1, 7, []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}},
		{"year", 1970, 2199, nil},
	}
}

func parseCron(text string) (*cron, error) {
	all := fields()
	words := strings.Fields(text)
	if len(words) != len(all) {
		return nil, fmt.Errorf("cron has six fields, not %d", len(words))
	}
	const dayOfMonth, month, dayOfWeek, year = 2, 3, 4, 5
	var sets [len(all)]set
	for i, word := range words {
		if i == dayOfMonth || i == dayOfWeek {
			continue
		}
		var err error
		if sets[i], err = all[i].parse(word); err != nil {
			return nil, err
		}
	}
	c := &cron{minutes: sets[0], hours: sets[1], months: sets[month], years: sets[year]}
	var err error
	switch {
	case (words[dayOfMonth] == "?") == (words[dayOfWeek] == "?"):
		return nil, errors.New("of day-of-month and day-of-week one says which days, and the other is ?")
	case words[dayOfWeek] == "?":
		c.days, err = parseDayOfMonth(all[dayOfMonth], words[dayOfMonth])
	default:
		c.days, err = parseDayOfWeek(all[dayOfWeek], words[dayOfWeek])
	}
	return c, err
}

// parse reads a list of numbers, names, ranges and increments.
func (f field) parse(word string) (set, error) {
	numbers := set{}
	for part := range strings.SplitSeq(word, ",") {
		span, step, stepped := strings.Cut(part, "/")
		by := 1
		if stepped {
			var err error
			if by, err = strconv.Atoi(step); err != nil || by < 1 || by > f.last {
				return nil, fmt.Errorf("%s: %q is no increment", f.name, part)
			}
		}
		first, last := f.first, f.last
		if span != "*" {
			low, high, ranged := strings.Cut(span, "-")
			var err error
			if first, err = f.number(low); err != nil {
				return nil, err
			}
			switch {
			case ranged:
				if last, err = f.number(high); err != nil {
					return nil, err
				}
			case !stepped:
				last = first
			}
			if last < first {
				return nil, fmt.Errorf("%s: %q runs backwards", f.name, part)
			}
		}
		for n := first; n <= last; n += by {
			numbers[n] = true
		}
	}
	return numbers, nil
}

func (f field) number(text string) (int, error) {
	if i := slices.Index(f.names, text); i >= 0 {
		return f.first + i, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.first || n > f.last || len(text) > len(strconv.Itoa(f.last)) || text[0] == '+' {
		return 0, fmt.Errorf("%s: %q is not between %d and %d", f.name, text, f.first, f.last)
	}
	return n, nil
}

// parseDayOfMonth reads days, "L" for the last one, or "3W" for the weekday that is nearest to the third.
func parseDayOfMonth(f field, word string) (func(time.Time) bool, error) {
	if word == "L" {
		return func(day time.Time) bool { return day.Day() == lastDay(day) }, nil
	}
	if number, ok := strings.CutSuffix(word, "W"); ok {
		n, err := f.number(number)
		if err != nil {
			return nil, err
		}
		return func(day time.Time) bool { return n <= lastDay(day) && day.Day() == nearestWeekday(day, n) }, nil
	}
	days, err := f.parse(word)
	return func(day time.Time) bool { return days[day.Day()] }, err
}

// parseDayOfWeek reads days, "L" for the last day of the week, "6L" for the last Friday of the month, or "3#2" for the
// second Tuesday.
func parseDayOfWeek(f field, word string) (func(time.Time) bool, error) {
	const inWeek = 7
	if word == "L" {
		return func(day time.Time) bool { return day.Weekday() == time.Saturday }, nil
	}
	if name, ok := strings.CutSuffix(word, "L"); ok {
		n, err := f.number(name)
		return func(day time.Time) bool { return weekday(day) == n && day.Day() > lastDay(day)-inWeek }, err
	}
	if name, which, ok := strings.Cut(word, "#"); ok {
		n, err := f.number(name)
		if err != nil {
			return nil, err
		}
		const most = 5
		k, err := strconv.Atoi(which)
		if err != nil || k < 1 || k > most {
			return nil, fmt.Errorf("%s: %q: a month has a day of the week 1 to 5 times, and there is only one such expression",
				f.name, word)
		}
		return func(day time.Time) bool { return weekday(day) == n && (day.Day()-1)/inWeek == k-1 }, nil
	}
	days, err := f.parse(word)
	return func(day time.Time) bool { return days[weekday(day)] }, err
}

// weekday counts as AWS does: 1 is Sunday.
func weekday(day time.Time) int { return int(day.Weekday()) + 1 }

func lastDay(day time.Time) int {
	return time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// nearestWeekday is the day from Monday to Friday, within the month, that is nearest to the nth.
func nearestWeekday(day time.Time, n int) int {
	switch time.Date(day.Year(), day.Month(), n, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if n == 1 {
			return n + 2
		}
		return n - 1
	case time.Sunday:
		if n == lastDay(day) {
			return n - 2
		}
		return n + 1
	}
	return n
}

func (c *cron) names(at time.Time) bool {
	return at.Equal(at.Truncate(time.Minute)) && c.minutes[at.Minute()] && c.hours[at.Hour()] &&
		c.months[int(at.Month())] && c.years[at.Year()] && c.days(at)
}

// next is the first due time after the given one; zero when there is none up to the last year.
func (c *cron) next(after time.Time) time.Time {
	at := after.Truncate(time.Minute).Add(time.Minute)
	last := fields()[5].last
	for at.Year() <= last {
		day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
		switch {
		case !c.years[at.Year()]:
			at = time.Date(at.Year()+1, 1, 1, 0, 0, 0, 0, time.UTC)
		case !c.months[int(at.Month())]:
			at = time.Date(at.Year(), at.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		case !c.days(day):
			at = day.AddDate(0, 0, 1)
		case !c.hours[at.Hour()]:
			at = at.Truncate(time.Hour).Add(time.Hour)
		case !c.minutes[at.Minute()]:
			at = at.Add(time.Minute)
		default:
			return at
		}
	}
	return time.Time{}
}
