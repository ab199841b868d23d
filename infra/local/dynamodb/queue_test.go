package dynamodb

import (
	"testing"

	"pgregory.net/rapid"
)

// A queue is a list from which its first element may be taken, however long it was.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue[int]
		var want []int
		next := 0
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			for range rapid.IntRange(0, 2*chunkLength).Draw(t, "pushed") {
				q.push(next)
				want = append(want, next)
				next++
			}
			for range min(len(want), rapid.IntRange(0, 2*chunkLength).Draw(t, "popped")) {
				if got := q.pop(); got != want[0] {
					t.Fatalf("popped %d, want %d", got, want[0])
				}
				want = want[1:]
			}
			if q.n != len(want) {
				t.Fatalf("%d elements, want %d", q.n, len(want))
			}
			for i := range want {
				if got := *q.at(i); got != want[i] {
					t.Fatalf("element %d is %d, want %d", i, got, want[i])
				}
			}
			if most := len(want)/chunkLength + 2; len(q.chunks) > most {
				t.Fatalf("%d chunks hold %d elements, want at most %d", len(q.chunks), len(want), most)
			}
		}
	})
}
