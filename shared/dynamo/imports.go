package dynamo

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The partitions of GSI1 for imports. Those that have not ended are few, and are listed every few minutes.
const (
	importsOpen  = "IMPORTS#OPEN"
	importsEnded = "IMPORTS#ENDED"
	// importsAll is the partition of GSI2 with all imports, for people who look for one.
	importsAll = "IMPORTS"
)

func importKey(id registrar.ImportID) item { return key("IMPORT#"+string(id), "IMPORT") }

// CreateImport stores a new import. Its term, if it has one, must exist: else a [registrar.NotFound] refusal.
func (s *Store) CreateImport(ctx context.Context, im intake.Import, answer registrar.Answer) error {
	actions := []action{s.putAction(importItem(im), isNew, nil),
		s.created(ctx, recordOf(registrar.KindImport, im.ID), im.Version)}
	if im.Term != "" {
		actions = append(actions, s.needs(termKey(im.Term), "term", string(im.Term)))
	}
	return s.act(ctx, actions, answer)
}

// Import reads an import, or a [registrar.NotFound] refusal.
func (s *Store) Import(ctx context.Context, id registrar.ImportID) (intake.Import, error) {
	return getRecord(ctx, s, importKey(id), "import", string(id), importFrom)
}

// SaveImport writes progress over the version before, or returns [registrar.ErrVersionMismatch]: then another worker
// has the import. The report is written first, each line under its run, row and number. So writing it again adds
// nothing, and a worker that lost the import adds nothing to the runs of others. All lines of one row must be written
// at once.
func (s *Store) SaveImport(ctx context.Context, im intake.Import, report intake.Report) error {
	if err := s.putAll(ctx, append(problemItems(im, report.Problems), changeItems(im, report.Changes)...)); err != nil {
		return fmt.Errorf("write the report of an import: %w", err)
	}
	actions := []action{s.overwrite(importItem(im), im.Version, "import", "reason", "startedAt", "endedAt")}
	if im.State.Ended() {
		actions = append(actions, s.tell(ctx, intake.EndEvent(im, s.newID)))
	}
	return s.act(ctx, actions, registrar.Answer{})
}

// Imports lists the imports that have ended, or those that have not, the oldest first. It reads an index, so it may
// lag.
func (s *Store) Imports(
	ctx context.Context, ended bool, page registrar.PageRequest,
) (registrar.Page[intake.Import], error) {
	partition := importsOpen
	if ended {
		partition = importsEnded
	}
	return listPage(ctx, s, partition, s.inIndex("GSI1", partition, ""), page, importFrom)
}

// NewestImports lists imports, the newest first. It reads an index, so it may lag.
func (s *Store) NewestImports(
	ctx context.Context, filter intake.Filter, page registrar.PageRequest,
) (registrar.Page[intake.Import], error) {
	in := s.inIndex("GSI2", importsAll, "")
	in.ScanIndexForward = aws.Bool(false)
	list := strings.Join([]string{"imports", string(filter.State), string(filter.Kind), string(filter.Term)}, "#")
	return collect(ctx, s, list, in, page, func(_ context.Context, items []item) ([]*intake.Import, error) {
		records := make([]*intake.Import, len(items))
		for n, i := range items {
			im, err := importFrom(i)
			if err != nil {
				return nil, err
			}
			if filter.Has(im) {
				records[n] = &im
			}
		}
		return records, nil
	})
}

// ImportProblems lists the problems of the import's run, by row. Problems of earlier runs are not listed: they may have
// been corrected since. They expire.
func (s *Store) ImportProblems(
	ctx context.Context, im intake.Import, page registrar.PageRequest,
) (registrar.Page[intake.Problem], error) {
	run := fmt.Sprintf("PROBLEM#%d#", im.Run)
	in := s.beginning("IMPORT#"+string(im.ID), run)
	return listPage(ctx, s, "problems#"+string(im.ID)+"#"+run, in, page, func(i item) (intake.Problem, error) {
		r := read("problem of an import", i)
		r.id = string(im.ID)
		return record(&r, intake.Problem{
			Row: count[int](&r, "row"), Field: r.must("field"), Reason: r.must("reason"), Refused: r.mustTruth("refused"),
		})
	})
}

