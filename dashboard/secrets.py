"""The secrets of a development machine, made once and kept in DATA_DIR. No Django in here."""

import base64
import json
import os
import secrets
from pathlib import Path

EMBEDDED_MARK = "latchkey-pg-"
"""Part of the socket folder's name of every embedded PostgreSQL, so that production recognises and refuses it."""


def development(data_dir: Path) -> dict[str, str]:
    """Return SECRET_KEY, KEY_PEPPERS, KEY_MASTER_KEYS and, while an embedded PostgreSQL runs, its DATABASE_URL."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / "secrets.json"
    if not path.exists():
        made = {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "KEY_PEPPERS": f"1:{_random_base64()}",
            "KEY_MASTER_KEYS": f"1:{_random_base64()}",
        }
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(made))
        try:
            os.link(draft, path)  # the first of several processes wins, the others read what it made
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    found: dict[str, str] = json.loads(path.read_text())
    address = data_dir / "postgres.url"
    if address.exists():
        found["DATABASE_URL"] = address.read_text().strip()
    return found


def _random_base64() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
