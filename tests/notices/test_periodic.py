"""What happens at a time: every job of that kind runs, and a worker that was away misses nothing that matters."""

import datetime as dt

from django.core import mail
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app

from notices.models import Letter, Notice
from tests.factories import KeyFactory
from tests.jobs import run_jobs

EVERY = {
    "alerts.evaluate",
    "notices.digest",
    "notices.rescue",
    "keys.due",
    "analytics.watch",
    "analytics.recount",
    "dashboard.housekeeping",
}


def run(*names: str) -> None:
    for name in names:
        app.configure_task(name, queue="periodic").defer(timestamp=0)
    run_jobs()


def left() -> list[tuple[str, str]]:
    """Jobs that are not done, with their state."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT task_name, status FROM procrastinate_jobs")
        return cursor.fetchall()


def test_every_periodic_job_is_known_and_runs(db):
    assert {name for name, _ in app.periodic_registry.periodic_tasks} == EVERY
    run(*EVERY)
    assert left() == []


def test_an_end_that_was_found_by_the_job_is_mailed_by_the_next(cast):
    KeyFactory(
        organization=cast.northwind, name="Kiosk", at=timezone.now() - dt.timedelta(days=90),
        expires_at=timezone.now() + dt.timedelta(hours=20),
    )  # fmt: skip
    run("keys.due")
    run("keys.due")
    assert sorted(message.to[0] for message in mail.outbox) == [cast.ada.email, cast.ben.email]
    assert all(message.subject.startswith("Kiosk expires ") for message in mail.outbox)


def test_housekeeping_forgets_old_notices_with_their_mails(cast):
    cast.key.disable(by=cast.ada, reason="test")
    run_jobs()
    old = timezone.now() - dt.timedelta(days=181)
    Notice.objects.update(created_at=old)
    Letter.objects.update(created_at=old)
    cast.key.enable(by=cast.ada)
    run("dashboard.housekeeping")
    assert list(Notice.objects.values_list("kind", flat=True)) == ["key.enabled"]
    assert Letter.objects.count() == 1
