// Package functions is the manifest: the one list of all Lambda functions, with what triggers each, what it may use and
// touch. The CDK app, template.yaml, the local gateway, the build and the OpenAPI document follow from it; routes come
// from the operations themselves.
//
// It is read by infra/ and by tests, never by a main.go: a function would link all others. Start with [All].
package functions

import (
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/registrar/functions/audit"
	"example.com/registrar/functions/courses"
	"example.com/registrar/functions/deadletters"
	"example.com/registrar/functions/docs"
	"example.com/registrar/functions/events"
	"example.com/registrar/functions/health"
	"example.com/registrar/functions/imports"
	"example.com/registrar/functions/instructors"
	"example.com/registrar/functions/mails"
	"example.com/registrar/functions/notifications"
	"example.com/registrar/functions/preferences"
	"example.com/registrar/functions/registrations"
	"example.com/registrar/functions/sections"
	"example.com/registrar/functions/students"
	"example.com/registrar/functions/terms"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/dynamo/stream"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/lambdahost"
	"example.com/registrar/shared/mail/carrier"
	"example.com/registrar/shared/mail/letters"
	"example.com/registrar/shared/mail/unsubscribe"
	"example.com/registrar/shared/objects"
	"example.com/registrar/shared/queue"
	"example.com/registrar/shared/reconcile"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/schedule"
	"example.com/registrar/shared/telemetry"
	"github.com/aws/aws-lambda-go/lambda"
)

// Adapters are what functions are wired to. The zero value is enough to ask operations for their routes.
type Adapters struct {
	Store    *dynamo.Store
	Bucket   *objects.Bucket
	Queues   func(name string) *queue.Queue // those that functions send to; see [Adapters.Queue]
	Operator *queue.Operator                // of all queues
	// Carrier, Letters and Links are for mail.
	Carrier *carrier.Carrier
	Letters *letters.Writer
	Links   unsubscribe.Links
	System  api.System
	Log     *slog.Logger
	Debug   telemetry.DebugLines // what becomes of debug lines
}

// Queue is the queue of that name; nil when there are none.
func (a Adapters) Queue(name string) *queue.Queue {
	if a.Queues == nil {
		return nil
	}
	return a.Queues(name)
}

// Use is what a function may do with the uploads in the bucket; see [Function.Grants].
type Use int

// What a function may do with uploads.
const (
	No Use = iota
	Read
	Write // put them, which whoever is given a signed address does in the function's name
)

// QueueAccess is what a function may do with all queues and their dead letters; see [Function.Grants].
type QueueAccess int

// What a function may do with queues.
const (
	NoQueues QueueAccess = iota
	Count                // count the messages in them
	Inspect              // that, and receive dead letters and make them visible again
	Discard              // receive dead letters, make them visible again, delete them
	Replay               // that, and send to the queues
)

// Function is one Lambda. One of Operations, Consume, Relay and Run says what it does, and so what triggers it.
type Function struct {
	Name string // resource and verb; its main.go lies in functions/<resource>/<verb>
	// Operations are what a function behind the API serves.
	Operations func(Adapters) []api.Operation
	// Consume is what a function behind a queue does with its messages.
	Consume func(Adapters, consumer.Settings) consumer.Handler
	Queue   *Queue // of Consume
	// Relay is what a function behind the table's stream does with what is inserted.
	Relay  func(Adapters) lambdahost.Images
	Stream *Stream // of Relay
	// Run is what a function does when its schedule says so.
	Run      func(Adapters, schedule.Settings) lambdahost.Task
	Schedule *Schedule // of Run
	// Throttle is of each of its routes, apart from the stage's: a rush there takes nothing from the others, nor they from
	// it. Nil: the stage's. See [API].
	Throttle *Throttle

	Memory  int           // MB, 128 to 10,240 (Lambda quotas); CPU comes with it
	Timeout time.Duration // at most 30 s behind the API (API Gateway quotas), 15 min else
	// Table is what it does with the table, and may do: a test holds it to what is called.
	Table []Access
	// Pages: it gives lists to clients page by page, and knows the key that seals their cursors.
	Pages  bool
	Bucket Use
	Sends  []string // names of the queues that it sends to
	Queues QueueAccess
	// All are the queues that Queues, and the subscriptions of Relay, are about.
	All []Queue
	// Zeros are counters of its own telemetry that should stay at zero: an alarm is raised when one does not.
	Zeros []Zero
	// Mails: it sends mail, as the system's one sender. Unsubscribes: it knows the key of the tokens to unsubscribe with.
	Mails, Unsubscribes bool
}

