package dynamo

import (
	"context"
	"sync"
	"time"

	"example.com/registrar/shared/registrar"
)

// cacheAge bounds how old a cached section or term may be. A section's age does not matter for correctness, since a commit
// compares its version; a change of a term's window, limit or deadlines takes effect everywhere after this long.
const cacheAge = 10 * time.Second

// cacheSize bounds the records kept of one kind; a university's term has a few thousand sections.
const cacheSize = 4096

// cache keeps records of bounded age. It is safe for concurrent use.
type cache[K comparable, V any] struct {
	now registrar.Clock

	mu      sync.Mutex
	entries map[K]cacheEntry[V]
}

type cacheEntry[V any] struct {
	value V
	until time.Time
}

func newCache[K comparable, V any](now registrar.Clock) *cache[K, V] {
	return &cache[K, V]{now: now, entries: make(map[K]cacheEntry[V])}
}

func (c *cache[K, V]) get(k K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[k]
	if !ok || !c.now().Before(e.until) {
		var none V
		return none, false
	}
	return e.value, true
}

func (c *cache[K, V]) put(k K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= cacheSize {
		clear(c.entries) // rare, and cheaper than an order of use
	}
	c.entries[k] = cacheEntry[V]{value: v, until: c.now().Add(cacheAge)}
}

func (c *cache[K, V]) forget(k K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, k)
}

func (s *Store) cachedSection(ctx context.Context, id registrar.SectionID) (registrar.Section, error) {
	if section, ok := s.sections.get(id); ok {
		return section, nil
	}
	view, err := s.Section(ctx, id)
	if err != nil {
		return registrar.Section{}, err
	}
	s.sections.put(id, view.Section)
	return view.Section, nil
}

func (s *Store) forgetSection(id registrar.SectionID) { s.sections.forget(id) }

func (s *Store) cachedTerm(ctx context.Context, id registrar.TermID) (registrar.Term, error) {
	if term, ok := s.terms.get(id); ok {
		return term, nil
	}
	term, err := s.Term(ctx, id)
	if err != nil {
		return registrar.Term{}, err
	}
	s.terms.put(id, term)
	return term, nil
}
