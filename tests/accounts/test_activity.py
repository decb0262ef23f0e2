"""The page Activity: the audit log of an organisation as its members read it."""

import csv
import datetime as dt
import io
import re

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts import activity, stories
from accounts.models import AuditEvent, Organization
from keys.models import ApiKey, QpsRequest
from tests.factories import KeyFactory, products
from tests.support.staff import log_request

DAY = dt.timedelta(days=1)
LONG_AGO = dt.datetime(2025, 3, 1, 12, tzinfo=dt.UTC)


def sentences(page):
    return [text.replace(" ;", ";") for text in page.texts("#activity .history p")]


def record(cast, verb="key.enabled", *, actor=None, at=None, target=None, **details):
    return AuditEvent.record(
        verb, organization=cast.northwind, actor=actor or cast.ada, target=target or cast.key, at=at, **details
    )


def other_reference(cast, person):
    found = activity.people(cast.northwind)
    return next(reference for reference, each in found.items() if each == person)


# What it says ---------------------------------------------------------------------------------------------------------
def test_it_says_who_did_what_to_what_newest_first(cast, ada):
    key = cast.key
    key.edit(by=cast.ben, version=key.version, name="Fleet", products=products("search"), allowed_domains=["a.example"])
    key.rotate(by=cast.ada, version=key.version, delay=dt.timedelta(hours=24))
    key.disable(by=cast.ada, reason="The contractor left")
    QpsRequest.submit(key=key, product=products("search")[0], requested=80, reason="Launch", by=cast.ben)
    page = ada.get("/activity/")
    assert sentences(page)[:4] == [
        "ben requested 80 QPS for Search API of Fleet “Launch” Before: 5",
        "Ada Nowak disabled Fleet The contractor left",
        "Ada Nowak rotated Fleet; the old string works 24 hours longer String 1 → string 2",
        "ben changed the name, domains and products of Fleet name: Fleet tracking → Fleet, + a.example, − Map Display API",
    ]
    assert "Ada Nowak created Northwind Routing" in sentences(page)[-1]
    assert page.one(".masthead [aria-current=page]").text_content() == "Activity"


@pytest.mark.parametrize(
    ("verb", "details", "said"),
    [
        ("member.role_changed", {"before": {"role": "viewer"}, "after": {"role": "admin"}}, "changed the role of Fleet tracking viewer → admin"),
        ("member.team_moved", {"before": {"team": "a"}, "after": {"team": "b"}}, "moved the team of Fleet tracking team: a → b"),
        ("sessions.ended", {}, "signed out everywhere else"),
        ("nonsense", {"after": {"x": True}}, "Fleet tracking x: none → yes"),
        ("key.copied", {}, "copied Fleet tracking"),  # an event without the facts that its sentence needs
        ("key.rotated", {"after": {"old_string_ends_at": "soon"}}, "rotated Fleet tracking"),
        ("organization.key_policy_changed", {"before": {"key_life_days": 1000}, "after": {"key_life_days": None}}, "longest life in days: 1,000 → none"),
    ],
)  # fmt: skip
def test_a_verb_or_facts_that_are_not_known_get_a_plain_sentence(cast, ada, verb, details, said):
    record(cast, verb, **details)
    assert said in sentences(ada.get("/activity/"))[0]


def test_every_sentence_fits_events_with_its_facts(cast):
    facts = {
        "string": 2,
        "reason": "x",
        "products": ["a"],
        "role": "viewer",
        "name": "n",
        "tracking_id": "t",
    } | dict.fromkeys(("email", "device", "network", "why"), "x")
    for verb in stories.SENTENCES:
        story = stories.tell(record(cast, verb, before=facts, after=facts))
        assert story.icon != "info", verb
        assert "{" not in story.what + story.detail, verb
        named = "{it}" in stories.SENTENCES[verb][1]
        assert ("Web shop" in story.about("Web shop")) == named, verb


