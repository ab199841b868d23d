package functions

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Grant is one statement of a function's role: it allows the actions on the things. Package infra/policy says it in
// IAM's words, for the CDK app and the local engines.
type Grant struct {
	Actions []string
	On      []Thing
	// Keys, of a grant on the table or an index: only items whose partition keys these patterns stand for, all of those of
	// a request at once. In a pattern * stands for any characters.
	Keys []string
	// Within, of a grant on the table: only as a part of this operation.
	Within string
	// AsSender, of a grant to send mail: only as the system's one sender.
	AsSender bool
}

// Thing is what a grant is on.
type Thing struct {
	Kind ThingKind
	Of   string // the index's or the queue's name, or the prefix of the objects
}

// ThingKind is a kind of [Thing].
type ThingKind int

// What grants are on.
const (
	OnTable ThingKind = iota
	OnIndex
	OnStream // the table's
	OnBucket
	OnObjects
	OnQueue
	OnDeadLetters
	OnMailIdentity
	OnMailConfigurationSet
	OnLogs // the function's own log group
)

// Access is what a function does with the table: actions of DynamoDB, each on the partitions whose keys the patterns
// stand for. A list of them is made by [get] and the functions beside it.
type Access struct {
	Action string // without the service's name, for example "GetItem"
	Index  string // of a Query of an index; empty: the table itself
	// Within is true when the action is only called within TransactWriteItems.
	Within bool
	Keys   []string // patterns: "STUDENT#*", or a whole key, "TERMS"
}

func access(action string, keys []string) []Access {
	if len(keys) == 0 {
		return nil
	}
	return []Access{{Action: action, Keys: keys}}
}

func get(keys ...string) []Access        { return access("GetItem", keys) }
func batchGet(keys ...string) []Access   { return access("BatchGetItem", keys) }
func query(keys ...string) []Access      { return access("Query", keys) }
func put(keys ...string) []Access        { return access("PutItem", keys) }
func update(keys ...string) []Access     { return access("UpdateItem", keys) }
func remove(keys ...string) []Access     { return access("DeleteItem", keys) }
func check(keys ...string) []Access      { return access("ConditionCheckItem", keys) }
func batchWrite(keys ...string) []Access { return access("BatchWriteItem", keys) }

// queryIndex is a query of an index, by the keys of its own partitions.
func queryIndex(index string, keys ...string) []Access {
	return []Access{{Action: "Query", Index: index, Keys: keys}}
}

// transact are actions that are only called within a transaction.
func transact(parts ...[]Access) []Access {
	all := slices.Concat(parts...)
	for i := range all {
		all[i].Within = true
	}
	return all
}

// What several functions do with the table, or one does that is long. Sets of keys are those of what the package
// comment of shared/dynamo names.

// creates is to write a new record: its item and its natural keys, its event, and the answer to the request's key.
func creates(keys ...string) []Access {
	return slices.Concat(get("ANSWER#*"), transact(put(append(keys, "EVENT#*", "ANSWER#*")...)))
}

// changes is to update a record and to exchange its natural keys.
func changes(record string, names ...string) []Access {
	return slices.Concat(get(record), transact(update(record), put(append(names, "EVENT#*")...)),
		transact(remove(names...)))
}

// deletes is to delete a record that others may depend on: see "Who waits for whom" in shared/dynamo.
func deletes(record string, names ...string) []Access {
	return slices.Concat(get(record), update(record), query(record),
		transact(remove(append(names, record)...), put("EVENT#*")))
}

// narrowsTerm is to look whether a term's sections meet within its new dates, while the term is marked.
func narrowsTerm() []Access {
	return slices.Concat(update("TERM#*"), query("TERM#*"), batchGet("SECTION#*"))
}

func getSection() []Access { return batchGet("SECTION#*", "SEATS#*") }

func createsSection() []Access {
	return slices.Concat(get("COURSE#*", "TERM#*"),
		creates("SECTION#*", "SEATS#*", "NAME#CRN#*", "TERM#*", "INSTRUCTOR#*"),
		transact(update("COURSE#*"), check("TERM#*", "COURSE#*", "INSTRUCTOR#*")))
}

func updatesSection() []Access {
	return slices.Concat(getSection(), get("TERM#*"), transact(
		update("SECTION#*", "SEATS#*"), check("TERM#*", "INSTRUCTOR#*"),
		put("EVENT#*", "NAME#CRN#*", "INSTRUCTOR#*"), remove("NAME#CRN#*", "INSTRUCTOR#*")))
}

func deletesSection() []Access {
	return slices.Concat(getSection(), get("COURSE#*"), transact(
		remove("SECTION#*", "SEATS#*", "NAME#CRN#*", "TERM#*", "COURSE#*", "INSTRUCTOR#*"),
		update("COURSE#*"), put("EVENT#*")))
}

func deletesStudent() []Access {
	return slices.Concat(get("STUDENT#*"), transact(
		remove("STUDENT#*", "NAME#STUDENTNUMBER#*", "NAME#STUDENTEMAIL#*"), put("STUDENT#*", "EVENT#*")))
}

