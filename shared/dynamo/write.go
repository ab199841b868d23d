package dynamo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
)

// cancelled says which conditions of a transaction failed, by position.
type cancelled struct {
	reasons []types.CancellationReason
}

func (c *cancelled) Error() string {
	codes := make([]string, len(c.reasons))
	for i, r := range c.reasons {
		codes[i] = aws.ToString(r.Code)
	}
	return "the transaction was cancelled: " + strings.Join(codes, ", ")
}

// failed reports whether the condition at that position failed.
func (c *cancelled) failed(i int) bool {
	return i < len(c.reasons) && aws.ToString(c.reasons[i].Code) == conditionFailed
}

const conditionFailed = "ConditionalCheckFailed"

// transact sends a transaction until it is decided. It returns nil, [*cancelled] when a condition failed,
// [registrar.ErrBusy] when conflicts or throttling lasted longer than the context, [registrar.ErrOutcomeUnknown] when
// the context ended and an attempt was never answered, or a failure. All attempts have one token, so an attempt whose
// reply was lost and its repetition have one effect (for ten minutes, far longer than any request lasts).
//
// Unless look is nil, it is called before each further attempt, as long as nothing was done, to find out whether the
// attempt makes sense. Its error says why not, unless the error only asks to try later.
func (s *Store) transact(ctx context.Context, items []types.TransactWriteItem, look func(context.Context) error) error {
	in := &dynamodb.TransactWriteItemsInput{TransactItems: items, ClientRequestToken: aws.String(uuid.NewString())}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", registrar.ErrBusy, err)
	}
	undone := true // it is known that no attempt so far had an effect
	unreached := 0
	for made := 1; ; made++ {
		if made > 1 {
			switch err := s.wait(ctx, made-1, undone, look); {
			case errors.Is(err, errLater):
				continue
			case err != nil:
				return err
			}
		}
		_, err := singleAttempt(ctx, in, nil, s.client.TransactWriteItems)
		if err == nil {
			return nil
		}
		var lost *types.TransactionCanceledException
		switch {
		case errors.As(err, &lost):
			why := &cancelled{reasons: lost.CancellationReasons}
			telemetry.Debug(ctx, "a transaction was cancelled", slog.Int("attempt", made), slog.String("reasons", why.Error()))
			if decided(lost.CancellationReasons, len(items)) {
				return why
			}
			if conflicted(lost.CancellationReasons) {
				telemetry.Count(ctx, telemetry.Conflicts, 1)
			} // a conflict says nothing of an attempt before it that was not answered
		case unsent(err):
			if unreached++; ctx.Err() != nil || !mayTryAgain(err) || unreached >= maxUnanswered {
				return unknownUnless(undone, busyOr(ctx, fmt.Errorf("write a transaction: %w", err)))
			}
		case !mayTryAgain(err):
			return unknownUnless(undone, fmt.Errorf("write a transaction: %w", err))
		case !isThrottled(err): // a refusal for want of capacity says nothing of an attempt before it
			undone = false
		}
	}
}

// unknownUnless returns why no further attempt is made. It is [registrar.ErrOutcomeUnknown] unless no attempt before
// had an effect.
func unknownUnless(undone bool, why error) error {
	if undone {
		return why
	}
	//nolint:errorlint // it is neither busy nor a failure
	return fmt.Errorf("%w: an attempt was not answered, and then: %v", registrar.ErrOutcomeUnknown, why)
}

// errLater says that another attempt must wait longer.
var errLater = errors.New("not yet")

// wait waits before a transaction's next attempt, and calls look to find out whether to make it.
func (s *Store) wait(ctx context.Context, attempt int, undone bool, look func(context.Context) error) error {
	if err := pause(ctx, attempt); err != nil {
		return unknownUnless(undone, err)
	}
	if look == nil || !undone {
		return nil
	}
	err := look(ctx)
	switch {
	case unsent(err):
		return nil // the attempt says why
	// where nothing can be read, nothing can be written
	case err != nil && !errors.Is(err, registrar.ErrStale) && mayTryAgain(err):
		return errLater
	}
	return err
}