def test_support_is_never_called_by_name(cast, ada, as_user):
    cast.sam.first_name, cast.sam.last_name = "Samuel", "Staffordshire"
    cast.sam.save()
    sam = as_user(cast.sam)
    log_request(cast.key, tracking_id="abc-123")
    sam.post("/support/", {"q": "abc-123"})
    sam.get(f"/support/keys/{cast.key.public_id}/")
    sam.submit(f"/support/keys/{cast.key.public_id}/disable/", reason="Abuse report 12")
    record(cast, "support.noted", actor=cast.sam, as_staff=True, after={"note": "pays late"})
    page = ada.get("/activity/")
    assert sentences(page)[:4] == [
        "Support noted Fleet tracking",
        "Support disabled Fleet tracking Abuse report 12",
        "Support looked at Fleet tracking",
        "Support looked up a request of Fleet tracking Tracking-ID abc-123",
    ]
    text = csv_of(ada)[0]
    for source in (page.source, ada.get(f"/keys/{cast.key.public_id}/").source, text):
        for secret in ("sam@", "Samuel", "Staffordshire", "pays late"):
            assert secret not in source
    assert len(sentences(ada.get("/activity/", kind="support"))) == 5, "also what was searched for"


def test_the_history_of_a_key_leads_to_its_activity(cast, ada):
    other = KeyFactory(organization=cast.northwind, name="Another")
    link = ada.get(f"/keys/{cast.key.public_id}/").one("#history .actions a")
    page = ada.get(link.get("href"))
    assert "created Fleet tracking" in page
    assert "Another" not in page
    other.mark_deleted(by=cast.ada)
    assert [text.split()[2] for text in sentences(ada.get("/activity/", key="anoth"))] == ["deleted", "created"]


# Whose it is ----------------------------------------------------------------------------------------------------------
def test_each_organisation_reads_its_own(cast, as_user):
    page = as_user(cast.mallory).get("/activity/")
    assert "Their key" in page
    assert "Northwind" not in page.source
    assert "Fleet" not in page.source
    assert sentences(as_user(cast.mallory).get("/activity/", key=cast.key.public_id)) == []
    assert "Fleet" not in csv_of(as_user(cast.mallory), key=cast.key.public_id)[0]


def test_all_members_look(cast, as_user):
    assert "created Fleet tracking" in as_user(cast.vera).get("/activity/")


# What narrows it ------------------------------------------------------------------------------------------------------
def test_people_narrow_it_also_former_members(cast, ada):
    record(cast, actor=cast.ben)
    record(cast, actor=cast.sam, as_staff=True)
    cast.northwind.memberships.filter(user=cast.ben).delete()
    page = ada.get("/activity/")
    assert page.texts("#person option") == ["Everybody", "Ada Nowak", "ben"]
    reference = page.all("#person option")[2].get("value")
    assert "ben" not in reference
    assert [text.split()[0] for text in sentences(ada.get("/activity/", person=reference))] == ["ben"]
    assert ada.get("/activity/", person="nobody").status == 422
    assert other_reference(cast, cast.ada) != reference


@pytest.mark.parametrize(
    ("kind", "verbs"),
    [
        ("keys", {"key.created"}),
        ("qps", {"qps.requested"}),
        ("members", {"member.removed", "invitation.sent"}),
        ("organisation", {"organization.created"}),
        ("security", {"sessions.ended"}),
        ("support", {"support.viewed", "organization.suspended"}),
    ],
)
def test_kinds_narrow_it(cast, ada, kind, verbs):
    QpsRequest.submit(key=cast.key, product=products("search")[0], requested=80, reason="Launch", by=cast.ben)
    for verb in ("member.removed", "invitation.sent", "sessions.ended"):
        record(cast, verb)
    record(cast, "support.viewed", actor=cast.sam, as_staff=True)
    cast.northwind.suspend(by=cast.sam, reason="Invoice 7")
    found = activity.narrowed(activity.Filters(cast.northwind, kind=kind))
    expected = verbs | ({"organization.suspended"} if kind == "organisation" else set())
    assert set(found.values_list("verb", flat=True)) == expected
    assert len(sentences(ada.get("/activity/", kind=kind))) == len(expected)


