package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strconv"
	"time"
)

// Lines gets the lines of invocations as JSON, as a JSON log of Lambda would have them, but appended to one slice of
// bytes: [slog.JSONHandler] writes numbers and the member "_aws" by reflection, and reads the latter once more, which
// together was some percent of a reading request.
type Lines struct {
	Out io.Writer // gets one line with each Write
	// RequestID is Lambda's id of the invocation, as aws-lambda-go adds it to each line; empty: it has none.
	RequestID func(context.Context) string
}

// write writes a line to which everything was added. It reports whether it could: values of other kinds than the line
// of an invocation has are left to the log.
func (l *Lines) write(ctx context.Context, r slog.Record) bool {
	const usual = 1024
	b := append(make([]byte, 0, usual), `{"timestamp":"`...)
	b = append(r.Time.AppendFormat(b, time.RFC3339Nano), `","level":"`...)
	b = append(append(b, r.Level.String()...), `","message":`...)
	b = appendText(b, r.Message)
	known := true
	r.Attrs(func(a slog.Attr) bool {
		b = append(appendText(append(b, ','), a.Key), ':')
		b, known = appendValue(b, a.Value)
		return known
	})
	if !known {
		return false
	}
	if id := l.RequestID(ctx); id != "" {
		b = appendText(append(b, `,"requestId":`...), id)
	}
	_, _ = l.Out.Write(append(b, "}\n"...)) // a log that fails cannot be reported anywhere
	return true
}

func appendValue(b []byte, v slog.Value) (_ []byte, known bool) {
	switch v.Kind() {
	case slog.KindString:
		return appendText(b, v.String()), true
	case slog.KindInt64:
		return strconv.AppendInt(b, v.Int64(), 10), true
	case slog.KindFloat64:
		return appendNumber(b, v.Float64()), true
	case slog.KindAny:
		switch v := v.Any().(type) {
		case directives:
			return append(b, v...), true
		case []float64:
			b = append(b, '[')
			for i, number := range v {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendNumber(b, number)
			}
			return append(b, ']'), true
		}
	}
	return b, false
}

// appendNumber appends what was counted or timed: nothing of that is so great or so small that JSON needs an exponent.
func appendNumber(b []byte, number float64) []byte {
	const shortest, bits = -1, 64
	return strconv.AppendFloat(b, number, 'f', shortest, bits)
}

// appendText appends a text in quotes. Almost all have nothing in them that must be escaped.
func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted := bytes.NewBuffer(b)
			encoder := json.NewEncoder(quoted)
			encoder.SetEscapeHTML(false) // as slog
			_ = encoder.Encode(text)     // a text can always be written, to a buffer too
			return bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))
		}
	}
	b = append(append(b, '"'), text...)
	return append(b, '"')
}
