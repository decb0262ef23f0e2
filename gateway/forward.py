"""Forward auth: what a proxy says about the request that it holds, and answers that it can work with. PURE."""

import json
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes

from gateway.answers import Reply
from gateway.requests import REMEMBERED_MAX_BYTES, BadTarget, read_target, strip_authority

# What RFC 3986 allows in an address. Anything else is encoded: no proxy reads a space, a quote or a brace in it.
_SAFE = (string.ascii_letters + string.digits + "!$%&'()*+,-./:;=?@[]_~").encode()
_UNSAFE = re.compile(b"[^" + re.escape(_SAFE) + b"]")
_VISIBLE = re.compile(b"[!-~]+")
_ALLOWED = 200
_REFUSED = 403
_ORIGINALS_MAX = 4096
_DROPPED_FIELDS = (b"content-type:", b"cache-control:")


@dataclass(frozen=True, slots=True)
class Original:
    """What a proxy was asked for: path and query as they are decided on, and header lines with the address for the upstream."""

    path: str
    query: str
    upstream: str


def read_original(headers: Mapping[bytes, bytes]) -> Original:
    """Return the address that the proxy was asked for. Raises BadTarget when it does not say, or says what makes no sense.

    A proxy sets one of two headers. Where both are there, one may be the client's, and nobody has to guess which.
    """
    uri, other = headers.get(b"x-original-uri"), headers.get(b"x-forwarded-uri")
    if uri and other:
        raise BadTarget(
            "Both X-Original-URI and X-Forwarded-Uri are there: the proxy must set one and remove the other."
        )
    uri = uri or other
    if not uri:
        raise BadTarget("The header X-Original-URI or X-Forwarded-Uri is missing.")
    return _ORIGINALS[uri]


def recall_original(uri: bytes) -> Original | None:
    """Return the address that stands in a head which is not read; None where it has to be, as not all bytes in it are visible."""
    original = _ORIGINALS.get(uri)
    if original is None and _VISIBLE.fullmatch(uri):
        try:
            return _ORIGINALS[uri]
        except BadTarget:
            return None
    return original


class _Originals(dict[bytes, Original]):
    """What was asked for lately, by the address. One with a query is not remembered: it may hold a key."""

    def __missing__(self, uri: bytes) -> Original:
        target = read_target(uri)
        original = Original(target.path, target.query, upstream_fields(uri).decode("ascii"))
        if b"?" not in uri and b"#" not in uri and len(uri) <= REMEMBERED_MAX_BYTES:
            if len(self) >= _ORIGINALS_MAX:
                self.clear()
            self[uri] = original
        return original


_ORIGINALS = _Originals()


def upstream_fields(uri: bytes) -> bytes:
    """Return header lines with the address for the upstream, and from its `?` on for proxies that keep the path themselves.

    Path and query are as they came, but for `key=` wherever it stands. Raises BadTarget.
    """
    clean = without_key(uri)
    _, mark, query = clean.partition(b"?")
    return b"X-Latchkey-Uri: %s\r\nX-Latchkey-Query: %s\r\n" % (clean, mark + query)


def without_key(uri: bytes) -> bytes:
    """Return path and query without `key=`, wherever it stands in the query. Raises BadTarget for what is no address."""
    if not uri.startswith(b"/"):
        uri = strip_authority(uri)
    path, mark, query = uri.partition(b"#")[0].partition(b"?")
    if b"key" in query or b"%" in query:
        query = b"&".join(part for part in query.split(b"&") if not _is_key(part))
    uri = path + mark + query if query else path
    return _UNSAFE.sub(_encode, uri) if uri.translate(None, _SAFE) else uri


def _encode(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % ord(found.group())


def _is_key(part: bytes) -> bool:
    name = part.partition(b"=")[0]
    return name == b"key" or (b"%" in name and unquote_to_bytes(name) == b"key")


def for_nginx(reply: Reply) -> Reply:
    """Return the answer in the form that nginx's `auth_request` understands: 200, or 403 with the problem in headers.

    auth_request knows 2xx, 401 and 403, and drops the body. The status and the body of the problem stand in
    `X-Latchkey-Status` and `X-Latchkey-Problem`; the other headers are the problem's. The record says what was decided.
    """
    if reply.status == _ALLOWED:
        return reply
    # Headers are ASCII: other letters of the sentence are written as JSON's escapes.
    problem = reply.body if reply.body.isascii() else json.dumps(json.loads(reply.body)).encode()
    lines = reply.fields.splitlines(keepends=True)
    fields = b"".join(line for line in lines if not line.lower().startswith(_DROPPED_FIELDS))
    fields += b"Cache-Control: no-store\r\nX-Latchkey-Status: %d\r\nX-Latchkey-Problem: %s\r\n" % (
        reply.status,
        problem,
    )
    return replace(reply, status=_REFUSED, fields=fields, body=b"")
