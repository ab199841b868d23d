package attr

import (
	"cmp"
	"math/big"
	"strconv"
	"strings"
)

// decimal is an exact number: 0.d1d2d3… × 10^exponent. The digits have no zero at either end; zero has none at all.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

// A number has at most 38 significant digits, and a magnitude from 1E-130 to 9.9…E+125.
const (
	maxDigits   = 38
	maxExponent = 126  // of 0.d × 10^exponent: 9.9E+125
	minExponent = -129 // 1E-130
)

func parseDecimal(text string) (decimal, error) {
	invalid := func() (decimal, error) {
		return decimal{}, Invalid("The parameter cannot be converted to a numeric value: %s", text)
	}
	var d decimal
	rest := text
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		d.negative = rest[0] == '-'
		rest = rest[1:]
	}
	mantissa, exponent, scientific := rest, 0, false
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		mantissa, scientific = rest[:i], true
		e, err := strconv.Atoi(strings.TrimPrefix(rest[i+1:], "+"))
		if err != nil || strings.HasPrefix(rest[i+1:], "+-") {
			return invalid()
		}
		exponent = e
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole == "" && fraction == "" || scientific && mantissa == "" {
		return invalid()
	}
	for _, part := range []string{whole, fraction} {
		for i := range len(part) {
			if part[i] < '0' || part[i] > '9' {
				return invalid()
			}
		}
	}
	trimmed := strings.TrimLeft(whole+fraction, "0")
	d.exponent = exponent + len(whole) - (len(whole+fraction) - len(trimmed))
	d.digits = strings.TrimRight(trimmed, "0")
	return d.checked()
}

func (d decimal) checked() (decimal, error) {
	switch {
	case d.digits == "":
		return decimal{}, nil
	case len(d.digits) > maxDigits:
		return decimal{}, Invalid("Attempting to store more than 38 significant digits in a Number")
	case d.exponent > maxExponent:
		return decimal{}, Invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
	case d.exponent < minExponent:
		return decimal{},
			Invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	}
	return d, nil
}

// text writes the number as DynamoDB does: without an exponent, and without zeros that say nothing.
func (d decimal) text() string {
	if d.digits == "" {
		return "0"
	}
	var b strings.Builder
	if d.negative {
		b.WriteByte('-')
	}
	switch {
	case d.exponent <= 0:
		b.WriteString("0.")
		b.WriteString(strings.Repeat("0", -d.exponent))
		b.WriteString(d.digits)
	case d.exponent >= len(d.digits):
		b.WriteString(d.digits)
		b.WriteString(strings.Repeat("0", d.exponent-len(d.digits)))
	default:
		b.WriteString(d.digits[:d.exponent])
		b.WriteByte('.')
		b.WriteString(d.digits[d.exponent:])
	}
	return b.String()
}

// size is a byte for each two significant digits and one more; a sign takes another.
func (d decimal) size() int {
	size := (len(d.digits)+1)/2 + 1
	if d.negative {
		size++
	}
	return min(size, 21)
}

func (d decimal) compare(o decimal) int {
	sign, other := d.sign(), o.sign()
	if sign != other {
		return cmp.Compare(sign, other)
	}
	switch {
	case d.exponent != o.exponent:
		if d.exponent < o.exponent {
			return -sign
		}
		return sign
	default:
		return sign * strings.Compare(d.digits, o.digits)
	}
}

func (d decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	default:
		return 1
	}
}

// add is exact, or an error when the sum has too many digits or is too large.
func (d decimal) add(o decimal) (decimal, error) {
	if d.digits == "" {
		return o, nil
	}
	if o.digits == "" {
		return d, nil
	}
	// Both as whole numbers of the smaller of the two last places.
	place := min(d.exponent-len(d.digits), o.exponent-len(o.digits))
	sum := new(big.Int).Add(d.scaled(place), o.scaled(place))
	text := sum.Text(10)
	digits, negative := strings.CutPrefix(text, "-")
	if digits == "0" {
		return decimal{}, nil
	}
	result := decimal{negative: negative, exponent: place + len(digits), digits: strings.TrimRight(digits, "0")}
	return result.checked()
}

func (d decimal) scaled(place int) *big.Int {
	zeros := d.exponent - len(d.digits) - place
	n, _ := new(big.Int).SetString(d.digits+strings.Repeat("0", zeros), 10) // digits are digits
	if d.negative {
		n.Neg(n)
	}
	return n
}

// appendKey: a byte for the sign, one for the exponent, the digits and an end. For negative numbers exponent, digits
// and end are turned round, so that the larger magnitude comes first.
func (d decimal) appendKey(dst []byte) []byte {
	const zero = 0x80
	switch d.sign() {
	case 0:
		return append(dst, zero)
	case 1:
		dst = append(dst, zero+1, byte(d.exponent-minExponent))
		dst = append(dst, d.digits...)
		return append(dst, 0)
	default:
		dst = append(dst, zero-1, ^byte(d.exponent-minExponent))
		for i := range len(d.digits) {
			dst = append(dst, ^d.digits[i])
		}
		return append(dst, 0xff)
	}
}
