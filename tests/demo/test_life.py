"""The demo comes up, comes up again on the same data, and leaves nothing behind, however it ends."""

import json
import shutil
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from tests.demo.calls import Caller
from tests.demo.running import END_S, ROOT, Demo
from tests.demo.wire import Person
from tests.gateway.processes import free_port, wait_until

pytestmark = pytest.mark.demo


@pytest.fixture
def again(ended_demo):
    """The same data with ports of this test's own; whatever runs is ended."""
    made = Demo(ended_demo.data_dir)
    made.handed_out = ended_demo.handed_out
    yield made
    made.end()


def tile(demo: Demo) -> int:
    address = urlsplit(demo.facts["test_request"])
    return Caller(demo.gateway_port).ask(f"{address.path}?{address.query}").status


def test_a_second_start_is_quick_and_keeps_the_data(ended_demo, again):
    taken = again.start()
    print(f"The second start took {taken:.1f} s.")
    assert taken < max(15, ended_demo.took_s / 2)  # also where other tests take the processor
    assert again.facts["keys"] == ended_demo.facts["keys"]
    assert again.facts["people"] == ended_demo.facts["people"]
    key_of = {demo.facts["test_request"].rpartition("=")[2] for demo in (ended_demo, again)}
    assert len(key_of) == 1
    assert tile(again) == 200
    ada = again.person("enterprise", "owner")
    assert Person(again, ada["email"]).sign_in(ada["password"]).key_ids()
    again.send(signal.SIGTERM)
    assert again.wait() == 0, again.log()
    print(f"After SIGTERM it was gone in {again.wait_gone():.2f} s.")
    for port in (again.port, again.gateway_port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=2)


def test_killing_the_demo_leaves_nothing_and_spoils_nothing(ended_demo, again):
    again.start()
    assert len(again.processes()) >= 5, again.processes()
    again.send(signal.SIGKILL)
    print(f"After kill -9 everything was gone in {again.wait_gone():.2f} s.")
    assert again.start() < max(15, ended_demo.took_s / 2)
    assert tile(again) == 200


def test_killing_make_leaves_nothing(again):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    again.start_with_make()
    commands = again.processes().values()
    assert any(command.startswith("make ") for command in commands), commands
    again.send(signal.SIGKILL)
    print(f"After kill -9 of make everything was gone in {again.wait_gone():.2f} s.")


def test_ctrl_c_in_the_terminal_of_make_leaves_nothing(again):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    before = again.log()  # of the tests that killed it
    again.start_with_make()
    subprocess.run(["kill", "-INT", "--", f"-{again.process.pid}"], check=True)  # the terminal tells the whole group
    again.wait()
    again.wait_gone()
    said = again.log().removeprefix(before)
    assert "Traceback" not in said, said


def test_stopping_while_it_comes_up_leaves_nothing(again):
    """Ctrl-C does not wait until everything is up."""
    with again.log_path.open("ab") as log:
        again.process = subprocess.Popen(
            [sys.executable, "manage.py", "demo"], cwd=ROOT, env=again.environment, stdout=log, stderr=log,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    wait_until(lambda: any("granian" in command for command in again.processes().values()), within_s=60)
    again.send(signal.SIGINT)
    again.wait()
    again.wait_gone()


@pytest.mark.parametrize("which", ["PORT", "GATEWAY_PORT"])
def test_a_port_that_is_taken_is_said_in_one_sentence(again, which):
    taken = free_port()
    with socket.create_server(("127.0.0.1", taken)):
        answer = again.run("demo", **{which: str(taken)})
    assert answer.returncode != 0
    assert f"Port {taken} is taken" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert len([line for line in answer.stderr.splitlines() if line.strip()]) == 1, answer.stderr
    again.wait_gone()


def test_a_part_that_dies_ends_the_demo(again):
    """Nobody is left with half a demo."""
    again.start()
    gateway = next(number for number, command in again.processes().items() if command.endswith("-m gateway "))
    subprocess.run(["kill", "-KILL", str(gateway)], check=True)
    assert again.process.wait(END_S) != 0
    again.wait_gone()
    assert "ended by itself" in again.log()
    json.loads(again.facts_path.read_text())
