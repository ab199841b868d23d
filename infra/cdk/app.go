package main

import (
	"fmt"
	"net/url"
	"regexp"

	"example.com/registrar/functions"
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
)

// Options say what to describe.
type Options struct {
	Functions []functions.Function
	Out       string                          // the folder to synthesize to
	Code      func(functions.Function) string // the folder that holds a function's arm64 binary, "bootstrap"
	Context   map[string]any                  // besides what the CDK's command line gives
}

// New describes the system in stacks that are deployed, and fail, apart: what is kept, the API, the functions of each
// resource with their routes and alarms, the consumers of queues, mail, and last the API's stage. A stack holds at most
// 500 resources (CloudFormation quotas).
//
// The context's "stage" begins the stacks' names, so that an account can hold several; "dev" without one. Its "sender"
// is the address that mail comes from, its "identity" what SES has verified of it, the address or its domain.
// "alarmAddress" gets mail when an alarm is raised. "otlpEndpoint" gets the spans of functions that are built to make
// them (make build TAGS=otel). "publicUrl" is where people reach the API, with a custom domain's mapping if there is
// one: links in mails begin with it, and without it with the API's own address. With another word in "keys" every
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
	stack := func(name, description string, protected bool) awscdk.Stack {
		return awscdk.NewStack(app, jsii.String("registrar-"+stage+"-"+name), &awscdk.StackProps{
			Description: jsii.String("Registrar (" + stage + "): " + description), TerminationProtection: &protected,
			Tags: &map[string]*string{"stage": &stage},
		})
	}
	from, err := senderOf(app)
	if err != nil {
		return nil, err
	}
	site := site{
		data: newData(stack("data", "records, uploads and queues", true), o.Functions), code: o.Code,
		api:       newAPI(stack("api", "the HTTP API", false)),
		functions: map[string]awslambda.Function{}, mappings: map[string]awslambda.EventSourceMapping{},
	}
	if site.otlp, err = endpointOf(app); err != nil {
		return nil, err
	}
	if site.public, err = publicOf(app); err != nil {
		return nil, err
	}
	if given := app.Node().TryGetContext(jsii.String("keys")); given != nil {
		site.keys = fmt.Sprint(given)
	}
	stacks := map[string]awscdk.Stack{"alarms": stack("alarms", "whom alarms are told", false)}
	if site.topic, err = newTopic(stacks["alarms"], app.Node().TryGetContext(jsii.String("alarmAddress"))); err != nil {
		return nil, err
	}
	stacks["mail"] = stack("mail", "what mail goes through, and what becomes of it", false)
	site.mail = newOutbox(stacks["mail"], site.data, o.Functions, from)
	for _, f := range o.Functions {
		name, description := stackName(f), "the functions of "+f.Resource()
		if name == workers {
			description = "what queues, the table's stream and schedules call"
		}
		if stacks[name] == nil {
			stacks[name] = stack(name, description, false)
		}
		if err := site.addFunction(stacks[name], f); err != nil {
			return nil, err
		}
	}
	if err := site.addAlarms(stacks, o.Functions); err != nil {
		return nil, err
	}
	last := stack("api-stage", "what the HTTP API lets through", false)
	for _, other := range stacks {
		last.AddDependency(other, jsii.String("a stage can only throttle routes that are there"))
	}
	newStage(last, site.api, o.Functions)
	return app, nil
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

// workers is the stack of all functions that are not behind the API.
const workers = "workers"

// stackName is the last part of the name of a function's stack.
func stackName(f functions.Function) string {
	if f.Operations == nil {
		return workers
	}
	return f.Resource()
}

// newAPI has no routes: each stands with its function. It has no stage either: see [newStage].
func newAPI(stack awscdk.Stack) awsapigatewayv2.HttpApi {
	cors := functions.API().CORS
	var methods []awsapigatewayv2.CorsHttpMethod
	for _, method := range cors.Methods {
		methods = append(methods, awsapigatewayv2.CorsHttpMethod(method))
	}
	api := awsapigatewayv2.NewHttpApi(stack, jsii.String("Api"), &awsapigatewayv2.HttpApiProps{
		Description: stack.StackName(), CreateDefaultStage: jsii.Bool(false),
		CorsPreflight: &awsapigatewayv2.CorsPreflightOptions{
			AllowOrigins: jsii.Strings(cors.Origins...), AllowMethods: &methods, AllowHeaders: jsii.Strings(cors.Headers...),
			ExposeHeaders: jsii.Strings(cors.Expose...), MaxAge: seconds(cors.MaxAge),
		},
	})
	awscdk.NewCfnOutput(stack, jsii.String("ApiUrl"), &awscdk.CfnOutputProps{
		Value: api.ApiEndpoint(), Description: jsii.String("Where the API answers"),
	})
	return api
}

// newStage is the API's only stage, with the throttles of the manifest.
func newStage(stack awscdk.Stack, api awsapigatewayv2.HttpApi, all []functions.Function) {
	throttle := functions.API().Throttle
	stage := awsapigatewayv2.NewHttpStage(stack, jsii.String("Stage"), &awsapigatewayv2.HttpStageProps{
		HttpApi: api, StageName: jsii.String("$default"), AutoDeploy: jsii.Bool(true),
		Throttle: &awsapigatewayv2.ThrottleSettings{RateLimit: jsii.Number(throttle.Rate),
			BurstLimit: jsii.Number(throttle.Burst)},
	})
	settings := map[string]any{}
	for route, own := range functions.Throttles(all) {
		settings[route] = map[string]any{"ThrottlingRateLimit": own.Rate, "ThrottlingBurstLimit": own.Burst}
	}
	resource := stage.Node().DefaultChild().(awsapigatewayv2.CfnStage) //nolint:errcheck // a stage's default child is one
	resource.SetRouteSettings(&settings)
}
