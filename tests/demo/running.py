"""The demo as people start it: processes with a data folder of their own, and what is left of them afterwards."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.gateway.processes import free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]
FIRST_START_S, LATER_START_S = 120, 60
END_S = 40  # PostgreSQL writes all that is in its memory first, which a busy disk makes it wait for


@dataclass
class Demo:
    """One demo: its process, its files, and every key that a test was given by it."""

    data_dir: Path
    port: int = field(default_factory=free_port)
    gateway_port: int = field(default_factory=free_port)
    facts: dict[str, Any] = field(default_factory=dict)
    handed_out: set[str] = field(default_factory=set)
    process: subprocess.Popen[bytes] | None = None
    took_s: float = 0

    @property
    def environment(self) -> dict[str, str]:
        """What a shell would have: nothing of the test run's own database and data folder."""
        ports = {"PORT": str(self.port), "GATEWAY_PORT": str(self.gateway_port)}
        return {
            **ports, "PATH": os.environ["PATH"], "DEBUG": "1", "DATA_DIR": str(self.data_dir), "PYTHONUNBUFFERED": "1",
        }  # fmt: skip

    @property
    def dashboard(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def gateway(self) -> str:
        return f"http://localhost:{self.gateway_port}"

    @property
    def log_path(self) -> Path:
        return self.data_dir.with_suffix(".log")

    @property
    def facts_path(self) -> Path:
        return self.data_dir / "demo.json"

    def log(self) -> str:
        return self.log_path.read_text() if self.log_path.exists() else ""

    def start(self, *command: str, within_s: float = FIRST_START_S) -> float:
        """Start it and wait until it says where it is; return the seconds that this took."""
        self.facts_path.unlink(missing_ok=True)
        started = time.monotonic()
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command or (sys.executable, "manage.py", "demo"),
                cwd=ROOT, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        wait_until(self._is_announced, within_s=within_s, what=f"the demo is up; it said: {self.log()[-2000:]}")
        self.took_s = time.monotonic() - started
        return self.took_s

    def start_with_make(self) -> float:
        """Start it as people do. The virtual environment is this one and is taken as it is."""
        installed = f"{sys.prefix}/.installed"
        return self.start("make", "-s", "-o", installed, f"VENV={sys.prefix}", "demo", within_s=LATER_START_S)

    def _is_announced(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the demo ended with {self.process.returncode}: {self.log()[-2000:]}"
        if not self.facts_path.exists():
            return False
        try:
            self.facts = json.loads(self.facts_path.read_text())
        except json.JSONDecodeError:  # being written
            return False
        return True

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run another command of `manage.py` on this demo's data and wait for it."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env={**self.environment, **environment},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        """Return the exit code of the demo's own process."""
        assert self.process is not None
        return self.process.wait(END_S)

    def end(self) -> None:
        """End it in an orderly way, however it stands, and whatever is left of it by force."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(END_S + 3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for number in self.processes():
            os.kill(number, signal.SIGKILL)

    def processes(self) -> dict[int, str]:
        """Everything that runs on this data folder, whoever its parent is: process ID → command line."""
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and (command := _command_on(folder, str(self.data_dir).encode())):
                found[int(folder.name)] = command
        return found

    def wait_gone(self) -> float:
        """Wait until nothing of it runs and return the seconds that it took."""
        try:
            return wait_until(lambda: not self.processes(), within_s=END_S)
        except AssertionError:
            raise AssertionError(f"still there after {END_S} s: {self.processes()}") from None

    def person(self, plan: str | None, role: str) -> dict[str, str]:
        """Give somebody of the cast: by plan and role; staff have no plan."""
        return next(each for each in self.facts["people"] if (each["plan"], each["role"]) == (plan, role))


def _command_on(folder: Path, data_dir: bytes) -> str:
    """Return the command line of a process that belongs to a data folder, else nothing; a zombie has ended."""
    try:
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        if not command or int(folder.name) == os.getpid():
            return ""
        mine = data_dir in (folder / "environ").read_bytes() or data_dir in command.encode()
        return command if mine or data_dir in os.fsencode((folder / "cwd").readlink()) else ""
    except OSError:  # it ended meanwhile
        return ""


class _OneDemo(LoadScopeScheduling):
    """Give all tests of the demo to one worker, in their order, and every other test to whoever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return "demo" if nodeid.startswith(("tests/demo/", "tests/browser/")) else nodeid


def pytest_xdist_make_scheduler(config, log):
    """Replace xdist's groups by marks, which pytest 9.2 lets pass without a word and without effect."""
    return _OneDemo(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Begin with what takes longest, after the demo's tests: so no worker has to wait for another's last test."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/tenancy/test_every_cell.py"))


@pytest.fixture(scope="session")
def ended_demo(tmp_path_factory) -> Iterator[Demo]:
    """A demo that was started once and ended by Ctrl-C: its data folder and what it said then."""
    made = Demo(tmp_path_factory.mktemp("life") / "data")
    try:
        print(f"The first start took {made.start():.1f} s.")
        made.send(signal.SIGINT)
        assert made.wait() == 0, made.log()
        print(f"After Ctrl-C it was gone in {made.wait_gone():.2f} s.")
        yield made
    finally:
        made.end()
        shutil.rmtree(made.data_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def demo(ended_demo, tmp_path_factory) -> Iterator[Demo]:
    """A running demo for all tests of the group "demo", on a copy of the data that the first start made."""
    made = Demo(tmp_path_factory.mktemp("demo") / "data")
    try:
        subprocess.run(["cp", "-a", ended_demo.data_dir, made.data_dir], check=True)  # with its owners
        made.start(within_s=LATER_START_S)
        yield made
    finally:
        made.end()
        shutil.rmtree(made.data_dir, ignore_errors=True)


def eventually(look: Callable[[], Any], *, within_s: float = 15, what: str = "") -> Any:
    """Look again and again until something true is seen, and return it."""
    seen: list[Any] = []

    def is_seen() -> bool:
        seen[:] = [look()]
        return bool(seen[0])

    wait_until(is_seen, within_s=within_s, what=what)
    return seen[0]
