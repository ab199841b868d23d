package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// README.md names a test for what it says of a service: that test must be there.
func TestReadmeNamesTestsThatAreThere(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	if err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		tests.Write(text)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("`((?:Test|Fuzz)\\w+)(…?)`").FindAllStringSubmatch(string(readme), -1)
	for _, name := range found {
		begins := "func " + name[1]
		if name[2] == "" {
			begins += "("
		}
		if !strings.Contains(tests.String(), begins) {
			t.Errorf("README.md names %s%s, which is not there", name[1], name[2])
		}
	}
	if len(found) == 0 {
		t.Error("README.md names no test")
	}
}
