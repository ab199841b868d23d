// Package reconcile compares all records with what is counted beside them: seats, offerings, terms and holdings of
// students, rows of imports. account.go says which count follows from which records ([SeatAccount] and its like), and
// is pure. reconcile.go goes through a whole university while people go on using it:
//
//   - It reads a few hundred records at a time, some of them in parallel, so that memory and load are bounded whatever
//     the university's size.
//   - Reads are not of one moment, and indexes lag. So a difference does not count at once: the record is read again
//     after a pause, consistently, and the difference counts if it is still the same. If the counts changed meanwhile,
//     somebody is registering right now, and the record is read again, a few times; then it is left to the next
//     reconciliation.
//   - A run ends in time before its function's deadline, and its position is stored with what it found: the next run
//     continues from there, also after a run that was killed.
//
// It cannot see a section that no list names and nobody offers, nor a record that is made behind its position while it
// goes on. The nightly audit and the simulation use it. It knows the domain and what it needs of a store, neither AWS
// nor Lambda. Start with [Reconciler.Run].
package reconcile
