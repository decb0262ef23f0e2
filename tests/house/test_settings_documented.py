"""Every environment variable that is read is described in docs/settings.md, with its default, and no other is."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "settings.md"
SOURCES = [
    ROOT / "dashboard" / "settings.py",
    ROOT / "dashboard" / "postgres.py",
    ROOT / "dashboard" / "management" / "commands" / "demo.py",
    *sorted((ROOT / "gateway").glob("*.py")),
]
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__))
NOT_OURS = {"PATH", "PYTHONPATH", "LC_ALL", "TZ", "DJANGO_SETTINGS_MODULE", "LATCHKEY_TEST_RUN", "PYTEST_XDIST_WORKER"}
NAME = re.compile(r"[A-Z][A-Z0-9_]+\Z")
READERS = {"get", "str", "int", "bool", "list", "url", "_secret", "_number", "_address", "getenv"}


def documented() -> dict[str, str]:
    """The variables of the page and the cells of their defaults."""
    found = re.findall(r"^\| `([A-Z0-9_]+)` \| (.*?) \|", PAGE.read_text(), re.MULTILINE)
    names = [name for name, _ in found]
    assert len(names) == len(set(names)), "a variable is described twice"
    return dict(found)


def read_by(path: Path) -> dict[str, object]:
    """The variables that a module reads, with their default where it is written beside the name; else None.

    A variable is read by `env.int("NAME", default=…)`, `environ.get("NAME", …)`, `environ["NAME"]` or a helper of
    READERS; names in a tuple over which one of these runs count too.
    """
    tree = ast.parse(path.read_text())
    found: dict[str, object] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name_of(node.func) in READERS and _is_environment(node):
            text = [a.value for a in node.args[:2] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            after = node.args[2:3] if _name_of(node.func) in {"_number", "_address"} else node.args[1:2]
            given = [keyword.value for keyword in node.keywords if keyword.arg == "default"] or after
            default = given[0].value if given and isinstance(given[0], ast.Constant) else None
            found |= {text[0]: default} if text and NAME.match(text[0]) else {}
        elif (
            isinstance(node, ast.Subscript)
            and "environ" in ast.unparse(node.value)
            and isinstance(node.slice, ast.Constant)
        ):
            found.setdefault(str(node.slice.value), None)
        elif isinstance(node, (ast.comprehension, ast.For)) and isinstance(node.iter, ast.Tuple):
            names = [item.value for item in node.iter.elts if isinstance(item, ast.Constant)]
            found |= {name: None for name in names if NAME.match(str(name))}
    return {name.removesuffix("_FILE"): default for name, default in found.items() if name not in NOT_OURS}


def _name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _is_environment(call: ast.Call) -> bool:
    return bool(re.match(r"(env|environ|os\.environ|os)\.|_secret|_number|_address", ast.unparse(call)))


def of_the_makefile() -> set[str]:
    return set(re.findall(r"^(?:export )?([A-Z_]+) \?=", (ROOT / "Makefile").read_text(), re.MULTILINE))


def everything_read() -> set[str]:
    return {name for path in SOURCES + TESTS for name in read_by(path)} | of_the_makefile()


def test_the_search_finds_what_it_should():
    assert {"SECRET_KEY", "DATABASE_URL", "HTTPS", "TRUSTED_PROXY_COUNT"} <= set(read_by(SOURCES[0]))
    assert read_by(SOURCES[0])["REVEALS_PER_HOUR"] == 60
    assert set(read_by(SOURCES[1])) == {"DEBUG", "DATABASE_URL", "DATA_DIR"}
    assert {"GATEWAY_PORT", "KEY_PEPPERS", "GATEWAY_POLL_MS"} <= set(read_by(ROOT / "gateway" / "config.py"))


def test_every_variable_that_is_read_is_described():
    assert sorted(everything_read() - set(documented())) == []


def test_every_variable_that_is_described_is_read():
    assert sorted(set(documented()) - everything_read()) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_defaults_are_those_of_the_code(path):
    page = documented()
    for name, default in read_by(path).items():
        if default is None or default == "" or default is False:
            continue
        assert page[name].strip("`") in (str(default), "on" if default in (True, "1") else str(default)), name
