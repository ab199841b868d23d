// Walks through README with the types that openapi-typescript generated from the OpenAPI document, and openapi-fetch, which sends
// what they describe: the argument is the API's address. Each answer is asserted; the first that is not as it should be ends it.
import assert from "node:assert/strict";
import { argv } from "node:process";
import createClient from "openapi-fetch";
import type { components, paths } from "./registrar.js";

const api = createClient<paths>({ baseUrl: argv[2] ?? "" });

/** The body of an answer that has to be there; what came instead is in the failure. */
function body<T>(what: string, answer: { data?: T; error?: unknown; response: Response }, status: number): T {
  assert.equal(answer.response.status, status, `${what}: ${answer.response.status} ${JSON.stringify(answer.error)}`);
  assert.ok(answer.data !== undefined, `${what}: no body`);
  return answer.data;
}

// A term, a course, a section and two students.
const term = body("create a term", await api.POST("/v1/terms", {
  body: {
    code: "2028-SPRING-TS", title: "Spring 2028", start: "2028-01-10", end: "2028-05-06", timeZone: "America/New_York", creditLimit: 21,
    registration: { open: "2024-01-01T00:00:00Z", close: "2028-01-25T05:00:00Z" },
  },
}), 201);
const course = body("create a course", await api.POST("/v1/courses", {
  body: { subject: "ASTR", number: "2050T", title: "Introduction to Astronomy", credits: { min: 4, max: 4 } },
}), 201);
const made = await api.POST("/v1/sections", {
  body: {
    term: term.id, course: course.id, crn: "70001", capacity: 1, status: "open", component: "lecture",
    meetings: [{ days: "MR", start: "10:00", end: "11:50", from: "2028-01-10", to: "2028-04-28", room: "Observatory 1" }],
  },
});
const section: components["schemas"]["Section"] = body("create a section", made, 201);
const students: string[] = [];
for (const number of ["U9000001T", "U9000002T"]) {
  students.push(body("create a student", await api.POST("/v1/students", { body: { number, givenName: "Vera", familyName: "Rubin" } }), 201).id);
}
const [first, second] = students;
assert.ok(first !== undefined && second !== undefined);

// Enrol, again with the same key, be refused twice, see the seats, drop.
const enrol = (student: string, key: string) => api.POST("/v1/sections/{id}/registrations", {
  params: { path: { id: section.id }, header: { "Idempotency-Key": key } }, body: { student },
});
for (let i = 0; i < 2; i++) {
  const registration: components["schemas"]["Registration"] = body("enrol", await enrol(first, "once-ts"), 201);
  assert.equal(registration.state, "ENROLLED");
  assert.equal(registration.attempt, 1);
  assert.equal(registration.credits, 4);
}
for (const [student, code] of [[first, "ALREADY_ENROLLED"], [second, "SECTION_FULL"]] as const) {
  const refused = await enrol(student, `twice-ts-${code}`);
  assert.equal(refused.response.status, 409);
  assert.ok(refused.error !== undefined && "code" in refused.error, "a problem");
  assert.equal(refused.error.code, code);
  assert.ok((refused.error.refusals ?? []).length > 0, "the rules that said no");
}
const shown = body("get the section", await api.GET("/v1/sections/{id}", { params: { path: { id: section.id } } }), 200);
assert.deepEqual(shown.seats, { capacity: 1, taken: 1, available: 0, waiting: 0 });
body("drop", await api.DELETE("/v1/sections/{id}/registrations/{student}", { params: { path: { id: section.id, student: first } } }), 200);
const schedule = body("get the schedule", await api.GET("/v1/students/{id}/terms/{term}/registrations", {
  params: { path: { id: first, term: term.id } },
}), 200);
assert.equal(schedule.credits, 0);
assert.deepEqual(schedule.items.map((item) => item.state), ["DROPPED"]);

// A change needs the version that it was made of, and so does the next.
const tag = made.response.headers.get("ETag") ?? "";
const change = () => api.PATCH("/v1/sections/{id}", {
  params: { path: { id: section.id }, header: { "If-Match": tag } }, body: { capacity: 30 },
});
assert.equal(body("change the section", await change(), 200).seats.capacity, 30);
assert.equal((await change()).response.status, 412, "a change of an older version");

// All terms, one on each page.
let pages = 0;
let found = false;
for (let cursor: string | undefined; ; pages++) {
  const page = body("list terms", await api.GET("/v1/terms", { params: { query: cursor === undefined ? { limit: 1 } : { limit: 1, cursor } } }), 200);
  found ||= page.items.some((item) => item.id === term.id);
  cursor = page.next;
  if (cursor === undefined) break;
}
assert.ok(found && pages >= 3, `after ${pages} pages: found ${found}`);