// decides is to read the facts of a registration; the student once more where the term record knows a newer version.
func decides(also ...string) []Access {
	return slices.Concat(batchGet(append(also, "SECTION#*", "SEATS#*", "TERM#*", "STUDENT#*")...), get("STUDENT#*"))
}

// enrols reads the seats again after a conflict, and the answer after a failed condition.
func enrols() []Access {
	return slices.Concat(decides("ANSWER#*"), get("ANSWER#*", "SEATS#*"), transact(
		update("SEATS#*", "STUDENT#*"), put("STUDENT#*", "EVENT#*", "ANSWER#*")))
}

func drops() []Access {
	return slices.Concat(decides("ANSWER#*"), get("ANSWER#*"), transact(
		update("SEATS#*"), put("STUDENT#*", "EVENT#*", "ANSWER#*")))
}

// refreshes is to bring copies up to date: of sections and students in registrations, of titles in sections.
func refreshes() []Access {
	return slices.Concat(
		decides(), query("STUDENT#*"), queryIndex("GSI1", "ROSTER#*"), transact(put("STUDENT#*"),
			check("SECTION#*", "STUDENT#*")),
		query("COURSE#*"), get("COURSE#*"), queryIndex("GSI1", "TERM#*"), transact(update("SECTION#*", "SEATS#*"),
			check("COURSE#*"), put("EVENT#*")))
}

// importsFiles is to apply files of each kind.
func importsFiles() []Access {
	return slices.Concat(
		// the import and its report
		get("IMPORT#*", "TERM#*"), put("IMPORT#*"), query("IMPORT#*"), batchWrite("IMPORT#*"),
		transact(update("IMPORT#*"), put("EVENT#*")),
		put("CLAIM#imports-apply#*"), update("CLAIM#imports-apply#*"),
		// sections, with their courses and those who teach them
		batchGet("NAME#COURSE#*", "COURSE#*", "NAME#CRN#*", "SECTION#*", "NAME#IMPORTEDNAME#*", "INSTRUCTOR#*"),
		transact(
			put("COURSE#*", "NAME#COURSE#*", "SECTION#*", "SEATS#*", "NAME#CRN#*", "TERM#*", "INSTRUCTOR#*",
				"NAME#IMPORTEDNAME#*"),
			update("COURSE#*", "SECTION#*", "SEATS#*"), remove("INSTRUCTOR#*"),
			check("TERM#*", "COURSE#*", "INSTRUCTOR#*")),
		// people
		batchGet("NAME#STUDENTNUMBER#*", "NAME#STUDENTEMAIL#*", "STUDENT#*", "NAME#INSTRUCTORNUMBER#*",
			"NAME#INSTRUCTOREMAIL#*"),
		query("STUDENT#*"), queryIndex("GSI2", "INSTRUCTORS"), transact(
			put("STUDENT#*", "NAME#STUDENTNUMBER#*", "NAME#STUDENTEMAIL#*", "NAME#INSTRUCTORNUMBER#*",
				"NAME#INSTRUCTOREMAIL#*"),
			update("STUDENT#*", "INSTRUCTOR#*"), remove("NAME#STUDENTEMAIL#*", "NAME#INSTRUCTOREMAIL#*")),
		// registrations
		enrols(), drops())
}

// job is to begin and end the runs of what a schedule starts.
func job(name string) []Access { return slices.Concat(get("JOB#"+name), put("JOB#"+name)) }

func reconciles() []Access {
	return slices.Concat(job("audit-reconcile"),
		batchGet("SECTION#*", "SEATS#*", "TERM#*", "COURSE#*"), get("IMPORT#*"),
		query("TERM#*", "COURSE#*", "STUDENT#*", "RECONCILIATIONS"),
		queryIndex("GSI1", "TERMS", "TERM#*", "ROSTER#*", "IMPORTS#ENDED"), queryIndex("GSI2", "COURSES", "STUDENTS"),
		batchWrite("RECONCILIATION#*"), put("RECONCILIATIONS"))
}

func sendsMail() []Access {
	return slices.Concat(get("IMPORT#*", "STUDENT#*", "TERM#*"), getSection(), batchGet("MAIL#*", "STUDENT#*",
		"ADDRESS#*"),
		transact(put("MAIL#*")))
}

// setsPreferences is to change the preferences of mail to those of whom the keys are.
func setsPreferences(of ...string) []Access {
	return slices.Concat(batchGet(of...), transact(put(append(of, "EVENT#*")...), check("STUDENT#*")))
}

