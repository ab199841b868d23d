"""The enrolment behind FastAPI: uvicorn --workers 2 fastapi_app:app. boto3 blocks, so the operations run in threads."""

import logging
import uuid

from botocore.exceptions import ClientError
from fastapi import FastAPI, Header
from fastapi.responses import JSONResponse
from pydantic import BaseModel

import enrolment

app = FastAPI()


class NewRegistration(BaseModel):
    student: uuid.UUID


class Registration(BaseModel):
    section: str
    student: str
    term: str
    course: str
    crn: str
    name: str
    state: str
    attempt: int
    credits: float
    enrolledAt: str
    version: int
    createdAt: str
    updatedAt: str


def problem(status, code):
    return JSONResponse(
        {"type": "about:blank", "status": status, "code": code}, status, media_type="application/problem+json"
    )


@app.exception_handler(enrolment.Refused)
def refused(_, error):
    return problem(error.status, error.code)


@app.exception_handler(ClientError)
def failed(_, error):
    logging.error("%s", error)
    return problem(503, "BUSY")


@app.post("/v1/sections/{section}/registrations", status_code=201)
def enrol(section: uuid.UUID, body: NewRegistration, idempotency_key: str | None = Header(None)) -> Registration:
    return enrolment.enrol(str(section), str(body.student), idempotency_key)


@app.get("/v1/sections/{section}")
def section(section: uuid.UUID) -> dict:
    return enrolment.section_with_seats(str(section))
