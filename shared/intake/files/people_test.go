package files_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"example.com/registrar/shared/intake/files"
)

// readPeople gives the rows of a file as text: number|given|family|full|email|active, "-" for others, "!" and the field
// for refused ones.
func readPeople(t *testing.T, role files.Role, file string) (format string, rows []string) {
	t.Helper()
	people, err := files.NewPeople(strings.NewReader(file), role)
	if err != nil {
		t.Fatal(err)
	}
	for {
		row, err := people.Next()
		if errors.Is(err, io.EOF) {
			return people.Format, rows
		}
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join([]string{row.Number, row.Given, row.Family, row.Full, row.Email}, "|")
		switch {
		case row.Problem != nil:
			text = "!" + row.Problem.Field
		case row.Others:
			text = "-"
		case row.Active != nil:
			text += fmt.Sprintf("|%v", *row.Active)
		}
		rows = append(rows, text)
	}
}

// Files of people are read by the names of their columns, in any case and order, in the three forms that they have.
func TestPeople_AreReadByTheirColumns(t *testing.T) {
	for name, c := range map[string]struct {
		role         files.Role
		file, format string
		want         []string
	}{
		"our own": {
			files.RoleStudent, "Email-Address,Family_Name,GIVEN " +
				"NAME,student_number,Active\ngrace@example.edu,Hopper,Grace,U1,yes\n,Li,,U2,no\n,Li,Bo,U3,\n,Li,Bo,U4,perhaps\n",
			"people-csv", []string{"U1|Grace|Hopper|Grace Hopper|grace@example.edu|true", "U2||Li|Li||false", "U3|Bo|Li|Bo Li|",
				"!Active"},
		},
		"one column of names": {
			files.RoleInstructor, "name,email\n\"King, Ada\",ada@example.edu\nAda Augusta King,\nSuharto,\n",
			"people-csv", []string{"|Ada|King|Ada King|ada@example.edu", "|Ada Augusta|King|Ada Augusta King|",
				"||Suharto|Suharto|"},
		},
		"OneRoster 1.2": {
			files.RoleStudent,
			"sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName," +
				"identifier,email,sms,phone,agentSourcedIds,grades,password\n" +
				"a-1,active,2026-01-01,true,ghopper,,Grace,Hopper,B,U1,grace@example.edu,,,,,hunter2\n" +
				"a-2,,,,x,,Bo,Li,,,,,,,,hunter2\na-3,tobedeleted,,true,x,,Al,Li,,U3,,,,,,\n" +
				"a-4,active,,false,x,,Al,Li,,U4,,,,,,\na-5,gone,,,x,,Al,Li,,U5,,,,,,\n",
			"oneroster-users-csv", []string{
				"U1|Grace|Hopper|Grace Hopper|grace@example.edu|true", "a-2|Bo|Li|Bo Li|", "U3|Al|Li|Al Li||false",
				"U4|Al|Li|Al Li||false", "!status",
			},
		},
		"OneRoster 1.1, with roles": {
			files.RoleStudent,
			"sourcedId,status,role,givenName,familyName,identifier\n1,,student,A,B,U1\n2,,teacher,C,D,E2\n3,,,E,F,U3\n",
			"oneroster-users-csv", []string{"U1|A|B|A B|", "-", "!role"},
		},
		"teachers of the same": {
			files.RoleInstructor,
			"sourcedId,status,role,givenName,familyName,identifier\n1,,student,A,B,U1\n2,,Teacher,C,D,E2\n",
			"oneroster-users-csv", []string{"-", "E2|C|D|C D|"},
		},
		"Canvas": {
			files.RoleStudent,
			"user_id,integration_id,login_id,password,first_name,last_name,full_name,sortable_name,short_name,email,status\n" +
				"U1,,gh,hunter2,Grace,Hopper,,,,grace@example.edu,active\nU2,,x,hunter2,,,,\"Li, " +
				"Bo\",,,suspended\nU3,,x,hunter2,,,Jean-Luc van Damme,\"van Damme, Jean-Luc\",,,deleted\n",
			"canvas-users-csv", []string{
				"U1|Grace|Hopper|Grace Hopper|grace@example.edu|true", "U2|Bo|Li|Bo Li||false", "U3|Jean-Luc|van Damme|Jean-Luc " +
					"van Damme||false",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			format, rows := readPeople(t, c.role, c.file)
			if format != c.format || !slices.Equal(rows, c.want) {
				t.Errorf("%s: %q, want %s: %q", format, rows, c.format, c.want)
			}
			for _, row := range rows {
				if strings.Contains(row, "hunter2") {
					t.Errorf("a password was read: %s", row)
				}
			}
		})
	}
}

// A file that lacks what a person needs is told so, by the names of the columns.
func TestPeople_TellWhatTheHeaderLacks(t *testing.T) {
	for want, file := range map[string]string{
		"name": "number,email\nU1,a@example.edu\n", "number": "given_name,family_name\nA,B\n",
		"twice": "number,name,Name\nU1,A,B\n", "empty": "",
	} {
		var broken *files.FileError
		if _, err := files.NewPeople(strings.NewReader(file), files.RoleStudent); !errors.As(err, &broken) ||
			!strings.Contains(broken.Reason, want) {
			t.Errorf("%q: %v, want a reason with %q", file, err, want)
		}
	}
}
