"""How long the look-ups of the support desk take in the database, among a million keys: `python -m benchmarks.support`.

Each look-up runs as its page runs it; what is timed are its queries, one after the other, as the program that asks sees them.
The database is made once, in `var/bench-support`, and kept.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import machine
from dashboard import postgres

ROOT = Path(__file__).resolve().parent.parent
LIMIT_MS = 50


def main() -> int:
    """Fill, measure, print a table. Return 1 when a look-up takes longer than it may."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.support", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    data_dir = Path(os.environ.get("DATA_DIR") or ROOT / "var") / "bench-support"
    url = postgres.start(data_dir.absolute())
    os.environ |= {"DEBUG": "1", "DATABASE_URL": url, "DATA_DIR": str(data_dir)}
    os.environ["DJANGO_SETTINGS_MODULE"] = "dashboard.settings"
    import django

    django.setup()
    _fill(options.keys)
    rows = [(name, _time(act, options.rounds)) for name, act in _look_ups().items()]
    print(f"\n| look-up | queries | p50 ms | highest ms of {options.rounds} |\n|---|--:|--:|--:|")
    for name, (queries, times) in rows:
        print(f"| {name} | {queries} | {statistics.median(times):.1f} | {max(times):.1f} |")
    print("\n" + ", ".join(f"{name}: {value}" for name, value in machine.describe().items()))
    slow = [name for name, (_, times) in rows if statistics.median(times) > LIMIT_MS]
    print(f"Look-ups above {LIMIT_MS} ms: {', '.join(slow) or 'none'}")
    return 1 if slow else 0


def _fill(keys: int) -> None:
    from django.core.management import call_command
    from django.db import connection, transaction

    from benchmarks import support_data
    from keys.models import ApiKey

    call_command("migrate", verbosity=0)
    if ApiKey.objects.exists():
        return
    print(f"Making {keys:,} keys…", flush=True)
    with transaction.atomic(), connection.cursor() as cursor:
        support_data.fill(
            cursor, keys=keys, organizations=keys // 10, requests=keys // 2, waiting=10, minutes=30 * 24 * 60
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _look_ups() -> dict[str, Callable[[], Any]]:
    """Return what is measured by its name."""
    from django.db.models import F, Max

    from accounts.models import Organization, User
    from analytics.models import RequestRecord
    from keys.models import ApiKey, KeySecret
    from support import explain, find, qps, queries
    from support.search import search

    middle = (ApiKey.objects.aggregate(last=Max("pk"))["last"] or 2) // 2
    key = ApiKey.objects.filter(pk__lte=middle, allowed_domains__len=2).exclude(allowed_domains__contains=["localhost"])
    one = key.order_by("-pk")[0]
    hint = KeySecret.objects.get(key=one).hint
    customer = Organization.objects.filter(name__endswith="Maps").order_by(F("pk").desc())[0]
    person = User.objects.filter(email__startswith="bench-person").order_by("-pk")[0]
    trace = RequestRecord.objects.order_by("pk")[1000].tracking_id
    wish = qps.queue("1")[1][0].wish

    return {
        "key by its ID": lambda: search(one.public_id),
        "key by its hint": lambda: search(hint),
        "key by the beginning of its hint": lambda: search(hint[:6]),
        "key by the end of its hint": lambda: search(hint[-4:]),
        "keys by three letters, many": lambda: search(hint[:3]),
        "key by its whole name": lambda: search(one.name),
        "keys by the beginning of a name that an eighth has": lambda: search("Production"),
        "key by a domain of its own": lambda: search(one.allowed_domains[1]),
        "keys by a domain below a wildcard": lambda: search(f"maps.{one.allowed_domains[0][2:]}"),
        "keys by a domain that a quarter has": lambda: search("localhost"),
        "organisation by its ID": lambda: search(customer.public_id),
        "organisation by the beginning of its name": lambda: search(customer.name[:6]),
        "person by e-mail": lambda: search(person.email),
        "people by the beginning of an address that all have": lambda: search("bench-person@"[:12]),
        "person by last name": lambda: search(person.last_name),
        "people by a first name that an eighth has": lambda: search("Ada"),
        "request by Tracking-ID": lambda: search(trace),
        "what nobody has": lambda: search("nobody-has-this"),
        "page of a key": lambda: queries.key_page(find.key(one.public_id)),
        "page of an organisation": lambda: queries.organization_page(find.organization(customer.public_id)),
        "page of a person": lambda: queries.person_page(find.person(person.public_id)),
        "page of a request": lambda: explain.traces(trace),
        "queue of ten QPS requests": lambda: qps.queue("1"),
        "QPS request with 43,200 minutes": lambda: qps.decision_page(find.qps_request(wish.public_id)),
    }


def _time(act: Callable[[], Any], rounds: int) -> tuple[int, list[float]]:
    """Return how many queries a look-up makes, and the milliseconds that they take together, for each round."""
    from django.db import connection

    took: list[float] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            took.append((time.perf_counter() - began) * 1000)

    totals, count = [], 0
    with connection.execute_wrapper(watch):
        for _ in range(rounds + 1):
            took.clear()
            act()
            totals.append(sum(took))
            count = len(took)
    return count, totals[1:]  # the first one fills the caches


if __name__ == "__main__":
    sys.exit(main())
