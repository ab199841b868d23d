package ses

import (
	"errors"
	"fmt"
	"net/http"

	"example.com/registrar/infra/local/iam"
)

// authorize refuses mail that the caller's policy does not allow: it needs the action on the sender's identity and, if
// one is named, on the configuration set (service authorization reference, "Actions, resources, and condition keys for
// Amazon Simple Email Service v2").
func (e *Engine) authorize(r *http.Request, from, configurationSet string) error {
	if e.options.Access == nil {
		return nil
	}
	accessKey := iam.Caller(r)
	if !e.options.Access.Restricts(accessKey) {
		return nil
	}
	arn := "arn:aws:ses:" + e.options.Region + ":" + e.options.Account + ":"
	resources := []string{arn + "identity/" + e.identity(from)}
	if configurationSet != "" {
		resources = append(resources, arn+"configuration-set/"+configurationSet)
	}
	for _, resource := range resources {
		err := e.options.Access.Check(r.Context(), accessKey, iam.Request{
			Action: "ses:SendEmail", Resource: resource,
			Context: iam.Context{{Key: "ses:FromAddress", Values: []string{from}}},
		})
		var denied *iam.Denied
		if errors.As(err, &denied) { // in SES's own words
			return newFault(http.StatusForbidden, "AccessDeniedException", "%s", fmt.Sprintf(
				"User `%s' is not authorized to perform `%s' on resource `%s'", denied.Principal, denied.Action, denied.Resource))
		} else if err != nil {
			return err
		}
	}
	return nil
}
