"""A change holds within a second, however it is made; and what holds while the database is away."""

import datetime as dt
import signal
import time
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Organization
from keys.models import GatewayNode, KeyProduct
from tests.factories import KeyFactory, products, string_of
from tests.gateway import feed_writers
from tests.gateway.changes import CHANGES, LOWERED, TRAFFIC, Case
from tests.gateway.processes import database_url, wait_until


@pytest.fixture
def string(people, http) -> str:
    """The string of Ada's key, valid for Map Display and Search and restricted to example.com, known to the gateway."""
    people.key.edit(
        by=people.ada, version=people.key.version, name="Web", products=products("map-display", "search", "traffic"),
        allowed_domains=["example.com", "example.org"],
    )  # fmt: skip
    made = string_of(people.key)
    wait_until(lambda: ask(http, made) == "not_found", within_s=2)
    return made


def ask(http, string: str, path: str = TRAFFIC) -> str:
    """The code of the answer; of an allowed request `not_found`, as the sample API has nothing there."""
    return http.ask(path, x_api_key=string, origin="https://example.com").code


@pytest.mark.parametrize("name", sorted(set(CHANGES) - {LOWERED}))
def test_a_change_refuses_within_a_second_and_stays(people, http, string, name):
    change, code = CHANGES[name]
    change(Case(people.key, people.northwind, people.ada, people.sam))
    took_s = wait_until(lambda: ask(http, string) == code, within_s=1, what=name)
    assert all(ask(http, string) == code for _ in range(20))
    print(f"{name}: refused after {took_s * 1000:.0f} ms")


def test_the_feed_misses_and_invents_nothing_whoever_writes(people):
    found = feed_writers.run(people, writers=8, changes=40)
    assert (found.missed, found.phantom, found.gaps) == (0, 0, 0)
    assert found.committed > 200


def test_lowering_a_limit_holds_within_a_second(people, http, string):
    assert http.ask(TRAFFIC, x_api_key=string, origin="https://example.com")["RateLimit-Limit"] == "1000"
    KeyProduct.objects.filter(key=people.key, product__code="traffic").update(qps_limit=3)
    wait_until(
        lambda: http.ask(TRAFFIC, x_api_key=string, origin="https://example.com")["RateLimit-Limit"] == "3", within_s=1
    )
    time.sleep(1)
    assert [ask(http, string) for _ in range(5)] == ["not_found"] * 3 + ["over_qps"] * 2


def test_a_new_key_works_within_a_second(people, http, gateway):
    made = string_of(KeyFactory(organization=people.northwind, products=products("traffic")))
    wait_until(lambda: http.ask(TRAFFIC, x_api_key=made).code == "not_found", within_s=1)


def test_a_new_route_is_served_within_a_second(people, http, string):
    (traffic,) = products("traffic")
    route = traffic.routes.create(path_prefix="/brand/new/")
    try:
        wait_until(lambda: ask(http, string, "/brand/new/x") == "not_found", within_s=1)
    finally:
        route.delete()
    wait_until(lambda: ask(http, string, "/brand/new/x") == "no_such_route", within_s=1)


def test_enabling_and_resuming_hold_within_a_second(people, http, string):
    people.key.disable(by=people.ada, reason="x")
    people.northwind.suspend(by=people.sam, reason="x")
    wait_until(lambda: ask(http, string) == "disabled_key", within_s=1)
    people.key.enable(by=people.ada)
    wait_until(lambda: ask(http, string) == "suspended", within_s=1)
    people.northwind.resume(by=people.sam)
    wait_until(lambda: ask(http, string) == "not_found", within_s=1)


def test_the_old_string_ends_to_the_moment_of_its_grace(people, http, string):
    people.key.rotate(by=people.ada, version=people.key.version, delay=dt.timedelta(seconds=1.5))
    new = string_of(people.key)
    end = people.key.secret_in_grace.expires_at.timestamp()
    wait_until(lambda: ask(http, new) == "not_found", within_s=1)
    while True:
        time.sleep(0.002)  # the limit is 1,000 per second
        before = time.time()
        code = ask(http, string)
        after = time.time()
        if after < end:
            assert code == "not_found"
        elif before >= end:
            assert code == "expired_key"
            break
    assert ask(http, new) == "not_found"


def test_both_strings_share_one_limit(people, http, string):
    KeyProduct.objects.filter(key=people.key, product__code="traffic").update(qps_limit=2)
    people.key.rotate(by=people.ada, version=people.key.version, delay=dt.timedelta(hours=1))
    new = string_of(people.key)
    wait_until(lambda: ask(http, new) in {"not_found", "over_qps"}, within_s=1)
    time.sleep(1.05)
    assert [ask(http, s) for s in (string, new, string, new)] == ["not_found"] * 2 + ["over_qps"] * 2


