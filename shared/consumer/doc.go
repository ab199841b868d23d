// Package consumer is what all functions behind an SQS queue have in common: it reads each message of a batch, hands it
// to the function's work, and reports what failed, so that the rest is not handled again (partial batch response).
//
// A message is delivered at least once, perhaps twice at the same time, late and out of order. This package handles
// that:
//
//   - A message that cannot be read, or will never succeed ([Permanent]), goes to the dead letters at once, with its
//     reason. A message that fails for other reasons comes back after a pause that grows, and goes to the dead letters
//     with its last reason when the queue's attempts are used up. Neither blocks the messages behind it.
//   - An event is handled once for each consumer: it is claimed in the table before and marked as done after. A claim
//     ends with the time of the function that has it, so that one that was killed blocks nothing.
//   - An event with an older version of a record than one that was handled is skipped, for consumers that ask for it.
//   - A panic is the failure of its message alone.
//   - In a FIFO queue, nothing of a group is handled after a message that has to come back; other groups are handled.
//   - Work that takes longer than the queue's visibility timeout keeps its message hidden.
//   - No work is begun when the function has probably not enough time for it.
//
// It knows the domain's events and their envelope, and no AWS: shared/queue implements [Queue], and shared/dynamo
// implements [Claims]. Start with [Each] and [Events].
package consumer
