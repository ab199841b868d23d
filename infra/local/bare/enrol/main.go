// Command enrol is what registrations-create would be without shared/api and shared/lambdahost: a handler by hand that
// decodes the event, checks the request, has the domain decide over the same store, and encodes the answer.
// `make bench-warm` compares the real function's processor time with its. It does what a careful engineer would do for
// this one endpoint, and leaves out what an API has in common: a description, each fault named with its field, text in
// one Unicode form, metrics, bounds on what is answered.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/queue"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/sdk"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/uuid"
)

func main() {
	log := slog.New(lambdacontext.NewLogHandler())
	h, err := open(log)
	if err != nil {
		log.Error("the function cannot start", "error", err.Error())
		os.Exit(1)
	}
	lambda.Start(h.handle)
}

type handler struct {
	desk registrar.Desk
	log  *slog.Logger
}

func open(log *slog.Logger) (handler, error) {
	config, err := sdk.FromEnvironment(os.Getenv)
	if err != nil {
		return handler{}, err
	}
	store, err := dynamo.Open(config, os.Getenv)
	if err != nil {
		return handler{}, err
	}
	audit, err := queue.Open(config, os.Getenv, "audit")
	if err != nil {
		return handler{}, err
	}
	newID := func() string { return uuid.Must(uuid.NewV7()).String() }
	return handler{registrar.Desk{Store: store, Audit: audit, NewID: newID}, log}, nil
}

type enrolment struct {
	Student string   `json:"student"`
	Credits *float64 `json:"credits"`
}

type registration struct {
	Section    string    `json:"section"`
	Student    string    `json:"student"`
	Term       string    `json:"term"`
	Course     string    `json:"course"`
	CRN        string    `json:"crn"`
	Name       string    `json:"name"`
	State      string    `json:"state"`
	Attempt    int       `json:"attempt"`
	Credits    float64   `json:"credits"`
	EnrolledAt time.Time `json:"enrolledAt"`
	CreatedAt  time.Time `json:"createdAt"`
	UpdatedAt  time.Time `json:"updatedAt"`
}

type problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (h handler) handle(
	ctx context.Context, event events.APIGatewayV2HTTPRequest,
) (events.APIGatewayV2HTTPResponse, error) {
	began := time.Now()
	status, body, err := h.enrol(ctx, event)
	switch {
	case err != nil:
		h.log.ErrorContext(ctx, "the request failed", "request", event.RequestContext.RequestID, "error", err.Error())
		status, body = http.StatusInternalServerError, problem{http.StatusInternalServerError, "INTERNAL", "failed"}
	default:
		h.log.InfoContext(ctx, "request", "request", event.RequestContext.RequestID, "status", status,
			"milliseconds", float64(time.Since(began).Microseconds())/1000)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	answer := events.APIGatewayV2HTTPResponse{
		StatusCode: status, Body: string(text), Headers: map[string]string{"Content-Type": "application/json"},
	}
	if made, ok := body.(registration); ok {
		answer.Headers["Location"], answer.Headers["ETag"] = "registrations/"+made.Student, `"1"`
	} else {
		answer.Headers["Content-Type"] = "application/problem+json"
	}
	return answer, nil
}

func refuse(status int, code, detail string) (int, any, error) {
	return status, problem{status, code, detail}, nil
}

func (h handler) enrol(ctx context.Context, event events.APIGatewayV2HTTPRequest) (int, any, error) {
	const most, longestKey = 256 << 10, 255
	body := []byte(event.Body)
	if event.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(event.Body); err != nil {
			return refuse(http.StatusBadRequest, "BAD_REQUEST", "the body is not valid base64")
		}
	}
	if len(body) > most {
		return refuse(http.StatusRequestEntityTooLarge, "TOO_LARGE", "the body is larger than 256 KiB")
	}
	if kind, _, err := mime.ParseMediaType(event.Headers["content-type"]); err != nil || kind != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", "the body must be application/json")
	}
	var asked enrolment
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		return refuse(http.StatusBadRequest, "BAD_REQUEST", "the body is not valid JSON")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return refuse(http.StatusBadRequest, "BAD_REQUEST", "the body is more than one value")
	}
	section, errSection := uuid.Parse(event.PathParameters["id"])
	student, errStudent := uuid.Parse(asked.Student)
	if errSection != nil || errStudent != nil {
		return refuse(http.StatusUnprocessableEntity, "INVALID", "section and student must be UUIDs")
	}
	request := registrar.EnrolRequest{
		Section: registrar.SectionID(section.String()), Student: registrar.StudentID(student.String()),
		Actor: registrar.Anonymous(), At: time.UnixMilli(event.RequestContext.TimeEpoch).UTC(),
	}
	if asked.Credits != nil {
		const hundredths, mostCredits = 100, 100
		if *asked.Credits < 0 || *asked.Credits > mostCredits {
			return refuse(http.StatusUnprocessableEntity, "INVALID", "credits must be from 0 to 100")
		}
		credits := registrar.Credits(*asked.Credits * hundredths)
		request.Credits = &credits
	}
	var key registrar.IdempotencyKey
	if text := event.Headers["idempotency-key"]; text != "" {
		if len(text) > longestKey {
			return refuse(http.StatusUnprocessableEntity, "INVALID", "the idempotency key is too long")
		}
		key = registrar.IdempotencyKey{
			Principal: request.Actor.Principal, Key: text,
			Request: sha256.Sum256([]byte("POST " + event.RawPath + "\n" + string(body))),
		}
	}
	made, err := h.desk.Enrol(ctx, request, key, func(r registrar.Registration) ([]byte, error) {
		return json.Marshal(show(r))
	})
	var before *registrar.AnsweredBefore
	var all registrar.Refusals
	var one *registrar.Refusal
	switch {
	case errors.As(err, &before):
		var kept registration
		err := json.Unmarshal(before.Reply, &kept)
		return http.StatusCreated, kept, err
	case errors.As(err, &all) && len(all) > 0:
		return refuse(http.StatusConflict, string(all[0].Code), all[0].Detail)
	case errors.As(err, &one):
		return refuse(http.StatusNotFound, string(one.Code), one.Detail)
	case err != nil:
		return 0, nil, err
	}
	return http.StatusCreated, show(made), nil
}

func show(r registrar.Registration) registration {
	const hundredths = 100
	return registration{
		Section: string(r.Section), Student: string(r.Student), Term: string(r.Term), Course: string(r.Course), CRN: r.CRN,
		Name: string(r.StudentName), State: string(r.State), Attempt: r.Attempt, Credits: float64(r.Credits) / hundredths,
		EnrolledAt: r.EnrolledAt, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}
