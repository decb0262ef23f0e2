"""The long runs: everything here is `chaos`, and may take minutes."""

from pathlib import Path

import pytest

from tests.chaos import figures
from tests.gateway.conftest import own_gateway, people, postgres_server, redis

__all__ = ["own_gateway", "people", "postgres_server", "redis"]  # fixtures


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.chaos)
            item.add_marker(pytest.mark.timeout(1200))


def pytest_sessionstart(session):
    """A run begins with no figures: none is left of an earlier one."""
    if session.config.option.markexpr == "chaos" and not session.config.option.collectonly:
        figures.PATH.unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter, config):
    if config.option.markexpr == "chaos":
        terminalreporter.section("figures")
        for name, value in sorted(figures.known().items()):
            terminalreporter.write_line(f"{name}: {value}")
