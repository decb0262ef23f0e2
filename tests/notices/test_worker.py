"""The worker as a process: it sends what waits, drains when told to end, and a killed one loses and doubles nothing."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from procrastinate.contrib.django import app

from notices import outbox
from notices.models import Letter
from tests.factories import UserFactory
from tests.gateway.processes import wait_until
from tests.jobs import run_jobs
from tests.notices.smtp import MailServer, mail_server

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@contextmanager
def worker(server: MailServer) -> Iterator[subprocess.Popen[bytes]]:
    """A worker on the test's database that sends to the server."""
    database = connection.settings_dict
    url = f"postgres://{database['USER']}@{quote(database['HOST'], safe='')}/{database['NAME']}"
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker"], cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url, "EMAIL_URL": server.url},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def post() -> Letter:
    outbox.post(
        "security.second_factor_changed", organization=None, people=[UserFactory(email="ada@northwind.example")],
        context={"change": "A passkey was added."},
    )  # fmt: skip
    return Letter.objects.get()


def end_heartbeats() -> None:
    """Let time pass for workers that are gone."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")


def test_a_worker_that_is_killed_in_the_middle_loses_and_doubles_nothing(server):
    letter = post()
    with worker(server) as process:
        assert server.asked.wait(60)
        process.send_signal(signal.SIGKILL)
        process.wait()
    server.may_answer.set()
    letter.refresh_from_db()
    assert letter.state == "waiting"
    run_jobs()
    assert mail.outbox == []  # the job still counts as being done
    end_heartbeats()
    app.configure_task("notices.rescue", queue="periodic").defer(timestamp=0)
    run_jobs()
    run_jobs()
    letter.refresh_from_db()
    assert letter.state == "sent"
    assert len(mail.outbox) == 1
    assert letter.public_id in mail.outbox[0].extra_headers["Message-ID"]


def test_a_worker_that_is_told_to_end_finishes_what_it_does(server):
    letter = post()
    with worker(server) as process:
        assert server.asked.wait(60)
        call_command("worker", check=True, stdout=(said := io.StringIO()))
        assert said.getvalue() == "Workers that run: 1.\n"
        process.send_signal(signal.SIGTERM)
        server.may_answer.set()
        assert process.wait(15) == 0
    wait_until(lambda: len(server.taken) == 1, within_s=5)
    letter.refresh_from_db()
    assert letter.state == "sent"
    (taken,) = server.taken
    assert (taken["To"], taken["Subject"]) == ("ada@northwind.example", "Your second factor was changed")
    assert [part.get_content_type() for part in taken.iter_parts()] == ["text/plain", "text/html"]


def test_without_a_worker_the_check_fails():
    with pytest.raises(CommandError, match="No worker has been seen"):
        call_command("worker", check=True)
