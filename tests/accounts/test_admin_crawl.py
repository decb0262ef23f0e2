"""Every page of the admin: who may open it, what it never shows, and that no list asks once per row."""

import datetime as dt
import json
import uuid

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import CompositePrimaryKey
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent, Invitation
from analytics.models import JournalOffset, ReportedPage, UsageGap, ZoneChange
from keys.models import GatewayChange, GatewayNode, KeyringCheck, QpsRequest, Submission
from tests.factories import KeyFactory, OrganizationFactory, products, string_of
from tests.support.staff import log_request, secrets_of, staff_with

OURS = ("accounts", "keys", "analytics", "account", "auth")
ROWS = 50


def models():
    return sorted((m for m in admin.site._registry if m._meta.app_label in OURS), key=lambda m: m._meta.label)


def address(model, page="changelist", *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.fixture
def full(cast):
    """Return the keys of a database with something in every table."""
    cast.key.rotate(by=cast.ada, version=cast.key.version, delay=dt.timedelta(hours=3))
    QpsRequest.submit(key=cast.key, product=products("search")[0], requested=50, reason="More", by=cast.ada)
    log_request(cast.key, tracking_id="t-1")
    log_request(None, tracking_id="t-2", outcome="unknown_key", status=401)
    now = timezone.now()
    GatewayNode.objects.create(name="node-1", started_at=now, seen_at=now, applied_at=now)
    UsageGap.objects.create(node="node-1", from_at=now, until_at=now, requests=3)
    ZoneChange.objects.create(
        organization_id=cast.northwind.pk, former_zone="UTC", zone="Asia/Kathmandu", counted_from=now,
        first_date=now.date(), changed_at=now,
    )  # fmt: skip
    JournalOffset.objects.create(node="node-1", updated_at=now)
    Invitation.send(organization=cast.northwind, email="new@northwind.example", role="viewer", by=cast.ada)
    Submission.objects.create(token=uuid.uuid4(), user=cast.ada)
    GatewayChange.objects.create(number=10_000, key_id=cast.key.pk, at=now)
    Group.objects.create(name="First line")
    KeyringCheck.verify()
    return [cast.key, cast.other_key]


def test_every_model_is_registered_but_those_that_say_nothing_there():
    """Django shows none with a composite primary key (docs/decisions/0005); of reports that were counted there are only bits."""
    unregistered = {m for m in apps.get_models() if m._meta.app_label in ("accounts", "keys", "analytics")} - set(
        models()
    )
    assert {m.__name__ for m in unregistered} - {"ReportedPage"} == {
        "UsageMinute", "UsageHour", "UsageDay", "UsageMonth", "UsageError", "OrganizationMinute", "OrganizationHour",
        "OrganizationDay", "OrganizationError", "GatewayAck",
    }  # fmt: skip
    assert all(isinstance(m._meta.pk, CompositePrimaryKey) for m in unregistered - {ReportedPage})


def test_every_registered_page_is_audited_and_keeps_pasted_keys_out():
    from accounts.audited_admin import AuditedAdmin

    assert [m for m, page in admin.site._registry.items() if not isinstance(page, AuditedAdmin)] == []


def test_no_page_of_the_admin_shows_a_key_its_digest_or_its_sealed_copy(cast, as_user, full):
    sam = as_user(cast.sam)
    forbidden = [secret for key in full for secret in secrets_of(key)]
    opened = 0
    for model in models():
        for url in (
            address(model),
            f"{address(model)}?q=northwind" if admin.site._registry[model].search_fields else None,
        ):
            if url:
                page = sam.get(url)
                assert page.status == 200, url
                assert [secret for secret in forbidden if secret in page.source] == [], url
        for row in model.objects.all():
            for kind in ("change", "history"):
                url = address(model, kind, row.pk)
                page = sam.get(url)
                assert page.status == 200, url
                assert [secret for secret in forbidden if secret in page.source] == [], url
                opened += 1
    assert opened > 60


@pytest.mark.parametrize("who", ["ada", "ben", "vera", "mallory"])
def test_customers_are_turned_away_from_every_page(cast, as_user, full, who):
    browser = as_user(getattr(cast, who))
    for model in models():
        for url in (address(model), address(model, "change", model.objects.first().pk)):
            page = browser.get(url)
            assert page.status in (302, 403, 404), url
            assert "Fleet tracking" not in page.source


def test_who_is_not_signed_in_is_asked_to(client, full):
    for model in models():
        response = client.get(address(model))
        assert response.status_code == 302
        assert "login" in response["Location"]


def test_staff_without_permissions_see_an_empty_admin(cast, as_user, full):
    browser = as_user(staff_with())
    assert "don’t have permission" in browser.get("/admin/")
    for model in models():
        assert browser.get(address(model)).status == 403


def test_a_pasted_key_is_dropped_from_every_search(cast, as_user, full):
    sam, string = as_user(cast.sam), string_of(cast.key)
    for model in models():
        page = sam.get(address(model), q=f" {string}", p="1", o="1")
        assert page.status == 302, model
        assert string not in page["Location"]
        assert page["Location"].startswith(address(model))
        answer = sam.get(page["Location"])
        assert "That was a key, not an ID" in answer
        assert string not in answer.source


def test_a_pasted_key_finds_nothing_in_a_suggestion(cast, as_user, django_assert_max_num_queries):
    field = {"app_label": "keys", "model_name": "keyproduct", "field_name": "product"}
    sam = as_user(cast.sam)
    with django_assert_max_num_queries(4) as queries:
        page = sam.get("/admin/autocomplete/", term=string_of(cast.key), **field)
    assert json.loads(page.source)["results"] == []
    assert string_of(cast.key) not in str(queries.captured_queries)
    found = sam.get("/admin/autocomplete/", term="search", **field)
    assert len(json.loads(found.source)["results"]) >= 1


@pytest.fixture
def crowded(cast):
    """Fifty rows and more in the tables that grow."""
    search = products("search")[0]
    for number in range(ROWS):
        organization = OrganizationFactory(name=f"Customer {number:02}")
        owner = organization.memberships.get().user
        key = KeyFactory(organization=organization, by=owner)
        QpsRequest.submit(key=key, product=search, requested=50 + number, reason="More", by=owner)
        log_request(key, tracking_id=f"t-{number}")
        EmailAddress.objects.get_or_create(user=owner, email=owner.email)
    AuditEvent.record("test.crowded", organization=None, actor=None, target=cast.key)


def test_no_list_asks_the_database_once_per_row(cast, as_user, crowded, django_assert_max_num_queries):
    sam = as_user(cast.sam)
    for model in models():
        with django_assert_max_num_queries(14):
            page = sam.get(address(model))
        assert page.status == 200
