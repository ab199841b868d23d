// Package ratio tells how much more one thing takes than another, of measurements in pairs: only ratios mean something
// on another machine, and only of what was measured in turn on one that does other things meanwhile. Start with
// [Pairs].
package ratio

import (
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// Pairs are measurements of a base and of what is compared with it, taken in turn.
type Pairs struct {
	base, head []time.Duration
	ratios     []float64
}

// Add adds a pair. The base must have taken some time.
func (p *Pairs) Add(base, head time.Duration) {
	p.base, p.head = append(p.base, base), append(p.head, head)
	p.ratios = append(p.ratios, float64(head)/float64(base))
}

// Ratio is the median of the pairs' ratios, and what it is between with 95 % confidence, by order statistics. There
// must be a pair.
func (p *Pairs) Ratio() (median, low, high float64) {
	sorted := slices.Sorted(slices.Values(p.ratios))
	from, to := interval(len(sorted))
	return sorted[len(sorted)/2], sorted[from], sorted[to]
}

// Above reports whether the ratio is above a bound for certain.
func (p *Pairs) Above(most float64) bool {
	_, low, _ := p.Ratio()
	return low > most
}

// Print writes the medians and quartiles of both, and the ratio.
func (p *Pairs) Print(out io.Writer, base, head string) {
	width := max(len(base), len(head))
	for _, of := range []struct {
		name string
		took []time.Duration
	}{{base, p.base}, {head, p.head}} {
		const quarter = 4
		sorted := slices.Sorted(slices.Values(of.took))
		n := len(sorted)
		fmt.Fprintf(out, "  %-*s  median %8.3f ms   quartiles %8.3f to %8.3f ms\n", width, of.name,
			milliseconds(sorted[n/2]), milliseconds(sorted[n/quarter]), milliseconds(sorted[n-1-n/quarter]))
	}
	median, low, high := p.Ratio()
	fmt.Fprintf(out, "  ratio %.3f (between %.3f and %.3f)\n", median, low, high)
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
