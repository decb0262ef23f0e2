"""Measure the gateway beside its peers: `make bench`, or `python -m benchmarks --quick`."""

import argparse
import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path

import psycopg

from benchmarks import load, machine, report, targets, world
from benchmarks.machine import Missing
from benchmarks.report import Sample
from benchmarks.targets import Target

_EMPTY = "TRUNCATE usage_minute, usage_hour, usage_day, usage_error, request_log, gateway_journal, gateway_node"


def measure(target: Target, seconds: int) -> Sample:
    """Put one server under load and return what it took, with all that it does afterwards."""
    load.run(target.url, target.script, 1)
    target.settle()
    before_s, alone_before_s = machine.cpu_s(target.pids), machine.cpu_alone_s(target.worker)
    found = load.run(target.url, target.script, seconds)
    target.settle()
    took_s = machine.cpu_s(target.pids) - before_s
    alone_s = machine.cpu_alone_s(target.worker) - alone_before_s
    each = 1e6 / max(1, found.requests)
    return Sample(found.per_second, took_s * each, alone_s * each, found.p50_us, found.p99_us, found.failed)


def main() -> int:
    """Measure, print, and write bench.json. Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the gateway beside its peers.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each server in each round")
    parser.add_argument("--quick", action="store_true", help="two rounds of one second")
    parser.add_argument("--only", default="", help="names of servers, separated by commas")
    options = parser.parse_args()
    rounds, seconds = (2, 1) if options.quick else (options.rounds, options.seconds)
    only = set(filter(None, options.only.split(",")))
    var = Path(os.environ.get("DATA_DIR") or world.ROOT / "var")
    try:
        if (os.cpu_count() or 1) < 2:
            raise Missing("The benchmark needs two cores: one for the servers, one for the load.")
        machine.program("wrk")
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 1
    machine.pin(machine.SERVER_CORE)
    described = machine.describe()
    missing_why: dict[str, str] = {}
    found: dict[str, list[Sample]] = {}
    with ExitStack() as stack:
        place = world.open_world(var.absolute() / "bench", stack)
        with psycopg.connect(place.database_url) as connection:
            connection.execute(_EMPTY)
        servers: list[Target] = []
        for begin in targets.ALL:
            try:
                servers += begin(place, stack)
            except Missing as missing:
                print(missing)
                missing_why[begin.__name__] = str(missing)
        servers = [target for target in servers if not only or target.name in only]
        for number in range(rounds):
            for target in servers:
                sample = measure(target, seconds)
                found.setdefault(target.name, []).append(sample)
                print(
                    f"{number + 1}/{rounds} {target.name:18} {sample.per_second:9,.0f}/s {sample.cpu_us:8.1f} µs ({sample.alone_us:.1f})",
                    flush=True,
                )
    summary = report.summarise(found, described, missing_why)
    (var / "bench.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    print(f"\n{report.table(found, {target.name: target.title for target in servers})}\n")
    for name, value in summary.items():
        if not isinstance(value, dict):
            print(
                f"{name}: {value if value is not None else 'missing: ' + summary['missing'].get(name, 'not measured')}"
            )
    print("\n" + ", ".join(f"{name}: {value}" for name, value in summary["machine"].items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
