package sqs

import "container/heap"

// ranked keeps items in the order of less, any of which can be removed in logarithmic time: moved tells each its index.
type ranked[T any] struct {
	items []T
	less  func(a, b T) bool
	moved func(item T, index int)
}

func (r *ranked[T]) Len() int           { return len(r.items) }
func (r *ranked[T]) Less(i, j int) bool { return r.less(r.items[i], r.items[j]) }

func (r *ranked[T]) Swap(i, j int) {
	r.items[i], r.items[j] = r.items[j], r.items[i]
	r.moved(r.items[i], i)
	r.moved(r.items[j], j)
}

// Push is for [heap.Interface]; callers use add.
func (r *ranked[T]) Push(item any) {
	r.items = append(r.items, item.(T)) //nolint:errcheck // only add pushes, and it has a T
	r.moved(r.items[len(r.items)-1], len(r.items)-1)
}

// Pop is for [heap.Interface]; callers use remove.
func (r *ranked[T]) Pop() any {
	var none T
	last := len(r.items) - 1
	item := r.items[last]
	r.items[last] = none // lets the item be collected
	r.items = r.items[:last]
	return item
}

func (r *ranked[T]) first() T       { return r.items[0] }
func (r *ranked[T]) add(item T)     { heap.Push(r, item) }
func (r *ranked[T]) remove(i int) T { return heap.Remove(r, i).(T) } //nolint:errcheck // it holds nothing but T
func (r *ranked[T]) fix(i int)      { heap.Fix(r, i) }
