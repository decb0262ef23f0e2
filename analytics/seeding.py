"""Fill the usage tables with millions of believable rows, by COPY: for measuring, never beside real customers.

A thousand customers whose sizes fall off with their rank, the first with 5,000 keys. One key in ten makes most of the traffic, most
are used now and then, by day more than at night; between one and two per cent of the requests fail. The last days are written by the
minute and summed up to hours, the year before by the hour; days, months, reasons and the sums by organisation are made of the
hours, so that all tables agree. What has passed since is added later by the gateway's own statements, in the same manner.
"""

import datetime as dt
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from accounts.models import Organization, Plan
from analytics.models import OrganizationMinute
from analytics.ranges import HOUR, MINUTE, hour_mark
from gateway import usage
from keys import tokens, vault
from keys.models import ApiKey, KeyProduct, KeySecret, Product

ORGANIZATIONS, LARGEST, SMALLEST = 1_000, 5_000, 2
BUSY = "Twenty busy keys"
BUSY_KEYS = 20
"""One more customer uses all of its keys around the clock: the one that pages are measured with."""
LARGEST_NAME = "Seeded 1"
PRODUCTS_EACH = 3
HOURLY_DAYS = 396
ZONES = ("UTC", "Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Sydney")
PROFILE = (1, 1, 1, 1, 1, 2, 4, 8, 12, 13, 12, 11, 10, 11, 12, 12, 11, 9, 7, 5, 4, 3, 2, 1)
SHARES = {0.6: 10, 0.1: 30, 0.01: 60}
"""In what part of its hours a key is used: so many of a hundred keys."""
MINUTES_OF_HOUR = 0.5
_HOURS_SHARE, _MINUTES_SHARE = 0.35, 0.2
_TEMPLATES = 8_191

TABLES = (
    "usage_minute", "usage_hour", "usage_day", "usage_month", "usage_error", "usage_organization_minute", "usage_organization_hour",
    "usage_organization_day", "usage_organization_error",
)  # fmt: skip
_COUNTS = "requests, over_qps, errors_4xx, errors_5xx, peak_qps, duration_ms_sum, duration_count"
_SUMS = """sum(requests), sum(over_qps), sum(errors_4xx), sum(errors_5xx), max(peak_qps), sum(duration_ms_sum),
    sum(duration_count)"""
_ZONE = "JOIN accounts_organization o ON o.id = u.organization_id"
_DATE = "((hour + interval '59 minutes') AT TIME ZONE o.time_zone)::date"


def _summed(table: str, places: str, values: str, source: str) -> str:
    numbers = ", ".join(str(number + 1) for number in range(places.count(",") + 1))
    owner, owned = ("organization_id, ", "max(organization_id), ") if "key_id" in places else ("", "")
    return f"""INSERT INTO {table} ({places}, {owner} {_COUNTS}) SELECT {values}, {owned} {_SUMS} FROM {source} u {_ZONE}
        GROUP BY {numbers} ORDER BY 2"""  # noqa: S608  (names of this module)


