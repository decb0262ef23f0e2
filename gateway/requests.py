"""What a request says: the path as it is decided on, the key, the Tracking-ID, where it comes from. PURE."""

import functools
import itertools
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

from keys import tokens

_TRACKING_ID = re.compile(rb"[a-zA-Z0-9-]{1,100}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_EMPTY_BEFORE_PARAMETER = re.compile(r"[/\\]\.{0,2};")
_DOT_SEGMENT = re.compile(r"(?:\A|[/\\])\.\.?(?:[/\\]|\Z)")
REMEMBERED_MAX_BYTES = 256

READ_HEADERS = frozenset({
    b"authorization", b"content-length", b"expect", b"host", b"if-none-match", b"origin", b"referer", b"tracking-id",
    b"transfer-encoding", b"user-agent", b"x-api-key", b"x-forwarded-for", b"x-forwarded-uri", b"x-original-uri",
})  # fmt: skip
"""All headers that the gateway ever looks at. Others are dropped as they come, without cost."""
_SPELLINGS_MAX, _SPELLING_MAX_BYTES = 4096, 64

# New Tracking-IDs: UUIDs whose first half is this process's, drawn once, and whose last 48 bits step through all values in an
# order that tells nobody how many requests there were. A UUID of its own for each request would cost ten times as much.
_OF_THIS_PROCESS = str(uuid.uuid4())[:24]
_next_serial = itertools.count(secrets.randbits(48), 2 * secrets.randbits(47) + 1).__next__
_SERIAL_MASK = (1 << 48) - 1


class BadTarget(Exception):
    """The address of a request makes no sense; the message says why in one sentence."""


# What is made anew for each request (here, in verdict.py, limiter.py and answers.py) is not frozen: a frozen dataclass takes
# four times as long to make. Nobody changes it all the same.
@dataclass(slots=True)
class Request:
    """One HTTP request. `headers` has those of READ_HEADERS; of one that comes several times, values are joined by commas."""

    method: bytes
    target: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    peer: str
    keeps_alive: bool

    def header(self, name: bytes) -> str:
        """Return a header's value, empty when it is absent. Every byte is a character, so this never fails."""
        return self.headers.get(name, b"").decode("latin-1")


@dataclass(slots=True)
class Target:
    """The address: path, percent-decoded, and query string as it came."""

    path: str
    query: str


class _Spellings(dict[bytes, bytes]):
    """The name in lower case of each header as clients spell it, empty for one that the gateway does not read."""

    def __missing__(self, spelled: bytes) -> bytes:
        name = spelled.lower()
        read = name if name in READ_HEADERS else b""
        if len(self) < _SPELLINGS_MAX and len(spelled) <= _SPELLING_MAX_BYTES:
            self[spelled] = read
        return read


SPELLINGS = _Spellings()


def read_target(target: bytes) -> Target:
    """Split and decode an address, `/path?query` or with scheme and host in front. Raises BadTarget.

    A path that a server behind could read as another one (dot segments, NUL, bytes that are no UTF-8) is refused: what is
    decided about must be what is served.
    """
    if not target.startswith(b"/"):
        target = strip_authority(target)
    if b" " in target:
        raise BadTarget("The address has spaces or control characters.")
    raw, query = target, b""
    if b"#" in raw or b"?" in raw:
        raw, _, query = raw.partition(b"#")[0].partition(b"?")
    try:
        # Long paths are not remembered, and queries never: they may hold a key.
        path = _recall_path(raw) if len(raw) <= REMEMBERED_MAX_BYTES else _read_path(raw)
        return Target(path, query.decode("ascii"))
    except UnicodeDecodeError:
        raise BadTarget("The address has bytes that are not UTF-8.") from None


def _read_path(raw: bytes) -> str:
    """Return the path as it is decided on. Raises BadTarget and UnicodeDecodeError."""
    path = (unquote_to_bytes(raw) if b"%" in raw else raw).decode("utf-8")
    if _CONTROL.search(path):
        raise BadTarget("The address has spaces or control characters.")
    if ";" in path and _EMPTY_BEFORE_PARAMETER.search(path):
        raise BadTarget("The path has a segment that is nothing but parameters, which servers read differently.")
    if "." in path and _DOT_SEGMENT.search(path):
        raise BadTarget("The path has the segments . or .., which servers read differently.")
    return path


_recall_path = functools.lru_cache(maxsize=4096)(_read_path)


def strip_authority(target: bytes) -> bytes:
    """Return an address without scheme and host. Raises BadTarget for one that begins with neither these nor a slash."""
    try:
        parts = urlsplit(target)
    except ValueError:
        raise BadTarget("The address cannot be read.") from None
    if parts.scheme not in {b"http", b"https"} or not parts.netloc:
        raise BadTarget("The address does not begin with a slash.")
    return (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")


def find_key(headers: Mapping[bytes, bytes], query: str) -> str:
    """Return what a request presents as its key, empty without one: `X-Api-Key`, else `Authorization: Bearer`, else `?key=`.

    Two keys in the same place are joined by a comma, and so are malformed: nobody has to guess which one counts.
    """
    given = headers.get(b"x-api-key")
    if given:
        return given.decode("latin-1")
    authorization = headers.get(b"authorization")
    if authorization and authorization[:7].lower() == b"bearer ":
        return authorization[7:].strip().decode("latin-1")
    if "key=" not in query:
        return ""
    values = [part[4:] for part in query.split("&") if part.startswith("key=")]
    return ",".join(values)


def sources(headers: Mapping[bytes, bytes]) -> tuple[str | None, str | None]:
    """Return what a request says in `Origin` and `Referer` about the page that it comes from; None where it says nothing."""
    origin, referer = headers.get(b"origin"), headers.get(b"referer")
    return source(origin) if origin else None, source(referer) if referer else None


def source(header: bytes) -> str:
    """Return an `Origin` or `Referer` as text: ASCII from browsers, UTF-8 from who writes names as people do; no name has other bytes."""
    return header.decode("utf-8", "replace")


def tracking_id(given: bytes, key_prefix: str) -> str:
    """Return the Tracking-ID that a request brings, or a new one when it brings none, a wrong one, or one with a key in it."""
    if not given or not _TRACKING_ID.match(given):
        return new_tracking_id()
    text = given.decode("ascii")
    if len(text) > tokens.TAIL_LENGTH and next(tokens.find(text, key_prefix), None):
        return new_tracking_id()  # a Tracking-ID is kept, and no key ever is
    return text


def new_tracking_id() -> str:
    """Return a UUID that no other request has."""
    return _OF_THIS_PROCESS + (_next_serial() & _SERIAL_MASK).to_bytes(6, "big").hex()
