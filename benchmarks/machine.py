"""Processes on their cores: start, stop, and the processor time that they took."""

import os
import platform
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

SERVER_CORE, LOAD_CORE = 0, 1
_TICKS = os.sysconf("SC_CLK_TCK")


class Missing(Exception):
    """A figure cannot be had here; the message says why in one sentence."""


def pin(core: int) -> None:
    """Keep this process, and all that it starts from now on, on one core."""
    os.sched_setaffinity(0, {core})


def start(
    arguments: Sequence[str | Path], log: Path, stack: ExitStack, environ: Mapping[str, str] | None = None
) -> int:
    """Start a server that ends with the stack. Return its process ID. It runs on the core of this process."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(argument) for argument in arguments],
            stdout=output,
            stderr=output,
            env={**os.environ, **(environ or {})},
        )
    stack.callback(_stop, process)
    return process.pid


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(address: int | Path, seconds: float = 30) -> None:
    """Wait until a port of this machine, or a unix socket, accepts connections. Raises Missing when none does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
        with socket.socket(family) as probe:
            try:
                probe.connect(("127.0.0.1", address) if isinstance(address, int) else str(address))
            except OSError:
                time.sleep(0.05)
            else:
                return
    raise Missing(f"Nothing answers at {address}.")


def wait_for_answer(url: str, seconds: float = 60) -> None:
    """Wait until an address answers 200. Raises Missing when it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise Missing(f"{url} does not answer 200.")


def free_port() -> int:
    """Return a port that nothing listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def program(name: str) -> str:
    """Return where a program is. Raises Missing."""
    found = shutil.which(name)
    if found is None:
        raise Missing(f"{name} is not installed.")
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """Return the processor seconds of processes and all their children so far, those that ended included."""
    ticks = 0
    for pid in pids:
        for each in _tree(pid):
            try:
                # After the name in brackets: utime, stime, cutime and cstime are the fields 14 to 17 (proc(5)).
                fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS


def cpu_alone_s(pid: int) -> float:
    """Return the processor seconds of one process so far, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that are there; none of one that has ended meanwhile."""
    found = []
    try:
        for listed in Path(f"/proc/{pid}/task").glob("*/children"):
            found += [int(number) for number in listed.read_text().split()]
    except OSError:  # PostgreSQL's helpers come and go
        pass
    return found


def _tree(pid: int) -> list[int]:
    return [pid, *(each for child in children(pid) for each in _tree(child))]


def describe() -> dict[str, str]:
    """Return what ran the figures: processor, cores, kernel, versions, and what else kept the machine busy (load average)."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "load before": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        "nginx": _version("nginx", "-v"),
        "redis": _version("redis-server", "--version"),
        "wrk": _version("wrk", "--version"),
    }


def _version(name: str, option: str) -> str:
    path = shutil.which(name)
    if path is None:
        return "not installed"
    said = subprocess.run([path, option], capture_output=True, text=True, check=False)
    return (said.stdout + said.stderr).partition("\n")[0].removeprefix("nginx version: ").strip()
