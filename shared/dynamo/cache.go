package dynamo

import (
	"context"
	"sync"
	"time"

	"example.com/registrar/shared/registrar"
)

// How old a cached record may be, counted from before it was read.
const (
	// cacheAge is for showing a section: in a mail, on a roster. A decision on a cached section compares its version when
	// it commits.
	cacheAge = 10 * time.Second
	// termAge is for decisions. No condition has the version of a term: every registration of a campus would meet at that
	// one item. About 125 transactions a second can be carried out on one item, one after the other, and a ConditionCheck
	// costs two of each registration's sixteen units. So a change of a term's window, limit or deadlines takes effect
	// everywhere within this time.
	termAge = time.Second
)

// cacheSize bounds the records of one kind in the cache; a university's term has a few thousand sections.
const cacheSize = 4096

// cache keeps records of bounded age, and never takes back a version that is older than one that it has known. It is
// safe for concurrent use.
type cache[K comparable, V any] struct {
	now     registrar.Clock
	version func(V) registrar.Version

	mu      sync.Mutex
	entries map[K]cacheEntry[V]
	emptied time.Time // records that were read before may be older than what was known then
}

type cacheEntry[V any] struct {
	value V
	read  time.Time         // when reading it began; zero: there is no value
	least registrar.Version // the least version that the record is known to have
}

func newCache[K comparable, V any](now registrar.Clock, version func(V) registrar.Version) *cache[K, V] {
	return &cache[K, V]{now: now, version: version, entries: make(map[K]cacheEntry[V])}
}

// get returns the record if it is younger than the age.
func (c *cache[K, V]) get(k K, age time.Duration) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[k]
	if e.read.IsZero() || c.now().Sub(e.read) >= age {
		var none V
		return none, false
	}
	return e.value, true
}

// putRead keeps a record whose reading began at that time, unless a newer version, or a later reading of the same, is
// known.
func (c *cache[K, V]) putRead(k K, v V, began time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	version, e := c.version(v), c.entries[k]
	if version < e.least || version == e.least && began.Before(e.read) || began.Before(c.emptied) {
		return
	}
	c.makeRoom()
	c.entries[k] = cacheEntry[V]{value: v, read: began, least: version}
}

// outdate removes a record that is older than the version, which the record is known to have.
func (c *cache[K, V]) outdate(k K, least registrar.Version) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[k].least < least {
		c.makeRoom()
		c.entries[k] = cacheEntry[V]{least: least}
	}
}

// forget removes a record, and still takes no older one afterwards.
func (c *cache[K, V]) forget(k K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[k]; ok {
		c.entries[k] = cacheEntry[V]{least: e.least}
	}
}

func (c *cache[K, V]) makeRoom() {
	if len(c.entries) >= cacheSize {
		clear(c.entries) // rare, and cheaper than keeping an order of use
		c.emptied = c.now()
	}
}

func (s *Store) cachedSection(ctx context.Context, id registrar.SectionID) (registrar.Section, error) {
	if section, ok := s.sections.get(id, cacheAge); ok {
		return section, nil
	}
	began := s.now()
	view, err := s.Section(ctx, id)
	if err != nil {
		return registrar.Section{}, err
	}
	s.sections.putRead(id, view.Section, began)
	s.sawSeats(view.Seats, began)
	return view.Section, nil
}

func (s *Store) forgetSection(id registrar.SectionID) { s.sections.forget(id) }

// sawSeats keeps seats for as long as a section may be refused as full because of them. Free seats are not kept:
// whoever takes one needs the present state.
func (s *Store) sawSeats(seats registrar.Seats, began time.Time) {
	if seats.Takeable() {
		s.full.forget(seats.Section)
		return
	}
	s.full.putRead(seats.Section, seats, began)
}
