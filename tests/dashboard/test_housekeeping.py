"""What is kept no longer is forgotten, the rest stays."""

import datetime as dt

import psycopg
import pytest
from allauth.account.models import EmailAddress
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, Organization, Role, User
from analytics import retention
from analytics.models import (
    OrganizationDay,
    OrganizationError,
    OrganizationHour,
    OrganizationMinute,
    ReportedPage,
    RequestRecord,
    UsageDay,
    UsageError,
    UsageHour,
    UsageMinute,
    UsageMonth,
)
from dashboard.management.commands import housekeeping
from keys.models import ApiKey, GatewayChange
from tests.factories import PASSWORD, join
from tests.gateway.processes import database_url
from tests.page import Browser

DAY = dt.timedelta(days=1)
CASES = [
    (UsageMinute, "minute", 35, {"key_id": 1, "product_id": 1, "organization_id": 1}),
    (UsageHour, "hour", 400, {"key_id": 1, "product_id": 1, "organization_id": 1}),
    (UsageError, "hour", 400, {"key_id": 1, "organization_id": 1, "status": 404, "outcome": "ok"}),
    (UsageDay, "date", 5 * 366, {"key_id": 1, "product_id": 1, "organization_id": 1}),
    (UsageMonth, "month", 5 * 366, {"key_id": 1, "product_id": 1, "organization_id": 1}),
    (OrganizationMinute, "minute", 35, {"product_id": 1, "organization_id": 1}),
    (OrganizationHour, "hour", 400, {"product_id": 1, "organization_id": 1}),
    (OrganizationDay, "date", 5 * 366, {"product_id": 1, "organization_id": 1}),
    (OrganizationError, "date", 400, {"key_id": 1, "organization_id": 1, "status": 404, "outcome": "ok"}),
    (RequestRecord, "at", 3, {"tracking_id": "x", "outcome": "ok", "status": 200}),
    (GatewayChange, "at", 2, {}),
    (ReportedPage, "last_at", 2, {"taken": b""}),
]


@pytest.mark.parametrize(("model", "column", "days", "fields"), CASES)
def test_rows_are_kept_as_long_as_said(db, monkeypatch, model, column, days, fields):
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(housekeeping, "BATCH", 2)  # so that five rows take three batches
    now = timezone.now()
    for number, age in enumerate([days + 1, days + 2, days + 3, days + 4, days + 5, days - 1, 0]):
        if model is GatewayChange:
            fields = {"number": 10**9 + number}
        elif model is ReportedPage:
            fields = fields | {"place": bytes([number])}
        for owner in {1, 7} if "organization_id" in fields else {0}:
            owned = {"organization_id": owner, "key_id": owner} if owner else {}
            owned = {name: value for name, value in owned.items() if name in fields}
            model.objects.create(**fields | owned | {column: now - age * DAY})
    call_command("housekeeping", verbosity=0)
    ages = {
        (now.date() - getattr(value, "date", lambda v=value: v)()).days
        for value in model.objects.values_list(column, flat=True)
    }
    assert ages >= {days - 1, 0}
    assert max(ages) <= days
    assert model.objects.count() == (4 if "organization_id" in fields else 2)


@pytest.mark.django_db(transaction=True)
def test_a_row_that_is_being_added_to_is_not_waited_for():
    for key in (1, 2):
        UsageHour.objects.create(key_id=key, product_id=1, organization_id=1, hour=timezone.now() - 401 * DAY)
    with psycopg.connect(database_url()) as shipper:
        shipper.execute("UPDATE usage_hour SET requests = 5 WHERE key_id = 1")
        assert retention.forget()["usage_hour"] == 1
        shipper.rollback()
    assert retention.forget()["usage_hour"] == 1


def register(email: str, days_ago: int) -> User:
    """Register at the front door, and look some days later."""
    browser = Browser(Client())
    browser.submit("/accounts/signup/", selector=".signin-form", email=email, password1=PASSWORD, organization=email)
    User.objects.filter(email=email).update(date_joined=timezone.now() - days_ago * DAY)
    return User.objects.get(email=email)


def test_who_never_confirmed_their_address_is_removed_with_what_was_made_for_them(cast, settings):
    settings.REGISTRATION_SECONDS = 0
    never, lately, confirmed, joined, used = (
        register(f"{name}@x.example", 29 if name == "lately" else 31)
        for name in ("never", "lately", "confirmed", "joined", "used")
    )
    EmailAddress.objects.filter(user=confirmed).update(verified=True)
    join(joined.organizations.get(), cast.ben, Role.VIEWER)
    ApiKey.objects.filter(organization__members=used).update(last_used_at=timezone.now())
    made_by_staff = User.objects.create_user("new@northwind.example")
    User.objects.filter(pk=made_by_staff.pk).update(date_joined=timezone.now() - 99 * DAY)
    theirs = never.organizations.get()
    for _ in range(2):
        call_command("housekeeping", verbosity=0)
        gone = {never.email} == {
            email for email in (never.email, lately.email, confirmed.email, joined.email, used.email, made_by_staff.email)
            if not User.objects.filter(email=email).exists()
        }  # fmt: skip
        assert gone
    assert not Organization.objects.filter(pk=theirs.pk).exists()
    assert not ApiKey.objects.filter(organization=theirs.pk).exists()
    assert Organization.objects.filter(members=cast.ada).exists()
    assert AuditEvent.objects.filter(verb="user.removed").get().target_label == never.email
    assert AuditEvent.objects.filter(verb="organization.removed", target_id=theirs.public_id).exists()
    assert register(never.email, 0).pk != never.pk, "the address is free again"
