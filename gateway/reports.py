"""How an allowed request ended, told afterwards by the proxy or the backend: the token that names it, and what is believed.

The answer that lets a request pass carries a sealed token with the place of its usage row. Who reports the final status sends
the token back, so that nothing is kept in memory between the two and any gateway with the same peppers takes the report.
"""

import base64
import binascii
import itertools
import json
import logging
import secrets
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway import records
from gateway.records import Correction

log = logging.getLogger("latchkey.gateway")

MAX_REPORTS = 500
MAX_AGE_US = 600_000_000
MAX_DURATION_MS = 86_400_000
# Caddy's access log has one field that a configuration can fill: the one for the name of who signed in.
_TOKEN_FIELDS = ("report", "user_id")
_DURATION_FIELDS = (("duration_ms", 1), ("duration_s", 1000), ("duration", 1000))

_BEGINNING = struct.Struct("<Hq")
_PLACE = struct.Struct("<qqqI")
_FORMAT = 1
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_NONCE_BYTES, _TAG_BYTES = 12, 16
_TOKEN_BYTES = _NONCE_BYTES + _BEGINNING.size + _PLACE.size + _TAG_BYTES
_TOKEN_CHARS = _TOKEN_BYTES * 4 // 3

_PAGE_BITS = 65_536
_PAGES_MAX = 1_024
_COMPLAINT_S = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """The usage row of one allowed request: when it was answered (µs since 1970), whose it was."""

    at_us: int
    organization_id: int
    key_id: int
    product_id: int
    secret_number: int


def pack_place(organization_id: int, key_id: int, product_id: int, secret_number: int) -> bytes:
    """Return what the tokens of all requests with one string to one product have in common."""
    return _PLACE.pack(organization_id, key_id, product_id, secret_number)


class Sealer:
    """Makes and opens tokens: AES-256-GCM under a key derived from the pepper, so they tell nothing and cannot be made up.

    Nonces count up from a random number of this process: none comes twice, without asking the kernel for each.
    """

    def __init__(self, peppers: Iterable[bytes]) -> None:
        """`peppers`, newest first: the first one seals, all open."""
        self._ciphers = [
            AESGCM(HKDF(SHA256(), 32, salt=None, info=b"latchkey report token").derive(pepper)) for pepper in peppers
        ]
        self._seal = self._ciphers[0].encrypt
        self._next_nonce = itertools.count(secrets.randbits(8 * _NONCE_BYTES - 1)).__next__

    def seal(self, at_us: int, place: bytes) -> str:
        """Return the token of a request at a place of `pack_place`: 88 letters, digits, hyphens and underscores."""
        return self.seal_all(at_us, [place])[0]

    def seal_all(self, at_us: int, places: Iterable[bytes]) -> list[str]:
        """Return the tokens of requests that were answered at once.

        A token is a whole number of base64's groups of three bytes, so they are written together and cut apart.
        """
        seal, next_nonce = self._seal, self._next_nonce
        beginning = _BEGINNING.pack(_FORMAT, at_us)
        sealed = [
            (nonce := next_nonce().to_bytes(_NONCE_BYTES, "big")) + seal(nonce, beginning + place, None)
            for place in places
        ]
        text = binascii.b2a_base64(b"".join(sealed), newline=False).translate(_URL_SAFE).decode()
        return [text[start : start + _TOKEN_CHARS] for start in range(0, len(text), _TOKEN_CHARS)]

    def open(self, token: str) -> tuple[bytes, Place] | None:
        """Return a token's nonce and place; None for what no gateway with these peppers has sealed."""
        if len(token) != _TOKEN_CHARS:
            return None
        try:
            data = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            return None
        nonce, sealed = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
        for cipher in self._ciphers:
            try:
                plain = cipher.decrypt(nonce, sealed, None)
            except InvalidTag:
                continue
            form, at_us = _BEGINNING.unpack_from(plain)
            return (nonce, Place(at_us, *_PLACE.unpack_from(plain, _BEGINNING.size))) if form == _FORMAT else None
        return None


