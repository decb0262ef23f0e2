"""Programs that some tests need beside Python."""

import os
import shutil

import pytest


def require(*programs: str) -> None:
    """Skip a test where a program is missing; fail it instead when `REQUIRE_ALL=1` says that nothing may be skipped."""
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return
    words = f"{', '.join(missing)} is not installed"
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(words)
    pytest.skip(words)
