// Package schedule is for functions that a schedule starts: it reads schedules' expressions ([Parse]), and makes sure
// that the work of a due time is done once, however often it is started ([Once]).
//
// A schedule starts its function at least once for each due time, and Lambda starts it again when it fails. So two runs
// may be active at once, and one that is killed leaves its work undone. Therefore each run asks the registry, which is
// in the table, before it works, and reports to it afterwards. [Job] decides between two runs.
//
// # After a pause
//
// A run that finds earlier due times without a run, because functions failed or the system was down, does the work once
// for all of them and logs how many there were. The work is not done once for each: it tidies up what is there now, so
// a second pass would find nothing to do. Work that has to be done for each due time separately does not belong in a
// schedule: it is a message for each, in a queue, which keeps them until they are done. And nothing that must not be
// late depends on a schedule: a deadline is a condition of the change that it forbids.
//
// It knows the domain and EventBridge Scheduler's notation; neither AWS's SDK nor Lambda.
package schedule
