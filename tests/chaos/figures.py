"""What the long runs found: printed at the end of `make chaos`, and kept in `var/chaos.json`."""

import json
import os
from pathlib import Path
from typing import Any

PATH = Path(__file__).resolve().parents[2] / "var" / "chaos.json"


def rounds(whole: int) -> int:
    """How many rounds of so many to run: `CHAOS_PERCENT` of them, at least one."""
    return max(1, whole * int(os.environ.get("CHAOS_PERCENT", "100")) // 100)


def known() -> dict[str, Any]:
    """All figures by now."""
    return json.loads(PATH.read_text()) if PATH.exists() else {}


def record(**figures: Any) -> None:
    """Keep figures. A dictionary adds to the one of the same name."""
    found = known()
    for name, value in figures.items():
        found[name] = {**found.get(name, {}), **value} if isinstance(value, dict) else value
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
