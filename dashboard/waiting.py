"""As many requests are at work at once as the process has connections to the database; others wait for their turn.

Servers start more threads than that, because threads also wait for slow senders and slow readers. Neither holds a connection
here: the body of a request is read before its turn, and a streamed answer goes through a file, from which it is sent after it.

Files that are downloaded take at most half of the turns, so that pages always have some, and nobody waits for ever: who waited
too long is asked to come again.
"""

import io
import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import IO, Final, cast
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.http import HttpResponseBase

log = logging.getLogger("latchkey.dashboard")

SIGN_S: Final = 5.0
"""How often a reader is sent a little of a file that is still being written, so that no proxy gives the answer up."""

BROKEN_OFF: Final = b"\nThis file is not complete: making it failed here. Please download it again.\n"
"""Behind the last line of a CSV, and no JSON: whoever reads the file cannot take it for a whole one."""

_HEADERS: Final = [
    ("Content-Type", "text/plain"),
    ("Content-Security-Policy", "default-src 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Connection", "close"),
]
_SIGN_LENGTH: Final = 4 * 1024
_PIECE_LENGTH: Final = 64 * 1024
_IN_MEMORY: Final = 1024 * 1024
_WITHOUT_DATABASE: Final = ("/livez", "/static/")
FILES: Final = (".csv", ".json", "/csv/")
"""How the addresses of streamed answers end: the turn has to be chosen before the view is asked."""

TOO_LONG: Final = "latchkey.waited_too_long"
"""In the environment of a request whose turn did not come: `dashboard.middleware.busy` answers it."""


class InTurn:
    """A WSGI application of Django's, of which no more requests run at once than it has turns."""

    def __init__(self, application: WSGIApplication, *, turns: int, patience_s: float, longest_body: int) -> None:
        """`patience_s`: how long a request waits for its turn. `longest_body` in bytes: what is longer is refused."""
        self._application = application
        self._turns = threading.BoundedSemaphore(turns)
        self._files = threading.BoundedSemaphore(max(1, turns // 2))
        # Those that wait hold a thread: so many that wait for files must not keep pages from getting one.
        self._places_for_files = threading.BoundedSemaphore(2 * turns)
        self._patience_s = patience_s
        self._longest_body = longest_body

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request when its turn has come, or say that it did not come."""
        if refused := self._take_body(environ):
            start_response(refused, list(_HEADERS))
            return [f"{refused}\n".encode()]
        if environ["PATH_INFO"].startswith(_WITHOUT_DATABASE):
            return self._application(environ, start_response)
        turn = self._take_turn(is_file=environ["PATH_INFO"].endswith(FILES))
        if turn is None:
            return self._application(environ | {TOO_LONG: True}, start_response)
        try:
            answer = cast(HttpResponseBase, self._application(environ, start_response))
        except BaseException:
            turn.close()
            raise
        if environ["REQUEST_METHOD"] == "HEAD":  # nobody reads what would be made
            _end(answer, turn)
            return []
        if answer.streaming:
            return Streamed(answer, turn)
        try:
            return [b"".join(answer)]
        finally:
            _end(answer, turn)

    def _take_turn(self, *, is_file: bool) -> ExitStack | None:
        """Return what gives the turn back, or None when it did not come in time or too many wait for files already.

        A file waits first until fewer files are made, and then with everybody: in this order it holds no turn while it waits.
        """
        deadline = time.monotonic() + self._patience_s
        with ExitStack() as held:
            if is_file:
                if not self._places_for_files.acquire(blocking=False):
                    return None
                held.callback(self._places_for_files.release)
            for gate in [self._files, self._turns] if is_file else [self._turns]:
                if not gate.acquire(timeout=max(0.0, deadline - time.monotonic())):
                    return None
                held.callback(gate.release)
            return held.pop_all()

    def _take_body(self, environ: WSGIEnvironment) -> str | None:
        """Read the body that was announced; return the status of the refusal where there is no whole one or it is too long."""
        announced = environ.get("CONTENT_LENGTH") or "0"
        length = int(announced) if announced.isdecimal() else 0  # as Django takes it
        if length > self._longest_body:
            return "413 Content Too Large"
        body = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = io.BytesIO(body)
        return "400 Bad Request" if len(body) < length else None


class Streamed:
    """A streamed answer that is made as fast as the database gives it, and sent as fast as the reader takes it.

    What is made waits in memory up to a megabyte, then in a temporary file (`TMPDIR` says where). Connection and turn are
    free as soon as all is made.
    """

    def __init__(self, answer: HttpResponseBase, turn: ExitStack) -> None:
        self._answer: HttpResponseBase | None = answer
        self._turn = turn

    def __iter__(self) -> Iterator[bytes]:
        """Yield all of it. What breaks off says so at its end: servers finish such an answer as if it were whole."""
        try:
            if self._answer is not None:
                yield from self._pieces(self._answer)
        except Exception:
            log.exception("A file could not be made to its end.")
            yield BROKEN_OFF
        finally:
            self.close()

    def _pieces(self, answer: HttpResponseBase) -> Iterator[bytes]:
        """Yield a little at once and every SIGN_S while the rest is made, then the rest."""
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            sent, due = 0, 0.0
            for piece in answer:
                file.write(piece)
                if time.monotonic() >= due:
                    sign = _read(file, sent, _SIGN_LENGTH)
                    sent += len(sign)
                    yield sign
                    due = time.monotonic() + SIGN_S
            self.close()
            while piece := _read(file, sent, _PIECE_LENGTH):
                sent += len(piece)
                yield piece

    def close(self) -> None:
        """Give connection and turn back, also when the reader has gone before the end. May be called again."""
        answer, self._answer = self._answer, None
        if answer is not None:
            _end(answer, self._turn)


def _end(answer: HttpResponseBase, turn: ExitStack) -> None:
    """Close an answer, which gives its connection back, and let the next request have its turn."""
    try:
        answer.close()
    finally:
        turn.close()


def _read(file: IO[bytes], start: int, length: int) -> bytes:
    """Read from a place and be ready again to write at the end."""
    file.seek(start)
    found = file.read(length)
    file.seek(0, os.SEEK_END)
    return found
