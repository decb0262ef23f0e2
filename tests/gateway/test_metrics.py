"""What Prometheus is told, and nobody else."""

import re
import signal

import pytest

from tests.factories import string_of
from tests.gateway.http import Http
from tests.gateway.processes import free_port, wait_until


@pytest.fixture
def port() -> int:
    return free_port()


def figures(port: int) -> dict[str, float]:
    """The samples by their names with labels."""
    answer = Http(port).ask("/metrics")
    assert answer.status == 200
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = answer.body.decode()
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    for line in samples:
        assert re.fullmatch(r'latchkey_[a-z_]+(\{outcome="[a-z_]+"\})? ([0-9.]+|inf)', line), line
        assert f"# TYPE {line.partition(' ')[0].partition('{')[0]} " in text
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in samples}


def test_prometheus_is_told_what_was_decided_and_how_old_everything_is(people, own_gateway, port):
    gateway = own_gateway(GATEWAY_METRICS=f"127.0.0.1:{port}").start()
    http, string = gateway.http(), string_of(people.key)
    for key in (string, string, "broken", string_of(people.other_key)):
        http.ask("/map/1/x", x_api_key=key)
    http.ask("/map/1/x")
    found = figures(port)
    assert found['latchkey_requests_total{outcome="ok"}'] == 3
    assert found['latchkey_requests_total{outcome="malformed_key"}'] == 1
    assert found['latchkey_requests_total{outcome="missing_key"}'] == 1
    assert found['latchkey_requests_total{outcome="over_qps"}'] == 0
    assert (found["latchkey_ready"], found["latchkey_policy_keys"]) == (1, 2)
    assert found["latchkey_feed_age_seconds"] < 1
    assert found["latchkey_journal_missed_requests_total"] == 0
    assert found["latchkey_resident_memory_bytes"] > 1e6
    wait_until(lambda: figures(port)["latchkey_journal_backlog_bytes"] == 0, within_s=10, what="all is shipped")
    assert figures(port)["latchkey_journal_oldest_seconds"] == 0


def test_a_backlog_is_seen(people, own_gateway, port):
    gateway = own_gateway(GATEWAY_METRICS=f"127.0.0.1:{port}", GATEWAY_SHIPPER="0").start()
    for _ in range(20):
        gateway.http().ask("/map/1/x", x_api_key=string_of(people.key))
    assert figures(port)["latchkey_journal_backlog_bytes"] > 200
    gateway.send(signal.SIGTERM)


def test_customers_do_not_reach_the_figures(people, own_gateway, port):
    gateway = own_gateway(GATEWAY_METRICS=f"127.0.0.1:{port}", GATEWAY_SHIPPER="0").start()
    assert gateway.http().ask("/metrics").status == 401  # a path like any other
    answer = Http(port).ask("/v1/verify", method="POST", body=b"{}")
    assert answer.status == 404
    text = Http(port).ask("/metrics").body.decode()
    for secret in (people.key.public_id, people.northwind.public_id, "/map/", string_of(people.key)):
        assert secret not in text
