// Package sdk makes the AWS SDK's configuration of a function from the environment variables that Lambda sets (Lambda
// developer guide, "Defined runtime environment variables"): once in each function, whose main hands it to all
// adapters. Start with [FromEnvironment].
//
// The SDK's own config.LoadDefaultConfig looks in more places: profiles, single sign-on, web identities, containers,
// the metadata service of EC2. A function has none of them, and would link and initialise the clients of five more
// services for them: a fifth of its start and of its package. So no function links that package; commands that people
// run do.
//
// # Why credentials may be read once
//
// Lambda assumes the function's role and gives its temporary credentials to the environment in AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. A process's environment cannot be changed from outside, so a provider
// that read the variables again would find the same: Lambda replaces the whole environment before they expire ("Lambda
// execution environment lifecycle": it ends environments every few hours). The AWS SDK for Java's developer guide
// recommends a provider of environment variables to functions for the same reason ("Reduce SDK startup time for AWS
// Lambda"). Only SnapStart gives credentials in another way (AWS_CONTAINER_CREDENTIALS_FULL_URI), since a snapshot
// outlives them, and SnapStart is not for the OS-only runtime provided.al2023 that a Go binary runs on ("Improving
// startup performance with Lambda SnapStart").
package sdk

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"
)

// FromEnvironment reads the region, the credentials, the endpoints, and how requests are sent again. It names every
// variable that is missing or cannot be read. These are read:
//
//   - AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, as Lambda sets them; the last
//     may be missing.
//   - AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_DYNAMODB and the like for other services, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS,
//     AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT.
//   - AWS_RETRY_MODE and AWS_MAX_ATTEMPTS; what the store sends again it decides itself.
//
// All mean what the "AWS SDKs and Tools Reference Guide" says. Where that has another default for a value that is left
// out, so has this.
func FromEnvironment(getenv func(string) string) (aws.Config, error) {
	e := environment{getenv: getenv}
	key := aws.Credentials{
		AccessKeyID: e.must("AWS_ACCESS_KEY_ID"), SecretAccessKey: e.must("AWS_SECRET_ACCESS_KEY"),
		SessionToken: getenv("AWS_SESSION_TOKEN"), Source: "environment",
	}
	source := endpoints{
		getenv: getenv, ignored: e.truth("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
		fips: e.truth("AWS_USE_FIPS_ENDPOINT"), dualStack: e.truth("AWS_USE_DUALSTACK_ENDPOINT"),
	}
	c := aws.Config{
		Region: e.must("AWS_REGION"), HTTPClient: awshttp.NewBuildableClient(), Logger: logging.NewStandardLogger(os.Stderr),
		Credentials: credentials.StaticCredentialsProvider{
			Value: key, Source: []aws.CredentialSource{aws.CredentialSourceEnvVars},
		},
		ConfigSources: []any{source}, RetryMode: e.retryMode(), RetryMaxAttempts: e.attempts(),
		DefaultsMode:               aws.DefaultsModeLegacy,
		AccountIDEndpointMode:      aws.AccountIDEndpointModePreferred,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
	}
	if all := e.address("AWS_ENDPOINT_URL"); all != "" && !source.ignored {
		c.BaseEndpoint = aws.String(all)
	}
	for _, service := range []string{"DYNAMODB", "SQS", "S3", "SESV2"} {
		e.address("AWS_ENDPOINT_URL_" + service) // a client overlooks one that cannot be read, and would ask AWS
	}
	if len(e.wrong) > 0 {
		return aws.Config{}, errors.New("configuration of the AWS SDK: " + strings.Join(e.wrong, "; "))
	}
	return c, nil
}

// environment reads variables, and keeps what is wrong with them. A value is never repeated: it may be a secret in the
// wrong place.
type environment struct {
	getenv func(string) string
	wrong  []string
}

func (e *environment) must(name string) string {
	value := e.getenv(name)
	if value == "" {
		e.wrong = append(e.wrong, name+" is not set")
	}
	return value
}

func (e *environment) truth(name string) bool {
	switch value := e.getenv(name); {
	case value == "" || strings.EqualFold(value, "false"):
		return false
	case strings.EqualFold(value, "true"):
		return true
	}
	e.wrong = append(e.wrong, name+" is neither true nor false")
	return false
}

func (e *environment) retryMode() aws.RetryMode {
	text := e.getenv("AWS_RETRY_MODE")
	if text == "" {
		return ""
	}
	mode, err := aws.ParseRetryMode(text)
	if err != nil {
		e.wrong = append(e.wrong, "AWS_RETRY_MODE is neither standard nor adaptive")
	}
	return mode
}

func (e *environment) attempts() int {
	const name = "AWS_MAX_ATTEMPTS"
	text := e.getenv(name)
	if text == "" {
		return 0
	}
	attempts, err := strconv.Atoi(text)
	if err != nil || attempts < 1 {
		e.wrong = append(e.wrong, name+" is no whole number from 1 on")
	}
	return attempts
}

// address is a URL; empty when there is none.
func (e *environment) address(name string) string {
	text := e.getenv(name)
	if text == "" {
		return ""
	}
	if address, err := url.Parse(text); err != nil || address.Scheme == "" || address.Host == "" {
		e.wrong = append(e.wrong, name+" is no URL of a service, such as http://127.0.0.1:8081")
	}
	return text
}

// endpoints tells the SDK's clients, which ask by interfaces of their own, what the environment says of endpoints.
type endpoints struct {
	getenv                   func(string) string
	ignored, fips, dualStack bool
}

// GetIgnoreConfiguredEndpoints reports whether no variable may name an endpoint.
func (e endpoints) GetIgnoreConfiguredEndpoints(context.Context) (value, found bool, err error) {
	return e.ignored, e.ignored, nil
}

// GetServiceBaseEndpoint is the endpoint of a service ("DynamoDB", "SESv2"), if there is a variable for it.
func (e endpoints) GetServiceBaseEndpoint(_ context.Context, service string) (value string, found bool, err error) {
	name := "AWS_ENDPOINT_URL_" + strings.ReplaceAll(strings.ToUpper(service), " ", "_")
	value = e.getenv(name)
	return value, value != "", nil
}

// GetUseFIPSEndpoint reports whether endpoints with validated cryptography are used.
func (e endpoints) GetUseFIPSEndpoint(context.Context) (value aws.FIPSEndpointState, found bool, err error) {
	if !e.fips {
		return aws.FIPSEndpointStateUnset, false, nil
	}
	return aws.FIPSEndpointStateEnabled, true, nil
}

// GetUseDualStackEndpoint reports whether endpoints are used that have IPv6 addresses too.
func (e endpoints) GetUseDualStackEndpoint(
	context.Context,
) (value aws.DualStackEndpointState, found bool, err error) {
	if !e.dualStack {
		return aws.DualStackEndpointStateUnset, false, nil
	}
	return aws.DualStackEndpointStateEnabled, true, nil
}