def test_dates_are_those_of_the_organisations_zone(cast, ada):
    Organization.objects.filter(pk=cast.northwind.pk).update(time_zone="Asia/Kolkata")
    midnight = dt.datetime(2025, 3, 1, 18, 30, tzinfo=dt.UTC)  # of 2 March in Kolkata
    record(cast, "key.enabled", at=midnight - dt.timedelta(seconds=1))
    record(cast, "key.disabled", at=midnight)
    assert "enabled" in sentences(ada.get("/activity/", **{"from": "2025-03-01", "to": "2025-03-01"}))[0]
    page = ada.get("/activity/", **{"from": "2025-03-02", "to": "2025-03-02"})
    assert [text.split()[2] for text in sentences(page)] == ["disabled"]
    assert page.texts("#activity h2") == ["Sunday, 2 March 2025"]
    assert page.texts("#activity .history time") == ["00:00:00"]


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2025-03-02", "to": "2025-03-01"},
        {"from": "yesterday"},
        {"kind": "everything"},
        {"before": "1"},
        {"before": "20259999T000000000000Z-1"},
        {"before": "20250301T120000000000Z-99999"},
        {"key": "x" * 81},
    ],
)
def test_a_wrong_filter_says_so(cast, ada, query):
    for htmx in (False, True):
        page = ada.get("/activity/", htmx=htmx, **query)
        assert page.status == 422
        assert page.all("#activity [role=alert]")
    assert ada.get("/activity/csv/", **query).status == 422


def test_the_last_day_of_all_days_breaks_nothing(cast, ada):
    assert ada.get("/activity/", **{"from": "0001-01-01", "to": "9999-12-31"}).status == 200


def test_what_nothing_matches_is_one_sentence_and_one_button(cast, ada):
    page = ada.get("/activity/", **{"to": "2020-01-01"})
    assert "Nothing that happened matches." in page
    assert page.texts(".empty .button") == ["Show everything"]


def test_htmx_gets_the_list_alone(cast, ada):
    page = ada.get("/activity/", htmx=True, kind="keys")
    assert page.source.strip().startswith('<div id="activity"')
    assert "HX-Request" in page["Vary"]


def test_markup_in_names_and_reasons_stays_text(cast, ada):
    ApiKey.objects.filter(pk=cast.key.pk).update(name="<img src=x onerror=alert(1)>")
    cast.key.refresh_from_db()
    cast.key.disable(by=cast.ada, reason="<script>alert(1)</script>{it}{0}")
    page = ada.get("/activity/")
    assert not page.all("#activity img, #activity script")
    assert "<script>alert(1)</script>{it}{0}" in sentences(page)[0]


# Pages ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("at_once", [1, 7, 120])
def test_pages_show_each_event_once_also_those_of_one_moment(cast, ada, at_once):
    AuditEvent.objects.bulk_create(
        AuditEvent(
            organization=cast.northwind, actor=cast.ada, actor_label="", verb="key.copied", target_id=cast.key.public_id,
            target_label=f"number {n}", after={"string": n}, at=LONG_AGO - n // at_once * DAY, request_id="",
        )
        for n in range(130)
    )  # fmt: skip
    seen, url = [], "/activity/?to=2025-03-01"
    for _ in range(10):
        page = ada.get(url)
        seen += page.texts("#activity .history p")
        if not (older := page.all("[rel=next]")):
            break
        url = "/activity/" + older[0].get("href")
    assert len(seen) == len(set(seen)) == 130
    assert [link.text_content().strip() for link in page.all(".pager a")] == ["Newest"]


@pytest.fixture
def long_log(cast):
    """100,000 events of one organisation within 70 days, by eleven people, some by staff; as many of another one."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO accounts_auditevent
                (organization_id, actor_id, actor_label, as_staff, verb, target_id, target_label, at, request_id, after)
            SELECT organization, CASE WHEN n %% 50 = 0 THEN %(sam)s WHEN n %% 11 = 0 THEN %(ben)s ELSE %(ada)s END, 'x@y.example',
                   n %% 50 = 0, (ARRAY['key.copied', 'key.edited', 'qps.requested', 'member.removed'])[1 + n %% 4],
                   'key_' || lpad((n %% 200)::text, 16, '0'), 'Key ' || n %% 200, %(now)s - n * interval '1 minute', '', '{"string": 1}'
            FROM generate_series(1, 100000) n, unnest(%(organizations)s::bigint[]) organization
            """,
            {
                "sam": cast.sam.pk, "ben": cast.ben.pk, "ada": cast.ada.pk, "now": timezone.now(),
                "organizations": [cast.northwind.pk, cast.other.pk],
            },
        )  # fmt: skip
        cursor.execute("ANALYZE accounts_auditevent")  # as PostgreSQL does by itself after a while


