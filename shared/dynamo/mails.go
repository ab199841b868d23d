package dynamo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// mailLifetime is how long the record of a settled mail is kept. It must be longer than the time in which the worker
// that sends mail takes an event as news: after that an event may be published again, and no mail is sent.
const mailLifetime = 90 * 24 * time.Hour

// The partitions of GSI1 for the mails that an operator asks for. A claimed mail is listed as unknown from the end of
// its claim on, because of its sort key: nothing has to find it first. Two writes for each mail to one partition allow
// 500 mails a second, which is more than SES takes of most accounts.
const (
	unknownMails = "MAILS#UNKNOWN"
	refusedMails = "MAILS#REFUSED"
)

func mailKey(id mail.ID) item { return key("MAIL#"+string(id), "MAIL") }

func suppressionKey(address mail.AddressHash) item {
	return key("ADDRESS#"+string(address), "SUPPRESSION")
}

// preferencesKey is in the partition of the student, or of the address.
func preferencesKey(r mail.Recipient) item {
	partition := "RECIPIENT#" + string(r)
	if student, ok := r.Student(); ok {
		partition = "STUDENT#" + string(student)
	} else if address, ok := r.Address(); ok {
		partition = "ADDRESS#" + string(address)
	}
	return key(partition, "MAILPREFERENCES")
}

// MailFacts implements [mail.Store].
func (s *Store) MailFacts(
	ctx context.Context, id mail.ID, recipient mail.Recipient, address mail.AddressHash,
) (mail.Facts, error) {
	items, err := s.batchGet(ctx, []item{mailKey(id), preferencesKey(recipient), suppressionKey(address)})
	if err != nil {
		return mail.Facts{}, fmt.Errorf("read the facts of a mail: %w", err)
	}
	var facts mail.Facts
	if facts.Preferences, err = preferencesFrom(items[1], recipient); err != nil {
		return mail.Facts{}, err
	}
	if items[0] != nil {
		if facts.Mail, err = mailFrom(items[0]); err != nil {
			return mail.Facts{}, err
		}
	}
	if items[2] != nil {
		if facts.Suppression, err = suppressionFrom(items[2]); err != nil {
			return mail.Facts{}, err
		}
	}
	return facts, nil
}

// SaveMail implements [mail.Store].
func (s *Store) SaveMail(ctx context.Context, m mail.Mail) error {
	return s.act(ctx, []action{s.mailAction(m)}, registrar.Answer{})
}

func (s *Store) mailAction(m mail.Mail) action {
	return action{
		write:   types.TransactWriteItem{Put: s.versionedPut(mailItem(m), m.Version-1)},
		refused: always(registrar.ErrStale),
	}
}

// Mail reads the record of a mail, or a [registrar.NotFound] refusal; [*registrar.AnsweredBefore] when the key has an
// answer.
func (s *Store) Mail(
	ctx context.Context, id mail.ID, idempotency registrar.IdempotencyKey,
) (mail.Mail, error) {
	keys := []item{mailKey(id)}
	if !idempotency.Zero() {
		keys = append(keys, answerKey(idempotency))
	}
	items, err := s.batchGet(ctx, keys)
	if err != nil {
		return mail.Mail{}, fmt.Errorf("read a mail: %w", err)
	}
	if !idempotency.Zero() {
		if err := s.answerIn(items[1], idempotency); err != nil {
			return mail.Mail{}, err
		}
	}
	if items[0] == nil {
		return mail.Mail{}, notFound("mail", string(id))
	}
	return mailFrom(items[0])
}

// OpenMails lists the mails that are [mail.Unknown] at a time, or those that are [mail.Refused], the oldest first. It
// reads an index, so it may lag behind the last moment.
func (s *Store) OpenMails(
	ctx context.Context, state mail.State, at time.Time, page registrar.PageRequest,
) (registrar.Page[mail.Mail], error) {
	partition := unknownMails
	if state == mail.Refused {
		partition = refusedMails
	}
	in := s.inIndex("GSI1", partition, "")
	*in.KeyConditionExpression += " AND GSI1SK < :after"
	in.ExpressionAttributeValues[":after"] = str(at.UTC().Format(instantFormat) + "~") // behind all ids of that instant
	return listPage(ctx, s, partition, in, page, mailFrom)
}

// ResolveMail writes an operator's decision, with its event, or returns [registrar.ErrStale].
func (s *Store) ResolveMail(ctx context.Context, m mail.Mail, e registrar.Event, answer registrar.Answer) error {
	return s.act(ctx, []action{s.mailAction(m), s.tell(ctx, e)}, answer)
}

// MailPreferences reads what mail a recipient wants. For a student who does not exist it is a [registrar.NotFound]
// refusal.
func (s *Store) MailPreferences(ctx context.Context, recipient mail.Recipient) (mail.Preferences, error) {
	keys := []item{preferencesKey(recipient)}
	student, isStudent := recipient.Student()
	if isStudent {
		keys = append(keys, studentKey(student))
	}
	items, err := s.batchGet(ctx, keys)
	if err != nil {
		return mail.Preferences{}, fmt.Errorf("read mail preferences: %w", err)
	}
	p, err := preferencesFrom(items[0], recipient)
	if err != nil {
		return p, err
	}
	if isStudent {
		if items[1] == nil {
			return p, notFound("student", string(student))
		}
		if items[0] == nil {
			of, err := studentFrom(items[1])
			if err != nil {
				return p, err
			}
			p.Stamp = of.Stamp
			p.Version, p.UpdatedAt = 1, p.CreatedAt
		}
	}
	return p, nil
}

