package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/registrar"
)

// pair is a student and a section with one seat, where nobody else acts: whatever is refused there was refused wrongly.
type pair struct {
	section registrar.SectionID
	student registrar.StudentID
}

// twins enrols and drops a pair's student, and sends each request twice at once, with one key: what happens when a
// gateway or a client gives up waiting a moment too early. Both must get the answer of the one that was carried out.
func (w *world) twins(ctx context.Context, random *rand.Rand, p pair, name string) {
	path := "/v1/sections/" + string(p.section) + "/registrations"
	for n := range w.options.Commands / (w.options.Restarts + 1) / 2 {
		for _, request := range []struct {
			method, path string
			in           map[string]any
		}{
			{http.MethodPost, path, map[string]any{"student": p.student}},
			{http.MethodDelete, path + "/" + string(p.student), nil},
		} {
			key, later := fmt.Sprintf("%s-%d-%s", name, n, request.method), time.Duration(random.IntN(30))*time.Millisecond
			if !w.twice(ctx, key, later, p, request.method, request.path, request.in) {
				return // what follows would rest on it
			}
		}
		// Until then the section may be told to be full.
		time.Sleep(registrar.FullAge + time.Duration(random.IntN(200))*time.Millisecond)
	}
}

// twice sends a change twice, the second time a little later, until both are answered for certain, and complains unless
// both were answered with the same success.
func (w *world) twice(
	ctx context.Context, key string, later time.Duration, p pair, method, path string, in map[string]any,
) bool {
	var statuses [2]int
	var told [2]string
	var both sync.WaitGroup
	for i := range statuses {
		both.Go(func() {
			time.Sleep(time.Duration(i) * later)
			status, out := w.until(ctx, method, path, key, in)
			statuses[i], told[i] = status, fmt.Sprint(status, " ", out["code"], " ", out["state"], " ", out["attempt"], " ",
				out["etag"])
		})
	}
	both.Wait()
	w.note("%s of %s twice within %s: %v", method, last4(string(p.student)), later, told)
	w.mu.Lock()
	defer w.mu.Unlock()
	if statuses[0] < http.StatusMultipleChoices && told[0] == told[1] {
		w.acked[string(p.section)+" "+string(p.student)]++
		return true
	}
	if max(statuses[0], statuses[1]) < http.StatusInternalServerError {
		w.wronged = append(w.wronged, fmt.Errorf("%s with key %s, sent twice at once, was answered %q and %q", method, key,
			told[0], told[1]))
	}
	return false
}

// never looks for refusals on the record of those who can never have been refused.
func (w *world) never(ctx context.Context, store *dynamo.Store) error {
	for _, p := range w.pairs {
		for page := (registrar.PageRequest{Limit: registrar.MaxPage}); ; {
			events, err := store.Events(ctx, registrar.EventFilter{Student: p.student}, page)
			if err != nil {
				return err
			}
			refused := slices.IndexFunc(events.Items, func(e registrar.Event) bool {
				return e.Type == registrar.RegistrationRefused
			})
			if refused >= 0 {
				e := events.Items[refused]
				return fmt.Errorf("student %s was refused in section %s for %v, and each request of theirs was carried out",
					last4(string(p.student)), last4(e.Record.ID), e.Codes())
			}
			if page.Cursor = events.Next; page.Cursor == "" {
				break
			}
		}
	}
	return nil
}
