// Command starts is `make bench-start`: it starts two builds of one function in turn, under the local Lambda Runtime
// API, and prints how long each takes from exec to its first request for an event, and the ratio. With -most it fails
// when the ratio is above that for certain.
//
// Only the ratio means something on another machine, and only of starts in turn on one that does other things
// meanwhile. Each pair gives a ratio; told are their median and what the median is between with 95 % confidence (by
// order statistics). Where in memory a file's pages lie makes a difference of some percent, as two copies of one binary
// show: so both are copied again and again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/lambda"
	"example.com/registrar/shared/api"
)

func main() {
	var o options
	flag.StringVar(&o.function, "function", "registrations-create", "name of the function")
	flag.StringVar(&o.base, "base", "", "its binary to compare with")
	flag.StringVar(&o.head, "head", "", "its binary that is compared")
	flag.IntVar(&o.pairs, "pairs", 200, "how often each is started")
	flag.Float64Var(&o.most, "most", 0, "fail when the ratio is above; 0: never")
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
	function, base, head string
	pairs                int
	most                 float64
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
	const nowhere = "http://127.0.0.1:9" // nobody is asked before an event comes
	c, err := cloud.Open(ctx, cloud.Options{
		Log: slog.New(slog.DiscardHandler), System: api.RealSystem(), APIAddress: nowhere, DynamoDBAddress: nowhere,
		SQSAddress: nowhere,
		S3Address:  nowhere, SESAddress: nowhere,
	})
	if err != nil {
		return err
	}
	start := func(binary string) (time.Duration, error) {
		p, err := lambda.StartProcess(ctx, lambda.ProcessOptions{
			Binary: binary, Name: f.Name, Memory: f.Memory, Timeout: f.Timeout, Env: c.Environment(f), Stderr: os.Stderr,
		})
		if err != nil {
			return 0, err
		}
		return p.InitDuration(), p.Close()
	}
	base, head := make([]time.Duration, o.pairs), make([]time.Duration, o.pairs)
	ratios := make([]float64, o.pairs)
	folder, err := os.MkdirTemp("", "starts")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() // a folder of its own in the system's for such
	const copied = 8                            // pairs before the next copies
	for n := range o.pairs {
		swap := n%2 != 0 // what the first of a pair does to the second must not favour one
		binaries := [2]string{filepath.Join(folder, "base"), filepath.Join(folder, "head")}
		if n%copied == 0 {
			err := errors.Join(duplicate(o.base, binaries[0]), duplicate(o.head, binaries[1]))
			for _, binary := range binaries { // the first start of a copy is another matter
				_, lost := start(binary)
				err = errors.Join(err, lost)
			}
			if err != nil {
				return err
			}
		}
		var took [2]time.Duration
		for _, which := range map[bool][2]int{false: {0, 1}, true: {1, 0}}[swap] {
			if took[which], err = start(binaries[which]); err != nil {
				return err
			}
		}
		base[n], head[n], ratios[n] = took[0], took[1], float64(took[1])/float64(took[0])
	}
	slices.Sort(base)
	slices.Sort(head)
	slices.Sort(ratios)
	low, high := interval(o.pairs)
	fmt.Fprintf(out, "%s, %d starts of each, from exec to the first request for an event\n", f.Name, o.pairs)
	for _, of := range []struct {
		name, binary string
		took         []time.Duration
	}{{"base", o.base, base}, {"head", o.head, head}} {
		about, err := os.Stat(of.binary)
		if err != nil {
			return err
		}
		const kilobyte, quarter = 1024, 4
		fmt.Fprintf(out, "  %s  %6d KB   median %6.2f ms   quartiles %6.2f to %6.2f ms\n", of.name, about.Size()/kilobyte,
			milliseconds(of.took[o.pairs/2]), milliseconds(of.took[o.pairs/quarter]),
			milliseconds(of.took[o.pairs-1-o.pairs/quarter]))
	}
	fmt.Fprintf(out, "  ratio %.3f (between %.3f and %.3f)\n", ratios[o.pairs/2], ratios[low], ratios[high])
	if o.most > 0 && ratios[low] > o.most {
		return fmt.Errorf("the start of %s takes more than %.2f times what it took: what was added to %s?", f.Name, o.most,
			filepath.Dir(o.head))
	}
	return nil
}

func duplicate(from, to string) error {
	binary, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	const executable = 0o700
	return errors.Join(os.RemoveAll(to), os.WriteFile(to, binary, executable))
}

// interval gives the places, among so many sorted values, that their median is between with 95 % confidence: the
// binomial's two-sided quantiles, by the normal distribution.
func interval(n int) (low, high int) {
	const z = 1.96
	half := z * math.Sqrt(float64(n)) / 2
	low = max(0, int(math.Floor(float64(n)/2-half)))
	return low, min(n-1, int(math.Ceil(float64(n)/2+half)))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
