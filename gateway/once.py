"""Recognise a report that was taken twice, by two gateways or by one before and after its restart: SQL for the shipper.

Tokens of one gateway process count up, so those that were counted are one bit each in pages of 4,096, and a batch touches few
pages however many reports it brings. It happens in the transaction that counts, so that each report is counted once.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from gateway.policy_sql import Connection
from gateway.records import Correction

_PAGE_BITS: Final = 12
_PLACE_BYTES: Final = 11
_EMPTY: Final = bytes((1 << _PAGE_BITS) // 8)

# Pages are made and locked in one order, so that shippers wait for each other but never in a circle.
_OPEN = """
INSERT INTO gateway_reported (place, taken, last_at)
SELECT place, %s, now() FROM unnest(%s::bytea[]) AS place ORDER BY place
ON CONFLICT (place) DO UPDATE SET last_at = now() RETURNING place, taken
"""
_KEEP = """
UPDATE gateway_reported r SET taken = t.taken FROM unnest(%s::bytea[], %s::bytea[]) AS t (place, taken) WHERE r.place = t.place
"""


def keep_new(connection: Connection, corrections: Iterable[Correction]) -> list[Correction]:
    """Return the corrections whose tokens nobody has counted yet, and remember them, in the caller's transaction."""
    new: list[Correction] = []
    by_page: dict[bytes, list[tuple[int, Correction]]] = defaultdict(list)
    for correction in corrections:
        if correction.nonce is None:
            new.append(correction)
        else:
            place, bit = _place(correction.nonce)
            by_page[place].append((bit, correction))
    if not by_page:
        return new
    pages = {place: bytearray(taken) for place, taken in connection.execute(_OPEN, (_EMPTY, list(by_page))).fetchall()}
    for place, taken in pages.items():
        for bit, correction in by_page[place]:
            mask = 1 << (bit & 7)
            if not taken[bit >> 3] & mask:
                taken[bit >> 3] |= mask
                new.append(correction)
    connection.execute(_KEEP, (list(pages), [bytes(taken) for taken in pages.values()]))
    return new


def _place(nonce: bytes) -> tuple[bytes, int]:
    """Return the page of a token and its bit there."""
    number = int.from_bytes(nonce, "big")
    return (number >> _PAGE_BITS).to_bytes(_PLACE_BYTES, "big"), number & ((1 << _PAGE_BITS) - 1)
