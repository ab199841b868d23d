package dynamodb

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/registrar/infra/local/dynamodb/attr"
	"github.com/tidwall/btree"
)

// keySchema names the one or two key attributes of a table or index, with their types.
type keySchema struct {
	partition, sort         string // sort is empty where there is none
	partitionKind, sortKind attr.Kind
}

func (k keySchema) names() []string {
	if k.sort == "" {
		return []string{k.partition}
	}
	return []string{k.partition, k.sort}
}

func (k keySchema) elements() []keyElement {
	list := []keyElement{{k.partition, "HASH"}}
	if k.sort != "" {
		list = append(list, keyElement{k.sort, "RANGE"})
	}
	return list
}

// spread tells which of n even parts an item's partition falls into.
func (k keySchema) spread(item attr.Attributes, n int) int {
	if n == 1 {
		return 0
	}
	partition, _ := item.Get(k.partition)
	hash := fnv.New32a()
	_, _ = hash.Write(partition.AppendKey(nil))        // a hash never fails to write
	return int(uint64(hash.Sum32()) * uint64(n) >> 32) // the upper bits are the better mixed
}

func (k keySchema) kind(name string) attr.Kind {
	if name == k.partition {
		return k.partitionKind
	}
	return k.sortKind
}

// table is guarded by the engine's lock.
type table struct {
	name        string
	keys        keySchema
	definitions []attributeDefinition
	indexes     map[string]*index
	items       btree.Map[string, *record]
	bytes       int64
	created     time.Time
	billing     string
	throughput  throughput
	protected   bool
	tags        map[string]string
	stream      *stream // the latest, enabled or not; nil when there was none
	ttl         string  // attribute; empty when there is none
	// expiring holds the items that have the attribute, by expiry.
	expiring btree.Map[string, *record]
	// collections are the bytes of each partition, items and entries of local indexes; nil without such indexes.
	collections map[string]int64
	replica     *replica // what stale reads see; nil when none are
}

type index struct {
	name       string
	local      bool
	keys       keySchema
	projection projection
	kept       map[string]bool // attributes that INCLUDE and the keys bring; nil for ALL
	items      btree.Map[string, *record]
	bytes      int64
	pending    queue[move] // what reads do not see yet, oldest first
}

// record is one item as stored. It is never changed, only replaced.
type record struct {
	key  string // encoded primary key
	item attr.Packed
	size int // by AWS's rules
}

type (
	attributeDefinition struct{ AttributeName, AttributeType string }
	keyElement          struct{ AttributeName, KeyType string }
	projection          struct {
		NonKeyAttributes []string `json:",omitempty"`
		ProjectionType   string
	}
	throughput struct{ ReadCapacityUnits, WriteCapacityUnits int64 }
	// streamSpecification asks for a stream.
	streamSpecification struct {
		StreamEnabled  bool
		StreamViewType string `json:",omitempty"`
	}
	indexSpecification struct {
		IndexName             string
		KeySchema             []keyElement
		Projection            *projection
		ProvisionedThroughput *throughput
	}
	tableName struct{ TableName string }
)

type createTableInput struct {
	TableName                 string
	AttributeDefinitions      []attributeDefinition
	KeySchema                 []keyElement
	BillingMode               string
	ProvisionedThroughput     *throughput
	GlobalSecondaryIndexes    []indexSpecification
	LocalSecondaryIndexes     []indexSpecification
	StreamSpecification       *streamSpecification
	Tags                      []tag
	DeletionProtectionEnabled bool
}

// Quotas of the secondary indexes of a table; the first can be raised on AWS.
const (
	maxIndexes      = 20
	maxLocalIndexes = 5
)

func nameable(name string) bool {
	const shortest, longest = 3, 255
	return len(name) >= shortest && len(name) <= longest && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.')
	})
}

func checkName(what, name string) error {
	if !nameable(name) {
		return invalid("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy "+
			"regular expression pattern: [a-zA-Z0-9_.-]+ and have length between 3 and 255", name, what)
	}
	return nil
}

// checkAttributeName checks the name of an attribute that is a key, is projected, or says when an item expires
// (developer guide, "Constraints in Amazon DynamoDB", attribute names).
func checkAttributeName(what, name string) error {
	const longest = 255
	if name == "" || len(name) > longest {
		return invalid("1 validation error detected: Value '%.300s' at '%s' failed to satisfy constraint: Member must "+
			"have length less than or equal to 255 and greater than or equal to 1", name, what)
	}
	return nil
}

