// Command import is `make import FILE=…`: it uploads a file through the API, as any client would, and shows how the
// import goes. It makes the term of a schedule, if it is missing, from what the file says about it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/registrar/infra/local/client"
	"example.com/registrar/infra/local/yacs"
	"example.com/registrar/shared/intake/files"
	"github.com/schollz/progressbar/v3"
)

// options say what to import, and how.
type options struct {
	api, file, kind string
	term            string // code of a term that is there; empty: the schedule says it
	zone            string
	format, mapping string // of sections: a built-in format, or a file with a mapping
	shift           string // years by which a schedule is moved; empty: as many as a term needs that has ended
	now             func() time.Time
	threshold       string // percent of rows that may be refused; empty: any
	dry, complete   bool
	pause           time.Duration // between two looks at the import, and before the first repetition
	patience        time.Duration // how long the API may be out of reach
}

func main() {
	var o options
	flag.StringVar(&o.api, "api", "http://127.0.0.1:8080", "address of the API")
	flag.StringVar(&o.file, "file", "", "the file, CSV")
	flag.StringVar(&o.kind, "kind", "sections", "what it holds: sections, students, instructors or registrations")
	flag.StringVar(&o.term, "term", "", "code of the term, if the file does not say it as YACS does")
	flag.StringVar(&o.zone, "zone", "America/New_York", "time zone of the campus, for a term that is to be made")
	flag.StringVar(&o.format, "format", "", "a format of schedules that is built in")
	flag.StringVar(&o.mapping, "mapping", "", "a file with a mapping, for a schedule with other columns")
	flag.StringVar(
		&o.shift,
		"shift",
		"",
		"move the dates of the schedule by so many years of 52 weeks; if the term has ended, it is moved to a coming year "+
			"by itself",
	)
	flag.StringVar(
		&o.threshold,
		"threshold",
		"",
		"change nothing when more than so many percent of the rows would be refused",
	)
	flag.BoolVar(&o.dry, "dry", false, "only tell what would change")
	flag.BoolVar(&o.complete, "complete", false, "the schedule is the whole truth: empty cells empty what is there")
	flag.Parse()
	o.pause, o.patience, o.now = 200*time.Millisecond, 2*time.Minute, time.Now
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, client.New(o.api, 1), o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "import:", err)
		os.Exit(1)
	}
}

// check finds what is wrong before anything is asked for or made.
func (o options) check() error {
	if o.file == "" {
		return errors.New("FILE is not set. Name a CSV file, for example: make import FILE=people.csv KIND=students DRY=1 " +
			"(docs/imports.md says what files may look like)")
	}
	if kinds := []string{"sections", "students", "instructors", "registrations"}; !slices.Contains(kinds, o.kind) {
		return fmt.Errorf("KIND is %q: it can be %s", o.kind, strings.Join(kinds, ", "))
	}
	if about, err := os.Stat(o.file); err != nil {
		return fmt.Errorf("FILE: %w", err)
	} else if about.IsDir() {
		return fmt.Errorf("FILE=%s is a folder: name a CSV file", o.file)
	}
	if o.format == "" {
		return nil
	}
	_, ok, err := files.BuiltIn(o.format)
	if err == nil && !ok {
		err = fmt.Errorf("FORMAT is %q: only yacs-csv is built in; for any other format write a mapping and name its file "+
			"with MAPPING= (docs/imports.md)", o.format)
	}
	return err
}

