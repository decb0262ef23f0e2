"""A key as one line of text: compact in memory, on disk and on the way from PostgreSQL, and read only when it is asked for. PURE.

Columns are separated by tabs, as COPY writes the view `gateway_policy_line`: ID, public ID, organisation, domains as JSON,
end, disabled, deleted, strings as `number:digest:end`, products as `product:limit`. What is absent is empty.
"""

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from typing import Any

Row = Sequence[Any]
"""The columns of the view `gateway_policy`."""


def write(row: Row) -> bytes:
    """Return the line of a row."""
    (key_id, public_id, organization_id, domains, expires_at, disabled_at, deleted_at) = row[:7]
    numbers, digests, ends, product_ids, qps_limits = row[7:12]
    strings = " ".join(
        f"{number}:{b2a_base64(digest, newline=False).decode()}:{_number(end)}"
        for number, digest, end in zip(numbers or (), digests or (), ends or (), strict=True)
    )
    limits = " ".join(
        f"{product_id}:{_number(limit)}"
        for product_id, limit in zip(product_ids or (), qps_limits or (), strict=True)
    )  # fmt: skip
    known = json.dumps(list(domains), ensure_ascii=False, separators=(",", ":")) if domains else ""
    columns = (
        str(key_id), public_id, str(organization_id), known.replace("\\", "\\\\"), _number(expires_at),
        str(int(disabled_at is not None)), str(int(deleted_at is not None)), strings, limits,
    )  # fmt: skip
    return "\t".join(columns).encode()


def _number(value: float | None) -> str:
    """Return a number as PostgreSQL writes it, without `.0`."""
    return "" if value is None else repr(value).removesuffix(".0")


def places(line: bytes) -> tuple[int, list[bytes]]:
    """Return the key's ID and the digests of its strings: what it is found by."""
    key_id, _, _, _, _, _, _, strings, _ = line.split(b"\t")
    return int(key_id), [a2b_base64(string.split(b":")[1]) for string in strings.split()]


def read(line: bytes) -> tuple[Any, ...]:
    """Return the row of a line. A moment that only matters for being there is 0."""
    columns = line.decode().split("\t")
    strings = [string.split(":") for string in columns[7].split()]
    limits = [pair.split(":") for pair in columns[8].split()]
    return (
        int(columns[0]),
        columns[1],
        int(columns[2]),
        json.loads(columns[3].replace("\\\\", "\\")) if columns[3] else [],
        float(columns[4]) if columns[4] else None,
        0.0 if columns[5] == "1" else None,
        0.0 if columns[6] == "1" else None,
        [int(number) for number, _, _ in strings],
        [a2b_base64(digest) for _, digest, _ in strings],
        [float(end) if end else None for _, _, end in strings],
        [int(product_id) for product_id, _ in limits],
        [int(limit) if limit else None for _, limit in limits],
    )
