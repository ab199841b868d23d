package sdk_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/registrar/shared/sdk"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// settings is what a configuration makes of the clients that functions have.
type settings struct {
	Region                 string
	Credentials            aws.Credentials
	RetryMode              aws.RetryMode
	Attempts               int
	Checksums, Validation  int
	DynamoDB, SQS, S3, SES string
	FIPS                   [4]aws.FIPSEndpointState
	DualStack              [4]aws.DualStackEndpointState
	DefaultsMode           aws.DefaultsMode
	AccountIDs             aws.AccountIDEndpointMode
	HasLogger              bool
	AttemptsOfDynamoDB     int
}

func settingsOf(t *testing.T, c aws.Config) settings {
	t.Helper()
	key, err := c.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key.Source = "" // a text for logs
	d, q, o, m := dynamodb.NewFromConfig(c).Options(), sqs.NewFromConfig(c).Options(), s3.NewFromConfig(c).Options(),
		sesv2.NewFromConfig(c).Options()
	return settings{
		Region: c.Region, Credentials: key, RetryMode: c.RetryMode, Attempts: c.RetryMaxAttempts,
		Checksums: int(c.RequestChecksumCalculation), Validation: int(c.ResponseChecksumValidation),
		DynamoDB: aws.ToString(d.BaseEndpoint), SQS: aws.ToString(q.BaseEndpoint), S3: aws.ToString(o.BaseEndpoint),
		SES: aws.ToString(m.BaseEndpoint),
		FIPS: [4]aws.FIPSEndpointState{d.EndpointOptions.UseFIPSEndpoint, q.EndpointOptions.UseFIPSEndpoint,
			o.EndpointOptions.UseFIPSEndpoint, m.EndpointOptions.UseFIPSEndpoint},
		DualStack: [4]aws.DualStackEndpointState{d.EndpointOptions.UseDualStackEndpoint,
			q.EndpointOptions.UseDualStackEndpoint, o.EndpointOptions.UseDualStackEndpoint,
			m.EndpointOptions.UseDualStackEndpoint},
		DefaultsMode: d.DefaultsMode, AccountIDs: d.AccountIDEndpointMode, HasLogger: c.Logger != nil,
		AttemptsOfDynamoDB: d.Retryer.MaxAttempts(),
	}
}

// What Lambda sets, and what the local cloud adds.
var onLambda = map[string]string{
	"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
	"AWS_SESSION_TOKEN": "token",
}

func with(more map[string]string) map[string]string {
	all := maps.Clone(onLambda)
	maps.Copy(all, more)
	return all
}

// The SDK's own configuration, on the same environment, is the judge.
func TestFromEnvironment_IsWhatTheSDKMakesOfIt(t *testing.T) {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // for its clean-up
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	none := filepath.Join(t.TempDir(), "none") // no profiles of whoever runs the test
	for name, environment := range map[string]map[string]string{
		"as on Lambda": onLambda,
		"as make run sets it": with(map[string]string{
			"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:8081", "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:8082",
			"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:8083", "AWS_ENDPOINT_URL_SESV2": "http://127.0.0.1:8084",
		}),
		"one endpoint for all": with(map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}),
		"one for all but one": with(map[string]string{
			"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:8083",
		}),
		"endpoints that are not to be used": with(map[string]string{
			"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:8083",
			"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "True",
		}),
		"retries": with(map[string]string{"AWS_RETRY_MODE": "adaptive", "AWS_MAX_ATTEMPTS": "7"}),
		"fips and dual stack": with(map[string]string{
			"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "TRUE",
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_CONFIG_FILE", none)
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
			for name, value := range environment {
				t.Setenv(name, value)
			}
			theirs, err := config.LoadDefaultConfig(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ours, err := sdk.FromEnvironment(os.Getenv)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(settingsOf(t, theirs), settingsOf(t, ours),
				cmpopts.IgnoreFields(aws.Credentials{}, "Source")); diff != "" {
				t.Errorf("the SDK's own (-), ours (+):\n%s", diff)
			}
		})
	}
}

func TestFromEnvironment_NamesWhatIsWrong(t *testing.T) {
	for name, want := range map[string]string{
		"AWS_REGION": "AWS_REGION is not set", "AWS_ACCESS_KEY_ID": "AWS_ACCESS_KEY_ID is not set",
		"AWS_SECRET_ACCESS_KEY": "AWS_SECRET_ACCESS_KEY is not set",
	} {
		environment := with(map[string]string{name: ""})
		if _, err := sdk.FromEnvironment(func(n string) string { return environment[n] }); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	wrong := with(map[string]string{
		"AWS_ENDPOINT_URL": "127.0.0.1:4566", "AWS_ENDPOINT_URL_SQS": "/queues", "AWS_RETRY_MODE": "always",
		"AWS_MAX_ATTEMPTS": "0", "AWS_USE_FIPS_ENDPOINT": "yes",
	})
	_, err := sdk.FromEnvironment(func(n string) string { return wrong[n] })
	for _, name := range []string{"AWS_ENDPOINT_URL is no", "AWS_ENDPOINT_URL_SQS is no", "AWS_RETRY_MODE is",
		"AWS_MAX_ATTEMPTS is", "AWS_USE_FIPS_ENDPOINT is"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q is not in the error: %v", name, err)
		}
	}
	if err != nil && (strings.Contains(err.Error(), "always") || strings.Contains(err.Error(), "/queues")) {
		t.Errorf("the error repeats a value: %v", err)
	}
}
