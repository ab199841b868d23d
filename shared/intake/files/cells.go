package files

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"example.com/registrar/shared/registrar"
)

// wrong says, for people, why a cell cannot be read.
func wrong(reason string) error { return errors.New(reason) }

const credits = "must be credit hours such as 4, 1.5, 3-4 or 3 to 4"

// parseCredits reads "4", "4.000", "1-15", "3 to 4" or "3 or 4".
func parseCredits(text string) (registrar.CreditRange, error) {
	text = strings.ToLower(strings.NewReplacer("–", "-", "—", "-", "\u00a0", " ").Replace(text))
	if monthIn(text) ||
		strings.Count(text, "/")+strings.Count(text, ".")+strings.Count(text, "-") > 1 && len(numbersOf(text)) == 3 {
		return registrar.CreditRange{}, wrong(
			"is a date: a spreadsheet made it of a range such as 1-4; format the column as text, and write the range again",
		)
	}
	low, high, isRange := strings.Cut(text, " to ")
	if !isRange {
		low, high, isRange = strings.Cut(text, " or ")
	}
	if !isRange {
		low, high, isRange = strings.Cut(text, "-")
	}
	least, err := oneCredit(low)
	if err != nil || !isRange {
		return registrar.CreditRange{Min: least, Max: least}, err
	}
	most, err := oneCredit(high)
	if err == nil && most < least {
		err = wrong("the range ends before it starts")
	}
	return registrar.CreditRange{Min: least, Max: most}, err
}

func oneCredit(text string) (registrar.Credits, error) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, ".") {
		text = strings.Replace(text, ",", ".", 1) // as many countries write it
	}
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	c, err := registrar.ParseCredits(text)
	if err != nil {
		return 0, wrong(credits)
	}
	return c, nil
}

// shortened is the fault of 1.23457E+11 in the place of a number of a section or of a person.
const shortened = "is a spreadsheet's short form of a long number: format the column as text, write the number " +
	"again, and save the file"

// isShortened reports whether a spreadsheet wrote a number as a power of ten: then its last digits are lost.
func isShortened(text string) bool {
	digits, exponent, ok := strings.Cut(strings.ToUpper(text), "E")
	return ok && digits != "" && exponent != "" && strings.Trim(digits, "0123456789.,") == "" &&
		strings.Trim(exponent, "+0123456789") == "" &&
		(strings.ContainsAny(digits, ".,") || exponent[0] == '+')
}

// withoutFraction is the number that tools without a text type wrote as 20871.0.
func withoutFraction(text string) string {
	if whole, part, ok := strings.Cut(text, "."); ok && whole != "" && part != "" &&
		strings.Trim(whole, "0123456789") == "" &&
		strings.Trim(part, "0") == "" {
		return whole
	}
	return text
}

// numbersOf returns the runs of digits in a text.
func numbersOf(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
}

// wordsOf returns the runs of letters in a text.
func wordsOf(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
}

func monthIn(text string) bool {
	return slices.ContainsFunc(wordsOf(text), func(w string) bool { return monthOf(w) > 0 })
}

// monthOf reads the English name of a month, or at least its first three letters; 0 is none.
func monthOf(word string) time.Month {
	word = strings.ToLower(word)
	for month := time.January; month <= time.December; month++ {
		name := strings.ToLower(month.String())
		if len(word) >= 3 && strings.HasPrefix(name, word) || word == "sept" && month == time.September {
			return month
		}
	}
	return 0
}

// dateOrders are the orders that the dates of a file show.
type dateOrders struct{ monthFirst, dayFirst bool }

// look learns from a date that has only one meaning.
func (o *dateOrders) look(text string) {
	if a, b, _, ok := dateNumbers(text); ok {
		o.monthFirst = o.monthFirst || b > 12 && a <= 12
		o.dayFirst = o.dayFirst || a > 12 && b <= 12
	}
}

// order is the one order that the dates show; empty if none or both.
func (o *dateOrders) order() DateOrder {
	switch {
	case o.monthFirst && !o.dayFirst:
		return MonthFirst
	case o.dayFirst && !o.monthFirst:
		return DayFirst
	}
	return ""
}

