// Package sqs is the queue service of the local cloud: an Amazon SQS in memory that speaks the service's JSON 1.0
// protocol, so that the SDK's own client works with it, over a socket or without one (infra/local/inprocess).
//
// It knows nothing of Registrar. The rules are those of the Amazon SQS API Reference and Developer Guide.
//
// Faithful: standard and FIFO queues, visibility, delay, retention, dead letter queues, long polling, deduplication,
// message groups, batches, checksums, limits and quotas, the typed errors and their codes, and the 60 seconds that a
// queue's name rests after DeleteQueue and a queue after PurgeQueue. Not faithful: a standard queue delivers in order
// and never twice (AWS may do otherwise), attribute changes apply and deletions happen at once, and counts are exact.
// Signatures, policies (Policy, RedriveAllowPolicy) and encryption keys are stored but never enforced; there is no
// throttling; message groups of a standard queue are kept but not balanced; SenderId is the account.
// ReceiveRequestAttemptId and permissions are refused by name. Message move tasks move what is visible and in no closed
// group, 500 messages a second unless a task names its rate, without AWS's limits of 36 hours and of 100 tasks at once;
// what they move to a FIFO queue is not looked for among duplicates. Nothing outlives the process but what
// [Engine.Snapshot] wrote and [Options].Changed was told: infra/local/journal keeps both.
//
// Start with [New]; protocol.go is the way in, queue.go holds the queues themselves.
package sqs
