// Package iam is what stands for AWS's Identity and Access Management in the local cloud: it decides whether a function
// may do what it asks an engine for, by the policy that would be deployed for its role.
//
// Each function has credentials of its own, whose access key id names it ([AccessKey]). An engine takes the id from the
// request ([Caller]), says what the request needs ([Request]), and answers in its service's words when
// [Authority.Check] refuses. Whoever has other credentials is an administrator, who may do everything: the commands
// that people run, the aws CLI, tests. Signatures are not checked.
//
// What it assumes of AWS's evaluation, with AWS's pages, stands in docs/least-privilege.md. It knows no service and
// nothing of the project. Start with [New].
package iam

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Principal is who makes requests: a function with its role.
type Principal struct {
	Name   string // the function's, which is its session's name on AWS, too
	Role   string // the role's name
	Policy []byte // the role's policy, a JSON document
}

// keyPrefix begins the access key ids of functions. AWS's own have no hyphens.
const keyPrefix = "function-"

// AccessKey is the access key id of a principal.
func AccessKey(name string) string { return keyPrefix + name }

// Credentials are those of a principal. The secret is none: nothing outside this machine knows it.
func Credentials(name string) aws.Credentials {
	return aws.Credentials{AccessKeyID: AccessKey(name), SecretAccessKey: "secret-of-" + name,
		SessionToken: "session-of-" + name, Source: "infra/local/iam"}
}

// Request is one thing that a caller wants to do.
type Request struct {
	Action   string // for example "dynamodb:PutItem"
	Resource string // an ARN, or "*" where the action has no resource
	Context  Context
}

// Context is what the request says besides, by condition keys.
type Context []Attribute

// Attribute is a condition key with its values. A key without values is absent.
type Attribute struct {
	Key    string // for example "dynamodb:LeadingKeys"
	Values []string
}

func (c Context) of(key string) (values []string, present bool) {
	for _, a := range c {
		if a.Key == key && len(a.Values) > 0 {
			return a.Values, true
		}
	}
	return nil, false
}

// Denied is an answer of [Authority.Check]: no policy allows the request.
type Denied struct {
	Principal string // the ARN of the role's session
	Action    string
	Resource  string
}

// Error says it in AWS's words (IAM user guide, "Troubleshoot access denied error messages").
func (d *Denied) Error() string {
	return fmt.Sprintf(
		"User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows "+
			"the %s action", d.Principal, d.Action, d.Resource, d.Action)
}

// Call is a request that was decided.
type Call struct {
	Principal string // the function's name
	Request   Request
	Allowed   bool
}

// Options configure an authority.
type Options struct {
	Account string       // twelve digits, in the ARNs of principals
	Log     *slog.Logger // is told of each refusal; nil: nobody is
	// Shown makes of a condition key's value what may stand in the log, as a partition key may hold somebody's address.
	// Nil: values are not logged.
	Shown func(value string) string
	// Observe is told of each request of a principal that was decided. It must be safe for concurrent use. Nil: nobody is.
	Observe func(Call)
}

// Authority decides. It is safe for concurrent use; nil allows everything.
type Authority struct {
	options    Options
	principals map[string]*principal // by access key id
}

type principal struct {
	name, arn string
	policy    *policy
}

// New makes an authority for the principals. It refuses policies that have anything which this package does not know.
func New(o Options, principals ...Principal) (*Authority, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &Authority{options: o, principals: make(map[string]*principal, len(principals))}
	for _, p := range principals {
		compiled, err := compile(p.Policy)
		if err != nil {
			return nil, fmt.Errorf("the policy of %s: %w", p.Name, err)
		}
		a.principals[AccessKey(p.Name)] = &principal{
			name: p.Name, arn: "arn:aws:sts::" + o.Account + ":assumed-role/" + p.Role + "/" + p.Name, policy: compiled,
		}
	}
	return a, nil
}

// Restricts reports whether the caller is one whose requests must be checked.
func (a *Authority) Restricts(accessKey string) bool {
	if a == nil {
		return false
	}
	_, known := a.principals[accessKey]
	return known || strings.HasPrefix(accessKey, keyPrefix)
}

// Credentials are those of the principal with that access key id, if there is one.
func (a *Authority) Credentials(accessKey string) (aws.Credentials, bool) {
	if a == nil || a.principals[accessKey] == nil {
		return aws.Credentials{}, false
	}
	return Credentials(a.principals[accessKey].name), true
}

// Check is nil when the caller may do this, and a [*Denied] when not. A function that there is none of may do nothing.
func (a *Authority) Check(ctx context.Context, accessKey string, r Request) error {
	if a == nil || !strings.HasPrefix(accessKey, keyPrefix) || Repeated(ctx) {
		return nil
	}
	p := a.principals[accessKey]
	if p == nil {
		return &Denied{Principal: accessKey, Action: r.Action, Resource: r.Resource}
	}
	allowed := p.policy.allows(&r)
	if a.options.Observe != nil {
		a.options.Observe(Call{Principal: p.name, Request: r, Allowed: allowed})
	}
	if allowed {
		return nil
	}
	a.options.Log.ErrorContext(ctx, "access denied: the function's grants in functions/manifest.go do not have this",
		"function", p.name, "action", r.Action, "resource", r.Resource, "context", a.shown(r.Context))
	return &Denied{Principal: p.arn, Action: r.Action, Resource: r.Resource}
}

// shown is a context as the log may show it.
func (a *Authority) shown(c Context) []string {
	var all []string
	for _, attribute := range c {
		for _, v := range attribute.Values {
			if a.options.Shown != nil {
				all = append(all, attribute.Key+"="+a.options.Shown(v))
			}
		}
	}
	return all
}

// Caller is the access key id that a request is signed with, in its header or its address (IAM user guide, "Elements of
// an AWS API request signature"). Empty: it is not signed.
func Caller(r *http.Request) string {
	credential := r.Header.Get("Authorization")
	if _, after, found := strings.Cut(credential, "Credential="); found {
		credential = after
	} else if credential = ""; strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
		credential = r.URL.Query().Get("X-Amz-Credential")
	}
	accessKey, _, _ := strings.Cut(credential, "/")
	return accessKey
}

type repeatedKey struct{}

// Repeat marks a request that is carried out once more after a restart: it was allowed when it was made, and its answer
// is known. It is not checked again.
func Repeat(ctx context.Context) context.Context { return context.WithValue(ctx, repeatedKey{}, true) }

// Repeated reports whether the request is one of [Repeat]'s.
func Repeated(ctx context.Context) bool { return ctx.Value(repeatedKey{}) != nil }
