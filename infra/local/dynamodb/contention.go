package dynamodb

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/tidwall/btree"
)

// Contention makes the engine behave under load as the service does. Each field is a setting of its own, and its zero
// value leaves that behaviour out. [AWSContention] has the service's values.
type Contention struct {
	// Seed begins the source of everything that is drawn. Goroutines are not seeded: a run of one client repeats itself, a
	// run of many has the same times in another order.
	Seed uint64

	// Service times. Half of a read's or a write's passes before it takes effect, half after; each part of a batch has its
	// own, so that the parts take effect at different moments, and a batch ends with its last part. A transaction that
	// writes is in flight for the whole of its time, and its items conflict with others'; that is to say, without
	// a time for transactions nothing ever conflicts. One that is cancelled takes half.
	Read, Write, Transaction Latency

	// Units a second of one partition; what one second leaves over is there in the next, but no more. Every partition key
	// has a partition to itself, which is the best that the service does for a hot one; so have the keys of a global
	// index.
	PartitionWrites, PartitionReads float64
	// Units a second of a new table in on-demand mode, and of each of its global indexes. Once it is more, they have twice
	// the traffic of their busiest minute, not counting the time that growth takes. A provisioned table has what it is
	// provisioned with, and its indexes are not limited.
	TableWrites, TableReads float64
	Growth                  time.Duration

	// Staleness is how far behind the writes an eventually consistent read of a table may be, and StaleReads how many
	// are, from 0 to 1: those that ask a replica which is not the leader.
	Staleness  time.Duration
	StaleReads float64
}

// Units a second of a partition, for reads and writes apart (developer guide, "Best practices for designing and using
// partition keys"; "Key range throughput exceeded (hot partitions)"). Neither burst nor adaptive capacity lifts them
// ("DynamoDB burst and adaptive capacity").
const (
	partitionWrites = 1000
	partitionReads  = 3000
)

// AWSContention is contention as AWS documents it. What AWS does not say is set to what is plausible, and marked so.
func AWSContention() *Contention {
	return &Contention{
		Seed: 1,
		// Plausible: AWS promises single-digit milliseconds for reads and writes of one item (developer guide, "What is
		// Amazon DynamoDB?"), and publishes no percentiles. A transaction takes two rounds, prepare and commit.
		Read:            Latency{Median: 3 * time.Millisecond, P99: 9 * time.Millisecond},
		Write:           Latency{Median: 5 * time.Millisecond, P99: 14 * time.Millisecond},
		Transaction:     Latency{Median: 8 * time.Millisecond, P99: 25 * time.Millisecond},
		PartitionWrites: partitionWrites, PartitionReads: partitionReads,
		// Developer guide, "DynamoDB on-demand capacity mode", initial throughput and scaling properties.
		TableWrites: 4000, TableReads: 12000, Growth: 30 * time.Minute,
		// Developer guide, "DynamoDB read consistency": reads may not see a write of a short time ago. Plausible: how short.
		// One replica of three leads ("Amazon DynamoDB: A Scalable, Predictably Performant, and Fully Managed NoSQL Database
		// Service", USENIX ATC 2022), and any of them answers such a read.
		Staleness: 20 * time.Millisecond, StaleReads: 2.0 / 3,
	}
}

// Latency is a distribution of service times: log-normal, by its median and its 99th percentile. Zero: no time at all.
type Latency struct{ Median, P99 time.Duration }

// draw takes a time from the distribution; z is from the standard normal one.
func (l Latency) draw(z float64) time.Duration {
	if l.Median <= 0 || l.P99 <= l.Median {
		return max(l.Median, 0)
	}
	const z99, outermost = 2.326, 4 // a longer tail would say more of the distribution than is known
	sigma := math.Log(float64(l.P99)/float64(l.Median)) / z99
	return time.Duration(float64(l.Median) * math.Exp(sigma*min(z, outermost)))
}

// contention is the state of an engine that has any.
type contention struct {
	settings   Contention
	throughput *throughputMeter

	mu     sync.Mutex
	random *rand.Rand

	// inFlight are the items of transactions that are being written. It is guarded by the engine's lock.
	inFlight map[target]bool
}

func newContention(settings *Contention) *contention {
	if settings == nil {
		return nil
	}
	const stream = 0x64796e616d6f
	return &contention{
		settings: *settings, random: rand.New(rand.NewPCG(settings.Seed, stream)), inFlight: map[target]bool{},
		throughput: newThroughputMeter(*settings),
	}
}

func (c *contention) draw(l Latency) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return l.draw(c.random.NormFloat64())
}

func reading(c Contention) Latency { return c.Read }

func writing(c Contention) Latency { return c.Write }

// arrive spends the first half of an operation's service time and gives the other half, which is to be spent when the
// operation has taken effect: defer time.Sleep(e.arrive(reading)). No lock may be held. Whoever asked may have gone
// meanwhile; the service carries on, and so does this.
func (e *Engine) arrive(kind func(Contention) Latency) time.Duration {
	if e.contention == nil {
		return 0
	}
	whole := e.contention.draw(kind(e.contention.settings))
	time.Sleep(whole / 2)
	return whole - whole/2
}