// Grants are what the function may do, and nothing else: least privilege. A test holds them to what it does. What
// Lambda does with the function's role stands apart: see [Function.ServiceGrants].
func (f Function) Grants() []Grant {
	all := tableGrants(f.Table)
	allow := func(on []Thing, actions ...string) { all = append(all, Grant{Actions: actions, On: on}) }
	switch f.Bucket {
	case Read:
		allow(uploads(), "s3:GetObject")
	case Write:
		allow(uploads(), "s3:PutObject")
	case No:
	}
	for _, name := range f.Sends {
		allow([]Thing{{OnQueue, name}}, "sqs:SendMessage")
	}
	all = append(all, f.Queues.grants(f.All)...)
	if f.Mails { // a configuration set that is named needs the action, too
		all = append(all, Grant{Actions: []string{"ses:SendEmail"}, On: []Thing{{Kind: OnMailIdentity},
			{Kind: OnMailConfigurationSet}}, AsSender: true})
	}
	if f.Queue != nil { // the consumer kit's
		if !f.Queue.Together {
			allow([]Thing{{OnQueue, f.Queue.Name}}, "sqs:ChangeMessageVisibility")
		}
		allow([]Thing{{OnDeadLetters, f.Queue.Name}}, "sqs:SendMessage")
	}
	return all
}

// FailedRuns is the queue that gets what becomes of a scheduled run that failed for good.
const FailedRuns = "failed-runs"

// ServiceGrants are what Lambda does with the function's role: it writes the log, reads what feeds the function, and
// keeps what it gives up (Lambda developer guide, "Capturing discarded batches" and "Capturing records of Lambda
// asynchronous invocations").
func (f Function) ServiceGrants() []Grant {
	all := []Grant{{Actions: []string{"logs:CreateLogStream", "logs:PutLogEvents"}, On: []Thing{{Kind: OnLogs}}}}
	if f.Queue != nil {
		all = append(all, Grant{Actions: []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
			On: []Thing{{OnQueue, f.Queue.Name}}})
	}
	if f.Stream != nil {
		all = append(all, Grant{Actions: []string{"dynamodb:DescribeStream", "dynamodb:GetRecords",
			"dynamodb:GetShardIterator", "dynamodb:ListStreams"}, On: []Thing{{Kind: OnStream}}},
			Grant{Actions: []string{"s3:PutObject"}, On: []Thing{{OnObjects, FailedPrefix}}},
			Grant{Actions: []string{"s3:ListBucket"}, On: []Thing{{Kind: OnBucket}}})
	}
	if f.Schedule != nil {
		all = append(all, Grant{Actions: []string{"sqs:SendMessage"}, On: []Thing{{OnQueue, FailedRuns}}})
	}
	return all
}

// tableGrants makes statements of what a function does with the table. Each action stands in one statement with all its
// keys, since the keys of a batch must match within one; actions with the same keys share it. Actions within
// transactions have statements of their own, and so has each index.
func tableGrants(table []Access) []Grant {
	type place struct {
		index  string
		within bool
		keys   string // joined, in order
	}
	type call struct {
		action, index string
		within        bool
	}
	wanted := map[call]map[string]bool{}
	for _, a := range table {
		c := call{a.Action, a.Index, a.Within}
		if wanted[c] == nil {
			wanted[c] = map[string]bool{}
		}
		for _, key := range a.Keys {
			wanted[c][key] = true
		}
	}
	actions := map[place][]string{}
	for c, of := range wanted {
		p := place{c.index, c.within, strings.Join(slices.Sorted(maps.Keys(of)), "\n")}
		actions[p] = append(actions[p], "dynamodb:"+c.action)
	}
	places := slices.SortedFunc(maps.Keys(actions), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.index, b.index), order(a.within, b.within), cmp.Compare(a.keys, b.keys))
	})
	var all []Grant
	for _, p := range places {
		g := Grant{Actions: actions[p], On: []Thing{{Kind: OnTable}}, Keys: strings.Split(p.keys, "\n")}
		slices.Sort(g.Actions)
		if p.index != "" {
			g.On = []Thing{{OnIndex, p.index}}
		}
		if p.within {
			g.Within = "TransactWriteItems"
		}
		all = append(all, g)
	}
	return all
}

// order puts what is not within a transaction first.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// uploads are the objects that are uploaded.
func uploads() []Thing {
	var all []Thing
	for _, q := range queues() {
		if q.Uploads != "" {
			all = append(all, Thing{OnObjects, q.Uploads})
		}
	}
	return all
}

// grants are those on all of the queues and their dead letters.
func (a QueueAccess) grants(queues []Queue) []Grant {
	var waiting, dead []Thing
	for _, q := range queues {
		waiting, dead = append(waiting, Thing{OnQueue, q.Name}), append(dead, Thing{OnDeadLetters, q.Name})
	}
	count := Grant{Actions: []string{"sqs:GetQueueAttributes"}, On: slices.Concat(waiting, dead)}
	look := Grant{Actions: []string{"sqs:ReceiveMessage", "sqs:ChangeMessageVisibility"}, On: dead}
	remove := Grant{Actions: []string{"sqs:DeleteMessage"}, On: dead}
	send := Grant{Actions: []string{"sqs:SendMessage"}, On: waiting}
	switch a {
	case Count:
		return []Grant{count}
	case Inspect:
		return []Grant{count, look}
	case Discard:
		return []Grant{look, remove}
	case Replay:
		return []Grant{look, remove, send}
	case NoQueues:
	}
	return nil
}
