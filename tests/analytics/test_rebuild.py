"""Hours, days and months counted anew: equal brute force in any zone, never doubled, also beside a shipper."""

import collections
import datetime as dt
import threading
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import AuditEvent
from analytics import rebuild, tasks
from analytics.models import (
    OrganizationDay,
    OrganizationError,
    OrganizationHour,
    OrganizationMinute,
    UsageDay,
    UsageError,
    UsageHour,
    UsageMinute,
    UsageMonth,
    ZoneChange,
)
from gateway import usage
from tests.analytics.usage import add, delta, record
from tests.factories import KeyFactory
from tests.gateway.processes import database_url

HOUR, DAY, MINUTE = dt.timedelta(hours=1), dt.timedelta(days=1), dt.timedelta(minutes=1)
METRICS = ("requests", "over_qps", "errors_4xx", "errors_5xx")
ALL = (UsageMinute, UsageHour, UsageDay, UsageMonth, OrganizationMinute, OrganizationHour, OrganizationDay)
ZONES = [
    "UTC", "Europe/Amsterdam", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Pago_Pago",
]  # fmt: skip


def totals(organization) -> dict[str, dict[str, int]]:
    """The four metrics by table; that of the reasons is its own."""
    sums = {name: Sum(name) for name in METRICS}
    return {model.__name__: model.objects.filter(organization_id=organization.pk).aggregate(**sums) for model in ALL}


def assert_sums_agree(organization, requests: int) -> None:
    found = totals(organization)
    assert {name: sums["requests"] for name, sums in found.items()} == dict.fromkeys(found, requests)
    assert len({tuple(sums.values()) for sums in found.values()}) == 1
    failed = sum(found["UsageDay"][name] for name in METRICS[1:])
    for model in (UsageError, OrganizationError):
        counted = model.objects.filter(organization_id=organization.pk).aggregate(n=Sum("requests"))["n"] or 0
        assert counted == failed


def by_date(organization, model=UsageDay, bucket="date") -> dict[dt.date, int]:
    rows = model.objects.filter(organization_id=organization.pk).values(bucket).annotate(n=Sum("requests"))
    return {row[bucket]: row["n"] for row in rows}


def brute_force(ledger: dict[dt.datetime, int], zone: str, *, first: dt.date = dt.date.min) -> dict[dt.date, int]:
    days: collections.Counter[dt.date] = collections.Counter()
    for at, requests in ledger.items():
        days[at.astimezone(ZoneInfo(zone)).date()] += requests
    return {date: requests for date, requests in days.items() if date >= first}


