package words_test

import (
	"strings"
	"testing"

	"example.com/registrar/shared/registrar/words"
	"pgregory.net/rapid"
)

func TestNFC(t *testing.T) {
	for in, want := range map[string]string{
		"Zoe\u0308": "Zoë", "Zoë": "Zoë", "\u212bngstro\u0308m": "Ångström", "\u1112\u1161\u11ab": "한", "plain": "plain",
		"\xff": "\xff", "": "",
	} {
		if got := words.NFC(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := words.Prose("\u00a0One.\r\nTwo.\n "); got != "One.\nTwo." {
		t.Errorf("prose: %q", got)
	}
}

func TestSearched(t *testing.T) {
	for in, want := range map[string]string{
		"Šimůnek": "simunek", "S\u030cimu\u030anek": "simunek", "Łódź": "lodz", "GROẞ": "gross", "Æsir": "aesir",
		"İbrahim": "ibrahim", "Ørsted": "orsted",
		"van  der\u00a0Berg": "van der berg", " x": "x", "hop ": "hop ", "陳": "陳", "O'Neil": "o'neil",
	} {
		if got := words.Searched(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Who types the beginning of a name finds it.
func TestSearched_KeepsBeginnings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := words.NFC(rapid.StringOf(rapid.RuneFrom([]rune("aÀß łŠé́한ı'陳Z"))).Draw(t, "name"))
		runes := []rune(name)
		typed := string(runes[:rapid.IntRange(0, len(runes)).Draw(t, "typed")])
		if !strings.HasPrefix(words.Searched(name), words.Searched(strings.TrimSpace(typed))) {
			t.Fatalf("%q does not find %q: %q, %q", typed, name, words.Searched(typed), words.Searched(name))
		}
	})
}