// checkAttributeDefinitions checks the definitions themselves, whoever uses them.
func checkAttributeDefinitions(definitions []attributeDefinition) error {
	seen := map[string]bool{}
	for i, d := range definitions {
		if err := checkAttributeName(fmt.Sprintf("attributeDefinitions.%d.member.attributeName", i+1),
			d.AttributeName); err != nil {
			return err
		}
		if kind, ok := attr.KindOf(d.AttributeType); !ok || kind > attr.Binary {
			return invalid("1 validation error detected: Value '%s' at 'attributeDefinitions.%d.member.attributeType' failed "+
				"to satisfy constraint: Member must satisfy enum value set: [B, N, S]", d.AttributeType, i+1)
		}
		if seen[d.AttributeName] {
			return invalid("Cannot have two attributes with the same name: Duplicate AttributeName: %s", d.AttributeName)
		}
		seen[d.AttributeName] = true
	}
	return nil
}

func schemaOf(elements []keyElement, definitions []attributeDefinition) (keySchema, error) {
	var k keySchema
	for i, e := range elements {
		if err := checkAttributeName(fmt.Sprintf("keySchema.%d.member.attributeName", i+1), e.AttributeName); err != nil {
			return k, err
		}
		if e.KeyType != "HASH" && e.KeyType != "RANGE" {
			return k, invalid("1 validation error detected: Value '%s' at 'keySchema.%d.member.keyType' failed to satisfy "+
				"constraint: Member must satisfy enum value set: [HASH, RANGE]", e.KeyType, i+1)
		}
	}
	if len(elements) < 1 || len(elements) > 2 || elements[0].KeyType != "HASH" || len(elements) == 2 &&
		elements[1].KeyType != "RANGE" {
		return k, invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type, or the second is not a " +
			"RANGE key type")
	}
	kind := func(name string) (attr.Kind, error) {
		i := slices.IndexFunc(definitions, func(d attributeDefinition) bool { return d.AttributeName == name })
		if i < 0 {
			return 0, invalid("One or more parameter values were invalid: Some index key attributes are not defined in "+
				"AttributeDefinitions. Keys: [%s]", name)
		}
		kind, _ := attr.KindOf(definitions[i].AttributeType) // checkAttributeDefinitions has seen it
		return kind, nil
	}
	var err error
	k.partition = elements[0].AttributeName
	if k.partitionKind, err = kind(k.partition); err != nil || len(elements) == 1 {
		return k, err
	}
	k.sort = elements[1].AttributeName
	if k.sort == k.partition {
		return k, invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	}
	k.sortKind, err = kind(k.sort)
	return k, err
}

// checkMultiAttribute refuses by its name what a global index may have on AWS: a key of up to four partition and four
// sort attributes (developer guide, "Multi-attribute keys pattern").
func checkMultiAttribute(s indexSpecification) error {
	ofKind := map[string]int{}
	for _, e := range s.KeySchema {
		ofKind[e.KeyType]++
	}
	if ofKind["HASH"] > 1 || ofKind["RANGE"] > 1 {
		return invalid("Invalid KeySchema of index %s: the local cloud does not offer multi-attribute keys", s.IndexName)
	}
	return nil
}

func newIndex(s indexSpecification, table keySchema, definitions []attributeDefinition) (*index, error) {
	if err := checkName("indexName", s.IndexName); err != nil {
		return nil, err
	}
	if err := checkMultiAttribute(s); err != nil {
		return nil, err
	}
	keys, err := schemaOf(s.KeySchema, definitions)
	if err != nil {
		return nil, err
	}
	if s.Projection == nil {
		return nil, invalid("One or more parameter values were invalid: Unknown ProjectionType: null")
	}
	if err := s.Projection.check(); err != nil {
		return nil, err
	}
	x := &index{name: s.IndexName, keys: keys, projection: *s.Projection}
	if s.Projection.ProjectionType != "ALL" {
		x.kept = map[string]bool{}
		for _, name := range slices.Concat(keys.names(), table.names(), s.Projection.NonKeyAttributes) {
			x.kept[name] = true
		}
	}
	return x, nil
}

