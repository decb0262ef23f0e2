"""Jobs in tests: run by procrastinate's own worker, in this process and over the test's connection."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import async_to_sync
from django.db import connection, connections
from procrastinate.contrib.django import procrastinate_app
from procrastinate.contrib.django.django_connector import DjangoConnector

WAITING = (
    "SELECT 1 FROM procrastinate_jobs WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now()) LIMIT 1"
)


class SameConnection(DjangoConnector):
    """Lets a worker use the test's connection. Django hands JSON out as text, which a worker does not expect."""

    def _dictfetch(self, cursor):
        for row in super()._dictfetch(cursor):
            yield {name: json.loads(value) if name == "args" and value else value for name, value in row.items()}


def run_jobs() -> None:
    """Run every job that is due, until none is left. What the test's transaction has written is seen."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        if cursor.fetchone() is None:
            return
    shared = connections["default"]
    shared.inc_thread_sharing()
    try:
        async_to_sync(_work)(shared)
    finally:
        shared.dec_thread_sharing()


async def _work(shared) -> None:
    def adopt() -> None:
        connections["default"] = shared

    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1, initializer=adopt))
    app = procrastinate_app.current_app
    app.periodic_defaults = {"max_delay": 0}  # what happens at a time is a test's own business
    with app.replace_connector(SameConnection()):
        await app.run_worker_async(
            wait=False,
            listen_notify=False,
            install_signal_handlers=False,
            delete_jobs="successful",
            concurrency=1,
            task_middleware=[],  # the usual one closes connections, also one within a test's transaction
        )
