"""A turn of the event loop: what came in it is decided together, written down together, and then answered.

Nothing leaves before it is in the journal, which one `write` takes for all.
"""

import asyncio
from typing import Protocol

from gateway.ledger import Ledger
from gateway.passage import Asker, Passage


class Answered(Protocol):
    """A connection that an answer is for."""

    def transmit(self, data: bytes) -> None:
        """Send an answer."""


class Turn:
    """Collects what is asked and answered until the loop has read all that has come."""

    def __init__(self, loop: asyncio.AbstractEventLoop, passage: Passage, ledger: Ledger) -> None:
        self._loop = loop
        self._passage = passage
        self._ledger = ledger
        self._asked: list[tuple[Asker, bytes]] = []
        self._answers: list[tuple[Answered, bytes]] = []

    def ask(self, asker: Asker, data: bytes) -> None:
        """Have what came, all of it one request perhaps, decided at the end of this turn."""
        if not (self._asked or self._answers):
            self._loop.call_soon(self.end)
        self._asked.append((asker, data))

    def answer(self, answered: Answered, data: bytes) -> None:
        """Have an answer leave at the end of this turn."""
        if not (self._asked or self._answers):
            self._loop.call_soon(self.end)
        self._answers.append((answered, data))

    def end(self) -> None:
        """Decide what was asked, write what was noted, then send the answers."""
        asked, self._asked = self._asked, []
        passing = self._decide(asked) if asked else []
        answers, self._answers = self._answers, []
        if passing or answers:
            self._ledger.write()
        for asker, data in passing:
            asker.transmit(data)
        for answered, data in answers:
            answered.transmit(data)

    def _decide(self, asked: list[tuple[Asker, bytes]]) -> list[tuple[Asker, bytes]]:
        try:
            return self._passage.decide(asked)
        except Exception as error:
            for asker, _ in asked:
                asker.fail(error)
            return []
