package expression

import (
	"strconv"
	"strings"

	"example.com/registrar/infra/local/dynamodb/attr"
)

type tokenKind uint8

const (
	end    tokenKind = iota
	word             // a name or a keyword
	hash             // #name
	colon            // :value
	number           // an index
	mark             // punctuation and comparators
)

type token struct {
	kind     tokenKind
	text     string
	from, to int
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// later reports whether a name may go on with c: it begins with a letter (developer guide, "Referring to item
// attributes when using expressions").
func later(c byte) bool { return letter(c) || digit(c) || c == '_' }

// parser reads one expression, a token ahead.
type parser struct {
	kind      string // "ConditionExpression", for messages
	src       string
	holders   *Placeholders
	tok, last token
	operators int
	depth     int
	within    int // functions whose operands are being read
}

func newParser(kind, src string, holders *Placeholders) (*parser, error) {
	if strings.TrimSpace(src) == "" {
		return nil, attr.Invalid("Invalid %s: The expression can not be empty;", kind)
	}
	if len(src) > MaxBytes {
		return nil, attr.Invalid("Invalid %s: Expression size has exceeded the maximum allowed size; expression size: %d",
			kind, len(src))
	}
	p := &parser{kind: kind, src: src, holders: holders}
	return p, p.next()
}

func (p *parser) wrong(format string, args ...any) error {
	return attr.Invalid("Invalid "+p.kind+": "+format, args...)
}

// unexpected is the syntax error at the current token.
func (p *parser) unexpected() error {
	text := p.tok.text
	if p.tok.kind == end {
		text = "<EOF>"
	}
	return p.wrong(`Syntax error; token: "%s", near: "%s"`, text, p.src[p.last.from:p.tok.to])
}

func (p *parser) next() error {
	p.last = p.tok
	i := p.last.to
	for i < len(p.src) && strings.IndexByte(" \t\r\n", p.src[i]) >= 0 {
		i++
	}
	p.tok = token{kind: end, from: i, to: i}
	if i == len(p.src) {
		return nil
	}
	run := func(from int) int {
		for from < len(p.src) && later(p.src[from]) {
			from++
		}
		return from
	}
	to, c := i+1, p.src[i]
	switch {
	case letter(c):
		p.tok.kind, to = word, run(i)
	case digit(c):
		p.tok.kind = number
		for to < len(p.src) && digit(p.src[to]) {
			to++
		}
	case c == '#' || c == ':':
		p.tok.kind, to = hash, run(to)
		if c == ':' {
			p.tok.kind = colon
		}
		if to == i+1 {
			p.tok.kind = mark // a lone sign is no placeholder
		}
	case strings.IndexByte("()[],.=+-", c) >= 0:
		p.tok.kind = mark
	case c == '<' || c == '>':
		p.tok.kind = mark
		if to < len(p.src) && (p.src[to] == '=' || c == '<' && p.src[to] == '>') {
			to++
		}
	default:
		p.tok.text, p.tok.to = p.src[i:to], to
		return p.unexpected()
	}
	p.tok.text, p.tok.to = p.src[i:to], to
	return nil
}

// is reports whether the current token is that punctuation.
func (p *parser) is(text string) bool { return p.tok.kind == mark && p.tok.text == text }

// keyword reports whether the current token is that word, in any case.
func (p *parser) keyword(text string) bool {
	return p.tok.kind == word && strings.EqualFold(p.tok.text, text)
}

// accept takes that punctuation if it is there.
func (p *parser) accept(text string) (bool, error) {
	if !p.is(text) {
		return false, nil
	}
	return true, p.next()
}

func (p *parser) expect(text string) error {
	if !p.is(text) {
		return p.unexpected()
	}
	return p.next()
}

func (p *parser) acceptWord(text string) (bool, error) {
	if !p.keyword(text) {
		return false, nil
	}
	return true, p.next()
}

func (p *parser) done() error {
	if p.tok.kind != end {
		return p.unexpected()
	}
	return nil
}

// operator counts towards the limit of operators and functions.
func (p *parser) operator() error {
	if p.operators++; p.operators > MaxOperators {
		return p.wrong("The expression contains too many operators; operator count: %d", p.operators)
	}
	return nil
}

func (p *parser) deeper() error {
	if p.depth++; p.depth > maxDepth {
		return p.wrong("The expression is nested too deeply")
	}
	return nil
}

// name resolves one name of a path.
func (p *parser) name() (string, error) {
	switch p.tok.kind {
	case word:
		if reserved(p.tok.text) {
			return "", p.wrong("Attribute name is a reserved keyword; reserved keyword: %s", p.tok.text)
		}
		name := p.tok.text
		return name, p.next()
	case hash:
		name, ok := p.holders.names[p.tok.text]
		if !ok {
			return "", p.wrong("An expression attribute name used in the document path is not defined; attribute name: %s",
				p.tok.text)
		}
		p.holders.usedNames[p.tok.text] = true
		return name, p.next()
	default:
		return "", p.unexpected()
	}
}

// path reads a document path such as a.#b[0].
func (p *parser) path() (path, error) {
	first, err := p.name()
	if err != nil {
		return nil, err
	}
	steps := path{{name: first}}
	for {
		dot, err := p.accept(".")
		if err != nil {
			return nil, err
		}
		if dot {
			name, err := p.name()
			if err != nil {
				return nil, err
			}
			steps = append(steps, step{name: name})
			continue
		}
		bracket, err := p.accept("[")
		if err != nil {
			return nil, err
		}
		if !bracket {
			break
		}
		if p.tok.kind != number {
			return nil, p.unexpected()
		}
		index, err := strconv.Atoi(p.tok.text)
		if err != nil {
			return nil, p.wrong("List index is not within the allowable range; index: [%s]", p.tok.text)
		}
		if err := p.next(); err != nil {
			return nil, err
		}
		if err := p.expect("]"); err != nil {
			return nil, err
		}
		steps = append(steps, step{index: index})
	}
	if len(steps) > attr.MaxDepth {
		return nil, p.wrong("The document path has too many nesting levels; nesting levels: %d", len(steps))
	}
	return steps, nil
}

// value resolves a :placeholder.
func (p *parser) value() (attr.Value, error) {
	v, ok := p.holders.values[p.tok.text]
	if !ok {
		return v, p.wrong("An expression attribute value used in expression is not defined; attribute value: %s", p.tok.text)
	}
	p.holders.usedValues[p.tok.text] = true
	return v, p.next()
}

// function takes the name of a function, which a parenthesis must follow; false when the current word is not one.
func (p *parser) function() (name string, ok bool) {
	if p.tok.kind != word {
		return "", false
	}
	rest := strings.TrimLeft(p.src[p.tok.to:], " \t\r\n")
	return p.tok.text, strings.HasPrefix(rest, "(")
}
