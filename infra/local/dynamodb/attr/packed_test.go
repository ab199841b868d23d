package attr_test

import (
	"encoding/json"
	"testing"

	"example.com/registrar/infra/local/dynamodb/attr"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// values are of all kinds, nested.
func values(depth int) *rapid.Generator[attr.Value] {
	return rapid.Custom(func(t *rapid.T) attr.Value {
		kind := attr.Kind(rapid.IntRange(int(attr.String), int(attr.BinarySet)).Draw(t, "kind"))
		if depth == 0 && (kind == attr.Map || kind == attr.List) {
			kind = attr.String
		}
		v := attr.Value{Kind: kind}
		switch kind {
		case attr.String:
			v.Str = rapid.String().Draw(t, "text")
		case attr.Number:
			return number(t, decimals().Draw(t, "number"))
		case attr.Binary:
			v.Str = string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "bytes"))
		case attr.Bool:
			v.Bool = rapid.Bool().Draw(t, "bool")
		case attr.Map:
			v.Map = items(depth-1).Draw(t, "map")
		case attr.List:
			v.List = rapid.SliceOfN(values(depth-1), 0, 4).Draw(t, "list")
		case attr.StringSet, attr.BinarySet:
			return attr.SetOf(kind, rapid.SliceOfN(rapid.String(), 1, 4).Draw(t, "members"))
		case attr.NumberSet:
			members := rapid.SliceOfN(decimals(), 1, 4).Draw(t, "numbers")
			for i := range members {
				members[i] = number(t, members[i]).Str
			}
			return attr.SetOf(kind, members)
		}
		return v
	})
}

func items(depth int) *rapid.Generator[attr.Item] {
	return rapid.Custom(func(t *rapid.T) attr.Item {
		return attr.Item(rapid.MapOfN(rapid.StringN(1, 4, -1), values(depth), 0, 6).Draw(t, "item"))
	})
}

// A packed item is the item: as a whole, attribute by attribute, on the wire, and in its size.
func TestPacked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		item := items(3).Draw(t, "item")
		packed := item.Pack()
		if diff := cmp.Diff(item, packed.Item()); diff != "" {
			t.Fatalf("unpacked (-want +got):\n%s", diff)
		}
		if packed.Size() != item.Size() {
			t.Fatalf("size %d, want %d", packed.Size(), item.Size())
		}
		for name, want := range item {
			if got, ok := packed.Get(name); !ok || !attr.Equal(got, want) {
				t.Fatalf("%q is %v, want %v", name, got, want)
			}
			if _, ok := packed.Get(name + "x"); ok != (len(item[name+"x"].Kind.String()) > 0) {
				t.Fatalf("%q is found: %t", name+"x", ok)
			}
		}
		plain := item.AppendJSON(nil)
		if got := packed.AppendJSON(nil); string(got) != string(plain) {
			t.Fatalf("on the wire\n%s, want\n%s", got, plain)
		}
		var back map[string]attr.Value
		if err := json.Unmarshal(plain, &back); err != nil || !attr.EqualItems(back, item) {
			t.Fatalf("%s is read back as %v, %v", plain, back, err)
		}
		even := func(name string) bool { return len(name)%2 == 0 }
		want := attr.Item{}
		for name, v := range item {
			if even(name) {
				want[name] = v
			}
		}
		if packed.Only(even) != want.Pack() {
			t.Fatalf("of the even names %v, want %v", packed.Only(even).Item(), want)
		}
		other := items(1).Draw(t, "other")
		if (other.Pack() == packed) != attr.EqualItems(item, other) {
			t.Fatalf("packed %v and %v do not compare as they do", item, other)
		}
	})
}

// What is packed takes little more than its content.
func TestPacked_IsSmall(t *testing.T) {
	item := attr.Item{
		"PK": attr.Str("SECTION#1"), "SK": attr.Str("STUDENT#2"), "count": number(t, "12345"), "on": {Kind: attr.Bool,
			Bool: true},
		"list": {Kind: attr.List, List: []attr.Value{attr.Str("ab"), number(t, "1")}},
	}
	if got, most := len(item.Pack()), item.Size()+4*len(item); got > most {
		t.Errorf("%d bytes of an item of %d, want at most %d", got, item.Size(), most)
	}
}
