package attr_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"example.com/registrar/infra/local/dynamodb/attr"
	"pgregory.net/rapid"
)

func number(t interface{ Fatal(...any) }, text string) attr.Value {
	v, err := attr.NewNumber(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNewNumber_IsCanonical(t *testing.T) {
	for text, want := range map[string]string{
		"1": "1", "-0": "0", "007": "7", "1.50": "1.5", "1e3": "1000", "1E-3": "0.001", ".5": "0.5", "5.": "5", "+2": "2",
		"9007199254740993": "9007199254740993", "12.5e1": "125", "100": "100", "1E125": "1" + strings.Repeat("0", 125),
		"-123456789012345678901234567890.12345678": "-123456789012345678901234567890.12345678",
	} {
		if got := number(t, text); got.Str != want {
			t.Errorf("NewNumber(%q) = %s, want %s", text, got.Str, want)
		}
	}
	for _, bad := range []string{"", "-", "x", "1e", "1e+-1", "e5", "1.2.3", "0x1", " 1", "1e126", "1e-131",
		strings.Repeat("9", 39), "NaN", "Infinity"} {
		if v, err := attr.NewNumber(bad); err == nil {
			t.Errorf("NewNumber(%q) = %s, want an error", bad, v.Str)
		}
	}
}

// decimals of many magnitudes, with few digits, so that equal and neighbouring ones occur.
func decimals() *rapid.Generator[string] {
	return rapid.StringMatching(`-?[0-9]{1,4}(\.[0-9]{1,3})?(e-?[0-9])?`)
}

// At the ends of the range, where one byte holds the exponent.
func TestNumber_KeysKeepTheirOrderAtTheEndsOfTheRange(t *testing.T) {
	const largest = "99999999999999999999999999999999999999E+88"
	ordered := []string{"-" + largest, "-1E+125", "-1", "-1E-130", "0", "1E-130", "1.1E-130", "1E-129", "1", "1E+125",
		largest}
	for i := 1; i < len(ordered); i++ {
		a, b := number(t, ordered[i-1]), number(t, ordered[i])
		if got := bytes.Compare(a.AppendKey(nil), b.AppendKey(nil)); got != -1 {
			t.Errorf("key bytes of %s and %s compare as %d", ordered[i-1], ordered[i], got)
		}
	}
}

// The order of values, of their key bytes, and of rational numbers are one; addition is exact.
func TestNumber_AgreesWithRationals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := decimals().Draw(t, "x"), decimals().Draw(t, "y")
		a, b := number(t, x), number(t, y)
		ra, _ := new(big.Rat).SetString(x)
		rb, _ := new(big.Rat).SetString(y)
		want := ra.Cmp(rb)
		if got, ok := attr.Compare(a, b); !ok || got != want {
			t.Fatalf("Compare(%s, %s) = %d, want %d", x, y, got, want)
		}
		if got := bytes.Compare(a.AppendKey(nil), b.AppendKey(nil)); got != want {
			t.Fatalf("key bytes of %s and %s compare as %d, want %d", x, y, got, want)
		}
		for name, c := range map[string]struct {
			op   func(a, b attr.Value) (attr.Value, error)
			want *big.Rat
		}{"sum": {attr.Add, new(big.Rat).Add(ra, rb)}, "difference": {attr.Sub, new(big.Rat).Sub(ra, rb)}} {
			got, err := c.op(a, b)
			if err != nil {
				t.Fatal(err)
			}
			if r, _ := new(big.Rat).SetString(got.Str); r.Cmp(c.want) != 0 {
				t.Fatalf("%s of %s and %s = %s, want %s", name, x, y, got.Str, c.want)
			}
		}
	})
}

// Two keys written one after the other sort as pairs do, and two pairs never become one.
func TestAppendKey_PairsStayApart(t *testing.T) {
	texts := rapid.StringOfN(rapid.RuneFrom([]rune{0, 1, 'a', 'b', 0x7f, 0x100}), 0, 4, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := texts.Draw(t, "a"), texts.Draw(t, "b")
		c, d := texts.Draw(t, "c"), texts.Draw(t, "d")
		key := func(p, q string) []byte { return attr.Str(q).AppendKey(attr.Str(p).AppendKey(nil)) }
		want := strings.Compare(a, c)
		if want == 0 {
			want = strings.Compare(b, d)
		}
		if got := bytes.Compare(key(a, b), key(c, d)); got != want {
			t.Fatalf("(%q, %q) and (%q, %q) compare as %d, want %d", a, b, c, d, got, want)
		}
	})
}

func TestValue_RoundTrip(t *testing.T) {
	for _, text := range []string{`{"L":[{"S":"x"},{"N":"1.5"}]}`, `{"M":{"a":{"S":"\"é"},"b":{"NULL":true}}}`,
		`{"NS":["1","10","2"]}`, `{"B":"AAEC"}`,
		`{"BOOL":true}`, `{"BS":["AQ==","Ag=="]}`, `{"N":"-0.1"}`, `{"S":""}`, `{"SS":["a","b"]}`} {
		var v attr.Value
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if back, err := json.Marshal(v); err != nil || string(back) != text {
			t.Errorf("%s is written back as %s, %v", text, back, err)
		}
	}
	for _, bad := range []string{`{}`, `{"S":"a","N":"1"}`, `{"S":1}`, `{"N":1}`, `{"SS":[]}`, `{"SS":["a","a"]}`,
		`{"NS":["1","1.0"]}`, `{"NULL":false}`, `{"X":"a"}`, `{"B":"?"}`,
		strings.Repeat(`{"L":[`, 33) + `{"S":"x"}` + strings.Repeat(`]}`, 33)} {
		var v attr.Value
		if err := json.Unmarshal([]byte(bad), &v); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestItem_Size(t *testing.T) {
	item := attr.Item{"name": attr.Str("é"), "n": number(t, "1234"), "b": {Kind: attr.Bool, Bool: true},
		"l": {Kind: attr.List, List: []attr.Value{attr.Str("ab")}}, "m": {Kind: attr.Map, Map: attr.Item{"k": attr.Str("v")}}}
	// names 4+1+1+1+1; é 2; 1234: two pairs and one; true 1; list 3+1+2; map 3+1+(1+1)
	if got, want := item.Size(), 8+2+3+1+6+6; got != want {
		t.Errorf("Size = %d, want %d", got, want)
	}
}

// However a client writes a value, it is the same one.
func TestValue_AnyWriting(t *testing.T) {
	for _, texts := range [][]string{
		{`{"S":"ab"}`, `{ "S" : "ab" }`, `{"S":"\u0061b"}`},
		{`{"S":""}`, `{"S": ""}`},
		{`{"S":"é"}`, `{"S":"\u00e9"}`},
		{`{"N":"10"}`, `{"N":"1e1"}`, `{ "N":"010.0"}`},
	} {
		var first attr.Value
		for i, text := range texts {
			var v attr.Value
			if err := json.Unmarshal([]byte(text), &v); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if i == 0 {
				first = v
			}
			if !reflect.DeepEqual(v, first) {
				t.Errorf("%s is %+v, %s is %+v", text, v, texts[0], first)
			}
		}
	}
	for _, text := range []string{`{"S":"a","N":"1"}`, `{"N":"one"}`, `{"N":""}`, `{"S":"a"`, `{"S":"a}`} {
		if err := json.Unmarshal([]byte(text), new(attr.Value)); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}
