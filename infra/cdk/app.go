package main

import (
	"fmt"
	"regexp"

	"example.com/registrar/functions"
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
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
// resource with their routes, and the consumers of queues. A stack holds at most 500 resources (CloudFormation quotas).
//
// The context's "stage" begins the stacks' names, so that an account can hold several; "dev" without one.
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
	site := site{
		data: newData(stack("data", "records, uploads and queues", true), o.Functions), code: o.Code,
		api: newAPI(stack("api", "the HTTP API", false)),
	}
	stacks := map[string]awscdk.Stack{}
	for _, f := range o.Functions {
		name, description := f.Resource(), "the functions of "+f.Resource()
		if f.Queue != nil {
			name, description = "workers", "the consumers of queues, and alarms"
		}
		if stacks[name] == nil {
			stacks[name] = stack(name, description, false)
		}
		if err := site.addFunction(stacks[name], f); err != nil {
			return nil, err
		}
	}
	return app, nil
}

// newAPI has no routes: each stands with its function.
func newAPI(stack awscdk.Stack) awsapigatewayv2.HttpApi {
	api := awsapigatewayv2.NewHttpApi(stack, jsii.String("Api"), &awsapigatewayv2.HttpApiProps{Description: stack.StackName()})
	awscdk.NewCfnOutput(stack, jsii.String("ApiUrl"), &awscdk.CfnOutputProps{
		Value: api.ApiEndpoint(), Description: jsii.String("Where the API answers"),
	})
	return api
}
