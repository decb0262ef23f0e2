"""What is counted is what was answered; hours and days are the organisation's; nothing is lost or doubled by a kill."""

import collections
import datetime as dt
import threading
import time
import zoneinfo

import psycopg
import pytest
from django.db import connection, transaction
from django.db.models import Max, Sum

from analytics.models import JournalOffset, RequestRecord, UsageDay, UsageError, UsageHour, UsageMinute
from gateway import usage
from gateway.usage import Delta
from keys.models import GatewayNode, KeyProduct
from tests.factories import KeyFactory, OrganizationFactory, products, string_of
from tests.gateway import kills
from tests.gateway.processes import database_url, wait_until

SEARCH = "/search/2/search/x.json"


def counted(key) -> collections.Counter[str]:
    """The sums of the minutes of a key; checked to be those of its hours and days."""
    fields = {name: Sum(name) for name in ("requests", "over_qps", "errors_4xx", "errors_5xx")}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # the shipper may add between the three
        sums = [model.objects.filter(key_id=key.pk).aggregate(**fields) for model in (UsageMinute, UsageHour, UsageDay)]
    assert sums[0] == sums[1] == sums[2]
    return collections.Counter({name: number or 0 for name, number in sums[0].items()})


def test_a_flood_admits_the_limit_and_counts_the_rest_as_breaches(people, gateway):
    """Four clients at once, three seconds: never more than the limit in any second, and the tables equal the clients' ledger."""
    KeyProduct.objects.filter(key=people.key, product__code="search").update(qps_limit=40)
    string = string_of(people.key)
    first = gateway.http()
    wait_until(lambda: first.ask("/nowhere", x_api_key=string).status == 404, within_s=2)
    ledger: list[tuple[float, float, int]] = []

    def flood():
        http = gateway.http()
        while time.monotonic() < until:
            before = time.monotonic()
            status = http.ask(SEARCH, x_api_key=string).status
            ledger.append((before, time.monotonic(), status))
            time.sleep(0.004)

    until = time.monotonic() + 3
    clients = [threading.Thread(target=flood) for _ in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    gateway.wait_shipped()
    by_status = collections.Counter(status for *_, status in ledger)
    assert set(by_status) == {200, 429}
    admitted = sorted((before, after) for before, after, status in ledger if status == 200)
    for i, (before, _) in enumerate(
        admitted
    ):  # surely within one second: asked after the first was, answered before its end
        window = [1 for b, a in admitted[i:] if b >= before and a < before + 1]
        assert len(window) <= 40
    assert by_status[200] >= 3 * 40 - 1
    (search,) = products("search")
    rows = UsageMinute.objects.filter(key_id=people.key.pk, product_id=search.pk)
    sums = rows.aggregate(requests=Sum("requests"), over=Sum("over_qps"), other=Sum("errors_4xx"), peak=Max("peak_qps"))
    assert (sums["requests"], sums["over"], sums["other"]) == (len(ledger), by_status[429], 0)
    assert 40 <= sums["peak"] <= len(ledger)
    errors = UsageError.objects.filter(key_id=people.key.pk, product_id=search.pk)
    assert list(errors.values_list("status", "outcome").annotate(Sum("requests"))) == [
        (429, "over_qps", by_status[429])
    ]
    assert counted(people.key)["over_qps"] == by_status[429]
    kept = RequestRecord.objects.filter(key_id=people.key.pk, outcome="over_qps").count()
    assert 100 <= kept <= 200  # a hundred per minute, and the flood may cross one
    print(f"{len(ledger)} answered, {by_status[200]} admitted, {by_status[429]} breaches, {kept} kept")


def test_shipped_until_moves_without_traffic(people, gateway):
    wait_until(lambda: GatewayNode.objects.filter(name=gateway.name, shipped_until__isnull=False).exists(), within_s=5)
    before = GatewayNode.objects.get(name=gateway.name).shipped_until
    wait_until(lambda: GatewayNode.objects.get(name=gateway.name).shipped_until > before, within_s=3)


def test_a_kill_at_any_moment_loses_and_doubles_nothing(people, postgres_server, own_gateway):
    ledger = kills.run(people, postgres_server, own_gateway, kills=6, clients=4, seed=7, pause_s=0.002)
    print(ledger)
    assert (ledger.lost, ledger.doubled) == (0, 0)
    assert ledger.counted_unanswered <= 4 * 2  # at most one per connection and kill of the gateway
    assert ledger.answered > 200


def test_two_shippers_do_not_double(people, own_gateway):
    gateways = [own_gateway(name) for name in ("one", "two")]
    gateways[1].environment["GATEWAY_PORT"] = str(gateways[1].port)
    for gateway in gateways:
        gateway.start()
    string = string_of(people.key)
    for gateway in gateways:
        http = gateway.http()
        for _ in range(300):
            assert http.ask("/map/1/x", x_api_key=string).status == 404
    for gateway in gateways:
        assert gateway.stop() == 0, gateway.log()
    assert counted(people.key)["requests"] == 600
    assert not JournalOffset.objects.filter(node__in=["one", "two"]).exists()


def test_a_gateway_without_shipper_leaves_its_journal_to_others(people, own_gateway):
    gateway = own_gateway("silent", GATEWAY_SHIPPER="0").start()
    assert gateway.shipper_pid() is None
    http, string = gateway.http(), string_of(people.key)
    for _ in range(10):
        http.ask("/map/1/x", x_api_key=string)
    assert gateway.stop() == 0
    assert counted(people.key)["requests"] == 0
    other = own_gateway("other").start()
    wait_until(lambda: counted(people.key)["requests"] == 10, within_s=5)
    assert other.stop() == 0


ZONES = ["UTC", "Europe/Amsterdam", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"]


@pytest.mark.parametrize("zone", ZONES)
def test_hours_and_days_are_those_of_the_zone(transactional_db, zone):
    """Minutes around both changes of the clocks and the year's end, against brute force."""
    organization = OrganizationFactory(time_zone=zone)
    key = KeyFactory(organization=organization)
    starts = [
        dt.datetime(2025, 3, 29, 22),
        dt.datetime(2025, 10, 25, 22),
        dt.datetime(2025, 4, 5, 13),
        dt.datetime(2025, 12, 31, 9),
    ]
    minutes = [start.replace(tzinfo=dt.UTC) + dt.timedelta(minutes=13 * n) for start in starts for n in range(150)]
    deltas = [
        Delta(
            organization.pk,
            key.pk,
            1 + n % 2,
            1,
            minute,
            n + 10,
            n % 3,
            n % 5,
            n % 2,
            n % 17,
            ((403, "suspended", n % 5),),
        )
        for n, minute in enumerate(minutes)
    ]
    with psycopg.connect(database_url()) as raw:
        usage.add(raw, deltas[:333])
        usage.add(raw, deltas[333:] + deltas[:5])
    hours, days, peaks = collections.Counter(), collections.Counter(), collections.defaultdict(int)
    for delta in deltas + deltas[:5]:
        local = delta.minute.astimezone(zoneinfo.ZoneInfo(zone))
        hour = delta.minute - dt.timedelta(minutes=local.minute)
        hours[hour, delta.product_id] += delta.requests
        days[local.date(), delta.product_id] += delta.requests
        peaks[local.date(), delta.product_id] = max(peaks[local.date(), delta.product_id], delta.peak_qps)
    of_key = {"key_id": key.pk}
    assert {
        (h, p): n for h, p, n in UsageHour.objects.filter(**of_key).values_list("hour", "product_id", "requests")
    } == hours
    assert {
        (d, p): n for d, p, n in UsageDay.objects.filter(**of_key).values_list("date", "product_id", "requests")
    } == days
    assert {
        (d, p): n for d, p, n in UsageDay.objects.filter(**of_key).values_list("date", "product_id", "peak_qps")
    } == peaks
    total = sum(delta.errors_4xx for delta in deltas + deltas[:5])
    assert UsageError.objects.filter(**of_key).aggregate(total=Sum("requests"))["total"] == total
    assert counted(key)["errors_4xx"] == total


def test_adding_belongs_to_the_callers_transaction(people):
    delta = Delta(people.northwind.pk, people.key.pk, 1, 1, dt.datetime(2026, 1, 1, tzinfo=dt.UTC), 1, 0, 0, 0, 1)
    with psycopg.connect(database_url()) as raw:
        usage.add(raw, [delta])
        raw.rollback()
    assert counted(people.key)["requests"] == 0
    with transaction.atomic():
        usage.add(connection.connection, iter([delta] * 7_000))
    assert counted(people.key)["requests"] == 7_000
