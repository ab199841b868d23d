// Package dynamo is the store: all of Registrar's records in one DynamoDB table.
//
// It knows the domain and the AWS SDK, nothing of HTTP or Lambda. Start with the table below, then [Store]. write.go is
// the only place that sends transactions, and decides what their failures mean; retry.go decides what is sent again,
// and when. Package registrartest and its like are the suites of tests, against the embedded engine and any other.
//
// # Items
//
//	record           PK                    SK                GSI1PK / GSI1SK                     GSI2PK / GSI2SK
//	term             TERM#id               TERM              TERMS / start#id
//	course           COURSE#id             COURSE            SUBJECT#subject / number#id         COURSES / title#id
//	offering         COURSE#id             OFFERING#term
//	section          SECTION#id            SECTION           TERM#term#SUBJECT#s / number#crn#id
//	seats            SEATS#section         SEATS
//	section of term  TERM#id               SECTION#course#id
//	section taught   INSTRUCTOR#id         SECTION#term#id
//	student          STUDENT#id            STUDENT                                               STUDENTS / name#id
//	instructor       INSTRUCTOR#id         INSTRUCTOR                                            INSTRUCTORS / name#id
//	student's terms  STUDENT#id            TERMS
//	term record      STUDENT#id            TERM#term
//	registration     STUDENT#id            REG#term#section  ROSTER#section / state#name#id
//	event            EVENT#day#shard       time#id           AUDIT#kind#record#shard / time#id   PERSON#student /
//	                                                                                             time#id
//	refused attempt  REFUSED#day#shard     time#id           the same                            the same
//	answer           ANSWER#principal#key  ANSWER
//	natural key      NAME#kind#name        NAME
//	claim            CLAIM#consumer#event  CLAIM
//	newest seen      SEEN#consumer#subject SEEN
//	import           IMPORT#id             IMPORT            IMPORTS#OPEN or #ENDED / time#id    IMPORTS / time#id
//	import problem   IMPORT#id             PROBLEM#run#row#n
//	import change    IMPORT#id             CHANGE#run#row#n
//	job              JOB#name              JOB
//	reconciliation   RECONCILIATIONS       time#id
//	difference       RECONCILIATION#id     DIFFERENCE#record#count#of
//	mail             MAIL#id               MAIL              MAILS#state / time#id, while open
//	mail preferences STUDENT#id,           MAILPREFERENCES
//	                 ADDRESS#hash
//	suppression      ADDRESS#hash          SUPPRESSION
//
// # Access patterns
//
// Units are for items under their first step (1 KB written, 4 KB read), w for write and r for read units; "/ 4 KB" is
// for each 4 KB that is read. Reads marked c are consistent.
//
//	what                               requests                                              units
//	get a term, course, person         GetItem c                                             1 r
//	get a section with its seats       BatchGetItem c of 2                                   2 r
//	terms                              Query GSI1 TERMS                                      0.5 r / 4 KB
//	courses by subject                 Query GSI1 SUBJECT#s                                  0.5 r / 4 KB
//	courses by title, or all           Query GSI2 COURSES, begins_with(title)                0.5 r / 4 KB
//	sections by term and subject       Query GSI1 TERM#t#SUBJECT#s, BatchGetItem of the      0.5 r / 4 KB, 1 r a section
//	                                   seats
//	sections by term and course        the same, begins_with(number#)
//	sections by term and instructor    Query INSTRUCTOR#i, begins_with(SECTION#t#),          0.5 r / 4 KB, 2 r a section
//	                                   BatchGetItem
//	sections by term                   Query TERM#t, begins_with(SECTION#), BatchGetItem     0.5 r / 4 KB, 2 r a section
//	students by number                 GetItem c of the natural key, GetItem c               2 r
//	students, instructors by name      Query GSI2, begins_with(name)                         0.5 r / 4 KB
//	create a term                      TransactWriteItems of 4 (record, name, event, answer) 8 w, 2 w GSI
//	create a course or a person        TransactWriteItems of 4 or 5                          8–10 w, 2–4 w GSI
//	create a section                   TransactWriteItems of 9, and 2 for each instructor    18 w + 4 w each, 2 w GSI
//	update                             TransactWriteItems                                    2–4 w a changed item, 2 w
//	                                                                                         the event, GSIs
//	delete                             UpdateItem (mark), Query c (dependents),              1 w, 0.5 r, 6 w, GSIs
//	                                   TransactWriteItems
//	…refused: others depend on it      UpdateItem (mark), Query c, UpdateItem                1 w, 0.5 r, 1 w
//	facts of an enrolment or a drop    BatchGetItem c of 4 or 5; section and term from a     4–6 r
//	                                   cache, or the term with them
//	…refused                           the same again, the seats of a full section from a    3–6 r more
//	                                   cache
//	…refused: the section was full a   BatchGetItem c of 3 or 4, none of the seats           3–4 r
//	moment ago, says the cache
//	enrol                              TransactWriteItems of 4; 5 with an idempotency key; 6 11 w, 13 w, 15 w with GSIs
//	                                   in the student's first registration of a term
//	…after a conflict or a throttle    GetItem c of the seats, and the transaction again if  1 r, and the same
//	                                   one is left
//	drop                               TransactWriteItems of 4 or 5                          12–16 w with GSIs
//	another name, or inactive          GetItem c, Query c STUDENT#id, begins_with(TERM#),    1 r, 0.5 r, 2 w, 2 w a term
//	                                   and with the update an UpdateItem of the count of
//	                                   terms and of each term record in its transaction
//	all registrations of a student     Query c STUDENT#id, begins_with(REG#)                 1 r / 4 KB
//	give a section its course's title  GetItem c, BatchGetItem c of 2, TransactWriteItems of 3 r, 8 w, 2 w GSI
//	                                   4
//	terms of a course                  Query c COURSE#id, begins_with(OFFERING#)             1 r / 4 KB
//	refresh a registration's copies    facts of an enrolment, TransactWriteItems of 4        4 r, 16 w with GSI
//	refused attempts                   BatchWriteItem of 25 (from the audit queue)           3 w each with GSIs
//	events of a record or a student    Query GSI1 of 1 partition, a section's of 8; Query    0.5 r / 4 KB and partition
//	                                   GSI2
//	events by time                     Query of 32 partitions a day, side by side            0.5 r / 4 KB and partition
//	events to publish again            Query of 16 partitions a day, side by side            the same
//	roster of a section                Query GSI1 ROSTER#section, begins_with(ENROLLED#)     0.5 r / 4 KB
//	schedule of a student in a term    Query c STUDENT#id, begins_with(REG#term#)            1 r / 4 KB
//	claim an event, complete, release  PutItem, UpdateItem (conditional)                     1 w each
//	newest version seen                GetItem c, UpdateItem (conditional)                   1 r, 1 w
//	import: save progress              BatchWriteItem of 25 lines at most,                   1 w a line, 2 w, 2 w GSI; at
//	                                   TransactWriteItems of 1                               its end 6 w + 4 w GSI
//	import: where it stands            GetItem c, Query IMPORT#id, begins_with(PROBLEM#run#  1 r, 0.5 r / 4 KB
//	                                   or CHANGE#)
//	imports, the newest first          Query GSI2 IMPORTS, backwards                         0.5 r / 4 KB
//	imports that have (not) ended      Query GSI1 IMPORTS#OPEN or #ENDED                     0.5 r / 4 KB
//	job: begin and end a run           GetItem c, PutItem (conditional) twice                1 r, 2 w
//	reconcile a section's seats        BatchGetItem of 5, Query (count) GSI1 ROSTER#section  2.5 r, 0.5 r / 4 KB
//	reconcile a course's offerings     Query COURSE#id, begins_with(OFFERING#), and for each 0.5 r / 4 KB
//	                                   term Query (count) TERM#t, and GSI1 TERM#t#SUBJECT#s
//	reconcile a student                Query STUDENT#id; the sections held come from a cache 0.5 r / 4 KB
//	reconcile: what, and lists of it   Query GSI1 TERMS, TERM#t, GSI2 COURSES, GSI2 STUDENTS 0.5 r / 4 KB
//	reconcile: look again              the same, c                                           twice that, but for indexes
//	reconcile: save progress           BatchWriteItem of 25 differences at most, PutItem     1 w a difference, 1 w
//	                                   (conditional)
//	latest reconciliation, differences Query c RECONCILIATIONS (backwards, 1), Query c       1 r / 4 KB
//	                                   RECONCILIATION#id
//	send a mail                        GetItem c (student), BatchGetItem c of 3 (mail,       7 r, 4 w, 2 w GSI
//	                                   preferences, suppression), section and term,
//	                                   TransactWriteItems of 1 twice
//	the same event once more           GetItem c, BatchGetItem c of 3                        4 r
//	open mails                         Query GSI1 MAILS#UNKNOWN up to now, or MAILS#REFUSED  0.5 r / 4 KB
//	settle a mail                      BatchGetItem c of 2, TransactWriteItems of 3 (+       2 r, 6 w, 3 w GSI
//	                                   event, answer)
//	mail preferences                   BatchGetItem c of 2 (with the student)                2 r
//	change mail preferences            the same, TransactWriteItems of 3 (preferences,       2 r, 6 w, 2 w GSI
//	                                   event, student)
//	suppress an address                TransactWriteItems of 1                               2 w
//	health                             GetItem                                               0.5 r
//	import: look up 50 rows            BatchGetItem of names, BatchGetItem of records        0.5–1 r a name and record
//
// No request uses a Scan.
//
// # Heat
//
// A partition takes 1,000 write and gives 3,000 read units a second, and so does an index's partition, whatever the
// table as a whole can do. A write waits for the indexes that it changes. So a registration must not write a key that a
// whole campus shares. The shares are of a partition's second, in the peak seconds of two loads: 242 adds, each in
// another second of 120 with 60 on average, and 1,800 adds, which is the most that a large university has.
// TestNoPartitionIsHotButTheSeats checks what an enrolment writes.
//
//	partition key               written by                          how often, and by how many         242/s   1,800/s
//	SEATS#section               an enrolment, a drop: 2 w           all who want the section: the one  hot by nature:
//	                                                                item where they meet               500/s at most
//	STUDENT#id                  an enrolment: 4 w, the first of a   one student's requests             1 %     1 %
//	                            term 6 w
//	ANSWER#principal#key        an enrolment with a key: 2 w        once                               0.2 %   0.2 %
//	EVENT#day#shard, of 16      each change of a record: 2 w        everybody's changes, spread by id  3 %     30 %
//	REFUSED#day#shard, of 16    each refused attempt, from a queue: everybody's refusals, spread by id 2 %     12 %
//	                            1 w
//	GSI1 AUDIT#section#id#shard each change and refusal of a        all who want the section, by 8     3 %     23 %
//	                            section: 1 w
//	GSI1 AUDIT#kind#id#0        each change of another record: 1 w  its editors
//	GSI1 ROSTER#section         an enrolment 1 w, a drop 2 w        no more than the seats item takes  13 %    13 %
//	GSI2 PERSON#student         each event of a student: 1 w        one student's requests             0.1 %   0.1 %
//	GSI2 STUDENTS               a student who comes, goes or        an office, or an import: no
//	                            changes: 1–2 w                      registration
//	GSI2 INSTRUCTORS, COURSES   the same of instructors and courses an office, or an import
//	GSI1 SUBJECT#s, TERMS,      the same of courses, terms and      an office, or an import
//	TERM#term#SUBJECT#s,        sections; the list of a term
//	TERM#id
//	GSI1 MAILS#UNKNOWN          a mail, claimed and sent: 2 w       four senders, each with one mail   8 %     8 %
//	                                                                at a time: 40 a second
//	MAIL#id, CLAIM#…, SEEN#…    a mail; a message: 2–4 w            one event, one record
//	GSI1 IMPORTS#…, IMPORT#id,  a step of an import, a run of a job a few workers
//	JOB#name, RECONCILIATIONS
//
// What is read by everybody, with 20 reads to a write (4,840 a second in the first load's peak), of which a tenth each
// asks for the terms, one term and the courses, a fifth for a subject's sections (a quarter of these for one subject),
// and the rest for single sections and schedules:
//
//	partition key             read by                                     units of a page of 50       242/s
//	TERM#id                   a term 1 r; an enrolment's comes from a     1                           18 %
//	                          cache, which asks once a second an
//	                          environment of the function: some fifty
//	GSI1 TERMS                the list of terms                           1 (twenty terms)            16 %
//	GSI1 TERM#term#SUBJECT#s  the sections of a subject, a quarter for    3.5, eventually consistent  28 %
//	                          one
//	GSI2 COURSES              a third of who asks for courses: by title   4.5, eventually consistent  24 %
//	GSI1 SUBJECT#s            the other two thirds: by subject, a quarter 4.5, eventually consistent  12 %
//	                          one
//	SECTION#id                a section; an enrolment's comes from a      1                           few of a campus
//	                          cache
//
// # What a decision rests on
//
// A batch read is not a snapshot, and a cached record may be outdated. So a registration commits only if every version
// on which it was decided is still stored. Each condition is on an item that the transaction writes anyway:
//
//	the registration           its own item, version
//	the term record            its own item, version
//	the student                the term record, whose version changes when the student is renamed or leaves, and which
//	                           has the student's new version: whoever has an older one reads the student again. Where
//	                           the record comes into being, the item that counts the student's terms
//	the section                the seats item, sectionVersion
//	status and free seats      the seats item
//	an earlier attempt         the answer item, which must not be there
//	the term                   none: see termAge
//
// A refusal is given when two readings, one after the other, found the same versions, and no answer of the key
// ([registrar.Decision]). Or it is based on facts that were known before the one reading.
//
// # What cannot be read
//
// A stored value that cannot be read is an error. The error names the kind of record, its id and the attribute, and
// never the value. The value never becomes "not set", 0 or false. An optional attribute is not set only when it is
// missing. All items are read by one type, reader; TestWhatCannotBeReadIsAnErrorAndNeverNotSet corrupts each attribute
// of each kind of item. Reconciliation continues, and reports such a record as a difference of the count "record".
//
// # Who waits for whom
//
// A record that others depend on is deleted in three steps, so that no dependent can be created meanwhile. It is
// marked. Its dependents are looked for. It is deleted if there are none and the mark is still this deletion's, else
// the mark is removed. Whoever creates a dependent checks in the same transaction that the record exists and is not
// marked. A mark expires after five minutes, because a function that was killed cannot remove it.
//
// New dates of a term that leave out some of its days are written in the same way, with a mark of their own. A section
// whose meetings are set meanwhile is refused as busy. Afterwards the check in its transaction compares the dates.
//
// A student is deleted in one step. A student's first registration in a term cannot write the student's item, because
// the index by name would be hot. It writes an item beside it that is in no index, and counts the terms there. A
// deletion, a new name and the end of being active write that item, too. So one of the two comes first, and the other
// notices; see termsKey.
package dynamo
