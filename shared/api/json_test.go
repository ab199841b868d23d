package api

import "testing"

func TestJSONFault(t *testing.T) {
	for body, want := range map[string]string{
		`{"a": [{"a": 1}, {"a": "a"}], "b": {"a": null, "b": "a"}, "c": "a"}`: "",
		`["a", "a", {"a": "a"}]`:             "",
		`"\ud83d\ude00 \\ud800 \u00e9 \n"`:   "",
		`{}`:                                 "",
		`7`:                                  "",
		`{"a": 1, "a": 1}`:                   "has a name twice in one object at byte 12",
		`{"a": 1, "\u0061": 1}`:              "has a name twice in one object at byte 17",
		`[{"a": {"b": {}, "c": 1, "b": 2}}]`: "has a name twice in one object at byte 28",
		`{"a": "\ud83d"}`:                    "has half of a surrogate pair at byte 7",
		`{"a": "\ude00\ud83d"}`:              "has half of a surrogate pair at byte 7",
		`{"a": "\ud83d\u0041"}`:              "has half of a surrogate pair at byte 7",
		`{"\ud83d": 1}`:                      "has half of a surrogate pair at byte 2",
		`{"a": "\ud83d`:                      "is not JSON at byte 13",
		`{"a": 1e999}`:                       "has a number out of all range at byte 12",
		``:                                   "is not JSON at byte 0",
	} {
		if got := jsonFault([]byte(body)); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}
