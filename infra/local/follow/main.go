// Command follow is `make follow ID=…`: it shows every log line that one request caused, in whatever function, from the
// file that `make run` keeps.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"example.com/registrar/infra/local/logs"
)

func main() {
	id := flag.String("id", "", "the request's correlation id: its answer's header X-Correlation-Id")
	file := flag.String("log", "", "the file with the log lines")
	flag.Parse()
	if err := run(*id, *file, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "follow:", err)
		os.Exit(1)
	}
}

func run(id, file string, out io.Writer) error {
	if id == "" {
		return errors.New("ID is not set: it is the correlation id of a request, which its answer has in the header " +
			"X-Correlation-Id: make follow ID=…")
	}
	lines, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("%w. `make run` writes this file; if it runs on another port than 8080, say PORT= here too", err)
	}
	defer lines.Close()
	found := 0
	for reader := bufio.NewReader(lines); ; {
		line, err := reader.ReadBytes('\n')
		if logs.Correlation(line) == id {
			found++
			fmt.Fprintln(out, logs.Text(line))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
	}
	if found == 0 {
		return fmt.Errorf("no line of %s has the correlation id %q; the file holds the last `make run` alone", file, id)
	}
	return nil
}
