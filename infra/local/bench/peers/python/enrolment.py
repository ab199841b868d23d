"""Registrar's enrolment and its section read as a Python team would write them: functions over boto3's client.

The table, its items and the conditions are those of shared/dynamo, so the store does the same work for every side of
`make bench-peers`. The rules are those that decide the benchmark's requests. Start with enrol.
"""

import datetime
import hashlib
import json
import os
import threading
import time
import uuid
import zlib

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

TABLE = os.environ.get("TABLE_NAME", "registrar")
ATTEMPTS = 5
ANSWER_LIFETIME = 24 * 60 * 60
EVENT_LIFETIME = 7 * 24 * 60 * 60

client = boto3.client(
    "dynamodb",
    endpoint_url=os.environ["AWS_ENDPOINT_URL_DYNAMODB"],
    config=Config(max_pool_connections=64),
)

_sections = {}
_lock = threading.Lock()


class Refused(Exception):
    """A request that is refused, with the status and the code of the problem."""

    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


def key(pk, sk):
    return {"PK": {"S": pk}, "SK": {"S": sk}}


def read(keys):
    """Reads items in one consistent batch, in the order of the keys; None for what is missing."""
    answer = client.batch_get_item(RequestItems={TABLE: {"Keys": keys, "ConsistentRead": True}})
    found = {(i["PK"]["S"], i["SK"]["S"]): i for i in answer["Responses"][TABLE]}
    return [found.get((k["PK"]["S"], k["SK"]["S"])) for k in keys]


def cached_section(section_id):
    """The section, kept for good: the seats item's sectionVersion in the transaction's condition says if it changed."""
    section = _sections.get(section_id)
    if section is None:
        section = read([key("SECTION#" + section_id, "SECTION")])[0]
        if section is None:
            raise Refused(404, "NOT_FOUND")
        with _lock:
            _sections[section_id] = section
    return section


def overlap(a, b):
    for first in a:
        for second in b:
            days1, start1, end1 = first.split(",")[:3]
            days2, start2, end2 = second.split(",")[:3]
            if set(days1) & set(days2) and int(start1) < int(end2) and int(start2) < int(end1):
                return True
    return False


def decide(section, seats, student, record, registration):
    """Raises Refused if a rule says no."""
    if seats is None or student is None:
        raise Refused(404, "NOT_FOUND")
    if registration is not None and registration["state"]["S"] == "ENROLLED":
        raise Refused(409, "ALREADY_ENROLLED")
    if not student["active"]["BOOL"]:
        raise Refused(409, "STATE_FORBIDS")
    if seats["status"]["S"] != "open":
        raise Refused(409, "SECTION_NOT_OPEN")
    meetings = [m["S"] for m in section["meetings"]["L"]]
    for holding in record["holdings"]["L"] if record else []:
        _, course, _, _, held, _ = holding["S"].split("|", 5)
        if course.split(" ")[0] == section["course"]["S"]:
            raise Refused(409, "DUPLICATE_COURSE")
        if overlap(meetings, [m for m in held.split(";") if m]):
            raise Refused(409, "TIME_CONFLICT")
    if int(seats["freeSeats"]["N"]) <= int(seats["waiting"]["N"]):
        raise Refused(409, "SECTION_FULL")


