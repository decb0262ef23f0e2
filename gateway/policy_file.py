"""The rules on disk, so that a gateway that starts while PostgreSQL is away knows what it knew: digests only, no key.

One file of frames, `u32 length | u32 CRC-32 | payload`, kept by the thread that follows the database: all keys as of one
change, then each further change before it takes effect, then now and then a mark that says when all of it was still right.
So whoever was refused before a restart is refused after it. What is not whole or not certain is not used.
"""

import contextlib
import json
import os
import struct
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gateway import policy_lines
from gateway.rules import Catalogue, Organization, Product, Rules

VERSION = 1
NAME = "policy"
_DRAFT = ".draft"
_FRAME = struct.Struct("<II")
_HEAD, _LINES, _CHANGES, _COMPLETE, _MARK = b"H", b"K", b"C", b"E", b"M"
_CHUNK_BYTES = 256 * 1024
_MARKED = struct.Struct("<cqdd16s")
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Unusable(Exception):
    """The file cannot be relied upon; the message says why."""


def _boot_id() -> bytes:
    """Return what names this start of the machine; zeros where the system does not say."""
    try:
        return bytes.fromhex(Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", ""))
    except (OSError, ValueError):
        return bytes(16)


def _mark(number: int, ago_s: float) -> bytes:
    """Return a mark: all up to a change was right so long ago. While the machine runs, the clock that is never set counts."""
    now_s, boot_s = time.time() - ago_s, time.clock_gettime(_BOOT_CLOCK) - ago_s
    return _frame(_MARKED.pack(_MARK, number, now_s, boot_s, _boot_id()))


def _age_s(mark: bytes) -> float:
    """Return how long ago a mark was made. Raises Unusable where the clock was set back."""
    _, _, at, boot_s, boot_id = _MARKED.unpack(mark)
    if any(boot_id) and boot_id == _boot_id():
        return float(time.clock_gettime(_BOOT_CLOCK) - boot_s)
    if time.time() < at:
        raise Unusable("the clock was set back")
    return float(time.time() - at)


def _frame(payload: bytes) -> bytes:
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def _head(fingerprints: Mapping[int, str]) -> bytes:
    return (
        _HEAD + json.dumps({"version": VERSION, "peppers": {str(n): text for n, text in fingerprints.items()}}).encode()
    )


def changes(
    number: int,
    *,
    lines: Iterable[bytes] = (),
    gone_keys: Iterable[int] = (),
    organizations: Mapping[int, Organization] | None = None,
    gone_organizations: Iterable[int] = (),
    catalogue: Catalogue | None = None,
) -> bytes:
    """Return what holds from a change on, as `append` takes it."""
    content: dict[str, Any] = {
        "number": number,
        "lines": [line.decode() for line in lines],
        "gone_keys": list(gone_keys),
        "organizations": {str(n): [each.public_id, each.is_suspended] for n, each in (organizations or {}).items()},
        "gone_organizations": list(gone_organizations),
    }
    if catalogue is not None:
        content["products"] = [asdict(product) for product in catalogue.by_code.values()]
        content["routes"] = [[product.id, prefix] for prefix, product in catalogue.by_prefix.items()]
    return _CHANGES + json.dumps(content).encode()


class Draft:
    """A file in the making: it takes the place of the old one when it is complete."""

    def __init__(self, path: Path, fingerprints: Mapping[int, str]) -> None:
        """Begin. Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file, name = tempfile.mkstemp(_DRAFT, path.name, path.parent)
        self.path = Path(name)
        self.number = 0
        self._lines: list[bytes] = []
        self._bytes = 0
        self._write(_head(fingerprints))

    def put_line(self, line: bytes) -> None:
        """Add a key. Raises OSError."""
        self._lines.append(line)
        self._bytes += len(line)
        if self._bytes >= _CHUNK_BYTES:
            self._flush()

    def complete(self, number: int, organizations: Mapping[int, Organization], catalogue: Catalogue) -> None:
        """End with what is not a key, and the change up to which all of it is complete. Raises OSError."""
        self._flush()
        self._write(changes(number, organizations=organizations, catalogue=catalogue))
        self._write(_COMPLETE)
        os.fdatasync(self._file)
        self.number = number

    def release(self) -> int:
        """Return the open file, which is the caller's from now on."""
        return self._file

    def drop(self) -> None:
        """Give up."""
        os.close(self._file)
        self.path.unlink(missing_ok=True)

    def _flush(self) -> None:
        if self._lines:
            self._write(_LINES + b"\n".join(self._lines))
            self._lines, self._bytes = [], 0

    def _write(self, payload: bytes) -> None:
        _write_whole(self._file, _frame(payload))


def _write_whole(file: int, data: bytes) -> None:
    if os.write(file, data) != len(data):
        raise OSError("the disk is full")


class PolicyFile:
    """The file in use. It takes changes in the order of their numbers."""

    def __init__(self, path: Path, fingerprints: Mapping[int, str]) -> None:
        self._path = path
        self._fingerprints = fingerprints
        for draft in path.parent.glob(f"{path.name}*{_DRAFT}"):  # of a process that was killed
            draft.unlink(missing_ok=True)
        self._file = -1
        self._end = 0
        self._base_bytes = 0

    @property
    def is_there(self) -> bool:
        """Whether the file is complete and being kept."""
        return self._file >= 0

    @property
    def has_grown(self) -> bool:
        """Whether it holds more of changes than of keys, and a megabyte at least: time for a new one."""
        return self._end - self._base_bytes > max(self._base_bytes, 1 << 20)

    def begin(self) -> Draft:
        """Return an empty draft. Raises OSError."""
        return Draft(self._path, self._fingerprints)

    def adopt(self, draft: Draft, missed: Iterable[tuple[int, bytes]]) -> None:
        """Put a complete draft in place of the file, with the numbered changes that came meanwhile. Raises OSError."""
        self.close()
        self._file = draft.release()
        self._end = self._base_bytes = os.fstat(self._file).st_size
        for number, payload in missed:
            if number > draft.number:
                self.append(number, payload)
        draft.path.rename(self._path)

    def append(self, number: int, payload: bytes, ago_s: float = 0) -> None:
        """Keep changes, before they take effect. Raises OSError."""
        data = _frame(payload)
        marked = data + _mark(number, ago_s)
        if os.pwrite(self._file, marked, self._end) != len(marked):
            raise OSError("the disk is full")
        os.fdatasync(self._file)
        self._end += len(data)

    def mark(self, number: int, ago_s: float) -> None:
        """Say that everything was right so long ago. The next change or mark takes the place of this one. Raises OSError."""
        data = _mark(number, ago_s)
        if os.pwrite(self._file, data, self._end) != len(data):
            raise OSError("the disk is full")

    def close(self) -> None:
        """Let go of the file; it stays on disk."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def forget(self) -> None:
        """Remove the file: it is not kept any more, and so will be wrong soon. Never raises."""
        self.close()
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            with contextlib.suppress(OSError):
                os.truncate(self._path, 0)

    def load(self, rules: Rules, most_s: float) -> float:
        """Fill empty rules with what is on disk, and go on keeping it. Return how many seconds ago it was right.

        Raises as `read`, and Unusable for what is older than `most_s`.
        """
        found = read(self._path, self._fingerprints, rules)
        if found.mark is None or not 0 <= (age_s := _age_s(found.mark)) <= most_s:
            raise Unusable("it is too old")
        self._file = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        self._end, self._base_bytes = found.end, found.base_bytes
        return age_s


@dataclass(frozen=True, slots=True)
class Found:
    """What was read: the last mark, where it or the next change goes, and where the keys end that it began with."""

    mark: bytes | None
    end: int
    base_bytes: int


def read(path: Path, fingerprints: Mapping[int, str], rules: Rules) -> Found:
    """Fill empty rules with what a file holds, whoever keeps it.

    Raises Unusable for what is broken, incomplete or of other peppers; OSError for what cannot be read.
    """
    mark, is_complete, end, base_bytes = None, False, 0, 0
    with path.open("rb") as file:
        payloads = _read(file.read)
        if next(payloads, (b"", 0))[0] != _head(fingerprints):
            raise Unusable("it is of another version or of other peppers")
        for payload, behind in payloads:
            kind, content = payload[:1], payload[1:]
            if kind == _MARK:
                mark = payload
                continue
            end = behind
            if kind == _LINES:
                for line in content.split(b"\n"):
                    rules.put_line(line)
            elif kind == _CHANGES:
                _apply(rules, json.loads(content))
            elif kind == _COMPLETE:
                is_complete, base_bytes = True, behind
    if not is_complete:
        raise Unusable("it is not complete")
    return Found(mark, end, base_bytes)


def _read(read: Any) -> Iterator[tuple[bytes, int]]:
    """Yield payloads with the offset behind each, up to the first that is not whole."""
    offset = 0
    while len(head := read(_FRAME.size)) == _FRAME.size:
        length, checksum = _FRAME.unpack(head)
        payload = read(length)
        if len(payload) < length or zlib.crc32(payload) != checksum or not payload:
            return
        offset += _FRAME.size + length
        yield payload, offset


def _apply(rules: Rules, content: dict[str, Any]) -> None:
    for line in content["lines"]:
        rules.put_line(line.encode())
    for key_id in content["gone_keys"]:
        rules.forget_key(key_id)
    for organization_id, (public_id, is_suspended) in content["organizations"].items():
        rules.organizations[int(organization_id)] = Organization(public_id, is_suspended)
    for organization_id in content["gone_organizations"]:
        rules.organizations.pop(organization_id, None)
    if "products" in content:
        rules.catalogue = Catalogue.make((Product(**each) for each in content["products"]), content["routes"])
    rules.number = content["number"]


def of_rows(rows: Iterable[policy_lines.Row]) -> list[bytes]:
    """Return rows of the view `gateway_policy` as lines."""
    return [policy_lines.write(row) for row in rows]
