package functions

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/registrar/shared/schedule"
	"example.com/registrar/shared/telemetry"
)

// Alarm is an alarm of CloudWatch. The CDK app makes each of them, and docs/operations.md says what to do.
//
// An alarm means work for somebody: what repairs itself within minutes, such as a queue after a rush or a function that
// was killed once, raises none.
type Alarm struct {
	ID       string // logical id in templates, for example "ImportsQueueLate"
	Function string // the function that it is about, or that consumes the queue that it is about; empty: all
	Says     string // what is wrong, in a sentence
	Page     string // the heading in docs/operations.md that says what to do, as an anchor

	Namespace, Metric string
	Statistic         string // "Sum", "Maximum", or a percentile: "p99"
	Dimensions        []Dimension
	// Of, if not empty: another metric, of which the metric's part in percent is what the threshold is about. A period
	// in which that one is below Least does not count.
	Of    string
	Least int
	// The alarm is raised when the metric was above the threshold in this many (Breaching) of the last Periods; a period
	// without a value does not count. With Below set: when it was below it, and a period without a value counts.
	Period             time.Duration
	Periods, Breaching int
	Threshold          float64
	Below              bool
}

// Dimension selects a metric by the name of a thing, which CloudFormation knows.
type Dimension struct {
	Name string // CloudWatch's, for example "QueueName"
	Kind DimensionKind
	Of   string // the name of the queue or function in the manifest
}

// DimensionKind is a kind of [Dimension].
type DimensionKind int

// What dimensions name.
const (
	OfQueue DimensionKind = iota
	OfDeadLetters
	OfFunction
	OfMapping // what feeds a function
	OfAPI
	OfFailedRuns // the queue of what became of scheduled functions that failed for good
)

// Pages of docs/operations.md that are about more than one queue.
const (
	pageSchedules = "schedules"
	pageAPI       = "the-api-answers-with-5xx"
	pageFunctions = "a-function-fails-or-is-throttled"
	pageRelay     = "the-relay"
)

// Description is the text of an alarm: what is wrong, and which page says what to do.
func (a Alarm) Description() string { return a.Says + ". What to do: docs/operations.md#" + a.Page }

// Expression is what CloudWatch's metric math makes of an alarm with Of, whose metrics it knows as part and whole.
func (a Alarm) Expression() string {
	return fmt.Sprintf("IF(whole >= %d, 100 * part / whole, 0)", a.Least)
}

// PageOf is the page of a queue.
func (q Queue) PageOf() string { return "queue-" + q.Name }

// Alarms are the alarms of functions, of what feeds them, and of the API before them.
func Alarms(all []Function) []Alarm {
	alarms := apiAlarms()
	if slices.ContainsFunc(all, func(f Function) bool { return f.Schedule != nil }) {
		alarms = append(alarms, Alarm{
			ID: "ScheduledRunsFailed", Says: "A run of a scheduled function failed for good, or Lambda did not take its start",
			Page: pageSchedules, Namespace: "AWS/SQS", Metric: "ApproximateNumberOfMessagesVisible", Statistic: "Maximum",
			Dimensions: []Dimension{{"QueueName", OfFailedRuns, ""}}, Period: time.Minute, Periods: 1, Breaching: 1,
		})
	}
	for _, f := range all {
		alarms = append(alarms, f.alarms()...)
		if f.Queue != nil {
			alarms = append(alarms, f.queueAlarms()...)
		}
		if f.Stream != nil {
			alarms = append(alarms, f.streamAlarms()...)
		}
	}
	return alarms
}

// apiAlarms are those of what API Gateway answers.
func apiAlarms() []Alarm {
	alarm := func(suffix, metric, statistic, says, page string) Alarm {
		return Alarm{
			ID: "Api" + suffix, Says: says, Page: page, Namespace: "AWS/ApiGateway", Metric: metric, Statistic: statistic,
			Dimensions: []Dimension{{"ApiId", OfAPI, ""}}, Period: 5 * time.Minute, Periods: 3, Breaching: 3,
		}
	}
	// Lambda does not count a failure that an operation reported to its client. Now and then one is too busy to decide,
	// and says so.
	failed := alarm("ServerErrors", "5xx", "Sum", "The API answers more than ten requests in five minutes with 5xx",
		pageAPI)
	failed.Breaching, failed.Threshold = 2, 10
	// A refusal is a 4xx, too, and on a registration morning there are many; but then there are even more reads.
	refused := alarm("ClientErrors", "4xx", "Sum", "Most requests of a quarter of an hour were answered with 4xx",
		"the-api-answers-with-4xx")
	refused.Of, refused.Least, refused.Threshold = "Count", 1000, 50
	slow := alarm("Slow", "Latency", "p99", "One request in a hundred takes the API longer than three seconds",
		"the-api-is-slow")
	slow.Threshold = 3000
	return []Alarm{failed, refused, slow}
}

