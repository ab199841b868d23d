package imports

import (
	"context"
	"net/http"
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
		im := registrar.Import{
			ID: registrar.ImportID(system.NewID()), Kind: kind, Format: formatOf(kind), Term: registrar.TermID(in.Body.Term),
			Notify: registrar.Personal(in.Body.Notify), State: registrar.ImportWaiting,
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
