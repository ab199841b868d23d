package dynamo_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/reconcile"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
	"example.com/registrar/shared/schedule"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// storedKind says how the items of a kind are read, and which of their attributes may be how.
type storedKind struct {
	reads    []func(*dynamo.Store) error // each must fail when an attribute cannot be read
	free     string                      // attributes that may hold any text, apart by spaces
	optional string                      // attributes that may be missing
	signed   string                      // numbers that may be negative: a difference that reconciliation tells of
	unread   string                      // attributes that only conditions and people look at
}

func has(names, name string) bool { return slices.Contains(strings.Fields(names), name) }

// planted is what stands where something else should. It must not be in an error.
const planted = "planted-4711"

// spoiled are the ways in which an attribute may be stored wrongly, by what they are called.
func spoiled(k storedKind, name string, v types.AttributeValue) map[string]types.AttributeValue {
	text := &types.AttributeValueMemberS{Value: planted}
	wrong := map[string]types.AttributeValue{"null": &types.AttributeValueMemberNULL{Value: true}}
	if !has(k.optional, name) {
		wrong["missing"] = nil
	}
	switch v.(type) {
	case *types.AttributeValueMemberS:
		wrong["a number"] = &types.AttributeValueMemberN{Value: "4711"}
		if !has(k.free, name) {
			wrong["another text"], wrong["no text"] = text, &types.AttributeValueMemberS{}
		}
	case *types.AttributeValueMemberN:
		wrong["a text"] = text
		for _, n := range []string{"1.5", "99999999999999999999"} {
			wrong[n] = &types.AttributeValueMemberN{Value: n}
		}
		if !has(k.signed, name) {
			wrong["negative"] = &types.AttributeValueMemberN{Value: "-1"}
		}
	case *types.AttributeValueMemberL:
		wrong["a text"] = text
		number := &types.AttributeValueMemberN{Value: "4711"}
		wrong["a list of numbers"] = &types.AttributeValueMemberL{Value: []types.AttributeValue{number}}
		if !has(k.free, name) {
			wrong["a list of other texts"] = &types.AttributeValueMemberL{Value: []types.AttributeValue{text}}
		}
	default:
		wrong["a text"] = text
	}
	return wrong
}

// What is stored and cannot be read is an error, which names the attribute and not what stands there. It never becomes
// none, zero or false: then a deadline would never pass, a credit limit would limit nobody, and a dry run would be a
// real one. Each attribute of each kind of item is spoiled in turn, in the table; a new attribute is among them by
// itself.
func TestWhatCannotBeReadIsAnErrorAndNeverNotSet(t *testing.T) {
	c := client(t, nil)
	table := newTable(t, c)
	u := newUniversity(t, c, table)
	kinds := everyKind(t, u, u.Store.(*dynamo.Store))
	scanned, err := c.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	met := map[string]bool{}
	for _, stored := range scanned.Items {
		kind := storedKindOf(stored)
		k, known := kinds[kind]
		attributes := slices.DeleteFunc(slices.Sorted(maps.Keys(stored)), func(name string) bool {
			return name == "PK" || name == "SK" || strings.HasPrefix(name, "GSI") || has(k.unread, name)
		})
		switch {
		case kind != "" && !known && len(attributes) > 0:
			t.Errorf("nothing is said of items such as %s, with %v", kind, attributes)
			continue
		case kind == "" || met[kind] || len(attributes) == 0:
			continue
		}
		met[kind] = true
		put := func(i map[string]types.AttributeValue) {
			t.Helper()
			if _, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: i}); err != nil {
				t.Fatal(err)
			}
		}
		for n, read := range k.reads {
			if err := read(newStore(c, table, u.Now)); err != nil {
				t.Errorf("%s, read %d: as it was written: %v", kind, n, err)
			}
		}
		for _, name := range attributes {
			for how, value := range spoiled(k, name, stored[name]) {
				i := maps.Clone(stored)
				if i[name] = value; value == nil {
					delete(i, name)
				}
				put(i)
				for n, read := range k.reads {
					err := read(newStore(c, table, u.Now))
					var refusal *registrar.Refusal
					switch {
					case err == nil:
						t.Errorf("%s, read %d: its %s is %s, and it was read", kind, n, name, how)
					case errors.As(err, &refusal) || errors.Is(err, registrar.ErrBusy):
						t.Errorf("%s, read %d: its %s is %s: %v, want a failure", kind, n, name, how, err)
					case !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "4711"):
						t.Errorf("%s, read %d: its %s is %s: the error is %q", kind, n, name, how, err)
					}
				}
			}
		}
		put(stored)
	}
	for kind := range kinds {
		if !met[kind] {
			t.Errorf("no item was like %s", kind)
		}
	}
}

