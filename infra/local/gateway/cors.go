package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CORS is the configuration of the guide's "Configure CORS for HTTP APIs". With one, the gateway answers preflight
// requests itself, for any path, and a function's own Access-Control headers are ignored.
type CORS struct {
	AllowOrigins     []string // "https://app.example"; "https://*" and "http://*": all of the scheme; "*": all
	AllowMethods     []string // "GET", …, or "*"
	AllowHeaders     []string // or "*"
	ExposeHeaders    []string // or "*"
	MaxAge           time.Duration
	AllowCredentials bool // not with the origin "*", which browsers refuse then
}

const (
	corsPrefix = "Access-Control-"
	maxMaxAge  = 24 * time.Hour // API reference, Cors: maxAge
)

func (c *CORS) check() error {
	switch {
	case c == nil:
		return nil
	case c.AllowCredentials && slices.Contains(c.AllowOrigins, "*"):
		return errors.New("CORS: credentials are not allowed together with the origin *")
	case c.MaxAge < 0 || c.MaxAge > maxMaxAge || c.MaxAge%time.Second != 0:
		return fmt.Errorf("CORS: a maximum age of %s is not whole seconds up to %s", c.MaxAge, maxMaxAge)
	}
	for _, origin := range c.AllowOrigins {
		if strings.Contains(origin, "*") && !slices.Contains([]string{"*", "https://*", "http://*"}, origin) {
			return fmt.Errorf("CORS: a wildcard stands for all of an origin or for all after its scheme, not as in %q", origin)
		}
	}
	return nil
}

// isPreflight reports whether the gateway answers a request itself.
func (c *CORS) isPreflight(r *http.Request) bool {
	return c != nil && r.Method == http.MethodOptions && r.Header.Get("Origin") != "" &&
		r.Header.Get("Access-Control-Request-Method") != ""
}

// allowed is the value of Access-Control-Allow-Origin; empty for an origin that is not allowed.
func (c *CORS) allowed(origin string) string {
	for _, allowed := range c.AllowOrigins {
		prefix, open := strings.CutSuffix(allowed, "*")
		switch {
		case allowed == "*":
			return "*"
		case allowed == origin, open && strings.HasPrefix(origin, prefix):
			return origin
		}
	}
	return ""
}

// write sets the headers for a request from another origin, if that origin is allowed. Whether the method and the
// headers that a preflight asks for are among the allowed ones is for the browser to check.
func (c *CORS) write(h http.Header, r *http.Request) {
	if c == nil || r.Header.Get("Origin") == "" {
		return
	}
	origin := c.allowed(r.Header.Get("Origin"))
	if origin == "" {
		return
	}
	set := func(name string, values ...string) {
		if len(values) > 0 {
			h.Set(corsPrefix+name, strings.Join(values, ","))
		}
	}
	set("Allow-Origin", origin)
	if c.AllowCredentials {
		set("Allow-Credentials", "true")
	}
	if !c.isPreflight(r) {
		set("Expose-Headers", c.ExposeHeaders...)
		return
	}
	set("Allow-Methods", c.AllowMethods...)
	set("Allow-Headers", c.AllowHeaders...)
	if c.MaxAge > 0 {
		set("Max-Age", strconv.Itoa(int(c.MaxAge.Seconds())))
	}
}