// Zero is a counter that should stay at zero.
type Zero struct {
	Counter telemetry.Counter
	Says    string // what is wrong when it does not, in a sentence
	Page    string // the heading in docs/operations.md that says what to do, as an anchor
}

// Queue is what feeds a consumer. Each has a dead-letter queue of its own.
type Queue struct {
	Name        string        // for example "imports"
	BatchSize   int           // messages in one invocation, 1 to 10; to 10,000 with a window of a second at least
	Window      time.Duration // how long a batch may wait for more: whole seconds, 0 to 300
	Concurrency int           // functions at once, 2 to 1,000 (Lambda developer guide, "Configuring maximum concurrency")
	Receives    int           // attempts before a message goes to the dead-letter queue
	Together    bool          // the batch is one piece of work: no message's visibility is changed by itself
	Delay       time.Duration // of each message, before it is handed out: whole seconds, 0 to 15 minutes
	// Late is the age of the oldest message, and Deep the number of waiting messages, from which on somebody should look.
	Late time.Duration
	Deep int
	// Uploads: the queue is told of objects that arrive in the bucket under this prefix.
	Uploads string
	// Feedback: the queue is told of mail that bounced, or that its reader complained of.
	Feedback bool
	// Events: the relay sends the events of these types to the queue.
	Events []registrar.EventType
}

// Stream says how the table's stream feeds a function (Lambda developer guide, "Lambda parameters for Amazon DynamoDB
// event source mappings"). A batch that failed is halved until the record that fails it stands alone; what is given up
// goes whole into the bucket.
type Stream struct {
	Prefix    string        // of the partition keys of the items whose insertion is told
	BatchSize int           // records in one invocation, 1 to 10,000
	Parallel  int           // batches of a shard at once, 1 to 10
	Retries   int           // of a batch, 0 to 10,000
	MaxAge    time.Duration // of a record that is tried again: a minute to 7 days; the stream keeps it for 24 hours
	Late      time.Duration // the age of the iterator from which on somebody should look
}

// FailedPrefix is where in the bucket Lambda puts the records of a stream that it gives up (Lambda developer guide,
// "Capturing discarded batches").
const FailedPrefix = "aws/lambda/"

// Schedule says when a function runs (EventBridge Scheduler user guide, "Schedule types").
type Schedule struct {
	Expression string // "rate(15 minutes)" or "cron(0 3 * * ? *)", in UTC
}

// When Lambda does not take a start, Scheduler tries it again, so often and for so long. A run that failed Lambda tries
// again, as often as RunRetries says and for as long. What fails for good is kept in a queue; see [Alarms].
const (
	ScheduleRetries = 3
	ScheduleMaxAge  = time.Hour
	RunRetries      = 2 // the most that Lambda offers (Lambda API reference, PutFunctionEventInvokeConfig)
)

// How long what is done with is kept.
const (
	// an upload is read within minutes, and looked at again while a term is being planned
	UploadsKept     = 30 * 24 * time.Hour
	DeadLettersKept = 14 * 24 * time.Hour // the longest (SQS API reference, MessageRetentionPeriod)
	// records that the relay gave up hold names and numbers of people; their events can be published again without them
	FailedKept = 90 * 24 * time.Hour
	// an object that was overwritten or deleted, by mistake perhaps
	VersionsKept = 7 * 24 * time.Hour
)

// Lifecycle says how long the bucket keeps what is under a prefix; older versions it keeps for [VersionsKept].
type Lifecycle struct {
	Name, Prefix string
	Kept         time.Duration // whole days
}

// Lifecycles are those of all prefixes of the bucket, one of each.
func Lifecycles(all []Function) []Lifecycle {
	var lifecycles []Lifecycle
	for _, f := range all {
		if f.Queue != nil && f.Queue.Uploads != "" {
			lifecycles = append(lifecycles, Lifecycle{f.Queue.Name, f.Queue.Uploads, UploadsKept})
		}
		if f.Stream != nil && !slices.ContainsFunc(lifecycles, func(l Lifecycle) bool { return l.Prefix == FailedPrefix }) {
			lifecycles = append(lifecycles, Lifecycle{"failed", FailedPrefix, FailedKept})
		}
	}
	return lifecycles
}

