// Package kill holds the test that nothing is lost: the whole of `make run`, with the functions' real binaries in
// processes of their own and its data on disk, while ten thousand registrations are made; functions are killed in the
// middle of their work, messages come twice, and the whole of it is killed and started again. Afterwards everything is
// counted, from the records.
//
// It knows `make run` as its users do: the API, the engines' wire protocols, processes. Start with kill_test.go; `make
// kill` runs it.
package kill
