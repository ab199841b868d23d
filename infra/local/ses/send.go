package ses

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Limits (SES developer guide, "Service quotas in Amazon SES"; API reference v2, MessageHeader, MessageTag).
const (
	maxMessage     = 40 << 20 // bytes, of a request as SES v2 takes it
	maxRecipients  = 50
	maxTag         = 256
	maxHeaderName  = 126
	maxHeaderValue = 995
)

// sendEmailRequest is what the API reference has of SendEmail.
type sendEmailRequest struct {
	FromEmailAddress string
	Destination      struct{ ToAddresses, CcAddresses, BccAddresses []string }
	Content          struct {
		Simple *struct {
			Subject     *content
			Body        *struct{ Text, Html *content }
			Headers     []Pair
			Attachments []json.RawMessage
		}
		Raw, Template json.RawMessage
	}
	ConfigurationSetName                    string
	EmailTags                               []Pair
	ListManagementOptions, TenantName       json.RawMessage
	EndpointId, FromEmailAddressIdentityArn json.RawMessage
}

type content struct{ Data, Charset string }

func (e *Engine) sendEmail(w http.ResponseWriter, r *http.Request) {
	m, err := e.send(r)
	if err != nil {
		refuse(w, err)
		return
	}
	// The page's address, not the person's.
	e.options.Log.InfoContext(r.Context(), "a mail was sent", "mailbox", e.options.Address+"/mails/"+m.ID)
	e.feedback(r.Context(), m)
	answer(w, http.StatusOK, map[string]string{"MessageId": m.ID})
}

func refuse(w http.ResponseWriter, err error) {
	var f *fault
	if !errors.As(err, &f) {
		f = &fault{status: http.StatusInternalServerError, code: "InternalServiceErrorException", message: err.Error()}
	}
	w.Header().Set("X-Amzn-Errortype", f.code)
	answer(w, f.status, map[string]string{"message": f.message})
}

func (e *Engine) send(r *http.Request) (Mail, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxMessage+1))
	if err != nil || !utf8.Valid(body) {
		return Mail{}, newFault(http.StatusBadRequest, "SerializationException", "The request could not be read")
	}
	if len(body) > maxMessage {
		return Mail{}, badRequest("Message length is more than %d bytes long: '%d'.", maxMessage, len(body))
	}
	var in sendEmailRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return Mail{}, newFault(http.StatusBadRequest, "SerializationException",
			"The request is not what the operation takes")
	}
	for _, check := range []func(sendEmailRequest) error{notOffered, checkContent, checkHeaders, checkTags} {
		if err := check(in); err != nil {
			return Mail{}, err
		}
	}
	from, err := mail.ParseAddress(in.FromEmailAddress)
	if err != nil {
		return Mail{}, badRequest("Missing or malformed sender")
	}
	to := slices.Concat(in.Destination.ToAddresses, in.Destination.CcAddresses, in.Destination.BccAddresses)
	if err := checkRecipients(to); err != nil {
		return Mail{}, err
	}
	if in.ConfigurationSetName != "" && !slices.Contains(e.options.ConfigurationSets, in.ConfigurationSetName) {
		return Mail{}, newFault(http.StatusNotFound, "NotFoundException", "Configuration set <%s> does not exist.",
			in.ConfigurationSetName)
	}
	if !e.verified(from.Address) {
		return Mail{}, newFault(http.StatusBadRequest, "MessageRejected",
			"Email address is not verified. The following identities failed the check in region %s: %s",
			strings.ToUpper(e.options.Region), from.Address)
	}
	if err := e.authorize(r, from.Address, in.ConfigurationSetName); err != nil {
		return Mail{}, err
	}
	now := e.options.Now().UTC()
	simple := in.Content.Simple
	m := Mail{
		ID: "01000000" + uuid.NewString() + "-000000", At: now, From: in.FromEmailAddress, To: to,
		Subject: simple.Subject.Data,
		Headers: simple.Headers, Tags: in.EmailTags, ConfigurationSet: in.ConfigurationSetName,
	}
	if simple.Body.Text != nil {
		m.Text = simple.Body.Text.Data
	}
	if simple.Body.Html != nil {
		m.HTML = simple.Body.Html.Data
	}
	return m, e.take(m)
}