_DERIVED = (
    _summed(
        "usage_hour",
        "key_id, hour, product_id",
        "key_id, date_trunc('hour', minute, o.time_zone), product_id",
        "usage_minute",
    ),
    _summed("usage_day", "key_id, date, product_id", f"key_id, {_DATE}, product_id", "usage_hour"),
    _summed(
        "usage_month", "key_id, month, product_id", "key_id, date_trunc('month', date)::date, product_id", "usage_day"
    ),
    _summed(
        "usage_organization_minute",
        "organization_id, minute, product_id",
        "organization_id, minute, product_id",
        "usage_minute",
    ),
    _summed(
        "usage_organization_hour",
        "organization_id, hour, product_id",
        "organization_id, hour, product_id",
        "usage_hour",
    ),
    _summed(
        "usage_organization_day", "organization_id, date, product_id", "organization_id, date, product_id", "usage_day"
    ),
    """INSERT INTO usage_error (organization_id, key_id, hour, product_id, status, outcome, requests)
        SELECT organization_id, key_id, hour, product_id, why.status, why.outcome, why.requests FROM usage_hour u CROSS JOIN LATERAL (
            VALUES (429, 'over_qps', over_qps), (404, 'ok', errors_4xx - errors_4xx / 3),
                   (403, 'product_not_allowed', errors_4xx / 3), (502, 'ok', errors_5xx)
        ) AS why (status, outcome, requests) WHERE why.requests > 0""",
    f"""INSERT INTO usage_organization_error (organization_id, date, product_id, status, outcome, requests, key_id)
        SELECT organization_id, {_DATE}, product_id, status, outcome, sum(requests), max(key_id) FROM usage_error u {_ZONE}
        GROUP BY 1, 2, 3, 4, 5 ORDER BY 2""",  # noqa: S608  (names of this module)
)
_LOG = """INSERT INTO request_log (at, tracking_id, organization_id, key_id, product_id, secret_number, outcome, status, host, network, client)
        SELECT minute + random() * interval '1 minute', md5(random()::text), organization_id, key_id, product_id, 1,
               CASE WHEN random() < 0.02 THEN 'over_qps' ELSE 'ok' END, CASE WHEN random() < 0.02 THEN 429 ELSE 200 END,
               'www' || (random() * 20)::int || '.example.com', '192.0.' || (random() * 30)::int || '.0/24',
               (ARRAY['okhttp', 'Chrome', 'python-requests', 'node'])[1 + (random() * 3)::int]
        FROM usage_minute WHERE minute >= (SELECT {since})"""


@dataclass(frozen=True, slots=True)
class Pair:
    """A key with a product: how its rows begin, and the number of its zone in ZONES."""

    head: str
    zone: int


def fill(rows: int, *, now: dt.datetime, say: Callable[[str], Any]) -> dict[str, int]:
    """Write about so many rows in all usage tables together, in place of what they hold. Returns the number of rows by table."""
    dice = random.Random(20_261_123)  # noqa: S311  (repeatable, no secret)
    if not Organization.objects.filter(name=BUSY).exists():
        say("Making customers and keys…")
        _make_customers()
    groups = _groups(rows, dice)
    per_minute = sum(_by_minute(share) * len(pairs) for share, pairs in groups)
    hours_by_minute = max(3, min(30 * 24, int(rows * _MINUTES_SHARE / per_minute / 60)))
    end = now.replace(second=0, microsecond=0)
    fine_from = end.replace(minute=0) - hours_by_minute * HOUR
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
        cursor.execute("SET LOCAL work_mem = '128MB'")
        indexes = [index for table in (*TABLES, "request_log") for index in _take_indexes(cursor, table)]
        say("Copying hours…")
        hours = (fine_from - number * HOUR for number in range(HOURLY_DAYS * 24, 0, -1))
        _copy(cursor, "usage_hour", "hour", _rows(groups, hours, dice, scale=40, by_minute=False))
        say(f"Copying {hours_by_minute} hours by the minute…")
        minutes = (fine_from + number * MINUTE for number in range(int((end - fine_from) / MINUTE)))
        groups = [(_by_minute(share), pairs) for share, pairs in groups]
        _copy(cursor, "usage_minute", "minute", _rows(groups, minutes, dice, scale=1, by_minute=True))
        for statement in [*_DERIVED, _LOG.format(since="max(minute) - interval '3 hours' FROM usage_minute")]:
            say(f"Summing up {statement.split()[2]}…")
            cursor.execute(statement)
        for number, definition in enumerate(indexes, 1):
            say(f"Indexing, {number} of {len(indexes)}…")
            cursor.execute(definition)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        return {table: _count(cursor, table) for table in TABLES}


