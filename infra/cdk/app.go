package main

import (
	"debug/elf"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"example.com/registrar/functions"
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
)

// Options say what to describe.
type Options struct {
	Functions []functions.Function
	Out       string // the folder to synthesize to
	// Code gives, of the architecture that the context names, the folder that holds a function's binary, "bootstrap".
	Code    func(Architecture) (func(functions.Function) string, error)
	Context map[string]any // besides what the CDK's command line gives
}

// New describes the system in stacks that are deployed, and fail, apart: what is kept, the API, the functions of each
// resource with what triggers them and their alarms, mail, and last the API's stage. A stack holds at most 500
// resources (CloudFormation quotas).
//
// The context's "stage" begins all names, so that an account can hold several; "dev" without one. Its "sender" is the
// address that mail comes from, its "identity" what SES has verified of it, the address or its domain. "alarmAddress"
// gets mail when an alarm is raised. "otlpEndpoint" gets the spans of functions that are built to make them (make build
// TAGS=otel), and "tracing=active" has Lambda send its own to X-Ray. "publicUrl" is where people reach the API, with a
// custom domain's mapping if there is one: links in mails begin with it, and without it with the API's own address.
// "architecture" is that of all functions, arm64 or x86_64; arm64 without one. With another word in "keys" every
// function changes, and so has its secrets read anew, which CloudFormation does for no other.
func New(o Options) (awscdk.App, error) {
	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false), Outdir: &o.Out, Context: &o.Context})
	stage := "dev"
	if given := app.Node().TryGetContext(jsii.String("stage")); given != nil {
		stage = fmt.Sprint(given)
	}
	if !regexp.MustCompile(`^[a-z][a-z0-9]{0,15}$`).MatchString(stage) {
		return nil, fmt.Errorf("stage %q: up to 16 small letters and digits, a letter first", stage)
	}
	architecture, err := architectureOf(app)
	if err != nil {
		return nil, err
	}
	code, err := o.Code(architecture)
	if err != nil {
		return nil, err
	}
	site := site{
		architecture: architecture,
		names:        namesOf(stage), code: code, told: map[[2]string]*string{},
		mappings: map[string]awslambda.CfnEventSourceMapping{},
		uploads: slices.ContainsFunc(o.Functions, func(f functions.Function) bool {
			return f.Queue != nil && f.Queue.Uploads != ""
		}),
	}
	if site.mail, err = senderOf(app); err != nil {
		return nil, err
	}
	if site.otlp, err = endpointOf(app); err != nil {
		return nil, err
	}
	if site.public, err = publicOf(app); err != nil {
		return nil, err
	}
	if site.traced, err = tracingOf(app); err != nil {
		return nil, err
	}
	if given := app.Node().TryGetContext(jsii.String("keys")); given != nil {
		site.keys = fmt.Sprint(given)
	}
	stacks := map[string]awscdk.Stack{}
	stack := func(name, description string) awscdk.Stack {
		stacks[name] = awscdk.NewStack(app, jsii.String(site.names.of(name)), &awscdk.StackProps{
			Description: jsii.String("Registrar (" + stage + "): " + description), Tags: &map[string]*string{"stage": &stage},
			TerminationProtection: jsii.Bool(name == dataStack),
		})
		return stacks[name]
	}
	newData(stack(dataStack, "records, uploads and queues"), site.names, o.Functions)
	newAPI(stack("api", "the HTTP API"), site.names)
	err = newTopic(stack("alarms", "whom alarms are told"), site.names,
		app.Node().TryGetContext(jsii.String("alarmAddress")))
	if err != nil {
		return nil, err
	}
	newOutbox(stack("mail", "what mail goes through, and what becomes of it"), site.names, o.Functions)
	stacks["mail"].AddStackDependency(stacks[dataStack], jsii.String("the topic sends to a queue"))
	first := []awscdk.Stack{stacks[dataStack], stacks["api"], stacks["alarms"], stacks["mail"]}
	last := stack(lastStack, "what the HTTP API lets through")
	for _, other := range first {
		last.AddStackDependency(other, jsii.String("the API and the topic of alarms are used by their names"))
	}
	for _, f := range o.Functions {
		name := f.Resource()
		if stacks[name] == nil {
			own := stack(name, "the functions of "+name)
			for _, other := range first {
				own.AddStackDependency(other, jsii.String("functions use it by its name"))
			}
			last.AddStackDependency(own, jsii.String("routes lead to functions that are there"))
		}
		if err := site.addFunction(stacks[name], last, f); err != nil {
			return nil, err
		}
	}
	site.newStage(last, o.Functions)
	return app, site.addAlarms(stacks, o.Functions)
}

// Stacks that others ask for by name.
const (
	dataStack = "data"
	lastStack = "api-stage"
)

// Architecture is a processor that Lambda offers.
type Architecture struct {
	Name   string // as CloudFormation calls it: arm64, x86_64
	GOARCH string // as Go calls it

	machine elf.Machine
}

// architectureOf reads the context's "architecture"; arm64 without one.
func architectureOf(app awscdk.App) (Architecture, error) {
	name := "arm64"
	if given := app.Node().TryGetContext(jsii.String("architecture")); given != nil {
		name = fmt.Sprint(given)
	}
	switch name {
	case "arm64":
		return Architecture{Name: name, GOARCH: "arm64", machine: elf.EM_AARCH64}, nil
	case "x86_64":
		return Architecture{Name: name, GOARCH: "amd64", machine: elf.EM_X86_64}, nil
	}
	return Architecture{}, fmt.Errorf("architecture %q: there are arm64 and x86_64", name)
}

