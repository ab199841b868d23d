// Package consumer is what all functions behind an SQS queue have in common: it reads each message of a batch, hands it
// to the function's work, and reports what failed, so that the rest is not handled again (partial batch response).
//
// A message is delivered at least once, perhaps twice at once, late and out of order. The kit makes of that:
//
//   - what cannot be read, or will never succeed ([Permanent]), is dead at once and keeps its reason; what fails for
//     other reasons comes back after a pause that grows, and is dead with its last reason when the queue's attempts are
//     used up. Neither stands in the way of what is behind it
//   - an event is handled once for each consumer: it is claimed in the table before and marked as done after. A claim
//     ends with the time of the function that holds it, so that one that was killed holds nothing up
//   - what is older than what was seen of the same record is skipped, for consumers that ask for it
//   - a panic is the failure of its message alone
//   - of a FIFO queue's group nothing is handled behind a message that is to come back; other groups are
//   - work that takes longer than the queue's visibility timeout keeps its message hidden
//   - nothing is begun for which the function's time is not likely to last
//
// It knows the domain's events and their envelope, no AWS: shared/queue and shared/dynamo are what stands behind
// [Queue] and [Claims]. Start with [Each] and [Events].
package consumer