// conflicted reports whether a transaction was cancelled because of a conflict with another request.
func conflicted(reasons []types.CancellationReason) bool {
	return slices.ContainsFunc(reasons,
		func(r types.CancellationReason) bool { return aws.ToString(r.Code) == "TransactionConflict" })
}

// decided reports whether a cancellation decides the request: a condition failed, or a value was not valid. Conflicts
// and throttling decide nothing, and neither does an incomplete list of reasons.
func decided(reasons []types.CancellationReason, items int) bool {
	return len(reasons) == items && slices.ContainsFunc(reasons, func(r types.CancellationReason) bool {
		code := aws.ToString(r.Code)
		return code == conditionFailed || code == "ValidationError" || code == "ItemCollectionSizeLimitExceeded"
	})
}

// action is one item of a transaction, with what its failed condition means.
type action struct {
	write types.TransactWriteItem
	// the refusal, given the item that is stored; nil: the condition cannot fail for a reason that clients are told
	refused func(old item) error
}

// act carries out the actions, and stores the answer if there is a key. When several conditions failed, all refusals
// are returned, unless the key has an answer: then an earlier attempt of the same request may be the reason. The answer
// is read whichever conditions have failed, because the condition on the answer may be reported as a conflict while the
// earlier attempt is being carried out.
func (s *Store) act(ctx context.Context, actions []action, answer registrar.Answer) error {
	items := make([]types.TransactWriteItem, 0, len(actions)+1)
	for _, a := range actions {
		items = append(items, a.write)
	}
	if !answer.Key.Zero() {
		items = append(items, s.answerPut(answer))
	}
	err := s.transact(ctx, items, nil)
	var lost *cancelled
	if !errors.As(err, &lost) {
		return err
	}
	if !answer.Key.Zero() {
		if err := s.answered(ctx, answer.Key); err != nil {
			return err
		}
	}
	var refusals registrar.Refusals
	for i, a := range actions {
		if !lost.failed(i) || a.refused == nil {
			continue
		}
		err := a.refused(lost.reasons[i].Item)
		var refusal *registrar.Refusal
		if !errors.As(err, &refusal) {
			return err
		}
		refusals = append(refusals, refusal)
	}
	switch {
	case len(refusals) > 0:
		return refusals
	case lost.failed(len(actions)): // there was an answer, which has expired since
		return fmt.Errorf("%w: %w", registrar.ErrBusy, err)
	}
	return err
}

// untilFresh tries until the facts are not stale, with pauses. After a number of attempts it is [registrar.ErrBusy].
func untilFresh(ctx context.Context, try func() error) error {
	const most = 16
	for made := 1; ; made++ {
		err := try()
		if !errors.Is(err, registrar.ErrStale) {
			return err
		}
		if made == most {
			return fmt.Errorf("%w: %w", registrar.ErrBusy, err)
		}
		if err := pause(ctx, made); err != nil {
			return err
		}
	}
}

// ofAny changes the error of a deletion of any version: that another change came between reading and deleting is not
// what the caller asked about.
func ofAny(version registrar.Version, err error) error {
	if version == 0 && errors.Is(err, registrar.ErrVersionMismatch) {
		return registrar.ErrStale
	}
	return err
}

// always ignores the item that is stored.
func always(err error) func(item) error { return func(item) error { return err } }

func (s *Store) putAction(i item, condition string, refused func(item) error) action {
	p := &types.Put{TableName: aws.String(s.table), Item: i,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}
	if condition != "" {
		p.ConditionExpression = aws.String(condition)
	}
	return action{write: types.TransactWriteItem{Put: p}, refused: refused}
}

func (s *Store) deleteAction(k item, condition string, values item, refused func(item) error) action {
	d := &types.Delete{TableName: aws.String(s.table), Key: k,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}
	if condition != "" {
		d.ConditionExpression, d.ExpressionAttributeValues = aws.String(condition), values
	}
	return action{write: types.TransactWriteItem{Delete: d}, refused: refused}
}