// Value says what an environment variable holds.
type Value struct {
	Kind ValueKind
	Of   string // the queue's name, or the text
}

// ValueKind is a kind of [Value].
type ValueKind int

// What environment variables hold.
const (
	Text ValueKind = iota
	TableName
	CursorKey
	BucketName
	QueueURL
	DeadLetterURL
	QueueURLPrefix // what the addresses of all queues begin with, before their names; Of is one of them
	MailSender
	MailConfigurationSet
	UnsubscribeKey
	APIURL
)

// Environment is what the function is configured by.
func (f Function) Environment() map[string]Value {
	variables := map[string]Value{}
	if len(f.Table) > 0 {
		variables["TABLE_NAME"] = Value{Kind: TableName}
	}
	if f.Pages {
		variables["CURSOR_KEY"] = Value{Kind: CursorKey}
	}
	if f.Bucket != No {
		variables["BUCKET_NAME"] = Value{Kind: BucketName}
	}
	for _, name := range f.Sends {
		variables[queue.Variable(name)] = Value{QueueURL, name}
	}
	if f.Mails {
		variables["MAIL_SENDER"], variables["MAIL_CONFIGURATION_SET"] = Value{Kind: MailSender},
			Value{Kind: MailConfigurationSet}
		variables["API_URL"] = Value{Kind: APIURL} // in the links of mails
	}
	if f.Unsubscribes {
		variables["UNSUBSCRIBE_KEY"] = Value{Kind: UnsubscribeKey}
	}
	if q := f.Queue; q != nil {
		variables["QUEUE_URL"], variables["DEAD_LETTER_QUEUE_URL"] = Value{QueueURL, q.Name}, Value{DeadLetterURL, q.Name}
		variables["QUEUE_RECEIVES"] = Value{Text, strconv.Itoa(q.Receives)}
		variables["QUEUE_VISIBILITY"] = Value{Text, strconv.Itoa(int(f.Visibility().Seconds()))}
	}
	if f.Queues != NoQueues {
		variables["QUEUE_URL_PREFIX"] = Value{QueueURLPrefix, f.All[0].Name}
		var names, feedback []string
		for _, q := range f.All {
			names = append(names, q.Name)
			if q.Feedback {
				feedback = append(feedback, q.Name)
			}
		}
		variables["QUEUES"], variables["FEEDBACK_QUEUES"] = Value{Text, strings.Join(names, ",")}, Value{Text,
			strings.Join(feedback, ",")}
	}
	if f.Stream != nil {
		variables["SUBSCRIPTIONS"] = Value{Text, subscriptions(f.All).String()}
	}
	if f.Schedule != nil {
		variables[schedule.Variable] = Value{Text, f.Schedule.Expression}
	}
	return variables
}

// Services are the AWS services that the function calls, by the names that AWS_ENDPOINT_URL_… gives them.
func (f Function) Services() []string {
	var services []string
	if len(f.Table) > 0 {
		services = append(services, "DYNAMODB")
	}
	if f.Bucket != No {
		services = append(services, "S3")
	}
	if f.Queue != nil || len(f.Sends) > 0 || f.Queues != NoQueues {
		services = append(services, "SQS")
	}
	if f.Mails {
		services = append(services, "SESV2")
	}
	return services
}

// Subscriptions are the types of events that each queue asks for.
func Subscriptions() events.Subscriptions { return subscriptions(queues()) }

func subscriptions(queues []Queue) events.Subscriptions {
	all := events.Subscriptions{}
	for _, q := range queues {
		if len(q.Events) > 0 {
			all[q.Name] = q.Events
		}
	}
	return all
}

// Visibility is how long a message is hidden while it is handled: six times the function's timeout and the window
// (Lambda developer guide, "Configuring a queue to use with Lambda").
func (f Function) Visibility() time.Duration {
	window := time.Duration(0)
	if f.Queue != nil {
		window = f.Queue.Window
	}
	return 6*f.Timeout + window
}

