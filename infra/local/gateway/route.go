package gateway

import (
	"fmt"
	"slices"
	"strings"
)

const anyMethod = "ANY"

// route is a [Route] with its path taken apart.
type route struct {
	Route
	segments []segment
	bucket   *bucket
}

// segment is a part of a path: a text, or with a kind other than literal a variable's name.
type segment struct {
	kind kind
	text string
}

// kind orders segments: what says more about a path comes first.
type kind int

const (
	literal  kind = iota
	variable      // {name}: one segment that is not empty
	greedy        // {name+}: all that follows, one segment at least
)

func (r route) key() string { return r.Method + " " + r.Path }

// parseRoutes takes the routes apart and sorts them: the most specific first.
func parseRoutes(all []Route) ([]route, error) {
	routes, seen := make([]route, 0, len(all)), map[string]bool{}
	for _, one := range all {
		r := route{Route: one}
		var err error
		if r.bucket, err = newBucket(one.Throttle); err != nil {
			return nil, fmt.Errorf("route %q: %w", r.key(), err)
		}
		switch {
		case one.Function == nil:
			return nil, fmt.Errorf("route %q: it has no function", r.key())
		case !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", anyMethod}, one.Method):
			return nil, fmt.Errorf("route %q: API Gateway has no such method", r.key())
		case !strings.HasPrefix(one.Path, "/"):
			return nil, fmt.Errorf("route %q: a path begins with a slash", r.key())
		}
		names := map[string]bool{}
		parts := strings.Split(one.Path[1:], "/")
		shape := one.Method // the key without the variables' names: two routes of one shape match the same requests
		for i, part := range parts {
			s := segment{text: part}
			if name, ok := strings.CutPrefix(part, "{"); ok && strings.HasSuffix(name, "}") {
				s.kind, s.text = variable, strings.TrimSuffix(name, "}")
				if name, ok := strings.CutSuffix(s.text, "+"); ok {
					s.kind, s.text = greedy, name
				}
			}
			switch {
			case s.text == "" && (s.kind != literal || i < len(parts)-1), strings.ContainsAny(s.text, "{}+") &&
				s.kind != literal,
				strings.ContainsAny(s.text, "{}") && s.kind == literal:
				return nil, fmt.Errorf("route %q: the segment %q is neither a text nor a {variable}", r.key(), part)
			case s.kind == greedy && i < len(parts)-1:
				return nil, fmt.Errorf("route %q: a greedy variable comes last", r.key())
			case s.kind != literal && names[s.text]:
				return nil, fmt.Errorf("route %q: the variable %s is there twice", r.key(), s.text)
			case s.kind == literal:
				shape += "/" + part
			default:
				shape += fmt.Sprintf("/{%d}", s.kind)
				names[s.text] = true
			}
			r.segments = append(r.segments, s)
		}
		if seen[shape] {
			return nil, fmt.Errorf("route %q: another route matches the same requests", r.key())
		}
		seen[shape] = true
		routes = append(routes, r)
	}
	slices.SortStableFunc(routes, func(a, b route) int { return slices.Compare(a.rank(), b.rank()) })
	return routes, nil
}

// rank orders the routes that match one request: full matches before greedy ones, then by the first segment that
// differs, then a method before ANY.
func (r route) rank() []kind {
	rank := []kind{literal}
	for _, s := range r.segments {
		rank = append(rank, s.kind)
		if s.kind == greedy {
			rank[0] = greedy
		}
	}
	if r.Method == anyMethod {
		return append(rank, variable)
	}
	return append(rank, literal)
}

// match finds the best route for a request, and its variables' values; the zero route when there is none. The path is
// the decoded one, as with HTTP APIs: an encoded slash separates segments.
func match(routes []route, method, path string) (route, map[string]string) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for _, r := range routes {
		if r.Method == method || r.Method == anyMethod {
			if parameters, ok := r.take(parts); ok {
				return r, parameters
			}
		}
	}
	return route{}, nil
}

func (r route) take(parts []string) (map[string]string, bool) {
	var parameters map[string]string
	for i, s := range r.segments {
		if i >= len(parts) || s.kind == literal && s.text != parts[i] {
			return nil, false
		}
		if s.kind == literal {
			continue
		}
		value := parts[i]
		if s.kind == greedy {
			value = strings.Join(parts[i:], "/")
			parts = parts[:i+1]
		}
		if value == "" {
			return nil, false
		}
		if parameters == nil {
			parameters = map[string]string{}
		}
		parameters[s.text] = value
	}
	return parameters, len(parts) == len(r.segments)
}
