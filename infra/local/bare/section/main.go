// Command section is what sections-get would be without shared/api and shared/lambdahost, as the command enrol beside
// it is registrations-create.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/sdk"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/uuid"
)

func main() {
	log := slog.New(lambdacontext.NewLogHandler())
	config, err := sdk.FromEnvironment(os.Getenv)
	var store *dynamo.Store
	if err == nil {
		store, err = dynamo.Open(config, os.Getenv)
	}
	if err != nil {
		log.Error("the function cannot start", "error", err.Error())
		os.Exit(1)
	}
	lambda.Start(handler{store, log}.handle)
}

type handler struct {
	store *dynamo.Store
	log   *slog.Logger
}

type meeting struct {
	Days  string `json:"days"`
	Start string `json:"start"`
	End   string `json:"end"`
	From  string `json:"from"`
	To    string `json:"to"`
	Room  string `json:"room,omitempty"`
}

type credits struct {
	Min float64 `json:"min"`
	Max float64 `json:"max"`
}

type deadlines struct {
	LastAdd  *time.Time `json:"lastAdd,omitempty"`
	LastDrop *time.Time `json:"lastDrop,omitempty"`
}

type seats struct {
	Capacity  int `json:"capacity"`
	Taken     int `json:"taken"`
	Available int `json:"available"`
	Waiting   int `json:"waiting"`
}

type section struct {
	ID          string    `json:"id"`
	Term        string    `json:"term"`
	Course      string    `json:"course"`
	Offering    string    `json:"offering"`
	Subject     string    `json:"subject"`
	Number      string    `json:"number"`
	Title       string    `json:"title"`
	CRN         string    `json:"crn"`
	Label       string    `json:"label,omitempty"`
	Component   string    `json:"component"`
	Credits     credits   `json:"credits"`
	Status      string    `json:"status"`
	Meetings    []meeting `json:"meetings"`
	Instructors []string  `json:"instructors"`
	Deadlines   deadlines `json:"deadlines"`
	Seats       seats     `json:"seats"`
	CreatedAt   time.Time `json:"createdAt"`
	UpdatedAt   time.Time `json:"updatedAt"`
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
	answer, err := h.get(ctx, event)
	if err != nil {
		h.log.ErrorContext(ctx, "the request failed", "request", event.RequestContext.RequestID, "error", err.Error())
		return answer, err
	}
	h.log.InfoContext(ctx, "request", "request", event.RequestContext.RequestID, "status", answer.StatusCode,
		"milliseconds", float64(time.Since(began).Microseconds())/1000)
	return answer, nil
}

func (h handler) get(
	ctx context.Context, event events.APIGatewayV2HTTPRequest,
) (events.APIGatewayV2HTTPResponse, error) {
	id, err := uuid.Parse(event.PathParameters["id"])
	if err != nil {
		return reply(http.StatusUnprocessableEntity, problem{http.StatusUnprocessableEntity, "INVALID", "no UUID"})
	}
	v, err := h.store.Section(ctx, registrar.SectionID(id.String()))
	var refusal *registrar.Refusal
	switch {
	case errors.As(err, &refusal):
		return reply(http.StatusNotFound, problem{http.StatusNotFound, string(refusal.Code), refusal.Detail})
	case err != nil:
		return reply(http.StatusInternalServerError, problem{http.StatusInternalServerError, "INTERNAL", "failed"})
	}
	etag := fmt.Sprintf(`"%d.%d.%d.%d"`, v.Version, v.Seats.Taken, v.Seats.Available(), v.Seats.Waiting)
	if event.Headers["if-none-match"] == etag {
		return events.APIGatewayV2HTTPResponse{
			StatusCode: http.StatusNotModified, Headers: map[string]string{"ETag": etag},
		}, nil
	}
	answer, err := reply(http.StatusOK, show(v))
	if err == nil {
		answer.Headers["ETag"] = etag
	}
	return answer, err
}

func reply(status int, body any) (events.APIGatewayV2HTTPResponse, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	kind := "application/json"
	if status >= http.StatusBadRequest {
		kind = "application/problem+json"
	}
	return events.APIGatewayV2HTTPResponse{
		StatusCode: status, Body: string(text), Headers: map[string]string{"Content-Type": kind},
	}, nil
}

func show(v registrar.SectionView) section {
	const hundredths = 100
	s := section{
		ID: string(v.ID), Term: string(v.Term), Course: string(v.Course), Offering: string(v.Offering()),
		Subject: v.Subject, Number: v.Number, Title: v.Title, CRN: v.CRN, Label: v.Label, Component: v.Component,
		Credits: credits{float64(v.Credits.Min) / hundredths, float64(v.Credits.Max) / hundredths},
		Status:  string(v.Status), Meetings: make([]meeting, len(v.Meetings)), Instructors: make([]string,
			len(v.Instructors)),
		Seats:     seats{v.Seats.Capacity, v.Seats.Taken, v.Seats.Available(), v.Seats.Waiting},
		CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
	}
	if !v.Deadlines.LastAdd.IsZero() {
		s.Deadlines.LastAdd = &v.Deadlines.LastAdd
	}
	if !v.Deadlines.LastDrop.IsZero() {
		s.Deadlines.LastDrop = &v.Deadlines.LastDrop
	}
	for i, m := range v.Meetings {
		s.Meetings[i] = meeting{m.Days.String(), m.Start.String(), m.End.String(), string(m.From), string(m.To), m.Room}
	}
	for i, id := range v.Instructors {
		s.Instructors[i] = string(id)
	}
	return s
}
