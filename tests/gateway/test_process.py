"""The gateway as a process: how it starts, refuses to start, and ends."""

import base64
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.db.models import Sum

from analytics.models import UsageMinute
from gateway import config
from keys.models import KeyringCheck
from tests.factories import string_of
from tests.gateway.processes import ROOT, wait_until

PEPPER = "1:" + base64.b64encode(b"p" * 32).decode()
GOOD = {"DATABASE_URL": "postgres://x@localhost/x", "KEY_PEPPERS": PEPPER}


def test_the_environment_alone_says_how_it_runs(tmp_path):
    found = config.read(
        GOOD | {"GATEWAY_PORT": "9000", "DATA_DIR": str(tmp_path), "GATEWAY_TRUSTED_PROXIES": "10.0.0.0/8, ::1"}
    )
    assert (found.host, found.port, found.poll_ms, found.stale_seconds) == ("127.0.0.1", 9000, 200, 600)
    assert found.name == f"{socket.gethostname()}-9000"
    assert found.journals_dir == tmp_path / "gateway"
    assert [str(proxy) for proxy in found.proxies] == ["10.0.0.0/8", "::1/128"]


def test_secrets_may_come_from_files(tmp_path):
    (tmp_path / "peppers").write_text(PEPPER + "\n")
    found = config.read({"DATABASE_URL": GOOD["DATABASE_URL"], "KEY_PEPPERS_FILE": str(tmp_path / "peppers")})
    assert found.peppers.current == (1, b"p" * 32)


def test_development_makes_its_own_secrets(tmp_path):
    found = config.read({"DEBUG": "1", "DATA_DIR": str(tmp_path), "DATABASE_URL": GOOD["DATABASE_URL"]})
    assert (
        found.peppers == config.read({"DEBUG": "1", "DATA_DIR": str(tmp_path), "DATABASE_URL": "postgres://y"}).peppers
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"KEY_PEPPERS": ""}, "KEY_PEPPERS is not set"),
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        ({"KEY_PEPPERS": "1:short"}, "KEY_PEPPERS"),
        ({"KEY_PEPPERS_FILE": "/nowhere"}, "KEY_PEPPERS_FILE cannot be read"),
        ({"GATEWAY_PORT": "0"}, "GATEWAY_PORT"),
        ({"GATEWAY_PORT": "٣"}, "GATEWAY_PORT"),
        ({"GATEWAY_NAME": "../x"}, "GATEWAY_NAME"),
        ({"GATEWAY_TRUSTED_PROXIES": "10.0.0.1/8"}, "GATEWAY_TRUSTED_PROXIES"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(changes, words):
    with pytest.raises(config.ConfigError, match=words) as error:
        config.read(GOOD | changes)
    assert "\n" not in str(error.value)


def ends_with(gateway) -> tuple[int, str]:
    """Start a gateway that cannot run beside a dashboard that has verified its secrets; return its exit code and the last line that it said."""
    KeyringCheck.verify()
    gateway.start(until_ready=False)
    code = gateway.process.wait(15)
    return code, gateway.log().strip().splitlines()[-1]


def test_a_wrong_pepper_stops_it_with_one_sentence(people, own_gateway):
    code, words = ends_with(own_gateway(KEY_PEPPERS="1:" + base64.b64encode(os.urandom(32)).decode()))
    assert (code, words) == (1, "KEY_PEPPERS version 1 is not the one that the database was made with.")


def test_a_missing_pepper_stops_it_with_one_sentence(people, own_gateway):
    code, words = ends_with(own_gateway(KEY_PEPPERS="7:" + base64.b64encode(os.urandom(32)).decode()))
    assert (code, words) == (1, "KEY_PEPPERS lacks version 1, which keys in the database need.")


def test_an_address_that_is_taken_stops_it_with_one_sentence(gateway, own_gateway):
    code, words = ends_with(own_gateway(GATEWAY_PORT=str(gateway.port)))
    assert code == 1
    assert words.startswith("The gateway cannot start: ")


def test_it_imports_no_django():
    program = (
        "import sys, gateway.__main__, gateway.shipper; "
        "print([name for name in sys.modules if name.split('.')[0] in {'django', 'accounts', 'analytics'}])"
    )
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_sigterm_finishes_what_was_begun_and_ships_it(people, own_gateway):
    gateway = own_gateway().start()
    string = string_of(people.key)
    answered = [0]

    def ask():
        http = gateway.http()
        try:
            while True:
                time.sleep(0.01)
                answer = http.ask("/map/1/tile/basic/main/0/0/0.png", x_api_key=string)
                assert answer.status in {200, 429}
                answered[0] += 1
                if answer.headers["Connection"] == "close":
                    return
        except OSError:
            return  # the connection was closed between two requests

    half_sent = socket.create_connection(("127.0.0.1", gateway.port), timeout=10)
    half_sent.sendall(f"GET /map/1/x HTTP/1.1\r\nHost: x\r\nX-Api-Key: {string}\r\n".encode())
    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    gateway.send(signal.SIGTERM)
    time.sleep(0.3)
    half_sent.sendall(b"\r\n")
    received = half_sent.recv(10_000)
    assert received.startswith(b"HTTP/1.1 404 ")
    assert b"Connection: close" in received
    began = time.monotonic()
    assert gateway.stop() == 0, gateway.log()
    assert time.monotonic() - began < 10
    for thread in threads:
        thread.join()
    counted = UsageMinute.objects.filter(key_id=people.key.pk).aggregate(total=Sum("requests"))["total"]
    assert counted == answered[0] + 1
    assert not gateway.is_listening()


def test_a_shipper_is_started_again_and_dies_with_its_gateway(people, own_gateway):
    gateway = own_gateway().start()
    wait_until(gateway.shipper_pid, within_s=5)
    first = gateway.shipper_pid()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: gateway.shipper_pid() not in {None, first}, within_s=5, what="there is another shipper")
    second = gateway.shipper_pid()
    time.sleep(1)  # it is past its start
    gateway.kill()
    wait_until(
        lambda: not Path(f"/proc/{second}").exists() or "Z" in state(second), within_s=20, what="the shipper is gone"
    )


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_it_listens_at_a_socket_too_and_takes_the_place_of_one_that_was_left(people, own_gateway, tmp_path):
    path = tmp_path / "gateway.sock"
    for _ in range(2):
        gateway = own_gateway(GATEWAY_SOCKET=str(path)).start()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(path))
            head = f"GET /authorize HTTP/1.1\r\nHost: x\r\nX-Api-Key: {string_of(people.key)}\r\nX-Original-URI: /map/1\r\n"
            connection.sendall(head.encode() + b"X-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n")
            received = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert received.startswith(b"HTTP/1.1 200 OK\r\n")
        assert people.key.public_id.encode() in received
        gateway.kill()
    assert path.stat().st_mode & 0o777 == 0o666
