"""Run the jobs: mail, digests, what is due at a time, housekeeping. As many of these processes as you like."""

import asyncio
import datetime as dt
import os
import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone
from procrastinate import App, PsycopgConnector
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateWorker
from procrastinate.contrib.django.utils import connector_params

CONCURRENCY = 4
DRAIN_SECONDS = 10
ALIVE_SECONDS = 60


class Command(BaseCommand):
    """Work until SIGTERM or Ctrl-C; what runs then is finished first, within ten seconds."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take `--check`, for whatever supervises the process."""
        parser.add_argument("--check", action="store_true", help="say whether a worker runs; fails when none does")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to end, or only look."""
        if options["check"]:
            self._check()
            return
        connector = PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=CONCURRENCY)
        connection.close()
        self.stdout.write("The worker runs.")
        self.stdout.flush()
        with app.replace_connector(connector) as ready:
            asyncio.run(_work(ready))

    def _check(self) -> None:
        since = timezone.now() - dt.timedelta(seconds=ALIVE_SECONDS)
        alive = ProcrastinateWorker.objects.filter(last_heartbeat__gt=since).count()
        if not alive:
            raise CommandError(f"No worker has been seen in the last {ALIVE_SECONDS} seconds.")
        self.stdout.write(f"Workers that run: {alive}.")


async def _work(ready: App) -> None:
    async with ready.open_async():
        await ready.run_worker_async(
            name=f"{socket.gethostname()}-{os.getpid()}",
            concurrency=CONCURRENCY,
            delete_jobs="successful",
            shutdown_graceful_timeout=DRAIN_SECONDS,
        )
