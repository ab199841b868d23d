package cloud_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/shared/api"
	"github.com/google/uuid"
)

func TestH1Draft(t *testing.T) {
	for name, within := range map[string]time.Duration{"5s": 5 * time.Second, "at once": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := cloud.Open(t.Context(), cloud.Options{
					Log: slog.New(slog.DiscardHandler), System: api.RealSystem(), SQSAddress: "http://sqs.local", S3Address: "http://s3.local",
					Contention: dynamodb.AWSContention(),
				})
				if err != nil {
					t.Fatal(err)
				}
				u := &campus{T: t, cloud: c, mark: uuid.NewString()[:8]}
				began := time.Now()
				section, students := u.section(u.term(), "1", 30), u.students(1000)
				t.Logf("set up in %s: %s", time.Since(began), c.Engines.Usage.Report().Line())
				time.Sleep(10 * time.Second)
				before := c.Engines.Usage.Report().Total
				random := rand.New(rand.NewPCG(1, 1))
				var wg sync.WaitGroup
				var mu sync.Mutex
				counts := map[string]int{}
				var took []time.Duration
				began = time.Now()
				for _, s := range students {
					var at time.Duration
					if within > 0 {
						at = time.Duration(random.Int64N(int64(within)))
					}
					wg.Go(func() {
						time.Sleep(at)
						b := time.Now()
						a := u.send(http.MethodPost, enrolment(section), "", map[string]any{"student": s})
						mu.Lock()
						defer mu.Unlock()
						took = append(took, time.Since(b))
						counts[fmt.Sprint(a.status, a.code())]++
					})
				}
				wg.Wait()
				slices.Sort(took)
				after := c.Engines.Usage.Report()
				t.Logf("%v in %s; p50 %s p99 %s max %s; conflicts %d throttles %d writes %g reads %g", counts, time.Since(began), took[500], took[990], took[999],
					after.Total.Conflicts-before.Conflicts, after.Total.Throttles-before.Throttles, after.Total.WriteUnits-before.WriteUnits, after.Total.ReadUnits-before.ReadUnits)
			})
		})
	}
}
