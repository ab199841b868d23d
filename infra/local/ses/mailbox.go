package ses

import (
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

//go:embed page
var pages embed.FS

// The mailbox loads its own style, frames its own mails, and nothing else. A mail's HTML stands in a frame without
// scripts, forms, pop-ups or an origin, whichever way it is opened: what was sent is not to be trusted.
const (
	pagePolicy = "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; " +
		"frame-ancestors 'none'"
	mailPolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action " +
		"'none'; frame-ancestors 'self'"
)

func (e *Engine) serveMailbox() {
	templates := template.Must(template.New("").Funcs(template.FuncMap{"join": strings.Join, "link": link}).ParseFS(pages,
		"page/*.html"))
	show := func(w http.ResponseWriter, name string, data any) {
		head(w, "text/html; charset=utf-8", pagePolicy)
		if err := templates.ExecuteTemplate(w, name, data); err != nil {
			e.options.Log.Error("the mailbox cannot be shown", "error", err)
		}
	}
	e.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		mails := e.Sent()
		slices.Reverse(mails)
		show(w, "list.html", map[string]any{"Mails": mails, "Keep": e.options.Keep})
	})
	e.mux.HandleFunc("GET /mails/{id}", func(w http.ResponseWriter, r *http.Request) {
		m, ok := e.mail(r.PathValue("id"))
		if !ok {
			http.NotFound(w, r)
			return
		}
		show(w, "mail.html", m)
	})
	e.mux.HandleFunc("GET /mails/{id}/html", func(w http.ResponseWriter, r *http.Request) {
		m, ok := e.mail(r.PathValue("id"))
		if !ok {
			http.NotFound(w, r)
			return
		}
		head(w, "text/html; charset=utf-8", mailPolicy)
		_, _ = w.Write([]byte(m.HTML)) // as it was sent; the policy holds it
	})
	e.mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, r *http.Request) {
		head(w, "text/css; charset=utf-8", pagePolicy)
		http.ServeFileFS(w, r, pages, "page/style.css")
	})
}

func head(w http.ResponseWriter, kind, policy string) {
	for name, value := range map[string]string{
		"Content-Type": kind, "Content-Security-Policy": policy, "Cache-Control": "no-store",
		"X-Content-Type-Options": "nosniff",
		"Referrer-Policy":        "no-referrer",
	} {
		w.Header().Set(name, value)
	}
}

// link is the web address in a header such as "<https://…>"; empty when there is none that may be followed.
func link(value string) string {
	text := strings.TrimSuffix(strings.TrimPrefix(value, "<"), ">")
	address, err := url.Parse(text)
	if err != nil || address.Scheme != "http" && address.Scheme != "https" {
		return ""
	}
	return text
}
