"""Send real requests to the gateway with the keys of this database, for as long as it runs. For demos."""

import http.client
import os
import random
import socket
import threading
import time
from collections import Counter
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from keys.models import ApiKey

PATHS = {
    "map-display": ("/map/1/tile/basic/main/{z}/0/0.png?view=Unified", "/map/1/tile/basic/main/2/{x}/{x}.png"),
    "search": ("/search/2/search/{word}.json?limit=3",),
    "routing": ("/routing/1/calculateRoute/52.37,4.9:48.85,2.35/json",),
}
WORDS = ("norway", "peru", "kenya", "japan", "new zealand", "portugal")


class Command(BaseCommand):
    """Requests like those of customers: most succeed, some come from a wrong page, some burst over the limit."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the rate and how long."""
        parser.add_argument("--rate", type=float, default=10.0, help="requests per second (10)")
        parser.add_argument("--seconds", type=float, default=0.0, help="how long; 0 is until Ctrl-C (0)")
        parser.add_argument("--gateway", default=_gateway(), help="where the gateway is")

    def handle(self, *args: Any, **options: Any) -> None:
        """Send until the time is over, then say what was answered."""
        if not settings.DEVELOPMENT:
            raise CommandError("Traffic is for development: it opens the keys of every customer.")
        targets = _targets()
        if not targets:
            raise CommandError("No key in the database has a product that the sample APIs serve.")
        _expect_answer(options["gateway"])
        ends = time.monotonic() + options["seconds"] if options["seconds"] else float("inf")
        answers: Counter[str] = Counter()
        lock = threading.Lock()

        def work() -> None:
            while time.monotonic() < ends:
                for status in _send(options["gateway"], *random.choice(targets)):  # noqa: S311
                    with lock:
                        answers[status] += 1
                time.sleep(random.expovariate(options["rate"] / 4))

        workers = [threading.Thread(target=work, daemon=True) for _ in range(4)]
        for worker in workers:
            worker.start()
        try:
            for worker in workers:
                while worker.is_alive():
                    worker.join(0.5)
        except KeyboardInterrupt:
            ends = 0.0
        told = ", ".join(f"{count} × {status}" for status, count in sorted(answers.items()))
        self.stdout.write(f"Answered: {told or 'nothing'}")


def _gateway() -> str:
    """Return where `make demo` with the same environment has its gateway."""
    return os.environ.get("GATEWAY_URL", f"http://localhost:{os.environ.get('GATEWAY_PORT', '8001')}")


def _expect_answer(gateway: str) -> None:
    address = urlsplit(gateway)
    try:
        socket.create_connection((address.hostname or "localhost", address.port or 80), timeout=5).close()
    except OSError:
        words = f"Nothing answers at {gateway}: is `make demo` running, with the same GATEWAY_PORT?"
        raise CommandError(words) from None


def _targets() -> list[tuple[str, str, str]]:
    """Return (key string, path template, domain or empty) for the live keys."""
    found = []
    keys = ApiKey.objects.kept().select_related("organization").prefetch_related("secrets", "products")
    for key in keys:
        if key.current_secret.sealed is None:
            continue  # no copy of its string is kept
        domain = key.allowed_domains[0].replace("*.", "www.") if key.allowed_domains else ""
        for product in key.products.all():
            found += [(key.current_string(), path, domain) for path in PATHS.get(product.code, ())]
    return found


def _send(gateway: str, string: str, template: str, domain: str) -> list[str]:
    """Send one request, now and then a burst, now and then from a wrong page; return the statuses."""
    address = urlsplit(gateway)
    path = template.format(z=random.randint(0, 1), x=random.randint(0, 3), word=quote(random.choice(WORDS)))  # noqa: S311
    headers = {"X-Api-Key": string, "User-Agent": random.choice(("okhttp/4.12", "python-requests/2.32", "node"))}  # noqa: S311
    if domain and random.random() > 0.03:  # noqa: S311
        headers["Referer"] = f"https://{domain}/"
    statuses = []
    connection = http.client.HTTPConnection(address.hostname or "localhost", address.port or 80, timeout=5)
    try:
        for _ in range(12 if random.random() < 0.02 else 1):  # noqa: S311
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            statuses.append(str(answer.status))
    except OSError:
        statuses.append("no answer")
    finally:
        connection.close()
    return statuses
