package cloud

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"

	"example.com/registrar/infra/local/journal"
	"example.com/registrar/infra/local/lambda"
	"example.com/registrar/infra/local/sqs"
)

// occupy makes the folder for what is kept, and its own: two processes would write over each other.
func (c *Cloud) occupy(folder string) error {
	if folder == "" {
		return nil
	}
	const private, readable = 0o700, 0o600
	if err := os.MkdirAll(folder, private); err != nil {
		return fmt.Errorf("make the folder for what is kept: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, readable)
	if err != nil {
		return fmt.Errorf("lock the folder for what is kept: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil { // it ends with the process
		_ = lock.Close() // nothing was written to it
		return fmt.Errorf("another process has %s: stop it, or keep the data in another folder: %w", folder, err)
	}
	c.kept = append(c.kept, lock)
	return nil
}

// keep puts a journal before an engine if there is a folder for it.
func (c *Cloud) keep(
	ctx context.Context, o Options, name string, engine http.Handler, changes func(*http.Request) bool,
	clock *journal.Clock,
) (http.Handler, error) {
	if o.DataDir == "" {
		return engine, nil
	}
	j, err := journal.Open(ctx, engine, journal.Options{
		Path: filepath.Join(o.DataDir, name+".journal"), Changes: changes, Clock: clock, NoSync: o.DataNoSync, Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	c.kept = append(c.kept, j)
	return j, nil
}

// queueEngine makes the embedded SQS, with a chronicle if there is a folder for it.
func (c *Cloud) queueEngine(o Options) (http.Handler, error) {
	options := sqs.Options{Region: Region, Account: Account, Endpoint: o.SQSAddress, Now: o.System.Clock,
		Access: c.Engines.Access}
	if o.DataDir == "" {
		return sqs.New(options), nil
	}
	chronicle := &journal.Chronicle{Path: filepath.Join(o.DataDir, "sqs.journal"), NoSync: o.DataNoSync, Log: o.Log}
	options.Changed = chronicle.Changed
	if err := chronicle.Open(sqs.New(options)); err != nil {
		return nil, err
	}
	c.kept = append(c.kept, chronicle)
	return chronicle, nil
}

// positions are how far mappings of the table's stream got: those of the engines that were handed over, or of the
// folder for what is kept.
func positions(o Options) (*lambda.Positions, error) {
	switch {
	case o.Engines.Positions != nil:
		return o.Engines.Positions, nil
	case o.DataDir == "":
		return lambda.NewPositions(), nil
	}
	return lambda.OpenPositions(filepath.Join(o.DataDir, "positions.json"))
}
