package emulator

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// denial matches AWS's words for a request that no policy allows: who made it, and what it was.
var denial = regexp.MustCompile(`User: (\S+) is not authorized to perform: (\S+)`)

// denied is what functions were denied. It reads the logs of all: a function that works in the background answers
// nobody.
func (s *system) denied(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, line := range s.logs(t) {
		switch found := denial.FindStringSubmatch(line); {
		case found != nil:
			all = append(all, found[1]+": "+found[2])
		case strings.Contains(line, "AccessDenied"):
			all = append(all, line)
		}
	}
	return all
}

// testNobodyWasDenied holds the policies to all that the functions did.
func (s *system) testNobodyWasDenied(t *testing.T) {
	denied := s.denied(t)
	slices.Sort(denied)
	for _, each := range slices.Compact(denied) {
		t.Error(each)
	}
}

// statement is one of a policy, as far as the tests cut it.
type statement struct {
	Effect    string
	Action    list
	Resource  list
	Condition map[string]map[string]list `json:",omitempty"`
}

// testLessIsDenied takes an action out of a role's policy, and the key prefixes of one. It shows that MiniStack does
// deny: otherwise testNobodyWasDenied would show nothing.
func (s *system) testLessIsDenied(t *testing.T) {
	const name, action = "students-get", "dynamodb:GetItem"
	event, err := os.ReadFile(filepath.Join(root, "events", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if status, body := s.request(t, event); status != http.StatusOK {
		t.Fatalf("with its whole policy: %d: %s", status, body)
	}
	named := func() (n int) { // denials that name the function and the action
		for _, d := range s.denied(t) {
			if strings.Contains(d, name) && strings.HasSuffix(d, action) {
				n++
			}
		}
		return n
	}
	for what, change := range map[string]func(*statement){
		"action": func(s *statement) {
			s.Action = slices.DeleteFunc(s.Action, func(a string) bool { return a == action })
		},
		"prefixes": func(s *statement) {
			s.Condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] = list{"NOTHING#*"}
		},
	} {
		t.Run(what, func(t *testing.T) {
			before := named()
			restore := s.cut(t, name, action, change)
			status, _ := s.request(t, event)
			restore()
			if after := named(); status != http.StatusInternalServerError || after <= before {
				t.Errorf("answered with %d; %d lines say that it was denied %s", status, after-before, action)
			}
		})
	}
	if status, body := s.request(t, event); status != http.StatusOK {
		t.Errorf("with its whole policy again: %d: %s", status, body)
	}
}

// list is a member of a policy that is one text or several.
type list []string

// UnmarshalJSON implements [json.Unmarshaler].
func (l *list) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*l = list{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(l))
}

// cut changes the statement that allows an action in the policies of a function's role, and returns what gives the role
// its whole policies back.
func (s *system) cut(t *testing.T, name, action string, change func(*statement)) (restore func()) {
	t.Helper()
	role := path.Base(s.functions[name].Role)
	var listed struct {
		Names []string `xml:"ListRolePoliciesResult>PolicyNames>member"`
	}
	s.iam(t, &listed, "ListRolePolicies", "RoleName", role)
	whole, changed := map[string]string{}, 0
	for _, policy := range listed.Names {
		var got struct {
			Document string `xml:"GetRolePolicyResult>PolicyDocument"`
		}
		s.iam(t, &got, "GetRolePolicy", "RoleName", role, "PolicyName", policy)
		text, err := url.PathUnescape(got.Document)
		if err != nil {
			t.Fatal(err)
		}
		whole[policy] = text
		var document struct {
			Version   string
			Statement []statement
		}
		if err := json.Unmarshal([]byte(text), &document); err != nil {
			t.Fatal(err)
		}
		for i, each := range document.Statement {
			if slices.Contains(each.Action, action) {
				change(&document.Statement[i])
				changed++
			}
		}
		document.Statement = slices.DeleteFunc(document.Statement, func(s statement) bool { return len(s.Action) == 0 })
		short, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		s.iam(t, nil, "PutRolePolicy", "RoleName", role, "PolicyName", policy, "PolicyDocument", string(short))
	}
	if changed != 1 {
		t.Fatalf("%d statements allow %s to do %s, want one", changed, name, action)
	}
	return func() {
		for policy, text := range whole {
			s.iam(t, nil, "PutRolePolicy", "RoleName", role, "PolicyName", policy, "PolicyDocument", text)
		}
	}
}

// iam asks IAM, in the names and values of AWS's query protocol, and reads the answer, XML, into out.
func (s *system) iam(t *testing.T, out any, action string, parameters ...string) {
	t.Helper()
	query := url.Values{"Action": {action}, "Version": {"2010-05-08"}}
	for i := 0; i < len(parameters); i += 2 {
		query.Set(parameters[i], parameters[i+1])
	}
	var text []byte
	s.aws(t, &text, http.MethodGet, "/?"+query.Encode(), "iam", "", nil)
	if out != nil {
		if err := xml.Unmarshal(text, out); err != nil {
			t.Fatalf("%s: %v: %s", action, err, text)
		}
	}
}