// check reports what is wrong with a projection (API reference, Projection).
func (p projection) check() error {
	const most = 20
	switch {
	case !slices.Contains([]string{"ALL", "KEYS_ONLY", "INCLUDE"}, p.ProjectionType):
		return invalid("One or more parameter values were invalid: Unknown ProjectionType: %s", p.ProjectionType)
	case p.ProjectionType == "INCLUDE" && len(p.NonKeyAttributes) == 0:
		return invalid("One or more parameter values were invalid: ProjectionType is INCLUDE, but NonKeyAttributes is not " +
			"specified")
	case p.ProjectionType != "INCLUDE" && p.NonKeyAttributes != nil:
		return invalid("One or more parameter values were invalid: ProjectionType is %s, but NonKeyAttributes is specified",
			p.ProjectionType)
	case len(p.NonKeyAttributes) > most:
		return invalid("1 validation error detected: Value at 'projection.nonKeyAttributes' failed to satisfy constraint: " +
			"Member must have length less than or equal to 20")
	}
	for i, name := range p.NonKeyAttributes {
		if err := checkAttributeName(fmt.Sprintf("projection.nonKeyAttributes.%d.member", i+1), name); err != nil {
			return err
		}
		if slices.Contains(p.NonKeyAttributes[:i], name) {
			return invalid("One or more parameter values were invalid: Duplicate attribute in NonKeyAttributes: %s", name)
		}
	}
	return nil
}

// check reports what is wrong with provisioned throughput; nil of none.
func (p *throughput) check() error {
	if p != nil && (p.ReadCapacityUnits < 1 || p.WriteCapacityUnits < 1) {
		return invalid("1 validation error detected: Value at 'provisionedThroughput' failed to satisfy constraint: " +
			"Member must have value greater than or equal to 1")
	}
	return nil
}

// checkIndexThroughput reports whether a global index's throughput goes with its table's billing mode.
func checkIndexThroughput(s indexSpecification, billing string) error {
	switch {
	case billing == "PAY_PER_REQUEST" && s.ProvisionedThroughput != nil:
		return invalid("One or more parameter values were invalid: ProvisionedThroughput should not be specified for "+
			"index: %s when BillingMode is PAY_PER_REQUEST", s.IndexName)
	case billing == "PROVISIONED" && s.ProvisionedThroughput == nil:
		return invalid("One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be "+
			"specified for index: %s when BillingMode is PROVISIONED", s.IndexName)
	}
	return s.ProvisionedThroughput.check()
}

// makeLocal makes an index a local one of a table with the keys.
func (x *index) makeLocal(table keySchema) error {
	switch {
	case table.sort == "":
		return invalid("One or more parameter values were invalid: Table KeySchema does not have a range key, which is " +
			"required when specifying a LocalSecondaryIndex")
	case x.keys.sort == "":
		return invalid("One or more parameter values were invalid: Index KeySchema does not have a range key for index: %s",
			x.name)
	case x.keys.partition != table.partition:
		return invalid("One or more parameter values were invalid: Index KeySchema does not have the same leading hash key "+
			"as table KeySchema for index: %s. index hash key: %s, table hash key: %s", x.name, x.keys.partition,
			table.partition)
	}
	x.local = true
	return nil
}

