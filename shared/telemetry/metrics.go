package telemetry

import (
	"log/slog"
	"strconv"
	"time"
)

// Namespace is that of all metrics in CloudWatch.
const Namespace = "Registrar"

// Counter is a metric that is summed over an invocation. Its unit is Count.
type Counter uint8

// The counters.
const (
	Conflicts   Counter = iota // transactions that conflicted with another transaction or write
	Retries                    // requests to the store sent once more
	ReadUnits                  // read capacity units that DynamoDB says were consumed
	WriteUnits                 // write capacity units, likewise; those of the indexes are among them
	ColdStarts                 // 1 in the first invocation of an environment
	Messages                   // messages of a queue or records of a stream that were handled
	Failures                   // of those, the ones that failed and come back, or go to the dead letters
	MailsSent                  // mails that the provider took
	MailsOpen                  // mails that it refused, or whose outcome is unknown: an operator has to look
	Differences                // counts that differ from the records, as the nightly audit found them

	counters // how many there are
)

// String is the metric's name.
func (c Counter) String() string {
	return [...]string{"conflicts", "retries", "readUnits", "writeUnits", "coldStarts", "messages", "failures",
		"mailsSent", "mailsOpen", "differences"}[c]
}

// Timer is a metric of durations, of which an invocation may have several. Its unit is Milliseconds.
type Timer uint8

// The timers.
const (
	Latency  Timer = iota // of the invocation, without Lambda's own share
	QueueAge              // how long a message was in its queue before it was handled for the first time

	timers // how many there are
)

// String is the metric's name.
func (t Timer) String() string { return [...]string{"latency", "queueAge"}[t] }

// maxValues is how many values a metric may have in one document of the format.
const maxValues = 100

// tally is what an invocation has counted.
type tally struct {
	counters [counters]float64
	timers   [timers][]float64 // milliseconds
}

func (t *tally) time(timer Timer, d time.Duration) {
	const perMillisecond = float64(time.Millisecond / time.Microsecond)
	value := float64(d.Microseconds()) / perMillisecond
	values := t.timers[timer]
	if len(values) < maxValues {
		t.timers[timer] = append(values, value)
		return
	}
	least := 0 // slow values must not be left out
	for i := range values {
		if values[i] < values[least] {
			least = i
		}
	}
	values[least] = max(values[least], value)
}

// attributes are the metrics' values, and the member that describes them to CloudWatch ("Specification: Embedded metric
// format").
func (t *tally) attributes(at time.Time) []slog.Attr {
	attrs := make([]slog.Attr, 0, int(counters)+int(timers)+2)
	d := directives(`{"Timestamp":` + strconv.FormatInt(at.UnixMilli(), 10) + `,"CloudWatchMetrics":[{"Namespace":"` +
		Namespace +
		`","Dimensions":[["function","operation"]],"Metrics":[`)
	first := true
	metric := func(name, unit string, value slog.Value) {
		if !first {
			d = append(d, ',')
		}
		first = false
		d = append(d, `{"Name":"`+name+`","Unit":"`+unit+`"}`...)
		attrs = append(attrs, slog.Attr{Key: name, Value: value})
	}
	for timer, values := range t.timers {
		switch name := Timer(timer).String(); len(values) {
		case 0:
		case 1:
			metric(name, "Milliseconds", slog.Float64Value(values[0]))
		default:
			metric(name, "Milliseconds", slog.AnyValue(values))
		}
	}
	for counter, value := range t.counters {
		if value != 0 {
			metric(Counter(counter).String(), "Count", slog.Float64Value(value))
		}
	}
	d = append(d, `]},{"Namespace":"`+Namespace+
		`","Dimensions":[["function","operation","code"]],"Metrics":[{"Name":"outcomes","Unit":"Count"}]}]}`...)
	return append(attrs, slog.Int("outcomes", 1), slog.Any("_aws", d))
}

// directives is the member "_aws". In a log that is not JSON, from which CloudWatch can make no metrics, it is empty.
type directives []byte

// MarshalJSON implements json.Marshaler.
func (d directives) MarshalJSON() ([]byte, error) { return d, nil }

// MarshalText implements encoding.TextMarshaler.
func (directives) MarshalText() ([]byte, error) { return nil, nil }
