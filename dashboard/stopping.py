"""Being told to end by a signal. PURE of Django: the gateway's shipper uses it too."""

import queue
import signal
from collections.abc import Iterable
from contextlib import suppress
from typing import Any


class Stopping:
    """Set once and for all, by signals or by hand.

    A `threading.Event` would not do: a handler runs in between whatever the main thread is at, and waits for ever for the
    lock of an event that this thread is just setting or about to wait for. Putting into a SimpleQueue may be interrupted so.
    """

    def __init__(self, signals: Iterable[signal.Signals] = ()) -> None:
        """Take over these signals of the process. Call it in the main thread."""
        self._told: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._is_set = False
        for number in signals:
            signal.signal(number, self._take)

    def _take(self, *_: Any) -> None:
        self.set()

    def set(self) -> None:
        """Have it end."""
        self._is_set = True
        self._told.put(None)

    def is_set(self) -> bool:
        """Return whether it was told to end."""
        return self._is_set

    def wait(self, timeout_s: float) -> bool:
        """Wait until it is told to end, or for so long. Return whether it was told. For one thread."""
        if not self._is_set:
            with suppress(queue.Empty):
                self._told.get(timeout=timeout_s)
        return self._is_set
