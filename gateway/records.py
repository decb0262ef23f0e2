"""One record of the journal as bytes, and back. PURE.

A frame is `u32 length | u32 CRC-32 of the payload | payload`, little-endian. The payload begins with its kind: 1 a request,
2 a gap (requests that were answered but could not be written), 3 a correction (how an allowed request ended behind the gateway).
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_FRAME = struct.Struct("<II")
_REQUEST = struct.Struct("<BqqqqIIHBBBBB")
_GAP = struct.Struct("<BqqQ")
_CORRECTION = struct.Struct("<BqqqqIHi")
_REQUEST_KIND, _GAP_KIND, _CORRECTION_KIND = 1, 2, 3
_NO_DURATION = -1
MAX_PAYLOAD = 4096
MAX_FRAME = _FRAME.size + MAX_PAYLOAD


@dataclass(slots=True)  # not frozen: the shipper makes one for each request, see requests.py
class Record:
    """One answered request. IDs are 0 where there is none; `demand` counts the requests of its calendar second so far."""

    at_us: int
    organization_id: int
    key_id: int
    secret_number: int
    product_id: int
    outcome: int
    status: int
    demand: int
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
    """How an allowed request ended: its real status, and its duration where that is known. `at_us` is the request's."""

    at_us: int
    organization_id: int
    key_id: int
    secret_number: int
    product_id: int
    status: int
    duration_ms: int | None


Entry = Record | Gap | Correction


class BrokenFrame(Exception):
    """The bytes at this offset are no whole frame: not written to the end, or damaged."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        super().__init__(f"no whole frame at {offset}")


def frame(payload: bytes) -> bytes:
    """Return a payload with its length and checksum in front."""
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def encode(record: Record) -> bytes:
    """Return the frame of a record. Texts are cut to the lengths of their columns."""
    return pack(
        record.at_us, record.organization_id, record.key_id, record.secret_number, record.product_id, record.outcome,
        record.status, record.demand, record.host.encode()[:253], record.network.encode()[:50],
        record.client.encode()[:60], record.tracking_id.encode()[:100],
    )  # fmt: skip


def pack(
    at_us: int, organization_id: int, key_id: int, secret_number: int, product_id: int, outcome: int, status: int,
    demand: int, host: bytes, network: bytes, client: bytes, tracking_id: bytes,
) -> bytes:  # fmt: skip
    """Return the frame of a record given by its values, in the order of `Record`. The texts are no longer than their columns."""
    payload = b"".join((
        _REQUEST.pack(
            _REQUEST_KIND, at_us, organization_id, key_id, product_id, secret_number, demand, status, outcome,
            len(host), len(network), len(client), len(tracking_id),
        ),
        host, network, client, tracking_id,
    ))  # fmt: skip
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def encode_gap(gap: Gap) -> bytes:
    """Return the frame of a gap."""
    return frame(_GAP.pack(_GAP_KIND, gap.from_us, gap.until_us, gap.requests))


def encode_correction(correction: Correction) -> bytes:
    """Return the frame of a correction."""
    duration_ms = _NO_DURATION if correction.duration_ms is None else correction.duration_ms
    return frame(
        _CORRECTION.pack(
            _CORRECTION_KIND, correction.at_us, correction.organization_id, correction.key_id, correction.product_id,
            correction.secret_number, correction.status, duration_ms,
        )
    )  # fmt: skip


def decode(data: bytes) -> Iterator[tuple[Entry, int]]:
    """Yield each record with the offset behind it. Raises BrokenFrame at the first place that holds no whole frame."""
    offset = 0
    while offset < len(data):
        body = offset + _FRAME.size
        if body > len(data):
            raise BrokenFrame(offset)
        length, checksum = _FRAME.unpack_from(data, offset)
        payload = data[body : body + length]
        if not 0 < length <= MAX_PAYLOAD or len(payload) < length or zlib.crc32(payload) != checksum:
            raise BrokenFrame(offset)
        offset = body + length
        try:
            found = _read(payload)
        except (struct.error, IndexError, TypeError):
            raise BrokenFrame(body - _FRAME.size) from None  # whole, but not written by this program
        yield found, offset


def _read(payload: bytes) -> Entry:
    if payload[0] == _GAP_KIND:
        _, from_us, until_us, requests = _GAP.unpack(payload)
        return Gap(from_us, until_us, requests)
    if payload[0] == _CORRECTION_KIND:
        _, at_us, organization_id, key_id, product_id, secret_number, status, duration_ms = _CORRECTION.unpack(payload)
        known_ms = None if duration_ms == _NO_DURATION else duration_ms
        return Correction(at_us, organization_id, key_id, secret_number, product_id, status, known_ms)
    _, at_us, organization_id, key_id, product_id, secret_number, demand, status, outcome, *lengths = (
        _REQUEST.unpack_from(payload)
    )
    texts, start = [], _REQUEST.size
    for length in lengths:
        texts.append(str(payload[start : start + length], "utf-8", "replace"))
        start += length
    return Record(
        at_us, organization_id, key_id, secret_number, product_id, outcome, status, demand, *texts
    )  # fmt: skip
