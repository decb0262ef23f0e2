"""The embedded PostgreSQL: comes up anywhere, keeps its data, ends with whoever started it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

from tests.dashboard.process import ROOT, run

OWNER = """
import pathlib, sys, time
from dashboard import postgres
print(postgres.start(pathlib.Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""
SECONDS = 40  # a busy disk makes it wait


@pytest.fixture
def owners() -> Iterator[list[subprocess.Popen[str]]]:
    """The processes that a test has started, ended with it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder below one that only its owner may open."""
    private = tmp_path / "home"
    private.mkdir(mode=0o700)
    return private / "var"


def start(owners: list[subprocess.Popen[str]], folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start a process with an embedded PostgreSQL; return it and the database's URL."""
    folder.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)],
        cwd=ROOT, env={"PATH": os.environ["PATH"]}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    owners.append(process)
    return process, process.stdout.readline().strip()


def server_of(folder: Path) -> int:
    return int((folder / "postgres" / "postmaster.pid").read_text().split()[0])


def await_end(pid: int) -> bool:
    """Whether a process ends in time; a zombie that nobody waits for has ended."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def query(url: str, statement: str) -> list[tuple]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_it_comes_up_below_a_private_folder_and_listens_on_no_port(owners, folder):
    _, url = start(owners, folder)
    assert query(url, "SHOW listen_addresses") == [("",)]
    assert int(query(url, "SHOW server_version_num")[0][0]) >= 150000
    assert (folder / "postgres").stat().st_mode & 0o077 == 0
    assert Path(unquote(urlsplit(url).netloc.partition("@")[2])).stat().st_mode & 0o077 == 0
    if os.geteuid() == 0:
        assert Path(f"/proc/{server_of(folder)}").stat().st_uid != 0


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_its_owner_is_killed_and_comes_back_with_its_data(owners, folder, sent):
    process, url = start(owners, folder)
    query(url, "CREATE TABLE kept AS SELECT 42 AS value")
    server = server_of(folder)
    process.send_signal(sent)
    process.wait(SECONDS)
    assert await_end(server)
    with pytest.raises(psycopg.OperationalError):
        query(url, "SELECT 1")
    _, url = start(owners, folder)
    assert query(url, "SELECT value FROM kept") == [(42,)]


def test_it_comes_back_at_once_after_its_owner_was_killed(owners, folder):
    process, url = start(owners, folder)
    query(url, "CREATE TABLE kept AS SELECT generate_series(1, 200000) AS value")
    process.kill()
    _, url = start(owners, folder)
    time.sleep(1)
    assert query(url, "SELECT count(*) FROM kept") == [(200000,)]


def test_a_normal_end_leaves_nothing_behind(owners, folder):
    process, url = start(owners, folder)
    server = server_of(folder)
    process.stdin.close()
    assert process.wait(SECONDS) == 0
    assert await_end(server)
    assert not (folder / "postgres.url").exists()
    assert not Path(unquote(urlsplit(url).netloc.partition("@")[2])).exists()


def test_a_second_process_uses_the_first_ones(owners, folder):
    _, first = start(owners, folder)
    other, second = start(owners, folder)
    assert first == second
    other.stdin.close()
    assert other.wait(SECONDS) == 0
    assert query(first, "SELECT 1") == [(1,)], "the end of a guest does not end it"


def test_of_two_that_start_at_the_same_moment_both_get_the_same_one(owners, folder):
    folder.mkdir()
    for _ in range(2):
        owners.append(
            subprocess.Popen(
                [sys.executable, "-c", OWNER, str(folder)],
                cwd=ROOT, env={"PATH": os.environ["PATH"]}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
        )  # fmt: skip
    urls = {process.stdout.readline().strip() for process in owners}
    assert len(urls) == 1
    assert query(urls.pop(), "SELECT 1") == [(1,)]


def test_an_initialisation_that_was_killed_is_begun_again(owners, folder):
    (folder / "postgres" / "base").mkdir(parents=True)
    _, url = start(owners, folder)
    assert query(url, "SELECT 1") == [(1,)]


def test_what_happens_at_a_failure_is_said(folder):
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres" / "PG_VERSION").write_text("9.6\n")
    done = run("-c", OWNER, str(folder), environment={"PATH": os.environ["PATH"]})
    assert done.returncode == 1
    assert "The embedded PostgreSQL did not start" in done.stderr
    assert "postgresql.conf" in done.stderr