func (e *Engine) createTable(in *createTableInput) (any, error) {
	if in.TableName == "" {
		return nil, required("tableName", "")
	}
	if err := checkName("tableName", in.TableName); err != nil {
		return nil, err
	}
	if in.AttributeDefinitions == nil {
		return nil, required("attributeDefinitions", "")
	}
	if err := checkAttributeDefinitions(in.AttributeDefinitions); err != nil {
		return nil, err
	}
	keys, err := schemaOf(in.KeySchema, in.AttributeDefinitions)
	if err != nil {
		return nil, err
	}
	t := &table{
		name: in.TableName, keys: keys, definitions: in.AttributeDefinitions, indexes: map[string]*index{},
		created: e.options.Now(), billing: in.BillingMode, protected: in.DeletionProtectionEnabled,
	}
	switch in.BillingMode {
	case "PAY_PER_REQUEST":
		if in.ProvisionedThroughput != nil {
			return nil, invalid("One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits " +
				"can be specified when BillingMode is PAY_PER_REQUEST")
		}
	case "", "PROVISIONED":
		if in.ProvisionedThroughput == nil {
			return nil, invalid("One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must " +
				"both be specified when BillingMode is PROVISIONED")
		}
		t.billing, t.throughput = "PROVISIONED", *in.ProvisionedThroughput
		if err := in.ProvisionedThroughput.check(); err != nil {
			return nil, err
		}
	default:
		return nil, invalid("Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]")
	}
	switch {
	case len(in.GlobalSecondaryIndexes) > maxIndexes:
		return nil, invalid("One or more parameter values were invalid: GlobalSecondaryIndex count exceeds the per-table " +
			"limit of 20")
	case len(in.LocalSecondaryIndexes) > maxLocalIndexes:
		return nil, invalid("One or more parameter values were invalid: Number of LocalSecondaryIndexes exceeds per-table " +
			"limit of 5")
	case in.GlobalSecondaryIndexes != nil && len(in.GlobalSecondaryIndexes) == 0:
		return nil, invalid("One or more parameter values were invalid: List of GlobalSecondaryIndexes is empty")
	case in.LocalSecondaryIndexes != nil && len(in.LocalSecondaryIndexes) == 0:
		return nil, invalid("One or more parameter values were invalid: List of LocalSecondaryIndexes is empty")
	}
	for i, s := range slices.Concat(in.LocalSecondaryIndexes, in.GlobalSecondaryIndexes) {
		x, err := newIndex(s, keys, in.AttributeDefinitions)
		if err != nil {
			return nil, err
		}
		if i < len(in.LocalSecondaryIndexes) {
			if err := x.makeLocal(keys); err != nil {
				return nil, err
			}
			t.collections = map[string]int64{}
		} else if err := checkIndexThroughput(s, t.billing); err != nil {
			return nil, err
		}
		if t.indexes[x.name] != nil {
			return nil, invalid("One or more parameter values were invalid: Duplicate index name: %s", x.name)
		}
		t.indexes[x.name] = x
	}
	if err := t.checkDefinitions(); err != nil {
		return nil, err
	}
	if err := in.StreamSpecification.check(t); err != nil {
		return nil, err
	}
	if t.tags, err = tagged(nil, in.Tags); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.tables[t.name] != nil {
		return nil, newFault("ResourceInUseException", "Table already exists: %s", t.name)
	}
	e.tables[t.name] = t
	e.setStream(t, in.StreamSpecification)
	return map[string]any{"TableDescription": e.describe(t)}, nil
}

// checkDefinitions refuses attribute definitions that no key uses.
func (t *table) checkDefinitions() error {
	used := map[string]bool{}
	for _, k := range append(slices.Collect(maps.Values(t.indexes)), &index{keys: t.keys}) {
		for _, name := range k.keys.names() {
			used[name] = true
		}
	}
	for _, d := range t.definitions {
		if !used[d.AttributeName] {
			return invalid("One or more parameter values were invalid: Number of attributes in KeySchema does not exactly " +
				"match number of attributes defined in AttributeDefinitions")
		}
	}
	return nil
}

// find returns a table; the engine's lock must be held. A name may also be an ARN (API reference, for example GetItem,
// TableName).
func (e *Engine) find(name string) (*table, error) {
	if t := e.tables[name]; t != nil {
		return t, nil
	}
	if strings.HasPrefix(name, "arn:") {
		a, ok := parseARN(name)
		if !ok || a.rest != "" {
			return nil, invalid("Invalid TableArn: Invalid ResourceArn provided as input %s", name)
		}
		if t := e.tables[a.table]; t != nil && a.owner == e.owner() {
			return t, nil
		}
	} else if err := checkName("tableName", name); err != nil {
		return nil, err
	}
	return nil, newFault("ResourceNotFoundException", "Requested resource not found: Table: %s not found", name)
}

// tableARN is an ARN of a table or of something that belongs to one.
type tableARN struct {
	owner       string // "arn:aws:dynamodb:us-east-1:000000000000:table/"
	table, rest string // rest is, for example, "/index/name" or "/stream/label"
}

// parseARN takes an ARN of a table apart; false when it is none (Service Authorization Reference, "Actions, resources,
// and condition keys for Amazon DynamoDB", resource types).
func parseARN(text string) (tableARN, bool) {
	const parts, account = 6, 12
	fields := strings.SplitN(text, ":", parts)
	if len(fields) < parts || fields[0] != "arn" || !strings.HasPrefix(fields[1],
		"aws") || fields[2] != "dynamodb" || fields[3] == "" ||
		len(fields[4]) != account || strings.Trim(fields[4], "0123456789") != "" {
		return tableARN{}, false
	}
	name, ok := strings.CutPrefix(fields[parts-1], "table/")
	rest := ""
	if i := strings.IndexByte(name, '/'); i >= 0 {
		name, rest = name[:i], name[i:]
	}
	return tableARN{text[:len(text)-len(name)-len(rest)], name, rest}, ok && nameable(name)
}

