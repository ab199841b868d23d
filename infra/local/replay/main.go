// Command replay is `make replay`: it registers a whole term again, over HTTP. For every section as many students try
// as were enrolled according to the schedule. The students are invented, with schedules that a real one could have.
// Afterwards every counter is compared with the rows behind it.
package main

import (
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"time"

	"example.com/registrar/infra/local/client"
	"example.com/registrar/infra/local/yacs"
	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/schollz/progressbar/v3"
)

func main() {
	api := flag.String("api", "http://127.0.0.1:8080", "address of the API")
	file := flag.String("file", "../shared/data/rpi-fall-2024.csv", "the schedule that was imported")
	code := flag.String("term", "", "code of its term, if it is not the one that the import makes of the file")
	atOnce := flag.Int("at-once", 64, "requests under way at once")
	seed := flag.Uint64("seed", 1, "of the order in which students come")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := replay{client: client.New(*api, *atOnce), atOnce: *atOnce, seed: *seed, out: os.Stdout}.run(ctx, *file, *code)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "replay:", err)
		os.Exit(1)
	}
}

type replay struct {
	client *client.Client
	atOnce int
	seed   uint64
	out    io.Writer
}

// section is what a replay needs of a section.
type section struct {
	ID      string `json:"id"`
	Course  string `json:"course"`
	CRN     string `json:"crn"`
	Credits struct {
		Min float64 `json:"min"`
	} `json:"credits"`
	Meetings []meeting `json:"meetings"`
	Seats    struct {
		Capacity, Taken, Available int
	} `json:"seats"`
}

type attempt struct {
	student int
	section *section
}

func (r replay) run(ctx context.Context, path, code string) error {
	demand, err := demands(path)
	if err != nil {
		return err
	}
	if code == "" {
		schedule, err := yacs.Look(path)
		if err != nil {
			return err
		}
		code = schedule.Moved(schedule.Years(time.Now())).Code() // as `make import` moves a term that has ended
	}
	term, found, err := client.TermByCode(ctx, r.client, code)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("there is no term %s: first run `make import FILE=%s`", code, path)
	}
	sections, err := client.All[section](ctx, r.client, "/v1/sections", url.Values{"term": {term.ID}})
	if err != nil {
		return err
	}
	full := 0
	for _, s := range sections {
		if s.Seats.Taken > 0 {
			return errors.New("the term has registrations already: stop `make run` and start it again, and import anew")
		}
		full += max(0, demand[s.CRN]-s.Seats.Capacity)
	}
	students, attempts := plan(sections, demand)
	fmt.Fprintf(r.out, "%d sections, %d students, %d attempts; %d more than there are seats\n", len(sections), students,
		len(attempts), full)
	ids, err := r.enter(ctx, students)
	if err != nil {
		return err
	}
	rand.New(rand.NewPCG(r.seed, 0)).Shuffle(len(attempts), func(i, j int) {
		attempts[i], attempts[j] = attempts[j],
			attempts[i]
	})
	outcome, err := r.register(ctx, attempts, ids)
	if err != nil {
		return err
	}
	if err := r.audit(ctx, sections); err != nil {
		return err
	}
	if outcome["ENROLLED"] != len(attempts)-full || outcome["SECTION_FULL"] != full {
		return fmt.Errorf("expected %d enrolled and %d refused with SECTION_FULL", len(attempts)-full, full)
	}
	return nil
}

// demands reads from the schedule how many were enrolled in each section.
func demands(path string) (map[string]int, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("FILE, the schedule that was imported: %w", err)
	}
	defer file.Close()
	reader := csv.NewReader(file)
	rows, err := reader.ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	crn, enrolled := slices.Index(rows[0], "course_crn"), slices.Index(rows[0], "course_enrolled")
	if crn < 0 || enrolled < 0 {
		return nil, fmt.Errorf("%s must have the columns course_crn and course_enrolled, as the schedules of YACS do", path)
	}
	demand := make(map[string]int)
	for _, row := range rows[1:] {
		n, err := strconv.Atoi(row[enrolled])
		if err != nil {
			return nil, fmt.Errorf("%s: course_enrolled: %w", path, err)
		}
		demand[row[crn]] = n
	}
	return demand, nil
}

