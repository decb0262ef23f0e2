"""What starts, what refuses to, and how it says why."""

import os
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from keys.models import KeyringCheck
from tests.dashboard.process import keyring, production, run

NAMES = ["SECRET_KEY", "KEY_PEPPERS", "KEY_MASTER_KEYS", "DATABASE_URL"]


def test_the_deployment_check_has_nothing_to_say():
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", environment=production())
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize("start", [["manage.py", "check"], ["-c", "import dashboard.wsgi"]])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [None, ""])
def test_production_refuses_to_start_without_a_secret_and_names_it(start, name, value):
    done = run(*start, environment=production(**{name: value}))
    assert done.returncode == 1
    assert done.stderr == (
        f"Latchkey does not start: {name} is not set: production does not start without it (see docs/settings.md).\n"
    )


def test_secrets_may_come_from_files(tmp_path):
    environment = production()
    for name in NAMES:
        path = tmp_path / name
        path.write_text(environment.pop(name) + "\n")
        environment[f"{name}_FILE"] = str(path)
    code = (
        "import django; django.setup(); from django.conf import settings; print(settings.DATABASES['default']['NAME'])"
    )
    done = run("-c", code, environment=_named(environment))
    assert done.stdout == "latchkey\n", done.stderr


def test_single_sign_on_is_whole_or_refuses_to_start(tmp_path):
    half = production(OIDC_SERVER_URL="https://login.example.com", OIDC_CLIENT_ID="latchkey")
    done = run("manage.py", "check", environment=half)
    assert done.returncode == 1
    assert "single sign-on needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET too" in done.stderr
    path = tmp_path / "oidc"
    path.write_text("$ecret of the client\n")
    code = "import django; django.setup(); from accounts.signin.single_sign_on import provider_name as n; print(n())"
    done = run("-c", code, environment=_named(half | {"OIDC_CLIENT_SECRET_FILE": str(path), "OIDC_NAME": "Example"}))
    assert done.stdout == "Example\n", done.stderr


def test_staff_need_a_second_factor_in_production():
    code = "import django; django.setup(); from django.conf import settings; print(settings.STAFF_SECOND_FACTOR)"
    assert run("-c", code, environment=_named(production())).stdout == "True\n"


def test_a_secret_may_begin_with_a_dollar_sign():
    done = run("manage.py", "check", environment=production(SECRET_KEY="$ecret" + "x1y2z3" * 10))
    assert done.returncode == 0, done.stderr


def test_production_refuses_the_embedded_postgresql():
    url = "postgres://postgres@%2Ftmp%2Flatchkey-pg-abc123/latchkey"
    done = run("manage.py", "check", environment=production(DATABASE_URL=url))
    assert done.returncode == 1
    assert done.stderr == (
        "Latchkey does not start: DATABASE_URL names the embedded PostgreSQL, which is for development and tests only.\n"
    )


def test_production_starts_no_postgresql_of_its_own(tmp_path):
    done = run("manage.py", "check", environment=production(DATABASE_URL=None, DATA_DIR=str(tmp_path)))
    assert done.returncode == 1
    assert list(tmp_path.iterdir()) == []


def test_the_technical_error_pages_are_for_development_only():
    code = "import django; django.setup(); from django.conf import settings as s; print(s.DEBUG, s.DEVELOPMENT)"
    assert run("-c", code, environment=_named(production(TECHNICAL_ERRORS="1"))).stdout == "False False\n"
    development = production(DEBUG="1", DATA_DIR=os.environ["DATA_DIR"])
    assert run("-c", code, environment=_named(development)).stdout == "False True\n"
    assert run("-c", code, environment=_named(development | {"TECHNICAL_ERRORS": "1"})).stdout == "True True\n"


def _named(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"DJANGO_SETTINGS_MODULE": "dashboard.settings"}


@pytest.fixture
def served(transactional_db):
    """Return a function that starts the dashboard on the tests' database with changed secrets."""
    from django.conf import settings

    KeyringCheck.verify()
    url = urlsplit(os.environ["DATABASE_URL"])
    url = urlunsplit(url._replace(path="/" + connection.settings_dict["NAME"]))
    given = {"KEY_PEPPERS": settings.KEY_PEPPERS, "KEY_MASTER_KEYS": settings.KEY_MASTER_KEYS}

    def start(**changes: str):
        environment = production(DEBUG="1", DATA_DIR=os.environ["DATA_DIR"], DATABASE_URL=url) | given | changes
        return run("-c", "import dashboard.wsgi", environment=environment)

    start.given = given
    return start


def test_the_right_secrets_start(served):
    done = served()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["KEY_PEPPERS", "KEY_MASTER_KEYS"])
def test_a_wrong_pepper_or_master_key_stops_the_start_with_one_sentence(served, name):
    done = served(**{name: keyring(1)})
    assert done.returncode == 1
    assert done.stderr == (
        f"Latchkey does not start: {name} version 1 is not the one that the database was made with.\n"
    )


@pytest.mark.parametrize("name", ["KEY_PEPPERS", "KEY_MASTER_KEYS"])
def test_a_missing_version_stops_the_start_with_one_sentence(served, name):
    done = served(**{name: keyring(2)})
    assert done.returncode == 1
    assert done.stderr == f"Latchkey does not start: {name} lacks version 1, which keys in the database need.\n"


@pytest.mark.parametrize("name", ["KEY_PEPPERS", "KEY_MASTER_KEYS"])
def test_a_malformed_ring_stops_the_start_without_showing_it(served, name):
    done = served(**{name: "1:c2hvcnQ="})
    assert done.returncode == 1
    assert done.stderr.startswith(f"Latchkey does not start: {name}")
    assert done.stderr.count("\n") == 1
    assert "c2hvcnQ=" not in done.stderr


def test_a_new_version_beside_the_old_one_starts_and_is_remembered(served):
    done = served(KEY_PEPPERS=served.given["KEY_PEPPERS"] + "," + keyring(2))
    assert done.returncode == 0, done.stderr
    assert set(KeyringCheck.objects.filter(purpose="KEY_PEPPERS").values_list("version", flat=True)) == {1, 2}
    done = served()
    assert "lacks version 2" in done.stderr
