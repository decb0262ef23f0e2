"""Measure analytics over millions of rows: `make bench-analytics`, or `python -m benchmarks.analytics --rows 5000000`.

For each page and range the time that all queries of one request take together, for a customer whose 20 keys are busy around the clock
and for the largest one; the usage of a list of 50 keys; rows counted per second beside readers; the disk that a row takes. Every query
that touches usage is explained once, and a sequential scan of a usage table is reported. Writes bench-analytics.json. What was filled
before is used again, with what has passed since.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RANGES = ("1h", "24h", "7d", "30d", "90d", "12m")
VIEWS = {"usage": "", "breaches": "breaches/", "errors": "errors/", "callers": "callers/"}
OTHERS = {
    "limits": "/analytics/limits/",
    "statement": "/analytics/statement/",
    "keys": "/keys/",
    "key": "/keys/{key}/",
    "limits of a key": "/analytics/limits/{key}/",
}
BY_MINUTE = {"1h", "limits of a key"}
"""What reads usage by the minute."""
TARGETS_MS = {"twenty": 20.0, "largest": 250.0}
MINUTE_TARGET_MS, LIST_TARGET_MS, INGEST_TARGET = 50.0, 20.0, 50_000
DELTAS, INGEST_SECONDS = 5_000, 10
PAIRS_ASSUMED = (1_000, 10_000)
PAIRS_IN_USE = 25_000
"""So many keys × products are in use at the same time while rows are counted."""
LARGE = {
    "usage_minute", "usage_hour", "usage_day", "usage_month", "usage_error", "usage_organization_minute", "usage_organization_hour",
    "usage_organization_day", "usage_organization_error", "request_log",
}  # fmt: skip
_SIZES = """
SELECT relname, pg_total_relation_size(oid), greatest(reltuples, 0)::bigint FROM pg_class
WHERE relkind = 'r' AND (relname LIKE 'usage\\_%' OR relname = 'request_log') AND reltuples > 0 ORDER BY relname
"""


class Stopwatch:
    """Adds up what the queries of a request take, by the clock and of PostgreSQL's processor; keeps those that touch usage."""

    def __init__(self) -> None:
        self.taken_s = self.processor_s = 0.0
        self.queries = 0
        self.statements: dict[str, Any] = {}

    def __call__(self, execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        """Run a query."""
        backend = Path(f"/proc/{context['connection'].connection.info.backend_pid}/schedstat")
        used_ns, began = int(backend.read_text().split()[0]), time.perf_counter()
        try:
            return execute(sql, parameters, many, context)
        finally:
            self.queries += 1
            self.taken_s += time.perf_counter() - began
            self.processor_s += (int(backend.read_text().split()[0]) - used_ns) / 1e9
            if "usage_" in sql or "request_log" in sql:
                self.statements.setdefault(sql, parameters)


def percentile(values: list[float], part: float) -> float:
    """Return the value that so large a part of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def figures(found: list[Stopwatch]) -> dict[str, float]:
    """Return p50 and p95 in milliseconds, the p50 of the processor's time, how many queries; the first two requests warm up."""
    taken_ms, processor_ms = ([each * 1000 for each in times] for times in zip(
        *((one.taken_s, one.processor_s) for one in found[2:]), strict=True
    ))  # fmt: skip
    return {
        "p50": round(statistics.median(taken_ms), 1),
        "p95": round(percentile(taken_ms, 0.95), 1),
        "processor_p50": round(statistics.median(processor_ms), 1),
        "queries": found[-1].queries,
    }


@contextmanager
def watched() -> Iterator[Stopwatch]:
    """Time the queries of a block."""
    from django.db import connection

    stopwatch = Stopwatch()
    with connection.execute_wrapper(stopwatch):
        yield stopwatch


def measure_pages(repeat: int, scans: set[str]) -> dict[str, Any]:
    """Ask for every view and range, and the pages beside them, as each customer's owner; return figures by customer and page."""
    from django.test import Client

    found: dict[str, Any] = {}
    for name, organization in customers().items():
        client = Client(HTTP_HOST="localhost")
        client.force_login(owner_of(organization))
        key = organization.keys.order_by("pk")[0]
        asked = {
            f"{view} {name}": (f"/analytics/{path}", {"range": name}) for view, path in VIEWS.items() for name in RANGES
        }
        asked |= {page: (path.format(key=key.public_id), {}) for page, path in OTHERS.items()}
        for page, (path, query) in asked.items():
            taken: list[Stopwatch] = []
            for _ in range(repeat + 2):
                with watched() as stopwatch:
                    answer = client.get(path, query)
                if answer.status_code != 200:
                    raise RuntimeError(f"{path} {query}: {answer.status_code}")
                taken.append(stopwatch)
            scans |= sequential_scans(stopwatch.statements)
            found[f"{name} {page}"] = figures(taken)
    return found


def measure_list(repeat: int, scans: set[str]) -> dict[str, float]:
    """Read the usage of 50 keys of the largest customer, as the key list does."""
    from analytics import key_usage

    organization = customers()["largest"]
    ids = list(organization.keys.order_by("pk").values_list("pk", flat=True)[:50])
    taken = []
    for _ in range(repeat + 2):
        with watched() as stopwatch:
            key_usage.of_keys(ids, organization)
        taken.append(stopwatch)
    scans |= sequential_scans(stopwatch.statements)
    return figures(taken)


def sequential_scans(statements: dict[str, Any]) -> set[str]:
    """Explain statements; return "table: beginning of the statement" for each usage table that is read from its first row to its last."""
    from django.db import connection

    found: set[str] = set()
    for sql, parameters in statements.items():
        with connection.cursor() as cursor:
            settings, semicolon, query = sql.rpartition(";")  # of the same turn: the plan depends on them
            cursor.execute(f"{settings}{semicolon} EXPLAIN (FORMAT JSON) {query}", parameters)
            if semicolon:
                cursor.nextset()
            plans = [cursor.fetchone()[0][0]["Plan"]]
        while plans:
            plan = plans.pop()
            plans += plan.get("Plans", [])
            table = plan.get("Relation Name", "")
            if plan["Node Type"] == "Seq Scan" and table in LARGE:
                found.add(f"{table}: {' '.join(sql.split())[:100]}")
    return found


def measure_ingest() -> dict[str, float]:
    """Add batches as a shipper does, while another process reads the busy customer's page; return rows and deltas per second.

    The same keys are in use all the time, in a new minute after each turn; the first turn is not counted, as it finds its pages on disk.
    None is of the largest customer, whose pages would otherwise have more to read in every further run.
    """
    import datetime as dt

    from django.db import connection

    from gateway import usage
    from keys.models import KeyProduct

    others = KeyProduct.objects.exclude(key__organization=customers()["largest"]).order_by("key_id")
    found = others.values_list("key__organization_id", "key_id", "product_id")
    pairs, reasons = list(found[:PAIRS_IN_USE]), ((429, "over_qps", 1), (404, "ok", 1))
    minute = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)

    def turn(minute: dt.datetime) -> int:
        rows = 0
        for start in range(0, len(pairs), DELTAS):
            chosen = [
                usage.Delta(*pair, 1, minute, 20, 1, 1, 0, 5, reasons if number % 5 == 0 else ())
                for number, pair in enumerate(pairs[start : start + DELTAS])
            ]
            with connection.connection.transaction():
                usage.add(connection.connection, chosen)
            owners = {(delta.organization_id, delta.product_id) for delta in chosen}
            failing = {(delta.organization_id, delta.product_id) for delta in chosen if delta.reasons}
            rows += (
                4 * len(chosen) + 3 * len(owners) + 2 * sum(bool(delta.reasons) for delta in chosen) + 2 * len(failing)
            )
        return rows

    connection.ensure_connection()
    turn(minute)
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.analytics", "--read"], cwd=ROOT, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()  # it is ready
        turns = rows = 0
        began = time.perf_counter()
        while time.perf_counter() - began < INGEST_SECONDS:
            turns += 1
            rows += turn(minute + turns * dt.timedelta(minutes=1))
        took_s = time.perf_counter() - began
        beside = json.loads(reader.stdout.readline())
    return {
        "rows_per_second": round(rows / took_s),
        "deltas_per_second": round(turns * len(pairs) / took_s),
        "page_beside_p95_ms": beside["p95"],
    }


