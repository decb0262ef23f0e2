"""Start the gateway: `python -m gateway`. SIGTERM and Ctrl-C finish what was begun, then end it."""

import asyncio
import logging
import signal
import sys

import uvloop

from gateway import config as configuration
from gateway import syslog
from gateway.config import Config, ConfigError
from gateway.journal import Journal
from gateway.ledger import Ledger
from gateway.metrics import Metrics
from gateway.policy import Policy
from gateway.redis_limiter import RedisLimiter
from gateway.reports import Desk, Sealer
from gateway.server import Server
from gateway.site import Site
from gateway.supervisor import Supervisor

log = logging.getLogger("latchkey.gateway")


async def run(config: Config) -> str:
    """Serve until told to stop. Return why it cannot go on, empty when it was told to."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[str] = loop.create_future()

    def stop(why: str = "") -> None:
        if not stopped.done():
            stopped.set_result(why)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    journal = Journal(config.journals_dir / config.name)
    ledger = Ledger(journal, config.proxies, config.request_log_per_second)
    policy = Policy(config, loop, stop)
    shared = None
    if config.redis is not None:
        shared = RedisLimiter(config.redis, config.redis_patience_ms / 1000, policy.count_gateways)
        await shared.start()
    sealer = Sealer(pepper for _, pepper in reversed(config.peppers.keys))
    # What a full disk keeps out is a duration or a reason, no request: it is not declared as missing.
    desk = Desk(sealer, ledger.write)
    site = Site(config, policy, ledger, sealer, desk, shared)
    server = Server(loop, site, ledger, config.patience_seconds)
    supervisor = Supervisor(config)
    listening = [await server.listen(config.host, config.port)]
    if config.socket:
        listening.append(await server.listen_socket(config.socket))
    reporting = await syslog.listen(loop, config.syslog, desk) if config.syslog else None
    if config.metrics:
        listening.append(await Metrics(config, policy, journal, server, shared).listen(*config.metrics))
    policy.start()
    if config.has_shipper:
        supervisor.start()
    log.info("Gateway %s answers at http://%s:%d", config.name, config.host, config.port)
    why = await stopped
    for each in listening:
        each.close()
    await server.drain()
    if shared is not None:
        await shared.stop()
    if reporting is not None:
        reporting.close()
    await asyncio.to_thread(policy.stop)
    journal.close()
    site.close()
    await supervisor.stop()
    return why


def main() -> int:
    """Run the gateway. Return the exit code."""
    try:
        config = configuration.read()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    logging.basicConfig(level=config.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            why = runner.run(run(config))
    except OSError as error:
        why = f"The gateway cannot start: {error.strerror or error}."
    if why:
        print(why, file=sys.stderr)
    return 1 if why else 0


if __name__ == "__main__":
    sys.exit(main())
