"""What a page of 50 keys costs: `make bench-pages`, or `python -m benchmarks.pages`.

A customer with 50 keys, made and used as the demo's are, asks for the list through the whole WSGI application: middleware, session,
queries, template. CPU is that of the dashboard's process and, apart, that of PostgreSQL, both without what waits; medians of many.
The database is made once, in `var/bench-pages`, and kept. `--profile` says where the time goes. Settings are those of development, in which
pages are made as in production (templates are compiled once, queries are not logged) but for two links in a menu and the names of static
files. Sparklines are measured as who looks around a list has them, with the hours that are remembered for ten minutes, and once without.
"""

import argparse
import cProfile
import os
import pstats
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks import machine
from dashboard import postgres

ROOT = Path(__file__).resolve().parent.parent
TARGET_MS = 8
KEYS = 50
WARM_UP = 10


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians of one page: milliseconds of CPU, of the queries by the clock, and bytes that are sent."""

    dashboard_ms: float
    postgres_ms: float
    queries_ms: float
    queries: int
    size: int

    @property
    def total_ms(self) -> float:
        """The CPU of all that work for an answer."""
        return self.dashboard_ms + self.postgres_ms


def main() -> int:
    """Fill, measure, print a table. Return 1 when a page costs more than it may."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--profile", action="store_true", help="print where the time of the first page goes")
    options = parser.parse_args()
    data_dir = Path(os.environ.get("DATA_DIR") or ROOT / "var").absolute() / "bench-pages"
    os.environ |= {"DEBUG": "1", "DATABASE_URL": postgres.start(data_dir), "DATA_DIR": str(data_dir)}
    os.environ |= {"DJANGO_SETTINGS_MODULE": "dashboard.settings", "LOG_LEVEL": "WARNING"}
    import django
    from django.conf import settings

    django.setup()
    pages = _pages()
    if options.profile:
        _profile(next(iter(pages.values())), options.rounds)
        return 0
    costs = {name: measure(ask, options.rounds) for name, ask in pages.items()}
    costs["keys, each used since"] = measure(pages["keys"], options.rounds, use_all)
    settings.USAGE_REMEMBERED_SECONDS = 0
    costs["keys, the first time in ten minutes"] = measure(pages["keys"], options.rounds)
    print("| page | dashboard CPU ms | PostgreSQL CPU ms | together | queries | by the clock ms | KB |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name, cost in costs.items():
        print(
            f"| {name} | {cost.dashboard_ms:.1f} | {cost.postgres_ms:.1f} | {cost.total_ms:.1f} | {cost.queries} "
            f"| {cost.queries_ms:.1f} | {cost.size / 1000:.0f} |"
        )
    print("\n" + ", ".join(f"{name}: {value}" for name, value in machine.describe().items()))
    slow = [name for name, cost in costs.items() if cost.total_ms > TARGET_MS]
    print(f"Pages above {TARGET_MS} ms: {', '.join(slow) or 'none'}")
    return 1 if slow else 0


def use_all() -> None:
    """Count a request more for each key in its last hour, as a gateway does."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE usage_hour SET requests = requests + 1 WHERE hour = (SELECT max(hour) FROM usage_hour)")


def measure(ask: Callable[[], bytes], rounds: int, before: Callable[[], object] = lambda: None) -> Cost:
    """Ask for a page many times: first for the CPU of this process, then as often with each query watched.

    `before` is done before each time and not measured.
    """
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from benchmarks.analytics import Stopwatch

    for _ in range(WARM_UP):
        content = ask()
    with CaptureQueriesContext(connection) as queries:
        ask()
    executed = len(queries)
    cpu_s, watched = [], []
    for _ in range(rounds):
        before()
        began = time.process_time()
        ask()
        cpu_s.append(time.process_time() - began)
    for _ in range(rounds):
        before()
        stopwatch = Stopwatch()
        with connection.execute_wrapper(stopwatch):
            ask()
        watched.append(stopwatch)
    return Cost(
        dashboard_ms=statistics.median(cpu_s) * 1000,
        postgres_ms=statistics.median(each.processor_s for each in watched) * 1000,
        queries_ms=statistics.median(each.taken_s for each in watched) * 1000,
        queries=executed,
        size=len(content),
    )


def _pages() -> dict[str, Callable[[], bytes]]:
    """Make the customer where there is none, sign its owner in, and return what asks for each page."""
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client

    from accounts.models import User
    from dashboard.demo import seed, usage
    from dashboard.demo.cast import NORTHWIND

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    kept = [spec for spec in NORTHWIND.keys if "deleted" not in spec.story]
    many = zip(range(1, KEYS + 1), cycle(kept), strict=False)
    customers = (replace(NORTHWIND, keys=tuple(replace(spec, name=f"{spec.name} {place}") for place, spec in many)),)
    if not seed.is_seeded():
        print(f"Making {KEYS} keys with their usage…", flush=True)
        seed.seed(customers)
    if usage.fill(customers):
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    owner = User.objects.get(email=NORTHWIND.people[0][0])
    client = Client()
    client.force_login(owner)
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())

    # Only now: it compares the master keys with what the database remembers of them.
    from dashboard.wsgi import application

    def asking(query: str, **headers: str) -> Callable[[], bytes]:
        def ask() -> bytes:
            environ: dict[str, Any] = {
                "REQUEST_METHOD": "GET", "PATH_INFO": "/keys/", "QUERY_STRING": query, "SERVER_NAME": "localhost",
                "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http", "wsgi.input": BytesIO(), "HTTP_COOKIE": cookies, **headers,
            }  # fmt: skip
            statuses: list[str] = []

            def start(status: str, *_: Any) -> Callable[[bytes], object]:
                statuses.append(status)
                return lambda content: None

            content = b"".join(application(environ, start))
            if statuses != ["200 OK"]:
                raise RuntimeError(f"{query}: {statuses}")
            return content

        return ask

    return {
        "keys": asking(""),
        "keys, a search by htmx": asking("q=a", HTTP_HX_REQUEST="true"),
        "keys, the dense table": asking("layout=table"),
        "keys, none found": asking("q=nothing-of-this-name"),
    }


def _profile(ask: Callable[[], bytes], rounds: int) -> None:
    for _ in range(WARM_UP):
        ask()
    profile = cProfile.Profile()
    with profile:
        for _ in range(rounds):
            ask()
    statistic = pstats.Stats(profile)
    statistic.sort_stats("cumulative").print_stats(70)
    statistic.sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    sys.exit(main())
