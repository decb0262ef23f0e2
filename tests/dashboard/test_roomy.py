"""However deep in a server the application is called, its loops do not ask the system for memory with every call."""

import resource
from collections.abc import Callable

from dashboard.roomy import with_room

CALLS = 300


def frames(left: int) -> int:
    """Take a few frames of the stack, as parts of a page do."""
    return frames(left - 1) if left else 0


def draw() -> None:
    for _ in range(CALLS):
        frames(5)


def faults_of(depth: int, function: Callable[[], object]) -> int:
    """Return how often the system was asked for a page of memory during a call that is so deep."""
    if depth:
        return faults_of(depth - 1, function)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    function()
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


def test_a_loop_asks_for_memory_with_every_call_at_no_depth():
    roomy = with_room(draw)
    assert max(faults_of(depth, draw) for depth in range(200)) >= CALLS, "the border of a chunk is somewhere"
    assert max(faults_of(depth, roomy) for depth in range(200)) < CALLS / 3


def test_it_is_called_as_what_it_stands_for():
    assert with_room(lambda first, *, second: (first, second))(1, second=2) == (1, 2)
