package dynamo

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The partitions of GSI1 that hold the imports: those that have not ended are few, and looked for every few minutes.
const (
	importsOpen  = "IMPORTS#OPEN"
	importsEnded = "IMPORTS#ENDED"
)

func importKey(id registrar.ImportID) item { return key("IMPORT#"+string(id), "IMPORT") }

// CreateImport stores a new import. Its term must exist: else a [registrar.NotFound] refusal.
func (s *Store) CreateImport(ctx context.Context, im registrar.Import, answer registrar.Answer) error {
	return s.act(ctx, []action{
		s.putAction(importItem(im), isNew, nil), s.needs(termKey(im.Term), "term", string(im.Term)),
		s.created(ctx, recordOf(registrar.KindImport, im.ID), im.Version),
	}, answer)
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
// the import. The problems are written first, each under its run, row and place among the others, so that writing them again
// adds none, and a worker that lost the import adds none to the runs of others. All problems of one row must come at once.
func (s *Store) SaveImport(ctx context.Context, im registrar.Import, problems []registrar.ImportProblem) error {
	if err := s.putAll(ctx, problemItems(im, problems)); err != nil {
		return fmt.Errorf("write the problems of an import: %w", err)
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
	i["GSI1PK"], i["GSI1SK"] = str(importsOpen), str(im.CreatedAt.UTC().Format(instantFormat)+"#"+string(im.ID))
	if im.State.Ended() {
		i["GSI1PK"] = str(importsEnded)
	}
	i["kind"], i["format"], i["term"] = str(string(im.Kind)), str(im.Format), str(string(im.Term))
	i["state"] = str(string(im.State))
	put(i, "notify", im.Notify)
	put(i, "reason", im.Reason)
	i["rows"] = counts(im.Rows.Read, im.Rows.Applied, im.Rows.Refused)
	i["changed"] = counts(im.Changed.Created, im.Changed.Updated, im.Changed.Unchanged)
	putInstant(i, "startedAt", im.StartedAt)
	putInstant(i, "endedAt", im.EndedAt)
	i["run"], i["problems"], i["resent"] = num(im.Run), num(im.Problems), num(im.Resent)
	stampInto(i, im.Stamp)
	return i
}

func importFrom(i item) registrar.Import {
	rows, changed := countsFrom(i["rows"]), countsFrom(i["changed"])
	return registrar.Import{
		ID: registrar.ImportID(strings.TrimPrefix(text(i["PK"]), "IMPORT#")), Kind: registrar.ImportKind(text(i["kind"])),
		Format: text(i["format"]), Term: registrar.TermID(text(i["term"])), State: registrar.ImportState(text(i["state"])),
		Notify: registrar.Personal(text(i["notify"])), Reason: text(i["reason"]),
		Rows:      registrar.ImportRows{Read: rows[0], Applied: rows[1], Refused: rows[2]},
		Changed:   registrar.ImportChanges{Created: changed[0], Updated: changed[1], Unchanged: changed[2]},
		StartedAt: instantFrom(i["startedAt"]), EndedAt: instantFrom(i["endedAt"]),
		Run: int(integer(i["run"])), Problems: int(integer(i["problems"])), Resent: int(integer(i["resent"])), Stamp: stampFrom(i),
	}
}

// counts are three numbers in one attribute, "1 2 3".
func counts(a, b, c int) types.AttributeValue { return str(fmt.Sprint(a, b, c)) }

func countsFrom(v types.AttributeValue) [3]int {
	var n [3]int
	for i, f := range strings.Fields(text(v)) {
		if i < len(n) {
			n[i], _ = strconv.Atoi(f) // written by counts
		}
	}
	return n
}
