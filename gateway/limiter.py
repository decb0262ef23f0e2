"""The QPS limit: exact, in memory. PURE: the clock is an argument.

A request is admitted if fewer than L were admitted in the 1,000 ms before it. So no second, wherever it begins, holds more
than L admissions, and none is refused below L. A token bucket or fixed windows admit up to 2 L.
"""

from collections import deque
from collections.abc import Iterable
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
        ((remaining, demand),) = self.hit_all([(meter, limit)], now_us=now_us, second=second)
        return Admission(remaining >= 0, max(remaining, 0), demand)

    def hit_all(self, asked: Iterable[tuple[Meter, int]], *, now_us: int, second: int) -> list[tuple[int, int]]:
        """Decide about requests of one moment, in their order, as `hit` does.

        Return for each how many more are admitted now, or -1 where it is not admitted itself, and its demand.
        """
        if now_us - self._born_us >= _GENERATION_US:
            self._age(now_us)
        young, old = self._young, self._old
        horizon_us = now_us - WINDOW_US
        found = []
        for meter, limit in asked:
            ring = young.get(meter)
            if ring is None:
                ring = young[meter] = old.pop(meter) if meter in old else _Ring()
            admitted_us = ring.admitted_us
            while admitted_us and admitted_us[0] <= horizon_us:
                admitted_us.popleft()
            if ring.second != second:
                ring.second, ring.demand = second, 0
            ring.demand += 1
            remaining = limit - len(admitted_us) - 1
            if remaining >= 0:
                admitted_us.append(now_us)
                found.append((remaining, ring.demand))
            else:
                found.append((-1, ring.demand))
        return found

    def _age(self, now_us: int) -> None:
        # After a pause of two generations the old ones would be just as empty of what counts.
        self._old = self._young if now_us - self._born_us < 2 * _GENERATION_US else {}
        self._young = {}
        self._born_us = now_us
