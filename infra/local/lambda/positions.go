package lambda

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// Positions are how far event source mappings of streams got: up to which record of each shard a [StreamPoller] is done
// with all. Lambda keeps them when a function is replaced; so does whoever hands the same Positions to the next poller.
// They are safe for concurrent use.
type Positions struct {
	path string // empty: kept by this process alone

	mu      sync.Mutex
	reached map[string]string // sequence numbers, by mapping and shard
}

// NewPositions makes positions that end with the process.
func NewPositions() *Positions { return &Positions{reached: map[string]string{}} }

// OpenPositions reads positions from a file, and writes it whenever one changes. A file that is missing or cannot be
// read is none: records then come again.
func OpenPositions(path string) (*Positions, error) {
	p := NewPositions()
	p.path = path
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the positions in streams: %w", err)
	}
	if json.Unmarshal(text, &p.reached) != nil || p.reached == nil {
		p.reached = map[string]string{}
	}
	return p, nil
}

// Reached is the sequence number up to which the records of a shard are done with; empty: none is.
func (p *Positions) Reached(mapping, shard string) string {
	if p == nil {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reached[mapping+" "+shard]
}

// reach notes a position. The file is replaced, so that it is there whole whenever the process ends; that it comes to
// the disk is not waited for, as an older one does no harm.
func (p *Positions) reach(mapping, shard, sequence string) error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reached[mapping+" "+shard] = sequence
	if p.path == "" {
		return nil
	}
	text, err := json.Marshal(p.reached)
	if err != nil {
		return fmt.Errorf("write the positions in streams: %w", err)
	}
	const private = 0o600
	if err := os.WriteFile(p.path+".new", text, private); err != nil {
		return fmt.Errorf("write the positions in streams: %w", err)
	}
	if err := os.Rename(p.path+".new", p.path); err != nil {
		return fmt.Errorf("write the positions in streams: %w", err)
	}
	return nil
}

// progress is which records of a shard were handed out, and up to which all are done with.
type progress struct {
	mu    sync.Mutex
	order []string // handed out, oldest first; the first is not done with
	done  map[string]bool
}

// handOut notes the next record. One that nobody wants is done with.
func (p *progress) handOut(sequence string, wanted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done == nil {
		p.done = map[string]bool{}
	}
	p.order = append(p.order, sequence)
	if !wanted {
		p.done[sequence] = true
	}
}

// finish notes that records are done with, and tells reach the position when that moves.
func (p *progress) finish(records []record, reach func(sequence string) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range records {
		p.done[r.sequence] = true
	}
	n := 0
	for n < len(p.order) && p.done[p.order[n]] {
		delete(p.done, p.order[n])
		n++
	}
	if n == 0 {
		return nil
	}
	reached := p.order[n-1]
	p.order = p.order[n:]
	return reach(reached)
}
