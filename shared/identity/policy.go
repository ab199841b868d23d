package identity

import (
	"slices"
	"strings"

	"example.com/registrar/shared/registrar"
)

// Permission names an action on a kind of resource, for example "registrations:write". Operations declare the one that
// they need, and a machine client's scopes are permissions.
type Permission string

// The permissions.
const (
	ReadCatalogue      Permission = "catalogue:read"      // terms, courses, sections, instructors
	WriteCatalogue     Permission = "catalogue:write"     // the same
	ListStudents       Permission = "students:list"       // search among all
	ReadStudent        Permission = "students:read"       // one student's record
	WriteStudents      Permission = "students:write"      // create, change, delete
	ReadRegistrations  Permission = "registrations:read"  // one student's
	WriteRegistrations Permission = "registrations:write" // enrol and drop
	ReadRoster         Permission = "rosters:read"        // one section's
	ReadPreferences    Permission = "preferences:read"    // which mail a student wants
	WritePreferences   Permission = "preferences:write"
	ImportFiles        Permission = "imports:write" // upload files, and see what came of them
	ReadAudit          Permission = "audit:read"
	OperateMail        Permission = "mails:operate"    // mails whose outcome is unknown
	ReadDeadLetters    Permission = "deadletters:read" // queues and their dead letters
	ReplayDeadLetters  Permission = "deadletters:replay"
	DiscardDeadLetters Permission = "deadletters:discard" // within 15 minutes of a sign-in
	ReadAccounts       Permission = "accounts:read"
	WriteAccounts      Permission = "accounts:write" // invite, disable
	GrantRoles         Permission = "roles:write"    // within 15 minutes of a sign-in
	WriteClients       Permission = "clients:write"  // machine clients and their secrets; within 15 minutes of a sign-in
	ManageOwnAccount   Permission = "account:self"   // one's own password, factors and sessions
)

// Reach is how far a role's permission goes.
type Reach int

// The reaches, from none to all. A permission may have several of them by several roles: any one that fits is enough.
const (
	None    Reach = iota
	Own           // the record of the principal's own student, account or instructor
	Taught        // sections that the principal's instructor teaches
	Advised       // students whose advisor the principal is
	All           // every record
)

// String is the reach as the matrix shows it.
func (r Reach) String() string { return [...]string{"", "own", "taught", "advised", "all"}[r] }

// Rule is one row of the table: who has the permission, and how far.
type Rule struct {
	Permission Permission
	Roles      map[Role]Reach
	// Fresh: only within [FreshFor] of a sign-in.
	Fresh bool
	// Machine: it can be a scope of a machine client, which then reaches all.
	Machine bool
	// System: work behind queues, streams and schedules has it.
	System bool
}

// Policy is the whole table. A permission that it does not have is nobody's.
type Policy struct{ rules map[Permission]Rule }

