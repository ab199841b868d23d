// Package functions is the manifest: the one list of all Lambda functions, with what triggers each, what it may use and
// touch. The CDK app, template.yaml, the local gateway, the build and the OpenAPI document follow from it; routes come
// from the operations themselves.
//
// It is read by infra/ and by tests, never by a main.go: a function would link all others. Start with [All].
package functions

import (
	"log/slog"
	"strings"
	"time"

	"example.com/registrar/functions/courses"
	"example.com/registrar/functions/docs"
	"example.com/registrar/functions/health"
	"example.com/registrar/functions/imports"
	"example.com/registrar/functions/instructors"
	"example.com/registrar/functions/registrations"
	"example.com/registrar/functions/sections"
	"example.com/registrar/functions/students"
	"example.com/registrar/functions/terms"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/lambdahost"
	"example.com/registrar/shared/objects"
)

// Adapters are what functions are wired to. The zero value is enough to ask operations for their routes.
type Adapters struct {
	Store  *dynamo.Store
	Bucket *objects.Bucket
	System api.System
	Log    *slog.Logger
}

// Use is what a function may do with the table or the bucket. Least privilege: each becomes the actions of its role.
type Use int

// What a function may do.
const (
	No    Use = iota
	Read      // get, and query with indexes; of the bucket: get objects
	Write     // that, and put, update, delete; of the bucket: put objects
)

// Function is one Lambda.
type Function struct {
	Name string // resource and verb; its main.go lies in functions/<resource>/<verb>
	// Operations are what a function behind the API serves; nil for a consumer.
	Operations func(Adapters) []api.Operation
	// Consume is what a function behind a queue does with a message; nil for an operation.
	Consume func(Adapters) lambdahost.Message
	Queue   *Queue // of a consumer
	// Throttle is of each of its routes, apart from the stage's: a rush there takes nothing from the others, nor they from it.
	// Nil: the stage's. See [API].
	Throttle *Throttle

	Memory  int           // MB, 128 to 10,240 (Lambda quotas); CPU comes with it
	Timeout time.Duration // at most 30 s behind the API (API Gateway quotas), 15 min else
	Table   Use
	Bucket  Use
}

// Queue is what feeds a consumer. Each has a dead-letter queue of its own.
type Queue struct {
	Name        string // for example "imports"
	BatchSize   int    // messages in one invocation, 1 to 10
	Concurrency int    // functions at once, 2 to 1,000 (Lambda developer guide, "Configuring maximum concurrency")
	Receives    int    // attempts before a message goes to the dead-letter queue
	// Uploads: the queue is told of objects that arrive in the bucket under this prefix.
	Uploads string
}

// Visibility is how long a message is hidden while it is handled: six times the function's timeout (Lambda developer guide,
// "Configuring a queue to use with Lambda").
func (f Function) Visibility() time.Duration { return 6 * f.Timeout }

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

// reads and writes are the two shapes that most functions have: an operation that reads the table, and one that writes it.
func reads(name string, operation func(Adapters) api.Operation) Function {
	return Function{Name: name, Operations: one(operation), Memory: 256, Timeout: 10 * time.Second, Table: Read}
}

func writes(name string, operation func(Adapters) api.Operation) Function {
	return Function{Name: name, Operations: one(operation), Memory: 256, Timeout: 10 * time.Second, Table: Write}
}

// throttled is the function with a throttle of its own.
func (f Function) throttled(rate, burst int) Function {
	f.Throttle = &Throttle{Rate: rate, Burst: burst}
	return f
}

