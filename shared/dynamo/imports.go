package dynamo

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The partitions of GSI1 that hold the imports: those that have not ended are few, and looked for every few minutes.
const (
	importsOpen  = "IMPORTS#OPEN"
	importsEnded = "IMPORTS#ENDED"
	// importsAll is the partition of GSI2 that holds all of them, for people who look for one.
	importsAll = "IMPORTS"
)

func importKey(id registrar.ImportID) item { return key("IMPORT#"+string(id), "IMPORT") }

// CreateImport stores a new import. Its term, if it has one, must exist: else a [registrar.NotFound] refusal.
func (s *Store) CreateImport(ctx context.Context, im registrar.Import, answer registrar.Answer) error {
	actions := []action{s.putAction(importItem(im), isNew, nil), s.created(ctx, recordOf(registrar.KindImport, im.ID), im.Version)}
	if im.Term != "" {
		actions = append(actions, s.needs(termKey(im.Term), "term", string(im.Term)))
	}
	return s.act(ctx, actions, answer)
}

// Import reads an import, or a [registrar.NotFound] refusal.
func (s *Store) Import(ctx context.Context, id registrar.ImportID) (registrar.Import, error) {
	i, err := s.getItem(ctx, importKey(id), "import", string(id))
	if err != nil {
		return registrar.Import{}, err
	}
	return importFrom(i), nil
}

// SaveImport writes progress over the version before, or returns [registrar.ErrVersionMismatch]: then another worker has
// the import. The report is written first, each line under its run, row and place among the others, so that writing it again
// adds none, and a worker that lost the import adds none to the runs of others. All lines of one row must come at once.
func (s *Store) SaveImport(ctx context.Context, im registrar.Import, report registrar.ImportReport) error {
	if err := s.putAll(ctx, append(problemItems(im, report.Problems), changeItems(im, report.Changes)...)); err != nil {
		return fmt.Errorf("write the report of an import: %w", err)
	}
	actions := []action{s.overwrite(importItem(im), "import", "reason", "startedAt", "endedAt")}
	if im.State.Ended() {
		actions = append(actions, s.tell(ctx, registrar.ImportEvent(im, s.newID)))
	}
	return s.act(ctx, actions, registrar.Answer{})
}

// Imports lists the imports that have ended, or those that have not, the oldest first. It reads an index, so it may lag.
func (s *Store) Imports(ctx context.Context, ended bool, page registrar.PageRequest) (registrar.Page[registrar.Import], error) {
	partition := importsOpen
	if ended {
		partition = importsEnded
	}
	return listPage(ctx, s, partition, s.inIndex("GSI1", partition, ""), page, importFrom)
}

// NewestImports lists imports, the newest first. It reads an index, so it may lag.
func (s *Store) NewestImports(ctx context.Context, filter registrar.ImportFilter, page registrar.PageRequest) (registrar.Page[registrar.Import], error) {
	in := s.inIndex("GSI2", importsAll, "")
	in.ScanIndexForward = aws.Bool(false)
	list := strings.Join([]string{"imports", string(filter.State), string(filter.Kind), string(filter.Term)}, "#")
	return collect(ctx, s, list, in, page, func(_ context.Context, items []item) ([]*registrar.Import, error) {
		records := make([]*registrar.Import, len(items))
		for n, i := range items {
			if im := importFrom(i); filter.Has(im) {
				records[n] = &im
			}
		}
		return records, nil
	})
}

// ImportProblems lists what was wrong in the import's run, by row. Problems of earlier runs are not listed: they may have been
// mended since, and go when their time is over.
func (s *Store) ImportProblems(ctx context.Context, im registrar.Import, page registrar.PageRequest) (registrar.Page[registrar.ImportProblem], error) {
	run := fmt.Sprintf("PROBLEM#%d#", im.Run)
	in := s.beginning("IMPORT#"+string(im.ID), run)
	return listPage(ctx, s, "problems#"+string(im.ID)+"#"+run, in, page, func(i item) registrar.ImportProblem {
		refused, _ := i["refused"].(*types.AttributeValueMemberBOOL)
		return registrar.ImportProblem{
			Row: int(integer(i["row"])), Field: text(i["field"]), Reason: text(i["reason"]), Refused: refused != nil && refused.Value,
		}
	})
}

// ImportChanges lists what the import's run, a dry one, foretells, by row.
func (s *Store) ImportChanges(ctx context.Context, im registrar.Import, page registrar.PageRequest) (registrar.Page[registrar.ImportChange], error) {
	run := fmt.Sprintf("CHANGE#%d#", im.Run)
	in := s.beginning("IMPORT#"+string(im.ID), run)
	return listPage(ctx, s, "changes#"+string(im.ID)+"#"+run, in, page, func(i item) registrar.ImportChange {
		return registrar.ImportChange{
			Row: int(integer(i["row"])), Record: text(i["record"]), Effect: registrar.ImportEffect(text(i["effect"])), Fields: textsFrom[string](i["fields"]),
		}
	})
}

