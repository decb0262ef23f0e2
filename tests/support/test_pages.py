"""People, customers and requests at the support desk, and the notes that staff keep."""

import datetime as dt

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.models import AuditEvent
from analytics.models import UsageDay, UsageError
from keys.models import QpsRequest
from support.models import SupportNote
from tests.accounts.factors import set_up_app
from tests.accounts.journey import confirm, sign_in, stranger
from tests.factories import KeyFactory, UserFactory, products, string_of
from tests.support.staff import log_request, secrets_of, staff_with


@pytest.fixture
def sam(cast, as_user):
    return as_user(cast.sam)


def customer(cast, action=""):
    return f"/support/organizations/{cast.northwind.public_id}/{action}"


def person(user):
    return f"/support/people/user_{user.pk}/"


# A customer -----------------------------------------------------------------------------------------------------------
def test_the_page_of_a_customer_shows_plan_members_keys_requests_and_usage(cast, sam):
    today = timezone.now().date()
    for date, requests in ((today, 1200), (today - dt.timedelta(days=29), 34), (today - dt.timedelta(days=30), 5)):
        UsageDay.objects.create(
            organization_id=cast.northwind.pk, key_id=cast.key.pk, date=date, requests=requests, over_qps=7
        )
    UsageDay.objects.create(organization_id=cast.other.pk, key_id=cast.other_key.pk, date=today, requests=9999)
    KeyFactory(organization=cast.northwind, name="Gone").mark_deleted(by=cast.ada)
    QpsRequest.submit(key=cast.key, product=products("search")[0], requested=80, reason="More", by=cast.ben)
    page = sam.get(customer(cast))
    assert page.texts("table th[scope=row] a") == ["Fleet tracking", "Fleet tracking"]
    for text in (
        "Enterprise",
        cast.northwind.public_id,
        "1,234 requests",
        "14 QPS breaches",
        "vera@northwind.example viewer",
    ):
        assert text in page, text
    assert "Gone" not in page.texts("table th[scope=row]")
    assert page.all(".members a")[0].get("href") == person(cast.ada)


def test_suspending_needs_a_reason_that_the_customer_reads(cast, sam, ada):
    assert sam.submit(customer(cast, "suspend/"), reason=" ").status == 422
    page = sam.submit(customer(cast, "suspend/"), reason="Invoice 7 is open", follow=True)
    cast.northwind.refresh_from_db()
    assert (cast.northwind.suspended_reason, cast.northwind.suspended_at is not None) == ("Invoice 7 is open", True)
    assert "Invoice 7 is open" in page
    assert "Northwind Routing is suspended: Invoice 7 is open" in ada.get("/keys/")
    assert "suspended" in ada.get(f"/keys/{cast.key.public_id}/").one("h1 .state").text_content().lower()
    event = AuditEvent.objects.get(verb="organization.suspended")
    assert (event.actor, event.as_staff, event.after) == (cast.sam, True, {"reason": "Invoice 7 is open"})


def test_suspending_twice_keeps_the_first_reason_and_resuming_twice_is_harmless(cast, sam):
    for reason in ("First", "Second"):
        sam.submit(customer(cast, "suspend/"), reason=reason)
    cast.northwind.refresh_from_db()
    assert cast.northwind.suspended_reason == "First"
    for _ in range(2):
        assert sam.submit(customer(cast, "resume/")).status == 302
    cast.northwind.refresh_from_db()
    assert (cast.northwind.suspended_at, cast.northwind.suspended_reason) == (None, "")
    assert AuditEvent.objects.filter(verb__in=["organization.suspended", "organization.resumed"]).count() == 2


def test_a_reason_with_a_key_in_it_is_refused(cast, sam):
    page = sam.submit(customer(cast, "suspend/"), reason=f"Leaked {string_of(cast.key)}")
    assert (page.status, "must not be kept here" in page) == (422, True)
    cast.northwind.refresh_from_db()
    assert cast.northwind.suspended_at is None