func notOffered(in sendEmailRequest) error {
	given := func(v json.RawMessage) bool { return len(v) > 0 && string(v) != "null" }
	for name, is := range map[string]bool{
		"Raw": given(in.Content.Raw), "Template": given(in.Content.Template),
		"ListManagementOptions": given(in.ListManagementOptions),
		"TenantName":            given(in.TenantName), "EndpointId": given(in.EndpointId),
		"FromEmailAddressIdentityArn": given(in.FromEmailAddressIdentityArn),
		"Attachments":                 in.Content.Simple != nil && len(in.Content.Simple.Attachments) > 0,
	} {
		if is {
			return badRequest("The local cloud does not offer %s", name)
		}
	}
	return nil
}

func checkContent(in sendEmailRequest) error {
	simple := in.Content.Simple
	switch {
	case simple == nil:
		return badRequest("Content is required")
	case simple.Subject == nil || simple.Body == nil:
		return badRequest("Subject and Body are required")
	case simple.Body.Text == nil && simple.Body.Html == nil:
		return badRequest("Body requires a Text or an Html part")
	case strings.ContainsAny(simple.Subject.Data, "\r\n"):
		return badRequest("Subject must be one line")
	}
	for _, c := range []*content{simple.Subject, simple.Body.Text, simple.Body.Html} {
		if c != nil && c.Charset == "" && strings.ContainsFunc(c.Data, func(r rune) bool { return r >= utf8.RuneSelf }) {
			return badRequest("Content that is not 7-bit ASCII requires a Charset")
		}
	}
	return nil
}

func checkRecipients(to []string) error {
	if len(to) == 0 {
		return badRequest("Missing required destination")
	}
	if len(to) > maxRecipients {
		return badRequest("Recipient count exceeds %d.", maxRecipients)
	}
	for _, address := range to {
		parsed, err := mail.ParseAddress(address)
		if err != nil {
			return badRequest("Illegal address")
		}
		local, domain, _ := strings.Cut(parsed.Address, "@")
		if strings.ContainsFunc(local, func(r rune) bool { return r >= utf8.RuneSelf }) || !strings.Contains(domain, ".") {
			return badRequest("Illegal address") // the local part must be ASCII (API reference, Destination)
		}
	}
	return nil
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// checkHeaders refuses those that SES makes itself, and what a header cannot be.
func checkHeaders(in sendEmailRequest) error {
	for _, h := range in.Content.Simple.Headers {
		switch {
		case h.Name == "" || len(h.Name) > maxHeaderName || !printable(h.Name) || strings.ContainsAny(h.Name, ": "):
			return badRequest("Header name is not valid")
		case h.Value == "" || len(h.Value) > maxHeaderValue || !printable(h.Value):
			return badRequest("Value of header %s is not valid", h.Name)
		}
		switch strings.ToLower(h.Name) {
		case "from", "to", "cc", "bcc", "subject", "date", "message-id", "return-path", "reply-to", "sender", "content-type",
			"mime-version":
			return badRequest("Header %s cannot be set", h.Name)
		}
	}
	return nil
}

func checkTags(in sendEmailRequest) error {
	isTag := func(s string) bool {
		return s != "" && len(s) <= maxTag && !strings.ContainsFunc(s, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
		})
	}
	for _, t := range in.EmailTags {
		if !isTag(t.Name) || !isTag(t.Value) {
			return newFault(http.StatusBadRequest, "BadRequestException", "Tag names and values may have letters, digits, "+
				"underscores and dashes")
		}
	}
	return nil
}
