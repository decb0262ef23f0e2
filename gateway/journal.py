"""Write what was answered before the answer leaves. A killed process loses nothing that it answered.

One `write` takes all records of a turn of the event loop. It reaches the kernel, not the disk: a crash of the process loses
nothing, a crash of the machine the last moments.
"""

import logging
import os
import time
from pathlib import Path

from gateway import records, segments
from gateway.records import Gap

log = logging.getLogger("latchkey.gateway")

SEGMENT_MAX_BYTES = 64 * 1024 * 1024
_RETRY_S = 0.5


class Journal:
    """The journal of this process: one segment at a time, another past SEGMENT_MAX_BYTES.

    While the disk takes nothing, requests are still answered; what is not written is counted, and the count is the first
    thing written afterwards.
    """

    def __init__(self, folder: Path, max_bytes: int = SEGMENT_MAX_BYTES) -> None:
        """Begin a segment. Raises OSError when that is impossible: at the start the operator is there to see it."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._gap: Gap | None = None
        self._retry_at = 0.0
        self.missed_requests = 0
        self._descriptor, self._path = segments.begin(folder)
        self._size = segments.HEADER_BYTES

    @property
    def path(self) -> Path:
        """The segment that is being written."""
        return self._path

    def write(self, frames: bytes, requests: int) -> bool:
        """Append the frames of so many requests with one write. Never raises.

        Return whether the next frames follow these: not when these were lost, and not when a new segment was begun.
        """
        if self._gap is not None:
            if time.monotonic() < self._retry_at:
                self._miss(requests)
                return False
            frames = records.encode_gap(self._gap) + frames
        try:
            self._append(frames)
        except OSError as error:
            if self._gap is None:
                log.error(
                    "The journal cannot be written (%s). Requests are answered, but not counted.",
                    error.strerror or error,
                )
            self._miss(requests)
            return False
        if self._gap is not None:
            log.error("The journal is written again: %d requests were not counted.", self._gap.requests)
            self._gap = None
        return self._size < self._max_bytes or not self._roll()

    def close(self) -> None:
        """Seal the segment, after a last attempt to declare what is missing."""
        if self._gap is not None:
            self._retry_at = 0.0
            self.write(b"", 0)
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, frames: bytes) -> None:
        if self._descriptor < 0:
            self._begin()
        written = os.write(self._descriptor, frames)
        if written == len(frames):
            self._size += written
            return
        # The disk filled up half-way. What was begun is taken back, so that a frame is broken only where a writer died.
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            self._seal()
        raise OSError("the disk is full")

    def _roll(self) -> bool:
        """Go on in a new segment. Return whether there is one; without, this one grows on."""
        try:
            self._begin()
        except OSError:
            return False
        return True

    def _begin(self) -> None:
        descriptor, path = segments.begin(self._folder)
        self._seal()
        self._descriptor, self._path, self._size = descriptor, path, segments.HEADER_BYTES

    def _seal(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _miss(self, requests: int) -> None:
        now_us = time.time_ns() // 1000
        first, missed = (self._gap.from_us, self._gap.requests) if self._gap else (now_us, 0)
        if time.monotonic() >= self._retry_at:
            self._retry_at = time.monotonic() + _RETRY_S
        self.missed_requests += requests
        self._gap = Gap(first, now_us, missed + requests)
