package imports

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// CreateStore is what [Create] needs of the store.
type CreateStore interface {
	CreateImport(ctx context.Context, im registrar.Import, answer registrar.Answer) error
}

// Upload is where and how a client uploads the file.
type Upload struct {
	Method  string            `json:"method" example:"PUT"`
	URL     string            `json:"url" doc:"Whoever has it may upload: treat it as a secret"`
	Headers map[string]string `json:"headers" doc:"To be sent as they are"`
	Until   time.Time         `json:"until" doc:"The upload must have begun by then"`
}

// Uploads gives addresses to upload to.
type Uploads interface {
	PresignUpload(ctx context.Context, key string) (registrar.Upload, error)
}

// Asked is an import that waits for its file.
type Asked struct {
	Import
	Upload Upload `json:"upload"`
}

type createInput struct {
	api.IdempotencyInput
	Body NewImport
}

// Create asks for an import and gives the address to which its file is to be uploaded.
func Create(store CreateStore, uploads Uploads, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "imports-create", Method: http.MethodPost, Path: "/v1/imports", Summary: "Ask for an import", Tag: "imports",
		Description: "Upload the file to the address in the answer; its arrival starts the import. Files of sections are CSV as the YACS " +
			"project publishes them; files of registrations are CSV with the columns student_number, term (its code) and crn.",
		Access: api.Registrar, Status: http.StatusCreated, Codes: []registrar.Code{registrar.NotFound, registrar.IdempotencyMismatch},
	}, func(ctx context.Context, in *createInput) (*api.Created[Asked], error) {
		kind := registrar.ImportKind(in.Body.Kind)
		format, mapping, err := in.Body.reading(kind)
		if err != nil {
			return nil, err
		}
		im := registrar.Import{
			ID: registrar.ImportID(system.NewID()), Kind: kind, Format: format, Mapping: mapping, Complete: in.Body.Complete,
			DryRun: in.Body.DryRun, MaxRefusedPercent: in.Body.MaxRefusedPercent,
			Term: registrar.TermID(in.Body.Term), Notify: registrar.Personal(in.Body.Notify), State: registrar.ImportWaiting,
		}
		if err := registrar.ValidateAddress("notify", in.Body.Notify); err != nil {
			return nil, err
		}
		im.Stamp = im.Next(system.Clock())
		upload, err := uploads.PresignUpload(ctx, ObjectKey(im.ID))
		if err != nil {
			return nil, err
		}
		body := Asked{Import: show(im), Upload: Upload{Method: upload.Method, URL: upload.URL, Headers: upload.Headers, Until: upload.Until}}
		return api.Create(in.Key(ctx), "imports/"+string(im.ID), im.Version, body, func(answer registrar.Answer) error {
			return store.CreateImport(ctx, im, answer)
		})
	})
}

// reading is how the file is to be read: the name of a format, and the mapping of [registrar.FormatMapping].
func (n NewImport) reading(kind registrar.ImportKind) (format, mapping string, err error) {
	wrong := func(field, detail string) (string, string, error) {
		return "", "", registrar.FieldErrors{{Field: field, Code: registrar.FieldFormat, Detail: detail}}
	}
	switch {
	case kind != registrar.ImportSections && n.Mapping != nil:
		return wrong("mapping", "is for files of sections")
	case kind != registrar.ImportSections && n.Format != "":
		return wrong("format", "is for files of sections")
	case kind != registrar.ImportSections && n.Complete:
		return wrong("complete", "is for files of sections")
	case n.Mapping != nil && n.Format != "":
		return wrong("mapping", "give either a format or a mapping")
	case n.Mapping == nil && n.Format != "":
		return n.Format, "", nil
	case n.Mapping == nil:
		return formatOf(kind), "", nil
	}
	var fields registrar.FieldErrors
	if err := n.Mapping.Validate(); errors.As(err, &fields) {
		for i := range fields {
			fields[i].Field = strings.TrimSuffix("mapping."+fields[i].Field, ".")
		}
		return "", "", fields
	}
	mapping, err = n.Mapping.Text()
	return registrar.FormatMapping, mapping, err
}
