"""One gateway process for most tests, and whatever others a test needs."""

import signal

import pytest

from keys.models import GatewayNode
from tests import programs
from tests.factories import make_cast
from tests.gateway.postgres_server import Postgres
from tests.gateway.processes import Gateway, free_port
from tests.gateway.redis_server import Redis


@pytest.fixture(scope="package")
def _shared_gateway(django_db_setup, django_db_blocker, tmp_path_factory):
    with django_db_blocker.unblock():
        made = Gateway(tmp_path_factory.mktemp("gateway"), "shared", GATEWAY_SYSLOG=f"127.0.0.1:{free_port()}").start()
    yield made
    assert made.stop() == 0, made.log()
    with django_db_blocker.unblock():
        GatewayNode.objects.filter(name=made.name).delete()


@pytest.fixture
def gateway(transactional_db, _shared_gateway):
    """A running gateway, and everything that it answered in the database before the tables are emptied."""
    yield _shared_gateway
    _shared_gateway.wait_shipped()


@pytest.fixture
def own_gateway(transactional_db, tmp_path):
    """Return a function that makes a gateway of this test's own, not started yet; all are gone afterwards."""
    made: list[Gateway] = []

    def make(name: str = "own", **settings: str) -> Gateway:
        made.append(Gateway(tmp_path, name=name, **settings))
        return made[-1]

    yield make
    for gateway in made:
        gateway.stop()


@pytest.fixture
def postgres_server(tmp_path):
    """A PostgreSQL of this test's own, empty until the test has it filled with what is in the test's database by then."""
    made = Postgres(tmp_path).start()
    yield made
    made.remove()


@pytest.fixture
def redis(tmp_path):
    """A Redis of this test's own."""
    programs.require("redis-server")
    made = Redis(tmp_path).start()
    yield made
    made.send(signal.SIGCONT)
    made.kill()


@pytest.fixture
def people(transactional_db):
    """The cast, committed."""
    return make_cast()


@pytest.fixture
def http(gateway):
    """A connection to the gateway."""
    opened = gateway.http()
    yield opened
    opened.close()
