"""The load: wrk on a core of its own, and what it says."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine

CONNECTIONS = 64
_UNITS_US = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 6e7}


@dataclass(frozen=True, slots=True)
class Load:
    """What came of one run. `failed` counts answers that were no 2xx, and requests without one."""

    requests: int
    per_second: float
    p50_us: float
    p99_us: float
    failed: int


def write_script(path: Path, keys: Sequence[str], headers: Mapping[str, str]) -> None:
    """Write the script by which wrk sends one key after the other, each request made up beforehand."""
    common = ", ".join(f'["{name}"]="{value}"' for name, value in headers.items())
    strings = ", ".join(f'"{key}"' for key in keys)
    path.write_text(
        f"local common = {{{common}}}\nlocal keys = {{{strings}}}\nlocal requests, next = {{}}, 0\n"
        "function init()\n  for place, key in ipairs(keys) do\n"
        '    local headers = {["X-Api-Key"] = key}\n'
        "    for name, value in pairs(common) do headers[name] = value end\n"
        '    requests[place] = wrk.format("GET", nil, headers)\n  end\nend\n'
        "function request()\n  next = next % #requests + 1\n  return requests[next]\nend\n"
    )


def run(url: str, script: Path, seconds: int) -> Load:
    """Send requests over 64 connections for so long. Raises Missing without wrk."""
    said = subprocess.run(
        [machine.program("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "--timeout", "5s", "-s", script, url],
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 30,
        preexec_fn=lambda: os.sched_setaffinity(0, {machine.LOAD_CORE}),
    ).stdout  # fmt: skip
    broken = sum(int(number) for number in re.findall(r"(?:connect|read|write|timeout) (\d+)", said))
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    return Load(
        requests=int(_find(r"(\d+) requests in", said)),
        per_second=float(_find(r"Requests/sec:\s+([\d.]+)", said)),
        p50_us=_microseconds(_find(r"(?m)^\s+50%\s+(\S+)", said)),
        p99_us=_microseconds(_find(r"(?m)^\s+99%\s+(\S+)", said)),
        failed=broken + (int(refused[1]) if refused else 0),
    )


def _find(pattern: str, said: str) -> str:
    found = re.search(pattern, said)
    if found is None:
        raise machine.Missing(f"wrk said nothing that fits {pattern}: {said[-300:]}")
    return found[1]


def _microseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * _UNITS_US[unit]