func (s *Store) updateAction(k item, update, condition string, values item, refused func(item) error) action {
	u := &types.Update{
		TableName: aws.String(s.table), Key: k, UpdateExpression: aws.String(update), ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if condition != "" {
		u.ConditionExpression = aws.String(condition)
	}
	return action{write: types.TransactWriteItem{Update: u}, refused: refused}
}

// needs checks that a record exists and is not about to be deleted.
func (s *Store) needs(k item, kind, id string) action {
	return action{
		write: types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: aws.String(s.table), Key: k, ConditionExpression: aws.String(isNotLeaving),
			ExpressionAttributeValues:           item{":now": str(s.now().UTC().Format(instantFormat))},
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}},
		refused: always(notFound(kind, id)),
	}
}

// claim takes a natural key for a record. The refusal is about the record that has the key: the new one may never
// exist.
func (s *Store) claim(kind, name, owner, field string) action {
	i := nameKey(kind, name)
	i["owner"] = str(owner)
	return s.putAction(i, isNew, func(before item) error {
		what := "the " + field
		switch kind {
		case courseCode:
			what = "the subject with the number"
		case crn:
			what = "the CRN"
		case studentEmail, instructorEmail:
			what = "the e-mail address"
		}
		r, has := read("name of kind "+kind, before), string(namedKind(kind))
		by := r.mustSay("owner")
		no := registrar.Refuse(registrar.NameTaken, by, "%s belongs to another %s already", what, has).With("field", field)
		if r.err == nil {
			no = no.With("kind", has).With("id", by)
		}
		return no
	})
}

// release gives a natural key back.
func (s *Store) release(kind, name, owner string) action {
	return s.deleteAction(nameKey(kind, name), "attribute_not_exists(PK) OR #owner = :owner", item{":owner": str(owner)},
		nil).
		named(map[string]string{"#owner": "owner"})
}

// named sets the attribute names of an action's expressions.
func (a action) named(names map[string]string) action {
	switch {
	case a.write.Delete != nil:
		a.write.Delete.ExpressionAttributeNames = names
	case a.write.Update != nil:
		a.write.Update.ExpressionAttributeNames = names
	}
	return a
}

// overwrite updates a record to the item of a new version, if the version before is stored. Attributes that others keep
// on the record stay as they are. A mark of deletion is removed, and so are the optional attributes that the item
// lacks.
func (s *Store) overwrite(i item, version registrar.Version, kind string, optional ...string) action {
	names, values := map[string]string{}, item{":before": num(version - 1)}
	var set []string
	attributes := make([]string, 0, len(i))
	for name := range i {
		if name != "PK" && name != "SK" {
			attributes = append(attributes, name)
		}
	}
	slices.Sort(attributes)
	for n, name := range attributes {
		p := strconv.Itoa(n)
		names["#"+p], values[":"+p] = name, i[name]
		set = append(set, "#"+p+" = :"+p)
	}
	remove := []string{"deleting"}
	if kind == "term" {
		remove = append(remove, "narrowing") // see [Store.UpdateTerm]
	}
	for n, name := range optional {
		if _, ok := i[name]; !ok {
			p := "#r" + strconv.Itoa(n)
			names[p] = name
			remove = append(remove, p)
		}
	}
	update := "SET " + strings.Join(set, ", ") + " REMOVE " + strings.Join(remove, ", ")
	a := s.updateAction(item{"PK": i["PK"], "SK": i["SK"]}, update, isVersion, values, nil).named(names)
	a.refused = func(old item) error { return gone(old, kind) }
	return a
}

// gone is the reason why a change that expects a version failed.
func gone(old item, kind string) error {
	if len(old) == 0 {
		return notFound(kind, "")
	}
	return registrar.ErrVersionMismatch
}

// When a record is about to be deleted, its attribute deleting says until when, and by whom.
const (
	isNotLeaving = "attribute_exists(PK) AND (attribute_not_exists(deleting) OR deleting < :now)"
	// leaveTime is longer than any request lasts: an older mark was left behind by a function that was killed.
	leaveTime = 5 * time.Minute
)

