"""`POST /v1/verify`: the same decision for a backend that asks in JSON. PURE: read the question, write the answer."""

import json
from dataclasses import dataclass

from gateway import answers, outcomes
from gateway.answers import Reply
from gateway.limiter import Admission
from gateway.requests import BadTarget, read_target, tracking_id
from gateway.rules import Organization
from gateway.verdict import Question, Verdict


class BadBody(Exception):
    """The body does not ask what can be answered; the message says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a backend asks about a request that came to it."""

    question: Question
    tracking_id: str


def read(body: bytes, header_tracking_id: bytes, key_prefix: str) -> Asked:
    """Return what a body asks. Raises BadBody. Without a `tracking_id` in the body the header's counts."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise BadBody("The body is not JSON.") from None
    if not isinstance(content, dict):
        raise BadBody("The body is not a JSON object.")
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
    asked: Asked, verdict: Verdict, admission: Admission | None, organization: Organization | None, frame: bytes
) -> Reply:
    """Return the answer, which is a 200 whatever the verdict."""
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
    }
    fields = b"Content-Type: " + answers.JSON + b"\r\nCache-Control: no-store\r\n"
    fields += b"Tracking-ID: " + asked.tracking_id.encode() + b"\r\n"
    return Reply(200, fields, answers.dump(content), frame)
