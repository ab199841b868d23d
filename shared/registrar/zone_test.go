package registrar_test

import (
	"archive/zip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"example.com/registrar/shared/registrar"
)

// hostZone is a zone that only the machine of TestZonesAreTheBinarysOwn knows.
const hostZone = "Campus/Main"

func TestZone(t *testing.T) {
	for name, want := range map[string]int{"America/New_York": -5, "Europe/Amsterdam": 1, "UTC": 0, "Etc/GMT+12": -12,
		"Pacific/Kiritimati": 14} {
		zone, err := registrar.Zone(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, offset := time.Date(2027, 1, 15, 12, 0, 0, 0, zone).Zone(); offset != want*60*60 || zone.String() != name {
			t.Errorf("%s: %s is %d s from UTC", name, zone, offset)
		}
	}
	for _, name := range []string{
		"", "Local", "posixrules", "localtime", "america/new_york", "America", "America/", "/America/New_York",
		"../zoneinfo/UTC", "./UTC",
		"America/../UTC", "America\\New_York", "UTC\x00", " UTC", "EST5EDT,M3.2.0,M11.1.0", "+05:00", hostZone,
	} {
		term := registrar.Term{ID: "t", Code: "X", Title: "X", Start: "2027-01-11", End: "2027-05-08", TimeZone: name}
		if _, err := registrar.Zone(name); err == nil || term.Validate() == nil {
			t.Errorf("%q is taken for a time zone", name)
		}
	}
}

// Every zone of the archive is there, with the archive's rules, and no other.
func TestZones_AreThoseOfGosArchive(t *testing.T) {
	archive, err := zip.OpenReader("testdata/zoneinfo.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	for _, entry := range archive.File {
		file, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(file)
		if err = errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		want, err := time.LoadLocationFromTZData(entry.Name, data)
		if err != nil {
			if _, is := registrar.Zone(entry.Name); is == nil { // a folder, or a list
				t.Errorf("%s is taken for a zone", entry.Name)
			}
			continue
		}
		got, err := registrar.Zone(entry.Name)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is not the archive's: %v", entry.Name, err)
		}
	}
	if len(archive.File) < 500 {
		t.Errorf("the archive has only %d entries", len(archive.File))
	}
}

// What the machine knows of zones, or does not, makes no difference: TestZone passes in a process whose system has one
// more, and none of Go's.
func TestZonesAreTheBinarysOwn(t *testing.T) {
	if os.Getenv("ZONEINFO") != "" {
		if _, err := time.LoadLocation(hostZone); err != nil {
			t.Errorf("the machine of this test does not know %s: %v", hostZone, err)
		}
		t.Run("zones", TestZone)
		return
	}
	archive, err := zip.OpenReader("testdata/zoneinfo.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	file, err := archive.Open("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	data, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	machine := t.TempDir()
	at := filepath.Join(machine, filepath.FromSlash(hostZone))
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, data, 0o644); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self, "-test.run=^TestZonesAreTheBinarysOwn$")
	child.Env = []string{"ZONEINFO=" + machine, "GOROOT=" + machine}
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
