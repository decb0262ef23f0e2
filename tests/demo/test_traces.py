"""After everything that the tests of this group did with keys, no key is found in what a thief of the machine would have.

It stands last: `demo.handed_out` holds every string that a person was given before.
"""

import base64
import os
import re
import subprocess
import zlib
from pathlib import Path

import psycopg
import pytest

pytestmark = pytest.mark.demo

PIECE = 12


def pieces(string: str) -> set[str]:
    """A key in every form that gives it away: each run of 12 characters, also as hex and as base64."""
    raw = string.encode()
    found = {string[start : start + PIECE] for start in range(len(string) - PIECE + 1)}
    found |= {found_hex for piece in set(found) for found_hex in (piece.encode().hex(), piece.encode().hex().upper())}
    for shift in range(3):  # where it begins within a group of three bytes; the ends depend on what stands beside it
        encoded = base64.b64encode(b"\0" * shift + raw).decode()
        found.add(encoded[4:-4])
    return found


def hits(patterns: Path, place: Path) -> list[str]:
    """Return `file:piece` for every piece of a key below a folder, whatever the file is."""
    command = ["grep", "-r", "-a", "-o", "-F", "-f", str(patterns), str(place)]
    answer = subprocess.run(
        command, env={"LC_ALL": "C", "PATH": os.environ["PATH"]}, capture_output=True, text=True, errors="replace",
        check=False,
    )  # fmt: skip
    assert answer.returncode in (0, 1), answer.stderr[:500]
    return answer.stdout.splitlines()


@pytest.fixture
def strings(demo) -> set[str]:
    """Every key that was handed out, and the one that the demo prints."""
    found = demo.handed_out | {demo.facts["test_request"].rpartition("=")[2]}
    assert all(len(string) == 40 for string in found)
    return found


@pytest.fixture
def patterns(strings, tmp_path) -> Path:
    """A file with every piece of every key."""
    path = tmp_path / "patterns"
    path.write_text("\n".join(sorted(set().union(*map(pieces, strings)))))
    return path


def dump(demo, folder: Path) -> int:
    """Write every table as text, sessions as what they hold; return the number of sessions."""
    url = (demo.data_dir / "postgres.url").read_text().strip()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")  # what is in memory goes to the files that are searched
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            with (folder / table).open("wb") as file, connection.cursor().copy(f'COPY "{table}" TO STDOUT') as rows:
                for row in rows:
                    file.write(row)
        sessions = [data for (data,) in connection.execute("SELECT session_data FROM django_session").fetchall()]
    (folder / "sessions").write_bytes(b"\n".join(map(opened, sessions)))
    return len(sessions)


def opened(session: str) -> bytes:
    """Return what a session holds, without its signature and compression."""
    payload, is_packed = session.partition(":")[0].lstrip("."), session.startswith(".")
    raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    return zlib.decompress(raw) if is_packed else raw


def test_no_key_is_found_in_files_tables_sessions_or_logs(demo, ended_demo, strings, patterns, tmp_path):
    assert len(strings) >= 50, "run the whole group: this test looks at what the others left"
    tables, said = tmp_path / "tables", tmp_path / "said"
    tables.mkdir()
    said.mkdir()
    sessions = dump(demo, tables)
    assert demo.log().splitlines().count(f"  {demo.facts['test_request']}") == 1
    request = demo.facts["test_request"].removeprefix(demo.gateway)
    announced = re.compile(rf"  http://localhost:\d+{re.escape(request)}")
    lines = [line for made in (ended_demo, demo) for line in made.log().splitlines()]
    (said / "log").write_text("\n".join(line for line in lines if not announced.fullmatch(line)))
    in_files = [hit for hit in hits(patterns, demo.data_dir) if not hit.startswith(f"{demo.facts_path}:")]
    in_tables, in_log = hits(patterns, tables), hits(patterns, said)
    size = sum(path.stat().st_size for path in demo.data_dir.rglob("*") if path.is_file())
    print(
        f"{len(strings)} keys, {len(patterns.read_text().split())} pieces; {size / 1e6:.0f} MB of files: {len(in_files)} hits;",
        f"{len(list(tables.iterdir()))} tables with {sessions} sessions: {len(in_tables)} hits; {len(lines)} lines of logs: {len(in_log)} hits",
    )
    assert (in_files, in_tables, in_log) == ([], [], [])
    names = [path.relative_to(demo.data_dir).parts for path in demo.data_dir.rglob("*") if path.is_file()]
    assert any(parts[:2] == ("postgres", "pg_wal") for parts in names)
    assert any(parts[0] == "gateway" and parts[-1].endswith(".journal") for parts in names)
    assert any(parts[0] == "mail" for parts in names)
    assert sessions


def test_the_search_would_find_a_key(demo, strings, patterns, tmp_path):
    """The test before this one is worth what its search finds: here each form is hidden once, and found."""
    place = tmp_path / "place"
    place.mkdir()
    string = max(strings).encode()
    forms = {
        "whole": string,
        "piece": string[17:29],
        "hex": string.hex().encode(),
        "base64": base64.b64encode(b"ab" + string + b"c"),
    }
    for name, form in forms.items():
        (place / name).write_bytes(os.urandom(3_000) + b"\n\0" + form + b"\0\xff" + os.urandom(3_000))
    assert {hit.split(":")[0].rpartition("/")[2] for hit in hits(patterns, place)} == set(forms)
    assert any(hit.startswith(f"{demo.facts_path}:") for hit in hits(patterns, demo.data_dir))
