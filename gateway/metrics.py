"""Figures for Prometheus, at a listener of their own: counts and ages only, never a key, a customer or a path.

Nothing is measured for them while requests are answered, but one number per outcome: the rest is looked up when it is asked for.
"""

import asyncio
import contextlib
import math
import os
import resource
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from gateway import outcomes, segments
from gateway.config import Config
from gateway.journal import Journal
from gateway.policy import Policy
from gateway.redis_limiter import RedisLimiter
from gateway.server import Server
from gateway.verdict import Standing

_BEAT_S = 0.05
_PATIENCE_S = 5
_HEAD_MAX_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class _Metric:
    """One metric. `samples` are labels as they are written, `name="value"` or nothing, and values."""

    name: str
    kind: str
    help: str
    samples: tuple[tuple[str, float], ...]

    def lines(self) -> Iterator[str]:
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {self.kind}"
        for labels, value in self.samples:
            number = "+Inf" if value == math.inf else f"{value:.6f}".rstrip("0").rstrip(".")
            yield f"{self.name}{{{labels}}} {number}" if labels else f"{self.name} {number}"


def _gauge(name: str, text: str, value: float) -> _Metric:
    return _Metric(f"latchkey_{name}", "gauge", text, (("", value),))


def _counter(name: str, text: str, *samples: tuple[str, float]) -> _Metric:
    return _Metric(f"latchkey_{name}_total", "counter", text, samples)


class Metrics:
    """Knows where the figures are. Belongs to the event loop's thread."""

    def __init__(
        self, config: Config, policy: Policy, journal: Journal, server: Server, shared: RedisLimiter | None
    ) -> None:
        self._config = config
        self._policy = policy
        self._journal = journal
        self._server = server
        self._shared = shared
        self._delay_s = 0.0
        self._due_at = 0.0

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Serve the figures at `/metrics`. Raises OSError when the address is taken."""
        self._beat()
        return await asyncio.start_server(self._serve, host, port, limit=_HEAD_MAX_BYTES)

    def _beat(self) -> None:
        """Note how much later than planned the event loop came to this: as long waited every request that came meanwhile."""
        now = asyncio.get_running_loop().time()
        self._delay_s = max(self._delay_s, now - self._due_at if self._due_at else 0.0)
        self._due_at = now + _BEAT_S
        asyncio.get_running_loop().call_at(self._due_at, self._beat)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_PATIENCE_S):
                head = await reader.readuntil(b"\r\n\r\n")
                method, _, rest = head.partition(b" ")
                is_found = method in {b"GET", b"HEAD"} and rest.partition(b" ")[0].partition(b"?")[0] == b"/metrics"
                status = HTTPStatus.OK if is_found else HTTPStatus.NOT_FOUND
                body = "\n".join(self.lines()).encode() + b"\n" if is_found else b"The figures are at /metrics.\n"
                writer.write(
                    f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                    + (b"" if method == b"HEAD" else body)
                )
                await writer.drain()
        writer.close()

    def lines(self) -> Iterator[str]:
        """Yield the figures in Prometheus' text format."""
        for metric in (*self._of_requests(), *self._of_policy(), *self._of_journal(), *self._of_process()):
            yield from metric.lines()

    def _of_requests(self) -> Iterator[_Metric]:
        counts = self._server.site.counts
        samples = tuple((f'outcome="{outcome.word}"', counts[outcome.number]) for outcome in outcomes.ALL)
        yield _counter("requests", "Requests that were decided about, by outcome.", *samples)
        text = "Requests that were not read, since they were like ones before but for key and address."
        yield _counter("repeated_requests", text, ("", self._server.site.passage.repeated))
        yield _gauge("connections", "Open connections.", len(self._server.connections))
        delay_s, self._delay_s = self._delay_s, 0.0
        text = "The longest that the event loop kept requests waiting since the figures were read last."
        yield _gauge("loop_delay_seconds", text, delay_s)
        if self._shared is not None:
            yield _gauge(
                "redis_exact",
                "Whether Redis decides about all limits: 0 while shares are local.",
                int(self._shared.is_exact),
            )

    def _of_policy(self) -> Iterator[_Metric]:
        policy = self._policy
        yield _gauge(
            "ready",
            "Whether known keys are served.",
            int(policy.is_loaded and policy.standing() is not Standing.NOT_READY),
        )
        yield _gauge("policy_keys", "Keys in memory.", len(policy.rules.keys))
        yield _gauge("feed_number", "The change up to which everything holds here.", policy.rules.number)
        age_s = max(0.0, time.time() - policy.right_at()) if policy.is_loaded else float("inf")
        yield _gauge("feed_age_seconds", "How long ago the rules were known to be those of the database.", age_s)
        yield _gauge("gateways", "Gateways that reported within ten seconds.", policy.count_gateways())

    def _of_journal(self) -> Iterator[_Metric]:
        shipped = self._policy.shipped()
        sizes: dict[str, int] = {}
        for path in self._journal.path.parent.glob(f"*{segments.SUFFIX}"):
            with contextlib.suppress(FileNotFoundError):  # shipped a moment ago
                sizes[segments.id_in(path)] = path.stat().st_size - segments.HEADER_BYTES
        offsets = {segment: offset - segments.HEADER_BYTES for segment, offset in shipped.offsets.items()}
        backlog = sum(max(0, size - max(0, offsets.get(segment, 0))) for segment, size in sizes.items())
        yield _gauge(
            "journal_backlog_bytes", "Bytes of the journal that are not in the database, as far as is known.", backlog
        )
        waiting_s = max(0.0, time.time() - shipped.until) if backlog and shipped.until else 0.0
        yield _gauge(
            "journal_oldest_seconds", "At most so old is the oldest request that is not in the database.", waiting_s
        )
        yield _counter(
            "journal_missed_requests",
            "Requests that were answered and could not be written.",
            ("", self._journal.missed_requests),
        )
        yield _gauge(
            "journal_disk_free_bytes", "Room on the disk of the journal.", shutil.disk_usage(self._config.data_dir).free
        )

    @staticmethod
    def _of_process() -> Iterator[_Metric]:
        pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
        yield _gauge("resident_memory_bytes", "Memory of this process.", pages * os.sysconf("SC_PAGE_SIZE"))
        used = resource.getrusage(resource.RUSAGE_SELF)
        yield _counter("cpu_seconds", "Processor time of this process.", ("", used.ru_utime + used.ru_stime))
