"""The dashboard as it runs in production, with fewer connections to the database than people who ask at once."""

import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from http.client import HTTPConnection, HTTPResponse
from itertools import islice
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from dashboard.waiting import BROKEN_OFF
from keys.models import KeyringCheck
from tests.analytics.test_export import many_rows
from tests.gateway.processes import database_url, free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]
TURNS = 2
PATIENCE_S = 7
"""Longer than the pool's own of five seconds."""


class Dashboard:
    """One process of the dashboard with few connections, and what a signed-in person sends it."""

    def __init__(self, port: int, cookie: str) -> None:
        self.port, self.cookie = port, cookie

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(self, path: str) -> tuple[int, bytes]:
        response = self.answer(path)
        return response.status, response.read()

    def answer(self, path: str, method: str = "GET") -> HTTPResponse:
        asking = self.connect()
        asking.request(method, path, headers={"Cookie": self.cookie})
        return asking.getresponse()

    def is_ready(self) -> bool:
        try:
            return self.ask("/readyz")[0] == 200
        except OSError:
            return False


@pytest.fixture
def dashboard(transactional_db, cast, tmp_path):
    """Ada's, on the tests' database."""
    KeyringCheck.verify()
    client = Client()
    client.force_login(cast.ada)
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    found = Dashboard(free_port(), cookie)
    environment = os.environ | {
        "DATABASE_URL": database_url(),
        "DATABASE_POOL_SIZE": str(TURNS),
        "DATABASE_WAIT_SECONDS": str(PATIENCE_S),
        "KEY_PEPPERS": settings.KEY_PEPPERS,
        "KEY_MASTER_KEYS": settings.KEY_MASTER_KEYS,
        "TMPDIR": str(tmp_path),
    }
    log = tmp_path / "log"
    command = ["-m", "granian", "--interface", "wsgi", "--port", str(found.port), "--blocking-threads", "16"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command, "dashboard.wsgi:application"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(found.is_ready, within_s=30, what="the dashboard is ready")
        yield found
    finally:
        process.terminate()
        process.wait(15)
        print(log.read_text())


def test_whoever_finds_no_connection_free_waits_and_none_fails(dashboard):
    """The pool itself gives up after five seconds: the sessions are locked for longer."""
    with psycopg.connect(database_url()) as other, ThreadPoolExecutor(8) as people:
        other.execute("LOCK TABLE django_session IN ACCESS EXCLUSIVE MODE")
        answers = [people.submit(dashboard.ask, "/keys/") for _ in range(8)]
        time.sleep(0.5)
        assert dashboard.ask("/livez")[0] == 200, "who asks whether the process runs waits for nobody"
        time.sleep(5.5)
        other.rollback()
        assert [answer.result()[0] for answer in answers] == [200] * 8


def test_files_leave_pages_a_turn_and_who_waits_too_long_is_asked_to_come_again(dashboard, cast):
    """The tables of usage are locked: files are under way until the end of the test."""
    many_rows(cast, 10, 10)
    path = "/analytics/usage.csv?rows=keys&range=90d"
    with psycopg.connect(database_url()) as other, ThreadPoolExecutor(3 * TURNS) as people:
        other.execute("LOCK TABLE usage_day IN ACCESS EXCLUSIVE MODE")
        asked = time.monotonic()
        assert dashboard.answer(path, "HEAD").status == 200, "no file is made for who wants none"
        asking = [people.submit(dashboard.answer, path) for _ in range(2 * TURNS)]
        wait_until(lambda: transactions_under_way() > 1, what="a file is being made")
        time.sleep(0.5)
        assert dashboard.ask("/activity/")[0] == 200
        assert dashboard.answer(path).status == 503, "so many wait that another one is told at once"
        assert time.monotonic() - asked < PATIENCE_S - 1
        other.execute("LOCK TABLE django_session IN ACCESS EXCLUSIVE MODE")
        asking += [people.submit(dashboard.answer, "/activity/") for _ in range(TURNS)]
        early = [answer.result() for answer in islice(as_completed(asking), 2 * TURNS + 1)]
        other.rollback()
    late = [answer for answer in early if answer.status == 503]
    assert len(late) == 2 * TURNS, "all but one file and one page"
    assert sorted(answer.result().status for answer in asking) == [200, 200] + [503] * len(late)
    for answer in late:
        assert (answer.headers["Retry-After"], answer.headers["Cache-Control"]) == ("10", "no-store")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert b"<h1>The dashboard has too much to do</h1>" in answer.read()
    assert dashboard.ask("/activity/")[0] == 200
    assert dashboard.ask(path)[1].count(b"\n") == 101, "each gave its turn back"


def stopped_reader(dashboard: Dashboard, path: str) -> HTTPConnection:
    """Ask for a file and read none of it."""
    asking = dashboard.connect()
    asking.sock = socket.socket()
    asking.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    asking.sock.settimeout(30)
    asking.sock.connect(("127.0.0.1", dashboard.port))
    asking.request("GET", path, headers={"Cookie": dashboard.cookie})
    return asking


def transactions_under_way() -> int:
    """Count those of other connections."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
        )
        return cursor.fetchone()[0]


def test_readers_who_do_not_read_hold_no_connection_and_get_everything(dashboard, cast, tmp_path):
    rows = many_rows(cast, 600, 80)
    readers = [stopped_reader(dashboard, "/analytics/usage.csv?rows=keys&range=90d") for _ in range(TURNS + 1)]
    answers = [reader.getresponse() for reader in readers]  # the beginning comes before the rest is made
    wait_until(lambda: transactions_under_way() == 0, what="all files are made")
    assert dashboard.ask("/keys/")[0] == 200
    contents = [answer.read() for answer in answers]
    assert contents[0].count(b"\n") == rows + 1
    assert contents == [contents[0]] * len(readers), "nothing of one is in another"


def test_a_file_whose_making_fails_says_so_at_its_end(dashboard, cast):
    many_rows(cast, 10, 10)
    path = "/analytics/usage.csv?rows=keys&range=90d"
    waiting = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with psycopg.connect(database_url()) as other, ThreadPoolExecutor(1) as people, connection.cursor() as cursor:
        other.execute("LOCK TABLE usage_day IN ACCESS EXCLUSIVE MODE")
        answer = people.submit(dashboard.ask, path)

        def is_waiting() -> bool:
            cursor.execute(f"SELECT count(pg_terminate_backend(pid)) {waiting}")
            return cursor.fetchone()[0] > 0

        wait_until(is_waiting, what="the file is being made")
        status, content = answer.result()
    assert (status, content.endswith(BROKEN_OFF)) == (200, True), content
    assert dashboard.ask(path)[1].count(b"\n") == 101


def test_readers_who_leave_give_their_turn_back(dashboard, cast):
    many_rows(cast, 600, 80)
    for _ in range(TURNS + 1):
        reader = stopped_reader(dashboard, "/analytics/usage.csv?rows=keys&range=90d")
        reader.getresponse()
        reader.close()
    assert dashboard.ask("/keys/")[0] == 200


def test_senders_of_slow_or_endless_forms_hold_no_turn(dashboard):
    slow = [dashboard.connect() for _ in range(TURNS + 1)]
    for asking in slow:
        asking.putrequest("POST", "/accounts/login/")
        asking.putheader("Content-Length", "100")
        asking.endheaders(b"login=")
    assert dashboard.ask("/keys/")[0] == 200
    for asking in slow:
        asking.send(b"x" * 94)
        assert asking.getresponse().status == 403, "a whole form without the token of ours"
    endless = dashboard.connect()
    endless.putrequest("POST", "/accounts/login/")
    endless.putheader("Content-Length", "99999999999")
    endless.endheaders(b"login=")
    refused = endless.getresponse()
    assert (refused.status, refused.headers["Content-Security-Policy"]) == (413, "default-src 'none'")
