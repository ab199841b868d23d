// Package secrets is the secret store of the local cloud: an AWS Secrets Manager in memory that speaks the service's
// JSON 1.1 protocol, so that the SDK's own client works with it, over a socket or without one (infra/local/inprocess).
//
// It knows nothing of Registrar. The rules are those of the AWS Secrets Manager API Reference and User Guide.
//
// Faithful: secrets with their versions and staging labels (AWSCURRENT, AWSPREVIOUS, AWSPENDING and others), client
// request tokens (the same token with the same value is the same version, with another it is refused), text and binary
// values and their limit, deletion at once and with a recovery window, the typed errors. Not faithful: nothing is
// encrypted; a secret that was deleted with a window is never removed for good by itself; descriptions, keys (KMS) and
// tags are kept and do nothing; ARNs end in the same six characters for the same name. Refused by name: rotation by a
// function (RotateSecret), replicas, resource policies, batches and random passwords.
//
// Start with [New].
package secrets

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Options configure an engine; the zero value is ready to use.
type Options struct {
	Region  string // in ARNs; "us-east-1" when empty
	Account string // twelve digits, in ARNs; "000000000000" when empty
	Now     func() time.Time
}

// Engine is an embedded Secrets Manager. It is safe for concurrent use.
type Engine struct {
	options Options

	mu      sync.Mutex // guards everything below
	secrets map[string]*secret
}

type secret struct {
	arn, name, description, key string
	tags                        []tag
	created, changed            time.Time
	deleted                     time.Time // zero: it is not
	versions                    map[string]*version
}

type version struct {
	id      string
	text    *string
	binary  []byte
	stages  []string
	created time.Time
}

type tag struct{ Key, Value string }

// The staging labels that the service moves by itself.
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
)

// maxValue bounds a secret's value, in bytes (Secrets Manager User Guide, "AWS Secrets Manager quotas").
const maxValue = 65_536

