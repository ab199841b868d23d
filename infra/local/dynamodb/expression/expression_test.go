package expression_test

import (
	"encoding/json"
	"testing"

	"example.com/registrar/infra/local/dynamodb/attr"
	"example.com/registrar/infra/local/dynamodb/expression"
)

func item(t testing.TB, text string) attr.Item {
	t.Helper()
	var i attr.Item
	if err := json.Unmarshal([]byte(text), &i); err != nil {
		t.Fatal(err)
	}
	return i
}

const subject = `{"a":{"S":"hello"},"n":{"N":"10"},"l":{"L":[{"S":"x"},{"N":"2"}]},
	"m":{"M":{"k":{"S":"v"},"ls":{"L":[{"N":"1"}]}}},"ss":{"SS":["p","q"]},"ns":{"NS":["1","2"]},
	"b":{"B":"AAE="},"t":{"BOOL":true},"z":{"NULL":true}}`

const values = `{":hello":{"S":"hello"},":he":{"S":"he"},":ten":{"N":"1e1"},":nine":{"N":"9"},
	":v":{"S":"v"},":x":{"S":"x"},":p":{"S":"p"},":two":{"N":"2.0"},":s":{"S":"S"},
	":set":{"SS":["q","p"]},":true":{"BOOL":true}}`

func TestCondition(t *testing.T) {
	for src, want := range map[string]bool{
		"a = :hello": true, "a <> :hello": false, "n = :ten": true, "n > :nine": true, "n <= :nine": false,
		"attribute_exists(a) AND NOT attribute_exists(gone)":             true,
		"attribute_not_exists(a) OR n = :ten":                            true,
		"attribute_not_exists(a) OR attribute_exists(gone) OR t = :true": true,
		"NOT a = :hello AND n = :ten":                                    false,
		"NOT (a = :hello AND n = :nine)":                                 true,
		"a = :hello OR n = :nine AND n = :nine":                          true,
		"m.k = :v":                                                       true, "m.ls[0] < :nine": true, "l[0] = :x": true,
		"l[5] = :x": false, "gone.k = :v": false,
		"begins_with(a, :he)": true, "begins_with(n, :he)": false, "contains(a, :he)": true, "contains(ss, :p)": true,
		"contains(ns, :two)": true, "contains(l, :x)": true, "contains(gone, :x)": false,
		"attribute_type(a, :s)": true, "attribute_type(n, :s)": false,
		"size(a) < :nine": true, "size(l) = :two": true, "size(n) = :two": false,
		"n BETWEEN :nine AND :ten": true, "a IN (:v, :hello)": true, "gone IN (:v)": false,
		"gone = :v": false, "gone <> :v": true, "gone <> missing_too": true, "gone < :nine": false,
		"a = n": false, "a <> n": true, "a < n": false, "ss = :set": true,
		"#dot.#k = :v": true,
	} {
		holders := expression.NewPlaceholders(map[string]string{"#dot": "m", "#k": "k"}, item(t, values))
		c, err := expression.ParseCondition("ConditionExpression", src, holders)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if got := c.Matches(item(t, subject)); got != want {
			t.Errorf("%s is %t, want %t", src, got, want)
		}
	}
}

