// Command sam writes template.yaml, the SAM template of Registrar, and .sam-env.json, the variables of `sam local`,
// from the manifest: `make generate`. It knows functions/manifest.go and the table's definition; what SAM makes of the
// file is SAM's.
//
// infra/cdk is the other description of the same system, and how it is meant to be deployed; its tests hold the two
// against each other. They differ where SAM has a way of its own: all functions log into one group, their roles have
// AWS's managed policies for logging and for reading queues besides what stands in Policies, and the keys that seal
// cursors and tokens are parameters, not generated secrets.
//
// Start with template.yaml.tmpl.
package main

import (
	"bytes"
	"cmp"
	_ "embed" // the template
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/lambdahost"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

//go:embed template.yaml.tmpl
var source string

func main() {
	out := flag.String("o", "template.yaml", "the file to write the template to")
	env := flag.String("env", ".sam-env.json", "the file to write the variables for sam local to")
	flag.Parse()
	document, err := Template(functions.All())
	variables, envErr := Environment(functions.All())
	if err = errors.Join(err, envErr); err == nil {
		err = errors.Join(os.WriteFile(*out, document, 0o644), os.WriteFile(*env, variables, 0o644))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sam:", err)
		os.Exit(1)
	}
}

const (
	logDays = 30
	sender  = "Registrar" // the name before the sender's address
)

// view is what the template is filled with.
type view struct {
	Table               *dynamodb.CreateTableInput
	TimeToLive          string
	Queues, Uploads     []queue // Uploads: those of the queues that are told of uploads
	Feedback            []queue // those that are told what became of mail
	Mails, Unsubscribes bool    // whether any function does
	Functions           []function
	Alarms              []functions.Alarm
	API                 functions.Gateway
	UploadCORS          functions.CORS
	Throttles           map[string]functions.Throttle // by route key
	ScheduleInput       string
	LogDays             int
	UploadDays          int
	DeadLetterSeconds   int
	ScheduleRetries     int
	ScheduleMaxSeconds  int
}

type queue struct {
	functions.Queue
	ID         string // the first part of its resources' logical ids
	Visibility int    // seconds

	DelaySeconds int
	WindowSecs   int
}

type function struct {
	functions.Function
	Seconds     int
	Environment []variable
	Statements  []statement
	Routes      []route
	Queue       *queue
}

type variable struct{ Name, Value string }

type statement struct {
	Actions             []string
	Resource, Condition string
}

type route struct{ ID, Method, Path string }

// Template is the template of the functions, the same bytes for the same functions.
func Template(all []functions.Function) ([]byte, error) {
	v := view{
		Table: dynamo.TableDefinition(""), TimeToLive: dynamo.TimeToLive, API: functions.API(),
		UploadCORS: functions.UploadCORS(),
		Throttles:  functions.Throttles(all), Alarms: functions.Alarms(all), ScheduleInput: lambdahost.ScheduleInput,
		LogDays: logDays, UploadDays: days(functions.UploadsKept), DeadLetterSeconds: int(
			functions.DeadLettersKept.Seconds()),
		ScheduleRetries: functions.ScheduleRetries, ScheduleMaxSeconds: int(functions.ScheduleMaxAge.Seconds()),
	}
	for _, f := range all {
		if f.Queue == nil {
			continue
		}
		q := queue{
			Queue: *f.Queue, ID: identifier(f.Queue.Name), Visibility: int(f.Visibility().Seconds()), DelaySeconds: int(
				f.Queue.Delay.Seconds()), WindowSecs: int(f.Queue.Window.Seconds()),
		}
		v.Queues = append(v.Queues, q)
		if q.Uploads != "" {
			v.Uploads = append(v.Uploads, q)
		}
		if q.Feedback {
			v.Feedback = append(v.Feedback, q)
		}
	}
	for _, f := range all {
		v.Mails, v.Unsubscribes = v.Mails || f.Mails, v.Unsubscribes || f.Unsubscribes
		if f.Bucket != functions.No && len(v.Uploads) == 0 {
			return nil, fmt.Errorf("function %s uses the bucket, but no queue of the manifest names a prefix of it", f.Name)
		}
		v.Functions = append(v.Functions, v.function(f))
	}
	parsed, err := template.New("template.yaml").Option("missingkey=error").Funcs(
		template.FuncMap{"dimension": dimension}).Parse(source)
	if err != nil {
		return nil, fmt.Errorf("read the template's template: %w", err)
	}
	var document bytes.Buffer
	if err := parsed.Execute(&document, v); err != nil {
		return nil, fmt.Errorf("fill the template: %w", err)
	}
	return document.Bytes(), nil
}

func (v view) function(f functions.Function) function {
	shown := function{Function: f, Seconds: int(f.Timeout.Seconds())}
	variables := f.Environment()
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		shown.Environment = append(shown.Environment, variable{name, reference(variables[name])})
	}
	// An empty endpoint means AWS to the SDK. It is declared because `sam local` sets only variables that the template
	// has.
	for _, service := range f.Services() {
		shown.Environment = append(shown.Environment, variable{"AWS_ENDPOINT_URL_" + service, `""`})
	}
	for _, g := range f.Grants() {
		shown.Statements = append(shown.Statements, statementOf(g))
	}
	if f.Operations != nil {
		for _, o := range f.Operations(functions.Adapters{}) {
			shown.Routes = append(shown.Routes, route{identifier(o.ID), o.Method, o.Path})
		}
	}
	for _, q := range v.Queues {
		if f.Queue != nil && f.Queue.Name == q.Name {
			shown.Queue = &q
		}
	}
	return shown
}

