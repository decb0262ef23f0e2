"""The files of the journal: how they are named, begun, and read while another process writes them.

A segment is `<time µs>-<uuid>.journal`, begins with the same uuid in its header, and grows until its writer seals it. The
writer holds an exclusive `flock` on it all its life: the kernel lets go of it when the process is gone, however it went.
"""

import fcntl
import os
import struct
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway import records
from gateway.records import Beginning, Correction, Gap, Group, Hits, Record

_HEADER = struct.Struct("<8s16s")
_MAGIC = b"LKJOURN3"
# The one before had corrections without tokens; whoever reads only that leaves the new one alone.
_READABLE = (_MAGIC, b"LKJOURN2")
HEADER_BYTES = _HEADER.size
SUFFIX = ".journal"


@dataclass(slots=True)
class Reading:
    """What was read of a segment from `start` on: its entries, the offset behind the last whole one, how many bytes were left over.

    `groups` are all that the segment has named so far; numbers in `hits` and `records` are among them.
    """

    groups: Mapping[int, Group]
    start: int
    hits: list[Hits] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    offset: int = HEADER_BYTES
    rest_bytes: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing whole was there to read."""
        return self.offset == self.start


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment on disk; `node` is the gateway that wrote it."""

    path: Path
    id: uuid.UUID = field(compare=False)

    @property
    def node(self) -> str:
        """The name of the gateway that writes or wrote it."""
        return self.path.parent.name


def begin(folder: Path) -> tuple[int, Path]:
    """Return the descriptor and path of a new segment, locked and with its header written. Raises OSError.

    It gets its name last, so that no reader ever sees one that is not locked yet.
    """
    folder.mkdir(parents=True, exist_ok=True)
    identity = uuid.uuid4()
    path = folder / f"{time.time_ns() // 1000:017d}-{identity}{SUFFIX}"
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        header = _HEADER.pack(_MAGIC, identity.bytes)
        if os.write(descriptor, header) != len(header):
            raise OSError("the header of a journal segment was not written whole")
        draft.rename(path)
    except OSError:
        os.close(descriptor)
        draft.unlink(missing_ok=True)
        raise
    return descriptor, path


def find(journals_dir: Path) -> Iterator[Segment]:
    """Yield the segments of all gateways of this machine, each gateway's in the order they were begun."""
    for path in sorted(journals_dir.glob(f"*/*{SUFFIX}")):
        try:
            with path.open("rb") as file:
                header = file.read(HEADER_BYTES)
        except FileNotFoundError:
            continue  # shipped and deleted a moment ago
        if len(header) == HEADER_BYTES and header.startswith(_READABLE):
            yield Segment(path, uuid.UUID(bytes=header[len(_MAGIC) :]))


def id_in(path: Path) -> str:
    """Return the ID of the segment with this path, as it is written in the database."""
    return path.name.removesuffix(SUFFIX).partition("-")[2]


def is_sealed(segment: Segment) -> bool:
    """Whether nobody writes the segment any more. Once true it stays true; ask before reading to know that the end was read."""
    try:
        descriptor = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


class Reader:
    """Reads a segment piece by piece, and knows the groups that were named on the way."""

    def __init__(self, segment: Segment) -> None:
        self._path = segment.path
        self._groups: dict[int, Group] = {}
        self._known_until = HEADER_BYTES

    def read(self, offset: int, limit_bytes: int) -> Reading:
        """Return the whole entries from an offset on, of at most `limit_bytes`. Raises FileNotFoundError.

        Bytes left over are a frame that is being written, or that the limit cut, or, in a sealed segment, one that its writer
        did not finish.
        """
        offset = max(offset, HEADER_BYTES)
        while self._known_until < offset:  # another shipper was here, or the one before this
            if self._read(self._known_until, limit_bytes).is_empty:
                break
        return self._read(offset, limit_bytes)

    def _read(self, offset: int, limit_bytes: int) -> Reading:
        with self._path.open("rb") as file:
            file.seek(offset)
            data = file.read(limit_bytes)
        found = Reading(self._groups, offset)
        end = 0
        try:
            for entry, behind in records.decode(data):
                self._take(entry, found)
                end = behind
        except records.BrokenFrame as broken:
            end = broken.offset
        found.offset, found.rest_bytes = offset + end, len(data) - end
        self._known_until = max(self._known_until, found.offset)
        return found

    def _take(self, entry: records.Entry, found: Reading) -> None:
        match entry:
            case Hits():
                found.hits.append(entry)
            case Beginning():
                self._groups[entry.number] = entry.group
            case Record():
                found.records.append(entry)
            case Gap():
                found.gaps.append(entry)
            case Correction():
                found.corrections.append(entry)
