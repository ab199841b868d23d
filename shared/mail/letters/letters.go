// Package letters writes the texts of mails: from facts of the domain it makes a subject and two forms of one text,
// plain and HTML. The words are in messages/, a file for each language, as templates of plain text. The two forms are
// in layout/, without words. A new language is a new file: a test compares it with the English one.
//
// Text that people have typed, such as a course's title, is made one line without control characters, and html/template
// escapes it. A letter says nothing about its recipient: it only goes to the recipient's address.
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

// English is the language of every letter whose reader's own language is not known or not available.
const English Locale = "en"

// Text is the text of a letter.
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

// values are the values that messages may use.
type values map[string]string

// draft builds a letter in one language. It keeps the first failure.
type draft struct {
	messages *template.Template
	values   values
	page     page
	err      error
}

// page is the input of the layouts. All of it is plain text.
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

// say is a message with its values.
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

// finish renders the letter. Unsubscribe is an address.
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

// line makes one line of limited length from a text. A title must not end the subject, forge a line of the letter, or
// turn its direction.
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
