"""Real proxies in front of a real upstream, started with the files of deploy/."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.gateway.processes import ROOT, free_port, wait_until

DEPLOY = ROOT / "deploy"


def need(program: str) -> str:
    """The path of a program. Without it the test is skipped, or fails where REQUIRE_ALL says that nothing may be."""
    found = shutil.which(program)
    if found is None:
        why = f"{program} is not installed"
        if os.environ.get("REQUIRE_ALL"):
            pytest.fail(why)
        pytest.skip(why)
    return found


@dataclass(frozen=True)
class Received:
    """A request as it came to the upstream."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        values = [value for found, value in self.headers if found.lower() == name.lower()]
        assert len(values) <= 1, self.headers
        return values[0] if values else None

    @property
    def text(self) -> str:
        """Everything, to look for what must not be there."""
        return f"{self.method} {self.target} {self.headers} {self.body!r}"


class Upstream:
    """A small API that fails on purpose: `/…/status/404` answers so, `/…/close` hangs up, `/…/slow` takes 0.3 s."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                upstream.received.append(Received(self.command, self.path, self.headers.items(), body))
                action = self.path.partition("?")[0].rpartition("/")[2]
                if action == "close":
                    self.close_connection = True
                    return
                if action == "slow":
                    time.sleep(0.3)
                status = int(action) if action.isdigit() else 200
                answer = json.dumps({"from": "upstream", "status": status}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("X-Upstream", "yes")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_OPTIONS = answer

            def log_message(self, *_args) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Proxy:
    """A running proxy and what it writes."""

    name: str
    port: int
    upstream: Upstream
    folder: Path

    @property
    def written(self) -> str:
        """All its logs."""
        return "".join(path.read_text() for path in self.folder.glob("logs/*"))


def _run(command: list[str], port: int, folder: Path, environment: dict[str, str]) -> "contextlib.ExitStack":
    stack = contextlib.ExitStack()
    log = stack.enter_context((folder / "logs" / "output").open("wb"))
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log, cwd=folder)

    def stop() -> None:
        process.terminate()
        process.wait(10)

    stack.callback(stop)

    def is_listening() -> bool:
        assert process.poll() is None, (folder / "logs" / "output").read_text()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        return False

    wait_until(is_listening, what="the proxy listens")
    return stack


NGINX_MAIN = """
user root; daemon off; worker_processes 1; pid nginx.pid; error_log logs/main.log alert;
events { worker_connections 256; }
http {
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    include api.conf;
}
"""


@contextlib.contextmanager
def nginx(folder: Path, gateway_port: int, syslog: str) -> Iterator[Proxy]:
    """An nginx with deploy/nginx/, the template filled in."""
    program, port, upstream = need("nginx"), free_port(), Upstream()
    (folder / "logs").mkdir(parents=True)
    folder.chmod(0o755)
    for path in (DEPLOY / "nginx").glob("*.conf"):
        shutil.copy(path, folder)
    template = (DEPLOY / "nginx" / "api.conf.template").read_text()
    values = {
        "LISTEN": f"127.0.0.1:{port}",
        "GATEWAY": f"127.0.0.1:{gateway_port}",
        "UPSTREAM": f"127.0.0.1:{upstream.port}",
        "SYSLOG": syslog,
        "LOG_DIR": str(folder / "logs"),
    }
    for name, value in values.items():
        template = template.replace("${" + name + "}", value)
    (folder / "api.conf").write_text(template)
    (folder / "nginx.conf").write_text(NGINX_MAIN)
    with _run([program, "-p", str(folder), "-c", "nginx.conf", "-e", "logs/start.log"], port, folder, {}):
        yield Proxy("nginx", port, upstream, folder)
    upstream.stop()


@contextlib.contextmanager
def caddy(folder: Path, gateway_port: int, syslog: str) -> Iterator[Proxy]:
    """A Caddy with deploy/caddy/."""
    program, port, upstream = need("caddy"), free_port(), Upstream()
    (folder / "logs").mkdir(parents=True)
    environment = {
        "LISTEN": f"127.0.0.1:{port}",
        "GATEWAY": f"127.0.0.1:{gateway_port}",
        "UPSTREAM": f"127.0.0.1:{upstream.port}",
        "SYSLOG": syslog,
        "LOG_FILE": str(folder / "logs" / "access.json"),
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
    }
    command = [program, "run", "--config", str(DEPLOY / "caddy" / "Caddyfile"), "--adapter", "caddyfile"]
    with _run(command, port, folder, environment):
        yield Proxy("caddy", port, upstream, folder)
    upstream.stop()


@contextlib.contextmanager
def haproxy(folder: Path, gateway_port: int, syslog: str) -> Iterator[Proxy]:
    """A HAProxy with deploy/haproxy/."""
    program, port, upstream = need("haproxy"), free_port(), Upstream()
    (folder / "logs").mkdir(parents=True)
    for path in (DEPLOY / "haproxy").iterdir():
        shutil.copy(path, folder)
    environment = {
        "LISTEN": f"127.0.0.1:{port}",
        "GATEWAY": f"127.0.0.1:{gateway_port}",
        "UPSTREAM": f"127.0.0.1:{upstream.port}",
        "SYSLOG": syslog,
    }
    with _run([program, "-f", "haproxy.cfg"], port, folder, environment):
        yield Proxy("haproxy", port, upstream, folder)
    upstream.stop()


STARTERS = {"nginx": nginx, "caddy": caddy, "haproxy": haproxy}
