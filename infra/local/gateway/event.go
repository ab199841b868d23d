package gateway

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// Call is what an event holds besides the request.
type Call struct {
	RouteKey       string            // "POST /v1/sections/{id}/registrations", or "$default"
	PathParameters map[string]string // the values of the route's variables
	RequestID      string
	DomainName     string // empty: the request's host
	Time           time.Time
}

const (
	accountID = "000000000000"
	apiID     = "local"
)

// Event makes the event of payload format 2.0 that a request becomes. It reads the body to its end; an error is from
// there.
func Event(r *http.Request, c Call) (events.APIGatewayV2HTTPRequest, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return events.APIGatewayV2HTTPRequest{}, fmt.Errorf("read the request's body: %w", err)
		}
	}
	source, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		source = r.RemoteAddr // without a port
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	domain := c.DomainName
	if domain == "" {
		domain = host
	}
	prefix, _, _ := strings.Cut(domain, ".")
	headers, cookies := readHeaders(r, source, len(body))
	if headers["x-amzn-trace-id"] == "" {
		headers["x-amzn-trace-id"] = newTrace(c)
	}
	event := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: c.RouteKey, RawPath: r.URL.Path, /* decoded, whatever its name says */
		RawQueryString: r.URL.RawQuery,
		Cookies:        cookies, Headers: headers, PathParameters: c.PathParameters,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: c.RouteKey, AccountID: accountID, Stage: "$default", RequestID: c.RequestID, APIID: apiID,
			DomainName: domain, DomainPrefix: prefix,
			Time: c.Time.UTC().Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: c.Time.UnixMilli(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: r.Method, Path: r.URL.Path, Protocol: r.Proto, SourceIP: source, UserAgent: r.UserAgent(),
			},
		},
	}
	for name, values := range r.URL.Query() {
		if event.QueryStringParameters == nil {
			event.QueryStringParameters = map[string]string{}
		}
		event.QueryStringParameters[name] = strings.Join(values, ",")
	}
	switch {
	case len(body) == 0:
	case isText(r.Header, body):
		event.Body = string(body)
	default:
		event.Body, event.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return event, nil
}

// newTrace makes the trace id of a request that came without one. It is derived from the request's id, so that a test
// that sets the request's id knows the trace id.
func newTrace(c Call) string {
	const digits = 12 // bytes of the 96 bits that X-Ray asks for
	sum := sha256.Sum256([]byte(c.RequestID))
	return fmt.Sprintf("Root=1-%08x-%x", c.Time.Unix(), sum[:digits])
}

// readHeaders writes the headers' names in lower case and joins the values of repeated ones, takes the cookies out, and
// puts in what net/http keeps elsewhere and what API Gateway adds.
func readHeaders(r *http.Request, source string, length int) (headers map[string]string, cookies []string) {
	headers = map[string]string{"host": r.Host}
	for name, values := range r.Header {
		if name == "Cookie" {
			for cookie := range strings.SplitSeq(strings.Join(values, ";"), ";") {
				if cookie = strings.TrimSpace(cookie); cookie != "" {
					cookies = append(cookies, cookie)
				}
			}
			continue
		}
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	scheme, port := "http", "80"
	if r.TLS != nil {
		scheme, port = "https", "443"
	}
	if _, stated, err := net.SplitHostPort(r.Host); err == nil {
		port = stated
	}
	forwarded := source
	if before := headers["x-forwarded-for"]; before != "" {
		forwarded = before + ", " + source
	}
	headers["x-forwarded-for"], headers["x-forwarded-proto"], headers["x-forwarded-port"] = forwarded, scheme, port
	if length > 0 || r.Header.Get("Content-Length") != "" {
		headers["content-length"] = strconv.Itoa(length)
	}
	return headers, cookies
}

// isText reports whether a body is passed on as text. A compressed body is not, and neither is one that is not UTF-8
// and so does not fit into JSON, whatever its type says.
func isText(h http.Header, body []byte) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		kind, _, _ = strings.Cut(h.Get("Content-Type"), ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
	}
	switch {
	case h.Get("Content-Encoding") != "" || !utf8.Valid(body):
		return false
	case strings.HasPrefix(kind, "text/"), strings.HasSuffix(kind, "+json"), strings.HasSuffix(kind, "+xml"):
		return true
	default:
		return kind == "application/json" || kind == "application/xml" || kind == "application/javascript"
	}
}
