"""PostgreSQL slow, read-only or hung; floods of wrong keys; a disk that is full; a backlog; clocks that are set."""

import random
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.db.models import Max, Min, Sum

from analytics.models import UsageGap, UsageMinute
from gateway.limiter import Limiter
from keys import tokens
from keys.models import KeyProduct
from tests.factories import string_of
from tests.gateway.http import raw
from tests.gateway.kills import Caller
from tests.gateway.processes import ROOT, Gateway, wait_until

PATH = "/map/1/x"


def slowest_s(gateway: Gateway, string: str, count: int, wanted: str = "not_found") -> float:
    """Ask so many times and return the longest that an answer took."""
    http, worst = gateway.http(), 0.0
    for _ in range(count):
        began = time.monotonic()
        assert http.ask(PATH, x_api_key=string).code == wanted
        worst = max(worst, time.monotonic() - began)
    return worst


def counted(key) -> int:
    return UsageMinute.objects.filter(key_id=key.pk).aggregate(total=Sum("requests"))["total"] or 0


def free_limits() -> None:
    KeyProduct.objects.update(qps_limit=1_000_000)


# PostgreSQL ---------------------------------------------------------------------------------------------------------------
@pytest.fixture
def beside(people, postgres_server, own_gateway) -> Gateway:
    """A gateway on a PostgreSQL of this test alone."""
    free_limits()
    postgres_server.fill()
    return own_gateway(DATABASE_URL=postgres_server.url).start()


@contextmanager
def held(postgres):
    """Let every statement of gateways wait for a lock."""
    with postgres.connect() as holding:
        holding.execute("BEGIN")
        holding.execute("LOCK TABLE gateway_feed, gateway_node IN ACCESS EXCLUSIVE MODE")
        yield
        holding.execute("ROLLBACK")


@contextmanager
def hung(postgres):
    """Stop all of its processes where they are."""
    postgres.send(signal.SIGSTOP)
    yield
    postgres.send(signal.SIGCONT)


@pytest.mark.parametrize("trouble", [held, hung])
def test_a_database_that_hangs_keeps_nobody_waiting_for_long(people, postgres_server, beside, trouble):
    string = string_of(people.key)
    assert slowest_s(beside, string, 5) < 0.5
    with trouble(postgres_server):
        time.sleep(1.0)
        assert slowest_s(beside, string, 1) < 1.5  # the one that finds out
        assert slowest_s(beside, string, 50) < 0.5
        assert beside.http().ask("/readyz").body.startswith(b"degraded: the database does not answer")
    with postgres_server.connect() as raw_connection:
        raw_connection.execute("UPDATE keys_apikey SET disabled_at = now() WHERE id = %s", (people.key.pk,))
    wait_until(lambda: beside.http().ask(PATH, x_api_key=string).code == "disabled_key", within_s=1)
    wait_until(lambda: beside.http().ask("/readyz").body == b"ok\n", within_s=5)


def test_a_database_that_takes_no_writes_is_read_on(people, postgres_server, beside):
    string = string_of(people.key)
    with postgres_server.connect() as raw_connection:
        raw_connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        raw_connection.execute("SELECT pg_reload_conf()")
        wait_until(lambda: "takes no writes" in beside.log(), within_s=5)
        assert slowest_s(beside, string, 50) < 0.5
        assert beside.http().ask("/readyz").body == b"ok\n"
        raw_connection.execute("SET default_transaction_read_only = off")
        raw_connection.execute("UPDATE keys_apikey SET disabled_at = now() WHERE id = %s", (people.key.pk,))
        wait_until(lambda: beside.http().ask(PATH, x_api_key=string).code == "disabled_key", within_s=1)
        assert beside.log().count("takes no writes") == 1
        raw_connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
        raw_connection.execute("SELECT pg_reload_conf()")
        reports = "SELECT f.number = n.applied_number FROM gateway_feed f, gateway_node n WHERE n.name = %s"
        wait_until(
            lambda: raw_connection.execute(reports, (beside.name,)).fetchone() == (True,),
            within_s=20,
            what=beside.log(),
        )
        total = "SELECT coalesce(sum(requests), 0) >= 51 FROM usage_minute WHERE key_id = %s"
        wait_until(
            lambda: raw_connection.execute(total, (people.key.pk,)).fetchone() == (True,), within_s=20, what="it ships"
        )


def test_what_is_truncated_is_gone_within_a_second(people, postgres_server, beside):
    string = string_of(people.key)
    assert slowest_s(beside, string, 1) < 1
    with postgres_server.connect() as raw_connection:
        raw_connection.execute("TRUNCATE keys_keyproduct")
    wait_until(lambda: beside.http().ask(PATH, x_api_key=string).code == "product_not_allowed", within_s=1)