// statementOf is a grant in IAM's words.
func statementOf(g functions.Grant) statement {
	on := make([]string, len(g.On))
	for i, t := range g.On {
		on[i] = arn(t)
	}
	s := statement{Actions: g.Actions, Resource: "[" + strings.Join(on, ", ") + "]"}
	if g.Prefixes != nil {
		s.Condition = `{StringLike: {s3:prefix: ["` + strings.Join(g.Prefixes, `*", "`) + `*"]}}`
	}
	if g.AsSender {
		s.Condition = "{StringEquals: {ses:FromAddress: !Ref MailSender}}"
	}
	return s
}

// arn is how the template says what a grant is on.
func arn(t functions.Thing) string {
	const ses = "!Sub \"arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:"
	switch t.Kind {
	case functions.OnTable:
		return "!GetAtt Table.Arn"
	case functions.OnIndex:
		return `!Sub "${Table.Arn}/index/` + t.Of + `"`
	case functions.OnBucket:
		return "!GetAtt Bucket.Arn"
	case functions.OnObjects:
		return `!Sub "${Bucket.Arn}/` + t.Of + `*"`
	case functions.OnQueue:
		return "!GetAtt " + identifier(t.Of) + "Queue.Arn"
	case functions.OnDeadLetters:
		return "!GetAtt " + identifier(t.Of) + "DeadLetterQueue.Arn"
	case functions.OnMailIdentity:
		return ses + `identity/${MailIdentity}"`
	case functions.OnMailConfigurationSet:
	}
	return ses + `configuration-set/${MailConfigurationSet}"`
}

// reference is how the template says what a variable holds.
func reference(v functions.Value) string {
	switch v.Kind {
	case functions.TableName:
		return "!Ref Table"
	case functions.CursorKey:
		return "!Ref CursorKey"
	case functions.BucketName:
		return "!Ref Bucket"
	case functions.QueueURL:
		return "!Ref " + identifier(v.Of) + "Queue"
	case functions.DeadLetterURL:
		return "!Ref " + identifier(v.Of) + "DeadLetterQueue"
	case functions.MailSender:
		return `!Sub "` + sender + ` <${MailSender}>"`
	case functions.MailConfigurationSet:
		return "!Ref MailConfigurationSet"
	case functions.UnsubscribeKey:
		return "!Ref UnsubscribeKey"
	case functions.APIURL:
		return "!If [HasPublicUrl, !Ref PublicUrl, !GetAtt Api.ApiEndpoint]"
	case functions.Text:
	}
	return strconv.Quote(v.Of)
}

// dimension is how the template names what an alarm watches. SAM calls what it makes of an event by the function's id
// and the event's.
func dimension(d functions.Dimension) string {
	id := identifier(cmp.Or(d.Of, "api"))
	switch d.Kind {
	case functions.OfQueue:
		return "!GetAtt " + id + "Queue.QueueName"
	case functions.OfDeadLetters:
		return "!GetAtt " + id + "DeadLetterQueue.QueueName"
	case functions.OfMapping:
		return "!Ref " + id + "Stream"
	case functions.OfFunction, functions.OfAPI:
	}
	return "!Ref " + id
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }

// identifier makes a logical id of a name: "dead-letters" becomes "DeadLetters".
func identifier(name string) string { return functions.Function{Name: name}.LogicalID() }