// dateNumbers reads three numbers of which the last is a year.
func dateNumbers(text string) (a, b, year int, ok bool) {
	text, _, _ = strings.Cut(strings.ReplaceAll(text, ". ", "."), " ") // a time may follow
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == '/' || r == '.' || r == '-' })
	if len(parts) != 3 || len(parts[0]) > 2 || len(parts[1]) > 2 || len(parts[2]) != 2 && len(parts[2]) != 4 {
		return 0, 0, 0, false
	}
	var n [3]int
	for i, part := range parts {
		var err error
		if n[i], err = strconv.Atoi(part); err != nil || n[i] <= 0 {
			return 0, 0, 0, false
		}
	}
	if len(parts[2]) == 2 {
		n[2] += 2000
	}
	return n[0], n[1], n[2], true
}

const aDate = "must be a date such as 2024-08-28"

// parseDate reads a date. When it has two meanings, order decides; guessed reports that order came from the file's
// other dates.
func parseDate(text string, told, shown DateOrder) (d registrar.Date, guessed bool, err error) {
	if day, clock, ok := strings.Cut(strings.Replace(text, "T", " ", 1), " "); ok && strings.Contains(clock, ":") {
		text = day // spreadsheets and databases add a time to a date
	}
	if d, err := registrar.ParseDate(text); err == nil {
		return d, false, nil
	}
	of := func(year, month, day int) (registrar.Date, error) {
		t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
		if t.Year() != year || int(t.Month()) != month || t.Day() != day {
			return "", wrong("must be a day of the calendar")
		}
		return registrar.Date(t.Format(time.DateOnly)), nil
	}
	numbers, names := numbersOf(text), wordsOf(text)
	if a, b, year, ok := dateNumbers(text); ok {
		order := told
		switch {
		case order == "" && a > 12:
			order = DayFirst
		case order == "" && (b > 12 || a == b):
			order = MonthFirst
		case order == "":
			order, guessed = shown, true
		}
		switch order {
		case MonthFirst:
			d, err = of(year, a, b)
		case DayFirst:
			d, err = of(year, b, a)
		default:
			err = wrong(
				"can be read as month and day or as day and month: write it as 2024-08-28, or say in the mapping's dates which " +
					"is first",
			)
		}
		return d, guessed && err == nil, err
	}
	switch {
	case len(numbers) == 3 && len(numbers[0]) == 4 && len(names) == 0: // 2030/8/28
		d, err = of(atoi(numbers[0]), atoi(numbers[1]), atoi(numbers[2]))
	case len(numbers) == 1 && len(numbers[0]) == 8 && len(names) == 0: // 20300828
		d, err = of(atoi(text[:4]), atoi(text[4:6]), atoi(text[6:8]))
	case len(numbers) == 1 && len(numbers[0]) == 5 && len(names) == 0:
		err = wrong("is a spreadsheet's number of a day: format the column as a date, and save the file again")
	case len(numbers) == 2 && len(names) == 1 && monthOf(names[0]) > 0: // 28 August 2030, 28-Aug-30, August 28, 2030
		day, year := atoi(numbers[0]), atoi(numbers[1])
		if len(numbers[1]) == 2 {
			year += 2000
		}
		d, err = of(year, int(monthOf(names[0])), day)
	default:
		err = wrong(aDate)
	}
	return d, false, err
}

