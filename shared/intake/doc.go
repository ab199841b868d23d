// Package intake is what is kept of imports: one [Import] for each file that somebody uploads, its counts, the problems
// of its rows, and what becomes of one that was interrupted. The readers of the files are in shared/intake/files.
//
// It knows the domain and nothing of files, tables or AWS. Start with import.go; event.go is what the end of an import
// tells others.
package intake