// report is what the API tells of an import.
type report struct {
	ID     string `json:"id"`
	State  string `json:"state"`
	Reason string `json:"reason"`
	Rows   struct {
		Read, Applied, Refused, Skipped int
	} `json:"rows"`
	Changed struct {
		Created, Updated, Unchanged int
	} `json:"changed"`
	Problems []problem `json:"problems"`
	Changes  []change  `json:"changes"`
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

type change struct {
	Row    int      `json:"row"`
	Record string   `json:"record"`
	Effect string   `json:"effect"`
	Fields []string `json:"fields"`
}

func run(ctx context.Context, c *client.Client, o options, out io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	body, file, rows, err := request(ctx, c, o, out)
	if file != "" && file != o.file {
		defer func() { _ = os.Remove(file) }() // a temporary copy
	}
	if err != nil {
		return err
	}
	o.file = file
	began := time.Now()
	var asked report
	if err := c.Do(ctx, http.MethodPost, "/v1/imports", body, &asked); err != nil {
		return err
	}
	done, err := follow(ctx, c, o, asked, rows)
	if err != nil {
		return fmt.Errorf(
			"%w\nThe import %s is not over, or nobody knows. Look at it: curl %s/v1/imports/%s",
			err,
			asked.ID,
			strings.TrimSuffix(o.api, "/"),
			asked.ID,
		)
	}
	what := ""
	if o.dry {
		what = " (dry run: nothing was changed)"
	}
	fmt.Fprintf(
		out,
		"\n%s%s in %.1f s: %d rows read, %d applied, %d refused, %d skipped; records: %d created, %d updated, %d unchanged\n",
		done.State,
		what,
		time.Since(began).
			Seconds(),
		done.Rows.Read,
		done.Rows.Applied,
		done.Rows.Refused,
		done.Rows.Skipped,
		done.Changed.Created,
		done.Changed.Updated,
		done.Changed.Unchanged,
	)
	for _, show := range []string{"problems", "changes"} {
		if err := explain(ctx, c, o, done.ID, show, out); err != nil {
			return err
		}
	}
	if done.State != "FINISHED" {
		return errors.New(done.Reason)
	}
	return nil
}

// request is the body that asks for the import, the file to upload, and how many rows it has, roughly.
func request(
	ctx context.Context,
	c *client.Client,
	o options,
	out io.Writer,
) (body map[string]any, file string, rows int, err error) {
	body = map[string]any{"kind": o.kind}
	if o.threshold != "" {
		if body["maxRefusedPercent"], err = strconv.Atoi(o.threshold); err != nil {
			return nil, "", 0, errors.New("THRESHOLD must be a whole number of percent")
		}
	}
	for name, set := range map[string]bool{"dryRun": o.dry, "complete": o.complete} {
		if set {
			body[name] = true
		}
	}
	if o.format != "" {
		body["format"] = o.format
	}
	if o.mapping != "" {
		text, err := os.ReadFile(o.mapping)
		if err != nil {
			return nil, "", 0, err
		}
		if !json.Valid(text) {
			return nil, "", 0, fmt.Errorf("%s is not JSON", o.mapping)
		}
		body["mapping"] = json.RawMessage(text)
	}
	file = o.file
	if rows, err = lines(o.file); err != nil || o.kind == "students" || o.kind == "instructors" {
		return body, file, rows, err
	}
	var term client.Term
	switch {
	case o.term != "" && o.shift != "":
		err = errors.New("SHIFT moves a schedule to a term of its own: say it without CODE")
	case o.term != "":
		var found bool
		if term, found, err = client.TermByCode(ctx, c, o.term); err == nil && !found {
			err = fmt.Errorf("CODE: there is no term %s; `curl %s/v1/terms` lists those that there are", o.term,
				strings.TrimSuffix(o.api, "/"))
		}
	case o.kind == "sections":
		term, file, err = termFor(ctx, c, o, out)
	default:
		err = errors.New("CODE is not set: registrations are of one term, so name its code, for example CODE=2027-FALL")
	}
	body["term"] = term.ID
	return body, file, rows, err
}

// lines counts the lines below the header, for the progress bar.
func lines(path string) (n int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	part := make([]byte, 64<<10)
	for {
		read, err := file.Read(part)
		for _, b := range part[:read] {
			if b == '\n' {
				n++
			}
		}
		if errors.Is(err, io.EOF) {
			return max(n-1, 0), nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// persist repeats a request while the API cannot be reached or has an internal error. A refusal is final.
func persist(ctx context.Context, o options, do func() error) error {
	const longest = 5 * time.Second
	for began, wait := time.Now(), o.pause; ; wait = min(2*wait, longest) {
		err := do()
		var no *client.Problem
		if err == nil || ctx.Err() != nil || errors.As(err, &no) && no.Status < http.StatusInternalServerError ||
			time.Since(began) > o.patience {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// follow uploads the file and waits for the import's end.
func follow(ctx context.Context, c *client.Client, o options, asked report, rows int) (report, error) {
	if err := persist(ctx, o, func() error { return upload(ctx, c, o.file, asked) }); err != nil {
		return asked, err
	}
	return watch(ctx, c, o, asked.ID, rows)
}

// termFor finds or makes the term of a schedule. If that term has ended, it first writes a copy that is moved to a
// coming year. It returns the file to upload: the given one, or the copy.
func termFor(
	ctx context.Context,
	c *client.Client,
	o options,
	out io.Writer,
) (term client.Term, file string, err error) {
	schedule, err := yacs.Look(o.file)
	if err != nil {
		return term, "", err
	}
	years := schedule.Years(o.now())
	if o.shift != "" {
		if years, err = strconv.Atoi(o.shift); err != nil {
			return term, "", errors.New("SHIFT must be a whole number of years")
		}
	}
	file = o.file
	if years != 0 {
		fmt.Fprintf(
			out,
			"the term %s of the file is moved by %d weeks, to %s "+
				"(SHIFT=0 leaves it, but a term that has ended takes no registrations)\n",
			schedule.Code(),
			years*52,
			schedule.Moved(years).Code(),
		)
		schedule = schedule.Moved(years)
		if file, err = copyOf(schedule, o.file); err != nil {
			return term, "", err
		}
	}
	term, found, err := client.TermByCode(ctx, c, schedule.Code())
	if err != nil || found {
		return term, file, err
	}
	if o.dry {
		return term, file, fmt.Errorf("there is no term %s yet, and a dry run makes none", schedule.Code())
	}
	fmt.Fprintf(out, "making the term %s (%s)\n", schedule.Code(), schedule.Title())
	err = c.Do(ctx, http.MethodPost, "/v1/terms", map[string]any{
		"code": schedule.Code(), "title": schedule.Title(), "timeZone": o.zone,
		"start": schedule.Start.Format(time.DateOnly), "end": schedule.End.AddDate(0, 0, 1).Format(time.DateOnly),
		"registration": map[string]string{
			"open": "1999-01-01T00:00:00Z",
		}, // the file does not say; without a window the term is closed
	}, &term)
	return term, file, err
}

// copyOf writes the moved schedule into a file of its own.
func copyOf(schedule yacs.Schedule, path string) (string, error) {
	file, err := os.CreateTemp("", "schedule-*.csv")
	if err != nil {
		return "", err
	}
	return file.Name(), errors.Join(schedule.Write(file, path), file.Close())
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

func watch(ctx context.Context, c *client.Client, o options, id string, rows int) (report, error) {
	bar := progressbar.NewOptions(
		rows,
		progressbar.OptionSetDescription("rows"),
		progressbar.OptionShowCount(),
		progressbar.OptionSetWriter(os.Stderr),
	)
	for {
		var now report
		if err := persist(ctx, o, func() error {
			now = report{}
			return c.Do(ctx, http.MethodGet, "/v1/imports/"+id, nil, &now)
		}); err != nil {
			return now, err
		}
		_ = bar.Set(min(now.Rows.Read, rows)) // a bar that cannot be drawn stops nothing
		if now.State == "FINISHED" || now.State == "FAILED" {
			return now, nil
		}
		select {
		case <-time.After(o.pause):
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}

// explain prints one of the import's lists, whole.
func explain(ctx context.Context, c *client.Client, o options, id, show string, out io.Writer) error {
	for next := ""; ; {
		var page report
		if err := persist(ctx, o, func() error {
			page = report{}
			return c.Do(ctx, http.MethodGet, "/v1/imports/"+id+"?show="+show+"&cursor="+next, nil, &page)
		}); err != nil {
			return err
		}
		for _, p := range page.Problems {
			kind := "note"
			if p.Refused {
				kind = "refused"
			}
			fmt.Fprintf(out, "  row %d, %s, %s: %s\n", p.Row, p.Field, kind, p.Reason)
		}
		for _, ch := range page.Changes {
			fmt.Fprintf(out, "  row %d: a %s would be %s %s\n", ch.Row, ch.Record, ch.Effect, strings.Join(ch.Fields, ", "))
		}
		if next = page.Next; next == "" {
			return nil
		}
	}
}
