// Package dynamo is the store: all of Registrar's records in one DynamoDB table.
//
// It knows the domain and the AWS SDK, nothing of HTTP or Lambda. Start with the table below, then [Store]; write.go is the
// one place that sends transactions and says what becomes of their failures, and retry.go says what comes again, and when.
// Package registrartest is the suite that shows it working, against the embedded engine and any other.
//
// # Items
//
//	record            PK                        SK                     GSI1PK / GSI1SK                       GSI2PK / GSI2SK
//	term              TERM#id                   TERM                   TERMS / start#id
//	course            COURSE#id                 COURSE                 SUBJECT#subject / number#id           COURSES / title#id
//	offering          COURSE#id                 OFFERING#term
//	section           SECTION#id                SECTION                TERM#term#SUBJECT#s / number#crn#id
//	seats             SEATS#section             SEATS
//	section of term   TERM#id                   SECTION#course#id
//	section taught    INSTRUCTOR#id             SECTION#term#id
//	student           STUDENT#id                STUDENT                                                      STUDENTS / name#id
//	instructor        INSTRUCTOR#id             INSTRUCTOR                                                   INSTRUCTORS / name#id
//	term record       STUDENT#id                TERM#term
//	registration      STUDENT#id                REG#term#section       ROSTER#section / state#name#id
//	event             EVENT#day#shard           time#id                AUDIT#kind#record#shard / time#id     PERSON#student / time#id
//	refused attempt   REFUSED#day#shard         time#id                the same                              the same
//	answer            ANSWER#principal#key      ANSWER
//	natural key       NAME#kind#name            NAME
//	claim             CLAIM#consumer#event      CLAIM
//	newest seen       SEEN#consumer#subject     SEEN
//	import            IMPORT#id                 IMPORT                 IMPORTS#OPEN or #ENDED / time#id      IMPORTS / time#id
//	import problem    IMPORT#id                 PROBLEM#run#row#n
//	import foretold   IMPORT#id                 CHANGE#run#row#n
//	job               JOB#name                  JOB
//	reconciliation    RECONCILIATIONS           time#id
//	difference        RECONCILIATION#id         DIFFERENCE#record#count#of
//	mail              MAIL#id                   MAIL                   MAILS#state / time#id, while it lies open
//	mail preferences  STUDENT#id, ADDRESS#hash  MAILPREFERENCES
//	suppression       ADDRESS#hash              SUPPRESSION
//
// # Access patterns
//
// Units are for items under their first step (1 KB written, 4 KB read), w for write and r for read units. Reads marked c
// are consistent.
//
//	what                                requests                                                          units
//	get a term, course, person          GetItem c                                                         1 r
//	get a section with its seats        BatchGetItem c of 2                                               2 r
//	terms                               Query GSI1 TERMS                                                  0.5 r for each 4 KB
//	courses by subject                  Query GSI1 SUBJECT#s                                              0.5 r for each 4 KB
//	courses by title, or all            Query GSI2 COURSES, begins_with(title)                            0.5 r for each 4 KB
//	sections by term and subject        Query GSI1 TERM#t#SUBJECT#s, BatchGetItem of the seats            0.5 r for each 4 KB, 1 r a section
//	sections by term and course         the same, begins_with(number#)
//	sections by term and instructor     Query INSTRUCTOR#i, begins_with(SECTION#t#), BatchGetItem         0.5 r for each 4 KB, 2 r a section
//	sections by term                    Query TERM#t, begins_with(SECTION#), BatchGetItem                 0.5 r for each 4 KB, 2 r a section
//	students by number                  GetItem c of the natural key, GetItem c                           2 r
//	students, instructors by name       Query GSI2, begins_with(name)                                     0.5 r for each 4 KB
//	create a term                       TransactWriteItems of 4 (record, name, event, answer)             8 w, 2 w GSI
//	create a course or a person         TransactWriteItems of 4 or 5                                      8–10 w, 2–4 w GSI
//	create a section                    TransactWriteItems of 9, and 2 for each instructor                18 w + 4 w each, 2 w GSI
//	update                              TransactWriteItems                                                2–4 w a changed item, 2 w the event, GSIs
//	delete                              UpdateItem (mark), Query c (dependents), TransactWriteItems       1 w, 0.5 r, 6 w, GSIs
//	…refused, for others depend on it   UpdateItem (mark), Query c, UpdateItem                            1 w, 0.5 r, 1 w
//	facts of an enrolment               BatchGetItem c of 4 or 5; section and term from a cache           4–5 r
//	enrol                               TransactWriteItems of 4; 5 with an idempotency key; 6 in the
//	                                    student's first registration of a term                            11 w, 13 w, 16 w with GSIs
//	…after a conflict or a throttle     GetItem c of the seats, and the transaction again if one is left  1 r, and the same
//	drop                                TransactWriteItems of 4 or 5                                      12–16 w with GSIs
//	another name, or inactive           GetItem c, Query c STUDENT#id, begins_with(TERM#), and with the
//	                                    update an UpdateItem a term record in its transaction             1 r, 0.5 r, 2 w a term
//	all registrations of a student      Query c STUDENT#id, begins_with(REG#)                             1 r for each 4 KB
//	refresh the copies of a registration facts of an enrolment, TransactWriteItems of 4                   4 r, 16 w with GSI
//	refused attempts                    BatchWriteItem of 25 (from the audit queue)                       3 w each with GSIs
//	events of a record or a student     Query GSI1 of 1 partition, a section's of 8; Query GSI2           0.5 r for each 4 KB and partition
//	events by time                      Query of 32 partitions a day, side by side                        0.5 r for each 4 KB and partition
//	events to publish again             Query of 16 partitions a day, side by side                        the same
//	roster of a section                 Query GSI1 ROSTER#section, begins_with(ENROLLED#)                 0.5 r for each 4 KB
//	schedule of a student in a term     Query c STUDENT#id, begins_with(REG#term#)                        1 r for each 4 KB
//	claim an event, complete, release   PutItem, UpdateItem (conditional)                                 1 w each
//	newest version seen                 GetItem c, UpdateItem (conditional)                               1 r, 1 w
//	import: save progress               BatchWriteItem of 25 lines at most, TransactWriteItems of 1       1 w a line, 2 w, 2 w GSI; at its end 6 w + 4 w GSI
//	import: where it stands             GetItem c, Query IMPORT#id, begins_with(PROBLEM#run# or CHANGE#)  1 r, 0.5 r for each 4 KB
//	imports, the newest first           Query GSI2 IMPORTS, backwards                                     0.5 r for each 4 KB
//	imports that have (not) ended       Query GSI1 IMPORTS#OPEN or #ENDED                                 0.5 r for each 4 KB
//	job: begin and end a run            GetItem c, PutItem (conditional) twice                            1 r, 2 w
//	reconcile a section's seats         BatchGetItem of 4, Query (count) GSI1 ROSTER#section              2 r, 0.5 r for each 4 KB
//	reconcile a course's offerings      Query COURSE#id, begins_with(OFFERING#), and for each term
//	                                    Query (count) TERM#t, and GSI1 TERM#t#SUBJECT#s                   0.5 r for each 4 KB
//	reconcile a student                 Query STUDENT#id; the sections held come from a cache             0.5 r for each 4 KB
//	reconcile: what, and lists of it    Query GSI1 TERMS, TERM#t, GSI2 COURSES, GSI2 STUDENTS             0.5 r for each 4 KB
//	reconcile: look again               the same, c                                                       twice that, but for indexes
//	reconcile: save progress            BatchWriteItem of 25 differences at most, PutItem (conditional)   1 w a difference, 1 w
//	latest reconciliation, differences  Query c RECONCILIATIONS (backwards, 1), Query c RECONCILIATION#id 1 r for each 4 KB
//	send a mail                         GetItem c (student), BatchGetItem c of 3 (mail, preferences,
//	                                    suppression), section and term, TransactWriteItems of 1 twice     7 r, 4 w, 2 w GSI
//	the same event once more            GetItem c, BatchGetItem c of 3                                    4 r
//	mails that lie open                 Query GSI1 MAILS#UNKNOWN up to now, or MAILS#REFUSED              0.5 r for each 4 KB
//	settle a mail                       BatchGetItem c of 2, TransactWriteItems of 3 (+ event, answer)    2 r, 6 w, 3 w GSI
//	mail preferences                    BatchGetItem c of 2 (with the student)                            2 r
//	change mail preferences             the same, TransactWriteItems of 3 (preferences, event, student)   2 r, 6 w, 2 w GSI
//	suppress an address                 TransactWriteItems of 1                                           2 w
//	health                              GetItem                                                           0.5 r
//	import: look up 50 rows             BatchGetItem of names, BatchGetItem of records                    0.5–1 r a name and record
//
// No Scan stands on a request's path.
//
// # Who waits for whom
//
// A record that others depend on is deleted in three steps, so that no dependent can come into being meanwhile: it is
// marked, its dependents are looked for, and it is removed if there are none and the mark is still this one's, else the mark
// is taken away. Whoever makes a dependent checks in the same transaction that the record exists and is not marked. A mark
// runs out after five minutes, for a function that was killed cannot take it away.
package dynamo