def transaction(keys, section, seats, student, record, answer):
    """The items of one transaction, and the registration as clients see it."""
    section_id, student_id = section["PK"]["S"].removeprefix("SECTION#"), student["PK"]["S"].removeprefix("STUDENT#")
    now = datetime.datetime.now(datetime.timezone.utc)
    at = now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    event, version = str(uuid.uuid4()), int(record["version"]["N"]) if record else 0
    shard, name = zlib.crc32(event.encode()) % 16, student["familyName"]["S"] + ", " + student["givenName"]["S"]
    course, crn, credits = section["course"], section["crn"], section["creditsMin"]
    shown = {
        "section": section_id, "student": student_id, "term": section["term"]["S"], "course": course["S"],
        "crn": crn["S"], "name": name, "state": "ENROLLED", "attempt": 1, "credits": int(credits["N"]) / 100,
        "enrolledAt": at, "version": 1, "createdAt": at, "updatedAt": at,
    }
    registration = {
        **keys[3], "GSI1PK": {"S": "ROSTER#" + section_id},
        "GSI1SK": {"S": "ENROLLED#" + name.lower() + "#" + student_id}, "course": course, "crn": crn,
        "name": {"S": name}, "state": {"S": "ENROLLED"}, "attempt": {"N": "1"}, "credits": credits,
        "enrolledAt": {"S": at}, "version": {"N": "1"}, "createdAt": {"S": at}, "updatedAt": {"S": at},
    }
    held = ";".join(",".join(m["S"].split(",")[:5]) for m in section["meetings"]["L"])
    code = section["subject"]["S"] + " " + section["number"]["S"]
    holding = "|".join(
        [section_id, course["S"] + " " + code, crn["S"], credits["N"], held, section["component"]["S"]]
    )
    holdings = record["holdings"]["L"] if record else []
    term_record = {
        **keys[2], "version": {"N": str(version + 1)}, "studentVersion": student["version"],
        "holdings": {"L": [*holdings, {"S": holding}]},
    }
    told = {
        **key(f"EVENT#{at[:10]}#{shard:02d}", at + "#" + event), "GSI1PK": {"S": f"AUDIT#section#{section_id}#{shard % 8}"},
        "GSI1SK": {"S": at + "#" + event}, "GSI2PK": {"S": "PERSON#" + student_id}, "GSI2SK": {"S": at + "#" + event},
        "student": {"S": student_id}, "type": {"S": "registration.enrolled"}, "schema": {"N": "1"},
        "actor": {"S": "anonymous"}, "request": {"S": str(uuid.uuid4())}, "recordVersion": {"N": "1"},
        "facts": {"M": {"crn": crn, "course": course, "credits": credits}},
        "expires": {"N": str(int(now.timestamp()) + EVENT_LIFETIME)},
    }

    def put(item, condition, **values):
        value = {"TableName": TABLE, "Item": item, "ConditionExpression": condition}
        if values:
            value["ExpressionAttributeValues"] = {":" + name: value for name, value in values.items()}
        return {"Put": value}

    one, new = {"N": "1"}, "attribute_not_exists(PK)"
    items = [
        {"Update": {
            "TableName": TABLE, "Key": keys[0],
            "UpdateExpression": "SET freeSeats = freeSeats - :one, taken = taken + :one, used = :true",
            "ConditionExpression": "freeSeats > waiting AND #status = :open AND sectionVersion = :version",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {
                ":one": one, ":true": {"BOOL": True}, ":open": {"S": "open"}, ":version": section["version"],
            },
        }},
        put(registration, new),
        put(term_record, "version = :before", before={"N": str(version)}) if version else put(term_record, new),
        put(told, new),
    ]
    if version == 0:
        items.append({"Update": {
            "TableName": TABLE, "Key": key("STUDENT#" + student_id, "TERMS"), "UpdateExpression": "ADD terms :one",
            "ConditionExpression": "attribute_not_exists(since) OR since <= :student",
            "ExpressionAttributeValues": {":one": one, ":student": student["version"]},
        }})
    if answer is not None:
        answer_key, request = answer
        items.append(put({
            **answer_key, "request": {"B": request}, "reply": {"B": json.dumps(shown).encode()},
            "expires": {"N": str(int(now.timestamp()) + ANSWER_LIFETIME)},
        }, new))
    return items, shown


def enrol(section_id, student_id, idempotency_key):
    """Enrols a student. Gives the registration as clients see it, or raises Refused."""
    section = cached_section(section_id)
    term = section["term"]["S"]
    keys = [
        key("SEATS#" + section_id, "SEATS"), key("STUDENT#" + student_id, "STUDENT"),
        key("STUDENT#" + student_id, "TERM#" + term), key("STUDENT#" + student_id, f"REG#{term}#{section_id}"),
    ]
    answer = None
    if idempotency_key:
        request = hashlib.sha256(f"{section_id}\n{student_id}".encode()).digest()
        answer = key(f"ANSWER#9#anonymous#{idempotency_key}", "ANSWER"), request
    for attempt in range(ATTEMPTS):
        facts = read(keys + [answer[0]] if answer else keys)
        if answer and facts[4] is not None:
            if facts[4]["request"]["B"] != answer[1]:
                raise Refused(422, "IDEMPOTENCY_MISMATCH")
            return json.loads(facts[4]["reply"]["B"])
        seats, student, record, registration = facts[:4]
        decide(section, seats, student, record, registration)
        items, shown = transaction(keys, section, seats, student, record, answer)
        try:
            client.transact_write_items(TransactItems=items)
            return shown
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            if seats["sectionVersion"] != section["version"]:
                _sections.pop(section_id, None)
                section = cached_section(section_id)
            time.sleep(0.01 * attempt)  # the facts have changed, or somebody was writing them
    raise Refused(503, "BUSY")


def section_with_seats(section_id):
    """A section as clients see it."""
    section, seats = read([key("SECTION#" + section_id, "SECTION"), key("SEATS#" + section_id, "SEATS")])
    if section is None or seats is None:
        raise Refused(404, "NOT_FOUND")
    names = ("days", "start", "end", "from", "to", "room")
    return {
        "id": section_id, "term": section["term"]["S"], "course": section["course"]["S"],
        "subject": section["subject"]["S"], "number": section["number"]["S"], "title": section["title"]["S"],
        "crn": section["crn"]["S"], "label": section.get("label", {"S": ""})["S"], "status": section["status"]["S"],
        "component": section["component"]["S"],
        "credits": {"min": int(section["creditsMin"]["N"]) / 100, "max": int(section["creditsMax"]["N"]) / 100},
        "meetings": [dict(zip(names, m["S"].split(",", 5))) for m in section["meetings"]["L"]],
        "seats": {
            "capacity": int(seats["capacity"]["N"]), "taken": int(seats["taken"]["N"]),
            "available": int(seats["freeSeats"]["N"]),
        },
        "version": int(section["version"]["N"]), "createdAt": section["createdAt"]["S"],
        "updatedAt": section["updatedAt"]["S"],
    }