// endpointOf reads the context's "otlpEndpoint", an address to which /v1/traces is added; empty without one.
func endpointOf(app awscdk.App) (string, error) {
	given := app.Node().TryGetContext(jsii.String("otlpEndpoint"))
	if given == nil {
		return "", nil
	}
	text := fmt.Sprint(given)
	if u, err := url.Parse(text); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("otlpEndpoint %q is no address such as https://collector.example.edu", text)
	}
	return text, nil
}

// publicOf reads the context's "publicUrl", where people reach the API; empty without one.
func publicOf(app awscdk.App) (string, error) {
	given := app.Node().TryGetContext(jsii.String("publicUrl"))
	if given == nil {
		return "", nil
	}
	text := fmt.Sprint(given)
	if u, err := url.Parse(text); err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" ||
		u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("publicUrl %q is no address such as https://courses.example.edu/registrar", text)
	}
	return text, nil
}

// tracingOf reads the context's "tracing": whether it is "active".
func tracingOf(app awscdk.App) (bool, error) {
	given := app.Node().TryGetContext(jsii.String("tracing"))
	if given != nil && given != "active" {
		return false, fmt.Errorf("tracing %q: it is active, or not given", given)
	}
	return given != nil, nil
}

// newAPI has no routes: each stands with its function. It has no stage either: see [site.newStage].
func newAPI(stack awscdk.Stack, n names) {
	cors := functions.API().CORS
	api := awsapigatewayv2.NewCfnApi(stack, jsii.String("Api"), &awsapigatewayv2.CfnApiProps{
		Name: jsii.String(n.all()), ProtocolType: jsii.String("HTTP"),
		Description: jsii.String("Registrar (" + n.stage + ")"),
		CorsConfiguration: &awsapigatewayv2.CfnApi_CorsProperty{
			AllowOrigins: jsii.Strings(cors.Origins...), AllowMethods: jsii.Strings(cors.Methods...),
			AllowHeaders: jsii.Strings(cors.Headers...), ExposeHeaders: jsii.Strings(cors.Expose...),
			MaxAge: jsii.Number(cors.MaxAge.Seconds()),
		},
	})
	tell(stack, n, apiID, "Which API the routes are of", api.AttrApiId())
	awscdk.NewCfnOutput(stack, jsii.String("ApiUrl"), &awscdk.CfnOutputProps{
		Value: api.AttrApiEndpoint(), Description: jsii.String("Where the API answers"),
	})
}

// accessLog is the line that API Gateway writes of each request (developer guide, "Customize HTTP API access logs").
// requestId is also in each line that the function logs of the request, which has the trace's id, too: an HTTP API's
// access log has no variable for that. What tells who asked, or what for, is left out: no address, no user agent, and
// no path, which may be anything that a client makes up; the route's key is not.
func accessLog() string {
	line := []string{} // a map would lose this order
	for _, field := range [][2]string{
		{"requestId", "requestId"}, {"extendedRequestId", "extendedRequestId"}, {"requestTimeEpoch", "requestTimeEpoch"},
		{"routeKey", "routeKey"}, {"status", "status"}, {"error", "error.responseType"},
		{"integrationError", "integration.error"}, {"integrationStatus", "integration.integrationStatus"},
		{"functionStatus", "integration.status"}, {"functionRequestId", "integration.requestId"},
		{"responseLatency", "responseLatency"}, {"integrationLatency", "integration.latency"},
		{"responseLength", "responseLength"}, {"protocol", "protocol"},
	} {
		line = append(line, `"`+field[0]+`":"$context.`+field[1]+`"`)
	}
	return "{" + strings.Join(line, ",") + "}"
}

// newStage is the API's only stage: with the throttles of the manifest, metrics of each route, and the access log.
//
// Routes with a throttle of their own stand in its stack, not in their function's. Of a route that is not there API
// Gateway throttles nothing, it refuses the stage: so a route must be there before the stage throttles it, and the
// stage let go of it before it goes. Only within a stack does CloudFormation do both.
func (s site) newStage(stack awscdk.Stack, all []functions.Function) {
	// API Gateway may write into groups of this prefix without a line for each in a policy of 5,120 characters
	// (CloudWatch Logs user guide, "Logs sent to CloudWatch Logs").
	logs := awslogs.NewCfnLogGroup(stack, jsii.String("AccessLogs"), &awslogs.CfnLogGroupProps{
		LogGroupName: jsii.String("/aws/vendedlogs/apis/" + s.names.all()), RetentionInDays: jsii.Number(logDays),
	})
	logs.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY, nil)
	throttle := functions.API().Throttle
	settings := map[string]any{}
	for route, own := range functions.Throttles(all) {
		settings[route] = map[string]any{
			"ThrottlingRateLimit": own.Rate, "ThrottlingBurstLimit": own.Burst, "DetailedMetricsEnabled": true,
		}
	}
	stage := awsapigatewayv2.NewCfnStage(stack, jsii.String("Stage"), &awsapigatewayv2.CfnStageProps{
		ApiId: s.ask(stack, apiID), StageName: jsii.String("$default"), AutoDeploy: jsii.Bool(true),
		AccessLogSettings: &awsapigatewayv2.CfnStage_AccessLogSettingsProperty{
			DestinationArn: logs.AttrArn(), Format: jsii.String(accessLog()),
		},
		DefaultRouteSettings: &awsapigatewayv2.CfnStage_RouteSettingsProperty{
			ThrottlingRateLimit: jsii.Number(throttle.Rate), ThrottlingBurstLimit: jsii.Number(throttle.Burst),
			DetailedMetricsEnabled: jsii.Bool(true),
		},
		RouteSettings: settings,
	})
	for _, child := range *stack.Node().Children() {
		if route, ok := child.(awsapigatewayv2.CfnRoute); ok {
			stage.AddResourceDependency(route, nil)
		}
	}
}