// New makes an engine without secrets.
func New(o Options) *Engine {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Account == "" {
		o.Account = "000000000000"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Engine{options: o, secrets: map[string]*secret{}}
}

// fault is an error answer of the protocol. Its code is the name of the shape.
type fault struct{ code, message string }

func (f *fault) Error() string { return f.code + ": " + f.message }

func newFault(code, format string, args ...any) error {
	return &fault{code, fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return newFault("InvalidParameterException", format, args...)
}

func notAllowed(format string, args ...any) error {
	return newFault("InvalidRequestException", format, args...)
}

// ServeHTTP speaks the protocol: POST to any path, the operation in X-Amz-Target, JSON in and out. Signatures are not
// checked.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Amzn-Requestid", rand.Text())
	answer, err := e.serve(r)
	status := http.StatusOK
	if err != nil {
		status = http.StatusBadRequest
		var f *fault
		if !errors.As(err, &f) {
			f, status = &fault{"InternalServiceError", err.Error()}, http.StatusInternalServerError
		}
		answer = struct {
			Type    string `json:"__type"`
			Message string
		}{f.code, f.message}
	}
	var body bytes.Buffer
	if err := json.NewEncoder(&body).Encode(answer); err != nil {
		http.Error(w, "the answer cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // the client went away, and nobody reads on
}

// request has the parameters of all operations.
type request struct {
	SecretID             string `json:"SecretId"`
	Name                 string
	Description          string
	KmsKeyID             string `json:"KmsKeyId"`
	ClientRequestToken   string
	SecretString         *string
	SecretBinary         []byte
	Tags                 []tag
	VersionID            string `json:"VersionId"`
	VersionStage         string
	VersionStages        []string
	MoveToVersionID      string `json:"MoveToVersionId"`
	RemoveFromVersionID  string `json:"RemoveFromVersionId"`
	RecoveryWindowInDays *int
	// ForceDeleteWithoutRecovery deletes at once.
	ForceDeleteWithoutRecovery bool
	IncludePlannedDeletion     bool
}

func (e *Engine) serve(r *http.Request) (any, error) {
	target := r.Header.Get("X-Amz-Target")
	name, ok := strings.CutPrefix(target, "secretsmanager.")
	operation := operationNamed(name)
	if !ok || operation == nil || r.Method != http.MethodPost {
		return nil, newFault("UnknownOperationException", "The local cloud does not offer the operation %q", target)
	}
	const most = 4 * maxValue // a binary value in base64, and the rest
	body, err := io.ReadAll(io.LimitReader(r.Body, most+1))
	var in request
	if err != nil || len(body) > most || !utf8.Valid(body) || json.Unmarshal(body, &in) != nil {
		return nil, newFault("SerializationException", "The request is not what the operation takes")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return operation(e, &in)
}

func operationNamed(name string) func(*Engine, *request) (any, error) {
	switch name {
	case "CreateSecret":
		return (*Engine).create
	case "GetSecretValue":
		return (*Engine).get
	case "PutSecretValue":
		return (*Engine).put
	case "DescribeSecret":
		return (*Engine).describe
	case "UpdateSecretVersionStage":
		return (*Engine).moveStage
	case "ListSecrets":
		return (*Engine).list
	case "DeleteSecret":
		return (*Engine).remove
	case "RestoreSecret":
		return (*Engine).restore
	}
	return nil
}

// find gives a secret by name or ARN.
func (e *Engine) find(id string) (*secret, error) {
	if id == "" {
		return nil, newFault("ValidationException", "SecretId must not be empty")
	}
	for _, s := range e.secrets {
		if s.name == id || s.arn == id {
			return s, nil
		}
	}
	return nil, newFault("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

func (e *Engine) live(id string) (*secret, error) {
	s, err := e.find(id)
	if err == nil && !s.deleted.IsZero() {
		return nil, notAllowed("You can't perform this operation on the secret because it was marked for deletion.")
	}
	return s, err
}

type named struct {
	ARN           string
	Name          string
	VersionID     string   `json:"VersionId,omitempty"`
	VersionStages []string `json:",omitempty"`
}

func (e *Engine) create(in *request) (any, error) {
	const longest = 512
	if in.Name == "" || len(in.Name) > longest || strings.ContainsFunc(in.Name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/_+=.@-", r)
	}) {
		return nil, newFault("ValidationException", "Invalid name. Must be a valid name containing alphanumeric "+
			"characters, or any of the following: -/_+=.@!")
	}
	if old := e.secrets[in.Name]; old != nil {
		if !old.deleted.IsZero() {
			return nil, notAllowed("You can't create this secret because a secret with this name is already scheduled for " +
				"deletion.")
		}
		if v := old.versions[in.ClientRequestToken]; v == nil || !v.is(in) {
			return nil, newFault("ResourceExistsException", "The operation failed because the secret %s already exists.",
				in.Name)
		}
		return named{ARN: old.arn, Name: old.name, VersionID: in.ClientRequestToken}, nil
	}
	sum := sha256.Sum256([]byte(in.Name))
	now := e.options.Now()
	s := &secret{
		arn: "arn:aws:secretsmanager:" + e.options.Region + ":" + e.options.Account + ":secret:" + in.Name + "-" +
			hex.EncodeToString(sum[:])[:6],
		name: in.Name, description: in.Description, key: in.KmsKeyID, tags: in.Tags, created: now, changed: now,
		versions: map[string]*version{},
	}
	if in.SecretString != nil || in.SecretBinary != nil {
		if err := e.add(s, in, []string{current}); err != nil {
			return nil, err
		}
	}
	e.secrets[in.Name] = s
	return named{ARN: s.arn, Name: s.name, VersionID: in.ClientRequestToken}, nil
}

// is reports whether a version has the value of a request.
func (v *version) is(in *request) bool {
	return (v.text == nil) == (in.SecretString == nil) && (v.text == nil || *v.text == *in.SecretString) &&
		bytes.Equal(v.binary, in.SecretBinary)
}

// add makes a version of a request's value, with the labels.
func (e *Engine) add(s *secret, in *request, stages []string) error {
	switch {
	case in.SecretString != nil && in.SecretBinary != nil:
		return invalid("You can't specify both a binary secret value and a string secret value in the same secret.")
	case in.SecretString == nil && in.SecretBinary == nil, in.SecretString != nil && *in.SecretString == "":
		return invalid("You must provide either SecretString or SecretBinary.")
	case in.SecretString != nil && len(*in.SecretString) > maxValue, len(in.SecretBinary) > maxValue:
		return newFault("ValidationException", "the secret value is longer than %d bytes", maxValue)
	}
	if in.ClientRequestToken == "" {
		in.ClientRequestToken = rand.Text()
	}
	if old := s.versions[in.ClientRequestToken]; old != nil {
		if !old.is(in) {
			return newFault("ResourceExistsException", "The operation failed because a version with this token already "+
				"exists with a different value.")
		}
		return nil
	}
	s.versions[in.ClientRequestToken] = &version{id: in.ClientRequestToken, text: in.SecretString, binary: in.SecretBinary,
		created: e.options.Now()}
	for _, stage := range stages {
		s.label(stage, in.ClientRequestToken)
	}
	s.tidy()
	s.changed = e.options.Now()
	return nil
}

// label gives a label to a version, from whichever has it. When AWSCURRENT moves, AWSPREVIOUS goes to the version it
// leaves.
func (s *secret) label(stage, to string) {
	for id, v := range s.versions {
		if id == to || !slices.Contains(v.stages, stage) {
			continue
		}
		v.stages = slices.DeleteFunc(v.stages, func(one string) bool { return one == stage })
		if stage == current {
			s.label(previous, id)
		}
	}
	if v := s.versions[to]; !slices.Contains(v.stages, stage) {
		v.stages = append(v.stages, stage)
	}
	if stage == current {
		v := s.versions[to]
		v.stages = slices.DeleteFunc(v.stages, func(one string) bool { return one == previous })
	}
}

// tidy removes what has no label: it is deprecated, and the service may delete it at any time.
func (s *secret) tidy() {
	for id, v := range s.versions {
		if len(v.stages) == 0 {
			delete(s.versions, id)
		}
	}
}

func (e *Engine) put(in *request) (any, error) {
	s, err := e.live(in.SecretID)
	if err != nil {
		return nil, err
	}
	stages := in.VersionStages
	if stages == nil {
		stages = []string{current}
	}
	if err := e.add(s, in, stages); err != nil {
		return nil, err
	}
	return named{ARN: s.arn, Name: s.name, VersionID: in.ClientRequestToken,
		VersionStages: s.versions[in.ClientRequestToken].stages}, nil
}

type value struct {
	named
	SecretString *string `json:",omitempty"`
	SecretBinary []byte  `json:",omitempty"`
	CreatedDate  float64
}

func (e *Engine) get(in *request) (any, error) {
	s, err := e.live(in.SecretID)
	if err != nil {
		return nil, err
	}
	stage := in.VersionStage
	if stage == "" && in.VersionID == "" {
		stage = current
	}
	for _, v := range s.versions {
		if (in.VersionID == "" || v.id == in.VersionID) && (stage == "" || slices.Contains(v.stages, stage)) {
			return value{named{s.arn, s.name, v.id, v.stages}, v.text, v.binary, seconds(v.created)}, nil
		}
	}
	return nil, newFault("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for %s.",
		"staging label: "+stage)
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

type description struct {
	ARN                string
	Name               string
	Description        string              `json:",omitempty"`
	KmsKeyID           string              `json:"KmsKeyId,omitempty"`
	Tags               []tag               `json:",omitempty"`
	VersionIDsToStages map[string][]string `json:"VersionIdsToStages"`
	CreatedDate        float64
	LastChangedDate    float64
	DeletedDate        float64 `json:",omitempty"`
}

func (s *secret) described() description {
	d := description{ARN: s.arn, Name: s.name, Description: s.description, KmsKeyID: s.key, Tags: s.tags,
		VersionIDsToStages: map[string][]string{}, CreatedDate: seconds(s.created), LastChangedDate: seconds(s.changed)}
	for id, v := range s.versions {
		d.VersionIDsToStages[id] = v.stages
	}
	if !s.deleted.IsZero() {
		d.DeletedDate = seconds(s.deleted)
	}
	return d
}

func (e *Engine) describe(in *request) (any, error) {
	s, err := e.find(in.SecretID)
	if err != nil {
		return nil, err
	}
	return s.described(), nil
}

func (e *Engine) moveStage(in *request) (any, error) {
	s, err := e.live(in.SecretID)
	switch {
	case err != nil:
		return nil, err
	case in.VersionStage == "":
		return nil, newFault("ValidationException", "VersionStage must not be empty")
	case in.MoveToVersionID == "" && in.VersionStage == current:
		return nil, invalid("You can't remove the staging label AWSCURRENT; move it.")
	case in.MoveToVersionID != "" && s.versions[in.MoveToVersionID] == nil:
		return nil, newFault("ResourceNotFoundException", "Secrets Manager can't find the specified secret version.")
	}
	holder := ""
	for id, v := range s.versions {
		if slices.Contains(v.stages, in.VersionStage) {
			holder = id
		}
	}
	if holder != "" && holder != in.MoveToVersionID && in.RemoveFromVersionID != holder {
		return nil, invalid("The parameter RemoveFromVersionId must be the version that has the staging label %s.",
			in.VersionStage)
	}
	if in.MoveToVersionID != "" {
		s.label(in.VersionStage, in.MoveToVersionID)
	} else if v := s.versions[holder]; v != nil {
		v.stages = slices.DeleteFunc(v.stages, func(one string) bool { return one == in.VersionStage })
	}
	s.tidy()
	s.changed = e.options.Now()
	return named{ARN: s.arn, Name: s.name}, nil
}

func (e *Engine) list(in *request) (any, error) {
	answer := struct{ SecretList []description }{[]description{}}
	for _, s := range e.secrets {
		if s.deleted.IsZero() || in.IncludePlannedDeletion {
			answer.SecretList = append(answer.SecretList, s.described())
		}
	}
	slices.SortFunc(answer.SecretList, func(a, b description) int { return strings.Compare(a.Name, b.Name) })
	return answer, nil
}

func (e *Engine) remove(in *request) (any, error) {
	s, err := e.live(in.SecretID)
	if err != nil {
		return nil, err
	}
	const least, standard, most = 7, 30, 30 // days
	days := standard
	switch {
	case in.RecoveryWindowInDays != nil && in.ForceDeleteWithoutRecovery:
		return nil, invalid("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case in.RecoveryWindowInDays != nil:
		if days = *in.RecoveryWindowInDays; days < least || days > most {
			return nil, invalid("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
		}
	case in.ForceDeleteWithoutRecovery:
		days = 0
		delete(e.secrets, s.name)
	}
	s.deleted = e.options.Now()
	return struct {
		ARN          string
		Name         string
		DeletionDate float64
	}{s.arn, s.name, seconds(s.deleted.AddDate(0, 0, days))}, nil
}

func (e *Engine) restore(in *request) (any, error) {
	s, err := e.find(in.SecretID)
	if err != nil {
		return nil, err
	}
	s.deleted = time.Time{}
	return named{ARN: s.arn, Name: s.name}, nil
}
