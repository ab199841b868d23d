package secrets_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/secrets"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
)

type vault struct {
	*testing.T
	*secretsmanager.Client
}

func open(t *testing.T) vault {
	t.Helper()
	now := time.Date(2027, 1, 11, 9, 0, 0, 0, time.UTC)
	return vault{t, secretsmanager.New(secretsmanager.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		BaseEndpoint: aws.String("http://secretsmanager.local"),
		HTTPClient:   inprocess.Client(secrets.New(secrets.Options{Now: func() time.Time { return now }})),
	})}
}

func (v vault) create(name, value string) *secretsmanager.CreateSecretOutput {
	v.Helper()
	out, err := v.CreateSecret(v.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value})
	if err != nil {
		v.Fatal(err)
	}
	return out
}

func (v vault) put(id, value string, stages ...string) string {
	v.Helper()
	out, err := v.PutSecretValue(v.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &value,
		VersionStages: stages})
	if err != nil {
		v.Fatal(err)
	}
	return *out.VersionId
}

func (v vault) value(id, stage string) string {
	v.Helper()
	in := &secretsmanager.GetSecretValueInput{SecretId: &id}
	if stage != "" {
		in.VersionStage = &stage
	}
	out, err := v.GetSecretValue(v.Context(), in)
	if err != nil {
		return code(err)
	}
	return aws.ToString(out.SecretString)
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

func TestASecretIsReadByNameAndARN(t *testing.T) {
	t.Parallel()
	v := open(t)
	made := v.create("registrar/keys", "one")
	if !strings.HasPrefix(*made.ARN, "arn:aws:secretsmanager:us-east-1:000000000000:secret:registrar/keys-") {
		t.Errorf("its ARN is %s", *made.ARN)
	}
	for _, id := range []string{"registrar/keys", *made.ARN} {
		if got := v.value(id, ""); got != "one" {
			t.Errorf("%s: %s", id, got)
		}
	}
	if got := v.value("nothing", ""); got != "ResourceNotFoundException" {
		t.Errorf("what is not there: %s", got)
	}
	if _, err := v.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("registrar/keys"),
		SecretString: aws.String("two")}); code(err) != "ResourceExistsException" {
		t.Errorf("a name twice: %v", err)
	}
}

// TestLabelsMove is a rotation: a new version waits as AWSPENDING, becomes current, and the one before stays for those
// who still need it.
func TestLabelsMove(t *testing.T) {
	t.Parallel()
	v := open(t)
	first := *v.create("keys", "one").VersionId
	second := v.put("keys", "two", "AWSPENDING")
	if v.value("keys", "") != "one" || v.value("keys", "AWSPENDING") != "two" {
		t.Error("what waits is current")
	}
	move := func(to, from string) error {
		_, err := v.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
			SecretId: aws.String("keys"), VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &to,
			RemoveFromVersionId: &from,
		})
		return err
	}
	if err := move(second, second); code(err) != "InvalidParameterException" {
		t.Errorf("a label is taken from a version that does not have it: %v", err)
	}
	if err := move("none", first); code(err) != "ResourceNotFoundException" {
		t.Errorf("a label goes to no version: %v", err)
	}
	if err := move(second, first); err != nil {
		t.Fatal(err)
	}
	if v.value("keys", "") != "two" || v.value("keys", "AWSPREVIOUS") != "one" {
		t.Errorf("current is %s, previous %s", v.value("keys", ""), v.value("keys", "AWSPREVIOUS"))
	}
	v.put("keys", "three")
	if v.value("keys", "") != "three" || v.value("keys", "AWSPREVIOUS") != "two" {
		t.Errorf("current is %s, previous %s", v.value("keys", ""), v.value("keys", "AWSPREVIOUS"))
	}
	described, err := v.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("keys")})
	if err != nil || described.VersionIdsToStages[first] != nil || !slices.Contains(described.VersionIdsToStages[second],
		"AWSPREVIOUS") {
		t.Errorf("versions: %v, %v", described.VersionIdsToStages, err)
	}
}

func TestATokenMakesOneVersion(t *testing.T) {
	t.Parallel()
	v := open(t)
	v.create("keys", "one")
	token := strings.Repeat("a", 32)
	put := func(value string) (*secretsmanager.PutSecretValueOutput, error) {
		return v.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("keys"),
			SecretString: &value, ClientRequestToken: &token})
	}
	for range 2 {
		if out, err := put("two"); err != nil || *out.VersionId != token {
			t.Errorf("%v", err)
		}
	}
	if _, err := put("three"); code(err) != "ResourceExistsException" {
		t.Errorf("the same token with another value: %v", err)
	}
	if got := v.value("keys", ""); got != "two" {
		t.Errorf("current is %s", got)
	}
}

func TestASecretIsDeleted(t *testing.T) {
	t.Parallel()
	v := open(t)
	v.create("keys", "one")
	remove := func(in secretsmanager.DeleteSecretInput) error {
		in.SecretId = aws.String("keys")
		_, err := v.DeleteSecret(t.Context(), &in)
		return err
	}
	if err := remove(secretsmanager.DeleteSecretInput{RecoveryWindowInDays: aws.Int64(6)}); code(err) !=
		"InvalidParameterException" {
		t.Errorf("a window of six days: %v", err)
	}
	if err := remove(secretsmanager.DeleteSecretInput{}); err != nil {
		t.Fatal(err)
	}
	if got := v.value("keys", ""); got != "InvalidRequestException" {
		t.Errorf("after its deletion: %s", got)
	}
	if out, err := v.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{}); err != nil || len(out.SecretList) > 0 {
		t.Errorf("it is listed: %v", err)
	}
	if _, err := v.RestoreSecret(t.Context(),
		&secretsmanager.RestoreSecretInput{SecretId: aws.String("keys")}); err != nil ||
		v.value("keys", "") != "one" {
		t.Errorf("restored: %v", err)
	}
	if err := remove(secretsmanager.DeleteSecretInput{ForceDeleteWithoutRecovery: aws.Bool(true)}); err != nil ||
		v.value("keys", "") != "ResourceNotFoundException" {
		t.Errorf("deleted at once: %v", err)
	}
}

func TestWhatIsNoSecretIsRefused(t *testing.T) {
	t.Parallel()
	v := open(t)
	for name, in := range map[string]secretsmanager.CreateSecretInput{
		"ValidationException name":        {Name: aws.String("a b"), SecretString: aws.String("x")},
		"ValidationException long":        {Name: aws.String("a"), SecretString: aws.String(strings.Repeat("x", 65_537))},
		"InvalidParameterException both":  {Name: aws.String("a"), SecretString: aws.String("x"), SecretBinary: []byte("x")},
		"InvalidParameterException empty": {Name: aws.String("a"), SecretString: aws.String("")},
	} {
		if _, err := v.CreateSecret(t.Context(), &in); !strings.HasPrefix(name, code(err)+" ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := v.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: aws.String("a")}); code(err) !=
		"UnknownOperationException" {
		t.Errorf("an operation that is not offered: %v", err)
	}
	out, err := v.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("b"),
		SecretBinary: []byte{0, 1, 255}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: out.ARN})
	if err != nil || !slices.Equal(got.SecretBinary, []byte{0, 1, 255}) || got.SecretString != nil {
		t.Errorf("%v, %v", got, err)
	}
}
