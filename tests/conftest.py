"""What every test may use: a PostgreSQL, the cast, people who are signed in."""

import os
import tempfile
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test import Client, TransactionTestCase

from tests.factories import Cast
from tests.page import Browser
from tests.recorded import Recorded, record

pytest_plugins = ["tests.demo.running"]

KEPT_TABLES = {
    "keys_product",
    "keys_route",
    "gateway_feed",
    "gateway_journal",
    "django_content_type",
    "auth_permission",
    "django_migrations",
}


@pytest.fixture(scope="session", autouse=True)
def _fast_passwords(django_db_setup):
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.REGISTRATION_SECONDS = 0
    settings.USAGE_REMEMBERED_SECONDS = 0  # tests write usage of last week between two looks at it


@pytest.fixture(scope="session")
def emptied_tables(django_db_setup, django_db_blocker) -> list[str]:
    """The tables that are empty when a test begins."""
    with django_db_blocker.unblock():
        return [table for table in connection.introspection.table_names() if table not in KEPT_TABLES]


@pytest.fixture(scope="session", autouse=True)
def _emptying_keeps_what_migrations_made(emptied_tables):
    """Tests that commit empty the tables behind them: all but the catalogue, and in spite of the audit log's guard.

    Few tables have rows then, and to delete these takes a twentieth of what TRUNCATE takes for all tables.
    """
    quoted = [connection.ops.quote_name(table) for table in emptied_tables]
    filled = " UNION ALL ".join(f"(SELECT '{name}' FROM {name} LIMIT 1)" for name in quoted)

    def empty(self):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")  # no triggers, no foreign keys
            cursor.execute(filled)
            for (name,) in cursor.fetchall():
                cursor.execute(f"DELETE FROM {name}")

    TransactionTestCase._fixture_teardown = empty


@pytest.fixture(scope="session")
def _recorded_cast(_fast_passwords, emptied_tables, django_db_blocker) -> Recorded:
    with django_db_blocker.unblock():
        return record([table for table in emptied_tables if table != "gateway_change"])  # which triggers write


@pytest.fixture
def cast(_recorded_cast, db) -> Cast:
    """Ada (owner), Ben (developer), Vera (viewer) of one customer; Mallory, owner of another; Sam, staff."""
    return _recorded_cast.play()


@pytest.fixture
def as_user():
    """Return a function that signs a person in and gives their browser (see tests.page)."""

    def sign_in(user) -> Browser:
        client = Client()
        client.force_login(user)
        return Browser(client)

    return sign_in


@pytest.fixture
def ada(cast, as_user) -> Browser:
    """Ada's browser."""
    return as_user(cast.ada)


@pytest.fixture
def artefacts() -> Path:
    """The folder for what CI keeps."""
    folder = Path(os.environ.get("ARTEFACTS", tempfile.gettempdir())) / "latchkey-artefacts"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def pytest_terminal_summary(terminalreporter):
    """Repeat what tests have to say of themselves, also where they ran in processes of their own."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, value in report.user_properties:
                if name == "said":
                    terminalreporter.write_line(value)
