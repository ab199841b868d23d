"""The enrolment behind Flask: gunicorn --worker-class sync --workers 2 flask_app:app."""

import uuid

from botocore.exceptions import ClientError
from flask import Flask, jsonify, request

import enrolment

app = Flask(__name__)


def problem(status, code):
    answer = jsonify({"type": "about:blank", "status": status, "code": code})
    answer.content_type = "application/problem+json"
    return answer, status


@app.errorhandler(enrolment.Refused)
def refused(error):
    return problem(error.status, error.code)


@app.errorhandler(ClientError)
def failed(error):
    app.logger.error("%s", error)
    return problem(503, "BUSY")


@app.post("/v1/sections/<uuid:section>/registrations")
def enrol(section):
    body = request.get_json(silent=True)
    try:
        student = uuid.UUID(body["student"])
    except (TypeError, KeyError, ValueError, AttributeError):
        return problem(422, "INVALID")
    return jsonify(enrolment.enrol(str(section), str(student), request.headers.get("Idempotency-Key"))), 201


@app.get("/v1/sections/<uuid:section>")
def section(section):
    return jsonify(enrolment.section_with_seats(str(section)))
