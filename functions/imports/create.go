package imports

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
)

// CreateStore is what [Create] needs of the store.
type CreateStore interface {
	CreateImport(ctx context.Context, im intake.Import, answer registrar.Answer) error
	// Import is needed when a key was answered before.
	Import(ctx context.Context, id registrar.ImportID) (intake.Import, error)
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
	PresignUpload(ctx context.Context, key string) (intake.Upload, error)
}

// Asked is an import that waits for its file.
type Asked struct {
	Import
	Upload *Upload `json:"upload,omitempty" doc:"Absent when the request is sent again and the import does not wait for its file any more"`
}

type createInput struct {
	api.IdempotencyInput
	Body NewImport
}

// Create asks for an import and gives the address to which its file is to be uploaded.
func Create(store CreateStore, uploads Uploads, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "imports-create", Method: http.MethodPost, Path: "/v1/imports", Summary: "Ask for an import", Tag: "imports",
		Description: "Upload the file to the address in the answer; its arrival starts the import. Files of sections are " +
			"CSV as the YACS " +
			"project publishes them; files of registrations are CSV with the columns student_number, term (its code) and crn. " +
			"Files of students " +
			"and instructors are CSV with the columns number, given_name, family_name (or name), email, status, active and " +
			"role, or users.csv of " +
			"OneRoster or Canvas: the header tells. An empty cell keeps what is there.",
		Access: api.Registrar, Status: http.StatusCreated,
		Codes: []registrar.Code{registrar.NotFound, registrar.IdempotencyMismatch},
	}, func(ctx context.Context, in *createInput) (*api.Created[Asked], error) {
		kind := intake.Kind(in.Body.Kind)
		switch {
		case kind.OfTerm() && in.Body.Term == "":
			return nil, registrar.FieldErrors{
				{Field: "term", Code: registrar.FieldRequired, Detail: "files of " + in.Body.Kind + " belong to a term"},
			}
		case !kind.OfTerm() && in.Body.Term != "":
			return nil, registrar.FieldErrors{
				{Field: "term", Code: registrar.FieldFormat, Detail: "files of " + in.Body.Kind + " belong to no term"},
			}
		}
		format, mapping, err := in.Body.reading(kind)
		if err != nil {
			return nil, err
		}
		notify := ""
		api.SetText(&notify, in.Body.Notify)
		im := intake.Import{
			ID: registrar.ImportID(system.NewID()), Kind: kind, Format: format, Mapping: mapping, Complete: in.Body.Complete,
			DryRun: in.Body.DryRun, MaxRefusedPercent: in.Body.MaxRefusedPercent,
			Term: registrar.TermID(in.Body.Term), Notify: registrar.Personal(notify), State: intake.Waiting,
		}
		if err := registrar.ValidateAddress("notify", notify); err != nil {
			return nil, err
		}
		im.Stamp = im.Next(system.Clock())
		upload, err := sign(ctx, uploads, im.ID)
		if err != nil {
			return nil, err
		}
		// The address expires long before the key, and is a secret: it is not in the stored answer.
		out, err := api.Create(
			in.Key(ctx),
			"imports/"+string(im.ID),
			im.Version,
			Asked{Import: show(im)},
			func(answer registrar.Answer) error {
				return store.CreateImport(ctx, im, answer)
			},
		)
		if err != nil {
			return nil, err
		}
		out.ETag = api.WeakETag(im.Version) // as that of the report on it
		if out.Body.ID == string(im.ID) {
			out.Body.Upload = upload
			return out, nil
		}
		out.Body.Upload, err = signAgain(ctx, store, uploads, registrar.ImportID(out.Body.ID))
		return out, err
	})
}

func sign(ctx context.Context, uploads Uploads, id registrar.ImportID) (*Upload, error) {
	upload, err := uploads.PresignUpload(ctx, ObjectKey(id))
	if err != nil {
		return nil, err
	}
	return &Upload{Method: upload.Method, URL: upload.URL, Headers: upload.Headers, Until: upload.Until}, nil
}

// signAgain gives a new address for an import that was asked for before, while it waits for its file; nil afterwards.
func signAgain(ctx context.Context, store CreateStore, uploads Uploads, id registrar.ImportID) (*Upload, error) {
	im, err := store.Import(ctx, id)
	if err != nil || im.State != intake.Waiting {
		return nil, err
	}
	return sign(ctx, uploads, id)
}

// reading says how the file is to be read: the name of a format, and the mapping of [intake.FormatMapping].
func (n NewImport) reading(kind intake.Kind) (format, mapping string, err error) {
	wrong := func(field, detail string) (string, string, error) {
		return "", "", registrar.FieldErrors{{Field: field, Code: registrar.FieldFormat, Detail: detail}}
	}
	switch {
	case kind != intake.KindSections && n.Mapping != nil:
		return wrong("mapping", "is for files of sections")
	case kind != intake.KindSections && n.Format != "":
		return wrong("format", "is for files of sections")
	case kind != intake.KindSections && n.Complete:
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
	return intake.FormatMapping, mapping, err
}