def catch_up(rows: int, *, now: dt.datetime, say: Callable[[str], Any]) -> None:
    """Add what has passed since `fill(rows)` by the gateway's own statements, so that the last hour has usage again."""
    dice = random.Random(20_261_123)  # noqa: S311  (that of `fill`, so that the same keys are busy)
    organization = Organization.objects.get(name=LARGEST_NAME)
    last = OrganizationMinute.objects.filter(organization_id=organization.pk, minute__lt=now).latest("minute").minute
    minutes = [last + number * MINUTE for number in range(1, int((now - last) / MINUTE))]
    if not minutes:
        return
    say(f"Adding {len(minutes):,} minutes…")
    groups = [(_by_minute(share), pairs) for share, pairs in _groups(rows, dice)]
    for piece in _rows(groups, iter(minutes), dice, scale=1, by_minute=True):
        with transaction.atomic():
            usage.add(connection.connection, map(_delta, piece.splitlines()))
    with connection.cursor() as cursor:
        cursor.execute(_LOG.format(since="%s::timestamptz"), [minutes[0]])


def _delta(row: str) -> usage.Delta:
    """Read a row by the minute, see `_rows`; what failed has the reasons that `fill` gives it."""
    organization, key, product, minute, string, *counts = row.split("\t")
    requests, over_qps, errors_4xx, errors_5xx, peak_qps, duration_ms_sum, duration_count = map(int, counts)
    why = ((429, "over_qps", over_qps), (404, "ok", errors_4xx - errors_4xx // 3),
           (403, "product_not_allowed", errors_4xx // 3), (502, "ok", errors_5xx))  # fmt: skip
    return usage.Delta(
        int(organization), int(key), int(product), int(string), dt.datetime.fromisoformat(minute), requests, over_qps, errors_4xx,
        errors_5xx, peak_qps, tuple(each for each in why if each[2]), duration_ms_sum, duration_count,
    )  # fmt: skip


def _groups(rows: int, dice: random.Random) -> list[tuple[float, list[Pair]]]:
    """Return the pairs in use, with the part of them that is used in an hour: all of the busy customer, others as the rows allow."""
    busy, others = _pairs(dice)
    full = sum(share * len(pairs) for share, pairs in others.items())
    keep = max(0.0, min(1.0, (rows * _HOURS_SHARE / (HOURLY_DAYS * 24) - len(busy)) / full))
    return [(1.0, busy), *((share * keep, pairs) for share, pairs in others.items())]


def _by_minute(share: float) -> float:
    return share if share == 1.0 else share * MINUTES_OF_HOUR


def _count(cursor: Any, table: str) -> int:
    cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608  (names of this module)
    return int(cursor.fetchone()[0])


def _take_indexes(cursor: Any, table: str) -> list[str]:
    """Empty a table and take its indexes away, so that rows are copied quickly; return the statements that bring them back."""
    cursor.execute(
        """
        SELECT c.relname, pg_get_indexdef(i.indexrelid), con.conname, pg_get_constraintdef(con.oid)
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid LEFT JOIN pg_constraint con ON con.conindid = i.indexrelid
        WHERE i.indrelid = %s::regclass ORDER BY con.conname IS NULL
        """,
        [table],
    )
    found = cursor.fetchall()
    cursor.execute(f"TRUNCATE {table}")
    statements = []
    for name, definition, constraint, constraint_definition in found:
        if constraint:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
            statements.append(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {constraint_definition}")
        else:
            cursor.execute(f"DROP INDEX {name}")
            statements.append(definition)
    return statements


def _copy(cursor: Any, table: str, bucket: str, rows: Iterator[str]) -> None:
    secret = ", secret_number" if table == "usage_minute" else ""
    columns = f"organization_id, key_id, product_id, {bucket}{secret}, {_COUNTS}"
    with connection.connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for piece in rows:
            copy.write(piece)


def _rows(
    groups: list[tuple[float, list[Pair]]], times: Iterator[dt.datetime], dice: random.Random, *, scale: int, by_minute: bool
) -> Iterator[str]:  # fmt: skip
    """Yield the rows of one time after the other, each as one text. Of each group a part is in use, another one each time."""
    templates = [_template(dice, scale) for _ in range(_TEMPLATES)]
    zones = [ZoneInfo(zone) for zone in ZONES]
    mean = sum(PROFILE) / len(PROFILE)
    for time in times:
        stamps = [f"{time if by_minute else hour_mark(time, zone):%Y-%m-%d %H:%M}+00\t" for zone in zones]
        stamps = [stamp + "1\t" for stamp in stamps] if by_minute else stamps
        lines: list[str] = []
        for share, pairs in groups:
            part = 1.0 if share == 1.0 else min(1.0, share * PROFILE[time.hour] / mean)
            count = int(len(pairs) * part + dice.random())
            start, shift = dice.randrange(len(pairs)), dice.randrange(_TEMPLATES)
            chosen = pairs[start : start + count]
            chosen += pairs[: count - len(chosen)]
            lines += [
                pair.head + stamps[pair.zone] + templates[(number + shift) % _TEMPLATES]
                for number, pair in enumerate(chosen)
            ]
        yield "".join(lines)


def _template(dice: random.Random, scale: int) -> str:
    """Return the counts of a row as COPY reads them."""
    requests = max(1, int(dice.lognormvariate(2.2, 1.1) * scale))
    failing = dice.random() < 0.3
    over = int(requests * dice.uniform(0, 0.04)) if failing else 0
    errors_4xx = int(requests * dice.uniform(0, 0.06)) if failing else 0
    errors_5xx = int(requests * dice.uniform(0, 0.01)) if failing else 0
    peak = max(1, int(requests / scale / 8 * dice.uniform(0.5, 3)))
    return f"{requests}\t{over}\t{errors_4xx}\t{errors_5xx}\t{peak}\t{requests * dice.randrange(20, 90)}\t{requests}\n"


def _pairs(dice: random.Random) -> tuple[list[Pair], dict[float, list[Pair]]]:
    """Return the busy customer's pairs, and all others by how often they are used, shuffled."""
    busy: list[Pair] = []
    others: dict[float, list[Pair]] = {share: [] for share in SHARES}
    names = KeyProduct.objects.order_by("key_id", "product_id").values_list(
        "key__organization_id", "key_id", "product_id", "key__organization__time_zone", "key__organization__name"
    )
    share, last = 0.0, 0
    for organization, key, product, zone, name in names.iterator(chunk_size=10_000):
        if key != last:
            share, last = dice.choices(list(SHARES), list(SHARES.values()))[0], key
        pair = Pair(f"{organization}\t{key}\t{product}\t", ZONES.index(zone))
        (busy if name == BUSY else others[share]).append(pair)
    for pairs in others.values():
        dice.shuffle(pairs)
    return busy, others


def _make_customers() -> None:
    """Make customers, keys and strings in bulk, without the verbs and their audit log."""
    products = list(Product.objects.order_by("position")[:PRODUCTS_EACH])
    sizes = [max(SMALLEST, int(LARGEST / (rank + 1) ** 1.05)) for rank in range(ORGANIZATIONS)]
    names = [(BUSY, BUSY_KEYS), *((f"Seeded {rank + 1}", size) for rank, size in enumerate(sizes))]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no change feed: no gateway serves these keys
        organizations = Organization.objects.bulk_create(
            Organization(name=name, slug=f"seeded-{number}", plan=Plan.ENTERPRISE, time_zone=ZONES[number % len(ZONES)])
            for number, (name, _) in enumerate(names)
        )
        keys = ApiKey.objects.bulk_create(
            (
                ApiKey(organization=organization, name=f"Key {number}", billing_type="paying")
                for organization, (_, size) in zip(organizations, names, strict=True)
                for number in range(size)
            ),
            batch_size=2_000,
        )
        strings = (tokens.make() for _ in keys)
        KeySecret.objects.bulk_create(
            (
                KeySecret(key=key, number=1, digest=vault.digest(string), hint=tokens.hint(string))
                for key, string in zip(keys, strings, strict=True)
            ),
            batch_size=2_000,
        )
        KeyProduct.objects.bulk_create(
            (KeyProduct(key=key, product=product) for key in keys for product in products), batch_size=5_000
        )
