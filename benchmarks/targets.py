"""What is measured: the gateway and its peers, each as a server that is started once and asked in every round."""

import os
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import psycopg

from benchmarks import load, machine, seed, world
from benchmarks.machine import Missing
from benchmarks.world import PEERS, ROOT, World
from dashboard import secrets
from gateway.segments import HEADER_BYTES, SUFFIX

PATH = "/map/1/tile/basic/main/3/4/2.png"
_MODULES = Path("/usr/lib/nginx/modules")
_LUA_LIBRARY = Path("/usr/share/lua/5.1/nginx")
_SETTLE_S = 120

# What a request through a proxy looks like. Every server gets the same, whether it reads it or not.
HEADERS = {
    "Host": "api.example.com",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "*/*",
    "Origin": f"https://{seed.DOMAIN}",
    "X-Forwarded-For": "203.0.113.9",
    "X-Original-URI": PATH,
    "X-Original-Method": "GET",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A server under load. `pids` are all processes that work for it; `settle` waits for what it does afterwards."""

    name: str
    title: str
    url: str
    script: Path
    pids: tuple[int, ...]
    settle: Callable[[], None] = lambda: None

    @property
    def worker(self) -> int:
        """The process that answers: the first, or, where that one only watches over workers, its child."""
        children = machine.children(self.pids[0])
        command = Path(f"/proc/{self.pids[0]}/cmdline").read_bytes()
        is_watching = b"nginx" in command or b"gunicorn" in command
        return children[0] if children and is_watching else self.pids[0]


def _write_load(place: World, name: str, strings: tuple[str, ...]) -> Path:
    script = place.run / f"{name}.wrk.lua"
    load.write_script(script, strings, HEADERS)
    return script


def _start_nginx(place: World, stack: ExitStack, name: str, values: Mapping[str, str | int | Path]) -> tuple[int, int]:
    """Start an nginx with one of the peers' configurations. Return its process ID and port. Raises Missing."""
    port = machine.free_port()
    text = (PEERS / f"{name}.conf").read_text()
    for word, value in {"run": place.run, "port": port, "peers": PEERS, "modules": _MODULES, **values}.items():
        text = text.replace(f"@{word}@", str(value))
    path = place.run / f"{name}.conf"
    path.write_text(text)
    pid = machine.start([machine.program("nginx"), "-c", path], place.run / f"{name}.out", stack)
    machine.wait_for(port)
    return pid, port


def nginx204(place: World, stack: ExitStack) -> list[Target]:
    """Return the floor."""
    pid, port = _start_nginx(place, stack, "nginx204", {})
    url = f"http://127.0.0.1:{port}{PATH}"
    return [Target("nginx204", "nginx `return 204`", url, _write_load(place, "nginx204", place.strings), (pid,))]


def start_gateway(place: World, stack: ExitStack, name: str, **settings: str) -> tuple[int, int, Callable[[], None]]:
    """Start a gateway with its shipper. Return its process ID, its port, and what waits until its journal is shipped."""
    port = machine.free_port()
    data_dir = place.run / name
    data_dir.mkdir()
    environ = {
        "DEBUG": "1",  # production takes no embedded PostgreSQL
        "DATABASE_URL": place.database_url,
        "KEY_PEPPERS": secrets.development(place.data_dir)["KEY_PEPPERS"],
        "DATA_DIR": str(data_dir),
        "GATEWAY_PORT": str(port),
        "GATEWAY_NAME": name,
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": str(ROOT),
        **settings,
    }
    pid = machine.start([sys.executable, "-m", "gateway"], place.run / f"{name}.log", stack, environ)
    machine.wait_for(port)
    machine.wait_for_answer(f"http://127.0.0.1:{port}/readyz")
    folder = data_dir / "gateway" / name

    def settle() -> None:
        deadline = time.monotonic() + _SETTLE_S
        with psycopg.connect(place.database_url, autocommit=True) as connection:
            while not _is_shipped(connection, folder):
                if time.monotonic() > deadline:
                    raise Missing("The shipper does not come to the end of the journal.")
                time.sleep(0.2)

    return pid, port, settle


def _is_shipped(connection: psycopg.Connection[tuple[str, int]], folder: Path) -> bool:
    rows = connection.execute('SELECT segment::text, "offset" FROM gateway_journal').fetchall()
    offsets = dict(rows)
    for path in folder.glob(f"*{SUFFIX}"):
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            continue
        if offsets.get(path.stem.partition("-")[2], HEADER_BYTES) < size:
            return False
    return True


def gateway(place: World, stack: ExitStack) -> list[Target]:
    """Return the gateway alone, and behind nginx where Lua has a place in the comparison."""
    socket_path = place.run / "gateway.sock"
    pid, port, settle = start_gateway(place, stack, "gateway", GATEWAY_SOCKET=str(socket_path))
    script = _write_load(place, "gateway", place.strings)
    pids = (pid, place.database_pid)
    url = f"http://127.0.0.1:{port}/authorize"
    found = [Target("gateway", "**gateway**, all features", url, script, pids, settle)]
    try:
        return found + _chain(place, stack, socket_path, pids, settle)
    except Missing as missing:
        print(missing)
        return found


def gateway_redis(place: World, stack: ExitStack) -> list[Target]:
    """Return a gateway that keeps its limits in Redis, as several have to."""
    redis_pid, redis_port = world.start_redis(place, stack)
    pid, port, settle = start_gateway(
        place, stack, "gateway_redis", GATEWAY_REDIS_URL=f"redis://127.0.0.1:{redis_port}/0"
    )
    script = _write_load(place, "gateway_redis", place.strings)
    pids = (pid, redis_pid, place.database_pid)
    title = "**gateway**, limits shared through Redis"
    return [Target("gateway_redis", title, f"http://127.0.0.1:{port}/authorize", script, pids, settle)]


def _start_lua(
    place: World, stack: ExitStack, name: str, values: Mapping[str, str | int | Path]
) -> tuple[int, int, int]:
    """Start Redis with the keys and nginx with Lua. Return nginx's process ID, its port, Redis's process ID."""
    for needed in (_MODULES / "ngx_http_lua_module.so", _LUA_LIBRARY / "redis.lua", _LUA_LIBRARY / "sha256.lua"):
        if not needed.exists():
            raise Missing("nginx has no Lua (Debian: libnginx-mod-http-lua, lua-nginx-redis, lua-nginx-string).")
    redis_pid, redis_port = world.start_redis(place, stack)
    world.fill_redis(place, redis_port)
    pid, port = _start_nginx(place, stack, name, {"redis_port": redis_port, **values})
    return pid, port, redis_pid


def nginx_lua(place: World, stack: ExitStack) -> list[Target]:
    """Return what a gateway engineer would build, with Redis and without."""
    pid, port, redis_pid = _start_lua(place, stack, "lua", {})
    script = _write_load(place, "lua", place.strings)
    base = f"http://127.0.0.1:{port}"
    return [
        Target("nginx_lua_redis", "nginx + Lua + Redis", f"{base}/redis{PATH}", script, (pid, redis_pid)),
        Target("nginx_lua_shared", "nginx + Lua, shared memory", f"{base}/shared{PATH}", script, (pid, redis_pid)),
    ]


def _chain(
    place: World, stack: ExitStack, socket_path: Path, gateway_pids: tuple[int, ...], settle: Callable[[], None]
) -> list[Target]:
    values: dict[str, str | int | Path] = {
        "socket": socket_path,
        "api_port": machine.free_port(),
        "kilobyte": "x" * 1024,
    }
    pid, port, redis_pid = _start_lua(place, stack, "chain", values)
    script = _write_load(place, "chain", place.strings)
    base = f"http://127.0.0.1:{port}"
    lua = (pid, redis_pid)
    return [
        Target("chain_plain", "API of 1 KB behind nginx, unprotected", f"{base}/plain{PATH}", script, (pid,)),
        Target(
            "chain_gateway", "… **`auth_request` to the gateway**", base + PATH, script, (pid, *gateway_pids), settle
        ),
        Target("chain_lua_redis", "… `access_by_lua` + Redis", f"{base}/redis{PATH}", script, lua),
        Target("chain_lua_shared", "… `access_by_lua`, shared memory", f"{base}/shared{PATH}", script, lua),
    ]


def drf_api_key(place: World, stack: ExitStack) -> list[Target]:
    """Return djangorestframework-api-key under gunicorn, one worker, with a connection that stays open."""
    home = place.data_dir / "drf"
    python = home / "bin" / "python"
    installed = home / "installed"
    wanted = (PEERS.parent / "requirements.txt").read_text()
    if not installed.exists() or installed.read_text() != wanted:
        print("Installing djangorestframework-api-key…", flush=True)
        venv.create(home, clear=True, with_pip=True)
        done = subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r",
             PEERS.parent / "requirements.txt"], check=False,
        )  # fmt: skip
        if done.returncode:
            raise Missing("djangorestframework-api-key could not be installed.")
        installed.write_text(wanted)
    folder = unquote(place.database_url.partition("@")[2].rpartition("/")[0])
    environ = {"DRF_DATABASE_HOST": folder, "PYTHONPATH": str(PEERS)}
    strings_path = place.data_dir / "drf.txt"
    if not strings_path.exists():
        print("Making 100,000 keys for djangorestframework-api-key…", flush=True)
        with psycopg.connect(place.database_url, autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS drf")
            connection.execute("CREATE DATABASE drf")
        subprocess.run(
            [python, PEERS / "drf_app.py", strings_path, str(seed.ORGANIZATIONS * seed.KEYS_EACH), str(seed.KEYS_IN_USE)],
            env={**os.environ, **environ}, check=True,
        )  # fmt: skip
    port = machine.free_port()
    pid = machine.start(
        [python, "-m", "gunicorn", "--workers", "1", "--worker-class", "gthread", "--threads", "4", "--keep-alive", "60",
         "--bind", f"127.0.0.1:{port}", "--log-level", "warning", "drf_app:application"],
        place.run / "drf.log", stack, environ,
    )  # fmt: skip
    machine.wait_for(port)
    script = _write_load(place, "drf", tuple(strings_path.read_text().split()))
    title = "djangorestframework-api-key, gunicorn (key only)"
    return [Target("drf_api_key", title, f"http://127.0.0.1:{port}{PATH}", script, (pid, place.database_pid))]


ALL = (nginx204, gateway, gateway_redis, nginx_lua, drf_api_key)
