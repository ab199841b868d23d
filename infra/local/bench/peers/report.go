package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// report prints two tables in Markdown: ratios to the first side, of figures of the same round, and the figures.
func (m *measurement) report(out io.Writer) {
	fmt.Fprintf(out, "As ratios to %s: the median of the rounds, and the least and the most of them. More requests a "+
		"second, and\n"+
		"less of everything else, is better.\n\n", m.sides[0].name)
	m.head(out)
	for i, sc := range scenarios() {
		for _, what := range measured() {
			fmt.Fprintf(out, "| %s: %s |", sc.name, what.name)
			for at := range m.sides {
				var ratios []float64
				for round := range m.options.rounds {
					ratios = append(ratios, what.of(m.figures[i][at][round])/what.of(m.figures[i][0][round]))
				}
				slices.Sort(ratios)
				fmt.Fprintf(out, " %s (%s–%s) |", short(median(ratios)), short(ratios[0]), short(ratios[len(ratios)-1]))
			}
			fmt.Fprintln(out)
		}
	}
	for part, name := range []string{"memory of the server", "memory of the store"} {
		fmt.Fprintf(out, "| %s |", name)
		for at := range m.sides {
			fmt.Fprintf(out, " %s |", short(float64(m.memory[at][part])/float64(m.memory[0][part])))
		}
		fmt.Fprintln(out)
	}
	fmt.Fprint(out, "\nWhat the ratios are of: the medians of the rounds.\n\n")
	m.head(out)
	for i, sc := range scenarios() {
		for _, what := range measured() {
			fmt.Fprintf(out, "| %s: %s |", sc.name, what.name)
			for at := range m.sides {
				var all []float64
				for _, f := range m.figures[i][at] {
					all = append(all, what.of(f))
				}
				slices.Sort(all)
				fmt.Fprintf(out, " %s |", short(median(all)))
			}
			fmt.Fprintln(out)
		}
		m.others(out, i, sc)
	}
	const mega = 1 << 20
	for part, name := range []string{"memory of the server, MB", "memory of the store, MB"} {
		fmt.Fprintf(out, "| %s |", name)
		for at := range m.sides {
			fmt.Fprintf(out, " %.0f |", float64(m.memory[at][part])/mega)
		}
		fmt.Fprintln(out)
	}
}

// others tells of answers that were not awaited, if there were any.
func (m *measurement) others(out io.Writer, i int, sc scenario) {
	var cells []string
	some := false
	for at := range m.sides {
		sum := map[string]int{}
		for _, f := range m.figures[i][at] {
			for what, n := range f.others {
				sum[what] += n
			}
		}
		var texts []string
		for _, what := range slices.Sorted(maps.Keys(sum)) {
			texts = append(texts, fmt.Sprintf("%d × %s", sum[what], what))
		}
		some = some || len(texts) > 0
		cells = append(cells, strings.Join(texts, ", "))
	}
	if some {
		fmt.Fprintf(out, "| %s: other answers | %s |\n", sc.name, strings.Join(cells, " | "))
	}
}

func (m *measurement) head(out io.Writer) {
	fmt.Fprint(out, "| |")
	for _, s := range m.sides {
		fmt.Fprintf(out, " %s |", s.name)
	}
	fmt.Fprint(out, "\n| --- |")
	for range m.sides {
		fmt.Fprint(out, " --- |")
	}
	fmt.Fprintln(out)
}

// measure is one of a turn's figures.
type measure struct {
	name string
	of   func(figures) float64
}

func measured() []measure {
	percentile := func(p float64) func(figures) float64 {
		return func(f figures) float64 {
			return float64(f.times.ValueAtQuantile(p)) / float64(time.Millisecond/time.Microsecond)
		}
	}
	milliseconds := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return []measure{
		{"requests a second", func(f figures) float64 { return f.perSecond }},
		{"p50, ms", percentile(50)},
		{"p99, ms", percentile(99)},
		{"CPU of the server, ms each", func(f figures) float64 { return milliseconds(f.app) }},
		{"CPU with the store, ms each", func(f figures) float64 { return milliseconds(f.app + f.store) }},
	}
}

func median(sorted []float64) float64 {
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// short is a figure with three digits or so.
func short(v float64) string {
	const hundred, ten = 100, 10
	switch {
	case v >= hundred:
		return fmt.Sprintf("%.0f", v)
	case v >= ten:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}