// alarms are the alarms of every function. One failure is tried again, by the client or by the function's trigger, and
// is in the log. But a failed run of a schedule is the only one of its hour or night.
func (f Function) alarms() []Alarm {
	alarm := func(metric, says string) Alarm {
		return Alarm{
			ID: f.LogicalID() + metric, Function: f.Name, Says: "The function " + f.Name + " " + says, Page: pageFunctions,
			Namespace: "AWS/Lambda", Metric: metric, Statistic: "Sum", Dimensions: []Dimension{{"FunctionName", OfFunction,
				f.Name}},
			Period: 5 * time.Minute, Periods: 3, Breaching: 2,
		}
	}
	fails := alarm("Errors", "fails again and again: it panics, is killed, runs out of time or memory, or cannot start")
	if f.Schedule != nil {
		fails.Says, fails.Periods, fails.Breaching = "The scheduled function "+f.Name+" failed", 1, 1
	}
	alarms := []Alarm{fails}
	if f.Schedule != nil {
		alarms = append(alarms, f.missed())
	}
	alarms = append(alarms, alarm("Throttles", "is throttled: Lambda starts no more of it, and callers get 503"))
	for _, z := range f.Zeros {
		name := z.Counter.String()
		alarms = append(alarms, Alarm{
			ID: f.LogicalID() + strings.ToUpper(name[:1]) + name[1:], Function: f.Name, Says: z.Says, Page: z.Page,
			Namespace: telemetry.Namespace, Metric: name, Statistic: "Sum",
			// A function that is no operation of the API is its own operation to its telemetry.
			Dimensions: []Dimension{{"function", OfFunction, f.Name}, {"operation", OfFunction, f.Name}},
			Period:     5 * time.Minute, Periods: 1, Breaching: 1,
		})
	}
	return alarms
}

// missed is the alarm of a schedule whose function does not run: for longer than the time between any two of its due
// times, and an hour, because hours are counted as a whole.
func (f Function) missed() Alarm {
	const looked = 8 * 24 * time.Hour // CloudWatch evaluates at most seven days
	expression := schedule.MustParse(f.Schedule.Expression)
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	longest := time.Duration(0)
	for at := expression.Next(begin); at.Before(begin.Add(looked)) && !at.IsZero(); {
		next := expression.Next(at)
		longest, at = max(longest, next.Sub(at)), next
	}
	hours := int((longest+time.Hour-1)/time.Hour) + 1
	return Alarm{
		ID: f.LogicalID() + "Missed", Function: f.Name,
		Says: fmt.Sprintf("The scheduled function %s has not run for %d hours", f.Name, hours), Page: pageSchedules,
		Namespace: "AWS/Lambda", Metric: "Invocations", Statistic: "Sum", Dimensions: []Dimension{{"FunctionName", OfFunction,
			f.Name}},
		Period: time.Hour, Periods: hours, Breaching: hours, Threshold: 1, Below: true,
	}
}

// queueAlarms are those of a consumer's queue.
func (f Function) queueAlarms() []Alarm {
	q := f.Queue
	alarm := func(suffix, metric, says string, kind DimensionKind) Alarm {
		return Alarm{
			ID: Function{Name: q.Name}.LogicalID() + suffix, Function: f.Name, Says: says, Page: q.PageOf(),
			Namespace: "AWS/SQS", Metric: metric, Statistic: "Maximum", Dimensions: []Dimension{{"QueueName", kind, q.Name}},
			Period: time.Minute,
		}
	}
	const visible = "ApproximateNumberOfMessagesVisible"
	late := alarm("QueueLate", "ApproximateAgeOfOldestMessage",
		fmt.Sprintf("The oldest message of the queue %s is older than %v", q.Name, q.Late), OfQueue)
	late.Periods, late.Breaching, late.Threshold = 3, 3, q.Late.Seconds()
	deep := alarm("QueueDeep", visible, fmt.Sprintf("More than %d messages wait in the queue %s", q.Deep, q.Name), OfQueue)
	deep.Period, deep.Periods, deep.Breaching, deep.Threshold = 5*time.Minute, 3, 3, float64(q.Deep)
	dead := alarm("DeadLetters", visible, fmt.Sprintf("Messages of the queue %s were given up and lie among its dead "+
		"letters", q.Name), OfDeadLetters)
	dead.Periods, dead.Breaching = 1, 1
	return []Alarm{late, deep, dead}
}

// streamAlarms are the alarms of what the table's stream feeds. What Lambda gives up goes into the bucket, unless that
// fails too.
func (f Function) streamAlarms() []Alarm {
	alarm := func(suffix, metric, statistic, says string, dimension Dimension) Alarm {
		return Alarm{
			ID: f.LogicalID() + suffix, Function: f.Name, Says: says, Page: pageRelay, Namespace: "AWS/Lambda", Metric: metric,
			Statistic:  statistic,
			Dimensions: []Dimension{dimension}, Period: time.Minute, Periods: 1, Breaching: 1,
		}
	}
	mapping := Dimension{"EventSourceMappingUUID", OfMapping, f.Name}
	late := alarm("Late", "IteratorAge", "Maximum", fmt.Sprintf("%s is more than %v behind the table's stream", f.Name,
		f.Stream.Late), Dimension{"FunctionName", OfFunction, f.Name})
	late.Periods, late.Breaching, late.Threshold = 3, 3, float64(f.Stream.Late.Milliseconds())
	return []Alarm{
		late,
		alarm("GivenUp", "OnFailureDestinationDeliveredEventCount", "Sum", "Lambda gave up records of the table's stream "+
			"and put them into the bucket, under "+FailedPrefix, mapping),
		alarm("Lost", "DroppedEventCount", "Sum", "Lambda gave up records of the table's stream and could not put them "+
			"into the bucket", mapping),
	}
}