def test_a_hundred_thousand_events_take_three_queries_and_no_reading_of_the_whole_log(
    cast, ada, long_log, django_assert_max_num_queries
):
    last = activity.Cursor(timezone.now() - 60 * DAY, 0)
    base = activity.Filters(cast.northwind)
    asked = {
        "newest": (base, None),
        "far back": (base, last),
        "person": (activity.Filters(cast.northwind, person=cast.ben), last),
        "kind": (activity.Filters(cast.northwind, kind="qps"), last),
        "several nouns": (activity.Filters(cast.northwind, kind="members"), last),
        "support": (activity.Filters(cast.northwind, kind="support"), last),
        "key": (activity.Filters(cast.northwind, key_ids=("key_0000000000000007",)), None),
        "dates": (activity.Filters(cast.northwind, since=timezone.now() - 50 * DAY, until=timezone.now() - 49 * DAY), None),
        "all at once": (activity.Filters(cast.northwind, person=cast.ben, kind="keys", until=timezone.now() - 9 * DAY), None),
    }  # fmt: skip
    for name, (filters, before) in asked.items():
        events = activity.narrowed(filters)
        if before:
            events = events.filter(at__lte=before.at)
        plan = events[:51].explain()
        assert "Seq Scan on accounts_auditevent" not in plan, (name, plan)
        assert len(activity.page(filters, before).events) == 50, name
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + activity._PEOPLE, {"organization": cast.northwind.pk})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on accounts_auditevent" not in plan, plan
    cursor_of_page = str(activity.page(base, last).older)
    for query in ({}, {"before": cursor_of_page}, {"kind": "qps", "key": "fleet", "from": "2020-01-01"}):
        with django_assert_max_num_queries(7):  # four for session, person, memberships and the count of notices
            assert ada.get("/activity/", **query).status == 200


# CSV ------------------------------------------------------------------------------------------------------------------
def csv_of(browser, **query):
    response = browser.client.get("/activity/csv/", query)
    assert response.status_code == 200
    text = b"".join(response.streaming_content).decode()
    return text, list(csv.DictReader(io.StringIO(text)))


def test_the_csv_has_what_the_page_shows_and_all_of_it(cast, ada):
    Organization.objects.filter(pk=cast.northwind.pk).update(time_zone="Europe/Amsterdam")
    for n in range(60):
        record(cast, "key.copied", after={"string": n}, at=LONG_AGO - n * DAY)
    cast.key.disable(by=cast.ben, reason="The contractor left")
    rows = csv_of(ada)[1]
    first = rows[0]
    assert first.pop("Time (Europe/Amsterdam)")[-6:] in ("+01:00", "+02:00")
    assert first.pop("Tracking-ID") == AuditEvent.objects.order_by("-pk").first().request_id
    assert first == {
        "Person": "ben", "E-mail": "ben@northwind.example", "Kind": "Keys", "What": "disabled Fleet tracking",
        "Details": "The contractor left", "About": "Fleet tracking", "ID": cast.key.public_id,
    }  # fmt: skip
    assert len(csv_of(ada, to="2025-03-01")[1]) == 60
    assert ada.get("/activity/", to="2025-03-01").one("a[download]").get("href") == "/activity/csv/?to=2025-03-01"


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "x;=1+1", "x; @A1", "＝1", '"quoted", with a comma']
)
def test_no_cell_is_a_formula(cast, ada, name):
    ApiKey.objects.filter(pk=cast.key.pk).update(name=name)
    cast.key.refresh_from_db()
    cast.key.disable(by=cast.ada, reason=name)
    row = csv_of(ada)[1][0]
    for cell in (row["About"], row["Details"]):
        assert cell.replace("'", "") == name
        assert cell[0] not in "=+-@＝\t"
        assert not re.search(r";\s*[=@]", cell), "a German spreadsheet begins a cell there"


# The log itself -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditevent SET verb = 'key.nothing'",
        "UPDATE accounts_auditevent SET actor_label = actor_label WHERE id = (SELECT max(id) FROM accounts_auditevent)",
        "DELETE FROM accounts_auditevent",
        "DELETE FROM accounts_auditevent WHERE verb = 'key.created'",
        "TRUNCATE accounts_auditevent",
    ],
)
def test_the_database_refuses_to_change_the_log(cast, statement):
    before = list(AuditEvent.objects.values())
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert list(AuditEvent.objects.values()) == before
    assert before
