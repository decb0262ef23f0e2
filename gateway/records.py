"""The journal as bytes, and back. PURE.

A frame is `u32 length | u32 CRC-32 of the payload | payload`, little-endian. The payload begins with its kind: 1 counted
requests, as many as were answered in one turn of the event loop, 2 a gap (requests that were answered but could not be
written), 3 a correction (how an allowed request ended behind the gateway) as it was written before it knew its token, 4 a group,
5 one request as the request log has it, 6 a correction.

What requests are counted by, the group, is written once in each segment and then goes by its number, so that a counted
request has 16 bytes and a whole turn one checksum.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_FRAME = struct.Struct("<II")
_HIT = struct.Struct("<IIq")
_GAP = struct.Struct("<BqqQ")
_FORMER_CORRECTION = struct.Struct("<BqqqqIHi")
_CORRECTION = struct.Struct("<BqqqqIHi12s")
_GROUP = struct.Struct("<BIqqIqBH")
_RECORD = struct.Struct("<BIqBBBB")
_HITS_KIND, _GAP_KIND, _FORMER_CORRECTION_KIND, _GROUP_KIND, _RECORD_KIND, _CORRECTION_KIND = 1, 2, 3, 4, 5, 6
_HITS = bytes([_HITS_KIND])
_NO_DURATION = -1
MAX_PAYLOAD = 16 * 1024
MAX_FRAME = _FRAME.size + MAX_PAYLOAD
HITS_MAX = (MAX_PAYLOAD - len(_HITS)) // _HIT.size

pack_hit = _HIT.pack
"""Return one counted request: the number of its group, the requests of its calendar second so far, when it was answered (µs)."""
read_hits = _HIT.iter_unpack
"""Yield counted requests as they were given to `pack_hit`."""


class Group(NamedTuple):
    """What requests are counted by; an ID is 0 where there is none. A tuple, since one is looked up for each request."""

    organization_id: int
    key_id: int
    secret_number: int
    product_id: int
    outcome: int
    status: int


@dataclass(slots=True)
class Known:
    """A group that is in a segment already: its number there, and how many of its requests were kept in a minute."""

    segment: object
    number: int
    minute: int = 0
    kept: int = 0


@dataclass(slots=True)
class Series:
    """What requests are counted by, with the values of a `Group`, and where it was found last: most are one of many."""

    group: tuple[int, ...]
    known: Known | None = None


@dataclass(frozen=True, slots=True)
class Hits:
    """The counted requests of one turn, for `read_hits`."""

    packed: bytes


@dataclass(frozen=True, slots=True)
class Beginning:
    """From here on a number stands for a group."""

    number: int
    group: Group


@dataclass(frozen=True, slots=True)
class Record:
    """One answered request with what the request log has of it; it is counted among the `Hits` as well."""

    group: int
    at_us: int
    host: str
    network: str
    client: str
    tracking_id: str


@dataclass(frozen=True, slots=True)
class Gap:
    """So many requests were answered between two times and are not in the journal."""

    from_us: int
    until_us: int
    requests: int


@dataclass(frozen=True, slots=True)
class Correction:
    """How an allowed request ended: its real status, and its duration where that is known. `at_us` is the request's.

    `nonce` is that of its token, 12 bytes, by which a report that was taken twice is recognised; None where it is not known.
    """

    at_us: int
    organization_id: int
    key_id: int
    secret_number: int
    product_id: int
    status: int
    duration_ms: int | None
    nonce: bytes | None = None


Entry = Hits | Beginning | Record | Gap | Correction


class BrokenFrame(Exception):
    """The bytes at this offset are no whole frame: not written to the end, or damaged."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        super().__init__(f"no whole frame at {offset}")


def _frame(payload: bytes) -> bytes:
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def encode_hits(packed: bytes) -> bytes:
    """Return the frame of at most HITS_MAX counted requests, packed one after the other."""
    return _frame(_HITS + packed)


