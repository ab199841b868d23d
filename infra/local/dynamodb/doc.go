// Package dynamodb is an embedded DynamoDB: an [http.Handler] that speaks the service's JSON protocol, so that the code
// which runs on AWS runs against it unchanged, over a socket or without one (package inprocess).
//
// Faithful: tables, global and local secondary indexes, the item, query, scan, batch and transaction operations with
// the whole expression language, exact numbers, ordered keys, sparse indexes, parallel scans, all cancellation reasons
// in order, request and item limits, client request tokens, tags, and consumed capacity as the developer guide reckons
// it. Query also understands KeyConditions, the legacy parameter without which some libraries do not query. Requests
// are read as the service reads them (package wire), may come in gzip, and large answers go out in it to who accepts
// that. Writes are serializable and reads see the last write; with [Options].IndexLag, reads of a global index see it
// that much later.
//
// Streams are read over the same endpoint (protocol DynamoDBStreams_20120810): all views, a partition's records in one
// shard and in order, none for a write that changes nothing, iterators of 15 minutes, records of 24 hours, also of a
// stream that was disabled or whose table is gone. Time to live is an order by expiry that [Engine.Expire] deletes
// from, as the service does.
//
// With [Options].Contention it behaves under load as the developer guide says, and each part of that can be set:
// operations take their time; while a transaction is in flight its items refuse other transactions
// (TransactionCanceledException, with TransactionConflict at the positions concerned) and single writes
// (TransactionConflictException), reads are not hindered, and a transaction that reads is cancelled by whatever writes
// its items meanwhile; partitions, tables in on-demand mode and their global indexes have so many units a second, and
// an index that has too few throttles its table's writes (ThrottlingException with its reason, ThrottlingError in a
// transaction, what is left over of a batch); a batch reads and writes its items at different moments; eventually
// consistent reads may be behind. What is cancelled has cost what it attempted. [Ledger] adds up what a run cost, by
// operation and key, at list price.
//
// Not faithful: a table, an index or a stream is active at once, expired items stay until Expire is called, a stream's
// shards are as many as [Options].Shards from its beginning to its end (none is split or has children), the records of
// a transaction keep the order of its actions, which AWS does not promise, a stream holds no more bytes than
// [Options].StreamBytes, an item collection has no limit of 10 GB, and nothing outlives the process but what
// [Engine.Freeze] gives. What is not offered (PartiQL, the other legacy request parameters, multi-attribute keys of
// indexes, global tables, backups) is refused by its name.
//
// Not faithful of contention: service times, the age of stale reads and that a conflict leaves a part of a batch
// unprocessed are plausible, not documented. Each partition key has a partition to itself, whatever its size, and
// splits no further by sort key; throughput that was not used is kept for a second, not for five minutes; an index
// throttles the very write that is too much for it, not later ones; a scan asks only the whole table; a page of a query
// is read at one moment; the quotas of an account, and throughput of a provisioned table's indexes, are not there.
// Without Contention nothing waits, conflicts or is throttled.
//
// It is held to two others. The public suite nubo-db/dynamodb-conformance, whose every case AWS itself passes, runs
// against `make run` (SEED=none, DYNAMODB_ENDPOINT at its address): all 414 cases on items, queries, scans,
// transactions, tables, streams, time to live and limits pass; the exact wording of errors is not the aim. And
// suite_test.go asks the same of this engine and of the one at AWS_ENDPOINT_URL_DYNAMODB, which is dynoxide in `make
// test-integration`: where they differ, AWS's page that decides stands beside the request. The store's suite
// (shared/registrar/registrartest) has the same answers on both.
//
// Nothing here has a cost that grows with the number of what is looked after: items are packed and read attribute by
// attribute, what expires stands in queues, and a snapshot is taken without a copy of the items. growth_test.go holds
// it to that.
//
// Start with [New]; protocol.go receives a request, a file for each group of operations decodes and checks it before
// any lock is taken, store.go is the one place where items change, and snapshot.go writes and reads the whole state.
// The subpackages wire, attr and expression read requests and hold the values and the language. The rules are those of
// the Amazon DynamoDB developer guide and API reference.
package dynamodb
