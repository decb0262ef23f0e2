"""HTTP/1.1 on the event loop: small and strict. What is not understood gets a 4xx and a close, and nobody is waited for long.

What may be like a request before is not read, but decided with all that comes in this turn of the loop (turn.py, passage.py).
"""

import asyncio
import functools
import logging
from collections import deque
from typing import TYPE_CHECKING, cast

import httptools

from gateway import answers
from gateway.answers import Reply
from gateway.heads import SMALL_BYTES, find_fault
from gateway.later import Later, Settled
from gateway.passage import Answer
from gateway.requests import SPELLINGS, Request, new_tracking_id

if TYPE_CHECKING:
    from gateway.server import Server

log = logging.getLogger("latchkey.gateway")

URL_MAX_BYTES = 8 * 1024
HEADERS_MAX_BYTES = 32 * 1024
BODY_MAX_BYTES = 64 * 1024
_RAW_HEAD_MAX_BYTES = URL_MAX_BYTES + HEADERS_MAX_BYTES + 16 * 1024
_LINGER_S = 2
_ANSWERS_PER_TURN = 32
_QUEUE_MAX = 64
_TRIES = 8


class Connection(asyncio.Protocol):
    """One client. Requests are answered in the order in which they came, one at a time where one has to wait."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self.peer = ""
        self._queue: deque[Request | Reply] = deque()
        self._since = server.now
        self._unsent = 0
        self._later: asyncio.Future[Reply] | Later | None = None
        self._is_in_message = self._is_in_head = False
        self._is_stopped = False  # nothing more is read from the client
        self._is_paused = self._has_paused_reading = self._has_failed = False
        self._is_large = self._is_counting = False
        self._head_bytes = self._header_bytes = 0
        self._url = self._body = b""
        self._headers: dict[bytes, bytes] = {}
        self.marks = server.site.passage.heads.marks
        self._tries = _TRIES
        self._is_asking = False

    # From the transport -----------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if isinstance(peer, tuple) else ""
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was not answered."""
        self._server.connections.discard(self)
        self._transport = None
        self._queue.clear()
        if self._later is not None:
            self._later.cancel()

    def data_received(self, data: bytes) -> None:
        """Have what came decided with all that comes in this turn, if it may be like a request before; else read it."""
        if self._is_asking:
            self._server.turn.end()
        if self._tries and len(data) <= SMALL_BYTES and self._is_free() and not self._server.is_draining:
            self._is_asking, self._unsent = True, 1
            self._server.turn.ask(self, data)
        else:
            self.read(data)

    def _is_free(self) -> bool:
        """Whether what comes now is the beginning of a request, and the only one."""
        return not (
            self._is_in_message
            or self._unsent
            or self._queue
            or self._later is not None
            or self._is_paused
            or self._is_stopped
        )

    def read(self, data: bytes, *, is_known: bool = False) -> None:
        """Read what came and answer what is complete. `is_known`: its head need not be remembered."""
        self._stop_asking()
        if self._is_stopped:
            return
        is_new = not is_known and self._tries > 0 and self._is_free()
        self._is_large = len(data) > SMALL_BYTES
        if self._is_in_head:
            self._head_bytes += len(data)
            self._is_counting = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._is_stopped = True  # the offer is not taken up: this request is answered, then the connection ends
        except httptools.HttpParserError:
            self._fail(400, "bad_request", "This is not HTTP/1.1.")
        if self._is_in_head and self._head_bytes > _RAW_HEAD_MAX_BYTES:
            self._fail(431, "headers_too_large", "The headers are too large.")
        if self._queue:
            if is_new:
                self._learn(data)
            self._work()

    def eof_received(self) -> bool:
        """Answer what came before the client stopped sending, then close."""
        if self._is_asking:
            self._server.turn.end()
        self._is_stopped = True
        return bool(self._queue or self._unsent or self._later)

    def pause_writing(self) -> None:
        """Answer nothing more until the client takes what it was sent."""
        self._is_paused = True
        self._since = self._server.now

    def resume_writing(self) -> None:
        """Go on."""
        self._is_paused = False
        self._work()

    # From the parser --------------------------------------------------------------------------------------------------
    def on_message_begin(self) -> None:
        """Begin a request."""
        self._url = self._body = b""
        self._headers = {}
        self._is_in_message = self._is_in_head = True
        self._is_counting = self._is_large
        self._head_bytes = self._header_bytes = 0
        self._since = self._server.now

    def on_url(self, part: bytes) -> None:
        """Collect the address."""
        self._url += part
        if len(self._url) > URL_MAX_BYTES:
            self._fail(414, "uri_too_long", "The address is longer than 8 KB.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header that the gateway reads. Values of one that comes again are joined by commas (RFC 9110 section 5.3)."""
        if self._is_counting and not self._count(name, value):
            return
        name = SPELLINGS[name]
        if name:
            headers = self._headers
            headers[name] = headers[name] + b", " + value if name in headers else value

    def _count(self, name: bytes, value: bytes) -> bool:
        """Add to the size of the headers. Return whether this is one: what comes behind the body is none, but counts.

        A head that comes in one small piece needs no counting.
        """
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > HEADERS_MAX_BYTES:
            self._fail(431, "headers_too_large", "The headers are larger than 32 KB.")
            return False
        return self._is_in_head

    def on_headers_complete(self) -> None:
        """Let a client go on that asks whether it may send its body."""
        self._is_in_head = False
        self._is_counting = True
        headers = self._headers
        if fault := find_fault(headers, self._parser.get_http_version()):
            self._fail(400, "bad_request", fault)
            return
        if b"expect" not in headers or headers[b"expect"].lower() != b"100-continue" or self._is_stopped:
            return
        if headers.get(b"content-length", b"0").rjust(20, b"0") > b"%020d" % BODY_MAX_BYTES:
            self._fail(413, "body_too_large", "The body is larger than 64 KB.")
        elif self._transport and not self._queue and not self._unsent and self._later is None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        """Collect the body."""
        self._body += part
        if len(self._body) > BODY_MAX_BYTES:
            self._fail(413, "body_too_large", "The body is larger than 64 KB.")

    def on_message_complete(self) -> None:
        """Line a request up."""
        self._is_in_message = False
        if self._is_stopped:
            return
        keeps_alive = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        method = self._parser.get_method()
        self._queue.append(Request(method, self._url, self._headers, self._body, self.peer, keeps_alive))

    # Heads that come again --------------------------------------------------------------------------------------------
    def _learn(self, data: bytes) -> None:
        """Remember the head of a request that is all there is of what came.

        This is as much as a tenth of an answer, so where nothing ever comes again it is done a few times a second only.
        """
        self._tries -= 1
        request = self._queue[0]
        if isinstance(request, Request) and len(self._queue) == 1 and not self._is_in_message and not self._is_stopped:
            self.marks = self._server.site.passage.heads.remember(data, request) or self.marks

    def take(self, request: Request, answer: Answer) -> None:
        """Take an answer to what was not read."""
        self._stop_asking()
        self._answer(request, answer)

    def fail(self, error: Exception) -> None:
        """Answer, if nobody has, that something went wrong."""
        self._stop_asking()
        if not self._unsent and self._later is None:
            self._send(self._apologise(error), keeps_alive=False, has_body=True)

    def _stop_asking(self) -> None:
        if self._is_asking:
            self._is_asking = False
            self._unsent = 0

    # Answering --------------------------------------------------------------------------------------------------------
    def _fail(self, status: int, code: str, detail: str) -> None:
        """Answer what came before, then say what is wrong, then close. Only the first failure is told."""
        if not self._is_stopped:
            self._is_stopped = self._has_failed = True
            self._queue.append(answers.problem(status, code, detail, new_tracking_id(), closes=True))

    def _work(self) -> None:
        """Answer what is lined up, as far as the client keeps taking answers."""
        queue = self._queue
        while queue and self._later is None and not self._is_paused and self._unsent < _ANSWERS_PER_TURN:
            request = queue.popleft()
            if isinstance(request, Reply):
                self._send(request, keeps_alive=False, has_body=True)
                continue
            self._answer(request, self._ask(request))
        if queue or self._has_paused_reading:
            self._regulate()

    def _answer(self, request: Request, answer: Answer) -> None:
        if isinstance(answer, Reply):
            self._send(answer, keeps_alive=request.keeps_alive, has_body=request.method != b"HEAD")
        elif isinstance(answer, Later):
            self._later = answer
            answer.then(functools.partial(self._reply_later, request))
        else:
            self._later = asyncio.ensure_future(answer)
            self._later.add_done_callback(functools.partial(self._reply_done, request))

    def _ask(self, request: Request) -> Answer:
        try:
            return self._server.site.answer(request)
        except Exception as error:
            return self._apologise(error)

    @staticmethod
    def _apologise(error: BaseException) -> Reply:
        # Tracebacks hold no values, so no key: only places in the code.
        log.error("A request could not be answered.", exc_info=error)
        detail = "The gateway could not answer. Try again in a second."
        return answers.problem(
            503, "not_ready", detail, new_tracking_id(), fields=b"Retry-After: 1\r\n", closes=True
        )  # fmt: skip

    def _reply_done(self, request: Request, task: asyncio.Future[Reply]) -> None:
        if task.cancelled():
            self._later = None
            return
        error = task.exception()
        self._reply_later(request, task.result() if error is None else self._apologise(error))

    def _reply_later(self, request: Request, settled: Settled) -> None:
        self._later = None
        reply = self._apologise(settled) if isinstance(settled, Exception) else settled
        self._send(reply, keeps_alive=request.keeps_alive, has_body=request.method != b"HEAD")
        self._work()

    def _send(self, reply: Reply, *, keeps_alive: bool, has_body: bool) -> None:
        is_last = self._is_stopped and not self._queue
        keeps_alive = keeps_alive and not (reply.closes or is_last or self._server.is_draining)
        if not keeps_alive:
            self._is_stopped = True
            self._queue.clear()
        self._unsent += 1
        data = answers.serialise(reply, self._server.date, keeps_alive=keeps_alive, has_body=has_body)
        self._server.turn.answer(self, data)

    def transmit(self, data: bytes) -> None:
        """Send an answer whose record is written; after the last one close."""
        if self._is_asking:
            self._is_asking, self._tries = False, _TRIES
        self._unsent -= 1
        self._since = self._server.now
        if self._transport is None:
            return
        self._transport.write(data)
        if self._unsent:
            return
        if self._queue:
            self._work()
        elif self._is_stopped and self._later is None:
            self._finish()

    def _finish(self) -> None:
        """Close, but give the client a moment to read: closing with unread data would take the answer back."""
        if self._transport is not None:
            if self._has_failed and self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()

    def _regulate(self) -> None:
        """Stop reading from a client that asks faster than it is answered."""
        if self._transport is None or self._transport.is_closing():
            return
        is_full = len(self._queue) > _QUEUE_MAX
        if is_full and not self._has_paused_reading:
            self._transport.pause_reading()
        elif self._has_paused_reading and not is_full:
            self._transport.resume_reading()
        self._has_paused_reading = is_full

    # From the server --------------------------------------------------------------------------------------------------
    def lose_patience(self, now: float) -> None:
        """Close when the client does not send, or does not take, for too long. Called every second."""
        self._tries = _TRIES
        if self._is_asking or self._later is not None:
            return
        waited_s = now - self._since
        if self._is_stopped and not self._unsent and waited_s > _LINGER_S and not self._is_paused:
            self.abort()
        elif waited_s <= self._server.patience_s:
            return
        elif self._is_paused:
            self.abort()
        elif self._is_in_message and not self._is_stopped:
            self._fail(408, "request_timeout", "The request did not arrive in time.")
            self._work()
        elif self._transport is not None:
            self._transport.close()

    def close_if_idle(self) -> None:
        """Close between two requests."""
        if self._transport is not None and not (self._is_in_message or self._queue or self._unsent or self._later):
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
