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

// who, and what: of what AWS says of a request that no policy allows.
var denial = regexp.MustCompile(`User: (\S+) is not authorized to perform: (\S+)`)

// denials are what was denied to functions, once each, from all that they logged: those that work in the background
// answer nobody.
func (s *system) denials(t *testing.T) []string {
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
	slices.Sort(all)
	return slices.Compact(all)
}

// testNobodyWasDenied holds the policies to all that the functions did.
func (s *system) testNobodyWasDenied(t *testing.T) {
	for _, denied := range s.denials(t) {
		t.Error(denied)
	}
}

// statement is one of a policy, as far as the tests cut it.
type statement struct {
	Effect    string
	Action    any
	Resource  any
	Condition map[string]map[string]any `json:",omitempty"`
}

// testLessIsDenied cuts a role's policy: a judge that denies nothing would have found nothing.
func (s *system) testLessIsDenied(t *testing.T) {
	const name, action = "students-get", "dynamodb:GetItem"
	event, err := os.ReadFile(filepath.Join(root, "events", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	for what, cut := range map[string]func(statement) []statement{
		"the action": func(s statement) []statement {
			actions := slices.DeleteFunc(texts(s.Action), func(a string) bool { return a == action })
			if len(actions) == 0 {
				return nil
			}
			s.Action = actions
			return []statement{s}
		},
	} {
		t.Run(what, func(t *testing.T) {
			if status, body := s.request(t, event); status != http.StatusOK {
				t.Fatalf("with its whole policy: %d: %s", status, body)
			}
			before := len(s.denials(t))
			restore := s.cut(t, name, cut)
			if status, _ := s.request(t, event); status != http.StatusInternalServerError {
				t.Errorf("without it: %d", status)
			}
			restore()
			denied := s.denials(t)
			if len(denied) == before || !strings.Contains(strings.Join(denied, "\n"), action) {
				t.Errorf("denied were %v, want %s", denied, action)
			}
		})
	}
}

// texts are those of a member of a policy that is one text or a list.
func texts(v any) []string {
	if one, ok := v.(string); ok {
		return []string{one}
	}
	var all []string
	for _, each := range v.([]any) { //nolint:errcheck // IAM has no third form
		all = append(all, each.(string)) //nolint:errcheck // and nothing but texts in the list
	}
	return all
}

// cut changes each statement of the policies of a function's role, and returns what gives it the whole ones back.
func (s *system) cut(t *testing.T, name string, change func(statement) []statement) (restore func()) {
	t.Helper()
	role := path.Base(s.functions[name].Role)
	var listed struct {
		Names []string `xml:"ListRolePoliciesResult>PolicyNames>member"`
	}
	s.iam(t, &listed, "ListRolePolicies", "RoleName", role)
	whole := map[string]string{}
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
		var left []statement
		for _, each := range document.Statement {
			left = append(left, change(each)...)
		}
		document.Statement = left
		short, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		s.iam(t, nil, "PutRolePolicy", "RoleName", role, "PolicyName", policy, "PolicyDocument", string(short))
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
