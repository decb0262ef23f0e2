"""Other Python processes, for what happens at start and at the end of one."""

import base64
import os
import secrets
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def keyring(version: int = 1) -> str:
    """A ring with one fresh key."""
    return f"{version}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def production(**changes: str | None) -> dict[str, str]:
    """The environment of a production process; None takes a variable out."""
    found = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": secrets.token_urlsafe(60),
        "KEY_PEPPERS": keyring(),
        "KEY_MASTER_KEYS": keyring(),
        "DATABASE_URL": "postgres://latchkey@127.0.0.1:1/latchkey",
        "ALLOWED_HOSTS": "dashboard.example.com",
    } | changes
    return {name: value for name, value in found.items() if value is not None}


def run(*arguments: str, environment: dict[str, str], timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run Python with arguments from the project's folder and wait for it."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        timeout=timeout,
        capture_output=True,
        text=True,
        check=False,
    )
