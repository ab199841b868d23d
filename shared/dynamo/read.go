package dynamo

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// reader reads the attributes of one stored item, and keeps the first that cannot be read. A stored value that cannot
// be read must never become "not set": a deadline that is not set never passes, and a credit limit of 0 limits nobody.
// So an attribute of another type is an error, and so are a value of another form and a missing attribute that is
// always written.
//
// Methods with "must" in their name, and [number] and [count], are for attributes that are always written, the others
// for those that may be missing. They return the zero value when the attribute cannot be read. So a record is only
// taken from a reader by [record], which returns it if everything could be read. Without an error nothing is allocated
// except the record.
type reader struct {
	item item
	kind string // of the record, for the error
	id   string // the record's, for the error; empty before it was read
	err  error
}

func read(kind string, i item) reader { return reader{item: i, kind: kind} }

// record returns what was read of an item, or why it cannot be read.
func record[T any](r *reader, v T) (T, error) {
	if r.err != nil {
		var none T
		return none, r.err
	}
	return v, nil
}

// fail keeps the first error. It names the attribute and the record, and never the value: it may be personal.
func (r *reader) fail(name, why string) {
	if r.err != nil {
		return
	}
	what := r.kind
	if r.id != "" {
		what += " " + r.id
	}
	r.err = fmt.Errorf("read the stored %s: the attribute %s %s", what, name, why)
}

const missing = "is missing"

func (r *reader) has(name string) bool { return r.item[name] != nil }

// key is the rest of a key's attribute after the prefix: an id, which errors name from then on.
func (r *reader) key(name, prefix string) string {
	id, ok := strings.CutPrefix(r.must(name), prefix)
	if !ok || id == "" {
		r.fail(name, "is no key of its kind")
	}
	if r.id == "" {
		r.id = id
	}
	return id
}

func (r *reader) text(name string) string {
	v := r.item[name]
	if v == nil {
		return ""
	}
	s, ok := v.(*types.AttributeValueMemberS)
	if !ok {
		r.fail(name, "is no text")
		return ""
	}
	return s.Value
}

// must is a text that is always written; it may be empty.
func (r *reader) must(name string) string {
	if !r.has(name) {
		r.fail(name, missing)
	}
	return r.text(name)
}

// mustSay is a text that is always written, and never empty.
func (r *reader) mustSay(name string) string {
	s := r.must(name)
	if s == "" {
		r.fail(name, "is empty")
	}
	return s
}

// oneOf is a text that is always written, and one of the known ones.
func oneOf[T ~string](r *reader, name string, known ...T) T {
	s := T(r.must(name))
	if !slices.Contains(known, s) {
		r.fail(name, "has a value that is not known")
		return ""
	}
	return s
}

// oneOfOrNone is oneOf for an attribute that may be absent.
func oneOfOrNone[T ~string](r *reader, name string, known ...T) T {
	if !r.has(name) {
		return ""
	}
	return oneOf(r, name, known...)
}

// number is a whole number that is always written.
func number[T ~int | ~int32 | ~int64](r *reader, name string) T {
	v := r.item[name]
	if v == nil {
		r.fail(name, missing)
		return 0
	}
	text, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		r.fail(name, "is no number")
		return 0
	}
	n, err := strconv.ParseInt(text.Value, 10, 64)
	if err != nil || int64(T(n)) != n {
		r.fail(name, "is no whole number of its range")
		return 0
	}
	return T(n)
}

// count is a number that is never negative.
func count[T ~int | ~int32 | ~int64](r *reader, name string) T {
	n := number[T](r, name)
	if n < 0 {
		r.fail(name, "is negative")
		return 0
	}
	return n
}

// countOrNone is count for an attribute that may be absent: 0 then.
func countOrNone[T ~int | ~int32 | ~int64](r *reader, name string) T {
	if !r.has(name) {
		return 0
	}
	return count[T](r, name)
}

func (r *reader) version() registrar.Version { return count[registrar.Version](r, "version") }

func (r *reader) instant(name string) time.Time {
	if !r.has(name) {
		return time.Time{}
	}
	t, err := time.Parse(instantFormat, r.text(name))
	if err != nil {
		r.fail(name, "is no instant")
		return time.Time{}
	}
	return t
}

func (r *reader) mustInstant(name string) time.Time {
	if !r.has(name) {
		r.fail(name, missing)
	}
	return r.instant(name)
}

func (r *reader) mustDate(name string) registrar.Date {
	d := registrar.Date(r.must(name))
	if !d.Valid() {
		r.fail(name, "is no date")
		return ""
	}
	return d
}

func (r *reader) truth(name string) bool {
	v := r.item[name]
	if v == nil {
		return false
	}
	b, ok := v.(*types.AttributeValueMemberBOOL)
	if !ok {
		r.fail(name, "is neither true nor false")
		return false
	}
	return b.Value
}

func (r *reader) mustTruth(name string) bool {
	if !r.has(name) {
		r.fail(name, missing)
	}
	return r.truth(name)
}

func (r *reader) mustBinary(name string) []byte {
	b, ok := r.item[name].(*types.AttributeValueMemberB)
	if !ok {
		r.fail(name, "is missing, or not binary")
		return nil
	}
	return b.Value
}

func (r *reader) mustMap(name string) item {
	m, ok := r.item[name].(*types.AttributeValueMemberM)
	if !ok {
		r.fail(name, "is missing, or no map")
		return nil
	}
	return m.Value
}

func (r *reader) list(name string) []types.AttributeValue {
	v := r.item[name]
	if v == nil {
		return nil
	}
	l, ok := v.(*types.AttributeValueMemberL)
	if !ok {
		r.fail(name, "is no list")
		return nil
	}
	return l.Value
}

func (r *reader) mustList(name string) []types.AttributeValue {
	if !r.has(name) {
		r.fail(name, missing)
	}
	return r.list(name)
}

// element is a text in a list.
func (r *reader) element(name string, v types.AttributeValue) string {
	s, ok := v.(*types.AttributeValueMemberS)
	if !ok {
		r.fail(name, "has an element that is no text")
		return ""
	}
	return s.Value
}

// textsOf is a list of texts; nil for none.
func textsOf[T ~string](r *reader, name string) []T {
	list := r.list(name)
	if len(list) == 0 {
		return nil
	}
	values := make([]T, len(list))
	for n, v := range list {
		values[n] = T(r.element(name, v))
	}
	return values
}

// mustTexts is textsOf for a list that is always written, even when it is empty.
func mustTexts[T ~string](r *reader, name string) []T {
	if !r.has(name) {
		r.fail(name, missing)
	}
	return textsOf[T](r, name)
}

// mustCounts reads what [counts] wrote: at least this many numbers, and those after them if they are there.
func (r *reader) mustCounts(name string, least int, numbers ...*int) {
	left, more := r.must(name), true
	for n, at := range numbers {
		if !more && n >= least {
			return
		}
		var one string
		one, left, more = strings.Cut(left, " ")
		value, err := strconv.Atoi(one)
		if err != nil || value < 0 {
			r.fail(name, "is no list of so many counts")
			return
		}
		*at = value
	}
	if more {
		r.fail(name, "is no list of so many counts")
	}
}

func (r *reader) stamp() registrar.Stamp {
	return registrar.Stamp{
		Version: r.version(), CreatedAt: r.mustInstant("createdAt"), UpdatedAt: r.mustInstant("updatedAt"),
	}
}
