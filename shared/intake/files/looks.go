package files

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// exportAsCSV is the advice for a file that is not text.
const exportAsCSV = `open it, choose "Save As" and "CSV UTF-8 (comma delimited)", and upload that file`

// looksLike says, by its beginning, what a file is that is certainly not a table of text, and what to do; empty if it
// may be one.
func looksLike(head []byte) string {
	starts := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	has := func(name string) bool { return bytes.Contains(head, []byte(name)) }
	text := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(head, []byte(utf8Mark)), " \t\r\n"))
	begins := func(tag string) bool { return bytes.HasPrefix(text, []byte(tag)) }
	switch {
	case starts("PK\x03\x04") && (has("xl/") || has("[Content_Types].xml")):
		return "the file is an Excel workbook (xlsx), not CSV: " + exportAsCSV
	case starts("PK\x03\x04") && has("opendocument"):
		return "the file is an OpenDocument spreadsheet (ods), not CSV: " + exportAsCSV
	case starts("PK\x03\x04") && (has("manifest.csv") || has("orgs.csv") || has("enrollments.csv") ||
		has("academicSessions.csv")):
		return "the file is a zip archive as OneRoster packs its CSV files: unpack it, and upload one of them with the " +
			"kind that it holds"
	case starts("PK\x03\x04"), starts("PK\x05\x06"):
		return "the file is a zip archive: unpack it, and upload the CSV file in it"
	case starts("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
		return "the file is an old Excel workbook (xls), not CSV: " + exportAsCSV
	case starts("\x1f\x8b"):
		return "the file is compressed with gzip: unpack it, and upload the CSV file in it"
	case starts("BZh"), starts("\xfd7zXZ\x00"), starts("\x28\xb5\x2f\xfd"), starts("7z\xbc\xaf\x27\x1c"), starts("Rar!"):
		return "the file is compressed: unpack it, and upload the CSV file in it"
	case starts("%PDF-"):
		return "the file is a PDF, which is made for people: export the data as CSV, and upload that file"
	case begins("<!doctype html"), begins("<html"), begins("<table"), begins("<meta"), begins("<head"):
		return "the file is a web page (HTML), though its name may say xls or csv: open it in a spreadsheet, and save it " +
			"as CSV UTF-8"
	case begins("<?xml"), begins("<"):
		return "the file is XML, not CSV: export the data as CSV, and upload that file"
	case begins("{"), begins("["):
		return "the file is JSON, not CSV: export the data as CSV, and upload that file"
	case encodingOf(head) == nil && bytes.IndexByte(head, 0) >= 0:
		return "the file is not text: export the data as CSV, and upload that file"
	}
	return ""
}

// looksLikeHeader says what is wrong with a header in which this many of the columns were found; empty if it may be
// right.
func looksLikeHeader(header []string, found int) string {
	for _, name := range header {
		if strings.ContainsRune(name, utf8.RuneError) {
			return "the header is not text in any encoding that is known: save the file as CSV UTF-8"
		}
	}
	if found == 0 && len(header) == 1 {
		return "the file is no table with commas, semicolons, tabs or bars between its columns, or its first row is no header"
	}
	return ""
}

// looksLikeColumns says which system's columns they are when a file is not the expected one, and what to do; empty if
// they are not known.
func looksLikeColumns(header []string) string {
	has := func(names ...string) bool {
		for _, name := range names {
			if position(header, name) < 0 {
				return false
			}
		}
		return true
	}
	const schedule = "it says nothing of when sections meet; export the schedule from the student information system, " +
		"and describe its columns in a mapping"
	switch {
	case has("sourcedId", "username"), has("sourcedId", "givenName"):
		return "the file looks like OneRoster's users.csv; it is imported as students or instructors"
	case has("sourcedId", "classCode"), has("sourcedId", "courseSourcedId"):
		return "the file looks like OneRoster's classes.csv; " + schedule
	case has("sourcedId", "courseCode"):
		return "the file looks like OneRoster's courses.csv; " + schedule
	case has("sourcedId", "classSourcedId"):
		return "the file looks like OneRoster's enrollments.csv; registrations are imported with the columns " +
			"student_number, term and crn"
	case has("sourcedId"):
		return "the file looks like one of OneRoster; " + schedule
	case has("user_id", "login_id"):
		return "the file looks like Canvas's users.csv; it is imported as students or instructors"
	case has("course_id", "short_name", "long_name"):
		return "the file looks like Canvas's courses.csv; " + schedule
	case has("section_id", "user_id"), has("course_id", "user_id"):
		return "the file looks like Canvas's enrollments.csv; registrations are imported with the columns student_number, " +
			"term and crn"
	case has("section_id", "course_id"):
		return "the file looks like Canvas's sections.csv; " + schedule
	case has("student_number", "term", "crn"):
		return "the file looks like registrations; it is imported as such"
	case has("course_crn", "short_name"):
		return "the file looks like a schedule of YACS; it is imported as sections"
	}
	return ""
}