func TestUpdate(t *testing.T) {
	for src, want := range map[string]string{
		"SET a = n, n = a":                        `{"a":{"N":"10"},"n":{"S":"hello"}}`,
		"SET n = n + :nine":                       `{"a":{"S":"hello"},"n":{"N":"19"}}`,
		"SET n = :nine - n":                       `{"a":{"S":"hello"},"n":{"N":"-1"}}`,
		"SET c = if_not_exists(c, :nine) + :nine": `{"a":{"S":"hello"},"n":{"N":"10"},"c":{"N":"18"}}`,
		"SET l = list_append(:list, l), l2 = l REMOVE a": `{"n":{"N":"10"},` +
			`"l":{"L":[{"S":"y"},{"S":"w"},{"S":"x"}]},"l2":{"L":[{"S":"w"},{"S":"x"}]}}`,
		"REMOVE l[0], l[7]":             `{"a":{"S":"hello"},"n":{"N":"10"},"l":{"L":[{"S":"x"}]}}`,
		"SET l[9] = :v":                 `{"a":{"S":"hello"},"n":{"N":"10"},"l":{"L":[{"S":"w"},{"S":"x"},{"S":"v"}]}}`,
		"SET m.k.d = :v":                `{"a":{"S":"hello"},"n":{"N":"10"},"m":{"M":{"k":{"M":{"d":{"S":"v"}}}}}}`,
		"ADD n :nine, c :nine, ss :set": `{"a":{"S":"hello"},"n":{"N":"19"},"c":{"N":"9"},"ss":{"SS":["p","q"]}}`,
		"DELETE ss :set":                `{"a":{"S":"hello"},"n":{"N":"10"}}`,
		"REMOVE gone, a":                `{"n":{"N":"10"}}`,
	} {
		old := item(t, `{"a":{"S":"hello"},"n":{"N":"10"}}`)
		switch {
		case src[:5] == "SET l" || src == "REMOVE l[0], l[7]":
			old["l"] = item(t, `{"l":{"L":[{"S":"w"},{"S":"x"}]}}`)["l"]
		case src == "SET m.k.d = :v":
			old["m"] = item(t, `{"m":{"M":{"k":{"M":{}}}}}`)["m"]
		case src == "DELETE ss :set":
			old["ss"] = item(t, `{"ss":{"SS":["p"]}}`)["ss"]
		}
		before, err := json.Marshal(old)
		if err != nil {
			t.Fatal(err)
		}
		vs := item(t, values)
		vs[":list"] = item(t, `{"l":{"L":[{"S":"y"}]}}`)["l"]
		u, err := expression.ParseUpdate(src, expression.NewPlaceholders(nil, vs))
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		got, err := u.Apply(old)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if !attr.EqualItems(got, item(t, want)) {
			text, _ := json.Marshal(got)
			t.Errorf("%s gives %s, want %s", src, text, want)
		}
		if after, err := json.Marshal(old); err != nil || string(after) != string(before) {
			t.Errorf("%s changed the old item to %s", src, after)
		}
	}
}

func TestProjection(t *testing.T) {
	for src, want := range map[string]string{
		"a, gone": `{"a":{"S":"hello"}}`, "m.k": `{"m":{"M":{"k":{"S":"v"}}}}`,
		"l[1], m.ls[0]": `{"l":{"L":[{"N":"2"}]},"m":{"M":{"ls":{"L":[{"N":"1"}]}}}}`,
	} {
		p, err := expression.ParseProjection(src, expression.NewPlaceholders(nil, nil))
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if got := p.Apply(item(t, subject)); !attr.EqualItems(got, item(t, want)) {
			t.Errorf("%s gives %v, want %s", src, got, want)
		}
	}
}

// No text makes a parser panic, and what parses can be applied.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a = :v", "SET a.b[1] = if_not_exists(c, :v) + :v REMOVE d ADD e :v", "((a))",
		"a BETWEEN :v AND :v", "NOT NOT size(a) > :v", "begins_with(a, :v) AND b = :v", "#", ":", "a[",
		"a[99999999999999999999]", "\xff"} {
		f.Add(seed)
	}
	i := item(f, subject)
	f.Fuzz(func(t *testing.T, src string) {
		holders := func() *expression.Placeholders {
			return expression.NewPlaceholders(map[string]string{"#n": "a"}, attr.Item{":v": attr.Int(1)})
		}
		if c, err := expression.ParseCondition("FilterExpression", src, holders()); err == nil {
			c.Matches(i)
		}
		if u, err := expression.ParseUpdate(src, holders()); err == nil {
			if next, err := u.Apply(i); err == nil {
				u.Project(next)
			}
		}
		if p, err := expression.ParseProjection(src, holders()); err == nil {
			p.Apply(i)
		}
		_, _ = expression.ParseKeyCondition(src, holders(), "a", "b")
	})
}
