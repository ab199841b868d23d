package registrar

import (
	"errors"
	"strconv"
	"strings"
)

// Credits counts credit hours in hundredths, so that 1.5 credits are 150 and sums are exact.
type Credits int32

// MaxCredits is the most that one course may carry: 100 credit hours.
const MaxCredits Credits = 100_00

// ParseCredits reads a decimal number of credit hours with at most two places, for example "4" or "1.5".
func ParseCredits(text string) (Credits, error) {
	whole, part, _ := strings.Cut(text, ".")
	n, err := strconv.ParseUint(whole, 10, 8)
	if err != nil || len(part) > 2 {
		return 0, errors.New("not a number of credit hours with at most two decimal places")
	}
	hundredths := uint64(0)
	if part != "" {
		if hundredths, err = strconv.ParseUint((part + "0")[:2], 10, 8); err != nil {
			return 0, errors.New("not a number of credit hours")
		}
	}
	c := Credits(n*100 + hundredths)
	if c > MaxCredits {
		return 0, errors.New("more than 100 credit hours")
	}
	return c, nil
}

// String writes the shortest decimal form, for example "1.5".
func (c Credits) String() string {
	return strconv.FormatFloat(float64(c)/100, 'f', -1, 64)
}

// CreditRange is what a course may be taken for; Min and Max are equal for most.
type CreditRange struct {
	Min, Max Credits
}

// Contains reports whether c can be chosen.
func (r CreditRange) Contains(c Credits) bool { return r.Min <= c && c <= r.Max }

func (r CreditRange) validate(fe *FieldErrors, field string) {
	if r.Min < 0 || r.Min > MaxCredits {
		fe.Add(field+".min", FieldOutOfRange, "must be between 0 and 100")
	}
	if r.Max < r.Min || r.Max > MaxCredits {
		fe.Add(field+".max", FieldOutOfRange, "must be between the minimum and 100")
	}
}
