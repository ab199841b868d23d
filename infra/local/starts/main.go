// Command starts is `make bench-start`: it starts builds of one function in turn, under the local Lambda Runtime API,
// and prints how long each takes from exec to its first request for an event, and the ratios: to the least function
// there is (infra/local/bare/start), and to the same function of another commit. With -most and -most-bare it fails
// when a ratio is above that for certain.
//
// Absolute times depend on the machine, so only the ratio counts, and the builds start in turn because other programs
// disturb them. Each round gives a ratio; printed are the median and its 95 % confidence interval (by order
// statistics). Where in memory a file's pages are makes a difference of some percent, even between two copies of one
// binary. So the binaries are copied again and again.
package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/lambda"
	"example.com/registrar/infra/local/ratio"
	"example.com/registrar/shared/api"
)

func main() {
	var o options
	flag.StringVar(&o.function, "function", "registrations-create", "name of the function")
	flag.StringVar(&o.bare, "bare", "", "binary of the least function to compare with; empty: none")
	flag.StringVar(&o.base, "base", "", "binary of the same function to compare with; empty: none")
	flag.StringVar(&o.head, "head", "", "its binary that is compared")
	flag.IntVar(&o.pairs, "pairs", 200, "how often each is started")
	flag.Float64Var(&o.most, "most", 0, "fail when the ratio to -base is above; 0: never")
	flag.Float64Var(&o.mostBare, "most-bare", 0, "fail when the ratio to -bare is above; 0: never")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "starts:", err)
		os.Exit(1)
	}
}

type options struct {
	function, bare, base, head string
	pairs                      int
	most, mostBare             float64
}

// build is one of the binaries that are started in turn.
type build struct {
	name, binary string
	most         float64 // of the ratio of head to it
	copied       string  // where it is started from
	took, worked time.Duration
	pairs, work  ratio.Pairs // with head: the time that passed, and the processors' of it
}

func run(ctx context.Context, o options, out io.Writer) error {
	const fewest = 10
	at := slices.IndexFunc(functions.All(), func(f functions.Function) bool { return f.Name == o.function })
	if at < 0 {
		return fmt.Errorf("there is no function %q", o.function)
	}
	if o.pairs < fewest {
		return fmt.Errorf("%d pairs say nothing; %d at least", o.pairs, fewest)
	}
	f := functions.All()[at]
	builds := []*build{{name: "head", binary: o.head}}
	if o.bare != "" {
		builds = append(builds, &build{name: "bare", binary: o.bare, most: o.mostBare})
	}
	if o.base != "" {
		builds = append(builds, &build{name: "base", binary: o.base, most: o.most})
	}
	const nowhere = "http://127.0.0.1:9" // nobody is asked before an event comes
	c, err := cloud.Open(ctx, cloud.Options{
		Log: slog.New(slog.DiscardHandler), System: api.RealSystem(), APIAddress: nowhere, DynamoDBAddress: nowhere,
		SQSAddress: nowhere,
		S3Address:  nowhere, SESAddress: nowhere,
	})
	if err != nil {
		return err
	}
	start := func(binary string) (took, worked time.Duration, err error) {
		p, err := lambda.StartProcess(ctx, lambda.ProcessOptions{
			Binary: binary, Name: f.Name, Memory: f.Memory, Timeout: f.Timeout, Env: c.Environment(f), Stderr: os.Stderr,
		})
		if err != nil {
			return 0, 0, err
		}
		worked, err = p.ProcessorTime()
		return p.InitDuration(), worked, errors.Join(err, p.Close())
	}
	folder, err := os.MkdirTemp("", "starts")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() // a folder of its own in the system's for such
	for _, b := range builds {
		b.copied = filepath.Join(folder, b.name)
	}
	const copied = 8 // rounds before the next copies
	for n := range o.pairs {
		if n%copied == 0 {
			for _, b := range builds {
				err := duplicate(b.binary, b.copied)
				_, _, lost := start(b.copied) // the first start of a copy is another matter
				if err = errors.Join(err, lost); err != nil {
					return err
				}
			}
		}
		for k := range builds { // what one start does to the next must not favour any
			b := builds[(n+k)%len(builds)]
			if b.took, b.worked, err = start(b.copied); err != nil {
				return err
			}
		}
		for _, b := range builds[1:] {
			b.pairs.Add(b.took, builds[0].took)
			b.work.Add(b.worked, builds[0].worked)
		}
	}
	return report(out, f.Name, o, builds)
}

// report prints what was measured, and fails where a ratio is above its bound.
func report(out io.Writer, function string, o options, builds []*build) error {
	fmt.Fprintf(out, "%s, %d starts of each, from exec to the first request for an event\n", function, o.pairs)
	for _, b := range builds {
		about, err := os.Stat(b.binary)
		if err != nil {
			return err
		}
		packed, err := zipped(b.binary)
		if err != nil {
			return err
		}
		const kilobyte = 1024
		fmt.Fprintf(out, "  %s  %6d KB, zipped %5d KB\n", b.name, about.Size()/kilobyte, packed/kilobyte)
	}
	var failed error
	for _, b := range builds[1:] {
		b.pairs.Print(out, b.name, builds[0].name)
		median, low, high := b.work.Ratio()
		fmt.Fprintf(out, "  of the processors' time, which other work on the machine disturbs less, %.3f (between %.3f and "+
			"%.3f)\n", median, low, high)
		if b.most > 0 && b.pairs.Above(b.most) {
			failed = errors.Join(failed, fmt.Errorf("the start of %s takes more than %.2f times that of %s (%s): what was "+
				"added to it?", function, b.most, b.name, b.binary))
		}
	}
	return failed
}

// zipped is what a binary weighs as a deployment package, in bytes.
func zipped(binary string) (int, error) {
	text, err := os.ReadFile(binary)
	if err != nil {
		return 0, err
	}
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	file, err := archive.Create("bootstrap")
	if err != nil {
		return 0, err
	}
	if _, err := file.Write(text); err != nil {
		return 0, err
	}
	err = archive.Close()
	return packed.Len(), err
}

func duplicate(from, to string) error {
	binary, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	const executable = 0o700
	return errors.Join(os.RemoveAll(to), os.WriteFile(to, binary, executable))
}
