package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/registrar/infra/local/client"
	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/dynamodb"
)

// printed is what a program prints, while others may look at it.
type printed struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// With CONTENTION=aws the table takes its time; what it was used for stands on its address, and in a line at the end.
func TestContentionAndItsReport(t *testing.T) {
	port := 20_000 + rand.IntN(20_000)
	environment := map[string]string{"PORT": strconv.Itoa(port), "SEED": "none", "CONTENTION": "aws"}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out printed
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, func(name string) string { return environment[name] }, &out, io.Discard) }()
	for !strings.Contains(out.String(), "Registrar runs") {
		select {
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	api := client.New(fmt.Sprintf("http://127.0.0.1:%d", port), 1)
	if err := api.Do(t.Context(), http.MethodPost, "/v1/students", map[string]string{"number": "U1", "givenName": "G",
		"familyName": "F"}, nil); err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("http://127.0.0.1:%d%s", port+1, cloud.ReportPath)
	if !strings.Contains(out.String(), address) {
		t.Errorf("it does not say where the report is:\n%s", &out)
	}
	answer, err := http.Get(address + "?format=json")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var report dynamodb.Report
	if err := json.NewDecoder(answer.Body).Decode(&report); err != nil || report.Total.WriteUnits == 0 ||
		report.Total.Dollars == 0 {
		t.Errorf("%v: %+v", err, report)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "at list price") {
		t.Errorf("it does not say at the end what it cost:\n%s", &out)
	}
}

func TestContentionSettings(t *testing.T) {
	for name, environment := range map[string]map[string]string{
		"another mode":                   {"CONTENTION": "gcp"},
		"with a journal":                 {"CONTENTION": "aws", "DATA_DIR": t.TempDir()},
		"with another engine's endpoint": {"CONTENTION": "aws", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1"},
	} {
		err := run(t.Context(), func(name string) string { return environment[name] }, io.Discard, io.Discard)
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), "contention") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