def test_a_gateway_reports_which_change_it_has_applied(people, gateway, string, http):
    people.key.disable(by=people.ada, reason="x")
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM gateway_feed")
        (number,) = cursor.fetchone()
    wait_until(lambda: GatewayNode.objects.get(name=gateway.name).applied_number >= number, within_s=1)
    assert ask(http, string) == "disabled_key"  # who reports has applied
    node = GatewayNode.objects.get(name=gateway.name)
    assert abs((timezone.now() - node.applied_at).total_seconds()) < 5
    assert node.started_at <= node.applied_at <= node.seen_at
    wait_until(lambda: GatewayNode.objects.get(name=gateway.name).seen_at > node.seen_at, within_s=3)


def test_a_hole_in_the_feed_is_answered_with_a_snapshot(people, gateway, string, http):
    with psycopg.connect(database_url()) as raw:  # a change whose row is pruned before anyone has read it
        raw.execute("UPDATE keys_apikey SET disabled_at = now() WHERE id = %s", (people.key.pk,))
        raw.execute("SET CONSTRAINTS ALL IMMEDIATE")
        raw.execute("DELETE FROM gateway_change WHERE key_id = %s", (people.key.pk,))
        raw.commit()
    wait_until(lambda: ask(http, string) == "disabled_key", within_s=2)
    assert "taking a new snapshot" in gateway.log()


def test_a_stopped_gateway_catches_up_before_it_answers(people, own_gateway):
    gateway = own_gateway().start()
    string = string_of(people.key)
    http = gateway.http()
    assert http.ask("/map/1/x", x_api_key=string).code == "not_found"
    for _ in range(3):
        gateway.send(signal.SIGSTOP)
        people.key.disable(by=people.ada, reason="x")
        time.sleep(1.2)
        gateway.send(signal.SIGCONT)
        assert http.ask("/map/1/x", x_api_key=string).code == "disabled_key"
        people.key.enable(by=people.ada)
        wait_until(lambda: http.ask("/map/1/x", x_api_key=string).code == "not_found", within_s=1)


@contextmanager
def database_away():
    """Refuse every new connection to the database and end the gateways' ones."""
    name = connection.settings_dict["NAME"]
    maintenance = database_url().rsplit("/", 1)[0] + "/postgres"
    with psycopg.connect(maintenance, autocommit=True) as raw:
        raw.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        raw.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name = %s",
            (name, "latchkey-gateway"),
        )
        try:
            yield
        finally:
            raw.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def test_known_keys_are_served_while_the_database_is_away(people, own_gateway):
    gateway = own_gateway(GATEWAY_STALE_SECONDS="3").start()
    string, unknown = string_of(people.key), string_of(people.other_key)
    people.other_key.secrets.all().delete()
    http = gateway.http()
    wait_until(lambda: http.ask("/map/1/x", x_api_key=unknown).code == "unknown_key", within_s=1)
    with database_away():
        time.sleep(1.1)
        began = time.monotonic()
        assert [http.ask("/map/1/x", x_api_key=string).code for _ in range(50)] == ["not_found"] * 50
        assert time.monotonic() - began < 1.5
        answer = http.ask("/map/1/x", x_api_key=unknown)
        assert (answer.status, answer.code, answer["Retry-After"]) == (503, "not_ready", "1")
        assert http.ask("/map/1/x", x_api_key="broken").code == "malformed_key"
        wait_until(lambda: http.ask("/map/1/x", x_api_key=string).code == "not_ready", within_s=4, what="it is too old")
        assert http.ask("/readyz").status == 503
    wait_until(lambda: http.ask("/map/1/x", x_api_key=string).code == "not_found", within_s=2)
    gateway.wait_shipped()
    assert Organization.objects.filter(pk=people.northwind.pk).exists()


def test_before_the_first_snapshot_it_is_not_ready(people, own_gateway):
    string = string_of(people.key)
    with database_away():
        gateway = own_gateway().start(until_ready=False)
        wait_until(gateway.is_listening, within_s=10)
        http = gateway.http()
        assert http.ask("/livez").status == 200
        assert http.ask("/readyz").status == 503
        assert http.ask("/map/1/x", x_api_key=string).code == "not_ready"
        assert http.ask("/map/1/x").code == "missing_key"
    wait_until(gateway.is_ready, within_s=3)
    assert http.ask("/map/1/x", x_api_key=string).code == "not_found"
