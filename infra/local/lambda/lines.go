package lambda

import (
	"bytes"
	"io"
	"sync"
)

// maxLine bounds a line that a function prints, in bytes, as CloudWatch Logs bounds a log event. A longer one is cut in
// two.
const maxLine = 1 << 20

// lines hands whole lines on. What a process prints comes in pieces, and other processes print to the same place.
type lines struct {
	out io.Writer

	mu   sync.Mutex
	rest []byte // of a line whose end has not come yet
}

// Write implements [io.Writer]. It never fails: a function does not stop because nobody reads what it prints.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		end := bytes.IndexByte(l.rest, '\n') + 1
		if end == 0 && len(l.rest) >= maxLine {
			end = maxLine
		}
		if end == 0 {
			return len(p), nil
		}
		l.pass(l.rest[:end])
		l.rest = l.rest[end:]
	}
}

// flush hands on what was printed without an end.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) > 0 {
		l.pass(append(l.rest, '\n'))
		l.rest = nil
	}
}

func (l *lines) pass(line []byte) { _, _ = l.out.Write(line) } // see Write