// decisionLifetime is longer than any import goes on: one that stands still is ended within hours.
const decisionLifetime = 7 * 24 * time.Hour

func decisionKey(id registrar.ImportID, row int) item {
	return key("IMPORT#"+string(id), fmt.Sprintf("DECISION#%09d", row))
}

// KeepDecision keeps that a row was refused, with the event that the audit hears.
func (s *Store) KeepDecision(ctx context.Context, id registrar.ImportID, d registrar.ImportDecision) error {
	i := decisionKey(id, d.Row)
	i["row"], i["reason"] = num(d.Row), str(d.Reason)
	i["event"] = &types.AttributeValueMemberM{Value: eventItem(d.Event, telemetry.Onward(ctx))}
	i[TimeToLive] = num(s.now().Add(decisionLifetime).Unix())
	if _, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(s.table), Item: i}); err != nil {
		return busyOr(ctx, fmt.Errorf("keep a decision of an import: %w", err))
	}
	return nil
}

// Decisions reads what was kept of rows after a row, in their order: those of one batch.
func (s *Store) Decisions(ctx context.Context, id registrar.ImportID, after int) ([]registrar.ImportDecision, error) {
	var decisions []registrar.ImportDecision
	in := &dynamodb.QueryInput{
		TableName: aws.String(s.table), ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("PK = :pk AND SK BETWEEN :after AND :end"),
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
			event, _ := i["event"].(*types.AttributeValueMemberM)
			if event == nil {
				return nil, fmt.Errorf("import %s: the decision on row %d has no event", id, integer(i["row"]))
			}
			e, err := eventFrom(event.Value)
			if err != nil {
				return nil, fmt.Errorf("import %s: %w", id, err)
			}
			decisions = append(decisions, registrar.ImportDecision{Row: int(integer(i["row"])), Reason: text(i["reason"]), Event: e})
		}
	}
	return decisions, nil
}

func changeItems(im registrar.Import, changes []registrar.ImportChange) []item {
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

func problemItems(im registrar.Import, problems []registrar.ImportProblem) []item {
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

// putAll writes items without conditions. Of several with one key the last stands.
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

func importItem(im registrar.Import) item {
	i := importKey(im.ID)
	when := str(im.CreatedAt.UTC().Format(instantFormat) + "#" + string(im.ID))
	i["GSI1PK"], i["GSI1SK"] = str(importsOpen), when
	i["GSI2PK"], i["GSI2SK"] = str(importsAll), when
	if im.State.Ended() {
		i["GSI1PK"] = str(importsEnded)
	}
	i["kind"], i["format"], i["state"] = str(string(im.Kind)), str(im.Format), str(string(im.State))
	put(i, "term", im.Term)
	i["dryRun"], i["checked"] = &types.AttributeValueMemberBOOL{Value: im.DryRun}, &types.AttributeValueMemberBOOL{Value: im.Checked}
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

func importFrom(i item) registrar.Import {
	rows, changed := countsFrom(i["rows"]), countsFrom(i["changed"])
	im := registrar.Import{
		Mapping: text(i["mapping"]), Complete: truth(i["complete"]),
		ID: registrar.ImportID(strings.TrimPrefix(text(i["PK"]), "IMPORT#")), Kind: registrar.ImportKind(text(i["kind"])),
		Format: text(i["format"]), Term: registrar.TermID(text(i["term"])), State: registrar.ImportState(text(i["state"])),
		Notify: registrar.Personal(text(i["notify"])), Reason: text(i["reason"]),
		Rows:      registrar.ImportRows{Read: rows[0], Applied: rows[1], Refused: rows[2], Skipped: rows[3]},
		Changed:   registrar.ImportChanges{Created: changed[0], Updated: changed[1], Unchanged: changed[2]},
		StartedAt: instantFrom(i["startedAt"]), EndedAt: instantFrom(i["endedAt"]),
		Run: int(integer(i["run"])), Problems: int(integer(i["problems"])), Listed: int(integer(i["listed"])),
		Resent: int(integer(i["resent"])), DryRun: truth(i["dryRun"]), Checked: truth(i["checked"]), Stamp: stampFrom(i),
	}
	if most, ok := i["maxRefused"]; ok {
		percent := int(integer(most))
		im.MaxRefusedPercent = &percent
	}
	return im
}

func truth(v types.AttributeValue) bool {
	b, ok := v.(*types.AttributeValueMemberBOOL)
	return ok && b.Value
}

// counts are a few numbers in one attribute, for example "1 2 3".
func counts(numbers ...int) types.AttributeValue {
	texts := make([]string, len(numbers))
	for n, number := range numbers {
		texts[n] = strconv.Itoa(number)
	}
	return str(strings.Join(texts, " "))
}

func countsFrom(v types.AttributeValue) [4]int {
	var n [4]int
	for i, f := range strings.Fields(text(v)) {
		if i < len(n) {
			n[i], _ = strconv.Atoi(f) // written by counts
		}
	}
	return n
}