// Table is the one policy of the system. `make policy` prints it as a matrix.
func Table() Policy {
	everyone := map[Role]Reach{RoleStudent: All, RoleInstructor: All, RoleAdvisor: All, RoleRegistrar: All, RoleAdmin: All}
	office := map[Role]Reach{RoleRegistrar: All}
	own := map[Role]Reach{RoleStudent: Own, RoleAdvisor: Advised, RoleRegistrar: All}
	admin := map[Role]Reach{RoleAdmin: All}
	operators := map[Role]Reach{RoleRegistrar: All, RoleAdmin: All}
	myself := map[Role]Reach{RoleStudent: Own, RoleInstructor: Own, RoleAdvisor: Own, RoleRegistrar: Own, RoleAdmin: Own}
	return newPolicy(
		Rule{Permission: ReadCatalogue, Roles: everyone, Machine: true, System: true},
		Rule{Permission: WriteCatalogue, Roles: office, Machine: true, System: true},
		Rule{Permission: ListStudents, Roles: office, Machine: true, System: true},
		Rule{Permission: ReadStudent, Roles: own, Machine: true, System: true},
		Rule{Permission: WriteStudents, Roles: office, Machine: true, System: true},
		Rule{Permission: ReadRegistrations, Roles: own, Machine: true, System: true},
		Rule{Permission: WriteRegistrations, Roles: own, Machine: true, System: true},
		Rule{Permission: ReadRoster, Roles: map[Role]Reach{RoleInstructor: Taught, RoleRegistrar: All}, Machine: true,
			System: true},
		Rule{Permission: ReadPreferences, Roles: own, System: true},
		Rule{Permission: WritePreferences, Roles: own, System: true},
		Rule{Permission: ImportFiles, Roles: office, Machine: true, System: true},
		Rule{Permission: ReadAudit, Roles: operators},
		Rule{Permission: OperateMail, Roles: operators},
		Rule{Permission: ReadDeadLetters, Roles: operators},
		Rule{Permission: ReplayDeadLetters, Roles: operators},
		Rule{Permission: DiscardDeadLetters, Roles: operators, Fresh: true},
		Rule{Permission: ReadAccounts, Roles: admin},
		Rule{Permission: WriteAccounts, Roles: admin},
		Rule{Permission: GrantRoles, Roles: admin, Fresh: true},
		Rule{Permission: WriteClients, Roles: admin, Fresh: true},
		Rule{Permission: ManageOwnAccount, Roles: myself},
	)
}

func newPolicy(rules ...Rule) Policy {
	p := Policy{rules: make(map[Permission]Rule, len(rules))}
	for _, r := range rules {
		p.rules[r.Permission] = r
	}
	return p
}

// Rules are the rows in order of their names.
func (p Policy) Rules() []Rule {
	rules := make([]Rule, 0, len(p.rules))
	for _, r := range p.rules {
		rules = append(rules, r)
	}
	slices.SortFunc(rules, func(a, b Rule) int { return strings.Compare(string(a.Permission), string(b.Permission)) })
	return rules
}

// Rule is the row of a permission; false when there is none.
func (p Policy) Rule(permission Permission) (Rule, bool) {
	r, ok := p.rules[permission]
	return r, ok
}

// Reaches are how far the principal's roles reach with the permission. Empty: it has not got it.
func (p Policy) Reaches(who Principal, permission Permission) []Reach {
	rule, ok := p.rules[permission]
	switch {
	case !ok:
		return nil
	case who.Kind == KindSystem && rule.System, who.Kind == KindClient && rule.Machine &&
		slices.Contains(who.Scopes, permission):
		return []Reach{All}
	case who.Kind != KindPerson:
		return nil
	}
	var reaches []Reach
	for _, role := range who.Roles {
		if reach := rule.Roles[role]; reach != None && !slices.Contains(reaches, reach) {
			reaches = append(reaches, reach)
		}
	}
	return reaches
}

// Concern is what an operation is about, as far as ownership goes. The zero value is about no one in particular.
type Concern struct {
	Student     registrar.StudentID
	Account     AccountID
	Instructors []registrar.InstructorID // who teach the section
	Advisors    []AccountID              // of the student
}

// Judge reports whether the principal may do it: nil, or [ErrForbidden] (the permission is not theirs), [ErrHidden] (it
// is, but not for this record, whose existence is none of their business) or [ErrStale] (it wants a fresh sign-in).
func (p Policy) Judge(who Principal, permission Permission, about Concern, fresh bool) error {
	reaches := p.Reaches(who, permission)
	if len(reaches) == 0 {
		return ErrForbidden
	}
	if !slices.ContainsFunc(reaches, func(r Reach) bool { return about.within(r, who) }) {
		return ErrHidden
	}
	if p.rules[permission].Fresh && !fresh {
		return ErrStale
	}
	return nil
}

func (c Concern) within(reach Reach, who Principal) bool {
	switch reach {
	case All:
		return true
	case Own:
		return c.Student != "" && c.Student == who.Student || c.Account != "" && string(c.Account) == who.ID
	case Taught:
		return who.Instructor != "" && slices.Contains(c.Instructors, who.Instructor)
	case Advised:
		return slices.Contains(c.Advisors, AccountID(who.ID))
	case None:
	}
	return false
}