// remove deletes a record that others may depend on; see "Who waits for whom" in the package comment. Version 0 stands
// for any. The actions release what belongs to the record.
func (s *Store) remove(ctx context.Context, k item, of registrar.Record, version registrar.Version,
	dependents func(context.Context) (bool, error), with func(record item) ([]action, error),
) error {
	kind := string(of.Kind)
	mark := item{":mark": s.newMark()}
	removed := false
	defer func() {
		if !removed {
			s.unmark(ctx, k, kind, "deleting", mark)
		}
	}()
	in := &dynamodb.UpdateItemInput{
		UpdateExpression: aws.String("SET deleting = :mark"), ConditionExpression: aws.String("attribute_exists(PK)"),
		ExpressionAttributeValues: maps.Clone(mark),
	}
	if version != 0 {
		in.ConditionExpression = aws.String(isVersion)
		in.ExpressionAttributeValues[":before"] = num(version)
	}
	stored, err := s.mark(ctx, k, kind, in)
	if err != nil {
		return err
	}
	used, err := dependents(ctx)
	if err != nil {
		return err
	}
	if used {
		return registrar.Refuse(registrar.InUse, "", "other records depend on the %s", kind).ClearedBy("deleting those first")
	}
	r := read(kind, stored)
	actions := []action{
		s.deleteAction(k, "deleting = :mark", mark, func(old item) error {
			if len(old) == 0 {
				return gone(old, kind)
			}
			r := read(kind, old)
			if now := r.version(); r.err != nil {
				return r.err
			} else if version == 0 || now == version {
				return fmt.Errorf("%w: another deletion of the %s, or a change, came between", registrar.ErrBusy, kind)
			}
			return gone(old, kind)
		}),
		s.deleted(ctx, of, r.version()),
	}
	releases, err := with(stored)
	if err = errors.Join(r.err, err); err != nil {
		return err
	}
	err = s.act(ctx, append(actions, releases...), registrar.Answer{})
	removed = err == nil
	return err
}

// newMark is a mark: until when the record is marked, and by whom.
func (s *Store) newMark() types.AttributeValue {
	return str(s.now().Add(leaveTime).UTC().Format(instantFormat) + "#" + s.newID())
}

// unmark removes the mark from a record that stays as it was, if nobody else has marked it meanwhile. It has a little
// time of its own, because the request's may be over. Where it fails the mark expires.
func (s *Store) unmark(ctx context.Context, k item, kind, attribute string, mark item) {
	const patience = time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	_, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(s.table), Key: k, UpdateExpression: aws.String("REMOVE " + attribute),
		ConditionExpression: aws.String(attribute + " = :mark"), ExpressionAttributeValues: mark,
	})
	var another *types.ConditionalCheckFailedException
	if err != nil && !errors.As(err, &another) {
		telemetry.Debug(ctx, "a mark stays until it runs out", slog.String("kind", kind), slog.String("mark", attribute),
			slog.Any("error", err))
	}
}

// mark marks a record by the update, and returns the record.
func (s *Store) mark(ctx context.Context, k item, kind string, in *dynamodb.UpdateItemInput) (item, error) {
	in.TableName, in.Key = aws.String(s.table), k
	in.ReturnValues, in.ReturnValuesOnConditionCheckFailure = types.ReturnValueAllNew,
		types.ReturnValuesOnConditionCheckFailureAllOld
	out, err := s.client.UpdateItem(ctx, in)
	var failed *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &failed):
		return nil, gone(failed.Item, kind)
	case err != nil:
		return nil, busyOr(ctx, fmt.Errorf("mark a %s: %w", kind, err))
	}
	return out.Attributes, nil
}

// hasAny reports whether a partition holds an item whose sort key begins so.
func (s *Store) hasAny(ctx context.Context, pk, prefix string) (bool, error) {
	out, err := s.client.Query(ctx, &dynamodb.QueryInput{
		TableName: aws.String(s.table), ConsistentRead: aws.Bool(true), Limit: aws.Int32(1),
		KeyConditionExpression:    aws.String("PK = :pk AND begins_with(SK, :prefix)"),
		ExpressionAttributeValues: item{":pk": str(pk), ":prefix": str(prefix)},
	})
	if err != nil {
		return false, busyOr(ctx, fmt.Errorf("look for dependents: %w", err))
	}
	return len(out.Items) > 0, nil
}