// storedKindOf names a kind of items by how their keys begin.
func storedKindOf(i map[string]types.AttributeValue) string {
	pk, _, _ := strings.Cut(partition(i), "#")
	sk, _, _ := strings.Cut(i["SK"].(*types.AttributeValueMemberS).Value, "#")
	switch pk {
	case "EVENT":
		if i["type"].(*types.AttributeValueMemberS).Value != string(registrar.RegistrationEnrolled) {
			return "" // the one of an enrolment has all attributes
		}
		return pk
	case "NAME":
		if strings.HasPrefix(partition(i), "NAME#COURSE#") && strings.HasSuffix(partition(i), "1100") {
			return "NAME COURSE"
		}
		return "" // one is as the other
	case "RECONCILIATIONS":
		return pk
	}
	return pk + " " + sk
}

// everyKind stores an item of each kind, with all its attributes, and says how it is read.
func everyKind(t *testing.T, u *registrartest.University, s *dynamo.Store) map[string]storedKind {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	page := registrar.PageRequest{Limit: 50}
	stamp := func() registrar.Stamp { return registrar.Stamp{}.Next(u.Now()) }
	later := u.Now().AddDate(0, 1, 0)
	deadlines := registrar.Deadlines{LastAdd: later, LastDrop: later.AddDate(0, 1, 0)}

	term := registrar.Term{
		ID: registrar.TermID(u.NewID()), Code: "2025-SPRING", Title: "Spring", Start: "2025-01-13", End: "2025-05-10",
		TimeZone: "UTC", CreditLimit: 1800,
		Registration: registrar.Window{Open: u.Now().AddDate(0, -1, 0), Close: later}, Deadlines: deadlines, Stamp: stamp(),
	}
	must(s.CreateTerm(ctx, term, registrar.Answer{}))
	course := registrar.Course{
		ID: registrar.CourseID(u.NewID()), Subject: "CSCI", Number: "1100", Title: "One", Description: "d", School: "s",
		Prerequisites: "p", Requires: []string{"MATH 1"}, Credits: registrar.CreditRange{Min: 300, Max: 400}, Stamp: stamp(),
	}
	must(s.CreateCourse(ctx, course, registrar.Answer{}))
	instructor := registrar.Instructor{
		ID: registrar.InstructorID(u.NewID()), Name: "N", Email: "n@example.edu", Number: "7", Provisional: true,
		Stamp: stamp(),
	}
	must(s.CreateInstructor(ctx, instructor, registrar.Answer{}))
	section := u.SectionOf(term, course, "100", 5)
	section.Deadlines, section.Instructors = deadlines, []registrar.InstructorID{instructor.ID}
	section.Meetings = []registrar.Meeting{{Days: 1, Start: 600, End: 660, From: "2025-01-13", To: "2025-05-09",
		Room: "Hall"}}
	must(s.CreateSection(ctx, section, registrar.Answer{}))
	student := registrar.Student{
		ID: registrar.StudentID(u.NewID()), Number: "U1", GivenName: "Ann", FamilyName: "Able", Email: "ann@example.edu",
		Active: true,
		Stamp:  stamp(),
	}
	must(s.CreateStudent(ctx, student, registrar.Answer{}))

	// A registration that was dropped, and one that is held.
	key := registrar.IdempotencyKey{Principal: "p", Key: "k", Request: [32]byte{1}}
	desk, actor := u.Desk(), registrar.Actor{Principal: "clerk"}
	_, err := desk.Enrol(ctx, registrar.EnrolRequest{Section: section.ID, Student: student.ID, Actor: actor, At: u.Now()},
		key,
		func(registrar.Registration) ([]byte, error) { return []byte("yes"), nil })
	must(err)
	_, err = u.Drop(section.ID, student.ID)
	must(err)
	other := u.SectionOf(term, u.NewCourse("CSCI", "1200", "Two"), "200", 5)
	other.Meetings = section.Meetings
	must(s.CreateSection(ctx, other, registrar.Answer{}))
	_, err = u.Enrol(other.ID, student.ID)
	must(err)

	most := 5
	im := intake.Import{
		ID: registrar.ImportID(u.NewID()), Kind: intake.KindSections, Format: intake.FormatMapping, Mapping: "{}",
		Complete: true, Term: term.ID, DryRun: true, MaxRefusedPercent: &most, Notify: "n@example.edu",
		State: intake.Waiting, Stamp: stamp(),
	}
	must(s.CreateImport(ctx, im, registrar.Answer{}))
	im.State, im.Reason, im.Checked, im.Run, im.Stamp = intake.Failed, "r", true, 1, im.Next(u.Now())
	im.Rows, im.Changed = intake.Rows{Read: 4, Applied: 2, Refused: 1, Skipped: 1}, intake.Changes{
		Created: 1, Updated: 1}
	im.StartedAt, im.EndedAt = u.Now(), u.Now()
	must(s.SaveImport(ctx, im, intake.Report{
		Problems: []intake.Problem{{Row: 2, Field: "crn", Reason: "x", Refused: true}},
		Changes: []intake.Change{{Row: 3, Record: "section 100", Effect: intake.EffectUpdated,
			Fields: []string{"title"}}},
	}))
	refused := registrar.RefusedEvent("enrol", term.ID, section.ID, student.ID, actor, u.Now(), nil, u.NewID)
	must(s.KeepDecision(ctx, im.ID, intake.Decision{Row: 3, Reason: "x", Event: refused}))

	must(s.SaveJob(ctx, schedule.Job{Name: "j", Done: u.Now(), Version: 1, Run: schedule.JobRun{Due: later, Token: "t",
		Until: later}}))
	reconciliation := reconcile.Reconciliation{
		ID: "r1", StartedAt: u.Now(), EndedAt: later, Position: reconcile.Position{Kind: registrar.KindSection, Term: term.ID,
			Cursor: "c"}, Stamp: stamp(),
	}
	must(s.SaveReconciliation(ctx, reconciliation, []reconcile.Difference{{
		Record: registrar.Record{Kind: registrar.KindSection, ID: "s"}, Count: reconcile.CountSeatsTaken, Of: "o", Kept: "1",
		Derived: "2",
	}}))
	recipient, address := mail.OfStudent(student.ID), mail.HashAddress("ann@example.edu")
	preferences := mail.Preferences{
		Recipient: recipient, Off: []mail.Kind{mail.RegistrationMade}, Stamp: registrar.Stamp{
			Version: 1}.Next(u.Now()),
	}
	must(s.SaveMailPreferences(ctx, preferences, mail.PreferencesEvent(preferences, actor, u.NewID)))
	must(s.Suppress(ctx, mail.Suppression{Address: address, Reason: mail.SuppressedForBounce, Feedback: "f",
		At: u.Now()}))
	sent := mail.Of("e", recipient, mail.RegistrationMade)
	sent.Section, sent.Import, sent.At, sent.Correlation = section.ID, im.ID, u.Now(), "c"
	sent.State, sent.Reason, sent.Message = mail.Sent, "r", "m"
	sent.Claims, sent.ClaimEnds, sent.Stamp = 1, later, stamp()
	must(s.SaveMail(ctx, sent))
	must(s.Claim(ctx, "c", "e", "token", time.Now().Add(time.Hour)))
	must(s.Complete(ctx, "c", "e", "token"))
	must(s.RecordVersion(ctx, "c", "s", 7))

	of := func(read func(*dynamo.Store) error) []func(*dynamo.Store) error {
		return []func(*dynamo.Store) error{read}
	}
	facts := func(s *dynamo.Store) error {
		_, err := s.RegistrationFacts(ctx, section.ID, student.ID, registrar.IdempotencyKey{})
		return err
	}
	return map[string]storedKind{
		"TERM TERM": {
			reads: []func(*dynamo.Store) error{
				facts,
				func(s *dynamo.Store) error { _, err := s.Term(ctx, term.ID); return err },
				func(s *dynamo.Store) error { _, err := s.Terms(ctx, page); return err },
			},
			free: "code title timeZone", optional: "opens closes lastAdd lastDrop",
		},
		"COURSE COURSE": {
			reads: []func(*dynamo.Store) error{
				func(s *dynamo.Store) error { _, err := s.Course(ctx, course.ID); return err },
				func(s *dynamo.Store) error {
					_, err := s.Courses(ctx, registrar.CourseFilter{}, page)
					return err
				},
				func(s *dynamo.Store) error {
					_, err := s.Courses(ctx, registrar.CourseFilter{Subject: "CSCI"}, page)
					return err
				},
				func(s *dynamo.Store) error { _, err := s.CoursesByCode(ctx, []string{"CSCI 1100"}); return err },
			},
			free: "subject number title description school prerequisites requires", optional: "description school prerequisites",
		},
		"COURSE OFFERING": {
			reads: of(func(s *dynamo.Store) error { _, err := s.Offering(ctx, term.ID, course.ID); return err }),
		},
		"SECTION SECTION": {
			reads: []func(*dynamo.Store) error{
				facts,
				func(s *dynamo.Store) error { _, err := s.Section(ctx, section.ID); return err },
				func(s *dynamo.Store) error {
					_, err := s.Sections(ctx, registrar.SectionFilter{Term: term.ID}, page)
					return err
				},
				func(s *dynamo.Store) error { _, err := s.SectionsByCRN(ctx, term.ID, []string{"100"}); return err },
			},
			free:     "term course subject number title crn label component instructors",
			optional: "titleFollows label lastAdd lastDrop",
		},
		"SEATS SEATS": {
			reads: []func(*dynamo.Store) error{
				facts, func(s *dynamo.Store) error { _, err := s.Section(ctx, section.ID); return err },
			},
			signed: "freeSeats taken offered waiting", unread: "used",
		},
		"STUDENT STUDENT": {
			reads: []func(*dynamo.Store) error{
				facts,
				func(s *dynamo.Store) error { _, err := s.Student(ctx, student.ID); return err },
				func(s *dynamo.Store) error {
					_, err := s.Students(ctx, registrar.StudentFilter{}, page)
					return err
				},
				func(s *dynamo.Store) error { _, err := s.StudentsByEmail(ctx, []string{"ann@example.edu"}); return err },
			},
			free: "number givenName familyName email", optional: "email",
		},
		"STUDENT TERMS": {
			reads: of(func(s *dynamo.Store) error {
				a, err := s.StudentAccount(ctx, student.ID, true)
				if slices.Contains(a.AlsoUnreadable, reconcile.UnreadableTerms) {
					return errors.New("terms")
				}
				return err
			}),
			optional: "terms", unread: "since",
		},
		"STUDENT TERM": {reads: of(facts), optional: "studentVersion"},
		"STUDENT REG": {
			reads: []func(*dynamo.Store) error{
				facts,
				func(s *dynamo.Store) error { _, err := s.Schedule(ctx, student.ID, term.ID); return err },
				func(s *dynamo.Store) error { _, err := s.Registration(ctx, section.ID, student.ID); return err },
			},
			free: "course crn name", optional: "droppedAt",
		},
		"ANSWER ANSWER": {reads: of(func(s *dynamo.Store) error {
			var before *registrar.AnsweredBefore
			if err := s.Answered(ctx, key); !errors.As(err, &before) {
				return err
			}
			return nil
		})},
		"EVENT": {
			reads: of(func(s *dynamo.Store) error {
				_, err := s.Events(ctx, registrar.EventFilter{Student: student.ID}, page)
				return err
			}),
			free:     "student type actor onBehalfOf request correlation trace",
			optional: "student actor onBehalfOf request correlation trace recordVersion",
		},
		"INSTRUCTOR INSTRUCTOR": {
			reads: []func(*dynamo.Store) error{
				func(s *dynamo.Store) error { _, err := s.Instructor(ctx, instructor.ID); return err },
				func(s *dynamo.Store) error { _, err := s.Instructors(ctx, page); return err },
				func(s *dynamo.Store) error { _, err := s.InstructorsByNumber(ctx, []string{"7"}); return err },
			},
			free: "name email number", optional: "email number provisional",
		},
		"CLAIM CLAIM": {
			reads: of(func(s *dynamo.Store) error {
				if err := s.Claim(ctx, "c", "e", "another", later); !errors.Is(err, consumer.ErrDone) {
					return err
				}
				return nil
			}),
			free: "token", optional: "doneAt", unread: dynamo.TimeToLive,
		},
		"SEEN SEEN": {reads: of(func(s *dynamo.Store) error { _, err := s.NewestVersion(ctx, "c", "s"); return err }),
			unread: dynamo.TimeToLive},
		"IMPORT IMPORT": {
			reads: []func(*dynamo.Store) error{
				func(s *dynamo.Store) error { _, err := s.Import(ctx, im.ID); return err },
				func(s *dynamo.Store) error { _, err := s.Imports(ctx, true, page); return err },
				func(s *dynamo.Store) error {
					_, err := s.NewestImports(ctx, intake.Filter{Term: "another"}, page)
					return err
				},
			},
			free:     "term format notify mapping reason",
			optional: "term notify mapping complete reason startedAt endedAt maxRefused dryRun checked listed",
		},
		"IMPORT PROBLEM": {
			reads: of(func(s *dynamo.Store) error { _, err := s.ImportProblems(ctx, im, page); return err }),
			free:  "field reason", unread: dynamo.TimeToLive,
		},
		"IMPORT CHANGE": {
			reads: of(func(s *dynamo.Store) error { _, err := s.ImportChanges(ctx, im, page); return err }),
			free:  "record fields", optional: "fields", unread: dynamo.TimeToLive,
		},
		"IMPORT DECISION": {
			reads: of(func(s *dynamo.Store) error { _, err := s.Decisions(ctx, im.ID, 0); return err }),
			free:  "reason", unread: dynamo.TimeToLive,
		},
		"JOB JOB": {
			reads: of(func(s *dynamo.Store) error { _, err := s.Job(ctx, "j"); return err }),
			free:  "token", optional: "doneDue due until token", unread: "written",
		},
		"RECONCILIATIONS": {
			reads: of(func(s *dynamo.Store) error { _, err := s.LatestReconciliation(ctx); return err }),
			free:  "atTerm atCursor", optional: "endedAt atKind atTerm atCursor", unread: "written " + dynamo.TimeToLive,
		},
		"RECONCILIATION DIFFERENCE": {
			reads: of(func(s *dynamo.Store) error { _, err := s.Differences(ctx, "r1", page); return err }),
			free:  "kind record count of kept derived", optional: "of", unread: dynamo.TimeToLive,
		},
		"MAIL MAIL": {
			reads: []func(*dynamo.Store) error{
				func(s *dynamo.Store) error { _, err := s.Mail(ctx, sent.ID, registrar.IdempotencyKey{}); return err },
				func(s *dynamo.Store) error { _, err := s.MailFacts(ctx, sent.ID, recipient, address); return err },
			},
			free:     "event recipient section import correlation reason message",
			optional: "section import at correlation reason message claimEnds", unread: dynamo.TimeToLive,
		},
		"STUDENT MAILPREFERENCES": {
			reads: []func(*dynamo.Store) error{
				func(s *dynamo.Store) error { _, err := s.MailPreferences(ctx, recipient); return err },
				func(s *dynamo.Store) error { _, err := s.MailFacts(ctx, sent.ID, recipient, address); return err },
			},
		},
		"ADDRESS SUPPRESSION": {
			reads: of(func(s *dynamo.Store) error { _, err := s.MailFacts(ctx, sent.ID, recipient, address); return err }),
			free:  "feedback",
		},
		"NAME COURSE": {
			reads: of(func(s *dynamo.Store) error { _, err := s.CoursesByCode(ctx, []string{"CSCI 1100"}); return err }),
			free:  "owner",
		},
	}
}