// atoi reads a short run of digits.
func atoi(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// clockReading is a time of day in its written form.
type clockReading struct {
	hour, minute int
	half         string // "am", "pm" or empty
	of24         bool   // it is written like a time of 24 hours: 14:00 or 08:00
}

// certain reports whether the time can only be of 24 hours. A zero at the beginning does not prove it: there is 08:00
// PM, too.
func (c clockReading) certain() bool { return c.half == "" && (c.hour == 0 || c.hour > 12) }

// showsClock24 reports whether a cell has a time that can only be of 24 hours.
func showsClock24(text string) bool {
	if strings.HasSuffix(text, "M") || strings.HasSuffix(text, "m") { // most files say AM and PM, and are read faster so
		return false
	}
	start, end, ok := splitRange(text)
	if !ok {
		start = text
	}
	for _, one := range []string{start, end} {
		if c, ok := readClock(one); ok && c.certain() {
			return true
		}
	}
	return false
}

// isMidnight reports whether a time is the beginning of the day.
func isMidnight(text string) bool {
	c, ok := readClock(text)
	return ok && c.minute == 0 && (c.hour == 0 || c.hour == 12 && c.half == "am")
}

func (c clockReading) time(half string) registrar.ClockTime {
	hour := c.hour
	if half != "" && hour <= 12 {
		if hour %= 12; half == "pm" {
			hour += 12
		}
	}
	return registrar.ClockTime(hour*60 + c.minute)
}

// readClock reads "2:00PM", "2 p.m.", "14:00", "1400" or "14h00".
func readClock(text string) (c clockReading, ok bool) {
	text = strings.ToLower(strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "").Replace(text))
	for _, half := range []string{"a.m.", "p.m.", "am", "pm", "a", "p"} {
		if before, found := strings.CutSuffix(text, half); found {
			text, c.half = before, half[:1]+"m"
			break
		}
	}
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == ':' || r == '.' || r == 'h' })
	if len(parts) == 3 && strings.Trim(parts[2], "0") == "" { // seconds
		parts = parts[:2]
	}
	switch {
	case len(parts) == 1 && (len(text) == 3 || len(text) == 4) && c.half == "": // 900, 1400
		n := len(text) - 2
		parts = []string{text[:n], text[n:]}
		c.of24 = len(text) == 4
	case len(parts) == 1 && len(parts[0]) <= 2 && c.half != "": // 2PM
		parts = append(parts, "00")
	case len(parts) == 1 && len(text) <= 4 && c.half != "" && len(text) >= 3: // 200PM
		parts = []string{text[:len(text)-2], text[len(text)-2:]}
	}
	if len(parts) != 2 || len(parts[0]) < 1 || len(parts[0]) > 2 || len(parts[1]) != 2 {
		return c, false
	}
	var err, err2 error
	c.hour, err = strconv.Atoi(parts[0])
	c.minute, err2 = strconv.Atoi(parts[1])
	if err != nil || err2 != nil || c.hour < 0 || c.minute < 0 || c.minute > 59 || c.hour > 24 ||
		c.hour == 24 && c.minute > 0 ||
		c.half != "" && (c.hour < 1 || c.hour > 12) {
		return c, false
	}
	if c.half == "" && (c.hour == 0 || c.hour > 12 || len(parts[0]) == 2 && parts[0][0] == '0') {
		c.of24 = true
	}
	return c, true
}

// readTimes makes times of a start and an end. When one of them lacks AM or PM, it is the other's, or the one that puts
// them in order. Without any, hours from 8 to 12 are read as hours of 24, and guessed reports it. Earlier hours could
// be in the afternoon, unless they are written like hours of 24 in a file that has such (of24).
func readTimes(
	start, end clockReading,
	clock Clock,
	of24 bool,
) (from, to registrar.ClockTime, guessed bool, err error) {
	other := func(half string) string {
		if half == "am" {
			return "pm"
		}
		return "am"
	}
	const ambiguous = "can be of the morning or of the afternoon: write AM or PM, or say in the mapping that its clock " +
		"is 24"
	switch {
	case start.half == "" && end.half != "" && !start.certain() && clock != Clock24:
		if start.half = end.half; start.time(start.half) >= end.time(end.half) {
			start.half = other(end.half)
		}
	case end.half == "" && start.half != "" && !end.certain() && clock != Clock24:
		if end.half = start.half; end.time(end.half) <= start.time(start.half) {
			end.half = other(start.half)
		}
	case start.half == "" && end.half == "" && clock == Clock12:
		return 0, 0, false, wrong("must say AM or PM")
	case start.half == "" && end.half == "" && clock == "" && !start.certain() && !end.certain():
		const earliest = 8
		if (start.hour < earliest || end.hour < earliest) && !(of24 && start.of24) {
			return 0, 0, false, wrong(ambiguous)
		}
		guessed = !start.of24 && !end.of24
	}
	from, to = start.time(start.half), end.time(end.half)
	if to == 0 {
		to = 24 * 60 // midnight ends a day
	}
	return from, to, guessed, nil
}

// splitRange splits a text of two parts with a hyphen or "to" between them. A hyphen with spaces around it is
// preferred.
func splitRange(text string) (first, second string, ok bool) {
	text = strings.NewReplacer("–", "-", "—", "-", "\u00a0", " ").Replace(text)
	for _, between := range []string{" - ", " to ", "-"} {
		if a, b, found := strings.Cut(text, between); found && (between != "-" || !strings.Contains(b, "-")) {
			return strings.TrimSpace(a), strings.TrimSpace(b), true
		}
	}
	return "", "", false
}