// owner is what the ARNs of the engine's tables begin with.
func (e *Engine) owner() string { return e.arnOf(resource{}) }

func (e *Engine) arn(t *table) string { return e.arnOf(resource{table: t.name}) }

// describe is the description of a table; the lock must be held.
func (e *Engine) describe(t *table) map[string]any {
	d := map[string]any{
		"TableName": t.name, "TableArn": e.arn(t), "TableId": t.name, "TableStatus": "ACTIVE", "KeySchema": t.keys.elements(),
		"AttributeDefinitions": t.definitions, "CreationDateTime": float64(t.created.UnixMilli()) / 1000,
		"ItemCount": t.items.Len(), "TableSizeBytes": t.bytes, "DeletionProtectionEnabled": t.protected,
		"ProvisionedThroughput": map[string]any{
			"NumberOfDecreasesToday": 0, "ReadCapacityUnits": t.throughput.ReadCapacityUnits,
			"WriteCapacityUnits": t.throughput.WriteCapacityUnits,
		},
	}
	if t.billing == "PAY_PER_REQUEST" {
		d["BillingModeSummary"] = map[string]any{"BillingMode": t.billing}
	}
	if t.stream.open() {
		d["StreamSpecification"] = streamSpecification{true, t.stream.view}
	}
	if t.stream != nil && e.streams[t.stream.arn] != nil {
		d["LatestStreamLabel"], d["LatestStreamArn"] = t.stream.label, t.stream.arn
	}
	var global, local []map[string]any
	for _, name := range slices.Sorted(maps.Keys(t.indexes)) {
		x := t.indexes[name]
		one := map[string]any{
			"IndexName": name, "IndexArn": e.arn(t) + "/index/" + name, "KeySchema": x.keys.elements(),
			"Projection": x.projection, "ItemCount": x.items.Len(), "IndexSizeBytes": x.bytes,
		}
		if x.local {
			local = append(local, one)
			continue
		}
		one["IndexStatus"] = "ACTIVE"
		one["ProvisionedThroughput"] = map[string]any{"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 0,
			"WriteCapacityUnits": 0}
		global = append(global, one)
	}
	if global != nil {
		d["GlobalSecondaryIndexes"] = global
	}
	if local != nil {
		d["LocalSecondaryIndexes"] = local
	}
	return d
}

func (e *Engine) describeTable(in *tableName) (any, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	t, err := e.find(in.TableName)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Table": e.describe(t)}, nil
}

