package registrar

import (
	"fmt"
	"time"
)

// Date is a calendar day on the campus, written as in RFC 3339, for example "2024-08-28". Dates compare as strings.
type Date string

// ParseDate reads an RFC 3339 full-date.
func ParseDate(text string) (Date, error) {
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return "", err
	}
	return Date(text), nil
}

// Valid reports whether d is a day of the calendar.
func (d Date) Valid() bool {
	_, err := time.Parse(time.DateOnly, string(d))
	return err == nil
}

// inRange reports whether a valid d can be stored and shown: see [EarliestInstant].
func (d Date) inRange() bool { return d >= "1900-01-01" && d <= "9999-12-31" }

// in is the first moment of the day in a zone.
func (d Date) in(zone *time.Location) (time.Time, error) {
	return time.ParseInLocation(time.DateOnly, string(d), zone)
}

// days is the number of days since the Unix epoch.
func (d Date) days() int {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return 0
	}
	return int(t.Unix() / 86400)
}

// ClockTime is a time of day on the campus clock, in minutes since midnight: 0 to 1440. 1440 (24:00) can only be an
// end.
type ClockTime int16

// ParseClockTime reads "15:04", and "24:00" as the end of the day.
func ParseClockTime(text string) (ClockTime, error) {
	if text == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, err
	}
	return ClockTime(t.Hour()*60 + t.Minute()), nil
}

// String writes "15:04".
func (c ClockTime) String() string {
	return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60)
}

// Valid reports whether c is within a day; 24:00 is allowed as an end.
func (c ClockTime) Valid() bool { return c >= 0 && c <= 24*60 }

// LastMoment is the last moment of the day in a zone, to the millisecond, which is how instants are stored. It is zero
// for a date that is not valid.
func (d Date) LastMoment(zone *time.Location) time.Time {
	start, err := d.in(zone)
	if err != nil {
		return time.Time{}
	}
	year, month, day := start.Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, zone).Add(-time.Millisecond)
}
