package api

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"example.com/registrar/shared/registrar"
)

// An entity tag is a record's version in quotes, "3". The same record in another coding has another tag (RFC 9110
// section 8.8.3.3): "3-gzip". Values that are shown and change without the record's version, such as the seats of a
// section, follow it: "3.12.18" is version 3 with the parts 12 and 18. Otherwise two different representations would
// have one strong tag (section 8.8.1), and a client with If-None-Match would keep the old one.
//
// Clients may send any of these back in If-Match: all of them name one version. A change depends on the version alone,
// and overwrites none of the values that change beside it.
const gzipSuffix = "-gzip"

// ETag writes a version as a strong entity tag, with the parts of what is shown beside the record.
func ETag(v registrar.Version, parts ...int) string {
	tag := strconv.FormatInt(int64(v), 10)
	for _, part := range parts {
		tag += "." + strconv.Itoa(part)
	}
	return `"` + tag + `"`
}

// WeakETag writes a version as a weak entity tag, for answers that show more than the record and are not changed with
// If-Match.
func WeakETag(v registrar.Version) string { return "W/" + ETag(v) }

// entityTag is one tag of a condition.
type entityTag struct {
	weak   bool
	opaque string // without the quotes
}

// entityTags is the value of If-Match or If-None-Match (RFC 9110, sections 13.1.1 and 13.1.2): "*", or a list of tags.
type entityTags struct {
	all  bool // "*"
	tags []entityTag
}

// parseEntityTags reads the value of a header, or returns false for a value that is neither "*" nor a list of entity
// tags. A list may have empty elements (section 5.6.1.2), and so be empty as a whole: it names no version.
func parseEntityTags(value string) (entityTags, bool) {
	const space = " \t"
	rest := strings.Trim(value, space)
	if rest == "*" {
		return entityTags{all: true}, true
	}
	var all entityTags
	for {
		rest = strings.TrimLeft(rest, space+",")
		if rest == "" {
			return all, true
		}
		var tag entityTag
		rest, tag.weak = strings.CutPrefix(rest, "W/")
		quoted, ok := strings.CutPrefix(rest, `"`)
		if !ok {
			return all, false
		}
		if tag.opaque, rest, ok = strings.Cut(quoted, `"`); !ok || !opaque(tag.opaque) {
			return all, false
		}
		all.tags = append(all.tags, tag)
		if rest = strings.TrimLeft(rest, space); rest != "" && rest[0] != ',' {
			return all, false
		}
	}
}

// entityTagsPattern is the pattern of what [parseEntityTags] takes, for the document.
const entityTagsPattern = `^[ \t,]*$|^[ \t]*\*[ \t]*$|^[ \t,]*(W/)?"[!#-~\x80-\xff]*"([ \t]*,[ \t,` +
	`]*(W/)?"[!#-~\x80-\xff]*")*[ \t,]*$`

// opaque reports whether a text has only characters of an opaque tag: all visible ones except the quote, and bytes
// above ASCII.
func opaque(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < '!' || c == 0x7f {
			return false
		}
	}
	return true
}

// versions are the versions that the tags name by strong comparison (RFC 9110 section 8.8.3.2). A weak tag names none,
// nor does one that this API never gave.
func (t entityTags) versions() []registrar.Version {
	var all []registrar.Version
	for _, tag := range t.tags {
		text, parts, _ := strings.Cut(strings.TrimSuffix(tag.opaque, gzipSuffix), ".")
		if strings.Trim(parts, "0123456789.") != "" {
			continue
		}
		if v, err := strconv.ParseInt(text, 10, 64); err == nil && v > 0 && !tag.weak && strconv.FormatInt(v, 10) == text {
			all = append(all, registrar.Version(v))
		}
	}
	return all
}

// find returns the tag among them that matches the served tag, in whatever coding, as If-None-Match compares: weakly.
// For "*" it is the served one.
func (t entityTags) find(served string) (etag string, ok bool) {
	if t.all {
		return served, true
	}
	want := strings.TrimSuffix(strings.Trim(served, `"`), gzipSuffix)
	for _, tag := range t.tags {
		if strings.TrimSuffix(tag.opaque, gzipSuffix) == want {
			return `"` + tag.opaque + `"`, true
		}
	}
	return "", false
}

// strong leaves out the weak tags, which never match in If-Match.
func (t entityTags) strong() entityTags {
	kept := entityTags{all: t.all}
	for _, tag := range t.tags {
		if !tag.weak {
			kept.tags = append(kept.tags, tag)
		}
	}
	return kept
}

// conditionFault is what is wrong with the conditions of a request; nil when they can be evaluated.
func conditionFault(r *http.Request) *Problem {
	for _, name := range []string{headerIfMatch, headerIfNoneMatch} {
		lines := r.Header.Values(name)
		if len(lines) == 0 {
			continue
		}
		value := strings.Join(lines, ", ") // several lines are one list (RFC 9110 section 5.3)
		if _, ok := parseEntityTags(value); !ok {
			return newProblem(http.StatusBadRequest, codeBadRequest, "the header "+name+" is not valid").
				on("header."+name, fieldFormat, `must be * or entity tags, such as "1" or "1", "2"`)
		}
		// An empty list is allowed, and names no version: it must not look like no condition.
		r.Header.Set(name, cmp.Or(strings.TrimSpace(value), ","))
	}
	if r.Header.Values(headerIfNoneMatch) != nil && !reads(r) {
		return newProblem(http.StatusBadRequest, codeBadRequest, "the header If-None-Match is for GET alone").
			on("header."+headerIfNoneMatch, fieldFormat, "must not be sent with this method: a change is made with If-Match")
	}
	return nil
}

// The headers of conditions.
const (
	headerIfMatch     = "If-Match"
	headerIfNoneMatch = "If-None-Match"
)

func reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }
