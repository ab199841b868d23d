"""What Schemathesis reports and is no fault of the API, each with its reason. Everything else fails TestSchemathesis."""

import hashlib
import json

import schemathesis

# Answers to requests that are valid by their schema: what a problem's code, or all of its fields, say, and why no schema can.
# (operation, code of the problem or (field, code) of its errors, reason)
RULES = [
    ("*", "BAD_CURSOR", "a cursor is signed: only one that the API gave is valid"),
    ("*", "IDEMPOTENCY_MISMATCH", "the key was used with another request, of this run"),
    ("audit-list", ("query.*", "*"), "from, to, record and student depend on each other, which OpenAPI cannot say of parameters"),
    ("*", ("body.deadlines.*", "OUT_OF_RANGE"), "moments are of the years 1900 to 9999"),
    ("*", ("body.deadlines.*", "FORMAT"), "30 February has the form of a day and is none"),
    ("terms-*", ("body.start", "OUT_OF_RANGE"), "days are of the years 1900 to 9999"),
    ("terms-*", ("body.end", "OUT_OF_RANGE"), "likewise, and a term ends after it starts"),
    ("terms-*", ("body.registration.*", "OUT_OF_RANGE"), "likewise, and a window closes after it opens"),
    ("terms-*", ("body.timeZone", "FORMAT"), "a zone is one of IANA's, of which there are more each year"),
    ("courses-*", ("body.credits.max", "OUT_OF_RANGE"), "the most is not less than the least"),
    ("sections-*", ("body.credits.max", "OUT_OF_RANGE"), "the most is not less than the least"),
    ("sections-*", ("body.meetings*", "OUT_OF_RANGE"), "a meeting ends after it starts, and lies in the section's term"),
    ("sections-*", ("body.meetings*", "FORMAT"), "each weekday stands once"),
    ("sections-*", ("body.instructors*", "DUPLICATE"), "each instructor stands once, in whatever case the id is written"),
    ("students-*", ("body.familyName", "REQUIRED"), "one of the two names may be empty, not both"),
    ("instructors-*", ("body.name", "FORMAT"), "a placeholder such as Staff names nobody"),
    ("registrations-create", ("body.credits", "OUT_OF_RANGE"), "the section says for how many credits it can be taken"),
    ("imports-create", ("body.term", "*"), "a schedule is of a term, and people are of none"),
    ("imports-create", ("body.format", "FORMAT"), "a format is of one kind of file"),
    ("imports-create", ("body.complete", "FORMAT"), "likewise"),
    ("imports-create", ("body.mapping*", "*"), "the parts of a mapping belong together, and to no named format"),
    ("preferences-unsubscribe", "BAD_REQUEST", "a multipart form's names stand in headers, which hold no control characters"),
]


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Keeps a failure unless it is an exception."""
    operation = case.operation.definition.raw.get("operationId", "")
    if failure.code == "ST204":  # unsupported_method
        # API Gateway's HTTP APIs have no 405: what no route is for is answered with 404, and no function is asked
        # (API Gateway developer guide, "Create routes for HTTP APIs").
        return not (response.status_code == 404 and response.json() == {"message": "Not Found"})
    if failure.code == "ST202":  # positive_data_acceptance
        return not excused(operation, response)
    return True


def excused(operation, response):
    """Reports whether all that the problem names is in RULES."""
    if response.headers.get("content-type", [""])[0] != "application/problem+json":
        return False
    problem = response.json()
    named = [problem["code"]]
    if problem["code"] == "INVALID":
        named = [(error["field"], error["code"]) for error in problem.get("errors", [])]
    return bool(named) and all(any(matches(rule, operation, name) for rule in RULES) for name in named)


def matches(rule, operation, name):
    """Reports whether a rule is of that operation and of that code or field."""
    of, what, _ = rule
    if isinstance(name, str) or isinstance(what, str):
        return like(of, operation) and what == name
    field, code = name
    return like(of, operation) and like(what[0], field) and like(what[1], code)


def like(pattern, text):
    """Reports whether the text is the pattern, whose only sign is a * at its end."""
    return text == pattern or pattern.endswith("*") and text.startswith(pattern[:-1])


@schemathesis.hook
def before_call(context, case, kwargs):
    """Gives each request an Idempotency-Key of its own, as clients do; the same request has the same key again."""
    headers = case.headers or {}
    key = headers.get("Idempotency-Key")
    if key and len(key) < 200:
        body = json.dumps(case.body, sort_keys=True, default=str) if not isinstance(case.body, bytes) else case.body.hex()
        of = hashlib.sha256(f"{case.method} {case.formatted_path} {body}".encode("utf-8", "surrogatepass")).hexdigest()
        headers["Idempotency-Key"] = f"{key}-{of[:16]}"