class Seen:
    """The tokens that this process took: one bit each, in pages of 8 KB for 65,536 counters of one process, at most 8 MB.

    A page is dropped when nothing in it could be taken any more. Where there is no room, a report is refused rather than
    taken twice. What was taken by two processes is recognised when it is shipped (gateway/once.py).
    """

    def __init__(self, pages_max: int = _PAGES_MAX) -> None:
        self._pages_max = pages_max
        self._pages: dict[bytes, bytearray] = {}
        self._newest_us: dict[bytes, int] = {}

    def add(self, nonce: bytes, at_us: int, *, now_us: int) -> bool:
        """Remember a token. Return whether it is new, and there was room for it."""
        number = int.from_bytes(nonce[-2:], "big")
        place = nonce[:-2]
        page = self._pages.get(place)
        if page is None:
            if len(self._pages) >= self._pages_max:
                self._forget(now_us)
            if len(self._pages) >= self._pages_max:
                return False
            page = self._pages[place] = bytearray(_PAGE_BITS // 8)
        mask = 1 << (number & 7)
        if page[number >> 3] & mask:
            return False
        page[number >> 3] |= mask
        self._newest_us[place] = max(at_us, self._newest_us.get(place, 0))
        return True

    def _forget(self, now_us: int) -> None:
        for place in [place for place, newest_us in self._newest_us.items() if now_us - newest_us > MAX_AGE_US]:
            del self._pages[place], self._newest_us[place]


class BadReports(Exception):
    """The body holds no reports; the message says why in one sentence."""


@dataclass(frozen=True, slots=True)
class _Report:
    token: str
    status: int
    duration_ms: int | None


class Desk:
    """Takes reports and writes the corrections that follow from them to the journal."""

    def __init__(self, sealer: Sealer, write: Callable[[bytes], None]) -> None:
        """`write` takes the frames of some corrections to the journal."""
        self._sealer = sealer
        self._write = write
        self._seen = Seen()
        self._dropped: Counter[str] = Counter()
        self._complained_at = float("-inf")

    def take(self, entries: Iterable[object]) -> dict[str, int]:
        """Take reports. Return how many were recorded, repeated (nothing is done twice), expired or malformed."""
        tally = {"recorded": 0, "repeated": 0, "expired": 0, "malformed": 0}
        frames = []
        now_us = time.time_ns() // 1000
        for entry in entries:
            report = _read(entry)
            opened = self._sealer.open(report.token) if report else None
            if report is None or opened is None:
                tally["malformed"] += 1
                continue
            nonce, place = opened
            if now_us - place.at_us > MAX_AGE_US:
                tally["expired"] += 1
            elif not self._seen.add(nonce, place.at_us, now_us=now_us):
                tally["repeated"] += 1
            else:
                tally["recorded"] += 1
                frames.append(_encode(place, report, nonce))
        if frames:
            self._write(b"".join(frames))
        return tally

    def take_line(self, data: bytes) -> None:
        """Take one line of an access log: JSON, whatever syslog puts in front of it. Lines that say nothing are dropped.

        How many were dropped is logged at most once a minute, without their text.
        """
        start = data.find(b"{")
        try:
            entry = json.loads(data[start:]) if start >= 0 else None
        except (ValueError, RecursionError):
            entry = None
        self._dropped.update(self.take([entry]))
        if time.monotonic() - self._complained_at < _COMPLAINT_S:
            return
        dropped = [(why, self._dropped[why]) for why in ("malformed", "expired", "repeated") if self._dropped[why]]
        if dropped:
            log.warning("Access-log lines dropped: %s.", ", ".join(f"{number} {why}" for why, number in dropped))
            self._complained_at = time.monotonic()
            self._dropped.clear()


def read_body(body: bytes) -> Sequence[object]:
    """Return the reports of a body, a JSON array or one JSON object a line, not checked yet. Raises BadReports."""
    try:
        if body.lstrip()[:1] == b"[":
            entries = json.loads(body)
        else:
            entries = [_parse(line) for line in body.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        raise BadReports("The body is not a JSON array and not one JSON object a line.") from None
    if not isinstance(entries, list) or not entries:
        raise BadReports("The body holds no report.")
    if len(entries) > MAX_REPORTS:
        raise BadReports(f"The body holds more than {MAX_REPORTS} reports.")
    return entries


def _parse(line: bytes) -> Any:
    """Return one line of JSON; None for a broken one, which spoils no other line."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _read(entry: object) -> _Report | None:
    if not isinstance(entry, dict):
        return None
    token = next((entry[name] for name in _TOKEN_FIELDS if entry.get(name)), None)
    status = entry.get("status")
    if not isinstance(token, str) or type(status) is not int or not 100 <= status <= 599:
        return None
    given = [(entry[name], factor) for name, factor in _DURATION_FIELDS if entry.get(name) is not None]
    if not given:
        return _Report(token, status, None)
    number, factor = given[0]
    if type(number) not in (int, float) or not 0 <= number * factor <= MAX_DURATION_MS:
        return None
    return _Report(token, status, round(number * factor))


def _encode(place: Place, report: _Report, nonce: bytes) -> bytes:
    return records.encode_correction(
        Correction(
            at_us=place.at_us,
            organization_id=place.organization_id,
            key_id=place.key_id,
            secret_number=place.secret_number,
            product_id=place.product_id,
            status=report.status,
            duration_ms=report.duration_ms,
            nonce=nonce,
        )
    )