// splitDates splits a first and a last day: at a hyphen with spaces around it or at "to", else at the hyphen in the
// middle.
func splitDates(text string) (first, second string, ok bool) {
	if first, second, ok = splitRange(text); ok {
		return first, second, true
	}
	parts := strings.Split(text, "-")
	if n := len(parts); n%2 == 0 {
		return strings.Join(parts[:n/2], "-"), strings.Join(parts[n/2:], "-"), true
	}
	return "", "", false
}

// dayNames are the English names of the days from Monday on, and their beginnings, the longer ones first.
func dayNames() [7][]string {
	return [7][]string{
		{"monday", "mon", "mo", "m"}, {"tuesday", "tues", "tue", "tu", "t"}, {"wednesday", "weds", "wed", "we", "w"},
		{"thursday", "thurs", "thur", "thu", "th", "r"}, {"friday", "fri", "fr", "f"}, {"saturday", "sat", "sa", "s"},
		{"sunday", "sun", "su", "u"},
	}
}

// parseDays reads weekdays.
func parseDays(text string, notation DayNotation) (registrar.Days, error) {
	reason := "must be letters of M T W R F S U, each once"
	words := make(map[string]int) // the place of each word's day from Monday on
	const letters = "mtwrfsu"
	switch {
	case len(notation.Tokens) > 0:
		for token, letter := range notation.Tokens {
			words[fold(token)] = strings.Index(letters, strings.ToLower(letter))
		}
		reason = "must be words for days that the mapping names, each day once"
	case notation.Notation == NotationNames:
		for day, names := range dayNames() {
			for _, name := range names {
				words[name] = day
			}
		}
		reason = "must be names of days or their beginnings, such as MoWe, Mon/Wed or TTh, each once"
	case notation.Notation == NotationNumbers, notation.Notation == NotationNumbersFromSunday:
		for n := range len(letters) {
			day := n
			if notation.Notation == NotationNumbersFromSunday {
				day = (n + 6) % 7
			}
			words[strconv.Itoa(n+1)] = day
		}
		reason = "must be numbers of days from 1 to 7, each once"
	default:
		for day, letter := range letters {
			words[string(letter)] = day
		}
	}
	longest := 0
	for word := range words {
		longest = max(longest, len(word))
	}
	text = strings.ToLower(text)
	var days registrar.Days
	found, hyphens := 0, 0
	for rest := text; rest != ""; {
		if trimmed := strings.TrimLeft(rest, " ,/.;&+\u00a0"); trimmed != rest {
			rest = trimmed
			continue
		}
		if after, ok := strings.CutPrefix(rest, "-"); ok {
			rest = after
			hyphens++
			continue
		}
		n := min(longest, len(rest))
		for ; n > 0; n-- {
			if _, ok := words[rest[:n]]; ok {
				break
			}
		}
		if n == 0 {
			return 0, wrong(reason)
		}
		day := registrar.Days(1) << words[rest[:n]]
		if days&day != 0 {
			return 0, wrong(reason)
		}
		days |= day
		found++
		rest = rest[n:]
	}
	if found == 2 && hyphens == 1 {
		return 0, wrong("can be two days or all from the one to the other: write each day, without a hyphen")
	}
	if days == 0 {
		return 0, wrong(reason)
	}
	return days, nil
}

// listOf reads a list of texts as Python prints it, such as ['ARCH 4790', "O'NEIL 1"], or with semicolons or commas
// between them. It keeps the first of equal ones.
func listOf(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	var list []string
	add := func(item string) {
		if item = strings.TrimSpace(item); item != "" && !slices.Contains(list, item) {
			list = append(list, item)
		}
	}
	if text[0] != '[' {
		separator := ","
		if strings.Contains(text, ";") {
			separator = ";"
		}
		for item := range strings.SplitSeq(text, separator) {
			add(item)
		}
		return list, nil
	}
	if len(text) < 2 || text[len(text)-1] != ']' {
		return nil, wrong("must be a list in brackets")
	}
	for rest := strings.TrimSpace(text[1 : len(text)-1]); rest != ""; {
		quote := rest[:1]
		if quote != "'" && quote != `"` {
			return nil, wrong("must be a list of quoted texts")
		}
		item, after, closed := strings.Cut(rest[1:], quote)
		if !closed {
			return nil, wrong("a quoted text does not end")
		}
		add(item)
		after = strings.TrimSpace(after)
		following, comma := strings.CutPrefix(after, ",")
		if after != "" && !comma {
			return nil, wrong("must be separated by commas")
		}
		rest = strings.TrimSpace(following)
	}
	return list, nil
}
