package dynamo

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry"
	"example.com/registrar/shared/telemetry/request"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"
)

// An event is one item that is found in three ways: by its day, to be published again; by its record, and by its
// student, for the audit. Refused attempts are such items too, under another prefix, so that the relay does not send
// them.
const (
	// EventPrefix is the beginning of the partition keys of the items that the relay takes from the table's stream.
	EventPrefix   = "EVENT#"
	refusedPrefix = "REFUSED#"

	// eventShards spreads a day's events over partitions: 16 partitions of 500 transactional writes a second each are well
	// above the peak second of a registration morning.
	eventShards = 16
	// sectionShards spreads a section's events over partitions of the index. Each takes 1,000 writes a second.
	sectionShards = 8

	// eventLifetime is how long an event that is not kept for the audit can be published again.
	eventLifetime = 7 * 24 * time.Hour
)

// shard spreads ids evenly over this many partitions.
func shard(id string, of uint32) uint32 {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(id)) // a hash never fails to write
	return hash.Sum32() % of
}

func dayPartition(prefix string, day time.Time, shard uint32) string {
	return fmt.Sprintf("%s%s#%02d", prefix, day.UTC().Format(time.DateOnly), shard)
}

// recordPartitions are the partitions of GSI1 that hold a record's events.
func recordPartitions(r registrar.Record) []string {
	n := 1
	if r.Kind == registrar.KindSection {
		n = sectionShards
	}
	partitions := make([]string, n)
	for i := range partitions {
		partitions[i] = fmt.Sprintf("AUDIT#%s#%s#%d", r.Kind, r.ID, i)
	}
	return partitions
}

// tell is the action that stores the event of a change in the change's transaction. The context says who made the
// change, and by which request.
func (s *Store) tell(ctx context.Context, e registrar.Event) action {
	return s.putAction(eventItem(e, telemetry.Onward(ctx)), isNew, nil)
}

// created, updated and deleted are the events of a record, with its version.
func (s *Store) created(ctx context.Context, r registrar.Record, version registrar.Version) action {
	return s.tell(ctx, registrar.RecordEvent(r.Kind.Created(), r, version, s.now(), nil, s.newID))
}

func (s *Store) updated(ctx context.Context, r registrar.Record, version registrar.Version, before, after item) action {
	return s.tell(ctx, registrar.RecordEvent(r.Kind.Updated(), r, version, s.now(), changes(before, after), s.newID))
}

func (s *Store) deleted(ctx context.Context, r registrar.Record, version registrar.Version) action {
	return s.tell(ctx, registrar.RecordEvent(r.Kind.Deleted(), r, version+1, s.now(), nil, s.newID))
}

func recordOf[ID ~string](kind registrar.Kind, id ID) registrar.Record {
	return registrar.Record{Kind: kind, ID: string(id)}
}

// changes names the attributes in which two items of one record differ, except those that every change changes. An
// update event has the names, never the values: they may be personal.
func changes(before, after item) []string {
	names := map[string]bool{}
	for _, i := range []item{before, after} {
		for name := range i {
			names[name] = true
		}
	}
	for _, name := range []string{"PK", "SK", "GSI1PK", "GSI1SK", "GSI2PK", "GSI2SK", "version", "createdAt",
		"updatedAt"} {
		delete(names, name)
	}
	var changed []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !sameValue(before[name], after[name]) {
			changed = append(changed, name)
		}
	}
	return changed
}

// sameValue compares what items hold: text, numbers, truth, and lists of text.
func sameValue(a, b types.AttributeValue) bool {
	switch a := a.(type) {
	case *types.AttributeValueMemberS:
		b, ok := b.(*types.AttributeValueMemberS)
		return ok && a.Value == b.Value
	case *types.AttributeValueMemberN:
		b, ok := b.(*types.AttributeValueMemberN)
		return ok && a.Value == b.Value
	case *types.AttributeValueMemberBOOL:
		b, ok := b.(*types.AttributeValueMemberBOOL)
		return ok && a.Value == b.Value
	case *types.AttributeValueMemberL:
		b, ok := b.(*types.AttributeValueMemberL)
		return ok && slices.EqualFunc(a.Value, b.Value, sameValue)
	}
	return a == nil && b == nil
}