// enter makes the students.
func (r replay) enter(ctx context.Context, n int) ([]string, error) {
	ids := make([]string, n)
	run := strconv.FormatInt(time.Now().Unix(), 36)
	return ids, r.each(ctx, "students", n, func(ctx context.Context, i int) error {
		var made struct {
			ID string `json:"id"`
		}
		err := r.client.Do(ctx, http.MethodPost, "/v1/students", map[string]string{
			"number": fmt.Sprintf("R%s-%05d", run, i), "givenName": "Student", "familyName": fmt.Sprintf("Number %05d", i),
		}, &made)
		ids[i] = made.ID
		return err
	})
}

// register sends the attempts and tells how they ended.
func (r replay) register(ctx context.Context, attempts []attempt, ids []string) (map[string]int, error) {
	const longest, digits = 60_000_000, 3 // microseconds
	latency := hdrhistogram.New(1, longest, digits)
	outcome := make(map[string]int)
	var mu sync.Mutex
	began := time.Now()
	err := r.each(ctx, "registrations", len(attempts), func(ctx context.Context, i int) error {
		a := attempts[i]
		sent := time.Now()
		err := r.client.Do(ctx, http.MethodPost, "/v1/sections/"+a.section.ID+"/registrations",
			map[string]string{"student": ids[a.student]}, nil)
		took := time.Since(sent).Microseconds()
		code := "ENROLLED"
		var problem *client.Problem
		if errors.As(err, &problem) {
			code = problem.Code
		} else if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		outcome[code]++
		return latency.RecordValue(min(max(took, 1), longest))
	})
	if err != nil {
		return nil, err
	}
	seconds := time.Since(began).Seconds()
	fmt.Fprintf(r.out, "\n%d attempts in %.1f s: %.0f a second, %d at a time\n", len(attempts), seconds,
		float64(len(attempts))/seconds, r.atOnce)
	for _, code := range sorted(outcome) {
		fmt.Fprintf(r.out, "  %-20s %d\n", code, outcome[code])
	}
	for _, p := range []float64{50, 90, 99, 99.9, 100} {
		fmt.Fprintf(r.out, "  p%-5g %8.1f ms\n", p, float64(latency.ValueAtPercentile(p))/1000)
	}
	return outcome, nil
}

// audit counts every section's roster and compares.
func (r replay) audit(ctx context.Context, sections []section) error {
	var mu sync.Mutex
	var wrong []error
	rows := 0
	err := r.each(ctx, "audit", len(sections), func(ctx context.Context, i int) error {
		var now section
		if err := r.client.Do(ctx, http.MethodGet, "/v1/sections/"+sections[i].ID, nil, &now); err != nil {
			return err
		}
		roster, err := client.All[struct {
			Student string `json:"student"`
		}](ctx, r.client, "/v1/sections/"+sections[i].ID+"/registrations", url.Values{})
		if err != nil {
			return err
		}
		students := make(map[string]bool, len(roster))
		for _, row := range roster {
			students[row.Student] = true
		}
		mu.Lock()
		defer mu.Unlock()
		rows += len(roster)
		if len(students) != len(roster) || now.Seats.Taken != len(roster) ||
			now.Seats.Available != max(0, now.Seats.Capacity-len(roster)) || len(roster) > now.Seats.Capacity {
			wrong = append(wrong, fmt.Errorf("section %s: %d on the roster, %d of them different; taken %d, available %d of %d",
				now.CRN,
				len(roster), len(students), now.Seats.Taken, now.Seats.Available, now.Seats.Capacity))
		}
		return nil
	})
	if err = errors.Join(append(wrong, err)...); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "\naudit: %d rows on the rosters of %d sections, and every counter equals its rows\n", rows,
		len(sections))
	return nil
}

// each does the work for 0 … n-1, some at once, and shows how far it is.
func (r replay) each(ctx context.Context, what string, n int, work func(ctx context.Context, i int) error) error {
	bar := progressbar.NewOptions(n, progressbar.OptionSetDescription(fmt.Sprintf("%-14s", what)),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionSetWriter(os.Stderr), progressbar.OptionThrottle(100*time.Millisecond))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var running sync.WaitGroup
	for range r.atOnce {
		running.Go(func() {
			for i := range next {
				if err := work(ctx, i); err != nil {
					cancel(err)
				}
				_ = bar.Add(1) // a bar that cannot be drawn stops nothing
			}
		})
	}
feed:
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	running.Wait()
	fmt.Fprintln(os.Stderr)
	return context.Cause(ctx)
}

func sorted(counts map[string]int) []string {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