def test_staff_without_the_permission_look_at_a_customer_but_do_not_suspend(cast, as_user):
    browser = as_user(staff_with("keys.change_apikey"))
    page = browser.get(customer(cast))
    assert page.status == 200
    assert not page.all("a[href$='/suspend/'], a[href*='/admin/accounts/organization/']")
    for action in ("suspend/", "resume/"):
        assert browser.get(customer(cast, action)).status == 404
        assert browser.post(customer(cast, action), {"reason": "Abuse"}).status == 404
    cast.northwind.refresh_from_db()
    assert cast.northwind.suspended_at is None


def test_the_page_of_a_customer_needs_few_queries_however_large_it_is(cast, sam, django_assert_max_num_queries):
    for number in range(55):
        KeyFactory(organization=cast.northwind, name=f"Key {number}")
    with django_assert_max_num_queries(18):
        page = sam.get(customer(cast))
    assert "The newest 50 of 56." in page


# A person -------------------------------------------------------------------------------------------------------------
def test_the_page_of_a_person_shows_roles_and_sign_in_without_secrets(cast, sam):
    cast.ada.emailaddress_set.create(email="ada@home.example", verified=False)
    page = sam.get(person(cast.ada))
    for text in ("Northwind Routing", "Owner", "Ada Nowak", "ada@home.example not confirmed"):
        assert text in page, text
    assert cast.ada.password not in page.source
    assert cast.ada.password.split("$")[-1] not in page.source
    assert "created the key Fleet tracking" in page


def test_the_page_of_a_person_counts_second_factors_and_sign_ins_without_their_secrets(cast, sam, ada):
    facts = " ".join(sam.get(person(cast.vera)).texts(".facts div"))
    assert "Second factor" in facts
    assert "authenticator" not in facts
    sign_in(stranger(), cast.ada.email)
    confirm(ada)
    set_up_app(ada)
    page = sam.get(person(cast.ada))
    assert "1 authenticator app" in page
    assert "1 set of recovery codes" in page
    assert "On 1 device" in page
    for factor in cast.ada.authenticator_set.all():
        for secret in factor.data.values():
            assert not isinstance(secret, str) or secret not in page.source


def test_looking_at_a_person_is_in_the_log_of_each_of_their_customers(cast, sam):
    cast.other.memberships.create(user=cast.ada, role="viewer")
    for _ in range(2):
        sam.get(person(cast.ada))
    events = AuditEvent.objects.filter(verb="support.viewed", target_id=f"user_{cast.ada.pk}")
    assert {(event.organization, event.as_staff) for event in events} == {(cast.northwind, True), (cast.other, True)}
    assert len(events) == 2


def test_a_person_without_an_organisation_has_a_page(cast, sam):
    page = sam.get(person(UserFactory(email="nobody@example.com", is_active=False)))
    assert "Member of no organisation." in page
    assert "This account is closed" in page
    assert AuditEvent.objects.get(verb="support.viewed").organization is None


@pytest.mark.parametrize("wrong", ["user_0", "user_999999999999999999999", "user_1x", "1", "user_-1", "user_١"])
def test_who_is_nobody_is_not_found(sam, wrong):
    assert sam.get(f"/support/people/{wrong}/").status == 404


# A request ------------------------------------------------------------------------------------------------------------
def checks(page):
    return {check.text_content().strip(): check.get("data-state") for check in page.all(".checks li")}


def test_a_request_says_which_rule_decided(cast, sam):
    log_request(cast.key, tracking_id="6f1c-77", outcome="product_not_allowed", status=403)
    page = sam.get("/support/requests/6f1c-77/")
    states = list(checks(page).values())
    assert states == ["passed"] * 8 + ["refused"] + ["unasked"] * 2
    assert "The product is assigned to the keyNo: this decided" in checks(page)
    assert "Edit the key and assign the product." in page
    for text in ("Northwind Routing", "Fleet tracking", "203.0.113.0/24", "shop.example"):
        assert text in page


