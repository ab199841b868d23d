package journal

// Settle waits for the snapshot that is being written, if one is.
func (j *Journal) Settle() { j.book.done.Wait() }

// Settle waits for the snapshot that is being written, if one is.
func (c *Chronicle) Settle() { c.book.done.Wait() }
