// Command import is `make import FILE=…`: it uploads a term's schedule through the API, as any client would, and shows how
// the import goes. The term is made if it is not there, from what the file says of itself.
package main

import (
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"example.com/registrar/infra/local/client"
	"github.com/schollz/progressbar/v3"
)

func main() {
	api := flag.String("api", "http://127.0.0.1:8080", "address of the API")
	file := flag.String("file", "", "the schedule, CSV as the YACS project publishes it")
	zone := flag.String("zone", "America/New_York", "time zone of the campus, for a term that is to be made")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, client.New(*api, 1), *file, *zone, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "import:", err)
		os.Exit(1)
	}
}

// report is what the API tells of an import.
type report struct {
	ID     string `json:"id"`
	State  string `json:"state"`
	Reason string `json:"reason"`
	Rows   struct {
		Read, Applied, Refused int
	} `json:"rows"`
	Changed struct {
		Created, Updated, Unchanged int
	} `json:"changed"`
	Problems []problem `json:"problems"`
	Next     string    `json:"next"`
	Upload   struct {
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
	} `json:"upload"`
}

type problem struct {
	Row     int    `json:"row"`
	Field   string `json:"field"`
	Reason  string `json:"reason"`
	Refused bool   `json:"refused"`
}

func run(ctx context.Context, c *client.Client, path, zone string, out io.Writer) error {
	if path == "" {
		return errors.New("FILE is not set")
	}
	about, err := look(path)
	if err != nil {
		return err
	}
	term, err := termFor(ctx, c, about, zone, out)
	if err != nil {
		return err
	}
	began := time.Now()
	var asked report
	if err := c.Do(ctx, http.MethodPost, "/v1/imports", map[string]string{"kind": "sections", "term": term.ID}, &asked); err != nil {
		return err
	}
	if err := upload(ctx, c, path, asked); err != nil {
		return err
	}
	done, err := watch(ctx, c, asked.ID, about.rows)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s in %.1f s: %d rows read, %d applied, %d refused; records: %d created, %d updated, %d unchanged\n", done.State,
		time.Since(began).Seconds(), done.Rows.Read, done.Rows.Applied, done.Rows.Refused, done.Changed.Created, done.Changed.Updated, done.Changed.Unchanged)
	if err := explain(ctx, c, done, out); err != nil {
		return err
	}
	if done.State != "FINISHED" {
		return errors.New(done.Reason)
	}
	return nil
}

// contents is what a schedule says of itself.
type contents struct {
	rows       int
	semester   string // "FALL 2024"
	start, end string // first and last day of any meeting
}

func look(path string) (contents, error) {
	var about contents
	file, err := os.Open(path)
	if err != nil {
		return about, err
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.FieldsPerRecord = -1
	header, err := reader.Read()
	if err != nil {
		return about, fmt.Errorf("%s: %w", path, err)
	}
	semester, start, end := slices.Index(header, "semester"), slices.Index(header, "course_start_date"), slices.Index(header, "course_end_date")
	if semester < 0 || start < 0 || end < 0 {
		return about, fmt.Errorf("%s has not the columns semester, course_start_date and course_end_date", path)
	}
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return about, nil
		}
		about.rows++
		if err != nil || len(row) != len(header) {
			continue // the import will tell of it
		}
		about.semester = row[semester]
		if about.start == "" || row[start] != "" && row[start] < about.start {
			about.start = row[start]
		}
		about.end = max(about.end, row[end])
	}
}

func termFor(ctx context.Context, c *client.Client, about contents, zone string, out io.Writer) (client.Term, error) {
	season, year, ok := strings.Cut(about.semester, " ")
	if !ok {
		return client.Term{}, errors.New(`the file does not say its semester as in "FALL 2024"`)
	}
	code := year + "-" + season
	term, found, err := client.TermByCode(ctx, c, code)
	if err != nil || found {
		return term, err
	}
	last, err := time.Parse(time.DateOnly, about.end)
	if err != nil {
		return term, fmt.Errorf("the file's last day: %w", err)
	}
	title := season[:1] + strings.ToLower(season[1:]) + " " + year
	fmt.Fprintf(out, "making the term %s (%s)\n", code, title)
	err = c.Do(ctx, http.MethodPost, "/v1/terms", map[string]string{
		"code": code, "title": title, "start": about.start, "end": last.AddDate(0, 0, 1).Format(time.DateOnly), "timeZone": zone,
	}, &term)
	return term, err
}

func upload(ctx context.Context, c *client.Client, path string, asked report) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return c.Upload(ctx, asked.Upload.Method, asked.Upload.URL, asked.Upload.Headers, file, info.Size())
}

func watch(ctx context.Context, c *client.Client, id string, rows int) (report, error) {
	bar := progressbar.NewOptions(rows, progressbar.OptionSetDescription("rows"), progressbar.OptionShowCount(), progressbar.OptionSetWriter(os.Stderr))
	const every = 200 * time.Millisecond
	for {
		var now report
		if err := c.Do(ctx, http.MethodGet, "/v1/imports/"+id, nil, &now); err != nil {
			return now, err
		}
		_ = bar.Set(min(now.Rows.Read, rows)) // a bar that cannot be drawn stops nothing
		if now.State == "FINISHED" || now.State == "FAILED" {
			return now, nil
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}

// explain prints every problem.
func explain(ctx context.Context, c *client.Client, done report, out io.Writer) error {
	for {
		for _, p := range done.Problems {
			kind := "note"
			if p.Refused {
				kind = "refused"
			}
			fmt.Fprintf(out, "  row %d, %s, %s: %s\n", p.Row, p.Field, kind, p.Reason)
		}
		if done.Next == "" {
			return nil
		}
		page := "/v1/imports/" + done.ID + "?cursor=" + done.Next
		done = report{}
		if err := c.Do(ctx, http.MethodGet, page, nil, &done); err != nil {
			return err
		}
	}
}