// Handler is the function as Lambda calls it, wired as its main.go does it, with a recorder of its own that writes into
// the adapters' log. Only consumers need the settings.
func (f Function) Handler(a Adapters, s consumer.Settings) lambda.Handler {
	recorder := telemetry.New(telemetry.Options{Function: f.Name, Log: a.Log.Handler(), Debug: a.Debug})
	a.Log, s.Log = recorder.Log(), recorder.Log()
	clock := lambdahost.Clock(a.System.Clock)
	switch {
	case f.Consume != nil:
		return lambdahost.SQS(f.Consume(a, s), recorder, clock)
	case f.Relay != nil:
		return lambdahost.Stream(f.Relay(a), recorder)
	case f.Run != nil:
		return lambdahost.Schedule(f.Run(a, schedule.Settings{
			Name: f.Name, Expression: schedule.MustParse(f.Schedule.Expression), Registry: a.Store, Clock: a.System.Clock,
			NewID: a.System.NewID,
			Log:   a.Log,
		}), recorder)
	}
	return lambdahost.HTTP(api.Handler(a.Log, f.Operations(a)...), recorder, clock)
}

// Folder is where the function's main.go lies, for example "functions/courses/create".
func (f Function) Folder() string { return "functions/" + strings.Replace(f.Name, "-", "/", 1) }