// ImportChanges lists the changes that the import's dry run expects, by row.
func (s *Store) ImportChanges(
	ctx context.Context, im intake.Import, page registrar.PageRequest,
) (registrar.Page[intake.Change], error) {
	run := fmt.Sprintf("CHANGE#%d#", im.Run)
	in := s.beginning("IMPORT#"+string(im.ID), run)
	return listPage(ctx, s, "changes#"+string(im.ID)+"#"+run, in, page, func(i item) (intake.Change, error) {
		r := read("change of an import", i)
		r.id = string(im.ID)
		return record(&r, intake.Change{
			Row: count[int](&r, "row"), Record: r.must("record"), Effect: oneOf(&r, "effect", intake.EffectCreated,
				intake.EffectUpdated),
			Fields: textsOf[string](&r, "fields"),
		})
	})
}

// decisionLifetime is longer than any import takes: one that stands still is ended within hours.
const decisionLifetime = 7 * 24 * time.Hour

func decisionKey(id registrar.ImportID, row int) item {
	return key("IMPORT#"+string(id), fmt.Sprintf("DECISION#%09d", row))
}

// KeepDecision stores that a row was refused, with the event for the audit.
func (s *Store) KeepDecision(ctx context.Context, id registrar.ImportID, d intake.Decision) error {
	i := decisionKey(id, d.Row)
	i["row"], i["reason"] = num(d.Row), str(d.Reason)
	i["event"] = &types.AttributeValueMemberM{Value: eventItem(d.Event, telemetry.Onward(ctx))}
	i[TimeToLive] = num(s.now().Add(decisionLifetime).Unix())
	if _, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(s.table), Item: i}); err != nil {
		return busyOr(ctx, fmt.Errorf("keep a decision of an import: %w", err))
	}
	return nil
}

// Decisions reads the decisions on rows after a row, in their order: those of one batch.
func (s *Store) Decisions(ctx context.Context, id registrar.ImportID, after int) ([]intake.Decision, error) {
	var decisions []intake.Decision
	in := &dynamodb.QueryInput{
		TableName: aws.String(s.table), ConsistentRead: aws.Bool(true),
		KeyConditionExpression: aws.String("PK = :pk AND SK BETWEEN :after AND :end"),
		ExpressionAttributeValues: item{
			":pk": str("IMPORT#" + string(id)), ":after": decisionKey(id, after+1)["SK"], ":end": str("DECISION#~"),
		},
	}
	for pages := dynamodb.NewQueryPaginator(s.client, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, busyOr(ctx, fmt.Errorf("read the decisions of an import: %w", err))
		}
		for _, i := range page.Items {
			r := read("decision of an import", i)
			r.id = string(id)
			d := intake.Decision{Row: count[int](&r, "row"), Reason: r.must("reason")}
			event := r.mustMap("event")
			if r.err != nil {
				return nil, r.err
			}
			if d.Event, err = eventFrom(event); err != nil {
				return nil, fmt.Errorf("import %s: %w", id, err)
			}
			decisions = append(decisions, d)
		}
	}
	return decisions, nil
}

func changeItems(im intake.Import, changes []intake.Change) []item {
	items := make([]item, len(changes))
	for n, c := range changes {
		items[n] = key("IMPORT#"+string(im.ID), fmt.Sprintf("CHANGE#%d#%09d#%05d", im.Run, c.Row, n))
		items[n]["row"], items[n]["record"], items[n]["effect"] = num(c.Row), str(c.Record), str(string(c.Effect))
		if len(c.Fields) > 0 {
			items[n]["fields"] = texts(c.Fields)
		}
		items[n][TimeToLive] = num(im.StartedAt.Add(findingsLifetime).Unix())
	}
	return items
}

func problemItems(im intake.Import, problems []intake.Problem) []item {
	items := make([]item, len(problems))
	for n, p := range problems {
		items[n] = key("IMPORT#"+string(im.ID), fmt.Sprintf("PROBLEM#%d#%09d#%05d", im.Run, p.Row, n))
		items[n]["row"], items[n]["field"], items[n]["reason"] = num(p.Row), str(p.Field), str(p.Reason)
		items[n]["refused"] = &types.AttributeValueMemberBOOL{Value: p.Refused}
		items[n][TimeToLive] = num(im.StartedAt.Add(findingsLifetime).Unix())
	}
	return items
}

// maxBatchWrite is how many items one BatchWriteItem takes.
const maxBatchWrite = 25

