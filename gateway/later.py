"""An answer that is not there yet, without the cost of a future: that would be as much as deciding."""

import asyncio
from collections.abc import Callable, Generator

from gateway.answers import Reply

Settled = Reply | Exception
"""What became of it: an answer, or what went wrong on the way to one."""


class Later:
    """Settled once and taken once, both in the thread of the event loop, in either order. It may also be awaited."""

    __slots__ = ("_settled", "_take", "is_cancelled", "work")

    def __init__(self) -> None:
        self.is_cancelled = False
        self.work: asyncio.Future[Reply] | None = None
        self._settled: Settled | None = None
        self._take: Callable[[Settled], None] | None = None

    def settle(self, settled: Settled) -> None:
        """Hand over the answer."""
        if self.is_cancelled:
            return
        if self._take is None:
            self._settled = settled
        else:
            self._take(settled)

    def then(self, take: Callable[[Settled], None]) -> None:
        """Have the answer taken, at once when it is there."""
        if self._settled is None:
            self._take = take
        else:
            take(self._settled)

    def cancel(self) -> None:
        """Nobody waits any more: whoever would settle it need not make an answer, and `work` on it ends."""
        self.is_cancelled = True
        if self.work is not None:
            self.work.cancel()

    def __await__(self) -> Generator[object, None, Reply]:
        """Wait for the answer. Raises what went wrong."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def take(settled: Settled) -> None:
            if future.done():
                return
            if isinstance(settled, Exception):
                future.set_exception(settled)
            else:
                future.set_result(settled)

        self.then(take)
        try:
            return (yield from future)
        except asyncio.CancelledError:
            self.cancel()
            raise