// LogicalID is the function's name in templates, for example "CoursesCreate".
func (f Function) LogicalID() string {
	var id strings.Builder
	for word := range strings.SplitSeq(f.Name, "-") {
		id.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return id.String()
}

// Resource is the first part of the name, for example "courses".
func (f Function) Resource() string {
	resource, _, _ := strings.Cut(f.Name, "-")
	return resource
}

// one is a function of one operation.
func one(operation func(Adapters) api.Operation) func(Adapters) []api.Operation {
	return func(a Adapters) []api.Operation { return []api.Operation{operation(a)} }
}

// serves is the shape that most functions have: one operation, and what it does with the table.
func serves(name string, operation func(Adapters) api.Operation, table ...[]Access) Function {
	return Function{
		Name: name, Operations: one(operation), Memory: 256, Timeout: 10 * time.Second, Table: slices.Concat(table...),
	}
}

// lists is a function whose operation gives a list page by page.
func lists(name string, operation func(Adapters) api.Operation, table ...[]Access) Function {
	f := serves(name, operation, table...)
	f.Pages = true
	return f
}

// operates is a function with which operators look after queues.
func operates(name string, access QueueAccess, operation func(Adapters) api.Operation) Function {
	return Function{Name: name, Operations: one(operation), Memory: 256, Timeout: 25 * time.Second, Queues: access,
		All: queues()}
}

// attempts is a write whose refusals are audited.
func attempts(name string, operation func(Adapters) api.Operation, table ...[]Access) Function {
	f := serves(name, operation, table...)
	f.Sends = []string{"audit"}
	return f
}

// relay sends what happened to who asked for it.
func relay(a Adapters) events.Relay {
	// no error of its own
	r, _ := events.New(Subscriptions(), func(name string) (events.Queue, error) { return a.Queue(name), nil }, a.Log)
	return r
}

// queues are what feeds the consumers. They stand apart from these, because functions that send to them need not know
// who consumes.
func queues() []Queue {
	return []Queue{
		{Name: "imports", BatchSize: 1, Concurrency: 4, Receives: 5, Late: 15 * time.Minute, Deep: 50, Uploads: "imports/"},
		{Name: "audit", BatchSize: 25, Together: true, Window: time.Second, Concurrency: 10, Receives: 10,
			Late: 5 * time.Minute,
			Deep: 50_000},
		{
			Name: "notifications", BatchSize: notifications.BatchSize, Concurrency: 4, Receives: 5, Late: 15 * time.Minute,
			Deep: 100_000,
			Events: []registrar.EventType{
				registrar.RegistrationEnrolled, registrar.RegistrationDropped, registrar.ImportEnded, registrar.MailResolved,
			},
		},
		{
			// By then the roster's index has caught up, and who decided on what was copied before has ended.
			Name: "copies", Delay: 30 * time.Second, BatchSize: 1, Concurrency: 4, Receives: 5, Late: 15 * time.Minute,
			Deep: 10_000,
			Events: []registrar.EventType{registrar.KindCourse.Updated(), registrar.KindSection.Updated(),
				registrar.KindStudent.Updated()},
		},
		{Name: "mail-feedback", BatchSize: 10, Concurrency: 2, Receives: 10, Late: 15 * time.Minute, Deep: 1000,
			Feedback: true},
	}
}

// queueNamed finds a queue. There is one of that name: a test goes through all functions.
func queueNamed(name string) *Queue {
	all := queues()
	if i := slices.IndexFunc(all, func(q Queue) bool { return q.Name == name }); i >= 0 {
		return &all[i]
	}
	return nil
}

// throttled is the function with a throttle of its own.
func (f Function) throttled(rate, burst int) Function {
	f.Throttle = &Throttle{Rate: rate, Burst: burst}
	return f
}

// All are the functions, by resource.
func All() []Function {
	return []Function{
		serves("health-get", func(a Adapters) api.Operation { return health.Get(a.Store) },
			get("HEALTH")).throttled(10, 10),
		{
			Name: "docs-serve", Operations: func(Adapters) []api.Operation { return docs.Operations() }, Memory: 256,
			Timeout:  10 * time.Second,
			Throttle: &Throttle{Rate: 50, Burst: 30},
		},

		serves("terms-create", func(a Adapters) api.Operation { return terms.Create(a.Store, a.System) },
			creates("TERM#*", "NAME#TERM#*")),
		serves("terms-get", func(a Adapters) api.Operation { return terms.Get(a.Store) }, get("TERM#*")),
		lists("terms-list", func(a Adapters) api.Operation { return terms.List(a.Store) }, queryIndex("GSI1", "TERMS")),
		serves("terms-update", func(a Adapters) api.Operation { return terms.Update(a.Store, a.System) },
			changes("TERM#*", "NAME#TERM#*"), narrowsTerm()),
		serves("terms-delete", func(a Adapters) api.Operation { return terms.Delete(a.Store) },
			deletes("TERM#*", "NAME#TERM#*")),

		serves("courses-create", func(a Adapters) api.Operation { return courses.Create(a.Store, a.System) },
			creates("COURSE#*", "NAME#COURSE#*")),
		serves("courses-get", func(a Adapters) api.Operation { return courses.Get(a.Store) }, get("COURSE#*")),
		lists("courses-list", func(a Adapters) api.Operation { return courses.List(a.Store) },
			queryIndex("GSI1", "SUBJECT#*"), queryIndex("GSI2", "COURSES")),
		serves("courses-update", func(a Adapters) api.Operation { return courses.Update(a.Store, a.System) },
			changes("COURSE#*")),
		serves("courses-delete", func(a Adapters) api.Operation { return courses.Delete(a.Store) },
			deletes("COURSE#*", "NAME#COURSE#*")),

		serves("sections-create", func(a Adapters) api.Operation { return sections.Create(a.Store, a.System) },
			createsSection()),
		serves("sections-get", func(a Adapters) api.Operation { return sections.Get(a.Store) }, getSection()),
		lists("sections-list", func(a Adapters) api.Operation { return sections.List(a.Store) },
			getSection(), get("COURSE#*"), query("TERM#*", "INSTRUCTOR#*"), queryIndex("GSI1", "TERM#*")),
		serves("sections-update", func(a Adapters) api.Operation { return sections.Update(a.Store, a.System) },
			updatesSection()),
		serves("sections-delete", func(a Adapters) api.Operation { return sections.Delete(a.Store) }, deletesSection()),

		serves("students-create", func(a Adapters) api.Operation { return students.Create(a.Store, a.System) },
			creates("STUDENT#*", "NAME#STUDENTNUMBER#*", "NAME#STUDENTEMAIL#*")),
		serves("students-get", func(a Adapters) api.Operation { return students.Get(a.Store) }, get("STUDENT#*")),
		lists("students-list", func(a Adapters) api.Operation { return students.List(a.Store) },
			queryIndex("GSI2", "STUDENTS"), batchGet("STUDENT#*", "NAME#STUDENTNUMBER#*")),
		serves("students-update", func(a Adapters) api.Operation { return students.Update(a.Store, a.System) },
			changes("STUDENT#*", "NAME#STUDENTNUMBER#*", "NAME#STUDENTEMAIL#*"), query("STUDENT#*")),
		serves("students-delete", func(a Adapters) api.Operation { return students.Delete(a.Store) }, deletesStudent()),

		serves("instructors-create", func(a Adapters) api.Operation { return instructors.Create(a.Store, a.System) },
			creates("INSTRUCTOR#*", "NAME#INSTRUCTORNUMBER#*", "NAME#INSTRUCTOREMAIL#*")),
		serves("instructors-get", func(a Adapters) api.Operation { return instructors.Get(a.Store) }, get("INSTRUCTOR#*")),
		lists("instructors-list", func(a Adapters) api.Operation { return instructors.List(a.Store) },
			queryIndex("GSI2", "INSTRUCTORS")),
		serves("instructors-update", func(a Adapters) api.Operation { return instructors.Update(a.Store, a.System) },
			changes("INSTRUCTOR#*", "NAME#INSTRUCTORNUMBER#*", "NAME#INSTRUCTOREMAIL#*")),
		serves("instructors-delete", func(a Adapters) api.Operation { return instructors.Delete(a.Store) },
			deletes("INSTRUCTOR#*", "NAME#INSTRUCTORNUMBER#*", "NAME#INSTRUCTOREMAIL#*", "NAME#IMPORTEDNAME#*")),

		// 11,000 students at once make 1,800 attempts in the peak second (the University of Minnesota's day within one
		// ticket).
		attempts("registrations-create", func(a Adapters) api.Operation {
			return registrations.Create(a.Store,
				a.Queue("audit"), a.System)
		}, enrols()).throttled(2000, 200),
		attempts("registrations-drop", func(a Adapters) api.Operation {
			return registrations.Drop(a.Store, a.Queue("audit"),
				a.System)
		}, drops()).throttled(500, 100),
		serves("registrations-get", func(a Adapters) api.Operation { return registrations.Get(a.Store) },
			getSection(), get("STUDENT#*")),
		lists("registrations-roster", func(a Adapters) api.Operation { return registrations.Roster(a.Store) },
			getSection(), queryIndex("GSI1", "ROSTER#*")),
		serves("registrations-schedule", func(a Adapters) api.Operation { return registrations.Schedule(a.Store) },
			get("STUDENT#*"), query("STUDENT#*")),
		{
			Name: "registrations-refresh", Queue: queueNamed("copies"),
			Consume: func(a Adapters, s consumer.Settings) consumer.Handler { return registrations.Refresh(s, a.Store) },
			Memory:  256, Timeout: 5 * time.Minute, Table: refreshes(),
		},

		{
			Name: "imports-create", Operations: one(func(a Adapters) api.Operation {
				return imports.Create(a.Store, a.Bucket,
					a.System)
			}),
			Memory: 256, Timeout: 10 * time.Second, Table: slices.Concat(get("ANSWER#*", "IMPORT#*"),
				transact(put("IMPORT#*", "EVENT#*", "ANSWER#*"), check("TERM#*"))), Bucket: Write,
			Throttle: &Throttle{Rate: 5, Burst: 10},
		},
		lists("imports-list", func(a Adapters) api.Operation { return imports.List(a.Store) },
			queryIndex("GSI2", "IMPORTS")),
		lists("imports-get", func(a Adapters) api.Operation { return imports.Get(a.Store) },
			get("IMPORT#*"), query("IMPORT#*")),
		{
			Name: "imports-apply", Queue: queueNamed("imports"), Sends: []string{"audit"},
			Consume: func(a Adapters, s consumer.Settings) consumer.Handler {
				return imports.Worker(s, a.Store, a.Bucket, a.Queue("audit"), a.System)
			},
			Memory: 1024, Timeout: intake.WorkTime, Table: importsFiles(), Bucket: Read,
		},
		{
			Name: "imports-sweep", Schedule: &Schedule{"rate(15 minutes)"}, Sends: []string{"imports"},
			Run: func(a Adapters, s schedule.Settings) lambdahost.Task {
				return imports.Sweep(s, a.Store, a.Queue("imports"))
			},
			Memory: 256, Timeout: time.Minute, Table: slices.Concat(job("imports-sweep"), queryIndex("GSI1", "IMPORTS#OPEN"),
				transact(update("IMPORT#*"), put("EVENT#*"))),
		},

		{
			Name: "events-relay", Relay: func(a Adapters) lambdahost.Images { return relay(a).Images(stream.Event) },
			Stream: &Stream{
				Prefix: dynamo.EventPrefix, BatchSize: 100, Parallel: 4, Retries: 100, MaxAge: 23 * time.Hour,
				Late: 5 * time.Minute,
			},
			Memory: 256, Timeout: 30 * time.Second, Sends: slices.Sorted(maps.Keys(Subscriptions())),
			All: queues(),
		},

		{
			Name: "audit-record", Queue: queueNamed("audit"),
			Consume: func(a Adapters, s consumer.Settings) consumer.Handler { return audit.Recorder(s, a.Store) },
			Memory:  256, Timeout: 30 * time.Second, Table: batchWrite("REFUSED#*"),
		},
		lists("audit-list", func(a Adapters) api.Operation { return audit.List(a.Store) },
			query("EVENT#*", "REFUSED#*"), queryIndex("GSI1", "AUDIT#*"), queryIndex("GSI2", "PERSON#*")),
		{
			// Through the night, further apart than the function's time: what one run does not get to, the next goes on with.
			Name: "audit-reconcile", Schedule: &Schedule{"cron(0/20 6-9 * * ? *)"},
			Run: func(a Adapters, s schedule.Settings) lambdahost.Task {
				return audit.Reconcile(s, reconcile.Reconciler{Store: a.Store, Clock: a.System.Clock, NewID: a.System.NewID,
					Log: a.Log})
			},
			Memory: 1024, Timeout: 15 * time.Minute, Table: reconciles(), Pages: true,
			Zeros: []Zero{{telemetry.Differences, "Counts do not say what the records say", "the-audit-found-differences"}},
		},
		lists("audit-differences", func(a Adapters) api.Operation { return audit.Differences(a.Store) },
			query("RECONCILIATIONS", "RECONCILIATION#*")),

		{
			Name: "notifications-send", Queue: queueNamed("notifications"), Mails: true, Unsubscribes: true,
			Consume: func(a Adapters, s consumer.Settings) consumer.Handler {
				return notifications.Send(s, notifications.Sender{Store: a.Store, Carrier: a.Carrier, Letters: a.Letters,
					Links: a.Links})
			},
			Memory: 256, Timeout: notifications.Timeout, Table: sendsMail(),
			Zeros: []Zero{{telemetry.MailsOpen, "A mail was refused by the mail provider, or nobody knows whether it was sent",
				"open-mail"}},
		},
		{
			Name: "notifications-feedback", Queue: queueNamed("mail-feedback"),
			Consume: func(a Adapters, s consumer.Settings) consumer.Handler { return notifications.Feedback(s, a.Store) },
			Memory:  256, Timeout: 30 * time.Second, Table: transact(put("ADDRESS#*")),
		},
		lists("mails-list", func(a Adapters) api.Operation { return mails.List(a.Store, a.System) },
			queryIndex("GSI1", "MAILS#UNKNOWN", "MAILS#REFUSED")),
		serves("mails-resolve", func(a Adapters) api.Operation { return mails.Resolve(a.Store, a.System) },
			batchGet("MAIL#*", "ANSWER#*"), get("ANSWER#*"), transact(put("MAIL#*", "EVENT#*", "ANSWER#*"))),
		serves("preferences-get", func(a Adapters) api.Operation { return preferences.Get(a.Store) },
			batchGet("STUDENT#*")),
		serves("preferences-update", func(a Adapters) api.Operation { return preferences.Update(a.Store, a.System) },
			setsPreferences("STUDENT#*")),
		{
			Name: "preferences-unsubscribe", Unsubscribes: true, Operations: func(a Adapters) []api.Operation {
				return preferences.UnsubscribeOperations(a.Store, a.Links.Tokens, a.System)
			},
			Memory: 256, Timeout: 10 * time.Second, Table: setsPreferences("STUDENT#*", "ADDRESS#*"),
		},

		operates("deadletters-queues", Count, func(a Adapters) api.Operation { return deadletters.Queues(a.Operator) }),
		operates("deadletters-list", Inspect, func(a Adapters) api.Operation { return deadletters.List(a.Operator) }),
		operates("deadletters-replay", Replay, func(a Adapters) api.Operation { return deadletters.Replay(a.Operator) }),
		operates("deadletters-discard", Discard, func(a Adapters) api.Operation { return deadletters.Discard(a.Operator) }),
	}
}
