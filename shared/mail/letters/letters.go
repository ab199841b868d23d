// Package letters writes what mails say: from facts of the domain, a subject and two forms of one text, plain and HTML.
// The words are in messages/, a file for each language, as templates of plain text; layout/ has the two forms, in no
// language. A new language is a new file: a test holds it to the English one.
//
// Whatever people have typed, such as a course's title, is made one line without control characters, and escaped by
// html/template where it stands. Of the recipient nothing is said: the mail is to whom it is addressed.
//
// It knows the domain, nothing of how mail is sent. Start with [New]; kinds.go has a function for each kind.
package letters

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"path"
	"strings"
	"text/template"
	"unicode"
)

//go:embed messages layout
var files embed.FS

// Locale names a language, as BCP 47 does: "en".
type Locale string

// English is the language of every letter whose reader's own is not known, or is not there.
const English Locale = "en"

// Text is what a letter says.
type Text struct {
	Subject     string // one line
	Plain, HTML string
}

// Writer writes letters. It is safe for concurrent use.
type Writer struct {
	messages map[Locale]*template.Template
	plain    *template.Template
	html     *htmltemplate.Template
}

// New reads the messages and layouts.
func New() (*Writer, error) {
	w := &Writer{messages: map[Locale]*template.Template{}}
	var err error
	if w.plain, err = template.ParseFS(files, "layout/letter.txt"); err != nil {
		return nil, fmt.Errorf("read a layout: %w", err)
	}
	if w.html, err = htmltemplate.ParseFS(files, "layout/letter.html"); err != nil {
		return nil, fmt.Errorf("read a layout: %w", err)
	}
	entries, err := files.ReadDir("messages")
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	for _, entry := range entries {
		text, err := files.ReadFile("messages/" + entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read messages: %w", err)
		}
		if err := w.add(Locale(strings.TrimSuffix(entry.Name(), path.Ext(entry.Name()))), text); err != nil {
			return nil, fmt.Errorf("read messages/%s: %w", entry.Name(), err)
		}
	}
	if w.messages[English] == nil {
		return nil, errors.New("there are no English messages")
	}
	return w, nil
}

// add takes the messages of a language: a JSON object of templates by key.
func (w *Writer) add(locale Locale, text []byte) error {
	var messages map[string]string
	if err := json.Unmarshal(text, &messages); err != nil {
		return err
	}
	root := template.New("").Option("missingkey=error")
	for key, message := range messages {
		if _, err := root.New(key).Parse(message); err != nil {
			return err
		}
	}
	w.messages[locale] = root
	return nil
}

// values are what messages may name.
type values map[string]string

// draft gathers a letter in one language. The first failure stays.
type draft struct {
	messages *template.Template
	values   values
	page     page
	err      error
}

// page is what the layouts show. All of it is plain text.
type page struct {
	Lang                   Locale
	Subject, Opening       string
	Facts                  []fact
	Closing                string
	Why, Stop, Unsubscribe string
}

type fact struct{ Label, Value string }

// draft begins a letter; names of messages begin with its kind.
func (w *Writer) draft(locale Locale, v values) *draft {
	if w.messages[locale] == nil {
		locale = English
	}
	for name, value := range v {
		v[name] = line(value)
	}
	return &draft{messages: w.messages[locale], values: v, page: page{Lang: locale}}
}

// say gives a message.
func (d *draft) say(key string) string {
	var text strings.Builder
	if err := d.messages.ExecuteTemplate(&text, key, d.values); err != nil && d.err == nil {
		d.err = err
	}
	return text.String()
}

// fact adds a line of the letter's table, unless the value is empty.
func (d *draft) fact(label, value string) {
	if value = line(value); value != "" {
		d.page.Facts = append(d.page.Facts, fact{d.say("label." + label), value})
	}
}

// finish lays the letter out. Unsubscribe is an address.
func (w *Writer) finish(d *draft, kind, unsubscribe string) (Text, error) {
	d.page.Subject, d.page.Opening = line(d.say(kind+".subject")), d.say(kind+".opening")
	d.page.Closing, d.page.Why = d.say(kind+".closing"), d.say(kind+".why")
	d.page.Stop, d.page.Unsubscribe = d.say("stop"), unsubscribe
	if d.err != nil {
		return Text{}, fmt.Errorf("write a letter: %w", d.err)
	}
	var plain, html bytes.Buffer
	if err := errors.Join(w.plain.Execute(&plain, d.page), w.html.Execute(&html, d.page)); err != nil {
		return Text{}, fmt.Errorf("lay a letter out: %w", err)
	}
	return Text{Subject: d.page.Subject, Plain: plain.String(), HTML: html.String()}, nil
}

// line makes one bounded line of a text: a title must not end the subject, forge a line of the letter, or turn its
// direction.
func line(text string) string {
	const (
		longest           = 300                // characters
		nonJoiner, joiner = '\u200c', '\u200d' // which Persian and some other scripts are spelt with
	)
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) && r != nonJoiner && r != joiner {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))), " ")
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest-1]) + "…"
	}
	return text
}
