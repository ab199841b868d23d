// Package dynamodb is an embedded DynamoDB: an [http.Handler] that speaks the service's JSON protocol, so that the code
// which runs on AWS runs against it unchanged, over a socket or without one (package inprocess).
//
// Faithful: tables, global and local secondary indexes, the item, query, scan, batch and transaction operations with the
// whole expression language, exact numbers, ordered keys, sparse indexes, parallel scans, all cancellation reasons in order,
// request and item limits, client request tokens, tags, and consumed capacity as the developer guide reckons it. Writes are
// serializable and reads see the last write; with [Options].IndexLag, reads of a global index see it that much later.
//
// Streams are read over the same endpoint (protocol DynamoDBStreams_20120810): all views, a partition's records in one shard
// and in order, none for a write that changes nothing, iterators of 15 minutes, records of 24 hours, also of a stream that was
// disabled or whose table is gone. Time to live is an order by expiry that [Engine.Expire] deletes from, as the service does.
//
// Not faithful: a table, an index or a stream is active at once, nothing conflicts or is throttled, expired items stay until
// Expire is called, a stream's shards are as many as [Options].Shards from its beginning to its end (none is split or has
// children), the records of a transaction keep the order of its actions, which AWS does not promise, an item collection has
// no limit of 10 GB, and nothing outlives the process. What is not offered (PartiQL, legacy request parameters, global tables,
// backups) is refused by its name.
//
// Start with [New]; protocol.go receives a request, a file for each group of operations decodes and checks it before any
// lock is taken, and store.go is the one place where items change. The subpackages attr and expression hold the values and
// the language. The rules are those of the Amazon DynamoDB developer guide and API reference.
package dynamodb
