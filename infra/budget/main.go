// Command budget prints what each built function weighs: its binary for arm64 and amd64, in KB, and the packages linked
// into it, which is what a cold start pays for. With -write it makes that the committed listing functions/budget.txt;
// with
// -check it compares, and fails when a function has outgrown its line: a growth is to be seen in a review.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"example.com/registrar/functions"
)

const listing = "functions/budget.txt"

// slack is what a binary may grow without a new line, in percent: compilers of one version differ by less.
const slack = 2

func main() {
	write := flag.Bool("write", false, "write "+listing)
	check := flag.Bool("check", false, "compare with "+listing)
	flag.Parse()
	if err := run(*write, *check, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "budget:", err)
		os.Exit(1)
	}
}

// weight is one line of the listing.
type weight struct {
	arm64, amd64 int64 // KB
	packages     int
}

func run(write, check bool, out io.Writer) error {
	now := make(map[string]weight)
	var table bytes.Buffer
	fmt.Fprintf(&table, "%-24s %10s %10s %9s\n", "function", "arm64 KB", "amd64 KB", "packages")
	for _, f := range functions.All() {
		w, err := weigh(f)
		if err != nil {
			return err
		}
		now[f.Name] = w
		fmt.Fprintf(&table, "%-24s %10d %10d %9d\n", f.Name, w.arm64, w.amd64, w.packages)
	}
	if _, err := out.Write(table.Bytes()); err != nil {
		return err
	}
	if write {
		return os.WriteFile(listing, table.Bytes(), 0o644)
	}
	if !check {
		return nil
	}
	budget, err := read()
	if err != nil {
		return err
	}
	var grown []string
	for _, f := range functions.All() {
		b, w := budget[f.Name], now[f.Name]
		if w.packages > b.packages || w.arm64*100 > b.arm64*(100+slack) || w.amd64*100 > b.amd64*(100+slack) {
			grown = append(grown, f.Name)
		}
	}
	if len(grown) > 0 {
		return fmt.Errorf(
			"%s outgrew %s: what was added, and is it worth its cold start? If so, `make budget` writes it down", strings.Join(
				grown, ", "), listing)
	}
	return nil
}

func weigh(f functions.Function) (weight, error) {
	var w weight
	for arch, kb := range map[string]*int64{"arm64": &w.arm64, "amd64": &w.amd64} {
		info, err := os.Stat(filepath.Join(".build", arch, f.Name, "bootstrap"))
		if err != nil {
			return w, fmt.Errorf("%w (make build builds it)", err)
		}
		const kilobyte = 1024
		*kb = info.Size() / kilobyte
	}
	list := exec.Command("go", "list", "-deps", "-tags", "lambda.norpc,nethttpomithttp2", "./"+f.Folder())
	list.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
	packages, err := list.Output()
	if err != nil {
		return w, fmt.Errorf("list the packages of %s: %w", f.Name, err)
	}
	w.packages = bytes.Count(packages, []byte("\n"))
	return w, nil
}

func read() (map[string]weight, error) {
	file, err := os.Open(listing)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	budget := make(map[string]weight)
	lines := bufio.NewScanner(file)
	lines.Scan() // the heading
	for lines.Scan() {
		var name string
		var w weight
		if _, err := fmt.Sscan(lines.Text(), &name, &w.arm64, &w.amd64, &w.packages); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", listing, lines.Text(), err)
		}
		budget[name] = w
	}
	return budget, lines.Err()
}
