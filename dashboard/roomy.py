"""Room on the stack of Python 3.11 and newer, for calls that make many calls.

Python keeps the frames of a thread in chunks of 16 KB, and gives a chunk back to the system as soon as the call that began it
returns. A loop whose calls cross the border of a chunk therefore asks the system for memory and gives it back with every call, each
time at the price of a page fault: drawing a page of keys took up to three times as long as elsewhere, depending on nothing but how
deep in the server the application is called. A frame that needs more than a chunk has gets a larger one for itself
and for what it calls (`push_chunk` in CPython's pystate.c). So what is called through `with_room` stays in one chunk.
"""

from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

Given = ParamSpec("Given")
Returned = TypeVar("Returned")

_SLOTS: Final = 16_384
"""Of eight bytes, of which the frame itself touches none: chunks double until it fits, so as many and more are left for others."""


def with_room(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Return a function that does the same, with room for the frames of some hundred calls in each other. It costs 10 µs a call."""

    def call(*args: Given.args, **options: Given.kwargs) -> Returned:
        return function(*args, **options)

    call.__code__ = call.__code__.replace(co_stacksize=_SLOTS)
    return call