// eventItem stays under a kilobyte for a registration: it is written with each, and twice more in indexes.
func eventItem(e registrar.Event, by request.Info) item {
	prefix := EventPrefix
	if e.Type == registrar.RegistrationRefused {
		prefix = refusedPrefix
	}
	when := e.At.UTC().Format(instantFormat) + "#" + string(e.ID)
	i := key(dayPartition(prefix, e.At, shard(string(e.ID), eventShards)), when)
	record := recordPartitions(e.Record)
	i["GSI1PK"], i["GSI1SK"] = str(record[shard(string(e.ID), uint32(len(record)))]), str(when)
	if e.Student != "" {
		i["GSI2PK"], i["GSI2SK"] = str("PERSON#"+string(e.Student)), str(when)
		i["student"] = str(string(e.Student))
	}
	i["type"], i["schema"] = str(string(e.Type)), num(e.Schema)
	put(i, "actor", cmp.Or(e.Actor, by.Principal))
	put(i, "onBehalfOf", cmp.Or(e.OnBehalfOf, by.OnBehalfOf))
	put(i, "request", cmp.Or(e.Request, by.ID))
	if correlation := cmp.Or(e.Correlation, by.Correlation); correlation != cmp.Or(e.Request, by.ID) {
		put(i, "correlation", correlation)
	}
	put(i, "trace", cmp.Or(e.Trace, by.Trace))
	if e.Version != 0 {
		i["recordVersion"] = num(e.Version)
	}
	facts := item{}
	for name, fact := range e.Facts {
		switch fact := fact.(type) {
		case string:
			facts[name] = str(fact)
		case int64:
			facts[name] = num(fact)
		case []string:
			facts[name] = texts(fact)
		}
	}
	i["facts"] = &types.AttributeValueMemberM{Value: facts}
	if !e.Audited() {
		i[TimeToLive] = num(e.At.Add(eventLifetime).Unix())
	}
	return i
}

func eventFrom(i item) (registrar.Event, error) {
	_, id, ok := strings.Cut(text(i["SK"]), "#")
	at, err := time.Parse(instantFormat, strings.TrimSuffix(text(i["SK"]), "#"+id))
	audit := strings.SplitN(text(i["GSI1PK"]), "#", 4) // AUDIT, kind, id, shard
	if !ok || err != nil || len(audit) != 4 {
		return registrar.Event{}, fmt.Errorf("the item %s %s is no event", text(i["PK"]), text(i["SK"]))
	}
	r := read("event", i)
	r.id = id
	e := registrar.Event{
		ID: registrar.EventID(id), Type: registrar.EventType(r.mustSay("type")), Schema: count[int](&r, "schema"), At: at,
		Actor: r.text("actor"), OnBehalfOf: r.text("onBehalfOf"), Request: r.text("request"),
		Correlation: cmp.Or(r.text("correlation"), r.text("request")), Trace: r.text("trace"),
		Record:  registrar.Record{Kind: registrar.Kind(audit[1]), ID: audit[2]},
		Student: registrar.StudentID(r.text("student")),
		Version: countOrNone[registrar.Version](&r, "recordVersion"), Facts: registrar.Facts{},
	}
	facts := reader{item: r.mustMap("facts"), kind: "event", id: id}
	for name, value := range facts.item {
		switch value.(type) {
		case *types.AttributeValueMemberS:
			e.Facts[name] = facts.text(name)
		case *types.AttributeValueMemberN:
			e.Facts[name] = number[int64](&facts, name)
		case *types.AttributeValueMemberL:
			e.Facts[name] = textsOf[string](&facts, name)
		default:
			facts.fail(name, "is no fact: neither a text, nor a number, nor a list of texts")
		}
	}
	if r.err == nil {
		r.err = facts.err
	}
	return record(&r, e)
}

// IsEvent reports whether an item is an event that the relay has to send.
func IsEvent(i map[string]types.AttributeValue) bool {
	return strings.HasPrefix(text(i["PK"]), EventPrefix)
}

// EventOf reads an event from an item, such as the new image in a record of the table's stream.
func EventOf(i map[string]types.AttributeValue) (registrar.Event, error) { return eventFrom(i) }

// KeepRefused writes refused attempts, 25 in a request. Writing one again changes nothing.
func (s *Store) KeepRefused(ctx context.Context, events []registrar.Event) error {
	items := make([]item, len(events))
	for n, e := range events {
		if e.Type != registrar.RegistrationRefused {
			return fmt.Errorf("event %s of type %s was not refused", e.ID, e.Type)
		}
		items[n] = eventItem(e, request.Info{})
	}
	if err := s.putAll(ctx, items); err != nil {
		return fmt.Errorf("keep what was refused: %w", err)
	}
	return nil
}

// Events lists the audit by the filter, oldest first. Without a record or a student it lists by time, which needs both
// ends of a span. By record and by student it reads indexes, which may lag behind the last moment.
func (s *Store) Events(
	ctx context.Context, f registrar.EventFilter, page registrar.PageRequest,
) (registrar.Page[registrar.Event], error) {
	f.From, f.To = wholeMillisecond(f.From), wholeMillisecond(f.To)
	list := fmt.Sprintf("events#%s#%s#%d#%d", f.Record, f.Student, f.From.UnixMilli(), f.To.UnixMilli())
	start, err := s.startKey(list, page.Cursor, []string{"after"})
	if err != nil {
		return registrar.Page[registrar.Event]{}, err
	}
	after := cmp.Or(text(start["after"]), f.From.UTC().Format(instantFormat)) // before every id of that instant
	until := "~"                                                              // after every time
	if !f.To.IsZero() {
		until = f.To.UTC().Format(instantFormat)
	}
	var found []item
	switch {
	case after >= until: // nothing is between them, and a query wants them in order
	case f.Record.ID != "":
		found, err = s.merged(ctx, "GSI1", recordPartitions(f.Record), after, until, page.Limit+1)
	case f.Student != "":
		found, err = s.merged(ctx, "GSI2", []string{"PERSON#" + string(f.Student)}, after, until, page.Limit+1)
	default:
		found, err = s.eventsByDay(ctx, []string{EventPrefix, refusedPrefix}, after, until, page.Limit+1)
	}
	if err != nil {
		return registrar.Page[registrar.Event]{}, err
	}
	return s.eventPage(list, found, page.Limit)
}

