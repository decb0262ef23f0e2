"""Answers as bytes: problems (RFC 9457), headers, the sentences that help. PURE."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from http.client import responses
from typing import Any

from gateway import outcomes
from gateway.limiter import Admission
from gateway.outcomes import Outcome
from gateway.verdict import Verdict

JSON, PROBLEM, TEXT = b"application/json", b"application/problem+json", b"text/plain; charset=utf-8"

# Pages of any site may call: the key is the credential, and the list of domains is checked on top.
CORS = (
    b"Access-Control-Allow-Origin: *\r\n"
    b"Access-Control-Expose-Headers: Tracking-ID, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After\r\n"
)
_PREFLIGHT = (
    b"Access-Control-Allow-Origin: *\r\n"
    b"Access-Control-Allow-Methods: GET, HEAD, POST, OPTIONS\r\n"
    b"Access-Control-Allow-Headers: X-Api-Key, Authorization, Tracking-ID, Content-Type\r\n"
    b"Access-Control-Max-Age: 86400\r\n"
)
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in HTTPStatus
    if status.value >= 200
}
_EMPTY = b"Content-Length: 0\r\n"
_BODILESS = frozenset({204, 304})
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_PATH_SHOWN = 200


@dataclass(slots=True)
class Reply:
    """One answer; `fields` are header lines without those of the connection."""

    status: int
    fields: bytes
    body: bytes = b""
    closes: bool = False


def serialise(reply: Reply, date: bytes, *, keeps_alive: bool, has_body: bool) -> bytes:
    """Return the answer as it goes over the wire; `has_body` is False for a HEAD."""
    connection = b"" if keeps_alive else b"Connection: close\r\n"
    body = reply.body
    if reply.status in _BODILESS:
        return b"".join((_STATUS_LINES[reply.status], date, reply.fields, connection, b"\r\n"))
    length = b"Content-Length: %d\r\n" % len(body) if body else _EMPTY
    return b"".join(
        (_STATUS_LINES[reply.status], date, reply.fields, length, connection, b"\r\n", body if has_body else b"")
    )


def around_empty(date: bytes) -> tuple[str, str]:
    """Return what stands before and behind the fields of an empty 200 on a connection that is kept."""
    return (_STATUS_LINES[200] + date).decode(), _EMPTY.decode() + "\r\n"


def text(status: int, body: bytes) -> Reply:
    """Return a plain sentence."""
    return Reply(status, b"Content-Type: " + TEXT + b"\r\nCache-Control: no-store\r\n", body)


def json_of(content: dict[str, Any]) -> Reply:
    """Return a 200 with JSON that is not counted."""
    return Reply(200, b"Content-Type: " + JSON + b"\r\nCache-Control: no-store\r\n" + CORS, dump(content))


def preflight() -> Reply:
    """Return the answer to a browser that asks before it asks."""
    return Reply(204, _PREFLIGHT)


def dump(content: dict[str, Any]) -> bytes:
    """Return JSON; a lone surrogate is written as an escape."""
    return _encode(content).encode("utf-8", "backslashreplace")


def problem(
    status: int,
    code: str,
    detail: str,
    tracking_id: str,
    *,
    key_id: str = "",
    fields: bytes = b"",
    closes: bool = False,
) -> Reply:
    """Return a problem. `fields` are further header lines."""
    content = {
        "type": "about:blank",
        "title": responses[status],
        "status": status,
        "detail": detail,
        "code": code,
        "tracking_id": tracking_id,
    }
    if key_id:
        content["key_id"] = key_id
    head = (
        b"Content-Type: "
        + PROBLEM
        + b"\r\nCache-Control: no-store\r\nTracking-ID: "
        + tracking_id.encode()
        + b"\r\n"
        + CORS
    )
    return Reply(status, head + fields, dump(content), closes=closes)


def refusal(verdict: Verdict, tracking_id: str, path: str, admission: Admission | None = None) -> Reply:
    """Return the problem that says why a request was refused and what helps."""
    outcome = verdict.outcome
    fields = limit_fields(verdict.limit, admission) if admission else b""
    if outcome is outcomes.OVER_QPS or outcome is outcomes.NOT_READY:
        fields += b"Retry-After: 1\r\n"
    if outcome.status == HTTPStatus.UNAUTHORIZED:
        fields += b'WWW-Authenticate: Bearer realm="api"\r\n'
    key = verdict.named_key
    return problem(
        outcome.status,
        outcome.code,
        explain(verdict, path),
        tracking_id,
        key_id=key.public_id if key else "",
        fields=fields,
    )


def who(key_id: str, organization_id: str, product: str, limit: int) -> str:
    """Return the header lines that tell a proxy whose an allowed request is: the same for all of one key and product.

    No page of another site reads this answer, so nothing in it allows that.
    """
    return (
        f"Cache-Control: no-store\r\nX-Latchkey-Key-Id: {key_id}\r\nX-Latchkey-Organization-Id: {organization_id}\r\n"
        f"X-Latchkey-Product: {product}\r\nRateLimit-Limit: {limit}\r\nRateLimit-Reset: 1\r\n"
    )


def passing(
    whose: str, upstream: str, tracking_id: str, report: str, remaining: int, before: str = "", behind: str = ""
) -> bytes:
    """Return the fields of the empty 200 by which a proxy lets a request pass, with what stands before and behind them.

    `whose` is what `who` returned, `upstream` are header lines with the address for the upstream, `report` is the token by
    which the end is reported.
    """
    return (
        f"{before}{whose}Tracking-ID: {tracking_id}\r\nX-Latchkey-Report: {report}\r\n"
        f"RateLimit-Remaining: {remaining}\r\n{upstream}{behind}"
    ).encode()


def limit_fields(limit: int, admission: Admission) -> bytes:
    """Return the RateLimit headers: the limit per second, what is left of it, and the seconds until some of it comes back."""
    return b"RateLimit-Limit: %d\r\nRateLimit-Remaining: %d\r\nRateLimit-Reset: 1\r\n" % (limit, admission.remaining)


def explain(verdict: Verdict, path: str) -> str:
    """Return the sentence for the person who reads the answer."""
    key = verdict.named_key
    product = verdict.product
    values = {
        "key_id": key.public_id if key else "",
        "product": product.name if product else "",
        "host": verdict.host or "",
        "limit": verdict.limit,
        "path": path[:_PATH_SHOWN],
    }
    sentence = _SENTENCES[verdict.outcome]
    if verdict.outcome is outcomes.DOMAIN_NOT_ALLOWED and verdict.host is None:
        sentence = _NO_DOMAIN
    if verdict.outcome is outcomes.NO_SUCH_ROUTE and not path:
        sentence = _NO_PRODUCT
    return sentence.format_map(values)


_UNKNOWN = "There is no such key. Copy it again from the dashboard."
_NO_DOMAIN = "The key {key_id} may be used from certain domains only, and the request names none: it has no Origin and no Referer."
_NO_PRODUCT = "There is no product with this code."
_SENTENCES: dict[Outcome, str] = {
    outcomes.OK: "The request may pass.",
    outcomes.MISSING_KEY: "The request has no key. Send it as ?key=…, as the header X-Api-Key, or as Authorization: Bearer.",
    outcomes.MALFORMED_KEY: "This is no complete key: its length or its checksum is wrong. Copy it again from the dashboard.",
    outcomes.UNKNOWN_KEY: _UNKNOWN,
    outcomes.DELETED_KEY: _UNKNOWN,
    outcomes.EXPIRED_KEY: "This key has ended: {key_id} was rotated, or its end date has passed. Copy the current one from the dashboard.",
    outcomes.DISABLED_KEY: "The key is disabled. Contact support, quoting the key ID {key_id}.",
    outcomes.SUSPENDED: "The organisation of this key is suspended. Contact support, quoting the key ID {key_id}.",
    outcomes.NO_SUCH_ROUTE: "No product has the path {path}.",
    outcomes.PRODUCT_NOT_ALLOWED: (
        "The key {key_id} is not valid for {product}, which this request needs. Add the product to the key in the dashboard."
    ),
    outcomes.DOMAIN_NOT_ALLOWED: "The key {key_id} may be used from certain domains only, and {host} is not one of them.",
    outcomes.OVER_QPS: (
        "More than {limit} requests in one second with the key {key_id} for {product}. Slow down, or ask for a higher limit."
    ),
    outcomes.NOT_READY: "The key cannot be checked at the moment. Try again in a second.",
}
