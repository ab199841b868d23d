// Package schedule is the small kit of functions that a schedule starts: what schedules' expressions mean ([Parse]),
// and how the work of a due time is done once however often it is started ([Once]).
//
// A schedule starts its function at least once for each due time, and Lambda starts it again when it fails: two may run
// at once, and one that is killed leaves its work undone. So each run asks the registry, which is in the table, before
// it works, and tells it afterwards; what decides between two runs is [Job].
//
// # After a pause
//
// A run that finds earlier due times without a run, because functions failed or the system stood still, does the work
// once for all of them and says how many there were. It is not done once for each: what schedules start here tidies up
// what is there now, so a second pass finds nothing left to do. Work that has to be done for each due time by itself is
// no work for a schedule: it is a message for each, in a queue, which keeps them until they are done. And nothing that
// must not happen late is left to a schedule at all: a deadline is a condition of the change that it forbids.
//
// It knows the domain and EventBridge Scheduler's notation; neither AWS's SDK nor Lambda.
package schedule