# Wrong keys ---------------------------------------------------------------------------------------------------------------
def flood_with_wrong_keys(gateway: Gateway, count: int) -> tuple[int, int]:
    """Ask with so many keys that nobody has, half of them malformed. Return growth of memory (bytes) and transactions a second."""

    def measure() -> tuple[int, int]:
        assert gateway.process is not None
        status = Path(f"/proc/{gateway.process.pid}/status").read_text()
        return 1024 * int(status.partition("VmRSS:")[2].split()[0]), commits(gateway)

    def ask(number: int) -> None:
        wrong = [tokens.make() if n % 2 else f"lk{random.randbytes(19).hex()}" for n in range(number)]
        parts = [f"GET {PATH} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {key}\r\n\r\n".encode() for key in wrong]
        received = raw(gateway.port, b"".join(parts) + b"GET /livez HTTP/1.0\r\n\r\n", timeout_s=60)
        assert received.count(b"HTTP/1.1 401 ") == number

    ask(2_000)
    before, commits_before = measure()
    began = time.monotonic()
    for _ in range(count // 1_000):
        ask(1_000)
    took_s = max(1.0, time.monotonic() - began)
    after, commits_after = measure()
    return after - before, round((commits_after - commits_before) / took_s)


def commits(gateway: Gateway) -> int:
    """How many transactions there were in the test's database, the gateway's and its shipper's among them."""
    with psycopg.connect(gateway.environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("SELECT pg_stat_clear_snapshot()")
        row = connection.execute(
            "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    return row[0]


def test_wrong_keys_cost_neither_queries_nor_memory(people, own_gateway):
    gateway = own_gateway(GATEWAY_SHIPPER="0").start()
    grown, per_second = flood_with_wrong_keys(gateway, 10_000)
    print(f"10,000 wrong keys: {grown} bytes more memory, {per_second} transactions a second")
    assert grown < 4_000_000
    assert per_second < 60


# Disk ---------------------------------------------------------------------------------------------------------------------
def fill_disk(gateway: Gateway, key, rounds: int) -> tuple[int, int]:
    """Let no file of the gateway grow, and then again, while it is asked. Return how many it answered, and how many of these in full disk."""
    assert gateway.process is not None
    caller, in_trouble = Caller(gateway.port, key, 0.001), 0
    caller.start()
    for _ in range(rounds):
        time.sleep(0.2)
        size = max(path.stat().st_size for path in gateway.folder.glob("*.journal"))
        hard = resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (size + 30, hard))
        before = caller.answered
        time.sleep(0.7)
        in_trouble += caller.answered - before
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        wait_until(lambda: "journal is written again" in gateway.log(), within_s=3)
    caller.finish()
    assert (caller.wrong, caller.unanswered, caller.turned_away) == (set(), 0, 0)
    return caller.answered, in_trouble


def check_full_disk(people, own_gateway, rounds: int) -> None:
    free_limits()
    gateway = own_gateway().start()
    answered, in_trouble = fill_disk(gateway, people.key, rounds)
    assert gateway.stop() == 0
    gaps = UsageGap.objects.filter(node=gateway.name)
    missed = gaps.aggregate(total=Sum("requests"))["total"]
    print(
        f"full disk: {answered} answered, {in_trouble} of them meanwhile, {counted(people.key)} counted, {missed} declared missing"
    )
    assert in_trouble > 50 * rounds  # answers go on
    assert counted(people.key) + missed == answered
    assert missed > 0
    assert all(gap.from_at <= gap.until_at for gap in gaps)


def test_a_full_disk_stops_no_answer_and_what_it_did_not_take_is_declared_exactly(people, own_gateway):
    check_full_disk(people, own_gateway, 1)


# Backlog ------------------------------------------------------------------------------------------------------------------
def shipper_once(gateway: Gateway) -> subprocess.Popen[bytes]:
    environment = {**gateway.environment, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-m", "gateway.shipper", "--once"], env=environment, cwd=ROOT)


def check_backlog(people, own_gateway, seconds: float, shippers: int) -> float:
    """Let usage wait on disk for some seconds, then ship it with several shippers at once. Return how many times faster that was."""
    free_limits()
    gateway = own_gateway(GATEWAY_SHIPPER="0").start()
    request = (
        f"GET /authorize HTTP/1.1\r\nHost: x\r\nX-Original-URI: {PATH}\r\nX-Api-Key: {string_of(people.key)}\r\n\r\n"
    )
    began, answered = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        received = raw(gateway.port, request.encode() * 2_000 + b"GET /livez HTTP/1.0\r\n\r\n", timeout_s=60)
        answered += received.count(b"HTTP/1.1 200 ") - 1
    arose_s = time.monotonic() - began
    assert gateway.stop() == 0
    assert counted(people.key) == 0
    began = time.monotonic()
    running = [shipper_once(gateway) for _ in range(shippers)]
    assert [each.wait(60) for each in running] == [0] * shippers
    shipped_s = time.monotonic() - began
    print(f"{answered} answered in {arose_s:.1f} s, shipped in {shipped_s:.1f} s by {shippers}")
    assert counted(people.key) == answered
    assert not list(gateway.folder.glob("*.journal"))
    return arose_s / shipped_s


def test_a_backlog_is_shipped_once_by_whoever_comes(people, own_gateway):
    check_backlog(people, own_gateway, seconds=0.5, shippers=2)


# Clocks -------------------------------------------------------------------------------------------------------------------
# Loaded by the interpreter itself at its start: the wall clock of the gateway and its shipper is ahead by what a file says.
CLOCK = """
import time
from pathlib import Path
_path, _time, _time_ns = Path({path!r}), time.time, time.time_ns
def ahead_s():
    return int(_path.read_text() or 0)
time.time = lambda: _time() + ahead_s()
time.time_ns = lambda: _time_ns() + ahead_s() * 1_000_000_000
"""


def check_clock_steps(people, own_gateway, tmp_path, steps_s: list[int]) -> None:
    """Set the wall clock while the gateway works, and see that limits, counts and "last used" do not mind."""
    KeyProduct.objects.filter(key=people.key, product__code="map-display").update(qps_limit=20)
    clock = tmp_path / "clock"
    clock.write_text("0")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(CLOCK.format(path=str(clock)))
    gateway = own_gateway(PYTHONPATH=str(tmp_path / "site")).start()
    http, string, admitted, answered = gateway.http(), string_of(people.key), [], 0
    for ahead_s in steps_s:
        draft = clock.with_suffix(".draft")
        draft.write_text(str(ahead_s))
        draft.rename(clock)
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            sent_at = time.monotonic()
            status = http.ask("/authorize", x_original_uri=PATH, x_api_key=string).status
            assert status in {200, 429}
            answered += 1
            if status == 200:
                admitted.append((sent_at, time.monotonic()))
            time.sleep(0.002)
    for i, (sent_at, _) in enumerate(admitted):
        assert len([1 for sent, came in admitted[i:] if sent >= sent_at and came < sent_at + 1]) <= 20
    assert len(admitted) >= 20
    assert gateway.stop() == 0
    assert counted(people.key) == answered
    minutes = UsageMinute.objects.filter(key_id=people.key.pk).aggregate(first=Min("minute"), last=Max("minute"))
    assert (minutes["last"] - minutes["first"]).total_seconds() >= max(steps_s) - min(steps_s) - 60
    people.key.refresh_from_db()
    assert people.key.last_used_at >= minutes["last"]


def test_a_clock_that_is_set_changes_no_limit_and_loses_no_count(people, own_gateway, tmp_path):
    check_clock_steps(people, own_gateway, tmp_path, [0, 3_600, -3_600])


def test_the_limit_minds_no_calendar():
    """Whatever calendar second is given, no 1,000 ms of the clock that counts have more than the limit."""
    limiter, chance, admitted = Limiter(), random.Random(5), []
    now_us = 0
    for _ in range(5_000):
        now_us += chance.randrange(1, 60_000)
        if limiter.hit((1, 1), 9, now_us=now_us, second=chance.randrange(-5, 5)).is_admitted:
            admitted.append(now_us)
    assert all(later - earlier >= 1_000_000 for earlier, later in zip(admitted, admitted[9:], strict=False))
    assert len(admitted) > 900


# Ending -------------------------------------------------------------------------------------------------------------------
def check_drain(people, own_gateway, clients: int) -> float:
    """End a gateway under load. Return how long that took; nothing that was answered is lost."""
    free_limits()
    gateway = own_gateway().start()
    callers = [Caller(gateway.port, people.key, 0.001) for _ in range(clients)]
    for caller in callers:
        caller.start()
    time.sleep(0.5)
    began = time.monotonic()
    assert gateway.stop() == 0, gateway.log()
    took_s = time.monotonic() - began
    for caller in callers:
        caller.finish()
    answered = sum(caller.answered for caller in callers)
    assert answered <= counted(people.key) <= answered + clients
    assert not list(gateway.folder.glob("*.journal"))
    return took_s


def test_ending_under_load_takes_less_than_ten_seconds_and_loses_nothing(people, own_gateway):
    assert check_drain(people, own_gateway, 4) < 10
