"""Heads of requests: which are taken (those that every server reads in the same way), and which need not be read again. PURE."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway import permits
from gateway.requests import Request

_VERSIONS = frozenset({"1.0", "1.1"})

_LINE = re.compile(rb"\r\n([^:\r\n]+):[ \t]?([^\r\n]*)")
_SECRET_LIKE = re.compile(rb"[0-9A-Za-z]{30}")
"""Like a key, a session, or the number of a trace, which never comes again. No checksum is asked: that would take long if there were many."""
_QUESTIONS = frozenset({b"/authorize", b"/authorize/nginx"})
_ADDRESS_NAMES = frozenset({b"x-original-uri", b"x-forwarded-uri"})
_KEY_NAMES = frozenset({b"x-api-key", b"authorization"})
_BEARER = b"Bearer "
_NOT_KEPT = frozenset({
    b"content-length", b"cookie", b"expect", b"proxy-authorization", b"tracking-id", b"transfer-encoding",
})  # fmt: skip
"""Headers that are secret, or different each time, or make a request more than its head."""
_END = b"\r"
SMALL_BYTES = 4 * 1024
"""What comes in one piece of at most so many bytes is within all limits of connection.py; the parts of a larger one are counted."""
_KEPT_MAX = 4096
_MARKS_MAX = 4
_KEPT_S = 60.0


def find_fault(headers: Mapping[bytes, bytes], version: str) -> str:
    """Return what is wrong with a head, in one sentence; empty for nothing. Headers as in `Request`.

    RFC 9112: one `Host` in HTTP/1.1 (section 3.2), and no other transfer coding than `chunked`, which HTTP/1.0 does not
    know (section 6.1): two servers in a row that read these differently can be made to see different requests.
    """
    host = headers.get(b"host")
    if version == "1.1" and host is not None and b"," not in host and b"transfer-encoding" not in headers:
        return ""
    if version not in _VERSIONS:
        return "This is not HTTP/1.1."
    if host is None and version == "1.1":
        return "The Host header is missing."
    if host is not None and b"," in host:
        return "There is more than one Host header."
    coding = headers.get(b"transfer-encoding")
    if coding is not None and (version == "1.0" or coding.strip().lower() != b"chunked"):
        return "The body has a transfer coding that is not understood."
    return ""


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """How a client begins the two lines in which its requests differ, in their order, each from the line feed before it on.

    There is one object for the same two, which is compared as that: a head is looked for with every request.
    """

    first: bytes
    second: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """A proxy's question as it was read, without the key and the address in which the next ones differ."""

    request: Request
    is_key_first: bool
    key_name: bytes
    before_key: bytes
    address_name: bytes
    source: bytes | str | None
    """What the list of domains is about (`permits.source_of`)."""

    def restore(self, key: bytes, address: bytes) -> Request:
        """Return the request that has these two."""
        was = self.request
        headers = {**was.headers, self.key_name: self.before_key + key, self.address_name: address}
        return Request(was.method, was.target, headers, was.body, was.peer, was.keeps_alive)  # a fifth of `replace`


class Heads:
    """Heads that were read lately: what comes again need not be read again.

    A head is kept with all its bytes, cut at two values. So whatever else is in it was read before, in this place and from this
    peer, and only the values may be others. Who uses them takes none that could be read in another way than it stands
    there: a key of the rules, an address of visible characters. What may hold another secret is not kept, and nothing
    for longer than a minute.
    """

    def __init__(self) -> None:
        self.marks = Marks(b"\nX-Original-URI: ", b"\nX-Api-Key: ")
        """How the last client wrote whose head was kept: a new connection is likely to be of the same proxy."""
        self._known_marks: dict[tuple[bytes, ...], Marks] = {}
        self._kept: dict[tuple[str, Marks, bytes, bytes, bytes], Head] = {}
        self._since = 0.0

    def __len__(self) -> int:
        return len(self._kept)

    def recall(self, peer: str, data: bytes, marks: Marks) -> tuple[Head, bytes, bytes] | None:
        """Return the head that these bytes are, with the key and the address in it; None for what has to be read."""
        before, _, rest = data.partition(marks.first)
        value, _, rest = rest.partition(_END)
        between, _, rest = rest.partition(marks.second)
        other, _, behind = rest.partition(_END)
        # Without one of the lines nothing is left behind it, and every head that is kept ends with an empty line.
        head = self._kept.get((peer, marks, before, between, behind))
        if head is None:
            return None
        return (head, value, other) if head.is_key_first else (head, other, value)

    def recall_of_others(self, peer: str, data: bytes, marks: Marks) -> tuple[Head, bytes, bytes] | None:
        """Like `recall`, for a client that does not write as the one before it on a proxy's connection: in HTTP/2 all names are small."""
        others = (self.recall(peer, data, known) for known in self._known_marks.values() if known is not marks)
        return next(filter(None, others), None)

    def remember(self, data: bytes, request: Request) -> Marks | None:
        """Keep the head of a request that these bytes are, all of them. Return how its client writes; None for one that is not kept."""
        if request.target not in _QUESTIONS or request.method == b"OPTIONS" or not request.keeps_alive:
            return None
        if len(data) > SMALL_BYTES or not data.count(b"\r\n") == data.count(b"\r") == data.count(b"\n"):
            return None
        lines = {line[1].lower(): line for line in _LINE.finditer(data)}
        key_names, address_names = lines.keys() & _KEY_NAMES, lines.keys() & _ADDRESS_NAMES
        if len(key_names) != 1 or len(address_names) != 1 or lines.keys() & _NOT_KEPT:
            return None
        key_name, address_name = key_names.pop(), address_names.pop()
        key, address = lines[key_name], lines[address_name]
        headers = dict(request.headers)
        if (headers.pop(key_name, b""), headers.pop(address_name, b"")) != (key[2], address[2]):
            return None  # there is another line of that name
        before_key = b"" if key_name == b"x-api-key" else _BEARER
        if not key[2].startswith(before_key):
            return None  # another scheme
        first, second = sorted((key, address), key=re.Match.start)
        pieces = data[: first.start() + 1], data[first.end() + 1 : second.start() + 1], data[second.end() + 1 :]
        if any(map(_SECRET_LIKE.search, pieces)):
            return None  # a page with a key in its address names it in Referer
        begin = {key: key.start(2) + len(before_key), address: address.start(2)}
        written = tuple(data[line.start() + 1 : begin[line]] for line in (first, second))
        self.marks = marks = self._known_marks.setdefault(written, Marks(*written))
        if len(self._known_marks) > _MARKS_MAX:
            del self._known_marks[next(iter(self._known_marks))]
        if len(self._kept) >= _KEPT_MAX:
            self._kept.clear()
        self._kept[request.peer, marks, *pieces] = Head(
            request=replace(request, headers=headers),
            is_key_first=first is key,
            key_name=key_name,
            before_key=before_key,
            address_name=address_name,
            source=permits.source_of(headers),
        )
        return marks

    def forget(self, now: float) -> None:
        """Forget all once a minute; to be called more often than that."""
        if now - self._since >= _KEPT_S:
            self._kept.clear()
            self._since = now
