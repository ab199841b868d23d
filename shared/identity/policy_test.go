package identity

import (
	"errors"
	"testing"
	"time"

	"example.com/registrar/shared/registrar"
)

// TestWhoMayWhat is the policy once more, by who asks for what about whom, written by hand from the issue and
// domain.md.
func TestWhoMayWhat(t *testing.T) {
	t.Parallel()
	person := func(roles ...Role) Principal { return Principal{Kind: KindPerson, ID: "a1", Roles: roles} }
	student, teacher := person(RoleStudent), person(RoleInstructor)
	student.Student, teacher.Instructor = "s1", "i1"
	both := person(RoleStudent, RoleInstructor)
	both.Student, both.Instructor = "s1", "i1"
	advisor, office, admin := person(RoleAdvisor), person(RoleRegistrar), person(RoleAdmin)
	machine := Principal{Kind: KindClient, ID: "c1", Scopes: []Permission{ReadRoster, GrantRoles, "nothing:here"}}
	me, other := Concern{Student: "s1", Advisors: []AccountID{"a1"}}, Concern{Student: "s2", Advisors: []AccountID{"a2"}}
	mine := Concern{Instructors: []registrar.InstructorID{"i2", "i1"}}
	another := Concern{Instructors: []registrar.InstructorID{"i2"}}
	myself := Concern{Account: "a1"}
	for _, c := range []struct {
		name       string
		who        Principal
		permission Permission
		about      Concern
		want       error
	}{
		{"nobody reads the catalogue", Principal{}, ReadCatalogue, Concern{}, ErrForbidden},
		{"a student reads the catalogue", student, ReadCatalogue, Concern{}, nil},
		{"a student changes it", student, WriteCatalogue, Concern{}, ErrForbidden},
		{"an admin is no registrar", admin, WriteCatalogue, Concern{}, ErrForbidden},
		{"the office changes it", office, WriteCatalogue, Concern{}, nil},
		{"a student enrols", student, WriteRegistrations, me, nil},
		{"a student enrols another", student, WriteRegistrations, other, ErrHidden},
		{"a student enrols nobody", student, WriteRegistrations, Concern{}, ErrHidden},
		{"one without a record enrols nobody", person(RoleStudent), WriteRegistrations, Concern{}, ErrHidden},
		{"an advisor enrols theirs", advisor, WriteRegistrations, me, nil},
		{"an advisor enrols another's", advisor, WriteRegistrations, other, ErrHidden},
		{"the office enrols anyone", office, WriteRegistrations, other, nil},
		{"an admin enrols", admin, WriteRegistrations, me, ErrForbidden},
		{"an instructor enrols", teacher, WriteRegistrations, me, ErrForbidden},
		{"an instructor reads a roster", teacher, ReadRoster, mine, nil},
		{"an instructor reads another's", teacher, ReadRoster, another, ErrHidden},
		{"one without a record reads one", person(RoleInstructor), ReadRoster, Concern{}, ErrHidden},
		{"a student reads a roster", student, ReadRoster, mine, ErrForbidden},
		{"who is both reads it", both, ReadRoster, mine, nil},
		{"who is both enrols", both, WriteRegistrations, me, nil},
		{"a machine with the scope", machine, ReadRoster, another, nil},
		{"a machine without it", machine, WriteCatalogue, Concern{}, ErrForbidden},
		{"no machine has this", machine, GrantRoles, Concern{}, ErrForbidden},
		{"nobody has what is not", machine, "nothing:here", Concern{}, ErrForbidden},
		{"the system imports", SystemPrincipal("imports-apply"), WriteCatalogue, Concern{}, nil},
		{"the system grants", SystemPrincipal("imports-apply"), GrantRoles, Concern{}, ErrForbidden},
		{"an admin grants", admin, GrantRoles, Concern{}, nil},
		{"the office grants", office, GrantRoles, Concern{}, ErrForbidden},
		{"anyone manages their account", advisor, ManageOwnAccount, myself, nil},
		{"anyone manages another's", admin, ManageOwnAccount, Concern{Account: "a2"}, ErrHidden},
	} {
		if err := Table().Judge(c.who, c.permission, c.about, true); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestSomeThingsWantAFreshSignIn(t *testing.T) {
	t.Parallel()
	who := Principal{Kind: KindPerson, ID: "a1", Roles: []Role{RoleAdmin, RoleRegistrar}, AuthenticatedAt: begun()}
	if !who.Fresh(begun().Add(FreshFor)) || who.Fresh(begun().Add(FreshFor+time.Second)) {
		t.Error("a sign-in is fresh for fifteen minutes")
	}
	for _, rule := range Table().Rules() {
		want := map[Permission]error{GrantRoles: ErrStale, WriteClients: ErrStale, DiscardDeadLetters: ErrStale}
		err := Table().Judge(who, rule.Permission, Concern{Account: "a1"}, false)
		if expected := want[rule.Permission]; expected != nil && !errors.Is(err, expected) || expected == nil &&
			errors.Is(err, ErrStale) {
			t.Errorf("%s after a while: %v", rule.Permission, err)
		}
	}
}
