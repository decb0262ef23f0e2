"""`POST /v1/verify`: the same decision for a backend that asks in JSON. PURE: read the questions, write the answers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from gateway import answers, outcomes
from gateway.answers import Reply
from gateway.limiter import Admission
from gateway.requests import BadTarget, read_target, tracking_id
from gateway.rules import Organization
from gateway.verdict import Question, Verdict

BATCH_MAX = 100
_FIELDS = b"Content-Type: " + answers.JSON + b"\r\nCache-Control: no-store\r\n"


class BadBody(Exception):
    """The body does not ask what can be answered; the message says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a backend asks about a request that came to it."""

    question: Question
    tracking_id: str


class Form(Enum):
    """How the questions came, and so how the answers go: one object, an array, or an object with an array in it."""

    ONE = "one"
    ARRAY = "array"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Batch:
    """The questions of one body, in their order."""

    asked: tuple[Asked, ...]
    form: Form


def read(body: bytes, header_tracking_id: bytes, key_prefix: str) -> Batch:
    """Return what a body asks: one object, an array of at most 100, or `{"requests": [...]}`. Raises BadBody.

    A batch with one bad question asks nothing: it is refused as a whole, before anything is counted. Without a `tracking_id`
    in its only question the header's counts.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise BadBody("The body is not JSON.") from None
    if isinstance(content, dict) and "requests" not in content:
        return Batch((_read_one(content, header_tracking_id, key_prefix),), Form.ONE)
    form = Form.OBJECT if isinstance(content, dict) else Form.ARRAY
    questions = content["requests"] if isinstance(content, dict) else content
    if not isinstance(questions, list):
        raise BadBody("The body is not a JSON object and not an array of such.")
    if not 1 <= len(questions) <= BATCH_MAX:
        raise BadBody(f"A batch holds 1 to {BATCH_MAX} requests.")
    asked = []
    for number, question in enumerate(questions):
        try:
            asked.append(_read_one(question, b"", key_prefix))
        except BadBody as error:
            raise BadBody(f"Request {number}: {error}") from None
    return Batch(tuple(asked), form)


def _read_one(content: object, header_tracking_id: bytes, key_prefix: str) -> Asked:
    if not isinstance(content, dict):
        raise BadBody("This is not a JSON object.")
    fields = {name: _text(content, name) for name in ("key", "path", "product", "origin", "referer", "tracking_id")}
    if fields["key"] is None:
        raise BadBody("The field key is missing.")
    path, product = fields["path"] or "", fields["product"] or ""
    if bool(path) == bool(product):
        raise BadBody("Give either the field path or the field product.")
    if path:
        try:
            path = read_target(path.encode("utf-8", "replace")).path
        except BadTarget as error:
            raise BadBody(str(error)) from None
    question = Question(fields["key"], path, product, fields["origin"], fields["referer"])
    given = (fields["tracking_id"] or "").encode("utf-8", "replace") or header_tracking_id
    return Asked(question, tracking_id(given, key_prefix))


def _text(content: dict[str, object], name: str) -> str | None:
    value = content.get(name)
    if value is not None and not isinstance(value, str):
        raise BadBody(f"The field {name} is not a text.")
    return value


def write(
    asked: Asked, verdict: Verdict, admission: Admission | None, organization: Organization | None, report: str | None
) -> Reply:
    """Return the answer to one question, a 200 whatever the verdict. `report` is the token of an allowed request."""
    key = verdict.named_key
    content = {
        "allowed": verdict.outcome is outcomes.OK,
        "outcome": verdict.outcome.code,
        "status": verdict.outcome.status,
        "detail": answers.explain(verdict, asked.question.path),
        "key_id": key.public_id if key else None,
        "organization_id": organization.public_id if key and organization else None,
        "product": verdict.product.code if verdict.product else None,
        "limit": verdict.limit if admission else None,
        "remaining": admission.remaining if admission else None,
        "tracking_id": asked.tracking_id,
        "report": report,
    }
    return Reply(200, _FIELDS + b"Tracking-ID: " + asked.tracking_id.encode() + b"\r\n", answers.dump(content))


def gather(batch: Batch, replies: Sequence[Reply]) -> Reply:
    """Return the reply with all answers in the order and the form of the questions: a 200 whatever the verdicts."""
    if batch.form is Form.ONE:
        return replies[0]
    body = b"[" + b",".join(reply.body for reply in replies) + b"]"
    if batch.form is Form.OBJECT:
        body = b'{"answers":' + body + b"}"
    return Reply(200, _FIELDS, body)