def read_beside() -> None:
    """Ask for the busy customer's page while another process adds usage; print a line when it begins, and the figures."""
    from django.test import Client

    organization = customers()["twenty"]
    client = Client(HTTP_HOST="localhost")
    client.force_login(owner_of(organization))
    client.get("/analytics/", {"range": "7d"})
    print(flush=True)
    taken: list[Stopwatch] = []
    until = time.monotonic() + INGEST_SECONDS
    while time.monotonic() < until:
        with watched() as stopwatch:
            client.get("/analytics/", {"range": "7d"})
        taken.append(stopwatch)
        time.sleep(0.2)
    print(json.dumps(figures(taken)), flush=True)


def measure_disk() -> dict[str, Any]:
    """Return bytes per row (with indexes) by table, and what a billion requests a day take for so many busy pairs of key and product."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute(_SIZES)
        per_row = {table: round(size / rows) for table, size, rows in cursor.fetchall()}
    kept = {
        "usage_minute": 35 * 1_440,
        "usage_hour": 400 * 24,
        "usage_error": 400 * 24,
        "usage_day": 5 * 366,
        "usage_month": 60,
    }
    per_pair = sum(per_row.get(table, 0) * rows for table, rows in kept.items())
    return {
        "bytes_per_row": per_row,
        "gigabytes_of_a_billion_requests_a_day": {
            f"{pairs:,} keys × products in use every minute": round(pairs * per_pair / 1e9) for pairs in PAIRS_ASSUMED
        },
    }


def customers() -> dict[str, Any]:
    """Return the busy customer with 20 keys and the largest one."""
    from accounts.models import Organization
    from analytics.seeding import BUSY, LARGEST_NAME

    return {"twenty": Organization.objects.get(name=BUSY), "largest": Organization.objects.get(name=LARGEST_NAME)}


def owner_of(organization: Any) -> Any:
    """Return somebody who may look, made where there is nobody."""
    from accounts.models import Membership, Role, User

    member = organization.memberships.first()
    if member:
        return member.user
    user = User.objects.create_user(f"owner-{organization.slug}@example.com")
    Membership.objects.create(organization=organization, user=user, role=Role.OWNER)
    return user


def table(pages: dict[str, Any]) -> str:
    """Return the figures of the pages as Markdown."""
    lines = ["| customer, page | " + " | ".join(RANGES) + " |", "|---|" + "--:|" * len(RANGES)]
    for name in TARGETS_MS:
        for view in VIEWS:
            shown = " | ".join(cell_words(pages[f"{name} {view} {range_name}"]) for range_name in RANGES)
            lines.append(f"| {name}, {view} | {shown} |")
    lines += ["", "| customer | " + " | ".join(OTHERS) + " |", "|---|" + "--:|" * len(OTHERS)]
    lines += [
        f"| {name} | " + " | ".join(cell_words(pages[f"{name} {page}"]) for page in OTHERS) + " |"
        for name in TARGETS_MS
    ]
    return "\n".join(lines)


def cell_words(cell: dict[str, float]) -> str:
    """Return a cell of the table."""
    return f"{cell['p50']:.1f} / {cell['p95']:.1f} ({cell['processor_p50']:.1f})"


def target_ms(customer: str, page: str) -> float:
    """Return what all queries of a page may take."""
    by_minute = customer == "twenty" and any(page.endswith(name) for name in BY_MINUTE)
    return MINUTE_TARGET_MS if by_minute else TARGETS_MS[customer]


def missed(pages: dict[str, Any], listed: dict[str, float], ingest: dict[str, float], scans: set[str]) -> list[str]:
    """Return which targets were missed, in words."""
    found = [
        f"{name}: {cell['p95']} ms" for name, cell in pages.items() if cell["p95"] > target_ms(*name.split(" ", 1))
    ]
    if listed["p95"] > LIST_TARGET_MS:
        found.append(f"list of 50 keys: {listed['p95']} ms")
    if ingest["rows_per_second"] < INGEST_TARGET:
        found.append(f"ingest: {ingest['rows_per_second']:,} rows per second")
    return found + [f"sequential scan of {scan}" for scan in sorted(scans)]


def _set_up() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "dashboard.settings"
    os.environ["USAGE_REMEMBERED_SECONDS"] = "0"  # every list of keys is read as the first in a minute
    import django

    django.setup()


def main() -> int:
    """Start a PostgreSQL of its own, fill it where it holds another number of rows, measure, print, write. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.analytics", description="Measure analytics over millions of rows."
    )
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--repeat", type=int, default=20, help="requests of each page and range")
    parser.add_argument("--read", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        _set_up()
        read_beside()
        return 0
    from benchmarks import machine
    from dashboard import postgres

    var = Path(os.environ.get("DATA_DIR") or ROOT / "var").absolute()
    place = var / "bench-analytics"
    described = machine.describe()
    os.environ |= {"DEBUG": "1", "DATA_DIR": str(place), "DATABASE_URL": postgres.start(place)}
    _set_up()
    from django.core.management import call_command
    from django.utils import timezone

    from analytics import seeding

    call_command("migrate", verbosity=0)
    marker = place / "rows.txt"
    if not marker.exists() or marker.read_text() != str(options.rows):
        call_command("seed_usage", rows=options.rows)
        marker.write_text(str(options.rows))
    seeding.catch_up(options.rows, now=timezone.now(), say=print)
    scans: set[str] = set()
    pages = measure_pages(options.repeat, scans)
    listed = measure_list(options.repeat, scans)
    disk = measure_disk()
    ingest = measure_ingest()
    failed = missed(pages, listed, ingest, scans)
    summary = {
        "rows": options.rows, "pages_ms": pages, "list_of_50_keys_ms": listed, "ingest": ingest, "disk": disk,
        "sequential_scans": sorted(scans), "missed": failed, "machine": described | {"load after": f"{os.getloadavg()[0]:.1f}"},
    }  # fmt: skip
    (var / "bench-analytics.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    described = summary["machine"]
    print(
        ", ".join(
            f"{what}: {described[what]}"
            for what in ("processor", "cores", "kernel", "python", "load before", "load after")
        )
    )
    print(f"\nQueries of one request, ms, p50 / p95 (p50 of PostgreSQL's processor)\n\n{table(pages)}\n")
    print(f"list of 50 keys, ms: {listed}\ningest: {ingest}\ndisk: {json.dumps(disk, indent=1, ensure_ascii=False)}")
    print("missed: " + ("; ".join(failed) or "nothing"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