def test_a_request_that_passed_and_failed_in_the_api_says_so(cast, sam):
    log_request(cast.key, tracking_id="t-9", outcome="ok", status=404)
    page = sam.get("/support/requests/t-9/")
    assert list(checks(page).values()) == ["passed"] * 11 + ["refused"]
    assert "Answered by the API: nothing found" in page


def test_a_request_shows_what_has_changed_about_its_key_since(cast, sam):
    log_request(cast.key, tracking_id="t-9", outcome="domain_not_allowed", status=403, at=timezone.now())
    cast.key.edit(
        by=cast.ada, version=cast.key.version, name="Fleet tracking", products=products("search"),
        allowed_domains=["shop.example"],
    )  # fmt: skip
    page = sam.get("/support/requests/t-9/")
    assert "Changed since" in page
    assert "+ shop.example" in page
    assert "created the key" not in page


def test_requests_with_one_tracking_id_are_told_apart(cast, sam):
    for key in (cast.key, cast.other_key, None):
        log_request(key, tracking_id="same", outcome="unknown_key" if key is None else "ok", status=401)
    page = sam.get("/support/requests/same/")
    assert "3 requests with the Tracking-ID same" in page
    assert "No known key" in page
    assert AuditEvent.objects.filter(verb="support.traced").count() == 2


def test_tracing_is_audited_once_an_hour_for_each_tracking_id(cast, sam):
    for tracking_id in ("a-1", "b-2"):
        log_request(cast.key, tracking_id=tracking_id)
        for _ in range(2):
            sam.get(f"/support/requests/{tracking_id}/")
    events = AuditEvent.objects.filter(verb="support.traced", organization=cast.northwind)
    assert sorted(event.after["tracking_id"] for event in events) == ["a-1", "b-2"]


def test_a_tracking_id_without_requests_and_a_key_in_its_place_are_not_found(cast, sam):
    string = string_of(cast.key)
    log_request(cast.key, tracking_id=string)
    for tracking_id in ("nothing", string):
        assert sam.get(f"/support/requests/{tracking_id}/").status == 404
    assert not AuditEvent.objects.filter(verb="support.traced").exists()


# A key ----------------------------------------------------------------------------------------------------------------
def test_the_page_of_a_key_says_why_requests_were_refused(cast, sam):
    now = timezone.now()
    rows = (
        ("domain_not_allowed", 403, 40, 2),
        ("over_qps", 429, 9, 1),
        ("ok", 500, 3, 1),
        ("disabled_key", 403, 5, 200),
    )
    for outcome, status, requests, hours in rows:
        UsageError.objects.create(
            organization_id=cast.northwind.pk, key_id=cast.key.pk, hour=now - dt.timedelta(hours=hours),
            status=status, outcome=outcome, requests=requests,
        )  # fmt: skip
    rows = sam.get(f"/support/keys/{cast.key.public_id}/").texts("section[aria-labelledby=refusals-name] tbody tr")
    assert [row.split("  ")[0][:22] for row in rows] == ["Over the QPS limit Sen", "Domain not on the list"]
    assert " 403 40 " in rows[1]


# Notes ----------------------------------------------------------------------------------------------------------------
def test_a_note_is_kept_with_its_author_and_shown_to_staff_only(cast, sam, as_user):
    for page, about in (
        (f"/support/keys/{cast.key.public_id}/", cast.key.public_id),
        (customer(cast), cast.northwind.public_id),
        (person(cast.ada), f"user_{cast.ada.pk}"),
    ):
        answer = sam.submit(page, selector="form.note-form", text="Calls\non <Mondays>", follow=True)
        assert "sam@latchkey.exampleCalls" in answer.one(".notes li p").text_content()
        assert "on <Mondays>" in answer
        assert SupportNote.objects.get(about=about).author == cast.sam
    for who in (cast.ada, cast.vera):
        browser = as_user(who)
        for url in ("/keys/", f"/keys/{cast.key.public_id}/"):
            assert "Mondays" not in browser.get(url).source
        assert browser.get(f"/support/notes/{cast.key.public_id}/").status == 404
        assert browser.post(f"/support/notes/{cast.key.public_id}/", {"text": "Mine"}).status == 404
    events = AuditEvent.objects.filter(verb="support.noted")
    assert {(event.organization, event.after) for event in events} == {(None, None)}
    assert SupportNote.objects.count() == len(events) == 3


