// Package docs serves what describes the API: the API's root, which leads on, the OpenAPI document, which is built
// beforehand from all operations (`make generate`), and an interactive page over it, Swagger UI, whose files are
// bundled, so that it works offline and under a strict content policy. It knows shared/api alone. Start with
// [Operations].
package docs

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

//go:embed openapi.json
var document []byte

//go:embed assets
var assets embed.FS

// The API's root: what it leads to, for programs and for people.
var (
	//go:embed home/home.json
	homeJSON []byte
	//go:embed home/home.html
	homeHTML []byte
)

// Operations are the root, the document, the page and the page's files: one Lambda serves them all.
func Operations() []api.Operation { return []api.Operation{home(), openAPI(), page(), asset()} }

type file struct {
	ContentType  string `header:"Content-Type"`
	CacheControl string `header:"Cache-Control"`
	Policy       string `header:"Content-Security-Policy"`
	Vary         string `header:"Vary"`
	Body         []byte
}

// policy lets the page load its own files and call the API that it came from, and nothing else. Swagger UI styles
// elements in place and draws its icons from data.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

type homeInput struct {
	// Hidden, since OpenAPI has the answer's media types for it, and ignores a parameter of this name.
	Accept string `header:"Accept" hidden:"true"`
}

func home() api.Operation {
	return api.Define(api.Spec{
		ID: "docs-home", Method: http.MethodGet, Path: "/", Summary: "See where to begin", Tag: "docs", Access: api.Public,
		Description: "References to the documentation and to the first addresses of the API, as JSON, or as a page for a " +
			"browser, which prefers HTML. They are relative to this address.",
		Media: []string{"application/json", "text/html"},
	}, func(_ context.Context, in *homeInput) (*file, error) {
		root := &file{ContentType: contentType(".json"), CacheControl: "no-cache", Policy: policy, Vary: "Accept",
			Body: homeJSON}
		if prefersHTML(in.Accept) {
			root.ContentType, root.Body = contentType(".html"), homeHTML
		}
		return root, nil
	})
}

// prefersHTML reads Accept (RFC 9110, section 12.5.1): whether HTML is wanted more than JSON. What cannot be read wants
// nothing.
func prefersHTML(accept string) bool {
	return weight(accept, "text/html") > weight(accept, "application/json")
}

// weight is how much Accept wants a media type, from 0 to 1. The element that names the type most exactly decides.
func weight(accept, media string) float64 {
	group, _, _ := strings.Cut(media, "/")
	found, exactness := 0.0, -1
	for element := range strings.SplitSeq(accept, ",") {
		name, parameters, err := mime.ParseMediaType(element)
		exact := slices.Index([]string{"*/*", group + "/*", media}, name)
		if err != nil || exact <= exactness {
			continue
		}
		wanted := 1.0
		if q, ok := parameters["q"]; ok {
			if wanted, err = strconv.ParseFloat(q, 64); err != nil || !(wanted >= 0 && wanted <= 1) {
				continue
			}
		}
		found, exactness = wanted, exact
	}
	return found
}

func openAPI() api.Operation {
	return api.Define(api.Spec{
		ID: "docs-openapi", Method: http.MethodGet, Path: "/openapi.json", Summary: "Get this document", Tag: "docs",
		Access:      api.Public,
		Description: "OpenAPI 3.1, made from the operations themselves; its server is the deployment that it comes from.",
		Media:       []string{"application/json"},
	}, func(context.Context, *struct{}) (*file, error) {
		return &file{ContentType: "application/json", CacheControl: "no-cache", Policy: policy, Body: document}, nil
	})
}

func page() api.Operation {
	return api.Define(api.Spec{
		ID: "docs-page", Method: http.MethodGet, Path: "/docs", Summary: "Open the interactive documentation", Tag: "docs",
		Access:      api.Public,
		Description: "Swagger UI over the OpenAPI document. It calls the API that it comes from.",
		Media:       []string{"text/html"},
	}, func(context.Context, *struct{}) (*file, error) { return read("page.html", "no-cache") })
}

type assetInput struct {
	Name string `path:"name" maxLength:"64" doc:"A file of the documentation page" example:"page.js"`
}

func asset() api.Operation {
	return api.Define(api.Spec{
		ID: "docs-asset", Method: http.MethodGet, Path: "/docs/{name}", Summary: "Get a file of the documentation page",
		Tag:         "docs",
		Description: "What the page loads: its script, its style, its icon.",
		Access:      api.Public, Codes: []registrar.Code{registrar.NotFound}, Media: []string{"text/html", "text/javascript",
			"text/css", "image/png"},
	}, func(_ context.Context, in *assetInput) (*file, error) { return read(in.Name, "max-age=3600") })
}

// contentType is written down: what a system's own table says differs from one to another.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".json":
		return "application/json"
	case ".png":
		return "image/png"
	}
	return "application/octet-stream"
}

func read(name, cache string) (*file, error) {
	body, err := assets.ReadFile("assets/" + name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, registrar.Refuse(registrar.NotFound, "", "the documentation page has no such file")
	}
	if err != nil {
		return nil, fmt.Errorf("read a file of the documentation page: %w", err)
	}
	return &file{ContentType: contentType(name), CacheControl: cache, Policy: policy, Body: body}, nil
}
