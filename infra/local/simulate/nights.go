package simulate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
)

// ask asks for an import whose file nobody will ever upload.
func (w *world) ask(ctx context.Context) error {
	status, asked := w.call(ctx, http.MethodPost, "/v1/imports", "", map[string]any{"kind": "registrations",
		"term": w.term})
	id, ok := asked["id"].(string)
	if status != http.StatusCreated || !ok {
		return fmt.Errorf("POST /v1/imports: %d %v", status, asked)
	}
	w.forgotten = registrar.ImportID(id)
	return nil
}

// night does nothing until half past five. Then two local clouds run the schedules of one table until ten. Runs come
// twice and late and are killed, while a few students register. Afterwards the nightly audit must have ended and found
// nothing, and the sweep must have ended the imports whose files never came.
func (w *world) night(ctx context.Context, n int) error {
	const clients, commands = 4, 8
	today := time.Now().UTC().Truncate(24 * time.Hour)
	begin, end := today.Add(5*time.Hour+30*time.Minute), today.Add(10*time.Hour)
	if time.Now().After(begin) {
		begin, end = begin.AddDate(0, 0, 1), end.AddDate(0, 0, 1)
	}
	time.Sleep(time.Until(begin)) // nothing runs, and what falls due meanwhile is missed
	w.note("a night begins")
	w.resting = true
	night, stop := context.WithDeadline(ctx, end)
	defer stop()
	var kept, acting sync.WaitGroup
	ended := make([]error, 2)
	for i := range ended {
		c, err := w.open(ctx, w.injector)
		for tries := 0; err != nil && tries < 20; tries++ { // it may meet a fault, too
			c, err = w.open(ctx, w.injector)
		}
		if err != nil {
			return fmt.Errorf("night %d: %w", n, err)
		}
		w.mu.Lock()
		w.api, w.objects = c.API, c.S3
		w.mu.Unlock()
		kept.Go(func() { ended[i] = c.RunSchedules(night) })
	}
	for client := range clients {
		random := rand.New(rand.NewPCG(w.options.Seed, uint64(1_000_000*n+client)))
		acting.Go(func() {
			for k := range commands {
				time.Sleep(time.Duration(random.Int64N(int64(end.Sub(begin)) / commands)))
				w.command(ctx, random, fmt.Sprintf("night-%d-%d-%d", n, client, k))
			}
		})
	}
	acting.Wait()
	kept.Wait()
	return errors.Join(errors.Join(ended...), w.judge(ctx, begin))
}

// judge looks at what a night left.
func (w *world) judge(ctx context.Context, since time.Time) error {
	c, err := w.open(ctx, nil)
	if err != nil {
		return err
	}
	audit, err := c.Store.LatestReconciliation(ctx)
	if err != nil {
		return err
	}
	w.note("the night's audit: %+v", audit)
	if audit.StartedAt.Before(since) || !audit.Ended() {
		return fmt.Errorf("the night's audit did not come to its end: %+v", audit)
	}
	if err := w.found(ctx, c.Store, audit); err != nil {
		return fmt.Errorf("the night's audit: %w", err)
	}
	forgotten, err := c.Store.Import(ctx, w.forgotten)
	if err != nil {
		return err
	}
	if forgotten.State != intake.Failed {
		return fmt.Errorf("the import whose file never came is %s, %s after it was asked for", forgotten.State,
			time.Since(forgotten.CreatedAt))
	}
	return nil
}
