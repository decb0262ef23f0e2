"""The QPS limit: exact, in memory. PURE: the clock is an argument.

A request is admitted if fewer than L were admitted in the 1,000 ms before it. So no second, wherever it begins, holds more
than L admissions, and none is refused below L. A token bucket or fixed windows admit up to 2 L.
"""

from collections import deque
from dataclasses import dataclass

WINDOW_US = 1_000_000
_GENERATION_US = 2 * WINDOW_US

Meter = tuple[int, int]
"""What shares one limit: key ID and product ID. All strings of a key share it."""


@dataclass(slots=True)
class Admission:
    """Whether a request is admitted, how many more are now, and how many were asked for in this calendar second."""

    is_admitted: bool
    remaining: int
    demand: int


class _Ring:
    """The admissions of the last second, oldest first, and the requests of one calendar second."""

    __slots__ = ("admitted_us", "demand", "second")

    def __init__(self) -> None:
        self.admitted_us: deque[int] = deque()
        self.second = 0
        self.demand = 0


class Limiter:
    """The rings of all key × product pairs in use.

    Rings live in two generations: one that is not asked for during a whole generation (2 s) holds nothing that still
    counts and is dropped with it. So memory is bounded by the traffic of the last 4 s, without a sweep.
    """

    def __init__(self) -> None:
        self._young: dict[Meter, _Ring] = {}
        self._old: dict[Meter, _Ring] = {}
        self._born_us = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def hit(self, meter: Meter, limit: int, *, now_us: int, second: int) -> Admission:
        """Decide about one request. Amortised O(1).

        `now_us` is a monotonic clock in microseconds; `second` the calendar second, for the demand. The limit may be another
        at each call: what was admitted in the last second keeps counting.
        """
        if now_us - self._born_us >= _GENERATION_US:
            self._age(now_us)
        ring = self._young.get(meter)
        if ring is None:
            ring = self._old.pop(meter) if meter in self._old else _Ring()
            self._young[meter] = ring
        admitted_us = ring.admitted_us
        horizon_us = now_us - WINDOW_US
        while admitted_us and admitted_us[0] <= horizon_us:
            admitted_us.popleft()
        if ring.second != second:
            ring.second, ring.demand = second, 0
        ring.demand += 1
        room = limit - len(admitted_us)
        if room <= 0:
            return Admission(False, 0, ring.demand)
        admitted_us.append(now_us)
        return Admission(True, room - 1, ring.demand)

    def _age(self, now_us: int) -> None:
        # After a pause of two generations the old ones would be just as empty of what counts.
        self._old = self._young if now_us - self._born_us < 2 * _GENERATION_US else {}
        self._young = {}
        self._born_us = now_us
