package dynamodb

import "slices"

// queue is a list that grows at its end and shrinks at its beginning, each at a cost that does not depend on its
// length. Its zero value is empty.
type queue[T any] struct {
	chunks [][]T // all but the last are full
	gone   int   // of the first chunk's elements
	n      int
}

// chunkLength is how many elements are allocated together.
const chunkLength = 256

func (q *queue[T]) push(v T) {
	if len(q.chunks) == 0 || len(q.chunks[len(q.chunks)-1]) == chunkLength {
		q.chunks = append(q.chunks, make([]T, 0, chunkLength))
	}
	last := &q.chunks[len(q.chunks)-1]
	*last = append(*last, v)
	q.n++
}

// at is the ith element, from 0 to n-1.
func (q *queue[T]) at(i int) *T {
	i += q.gone
	return &q.chunks[i/chunkLength][i%chunkLength]
}

// copied is the queue as it is now, whatever becomes of the other: what was pushed is never changed.
func (q *queue[T]) copied() queue[T] {
	c := *q
	c.chunks = slices.Clone(q.chunks)
	return c
}

// pop takes the first element off. There must be one. What it holds is free once its chunk is.
func (q *queue[T]) pop() T {
	v := *q.at(0)
	q.n--
	if q.gone++; q.gone == chunkLength {
		q.chunks[0] = nil
		q.chunks, q.gone = q.chunks[1:], 0
	}
	return v
}
