// Package reconcile compares all records with what is counted beside them: seats, offerings, terms and holdings of
// students, rows of imports. account.go says which count follows from which records ([SeatAccount] and its like), and
// is pure. reconcile.go goes through a whole university while people go on using it:
//
//   - A few hundred records at a time, some of them side by side, so that memory and load are bounded whatever its
//     size.
//   - Reads are not of one moment, and indexes lag. So a difference is not believed at first: the record is looked at
//     again after a pause, consistently, and the difference counts if it is still the very same. If the counts moved
//     meanwhile somebody is registering right now, and it is looked at again, a few times; then it is left to the next
//     reconciliation.
//   - A run ends in time before its function's deadline, and where it stands is kept with what it found: the next run
//     goes on from there, also after one that was killed.
//
// It cannot see a section that no list names and nobody offers, nor a record that is made behind its position while it
// goes on. The nightly audit and the simulation use it. It knows the domain and what it needs of a store, neither AWS
// nor Lambda. Start with [Reconciler.Run].
package reconcile
