"""Keys, Analytics and alerts in German: no English among them, numbers and dates as German writes them, machines' parts as ever."""

import datetime as dt
import re

import pytest
from django.utils import timezone, translation

from accounts.models import AuditEvent
from dashboard import words
from tests.analytics.usage import record
from tests.factories import KeyFactory

pytestmark = pytest.mark.django_db

ENGLISH = re.compile(
    r"\b(the|and|of|with|is|are|your|this|every|requests?|used|ago|not|never|has|by|key's|until|limit of|days)\b", re.I
)
OURS = ("Fleet tracking", "Northwind Routing", "Pay as You Grow")
"""What people and products are called stays as it is."""

KEY_PAGES = ("", "edit/", "rotate/", "rotate/?step=2", "qps/", "disable/", "enable/", "delete/", "start/")
PAGES = (
    "/keys/", "/keys/create/", "/keys/deleted/", "/keys/?q=nothing", "/analytics/", "/analytics/breaches/", "/analytics/errors/",
    "/analytics/callers/", "/analytics/limits/", "/analytics/statement/", "/analytics/?range=own&from=2026-13-01", "/alerts/",
    "/alerts/create/", "/alerts/create/?condition=errors", "/find/", "/shortcuts/",
)  # fmt: skip


@pytest.fixture
def busy(cast):
    """A key that was used a lot, failed a little and went over its limit, until a moment ago."""
    now = timezone.now()
    for days in range(9):
        record(cast.key, "search", now - dt.timedelta(days=days, minutes=5), 1234, s429_over_qps=40, s404_ok=30, peak=9)
    record(cast.key, "map-display", now - dt.timedelta(days=40), 70)
    return cast.key


@pytest.fixture
def german(cast, as_user):
    """Ada's browser, since she reads German."""
    cast.ada.choose_language("de")
    return as_user(cast.ada)


def english_in(page) -> list[str]:
    """Lines with English words that a person reads or hears; code and the texts of programs aside."""
    tree = page.tree
    for aside in tree.cssselect("code, pre, script, option, .theme, [lang]:not(html), .chip"):
        aside.drop_tree()
    heard = [each for name in ("aria-label", "title", "placeholder", "alt") for each in tree.xpath(f"//@{name}")]
    texts = [" ".join(text.split()) for text in (*tree.itertext(), *heard)]
    for name in OURS:
        texts = [text.replace(name, "") for text in texts]
    return [text for text in texts if ENGLISH.search(text)]


def test_no_page_of_keys_analytics_and_alerts_keeps_english(german, busy):
    german.post("/language/", {"language": "en-gb"})
    assert len(english_in(german.get("/keys/"))) > 5, "nothing is found where all is English"
    german.post("/language/", {"language": "de"})
    for path in (*PAGES, *(f"/keys/{busy.public_id}/{part}" for part in KEY_PAGES)):
        page = german.get(path)
        assert page.one("html").get("lang") == "de"
        assert english_in(page) == [], path


def test_numbers_and_dates_are_written_as_german_writes_them(german, busy):
    page = german.get("/analytics/?range=30d")
    assert "11.106" in page.texts(".metric .value")
    assert re.search(r"\d, verglichen mit \d", page.one(".page-head p").text_content())
    assert re.search(r"\d{2},\d{2} % der Anfragen waren erfolgreich", page.one(".quality").text_content())
    assert re.search(r">[A-Z][a-z] \d+\. [A-Z][a-zä]+", page.source)
    with translation.override("de"):
        assert [words.ago(seconds) for seconds in (4, 200, 7300, 90_000)] == ["vor 4 s", "vor 3 min", "vor 2 h", ""]
        assert words.duration(86_400 + 3_661) == "1 Tag 01:01:01"
        assert words.date(dt.date(2026, 3, 7), words.WEEKDAY) == "Samstag, 7. März"
        assert words.number(1_234_567) == "1.234.567"


@pytest.mark.parametrize("path", ["/analytics/", "/analytics/breaches/?range=30d", "/analytics/limits/", "/keys/"])
def test_drawings_and_fields_are_the_same_in_every_language(german, busy, path):
    drawn = (
        "x",
        "y",
        "d",
        "width",
        "height",
        "viewBox",
        "x1",
        "x2",
        "y1",
        "y2",
        "data-from",
        "data-columns",
        "min",
        "max",
    )

    def parts(page):
        fields = [each.get("value") for each in page.all("main input:not([type=hidden])")]
        return fields, [[each.get(name) for name in drawn] for each in page.one("main").iterdescendants("*")]

    shown = parts(german.get(path))
    german.post("/language/", {"language": "en-gb"})
    assert shown == parts(german.get(path))
    assert len(shown[1]) > 50


@pytest.mark.parametrize(
    "path", ["usage.csv", "usage.json", "usage.csv?rows=keys", "statement.csv", "usage.csv?split=0&view=errors"]
)
def test_files_are_the_same_in_every_language(german, busy, path):
    def lines():
        answer = german.get(f"/analytics/{path}")
        assert answer.status == 200
        text = b"".join(answer.response.streaming_content).decode()
        return re.sub(r'"made_at": "[^"]*"', "", text)

    in_german = lines()
    german.post("/language/", {"language": "en-gb"})
    assert in_german == lines()
    assert "Requests" in in_german or '"requests"' in in_german


def test_what_the_audit_log_keeps_is_the_same_in_every_language(german, cast):
    german.submit("/alerts/create/?condition=silence", name="Stille", threshold="12")
    event = cast.northwind.audit_events.get(verb="alert.created")
    assert event.after["condition"] == {"code": "silence", "threshold": 12, "minutes": 10, "least": 0}
    alert = cast.northwind.alerts.get()
    assert "Keine Anfrage seit 12 Stunden" in german.get(f"/alerts/{alert.public_id}/")
    german.submit(f"/alerts/{alert.public_id}/edit/", threshold="24")
    told = " ".join(german.get("/activity/").texts(".history li"))
    assert "Keine Anfrage seit 12 Stunden → Keine Anfrage seit 24 Stunden" in told
    german.post("/language/", {"language": "en-gb"})
    assert "No request for 12 hours → No request for 24 hours" in german.get("/activity/").source


def test_conditions_that_the_log_kept_as_text_are_shown_as_they_are(german, cast):
    AuditEvent.record(
        "alert.created", organization=cast.northwind, actor=cast.ada, target=cast.key, after={"condition": "No request for 6 hours"}
    )  # fmt: skip
    assert "No request for 6 hours" in german.get("/activity/")


def test_a_refusal_is_said_in_german(german, cast):
    KeyFactory(organization=cast.northwind, name="Zweiter")
    page = german.submit("/keys/create/", name="Dritter", allowed_domains="https://example.com/x", products=["1"])
    assert page.status == 422
    assert "„https://example.com/x“ ist eine Adresse" in page
