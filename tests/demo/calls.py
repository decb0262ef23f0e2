"""Calls of the gateway by a client that keeps its own ledger."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.gateway.http import Answer, Http

TILE = "/map/1/tile/basic/main/0/0/0.png?view=Unified"
SEARCH = "/search/2/search/norway.json?limit=1"


class Caller:
    """A customer's application. Every answer that names one of its keys is in the ledger."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answered: Counter[int] = Counter()
        self._lock = threading.Lock()

    def ask(self, path: str, **headers: str) -> Answer:
        """Send one request over a connection of its own."""
        http = Http(self.port)
        try:
            return self._note(http.ask(path, **headers))
        finally:
            http.close()

    def burst(self, path: str, count: int, **headers: str) -> tuple[list[Answer], float]:
        """Send requests at once, each over its own connection; return the answers and the seconds from first to last."""
        gate = threading.Barrier(count + 1)

        def one(_: int) -> Answer:
            http = Http(self.port)
            http.connect()
            gate.wait(10)
            try:
                return self._note(http.ask(path, **headers))
            finally:
                http.close()

        with ThreadPoolExecutor(count) as pool:
            coming = [pool.submit(one, number) for number in range(count)]
            gate.wait(10)
            started = time.monotonic()
            answers = [each.result(20) for each in coming]
        return answers, time.monotonic() - started

    def seconds_until(self, status: int, path: str, *, since: float, within_s: float = 1.0, **headers: str) -> float:
        """Ask until this status is the answer, and ten times more to see that it stays; return the seconds since a moment."""
        while (answer := self.ask(path, **headers)).status != status:
            assert time.monotonic() - since < within_s, (answer.status, answer.body[:300])
            time.sleep(0.005)
        taken = time.monotonic() - since
        assert {self.ask(path, **headers).status for _ in range(10)} == {status}
        return taken

    @property
    def totals(self) -> dict[str, int]:
        """The four figures of analytics as this ledger has them."""
        answered = self.answered
        return {
            "requests": sum(answered.values()),
            "over_qps": answered[429],
            "errors_4xx": sum(n for status, n in answered.items() if 400 <= status < 500 and status != 429),
            "errors_5xx": sum(n for status, n in answered.items() if status >= 500),
        }

    def _note(self, answer: Answer) -> Answer:
        with self._lock:
            self.answered[answer.status] += 1
        return answer
