"""Everything that people read is translated: the catalogue is complete and compiled, and no template keeps words to itself."""

import ast
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.house.untranslated import untranslated
from tests.programs import require

ROOT = Path(__file__).resolve().parents[2]
CATALOGUES = sorted(ROOT.glob("locale/*/LC_MESSAGES/django.po"))
FOLDERS = ("dashboard", "notices", "accounts", "keys", "analytics", "alerts", "support")
LANGUAGES = [path.parts[-3] for path in CATALOGUES]

ENGLISH_ONLY = {
    "dashboard/styleguide.html",  # for developers, in development only
    "dashboard/mail.html",  # likewise
}


def messages(path: Path) -> dict[str, str]:
    """Each message of a catalogue with its block of text."""
    blocks = path.read_text().split("\n\n")[1:]
    return {re.split(r"^msgstr", block, maxsplit=1, flags=re.M)[0]: block for block in blocks}


def compiled(path: Path) -> dict[bytes, bytes]:
    """What a .mo file holds."""
    data = path.read_bytes()
    _, _, count, originals, translations = struct.unpack_from("<5I", data)

    def text(table: int, number: int) -> bytes:
        length, offset = struct.unpack_from("<2I", data, table + 8 * number)
        return data[offset : offset + length]

    return {text(originals, number): text(translations, number) for number in range(count)}


@pytest.mark.parametrize("path", CATALOGUES, ids=LANGUAGES)
def test_every_message_is_translated_and_none_is_guessed(path):
    assert not [block for block in messages(path).values() if re.search(r"^#,.*fuzzy", block, re.M)]
    assert not [block for block in messages(path).values() if re.search(r'^msgstr(\[\d\])? ""(?!\n")', block, re.M)]


@pytest.mark.parametrize("path", CATALOGUES, ids=LANGUAGES)
def test_the_compiled_catalogue_is_that_of_the_messages(path, tmp_path):
    require("msgfmt")
    fresh = tmp_path / "django.mo"
    done = subprocess.run(["msgfmt", "--check", "-o", fresh, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert compiled(path.with_suffix(".mo")) == compiled(fresh)


@pytest.mark.parametrize("path", CATALOGUES, ids=LANGUAGES)
def test_extracting_the_messages_again_changes_nothing(path, tmp_path, monkeypatch, settings):
    """With `make messages`, in a copy of what is extracted from."""
    require("xgettext", "msgmerge")
    for folder in (*FOLDERS, "templates", "locale"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "migrations"))
    monkeypatch.chdir(tmp_path)
    settings.LOCALE_PATHS = [tmp_path / "locale"]
    kept = {"no_wrap": True, "no_obsolete": True, "add_location": "file", "verbosity": 0}
    call_command("makemessages", locale=[path.parts[-3]], **kept)
    assert messages(tmp_path / path.relative_to(ROOT)).keys() == messages(path).keys(), "run `make messages`"


def test_no_message_stands_inside_an_f_string_where_it_is_not_extracted():
    calls = {"_", "gettext", "gettext_lazy", "ngettext", "pgettext", "npgettext"}
    found = []
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            strings = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.JoinedStr)]
            inside = [node for string in strings for node in ast.walk(string) if isinstance(node, ast.Call)]
            found += [(path.name, each.lineno) for each in inside if getattr(each.func, "id", "") in calls]
    assert found == []


def test_no_template_keeps_words_from_translation():
    found = {}
    for path in sorted((ROOT / "templates").rglob("*.html")):
        name = path.relative_to(ROOT / "templates").as_posix()
        words = untranslated(path)
        if words and name not in ENGLISH_ONLY:
            found[name] = words
    assert found == {}


def test_no_name_for_stylesheets_scripts_or_forms_is_translated():
    translated = re.compile(r'\s(?:class|id|name|for|type|href|value|role)="{%\s*(?:block)?translate')
    found = [path.name for path in sorted((ROOT / "templates").rglob("*.html")) if translated.search(path.read_text())]
    assert found == []


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("<p>Delete it</p>", ["Delete it"]),
        ('<a aria-label="Close it">{% icon "close" %}</a>', ["Close it"]),
        ('{% state "unused" "Not used" %}', ["Not used"]),
        ("<p>{% if a %}{{ b }} is gone{% endif %}.</p>", ["is gone."]),
        ('<p class="muted small">{% translate "Delete it" %}</p>', []),
        ("<p>{% blocktranslate %}{{ a }} is gone.{% endblocktranslate %}</p>", []),
        ('{% comment %}What it shows.{% endcomment %}<a data-kind="quiet" href="{% url "keys:list" %}">→</a>', []),
    ],
)
def test_words_outside_of_translations_are_found(template, words, tmp_path):
    path = tmp_path / "template.html"
    path.write_text(template)
    assert untranslated(path) == words