func (e *Engine) listTables(in *struct {
	ExclusiveStartTableName string
	Limit                   *int
}) (any, error) {
	limit, err := bounded(in.Limit, maxDescribed)
	if err != nil {
		return nil, err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	names := []string{}
	for _, name := range slices.Sorted(maps.Keys(e.tables)) {
		if name <= in.ExclusiveStartTableName {
			continue
		}
		if len(names) == limit {
			return map[string]any{"TableNames": names, "LastEvaluatedTableName": names[limit-1]}, nil
		}
		names = append(names, name)
	}
	return map[string]any{"TableNames": names}, nil
}

func (e *Engine) deleteTable(in *tableName) (any, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t, err := e.find(in.TableName)
	if err != nil {
		return nil, err
	}
	if t.protected {
		return nil, invalid("Resource cannot be deleted as it is currently protected against deletion. Disable deletion " +
			"protection first.")
	}
	d := e.describe(t)
	d["TableStatus"] = "DELETING"
	for _, member := range []string{"KeySchema", "AttributeDefinitions", "CreationDateTime", "GlobalSecondaryIndexes",
		"LocalSecondaryIndexes"} {
		delete(d, member) // the service shows them no more
	}
	delete(e.tables, t.name)
	e.closeStream(t, e.options.Now())
	return map[string]any{"TableDescription": d}, nil
}

type updateTableInput struct {
	TableName                   string
	AttributeDefinitions        []attributeDefinition
	BillingMode                 string
	ProvisionedThroughput       *throughput
	StreamSpecification         *streamSpecification
	DeletionProtectionEnabled   *bool
	GlobalSecondaryIndexUpdates []struct {
		Create *indexSpecification
		Update *json.RawMessage
		Delete *struct{ IndexName string }
	}
	ReplicaUpdates []json.RawMessage
}

// checkThroughput tells what is wrong with a new billing mode and throughput.
func (t *table) checkThroughput(billing string, p *throughput) error {
	switch {
	case billing != "" && billing != "PROVISIONED" && billing != "PAY_PER_REQUEST":
		return invalid("Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]")
	case p == nil && billing == "PROVISIONED" && t.billing != "PROVISIONED":
		return invalid("One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be " +
			"specified when BillingMode is PROVISIONED")
	case p == nil:
		return nil
	case billing == "PAY_PER_REQUEST" || billing == "" && t.billing == "PAY_PER_REQUEST":
		return invalid("One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be " +
			"specified when BillingMode is PAY_PER_REQUEST")
	}
	if err := p.check(); err != nil {
		return err
	}
	if t.billing == "PROVISIONED" && *p == t.throughput {
		return invalid("The provisioned throughput for the table will not change. The requested value equals the current " +
			"value.")
	}
	return nil
}

func (e *Engine) updateTable(in *updateTableInput) (any, error) {
	if len(in.ReplicaUpdates) > 0 {
		return nil, invalid("The local cloud does not offer global tables")
	}
	if in.BillingMode == "" && in.ProvisionedThroughput == nil && in.StreamSpecification == nil &&
		in.DeletionProtectionEnabled == nil &&
		len(in.GlobalSecondaryIndexUpdates) == 0 {
		return nil, invalid("At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, " +
			"DeletionProtectionEnabled or GlobalSecondaryIndexUpdates is required")
	}
	if len(in.GlobalSecondaryIndexUpdates) > 1 {
		return nil, newFault("LimitExceededException", "Subscriber limit exceeded: Only 1 online index can be created or "+
			"deleted simultaneously per table")
	}
	if err := checkAttributeDefinitions(in.AttributeDefinitions); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t, err := e.find(in.TableName)
	if err != nil {
		return nil, err
	}
	if err := t.checkThroughput(in.BillingMode, in.ProvisionedThroughput); err != nil {
		return nil, err
	}
	if err := in.StreamSpecification.check(t); err != nil {
		return nil, err
	}
	if s := in.StreamSpecification; s != nil && !s.StreamEnabled && !t.stream.open() {
		return nil, invalid("Table does not have an enabled stream: TableName: %s", t.name)
	}
	for _, u := range in.GlobalSecondaryIndexUpdates {
		switch {
		case u.Create != nil:
			if err := checkIndexThroughput(*u.Create, cmp.Or(in.BillingMode, t.billing)); err != nil {
				return nil, err
			}
			if err := t.createIndex(*u.Create, in.AttributeDefinitions); err != nil {
				return nil, err
			}
		case u.Delete != nil:
			if x := t.indexes[u.Delete.IndexName]; x == nil || x.local {
				return nil, newFault("ResourceNotFoundException", "Requested resource not found: Index: %s not found",
					u.Delete.IndexName)
			}
			delete(t.indexes, u.Delete.IndexName)
		}
	}
	if in.BillingMode != "" {
		t.billing = in.BillingMode
	}
	if t.billing == "PAY_PER_REQUEST" {
		t.throughput = throughput{}
	}
	if in.ProvisionedThroughput != nil {
		t.throughput = *in.ProvisionedThroughput
	}
	if in.DeletionProtectionEnabled != nil {
		t.protected = *in.DeletionProtectionEnabled
	}
	e.setStream(t, in.StreamSpecification)
	return map[string]any{"TableDescription": e.describe(t)}, nil
}

// createIndex adds an index and fills it. Items whose attributes do not fit its key are left out, as an online build
// does.
func (t *table) createIndex(s indexSpecification, definitions []attributeDefinition) error {
	merged := slices.Clone(t.definitions)
	for _, d := range definitions {
		i := slices.IndexFunc(merged, func(o attributeDefinition) bool { return o.AttributeName == d.AttributeName })
		switch {
		case i < 0:
			merged = append(merged, d)
		case merged[i] != d:
			return invalid("One or more parameter values were invalid: Attributes cannot be redefined. Please check that "+
				"your attribute has the same type as previously defined: %s", d.AttributeName)
		}
	}
	x, err := newIndex(s, t.keys, merged)
	if err != nil {
		return err
	}
	if t.indexes[x.name] != nil {
		return invalid("Attempting to create an index which already exists: %s", x.name)
	}
	t.definitions, t.indexes[x.name] = merged, x
	t.items.Scan(func(_ string, r *record) bool {
		x.apply(x.move(nil, r))
		return true
	})
	return nil
}