// wholeMillisecond is the first moment, not before t, that an event can have.
func wholeMillisecond(t time.Time) time.Time {
	return t.Add(time.Millisecond - time.Nanosecond).Truncate(time.Millisecond)
}

// eventPage makes a page of items. One more item than the page's limit was read if there are more.
func (s *Store) eventPage(list string, found []item, limit int) (registrar.Page[registrar.Event], error) {
	result := registrar.Page[registrar.Event]{Items: []registrar.Event{}}
	for n, i := range found {
		if n == limit {
			var err error
			result.Next, err = s.cursor(list, item{"after": found[n-1]["SK"]}, []string{"after"})
			return result, err
		}
		e, err := eventFrom(i)
		if err != nil {
			return result, err
		}
		result.Items = append(result.Items, e)
	}
	return result, nil
}

// Published lists the events that were relayed in a span of time, from inclusive and to exclusive, oldest first, to be
// published again.
func (s *Store) Published(
	ctx context.Context, from, to time.Time, page registrar.PageRequest,
) (registrar.Page[registrar.Event], error) {
	from, to = wholeMillisecond(from), wholeMillisecond(to)
	list := fmt.Sprintf("published#%d#%d", from.UnixMilli(), to.UnixMilli())
	start, err := s.startKey(list, page.Cursor, []string{"after"})
	if err != nil {
		return registrar.Page[registrar.Event]{}, err
	}
	after := cmp.Or(text(start["after"]), from.UTC().Format(instantFormat))
	if after >= to.UTC().Format(instantFormat) {
		return registrar.Page[registrar.Event]{Items: []registrar.Event{}}, nil
	}
	found, err := s.eventsByDay(ctx, []string{EventPrefix}, after, to.UTC().Format(instantFormat), page.Limit+1)
	if err != nil {
		return registrar.Page[registrar.Event]{}, err
	}
	return s.eventPage(list, found, page.Limit)
}

// eventsByDay reads day by day until there are enough.
func (s *Store) eventsByDay(ctx context.Context, prefixes []string, after, until string, most int) ([]item, error) {
	day, err := time.Parse(time.DateOnly, after[:len(time.DateOnly)])
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	var found []item
	last := until[:min(len(until), len(time.DateOnly))]
	for ; len(found) < most && day.Format(time.DateOnly) <= last; day = day.AddDate(0, 0, 1) {
		var partitions []string
		for n := range uint32(eventShards) {
			for _, prefix := range prefixes {
				partitions = append(partitions, dayPartition(prefix, day, n))
			}
		}
		more, err := s.merged(ctx, "", partitions, after, until, most-len(found))
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// merged reads the first items of several partitions between two sort keys, in the order of the keys. The partitions of
// one day or section are few, and each is asked for at most as many items as all together may give.
func (s *Store) merged(
	ctx context.Context, index string, partitions []string, after, until string, most int,
) ([]item, error) {
	parts := make([][]item, len(partitions))
	group, ctx := errgroup.WithContext(ctx)
	const atOnce = 8
	group.SetLimit(atOnce)
	for n := range partitions {
		group.Go(func() error {
			var err error
			parts[n], err = s.firstEvents(ctx, index, partitions[n], after, until, most)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := slices.Concat(parts...)
	slices.SortFunc(all, func(a, b item) int { return strings.Compare(text(a["SK"]), text(b["SK"])) })
	return all[:min(len(all), most)], nil
}

func (s *Store) firstEvents(ctx context.Context, index, partition, after, until string, most int) ([]item, error) {
	in := &dynamodb.QueryInput{
		TableName: aws.String(s.table), KeyConditionExpression: aws.String(index + "PK = :partition AND " + index +
			"SK BETWEEN :after AND :until"),
		ExpressionAttributeValues: item{":partition": str(partition), ":after": str(after + "\x00"), ":until": str(until)},
		Limit:                     aws.Int32(int32(most)), // a page and one
	}
	if index != "" {
		in.IndexName = aws.String(index)
	}
	var found []item
	for len(found) < most {
		out, err := s.client.Query(ctx, in)
		if err != nil {
			return nil, busyOr(ctx, fmt.Errorf("list events: %w", err))
		}
		found = append(found, out.Items...)
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			break
		}
	}
	return found, nil
}
