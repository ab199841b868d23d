// Package dynamodb is an embedded DynamoDB: an [http.Handler] that speaks the service's JSON protocol, so that the code
// which runs on AWS runs against it unchanged, over a socket or without one (package inprocess).
//
// Faithful: tables and global secondary indexes, the item, query, scan, batch and transaction operations with the whole
// expression language, exact numbers, ordered keys, sparse indexes, all cancellation reasons in order, request and item
// limits, client request tokens, and consumed capacity as the developer guide reckons it. Writes are serializable and reads
// see the last write.
//
// Not faithful: a table is active at once, nothing lags, nothing conflicts or is throttled, expired items stay, a stream
// is described but cannot be read, and nothing outlives the process. What is not offered (PartiQL, legacy request
// parameters, local secondary indexes, global tables, backups) is refused by its name.
//
// Start with [New]; protocol.go receives a request, a file for each group of operations decodes and checks it before any
// lock is taken, and store.go is the one place where items change. The subpackages attr and expression hold the values and
// the language. The rules are those of the Amazon DynamoDB developer guide and API reference.
package dynamodb
