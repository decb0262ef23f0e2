"""`make demo`: dashboard, worker and gateway with demo data on this machine; everything ends with this process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from dashboard import postgres
from dashboard.demo import alerts, seed, usage
from dashboard.demo.cast import ADMIN, CUSTOMERS, PASSWORD
from dashboard.stopping import Stopping
from keys import due
from keys.models import ApiKey, KeyringCheck
from keys.snippets import PATH

READY_SECONDS = 60


class Command(BaseCommand):
    """Bring everything up, say where it is, and end all of it on Ctrl-C, SIGTERM or when a part dies."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take `--die-with-parent`, for make: when make is killed, so is this."""
        parser.add_argument(
            "--die-with-parent", action="store_true", help="end when the process that started this one ends"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to end."""
        if not settings.DEVELOPMENT:
            raise CommandError("The demo is for development: set DEBUG=1.")
        if options["die_with_parent"]:
            postgres.die_with_parent(signal.SIGTERM)
        names = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # under nohup it goes on
            names.append(signal.SIGHUP)
        ended = Stopping(names)
        port, gateway_port = os.environ.get("PORT", "8000"), os.environ.get("GATEWAY_PORT", "8001")
        for taken in filter(_is_taken, (port, gateway_port)):
            raise CommandError(f"Port {taken} is taken: another demo? Choose others with PORT and GATEWAY_PORT.")
        self._prepare()
        children = [self._dashboard(port, gateway_port), self._worker(port), self._gateway(gateway_port)]
        try:
            addresses = {"dashboard": f"http://localhost:{port}", "gateway": f"http://localhost:{gateway_port}"}
            self._wait(addresses, children, ended)
            if not ended.is_set():
                self._announce(self._facts(addresses))
            while not ended.wait(0.5):
                if postgres.is_lost() or any(child.poll() is not None for child in children):
                    raise CommandError("A part of the demo ended by itself; see above and postgres.log.")
        finally:
            self._end(children)

    def _prepare(self) -> None:
        self.stdout.write("Preparing the database …")
        call_command("migrate", verbosity=0)
        KeyringCheck.verify()
        is_new = not seed.is_seeded()
        if is_new:
            self.stdout.write("Making three customers with 90 days of usage …")
            seed.seed()
        usage.fill()
        if is_new:
            alerts.set_alerts()
        due.tell_due()
        call_command("housekeeping", verbosity=0)

    def _dashboard(self, port: str, gateway_port: str) -> subprocess.Popen[bytes]:
        host = os.environ.get("HOST", "127.0.0.1")
        return self._start(
            [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", port]
            + ["--workers", "1", "--blocking-threads", "4", "--workers-kill-timeout", "10", "--log-level", "warning"]
            + ["dashboard.wsgi:application"],
            GATEWAY_URL=os.environ.get("GATEWAY_URL", f"http://localhost:{gateway_port}"),
            DASHBOARD_URL=os.environ.get("DASHBOARD_URL", f"http://localhost:{port}"),
        )

    def _worker(self, port: str) -> subprocess.Popen[bytes]:
        address = os.environ.get("DASHBOARD_URL", f"http://localhost:{port}")
        return self._start([sys.executable, "manage.py", "worker"], DASHBOARD_URL=address)

    def _gateway(self, gateway_port: str) -> subprocess.Popen[bytes]:
        return self._start([sys.executable, "-m", "gateway"], GATEWAY_PORT=gateway_port)

    def _start(self, command: list[str], **environment: str) -> subprocess.Popen[bytes]:
        """Start a child that ends with this process, however that ends."""
        return subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            env=os.environ | {"DEBUG": "1", "DATA_DIR": str(settings.DATA_DIR)} | environment,
            preexec_fn=postgres.die_with_parent,
            start_new_session=True,
        )

    def _wait(self, addresses: dict[str, str], children: list[subprocess.Popen[bytes]], ended: Stopping) -> None:
        deadline = time.monotonic() + READY_SECONDS
        for name, address in addresses.items():
            while not ended.is_set() and not _is_ready(f"{address}/readyz"):
                if any(child.poll() is not None for child in children) or time.monotonic() > deadline:
                    raise CommandError(f"The {name} did not come up; is its port taken?")
                time.sleep(0.1)

    def _facts(self, addresses: dict[str, str]) -> dict[str, Any]:
        people: list[dict[str, str | None]] = [
            {"email": email, "password": PASSWORD, "name": name, "plan": customer.plan, "role": role}
            for customer in CUSTOMERS
            for email, name, role in customer.people
        ]
        people.append({"email": ADMIN, "password": PASSWORD, "name": "Sam Staff", "plan": None, "role": "admin"})
        kept = ApiKey.objects.kept().select_related("organization").order_by("organization__name", "name")
        first = kept.get(organization__name="Tidewater Mobility", name="My first API key")
        return {
            **addresses,
            "people": people,
            "test_request": f"{addresses['gateway']}{PATH}?view=Unified&key={first.current_string()}",
            "keys": [{"name": key.name, "id": key.public_id, "organisation": key.organization.name} for key in kept],
        }

    def _announce(self, facts: dict[str, Any]) -> None:
        path = Path(settings.DATA_DIR) / "demo.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(facts, indent=2))
        lines = ["", f"Dashboard     {facts['dashboard']}", f"Gateway       {facts['gateway']}", "", "Sign in as"]
        for person in facts["people"]:
            what = f"{person['role']}, {person['plan']}" if person["plan"] else f"the provider's {person['role']}"
            lines.append(f"  {person['email']:<28} {person['password']}   ({what})")
        lines += [
            "",
            "Test request (paste it into a browser: one tile with the whole world)",
            f"  {facts['test_request']}",
        ]
        lines += ["", f"The same facts are in {path}. `make traffic` sends requests. Ctrl-C ends everything.", ""]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()

    def _end(self, children: list[subprocess.Popen[bytes]]) -> None:
        for child in children:
            if child.poll() is None:
                child.terminate()
        for child in children:
            try:
                child.wait(12)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  (an address of our own)
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _is_taken(port: str) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((os.environ.get("HOST", "127.0.0.1"), int(port)))
        except OSError:
            return True
    return False