def fill(cast, ages: list[dt.timedelta]) -> dict[dt.datetime, int]:
    """Count requests so long ago, each number once, in two keys; return them by minute."""
    now, ledger, deltas = timezone.now().replace(second=0, microsecond=0), {}, []
    for number, age in enumerate(ages, 1):
        at = now - age
        failed = {"s429_over_qps": number // 3, "s404_ok": number // 4, "s502_ok": number // 5}
        code = ("search", "map-display")[number % 2]
        deltas.append(delta(cast.key, code, at, number, peak=number % 9, string=number % 2 + 1, **failed))
        ledger[at] = ledger.get(at, 0) + number
    add(deltas)
    return ledger


class Interrupted:
    """A function that stops working after so many calls."""

    def __init__(self, real, *, after: int) -> None:
        self.real, self.left = real, after

    def __call__(self, *arguments):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return self.real(*arguments)


@pytest.mark.parametrize("former", ["UTC", "Australia/Lord_Howe", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Pacific/Kiritimati", "UTC"])
def test_another_zone_moves_every_request_to_its_day_and_none_is_lost_or_doubled(cast, former, zone):
    cast.northwind.time_zone = former
    cast.northwind.save(update_fields=["time_zone"])
    ledger = fill(cast, [number * 95 * MINUTE for number in range(60)])
    change = rebuild.change_time_zone(cast.northwind, zone, by=cast.ada)
    assert_sums_agree(cast.northwind, sum(ledger.values()))
    assert by_date(cast.northwind) == by_date(cast.northwind, OrganizationDay) == brute_force(ledger, zone)
    assert (change is None) == (former == zone)


def test_what_is_older_than_the_minutes_stays_and_the_page_says_from_when_days_are_right(ada, cast):
    ledger = fill(cast, [number * 7 * HOUR for number in range(1, 170)])
    kept = timezone.now() - 20 * DAY
    UsageMinute.objects.filter(minute__lt=kept).delete()
    OrganizationMinute.objects.filter(minute__lt=kept).delete()
    change = rebuild.change_time_zone(cast.northwind, "Asia/Kathmandu", by=cast.ada)
    assert change.recounted_at
    for model in (UsageHour, UsageDay, UsageMonth, OrganizationHour, OrganizationDay):
        sums = model.objects.filter(organization_id=cast.northwind.pk).aggregate(n=Sum("requests"))
        assert sums["n"] == sum(ledger.values()), model
    right = brute_force(ledger, "Asia/Kathmandu", first=change.first_date)
    assert {date: n for date, n in by_date(cast.northwind).items() if date >= change.first_date} == right
    assert 15 <= len(right) <= 20
    old = {date: n for date, n in brute_force(ledger, "UTC").items() if date < change.counted_from.date()}
    assert {date: n for date, n in by_date(cast.northwind).items() if date in old} == old
    page = ada.get("/analytics/", range="90d")
    assert f"from {change.first_date.day} {change.first_date:%B %Y} on" in page.one("#zone-note").text_content()
    assert not ada.get("/analytics/", range="7d").all("#zone-note")


def test_changing_back_and_forth_loses_nothing(cast):
    ledger = fill(cast, [number * 9 * HOUR for number in range(1, 130)])
    UsageMinute.objects.filter(minute__lt=timezone.now() - 20 * DAY).delete()
    for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "UTC"]:
        change = rebuild.change_time_zone(cast.northwind, zone, by=cast.ada)
        found = by_date(cast.northwind)
        assert sum(found.values()) == sum(ledger.values()) == sum(by_date(cast.northwind, UsageMonth, "month").values())
        right = brute_force(ledger, zone, first=change.first_date)
        assert {date: n for date, n in found.items() if date >= change.first_date} == right
    assert AuditEvent.objects.filter(verb="organization.time_zone_changed").count() == 4


def test_a_recount_that_was_interrupted_is_finished(cast, monkeypatch):
    ledger = fill(cast, [number * 5 * HOUR for number in range(40)])
    monkeypatch.setattr(rebuild, "BATCH_ROWS", 2)  # many steps
    monkeypatch.setattr(rebuild, "_count", Interrupted(rebuild._count, after=9))
    with pytest.raises(KeyboardInterrupt):
        rebuild.change_time_zone(cast.northwind, "Asia/Kathmandu", by=cast.ada)
    monkeypatch.undo()
    assert ZoneChange.objects.get().recounted_at is None
    call_command("rebuild_usage", organization=cast.northwind.public_id, verbosity=0)
    assert ZoneChange.objects.get().recounted_at
    assert by_date(cast.northwind) == brute_force(ledger, "Asia/Kathmandu")
    assert_sums_agree(cast.northwind, sum(ledger.values()))


def test_tables_in_doubt_are_counted_anew_from_the_minutes_and_only_those_of_one_customer(cast):
    ledger = fill(cast, [number * 11 * HOUR for number in range(30)])
    record(cast.other_key, "search", timezone.now(), 5)
    for model in (UsageHour, UsageDay, UsageMonth, OrganizationHour, OrganizationDay, OrganizationMinute):
        model.objects.update(requests=1)
    OrganizationDay.objects.filter(organization_id=cast.northwind.pk).delete()
    call_command("rebuild_usage", organization=cast.northwind.public_id, verbosity=0)
    assert_sums_agree(cast.northwind, sum(ledger.values()))
    assert totals(cast.other)["UsageDay"]["requests"] == 1
    call_command("rebuild_usage", verbosity=0)
    assert_sums_agree(cast.other, 5)
    with pytest.raises(CommandError):
        call_command("rebuild_usage", organization="org_0000000000000000")


def test_owners_change_the_zone_and_the_next_job_counts_anew(cast, ada):
    ledger = fill(cast, [number * 7 * HOUR for number in range(30)])
    assert ada.submit("/analytics/time-zone/", time_zone="Asia/Kathmandu").status == 302
    cast.northwind.refresh_from_db()
    assert cast.northwind.time_zone == "Asia/Kathmandu"
    assert ZoneChange.objects.get().recounted_at is None
    tasks.recount(timestamp=0)
    assert ZoneChange.objects.get().recounted_at
    assert by_date(cast.northwind) == brute_force(ledger, "Asia/Kathmandu")
    assert_sums_agree(cast.northwind, sum(ledger.values()))


def test_a_zone_that_is_none_is_refused_on_the_page(cast, ada):
    fields = ada.get("/analytics/time-zone/").fields()
    assert ada.post("/analytics/time-zone/", fields | {"time_zone": "Mars/Olympus"}).status == 422
    assert not ZoneChange.objects.exists()


def test_what_is_no_zone_changes_nothing(cast):
    with pytest.raises(ValidationError):
        rebuild.change_time_zone(cast.northwind, "Mars/Olympus", by=cast.ada)
    cast.northwind.refresh_from_db()
    assert cast.northwind.time_zone == "UTC"
    assert not ZoneChange.objects.exists()


def test_late_records_land_in_the_hour_day_and_month_they_belong_to(cast):
    now = timezone.now()
    record(cast.key, "search", now, 3)
    rebuild.change_time_zone(cast.northwind, "Asia/Kathmandu", by=cast.ada)
    for days in (1, 33, 50, 300):
        record(cast.key, "search", now - days * DAY, days)
    zone = ZoneInfo("Asia/Kathmandu")
    expected = {(now - days * DAY).astimezone(zone).date(): days for days in (1, 33, 50, 300)}
    assert {date: n for date, n in by_date(cast.northwind).items() if n != 3} == expected
    assert sum(by_date(cast.northwind, UsageMonth, "month").values()) == 3 + sum(expected.values())
    rebuild.rebuild(cast.northwind)
    assert sum(by_date(cast.northwind).values()) == 3 + sum(expected.values())


@given(
    former=st.sampled_from(ZONES), zone=st.sampled_from(ZONES),
    ages=st.lists(st.integers(0, 12 * 24 * 60), min_size=1, max_size=25), kept=st.integers(4, 14),
)  # fmt: skip
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_zones_and_times_the_sums_are_kept_and_the_days_are_right(cast, former, zone, ages, kept):
    for model in (*ALL, UsageError, OrganizationError, ZoneChange):
        model.objects.all().delete()
    cast.northwind.time_zone = former
    cast.northwind.save(update_fields=["time_zone"])
    ledger = fill(cast, [age * MINUTE for age in ages])
    UsageMinute.objects.filter(minute__lt=timezone.now() - kept * DAY).delete()
    change = rebuild.change_time_zone(cast.northwind, zone, by=None)
    found = by_date(cast.northwind)
    assert sum(found.values()) == sum(ledger.values())
    first = change.first_date if change else dt.date.min
    right = brute_force(ledger, zone, first=first)
    assert {date: n for date, n in found.items() if date >= first} == right
    hours = UsageHour.objects.filter(organization_id=cast.northwind.pk).aggregate(n=Sum("requests"))["n"]
    assert hours == sum(ledger.values())


@pytest.mark.django_db(transaction=True)
def test_counting_anew_beside_shippers_neither_loses_nor_doubles(monkeypatch):
    """Two writers add as fast as they can while the zone changes four times."""
    from tests.factories import OrganizationFactory

    organization = OrganizationFactory()
    keys = [KeyFactory(organization=organization) for _ in range(3)]
    now = timezone.now().replace(second=0, microsecond=0)
    written: collections.Counter[dt.datetime] = collections.Counter()
    stopping, counted = threading.Event(), threading.Lock()

    def ship(seed: int) -> None:
        with psycopg.connect(database_url()) as raw:
            number = seed
            while not stopping.is_set():
                number += 2
                at = now - (number * 37 % (6 * 24 * 60)) * MINUTE
                deltas = [
                    usage.Delta(organization.pk, key.pk, 1, 1, at, number, 1, 0, 0, 3, ((429, "over_qps", 1),)) for key in keys
                ]  # fmt: skip
                with raw.transaction():
                    usage.add(raw, deltas)
                with counted:
                    written[at] += 3 * number

    shippers = [threading.Thread(target=ship, args=(seed,)) for seed in (0, 1)]
    for shipper in shippers:
        shipper.start()
    monkeypatch.setattr(rebuild, "BATCH_ROWS", 300)
    for zone in ["Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe", "UTC"]:
        rebuild.change_time_zone(organization, zone, by=None)
    rebuild.rebuild(organization)
    stopping.set()
    for shipper in shippers:
        shipper.join()
    assert len(written) > 20
    assert_sums_agree(organization, sum(written.values()))
    assert by_date(organization) == brute_force(written, "UTC")
    print(f"{len(written)} minutes, {sum(written.values()):,} requests beside five recounts")
    connection.close()