// putAll writes items without conditions. Of several items with one key the last one is written.
func (s *Store) putAll(ctx context.Context, items []item) error {
	last := make(map[string]int, len(items))
	for n, i := range items {
		last[text(i["PK"])+"\x00"+text(i["SK"])] = n
	}
	var requests []types.WriteRequest
	for n, i := range items {
		if last[text(i["PK"])+"\x00"+text(i["SK"])] == n {
			requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: i}})
		}
	}
	for attempt := 0; len(requests) > 0; {
		n := min(len(requests), maxBatchWrite)
		out, err := s.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{s.table: requests[:n]},
		})
		if err != nil {
			return busyOr(ctx, err)
		}
		left := out.UnprocessedItems[s.table]
		requests = append(left, requests[n:]...)
		if len(left) > 0 {
			attempt++
			if err := pause(ctx, attempt); err != nil {
				return err
			}
		}
	}
	return nil
}

func importItem(im intake.Import) item {
	i := importKey(im.ID)
	when := str(im.CreatedAt.UTC().Format(instantFormat) + "#" + string(im.ID))
	i["GSI1PK"], i["GSI1SK"] = str(importsOpen), when
	i["GSI2PK"], i["GSI2SK"] = str(importsAll), when
	if im.State.Ended() {
		i["GSI1PK"] = str(importsEnded)
	}
	i["kind"], i["format"], i["state"] = str(string(im.Kind)), str(im.Format), str(string(im.State))
	put(i, "term", im.Term)
	i["dryRun"], i["checked"] = &types.AttributeValueMemberBOOL{Value: im.DryRun},
		&types.AttributeValueMemberBOOL{Value: im.Checked}
	if im.MaxRefusedPercent != nil {
		i["maxRefused"] = num(*im.MaxRefusedPercent)
	}
	put(i, "notify", im.Notify)
	put(i, "mapping", im.Mapping)
	if im.Complete {
		i["complete"] = &types.AttributeValueMemberBOOL{Value: true}
	}
	put(i, "reason", im.Reason)
	i["rows"] = counts(im.Rows.Read, im.Rows.Applied, im.Rows.Refused, im.Rows.Skipped)
	i["changed"] = counts(im.Changed.Created, im.Changed.Updated, im.Changed.Unchanged)
	putInstant(i, "startedAt", im.StartedAt)
	putInstant(i, "endedAt", im.EndedAt)
	i["run"], i["problems"], i["listed"], i["resent"] = num(im.Run), num(im.Problems), num(im.Listed), num(im.Resent)
	stampInto(i, im.Stamp)
	return i
}

// importFrom reads an import. Imports that were stored before there were dry runs lack dryRun, checked, listed, and the
// count of skipped rows.
func importFrom(i item) (intake.Import, error) {
	r := read("import", i)
	im := intake.Import{
		ID: registrar.ImportID(r.key("PK", "IMPORT#")),
		Kind: oneOf(&r, "kind", intake.KindSections, intake.KindStudents, intake.KindInstructors,
			intake.KindRegistrations),
		Format: r.must("format"), Mapping: r.text("mapping"), Complete: r.truth("complete"),
		Term: registrar.TermID(r.text("term")),
		State: oneOf(&r, "state", intake.Waiting, intake.Running, intake.Finished,
			intake.Failed),
		Notify: registrar.Personal(r.text("notify")), Reason: r.text("reason"),
		StartedAt: r.instant("startedAt"), EndedAt: r.instant("endedAt"),
		Run: count[int](&r, "run"), Problems: count[int](&r, "problems"), Listed: countOrNone[int](&r, "listed"),
		Resent: count[int](&r, "resent"),
		DryRun: r.truth("dryRun"), Checked: r.truth("checked"), Stamp: r.stamp(),
	}
	r.mustCounts("rows", 3, &im.Rows.Read, &im.Rows.Applied, &im.Rows.Refused, &im.Rows.Skipped)
	r.mustCounts("changed", 3, &im.Changed.Created, &im.Changed.Updated, &im.Changed.Unchanged)
	if r.has("maxRefused") {
		percent := count[int](&r, "maxRefused")
		im.MaxRefusedPercent = &percent
	}
	return record(&r, im)
}

// counts are a few numbers in one attribute, for example "1 2 3".
func counts(numbers ...int) types.AttributeValue {
	texts := make([]string, len(numbers))
	for n, number := range numbers {
		texts[n] = strconv.Itoa(number)
	}
	return str(strings.Join(texts, " "))
}