// SaveMailPreferences writes preferences over the version before, with their event; [registrar.ErrVersionMismatch] when
// that is no longer stored.
func (s *Store) SaveMailPreferences(ctx context.Context, p mail.Preferences, e registrar.Event) error {
	before := p.Version - 1
	if before == 1 {
		before = 0 // never stored
	}
	actions := []action{
		{write: types.TransactWriteItem{Put: s.versionedPut(preferencesItem(p), before)},
			refused: always(registrar.ErrVersionMismatch)},
		s.tell(ctx, e),
	}
	if student, ok := p.Recipient.Student(); ok {
		actions = append(actions, s.needs(studentKey(student), "student", string(student)))
	}
	return s.act(ctx, actions, registrar.Answer{})
}

// Suppress stops mail to an address. Doing it again makes no difference.
func (s *Store) Suppress(ctx context.Context, p mail.Suppression) error {
	i := suppressionKey(p.Address)
	i["reason"], i["feedback"], i["at"] = str(string(p.Reason)), str(p.Feedback), instant(p.At)
	return s.act(ctx, []action{s.putAction(i, "", nil)}, registrar.Answer{})
}

func suppressionFrom(i item) (mail.Suppression, error) {
	r := read("suppression", i)
	return record(&r, mail.Suppression{
		Address: mail.AddressHash(r.key("PK", "ADDRESS#")), Feedback: r.must("feedback"), At: r.mustInstant("at"),
		Reason: oneOf(&r, "reason", mail.SuppressedForBounce, mail.SuppressedForComplaint),
	})
}

func preferencesItem(p mail.Preferences) item {
	i := preferencesKey(p.Recipient)
	off := make([]string, len(p.Off))
	for n, kind := range p.Off {
		off[n] = string(kind)
	}
	i["off"] = texts(off)
	stampInto(i, p.Stamp)
	return i
}

// preferencesFrom reads preferences; without an item those of somebody who never chose.
func preferencesFrom(i item, recipient mail.Recipient) (mail.Preferences, error) {
	if i == nil {
		return mail.Preferences{Recipient: recipient, Stamp: registrar.Stamp{Version: 1}}, nil
	}
	r := read("mail preferences", i)
	p := mail.Preferences{Recipient: recipient, Off: mustTexts[mail.Kind](&r, "off"), Stamp: r.stamp()}
	for _, kind := range p.Off {
		if !slices.Contains(mail.Kinds(), kind) { // the kind that is not wanted is not known: then no mail is sent
			r.fail("off", "has a value that is not known")
		}
	}
	return record(&r, p)
}

func mailItem(m mail.Mail) item {
	i := mailKey(m.ID)
	i["event"], i["kind"], i["recipient"] = str(string(m.Event)), str(string(m.Kind)), str(string(m.Recipient))
	put(i, "section", string(m.Section))
	put(i, "import", string(m.Import))
	put(i, "correlation", m.Correlation)
	putInstant(i, "at", m.At)
	i["state"], i["claims"] = str(string(m.State)), num(m.Claims)
	put(i, "reason", m.Reason)
	put(i, "message", m.Message)
	putInstant(i, "claimEnds", m.ClaimEnds)
	stampInto(i, m.Stamp)
	inIndex := func(partition string, at time.Time) {
		i["GSI1PK"], i["GSI1SK"] = str(partition), str(at.UTC().Format(instantFormat)+"#"+string(m.ID))
	}
	switch m.State {
	case mail.Claimed:
		inIndex(unknownMails, m.ClaimEnds)
	case mail.Unknown:
		inIndex(unknownMails, m.UpdatedAt)
	case mail.Refused:
		inIndex(refusedMails, m.UpdatedAt)
	}
	if m.State != mail.Claimed && m.State != mail.Unknown {
		i[TimeToLive] = num(m.UpdatedAt.Add(mailLifetime).Unix())
	}
	return i
}

func mailFrom(i item) (mail.Mail, error) {
	r := read("mail", i)
	return record(&r, mail.Mail{
		ID: mail.ID(r.key("PK", "MAIL#")), Event: registrar.EventID(r.must("event")),
		Kind: oneOf(&r, "kind", mail.Kinds()...), Recipient: mail.Recipient(r.must("recipient")),
		Section: registrar.SectionID(r.text("section")), Import: registrar.ImportID(r.text("import")),
		At: r.instant("at"), Correlation: r.text("correlation"),
		State: oneOf(&r, "state", mail.Claimed, mail.Sent, mail.Refused, mail.Unknown,
			mail.Suppressed, mail.Released),
		Reason: r.text("reason"), Message: r.text("message"),
		Claims: count[int](&r, "claims"), ClaimEnds: r.instant("claimEnds"), Stamp: r.stamp(),
	})
}
