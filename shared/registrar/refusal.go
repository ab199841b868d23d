package registrar

import (
	"errors"
	"fmt"
	"strings"
)

// Code is the stable name of a refusal. Clients act on codes; people read the detail.
type Code string

// The codes of domain.md §5 that are decided so far, and those of the catalogue.
const (
	SectionFull     Code = "SECTION_FULL"     // no free seat
	SectionNotOpen  Code = "SECTION_NOT_OPEN" // planned, closed or cancelled
	TimeConflict    Code = "TIME_CONFLICT"    // meets while another section of the student meets
	DuplicateCourse Code = "DUPLICATE_COURSE" // another section of the same offering and component is held
	CreditsOver     Code = "CREDITS_OVER"     // above the term's credit limit
	AlreadyEnrolled Code = "ALREADY_ENROLLED" // this very section is held
	NotEnrolled     Code = "NOT_ENROLLED"     // nothing to drop
	WindowClosed    Code = "WINDOW_CLOSED"    // outside the term's registration window
	DeadlinePassed  Code = "DEADLINE_PASSED"  // after the section's last day for it
	NotFound        Code = "NOT_FOUND"        // the record named does not exist
	// a natural key (term code, course number, CRN, student number, e-mail) is in use
	NameTaken           Code = "NAME_TAKEN"
	InUse               Code = "IN_USE"               // something depends on the record that was to be deleted
	StateForbids        Code = "STATE_FORBIDS"        // the record's state does not allow the change
	IdempotencyMismatch Code = "IDEMPOTENCY_MISMATCH" // the key was used with another request
)

// Refusal is the answer no to a well-formed request: which rule refused, on what evidence, and what would clear it. It
// is an answer, not a failure: nothing is wrong with the system, and nothing was changed.
type Refusal struct {
	Code     Code
	Subject  string         // the record it is about, for example a section id; never personal data
	Detail   string         // one sentence for people
	Evidence map[string]any // what the rule looked at, for example {"conflictsWith": "12345"}: see [Refusal.With]
	Clears   string         // what would clear it, for people; empty if nothing will
}

// Error gives code and detail.
func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Detail }

// Refuse makes a refusal.
func Refuse(code Code, subject, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Subject: subject, Detail: fmt.Sprintf(format, args...)}
}

// With adds evidence and returns the refusal. A value is a text, a number of things (int) or [Credits].
func (r *Refusal) With(name string, value any) *Refusal {
	if r.Evidence == nil {
		r.Evidence = make(map[string]any)
	}
	r.Evidence[name] = value
	return r
}

// ClearedBy says what would clear the refusal and returns it.
func (r *Refusal) ClearedBy(what string) *Refusal {
	r.Clears = what
	return r
}

// Refusals are all rules that refused a request: no rule hides another (domain.md §5, step 5).
type Refusals []*Refusal

// Error lists them.
func (rs Refusals) Error() string {
	texts := make([]string, len(rs))
	for i, r := range rs {
		texts[i] = r.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap lets errors.As find a single refusal among them.
func (rs Refusals) Unwrap() []error {
	errs := make([]error, len(rs))
	for i, r := range rs {
		errs[i] = r
	}
	return errs
}

// OrNil is nil when no rule was broken, else the refusals as an error.
func (rs Refusals) OrNil() error {
	if len(rs) == 0 {
		return nil
	}
	return rs
}

// IsRefusal reports whether err is, or wraps, a refusal with that code.
func IsRefusal(err error, code Code) bool {
	var all Refusals
	if errors.As(err, &all) {
		for _, r := range all {
			if r.Code == code {
				return true
			}
		}
		return false
	}
	var one *Refusal
	return errors.As(err, &one) && one.Code == code
}

// Failures that callers act on. Every other failure is wrapped and logged at the edge, and never shown to a client.
var (
	// ErrVersionMismatch says that the record changed since the version that the caller saw.
	ErrVersionMismatch = errors.New("the record has another version")
	// ErrBusy says that the store could not decide within the deadline because of contention or throttling. Nothing was
	// done, and the same request may be sent again.
	ErrBusy = errors.New("too busy to decide in time")
	// ErrOutcomeUnknown says that the deadline came while a change was in progress: it was made whole or not at all. The
	// same request with the same idempotency key finds out which.
	ErrOutcomeUnknown = errors.New("no answer in time")
	// ErrBadCursor says that this system did not make the page cursor, or that it belongs to another list.
	ErrBadCursor = errors.New("the cursor is not one of this list")
)

// FieldError names one field of a record that breaks a rule of its form.
type FieldError struct {
	Field  string // path in the record, for example "meetings[0].end"
	Code   string // stable, for example "OUT_OF_RANGE"
	Detail string // one sentence; the offending value is not repeated
}

// FieldErrors are all fields of one record that are wrong.
type FieldErrors []FieldError

// Error lists them.
func (fe FieldErrors) Error() string {
	texts := make([]string, len(fe))
	for i, f := range fe {
		texts[i] = f.Field + ": " + f.Detail
	}
	return strings.Join(texts, "; ")
}

// OrNil is nil when every field was right.
func (fe FieldErrors) OrNil() error {
	if len(fe) == 0 {
		return nil
	}
	return fe
}

// Add adds one field that is wrong.
func (fe *FieldErrors) Add(field, code, detail string) {
	*fe = append(*fe, FieldError{Field: field, Code: code, Detail: detail})
}

// Codes of field errors.
const (
	FieldRequired   = "REQUIRED"
	FieldTooLong    = "TOO_LONG"
	FieldOutOfRange = "OUT_OF_RANGE"
	FieldFormat     = "FORMAT"
	FieldDuplicate  = "DUPLICATE"
)