def test_a_person_whose_number_is_typed_with_zeros_is_the_same_person(cast, sam):
    padded = f"user_00{cast.ada.pk}"
    assert sam.post(f"/support/notes/{padded}/", {"text": "Calls on Mondays"})["Location"] == person(cast.ada)
    assert "Calls on Mondays" in sam.get(f"/support/people/{padded}/")
    assert {event.target_id for event in AuditEvent.objects.filter(verb__startswith="support.")} == {cast.ada.public_id}


def test_notes_are_not_part_of_what_a_visit_shows(cast, sam):
    SupportNote.write(target=cast.key, text="Only for us", by=cast.sam)
    sam.post(customer(cast, "view-as/"))
    assert "Only for us" not in sam.get(f"/keys/{cast.key.public_id}/").source


def test_a_note_with_a_key_in_it_is_refused_with_the_reason_and_not_shown_again(cast, sam):
    string = string_of(cast.key)
    page = sam.post(f"/support/notes/{cast.key.public_id}/", {"text": f"He sent\n{string[:20]}\n{string[20:]}"})
    assert page.status == 422
    assert "This holds a key, which must not be kept here." in page
    assert [secret for secret in secrets_of(cast.key) if secret in page.source] == []
    assert string[:20] not in page.source
    assert not SupportNote.objects.exists()


@pytest.mark.parametrize("text", ["", "  ", "x" * 2001])
def test_an_empty_or_endless_note_is_refused(cast, sam, text):
    page = sam.post(f"/support/notes/{cast.key.public_id}/", {"text": text})
    assert (page.status, len(page.all(".error"))) == (422, 1)


def test_notes_about_nothing_are_not_found(cast, sam):
    for about in ("key_0000000000000000", "org_0000000000000000", "user_0", "req_1", "nonsense"):
        assert sam.post(f"/support/notes/{about}/", {"text": "Mine"}).status == 404
    assert not SupportNote.objects.exists()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE support_supportnote SET text = 'x'", "DELETE FROM support_supportnote", "TRUNCATE support_supportnote"],
)
def test_the_database_refuses_to_change_a_note(cast, statement):
    SupportNote.write(target=cast.key, text="As it is", by=cast.sam)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert SupportNote.objects.get().text == "As it is"


# Everybody else -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("who", ["ada", "vera", "mallory"])
def test_customers_find_none_of_these_pages(cast, as_user, who):
    log_request(cast.key, tracking_id="t-9")
    browser = as_user(getattr(cast, who))
    for url in (
        customer(cast),
        customer(cast, "suspend/"),
        person(cast.ada),
        "/support/requests/t-9/",
        "/support/qps/",
    ):
        for page in (browser.get(url), browser.post(url, {"reason": "Abuse"})):
            assert page.status == 404, url
            assert "Fleet tracking" not in page.source
    assert not AuditEvent.objects.filter(verb__startswith="support.").exists()


def test_markup_in_what_customers_and_staff_wrote_stays_text(cast, sam):
    cast.northwind.name = "<script>alert(1)</script>"
    cast.northwind.save(update_fields=["name"])
    SupportNote.write(target=cast.northwind, text="<img src=x onerror=alert(1)>", by=cast.sam)
    for url in (customer(cast), person(cast.ada), customer(cast, "suspend/"), customer(cast, "view-as/")):
        page = sam.get(url)
        assert "<script>alert(1)" not in page.source
        assert not page.all("main img")
