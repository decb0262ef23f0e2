"""What can be asked of the gateway, as OpenAPI 3.1: served at `/v1/openapi.json` and held against real answers by a test. PURE."""

from typing import Any

from gateway import outcomes, reports, verify

_CODES = sorted({outcome.code for outcome in outcomes.ALL if outcome is not outcomes.OK})
_OTHER_CODES = [
    "bad_request", "body_too_large", "headers_too_large", "method_not_allowed", "not_found", "request_timeout", "uri_too_long",
]  # fmt: skip
_TEXT: dict[str, Any] = {"type": "string"}
_TEXT_OR_NULL: dict[str, Any] = {"type": ["string", "null"]}
_TRACKING_ID: dict[str, Any] = {"type": "string", "pattern": "^[a-zA-Z0-9-]{1,100}$"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}


def _object(description: str, properties: dict[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "description": description, "properties": properties, "required": required}


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": _TEXT}


def _response(description: str, *headers: str) -> dict[str, Any]:
    return {"description": description, "headers": {name: {"schema": _TEXT} for name in headers}}


_VERIFY_REQUEST = _object(
    "One request to decide about: `key`, and either `path` or `product`.",
    {
        "key": {"type": "string", "description": "The key as it was presented; empty when there was none."},
        "path": {"type": "string", "description": "The path of the request, percent-encoded or not."},
        "product": {"type": "string", "description": "The code of the product, instead of a path."},
        "origin": {"type": ["string", "null"], "description": "The header Origin of the request."},
        "referer": {"type": ["string", "null"], "description": "The header Referer of the request."},
        "tracking_id": {"type": ["string", "null"], "description": "Repeated in the answer and in the records."},
    },
    optional=("path", "product", "origin", "referer", "tracking_id"),
)
_VERIFY_ANSWER = _object(
    "The decision. It was counted.",
    {
        "allowed": {"type": "boolean"},
        "outcome": {"type": "string", "enum": [outcomes.OK.code, *_CODES]},
        "status": {"type": "integer", "description": "The HTTP status to answer with when it is refused."},
        "detail": {"type": "string", "description": "One sentence for the person who reads the answer."},
        "key_id": {"type": ["string", "null"], "pattern": "^key_[0-9A-Za-z]+$"},
        "organization_id": {"type": ["string", "null"], "pattern": "^org_[0-9A-Za-z]+$"},
        "product": _TEXT_OR_NULL,
        "limit": {"type": ["integer", "null"], "description": "Requests per second; null where it was not asked."},
        "remaining": {"type": ["integer", "null"], "minimum": 0},
        "tracking_id": _TRACKING_ID,
        "report": {
            "type": ["string", "null"],
            "description": "What names this request in a report of how it ended; null when it was refused.",
        },
    },
)
_REPORT = _object(
    f"How one allowed request ended. Taken once, and within {reports.MAX_AGE_US // 60_000_000} minutes after the decision.",
    {
        "report": {"type": "string", "description": "The token of X-Latchkey-Report or of the answer to /v1/verify."},
        "status": {"type": "integer", "minimum": 100, "maximum": 599},
        "duration_ms": {"type": "number", "minimum": 0, "maximum": reports.MAX_DURATION_MS},
        "duration_s": {"type": "number", "minimum": 0, "description": "Seconds, where milliseconds are not known."},
    },
    optional=("duration_ms", "duration_s"),
)
_TALLY = _object(
    "How many reports were recorded, and why the others were not.",
    {
        "recorded": _COUNT,
        "repeated": {**_COUNT, "description": "Taken before: nothing was done twice."},
        "expired": {**_COUNT, "description": "Too late."},
        "malformed": {**_COUNT, "description": "No token of this gateway, or no status."},
    },
)
_PROBLEM = _object(
    "A problem (RFC 9457).",
    {
        "type": {"const": "about:blank"},
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": _TEXT,
        "code": {"type": "string", "enum": sorted({*_CODES, *_OTHER_CODES})},
        "tracking_id": _TRACKING_ID,
        "key_id": {"type": "string", "pattern": "^key_[0-9A-Za-z]+$"},
    },
    optional=("key_id",),
)

_LIMITS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_WHO = (
    "X-Latchkey-Key-Id",
    "X-Latchkey-Organization-Id",
    "X-Latchkey-Product",
    "X-Latchkey-Uri",
    "X-Latchkey-Query",
    "X-Latchkey-Report",
)
_ALLOWED = _response("It may pass.", *_WHO, "Tracking-ID", *_LIMITS)
_ORIGINAL = [
    _header("X-Original-URI", "The address that the proxy was asked for; or X-Forwarded-Uri."),
    _header("X-Api-Key", "The key of the request; or Authorization: Bearer, or key= in the address."),
    _header("Origin", "The Origin of the request."),
    _header("Referer", "The Referer of the request."),
    _header("Tracking-ID", "Repeated in the answer and in the records."),
]
_REFUSED = {str(status): _ref("responses", "Problem") for status in sorted({o.status for o in outcomes.ALL} - {200})}
_BAD_REQUEST = {"400": _ref("responses", "Problem")}
_PLAIN = {"text/plain": {"schema": _TEXT}}


def _batch_of(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _ref("schemas", name), "minItems": 1, "maxItems": verify.BATCH_MAX}


DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Latchkey gateway",
        "version": "1",
        "description": "May this request pass? For proxies (forward auth) and backends.",
    },
    "servers": [{"url": "/"}],
    "paths": {
        "/authorize": {
            "get": {
                "summary": "Decide about the request that a proxy holds",
                "operationId": "authorize",
                "parameters": _ORIGINAL,
                "responses": {"200": _ALLOWED, **_BAD_REQUEST, **_REFUSED},
            }
        },
        "/authorize/nginx": {
            "get": {
                "summary": "The same for nginx's auth_request, which understands 200 and 403 only",
                "operationId": "authorizeNginx",
                "parameters": _ORIGINAL,
                "responses": {
                    "200": _ALLOWED,
                    "403": _response(
                        "It may not, or it cannot be decided: the real status and the problem (as JSON) are in headers.",
                        "X-Latchkey-Status",
                        "X-Latchkey-Problem",
                        "Tracking-ID",
                        "Retry-After",
                        *_LIMITS,
                    ),
                },
            }
        },
        "/v1/verify": {
            "post": {
                "summary": f"Decide about one request, or up to {verify.BATCH_MAX}",
                "operationId": "verify",
                "requestBody": {
                    "required": True,
                    "content": _json(
                        {
                            "oneOf": [
                                _ref("schemas", "VerifyRequest"),
                                _batch_of("VerifyRequest"),
                                _object("A batch.", {"requests": _batch_of("VerifyRequest")}),
                            ]
                        }
                    ),
                },
                "responses": {
                    "200": {
                        "description": "The decisions, in the form and order of the questions.",
                        "content": _json(
                            {
                                "oneOf": [
                                    _ref("schemas", "VerifyAnswer"),
                                    _batch_of("VerifyAnswer"),
                                    _object("A batch.", {"answers": _batch_of("VerifyAnswer")}),
                                ]
                            }
                        ),
                    },
                    **_BAD_REQUEST,
                },
            }
        },
        "/v1/report": {
            "post": {
                "summary": "Tell how allowed requests ended, so that Analytics show it",
                "operationId": "report",
                "requestBody": {
                    "required": True,
                    "content": {
                        **_json({"type": "array", "items": _ref("schemas", "Report"), "maxItems": reports.MAX_REPORTS}),
                        "application/x-ndjson": {"schema": {"type": "string", "description": "One report a line."}},
                    },
                },
                "responses": {
                    "200": {"description": "They were taken.", "content": _json(_ref("schemas", "Tally"))},
                    **_BAD_REQUEST,
                },
            }
        },
        "/livez": {
            "get": {
                "summary": "Whether the process answers",
                "operationId": "livez",
                "responses": {"200": {"description": "It does.", "content": _PLAIN}},
            }
        },
        "/readyz": {
            "get": {
                "summary": "Whether the keys are loaded and fresh enough",
                "operationId": "readyz",
                "responses": {
                    "200": {"description": "They are.", "content": _PLAIN},
                    "503": {"description": "They are not.", "content": _PLAIN},
                },
            }
        },
    },
    "components": {
        "schemas": {
            "VerifyRequest": _VERIFY_REQUEST,
            "VerifyAnswer": _VERIFY_ANSWER,
            "Report": _REPORT,
            "Tally": _TALLY,
            "Problem": _PROBLEM,
        },
        "responses": {
            "Problem": {
                "description": "Why not.",
                "headers": {name: {"schema": _TEXT} for name in ("Tracking-ID", "Retry-After", *_LIMITS)},
                "content": {"application/problem+json": {"schema": _ref("schemas", "Problem")}},
            }
        },
    },
}
"""The document. Everything in it is plain JSON."""
