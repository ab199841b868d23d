// Package reconcile goes through all records and derives from them what is counted beside them: seats, offerings, terms
// and holdings of students, rows of imports. What follows from what is the domain's to say ([registrar.SeatAccount] and
// its like); here stands how a whole university is gone through while it goes on working:
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
// What it cannot see: a section that no list names and nobody offers, and records that come into being behind the
// position while it goes on. The nightly audit and the simulation use it as it is. It knows the domain and what it
// needs of a store, neither AWS nor Lambda. Start with [Reconciler.Run].
package reconcile
