// Package histories has tests alone: many clients act on the embedded DynamoDB at once, with contention and without,
// some are cut off in the middle, and what they saw is checked against what one client after the other could have seen:
// linearizable for single items, and serializable, in the order of real time, for transactions over several.
//
// Start with histories_test.go.
package histories