// All are the functions, by resource.
func All() []Function {
	return []Function{
		reads("health-get", func(a Adapters) api.Operation { return health.Get(a.Store) }).throttled(10, 10),
		{
			Name: "docs-serve", Operations: func(Adapters) []api.Operation { return docs.Operations() }, Memory: 256, Timeout: 10 * time.Second,
			Throttle: &Throttle{Rate: 50, Burst: 30},
		},

		writes("terms-create", func(a Adapters) api.Operation { return terms.Create(a.Store, a.System) }),
		reads("terms-get", func(a Adapters) api.Operation { return terms.Get(a.Store) }),
		reads("terms-list", func(a Adapters) api.Operation { return terms.List(a.Store) }),
		writes("terms-update", func(a Adapters) api.Operation { return terms.Update(a.Store, a.System) }),
		writes("terms-delete", func(a Adapters) api.Operation { return terms.Delete(a.Store) }),

		writes("courses-create", func(a Adapters) api.Operation { return courses.Create(a.Store, a.System) }),
		reads("courses-get", func(a Adapters) api.Operation { return courses.Get(a.Store) }),
		reads("courses-list", func(a Adapters) api.Operation { return courses.List(a.Store) }),
		writes("courses-update", func(a Adapters) api.Operation { return courses.Update(a.Store, a.System) }),
		writes("courses-delete", func(a Adapters) api.Operation { return courses.Delete(a.Store) }),

		writes("sections-create", func(a Adapters) api.Operation { return sections.Create(a.Store, a.System) }),
		reads("sections-get", func(a Adapters) api.Operation { return sections.Get(a.Store) }),
		reads("sections-list", func(a Adapters) api.Operation { return sections.List(a.Store) }),
		writes("sections-update", func(a Adapters) api.Operation { return sections.Update(a.Store, a.System) }),
		writes("sections-delete", func(a Adapters) api.Operation { return sections.Delete(a.Store) }),

		writes("students-create", func(a Adapters) api.Operation { return students.Create(a.Store, a.System) }),
		reads("students-get", func(a Adapters) api.Operation { return students.Get(a.Store) }),
		reads("students-list", func(a Adapters) api.Operation { return students.List(a.Store) }),
		writes("students-update", func(a Adapters) api.Operation { return students.Update(a.Store, a.System) }),
		writes("students-delete", func(a Adapters) api.Operation { return students.Delete(a.Store) }),

		writes("instructors-create", func(a Adapters) api.Operation { return instructors.Create(a.Store, a.System) }),
		reads("instructors-get", func(a Adapters) api.Operation { return instructors.Get(a.Store) }),
		reads("instructors-list", func(a Adapters) api.Operation { return instructors.List(a.Store) }),
		writes("instructors-update", func(a Adapters) api.Operation { return instructors.Update(a.Store, a.System) }),
		writes("instructors-delete", func(a Adapters) api.Operation { return instructors.Delete(a.Store) }),

		// 11,000 students at once make 1,800 attempts in the peak second (the University of Minnesota's day within one ticket).
		writes("registrations-create", func(a Adapters) api.Operation { return registrations.Create(a.Store, a.System) }).throttled(2000, 200),
		writes("registrations-drop", func(a Adapters) api.Operation { return registrations.Drop(a.Store, a.System) }).throttled(500, 100),
		reads("registrations-get", func(a Adapters) api.Operation { return registrations.Get(a.Store) }),
		reads("registrations-roster", func(a Adapters) api.Operation { return registrations.Roster(a.Store) }),
		reads("registrations-schedule", func(a Adapters) api.Operation { return registrations.Schedule(a.Store) }),

		{
			Name: "imports-create", Operations: one(func(a Adapters) api.Operation { return imports.Create(a.Store, a.Bucket, a.System) }),
			Memory: 256, Timeout: 10 * time.Second, Table: Write, Bucket: Write, Throttle: &Throttle{Rate: 5, Burst: 10},
		},
		reads("imports-get", func(a Adapters) api.Operation { return imports.Get(a.Store) }),
		{
			Name: "imports-apply", Consume: func(a Adapters) lambdahost.Message { return imports.Worker(a.Store, a.Bucket, a.System) },
			Queue:  &Queue{Name: "imports", BatchSize: 1, Concurrency: 4, Receives: 5, Uploads: "imports/"},
			Memory: 1024, Timeout: 15 * time.Minute, Table: Write, Bucket: Read,
		},
	}
}