def encode_group(number: int, group: Group) -> bytes:
    """Return the frame that gives a group its number."""
    return _frame(_GROUP.pack(_GROUP_KIND, number, *group))


def encode_record(record: Record) -> bytes:
    """Return the frame of a record. Texts are cut to the lengths of their columns."""
    texts = (
        record.host.encode()[:253], record.network.encode()[:50], record.client.encode()[:60], record.tracking_id.encode()[:100],
    )  # fmt: skip
    return _frame(_RECORD.pack(_RECORD_KIND, record.group, record.at_us, *map(len, texts)) + b"".join(texts))


def encode_gap(gap: Gap) -> bytes:
    """Return the frame of a gap."""
    return _frame(_GAP.pack(_GAP_KIND, gap.from_us, gap.until_us, gap.requests))


def encode_correction(correction: Correction) -> bytes:
    """Return the frame of a correction, whose nonce is known."""
    duration_ms = _NO_DURATION if correction.duration_ms is None else correction.duration_ms
    return _frame(
        _CORRECTION.pack(
            _CORRECTION_KIND, correction.at_us, correction.organization_id, correction.key_id, correction.product_id,
            correction.secret_number, correction.status, duration_ms, correction.nonce,
        )
    )  # fmt: skip


def decode(data: bytes) -> Iterator[tuple[Entry, int]]:
    """Yield each entry with the offset behind it. Raises BrokenFrame at the first place that holds no whole frame."""
    offset = 0
    while offset < len(data):
        body = offset + _FRAME.size
        if body > len(data):
            raise BrokenFrame(offset)
        length, checksum = _FRAME.unpack_from(data, offset)
        payload = data[body : body + length]
        if not 0 < length <= MAX_PAYLOAD or len(payload) < length or zlib.crc32(payload) != checksum:
            raise BrokenFrame(offset)
        try:
            found = _read(payload)
        except (struct.error, KeyError, ValueError):
            raise BrokenFrame(offset) from None  # whole, but not written by this program
        offset = body + length
        yield found, offset


def _read(payload: bytes) -> Entry:
    kind = payload[0]
    if kind == _HITS_KIND:
        if len(payload) % _HIT.size != len(_HITS):
            raise ValueError("no whole number of requests")
        return Hits(payload[len(_HITS) :])
    return _READERS[kind](payload)


def _read_gap(payload: bytes) -> Gap:
    _, from_us, until_us, requests = _GAP.unpack(payload)
    return Gap(from_us, until_us, requests)


def _read_correction(payload: bytes) -> Correction:
    *former, nonce = _CORRECTION.unpack(payload)
    return _correction(former, nonce)


def _read_former_correction(payload: bytes) -> Correction:
    return _correction(_FORMER_CORRECTION.unpack(payload), None)


def _correction(fields: Sequence[int], nonce: bytes | None) -> Correction:
    _, at_us, organization_id, key_id, product_id, secret_number, status, duration_ms = fields
    known_ms = None if duration_ms == _NO_DURATION else duration_ms
    return Correction(at_us, organization_id, key_id, secret_number, product_id, status, known_ms, nonce)


def _read_group(payload: bytes) -> Beginning:
    _, number, *group = _GROUP.unpack(payload)
    return Beginning(number, Group(*group))


def _read_record(payload: bytes) -> Record:
    _, group, at_us, *lengths = _RECORD.unpack_from(payload)
    texts, start = [], _RECORD.size
    for length in lengths:
        texts.append(str(payload[start : start + length], "utf-8", "replace"))
        start += length
    host, network, client, tracking_id = texts
    return Record(group, at_us, host, network, client, tracking_id)


_READERS: dict[int, Callable[[bytes], Entry]] = {
    _GAP_KIND: _read_gap,
    _FORMER_CORRECTION_KIND: _read_former_correction,
    _CORRECTION_KIND: _read_correction,
    _GROUP_KIND: _read_group,
    _RECORD_KIND: _read_record,
}
