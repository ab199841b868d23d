package preferences

import (
	"context"
	_ "embed" // the page
	"errors"
	"net/http"
	"strings"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/mail/unsubscribe"
	"example.com/registrar/shared/registrar"
)

// page is HTML with placeholders in double brackets. All texts are ours, so that nothing has to be escaped, and no
// template library has to be started.
//
//go:embed unsubscribe.html
var page string

// pagePolicy lets the page style itself and send its one form to its own origin.
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; " +
	"frame-ancestors 'none'"

type tokenInput struct {
	Token string `path:"token" maxLength:"244" pattern:"^[A-Za-z0-9_-]{1,200}[.][A-Za-z0-9_-]{43}$" doc:"From a mail's List-Unsubscribe header" example:"cmVnaXN0cmF0aW9uLW1hZGUKc3R1ZGVudDox.3bNzqfDwVUXtMSGvSWeNBv0Ugnrq5zuQ7O1Mbss7r8Y"`
}

type pageOutput struct {
	ContentType string `header:"Content-Type"`
	Policy      string `header:"Content-Security-Policy"`
	Body        []byte
}

// UnsubscribeOperations are the page that a person opens, and the request that its button, or a mail program, sends.
// One Lambda serves both.
func UnsubscribeOperations(store UpdateStore, tokens unsubscribe.Tokens, system api.System) []api.Operation {
	return []api.Operation{unsubscribePage(tokens), Unsubscribe(store, tokens, system)}
}

// unsubscribePage changes nothing: programs that look for malware follow every link in a mail.
func unsubscribePage(tokens unsubscribe.Tokens) api.Operation {
	return api.Define(api.Spec{
		ID: "preferences-unsubscribe-page", Method: http.MethodGet, Path: "/v1/unsubscribe/{token}",
		Summary:     "Show a page that unsubscribes",
		Description: "HTML, with a button. To open the page changes nothing.", Tag: "mail", Access: api.Public,
		Codes: []registrar.Code{registrar.NotFound}, Media: []string{"text/html"},
	}, func(_ context.Context, in *tokenInput) (*pageOutput, error) {
		_, kind, err := read(tokens, in.Token)
		if err != nil {
			return nil, err
		}
		return paper("Stop these mails?", "You will no longer get mail "+about(kind)+".",
			`<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click"><button>Stop `+
				`them</button></form>`), nil
	})
}

// Unsubscribe switches off one kind of mail to one person.
func Unsubscribe(store UpdateStore, tokens unsubscribe.Tokens, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "preferences-unsubscribe", Method: http.MethodPost, Path: "/v1/unsubscribe/{token}",
		Summary: "Unsubscribe with one click",
		Description: "What a mail program sends by itself (RFC 8058), and the page's button. The token stands for one " +
			"person and one kind " +
			"of mail; no login is needed. To do it again changes nothing.",
		Tag: "mail", Access: api.Public, Codes: []registrar.Code{registrar.NotFound},
		Form: api.Form{"List-Unsubscribe": "One-Click"}, Media: []string{"text/html"},
	}, func(ctx context.Context, in *tokenInput) (*pageOutput, error) {
		recipient, kind, err := read(tokens, in.Token)
		if err != nil {
			return nil, err
		}
		if err := switchOff(ctx, store, recipient, kind, system); err != nil {
			return nil, err
		}
		return paper("Done", "You will no longer get mail "+about(kind)+".", ""), nil
	})
}

func read(tokens unsubscribe.Tokens, token string) (mail.Recipient, mail.Kind, error) {
	recipient, kind, err := tokens.Read(token)
	if err != nil {
		return "", "", registrar.Refuse(registrar.NotFound, "",
			"this is not a valid unsubscribe link").ClearedBy("the link as it is in the mail")
	}
	return recipient, kind, nil
}

// switchOff tries until it succeeds. It ends: whoever was faster either did the same, or made one other change.
func switchOff(
	ctx context.Context, store UpdateStore, recipient mail.Recipient, kind mail.Kind, system api.System,
) error {
	for {
		p, err := store.MailPreferences(ctx, recipient)
		if registrar.IsRefusal(err, registrar.NotFound) || err == nil && !p.Wants(kind) {
			return nil // somebody who does not exist gets no mail, and nothing changes when it is off already
		}
		if err != nil {
			return err
		}
		p = p.With(kind, false)
		p.Stamp = p.Next(system.Clock())
		err = store.SaveMailPreferences(ctx, p, mail.PreferencesEvent(p, registrar.Actor{Principal: "unsubscribe-link"},
			system.NewID))
		if !errors.Is(err, registrar.ErrVersionMismatch) || ctx.Err() != nil {
			return err
		}
	}
}

// about says what the mails of a kind are about.
func about(kind mail.Kind) string {
	switch kind {
	case mail.RegistrationMade:
		return "when you are enrolled in a section"
	case mail.RegistrationDropped:
		return "when your enrolment in a section ends"
	case mail.ImportFinished:
		return "when an import has ended"
	}
	return "of this kind"
}

// paper fills in the page.
func paper(title, text, form string) *pageOutput {
	return &pageOutput{
		ContentType: "text/html; charset=utf-8", Policy: pagePolicy,
		Body: []byte(strings.NewReplacer("[[title]]", title, "[[text]]", text, "[[form]]", form).Replace(page)),
	}
}
