"""Habits that matter."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("dashboard", "notices", "accounts", "keys", "analytics", "alerts", "support", "gateway")


def tracked(*patterns):
    """Files of the project; those that are not committed yet count."""
    found = [path for pattern in patterns for path in ROOT.glob(pattern)]
    assert found, patterns
    return [path for path in found if not {".venv", "var", "staticfiles"} & set(path.relative_to(ROOT).parts)]


def too_long(paths, limit):
    return {str(path.relative_to(ROOT)): n for path in paths if (n := len(path.read_text().splitlines())) > limit}


def test_modules_templates_and_stylesheets_are_small():
    modules = [path for package in PACKAGES for path in tracked(f"{package}/**/*.py") if "migrations" not in path.parts]
    assert too_long(modules, 400) == {}
    assert too_long(tracked("templates/**/*.html"), 150) == {}
    assert too_long(tracked("static/css/**/*.css"), 150) == {}


def test_scripts_are_small_together():
    lines = {path.name: len(path.read_text().splitlines()) for path in tracked("static/js/*.js")}
    assert sum(lines.values()) <= 600
    assert max(lines.values()) <= 200


def test_templates_hold_no_inline_style_script_or_handler():
    wrong = re.compile(
        r"\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:|\|safe\b|<style|https?://[a-z0-9.-]+\.[a-z]{2,}", re.I
    )
    found = {}
    for path in tracked("templates/**/*.html"):
        if "notices/mail" in path.as_posix():
            continue  # no page: mail programs load no stylesheet
        text = re.sub(r"{%\s*comment.*?endcomment\s*%}", "", path.read_text(), flags=re.S)
        if hit := wrong.search(text):
            found[str(path.relative_to(ROOT))] = hit.group()
    assert found == {}


def test_stylesheets_load_nothing_from_elsewhere_and_do_not_choose_their_layer():
    for path in tracked("static/css/**/*.css"):
        text = path.read_text()
        assert not re.search(r"https?:|//[a-z]", text), path
        if path.name not in {"app.css", "admin.css"}:
            assert not re.search("@layer|@import", text), path
        assert "!important" not in text or path.name == "base.css", path


def test_every_stylesheet_is_imported_and_every_script_is_loaded():
    imported = (ROOT / "static/css/app.css").read_text()
    loaded = "".join(path.read_text() for path in tracked("templates/**/*.html"))
    for path in tracked("static/css/**/*.css"):
        name = str(path.relative_to(ROOT / "static/css"))
        assert name == "app.css" or f'"{name}"' in imported or name in loaded, name
    for path in tracked("static/js/*.js"):
        assert f"js/{path.name}" in loaded, path.name


def test_stylesheets_name_no_class_that_nothing_has():
    of_others = {"htmx-request", "helptext"}  # htmx and Django write these
    sources = [
        *tracked("templates/**/*.html", "static/js/*.js"),
        *(p for f in PACKAGES for p in tracked(f"{f}/**/*.py")),
    ]
    words = set(re.findall(r"[\w-]+", " ".join(path.read_text() for path in sources)))
    sheets = (path for path in tracked("static/css/**/*.css") if path.name != "admin.css")  # styles pages of Django's
    text = " ".join(re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S) for path in sheets)
    selectors = re.findall(r"([^{};]+)\{", text)
    named = {name for selector in selectors for name in re.findall(r"\.([a-z][\w-]*)", selector)}
    assert named - words - of_others == set()


@pytest.mark.parametrize(
    "module", ["gateway.server", "gateway.shipper", "keys.tokens", "keys.domains", "dashboard.public_ids"]
)
def test_the_gateway_and_the_pure_modules_import_no_django(module):
    code = f"import sys, {module}; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_every_migration_is_current(db):
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_every_icon_that_is_named_is_in_the_sprite():
    sprite = (ROOT / "static/img/icons.svg").read_text()
    for path in tracked("templates/**/*.html"):
        for name in re.findall(r'{%\s*icon "([a-z]+)"', path.read_text()):
            assert f'id="i-{name}"' in sprite, (path, name)


def test_every_decision_has_its_number_and_is_in_the_list():
    listed = (ROOT / "docs/decisions/README.md").read_text()
    for path in tracked("docs/decisions/0*.md"):
        number, title = re.fullmatch(r"# (\d+)\. (.+)", path.read_text().splitlines()[0]).groups()
        assert int(number) == int(path.name[:4]), path.name
        assert f"- {number}: [{title}]({path.name})" in listed, path.name


def test_every_link_between_documents_leads_somewhere():
    for path in tracked("*.md", "docs/**/*.md"):
        text = re.sub(r"```.*?```", "", path.read_text(), flags=re.S)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            target, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            found = path.parent / target if target else path
            assert found.exists(), (path, link)
            if anchor:
                headings = re.findall(r"^#+ (.+)$", found.read_text(), re.M)
                anchors = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
                assert anchor in anchors, (path, link)
