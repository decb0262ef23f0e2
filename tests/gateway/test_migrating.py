"""The database is migrated while everything runs: nobody is answered with an error, and no count is lost."""

import subprocess
import threading
from collections import Counter

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Sum
from django.test import Client

from accounts.models import AuditEvent
from analytics.models import UsageMinute
from dashboard import postgres
from tests.factories import string_of
from tests.gateway.postgres_server import ENVIRONMENT
from tests.gateway.processes import database_url, wait_until
from tests.page import Page

BEFORE = {"keys": "0008", "analytics": "0005"}
"""The oldest state in which the code of today runs: what came since is found quicker or called otherwise. Other rooms only got names."""
COPY = "migrating"


@pytest.fixture
def copy(people):
    """A database of its own with what is in the test's: Django, and every gateway that starts meanwhile, works on it."""
    url, name = database_url(), connection.settings_dict["NAME"]
    of_copy, maintenance = (url.rpartition("/")[0] + f"/{other}" for other in (COPY, "postgres"))
    with psycopg.connect(maintenance, autocommit=True) as raw:
        raw.execute(f"DROP DATABASE IF EXISTS {COPY} WITH (FORCE)")
        raw.execute(f"CREATE DATABASE {COPY}")
    dump = subprocess.run(
        [postgres.program("pg_dump"), "--dbname", url], env=ENVIRONMENT, capture_output=True, check=True
    )
    psql = [postgres.program("psql"), "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--dbname", of_copy]
    subprocess.run(psql, input=dump.stdout, env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=True)
    work_on(COPY)
    yield people
    work_on(name)
    with psycopg.connect(maintenance, autocommit=True) as raw:
        raw.execute(f"DROP DATABASE {COPY} WITH (FORCE)")


def work_on(database: str) -> None:
    """Have Django connect to another database, in every thread."""
    connection.close()
    connection.close_pool()
    connection.settings_dict["NAME"] = database


class Crowd:
    """People and programs that go on until they are told to stop, each in a thread; `answered` counts statuses."""

    def __init__(self) -> None:
        self.answered: Counter[tuple[str, int]] = Counter()
        self.broken: list[BaseException] = []
        self._stopping, self._threads = threading.Event(), []

    def add(self, name: str, ask, *, every_s: float) -> None:
        """Have `ask` called again and again, with a pause between; it returns a status."""

        def go_on() -> None:
            try:
                while not self._stopping.wait(every_s):
                    self.answered[name, ask()] += 1
            except BaseException as error:
                self.broken.append(error)
            finally:
                connection.close()

        self._threads.append(threading.Thread(target=go_on, name=name))
        self._threads[-1].start()

    def number(self, name: str) -> int:
        return sum(count for (asked, _), count in self.answered.items() if asked == name)

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(20)


def test_migrating_under_load_answers_everybody_and_loses_no_count(copy, own_gateway, record_property):
    key, string = copy.key, string_of(copy.key)
    executor = MigrationExecutor(connection)
    executor.migrate([(app, executor.loader.get_migration_by_prefix(app, state).name) for app, state in BEFORE.items()])
    executor = MigrationExecutor(connection)
    to_do = executor.migration_plan(executor.loader.graph.leaf_nodes())
    assert len(to_do) >= 4, to_do
    gateway = own_gateway().start()
    wait_until(lambda: gateway.http().ask("/search/2/x", x_api_key=string).status != 401, what="the key is known")
    crowd, program = Crowd(), gateway.http()
    crowd.answered["gateway", 200] += 1  # the one before
    reader, editor = Client(raise_request_exception=False), Client(raise_request_exception=False)
    for client in (reader, editor):
        client.force_login(copy.ada)

    def edit() -> int:
        """Save a key's form as a person does."""
        url = f"/keys/{key.public_id}/edit/"
        form = Page(editor.get(url)).fields("main form:not(.copy-form)")
        return editor.post(url, form | {"name": f"Saved {crowd.number('edit')}"}).status_code

    crowd.add("gateway", lambda: program.ask("/map/1/x", x_api_key=string).status, every_s=0.003)
    crowd.add("look", lambda: reader.get("/keys/").status_code, every_s=0.2)
    crowd.add("analytics", lambda: reader.get("/analytics/").status_code, every_s=0.4)
    crowd.add("edit", edit, every_s=0.2)
    try:
        wait_until(
            lambda: all(crowd.number(name) for name in ("gateway", "look", "analytics", "edit")), what="all are at it"
        )
        at_start = crowd.answered.copy()
        call_command("migrate", verbosity=0)
        during = crowd.answered - at_start
        so_far = crowd.number("edit")
        wait_until(lambda: crowd.number("edit") > so_far + 1, what="they go on")
    finally:
        crowd.stop()
    assert crowd.broken == []
    assert {status for (_, status) in crowd.answered if status >= 500} == set(), crowd.answered
    gateway.wait_shipped()
    counted = UsageMinute.objects.filter(key_id=key.pk).aggregate(Sum("requests"))["requests__sum"]
    record_property(
        "said",
        f"Answered while {len(to_do)} migrations ran: {dict(during)}; counted {counted} of {crowd.number('gateway')}",
    )
    assert counted == crowd.number("gateway")
    assert {status for (name, status) in crowd.answered if name == "edit"} == {302}
    assert AuditEvent.objects.filter(verb="key.edited").count() == crowd.number("edit")
    assert gateway.stop() == 0
