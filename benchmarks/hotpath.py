"""Time the gateway's own code without sockets and database: `python -m benchmarks.hotpath [--profile]`.

For work on the code: one process, so little noise. What a request costs in the kernel is not in it; `make bench` has that.
"""

import argparse
import asyncio
import cProfile
import pstats
import tempfile
import time
from pathlib import Path

import uvloop

from benchmarks.targets import HEADERS
from gateway import config
from gateway.connection import Connection
from gateway.journal import Journal
from gateway.ledger import Ledger
from gateway.policy import Policy
from gateway.reports import Desk, Sealer
from gateway.rules import Catalogue, Organization, Product, Rules
from gateway.server import Server
from gateway.site import Site
from gateway.verdict import Standing
from keys import tokens

_KEYS = 1_000
_AT_ONCE = 64
_PEPPER = b"p" * 32


class _Steady(Policy):
    """Rules that need no database."""

    def standing(self) -> Standing:
        return Standing.CURRENT


class _Nowhere(asyncio.Transport):
    """Takes answers and throws them away."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take an answer."""

    def is_closing(self) -> bool:
        """Return whether it is closed: never."""
        return False


def _rules() -> tuple[Rules, list[str]]:
    rules = Rules(peppers=(_PEPPER,))
    strings = [tokens.make() for _ in range(_KEYS)]
    rules.catalogue = Catalogue.make([Product(1, "map-display", "Map", 1_000_000)], [(1, "/map/")])
    rules.organizations[1] = Organization("org_0000000000000000", False)
    for number, string in enumerate(strings, 1):
        digests = [tokens.digest(string, _PEPPER)]
        domains = [HEADERS["Origin"].removeprefix("https://")]
        rules.put_key((number, f"key_{number:016}", 1, domains, None, None, None, [1], digests, [None], [1], [None]))
    return rules, strings


async def measure(rounds: int) -> list[float]:
    """Return the CPU µs per request of each round, of one allowed question of a proxy each.

    Rounds are so short that some of them have the machine to themselves.
    """
    loop = asyncio.get_running_loop()
    settings = config.read(
        {"DATABASE_URL": "postgres://nowhere", "KEY_PEPPERS": "1:" + "cHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHA="}
    )
    with tempfile.TemporaryDirectory() as folder:
        policy = _Steady(settings, loop, print)
        rules, strings = _rules()
        policy.replace(rules)
        ledger = Ledger(Journal(Path(folder)), (), settings.request_log_per_second)
        sealer = Sealer([_PEPPER])
        site = Site(settings, policy, ledger, sealer, Desk(sealer, ledger.write))
        server = Server(loop, site, ledger, 60)
        connections = [Connection(server) for _ in range(_AT_ONCE)]
        for connection in connections:
            connection.connection_made(_Nowhere({"peername": ("127.0.0.1", 1)}))
        common = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        requests = [f"GET /authorize HTTP/1.1\r\n{common}X-Api-Key: {string}\r\n\r\n".encode() for string in strings]
        found = []
        for _ in range(rounds):
            began = time.process_time()
            for place, data in enumerate(requests):
                connections[place % _AT_ONCE].data_received(data)
                if place % _AT_ONCE == _AT_ONCE - 1:
                    await asyncio.sleep(0)
            found.append((time.process_time() - began) / _KEYS * 1e6)
            await asyncio.sleep(0)
        return found


def main() -> None:
    """Measure and print; with `--profile` print where the time goes, too."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hotpath")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    profile = cProfile.Profile()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if options.profile:
            profile.enable()
        found = runner.run(measure(40 if options.profile else 300))
        profile.disable()
    print(f"{min(found):.2f} µs at best, {sorted(found)[len(found) // 2]:.2f} µs at the median, of the process alone")
    if options.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(35)


if __name__ == "__main__":
    main()