// spread does the n parts of a batch, each at a moment of its own, until one fails. No lock may be held.
func (c *contention) spread(kind Latency, n int, do func(part int) error) error {
	type moment struct {
		part int
		at   time.Duration
	}
	moments := make([]moment, n)
	for i := range moments {
		moments[i] = moment{i, c.draw(kind)}
	}
	slices.SortStableFunc(moments, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	var now time.Duration
	for _, m := range moments {
		time.Sleep(m.at - now)
		now = m.at
		if err := do(m.part); err != nil {
			return err
		}
	}
	return nil
}

// conflict tells that a transaction has the item. The engine's lock must be held. It gives nil of a nil contention.
func (c *contention) conflict(item target) error {
	if c == nil || !c.inFlight[item] {
		return nil
	}
	return ongoing()
}

func ongoing() error {
	return newFault("TransactionConflictException", "Transaction is ongoing for the item")
}

// take uses up throughput, or tells that there is not enough.
func (e *Engine) take(demands []demand) error {
	if e.contention == nil {
		return nil
	}
	return e.contention.throughput.take(e.options.Now(), demands)
}

func (e *Engine) giveBack(demands []demand) {
	if e.contention != nil {
		e.contention.throughput.give(e.options.Now(), demands)
	}
}

// admit lets a write of an item pass, or tells why not: for want of throughput, or since a transaction has the item.
// What is refused for a conflict has used up what it asked for. The engine's lock must be held.
func (e *Engine) admit(item target, demands []demand) error {
	conflict := e.contention.conflict(item)
	if conflict != nil {
		demands = reached(demands)
	}
	if err := e.take(demands); err != nil {
		return err
	}
	return conflict
}

// transact has a transaction in flight for its time.
func (c *contention) transact(t *transaction) error {
	whole := c.draw(c.settings.Transaction)
	if again, err := c.begin(t); again || err != nil {
		time.Sleep(whole / 2)
		return err
	}
	time.Sleep(whole)
	e := t.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, item := range t.items {
		delete(c.inFlight, item)
	}
	delete(e.tokens, t.token)
	if err := t.plan(nil); err != nil { // a table may have gone or got another index meanwhile
		return err
	}
	t.commit()
	return nil
}

// begin prepares a transaction, and puts it in flight if nothing speaks against it. It reports whether the token was
// used for the same request before.
func (c *contention) begin(t *transaction) (again bool, err error) {
	e := t.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if again, err = t.prepare(); again || err != nil {
		return again, err
	}
	for _, item := range t.items {
		c.inFlight[item] = true
	}
	if t.token != "" {
		e.tokens[t.token] = tokenUse{request: t.fingerprint, inFlight: true}
	}
	return false, nil
}

// transactRead reads twice, and takes the items for a snapshot when nobody has written or is writing them in between.
func (c *contention) transactRead(r *transactionRead) ([]*record, error) {
	whole := c.draw(c.settings.Transaction)
	e := r.engine
	e.mu.RLock()
	records, err := r.read()
	e.mu.RUnlock()
	if err != nil {
		time.Sleep(whole / 2)
		return nil, err
	}
	time.Sleep(whole)
	e.mu.RLock()
	defer e.mu.RUnlock()
	errs := make([]error, len(records))
	for i, item := range r.items {
		t, err := e.find(item.table)
		if err != nil {
			return nil, err
		}
		if errs[i] = c.conflict(item); errs[i] == nil && t.get(item.key) != records[i] {
			errs[i] = ongoing()
		}
		r.cost.uses[i].Conflict = errs[i] != nil
	}
	return records, cancelled(errs)
}

// replica is a copy of a table that follows after a time. It is guarded by the engine's lock.
type replica struct {
	items   btree.Map[string, *record]
	pending queue[replicated] // oldest first
}

// replicated is a change on its way to a replica; a nil record stands for none.
type replicated struct {
	key  string
	next *record
	due  time.Time
}

func (r *replica) settle(now time.Time) {
	for r.pending.n > 0 && !now.Before(r.pending.at(0).due) {
		if p := r.pending.pop(); p.next != nil {
			r.items.Set(p.key, p.next)
		} else {
			r.items.Delete(p.key)
		}
	}
}

// replicate sends a change of an item on its way. The engine's lock must be held for writing.
func (e *Engine) replicate(t *table, before, next *record, now time.Time) {
	image := cmp.Or(before, next)
	if e.contention == nil || e.contention.settings.Staleness <= 0 || image == nil {
		return
	}
	if t.replica == nil {
		t.replica = &replica{}
	}
	t.replica.settle(now)
	t.replica.pending.push(replicated{image.key, next, now.Add(e.contention.settings.Staleness)})
}

// stale draws whether a read asks a replica that is behind, and brings the table's to where it is by now. No lock may
// be held.
func (e *Engine) stale(tableName string, consistent bool) bool {
	c := e.contention
	if c == nil || consistent || c.settings.Staleness <= 0 {
		return false
	}
	c.mu.Lock()
	drawn := c.random.Float64() < c.settings.StaleReads
	c.mu.Unlock()
	if !drawn {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t, err := e.find(tableName)
	if err != nil || t.replica == nil { // nothing was ever written, or nothing is there to be behind
		return false
	}
	t.replica.settle(e.options.Now())
	return true
}

// seen is what a read finds of a table: in the leader, or in a replica that is behind. The engine's lock must be held.
func (t *table) seen(stale bool) *btree.Map[string, *record] {
	if stale && t.replica != nil {
		return &t.replica.items
	}
	return &t.items
}
