package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/inprocess"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// office acts as the registrar's office: it uploads lists of registrations while the simulation runs. settle checks
// them at the end.
func (w *world) office(ctx context.Context, random *rand.Rand, name string) {
	time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond)
	status, asked := w.until(ctx, http.MethodPost, "/v1/imports", name, map[string]any{"kind": "registrations",
		"term": w.term})
	id, ok := asked["id"].(string)
	upload, _ := asked["upload"].(map[string]any)
	address, _ := upload["url"].(string)
	if status != http.StatusCreated || !ok || address == "" {
		w.note("an import was not taken: %d", status)
		return
	}
	var file strings.Builder
	file.WriteString("student_number,term,crn\n")
	for range w.options.Rows {
		fmt.Fprintf(&file, "S%d,T,%d\n", random.IntN(w.options.Students), random.IntN(w.options.Sections))
	}
	const most = 50
	for range most {
		if status = w.put(ctx, address, upload["headers"], file.String()); status == http.StatusOK {
			w.mu.Lock()
			w.imports = append(w.imports, id)
			w.mu.Unlock()
			w.note("import %s is uploaded", last4(id))
			return
		}
		time.Sleep(time.Second)
	}
	w.note("import %s was never uploaded: %d", last4(id), status)
}

// put uploads a file to the address that the API gave.
func (w *world) put(ctx context.Context, address string, headers any, file string) (status int) {
	w.mu.Lock()
	client := inprocess.Client(w.objects)
	w.mu.Unlock()
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, address, strings.NewReader(file))
	if err != nil {
		return 0
	}
	r.Header.Set("Content-Length", fmt.Sprint(len(file))) // which a server of net/http would have taken off
	signed, _ := headers.(map[string]any)
	for name, value := range signed {
		r.Header.Set(name, fmt.Sprint(value))
	}
	answer, err := client.Do(r)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close() // the status says it
	return answer.StatusCode
}

// until sends a request until it is answered for certain.
func (w *world) until(
	ctx context.Context, method, path, key string, in map[string]any,
) (status int, out map[string]any) {
	const most = 50
	for range most {
		status, out = w.call(ctx, method, path, key, in)
		if status < http.StatusInternalServerError && status != http.StatusTooManyRequests {
			break
		}
		time.Sleep(time.Second)
	}
	return status, out
}

// settle waits until every import has ended, which takes a while if its worker was killed. It moves dead letters back,
// as an operator would, if a worker was killed too often.
func (w *world) settle(ctx context.Context) error {
	const patience, look, operator = 24 * time.Hour, 10 * time.Second, time.Hour
	began, moved := time.Now(), time.Now()
	for _, id := range w.imports {
		for {
			status, now := w.until(ctx, http.MethodGet, "/v1/imports/"+id, "", nil)
			rows, _ := now["rows"].(map[string]any)
			all, _ := rows["read"].(float64)
			// A list for a term that is full is refused row by row.
			if now["state"] == "FINISHED" || now["state"] == "FAILED" && int(all) == w.options.Rows && rows["refused"] == all {
				w.note("import %s has ended: %v", last4(id), now["rows"])
				break
			}
			if now["state"] == "FAILED" || time.Since(began) > patience {
				return fmt.Errorf("import %s is %v after %s: %v (%d)", last4(id), now["state"], time.Since(began), now["reason"],
					status)
			}
			if time.Since(moved) > operator {
				moved = time.Now()
				w.redrive(ctx)
			}
			time.Sleep(look)
		}
	}
	return nil
}

// redrive moves the dead letters of imports back.
func (w *world) redrive(ctx context.Context) {
	_, err := w.queues().StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{
		SourceArn: aws.String("arn:aws:sqs:" + cloud.Region + ":" + cloud.Account + ":imports-dead"),
	})
	w.note("dead letters are moved back: %v", err)
}
