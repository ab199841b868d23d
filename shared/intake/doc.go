// Package intake is the bookkeeping of imports: one [Import] for each file that somebody uploads, its counts, the
// problems of its rows, and what is done about one that was interrupted. The readers of the files are in
// shared/intake/files.
//
// It knows the domain and nothing of files, tables or AWS. Start with import.go; event.go is the event of the end of an
// import.
package intake
