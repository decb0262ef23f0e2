"""Forget what is kept no longer. The worker runs it once a day."""

import datetime as dt
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management.base import BaseCommand
from django.db import connection, models, transaction
from django.utils import timezone

from accounts import unconfirmed
from accounts.models import AuditEvent, Organization, User
from alerts.models import AlertEvent, Delivery
from analytics import retention
from analytics.models import ReportedPage, RequestRecord, UsageGap
from keys.models import GatewayAck, GatewayChange, GatewayNode, KeySecret, Submission
from keys.models.key import UNDELETE
from notices.models import Letter, Notice

BATCH = 10_000
CONFIRMED_WITHIN = dt.timedelta(days=30)
"""The link of the mail works for three days; a further one can be asked for."""

KEPT: tuple[tuple[type[models.Model], str, dt.timedelta], ...] = (
    (UsageGap, "until_at", dt.timedelta(days=400)),
    (RequestRecord, "at", dt.timedelta(days=settings.REQUEST_LOG_DAYS)),
    (ReportedPage, "last_at", dt.timedelta(days=2)),
    (GatewayChange, "at", dt.timedelta(days=2)),
    (GatewayAck, "at", dt.timedelta(days=2)),
    (GatewayNode, "seen_at", dt.timedelta(days=1)),
    (Submission, "at", dt.timedelta(days=30)),
    (Notice, "created_at", dt.timedelta(days=180)),
    (Letter, "created_at", dt.timedelta(days=180)),  # after the notices that refer to it and are never younger
    (Delivery, "created_at", dt.timedelta(days=400)),
    (AlertEvent, "at", dt.timedelta(days=400)),  # likewise after its webhook
    (Session, "expire_date", dt.timedelta(0)),
    (UserSession, "last_seen_at", dt.timedelta(days=15)),  # a day more than a session lives
)
"""What is kept how long, by which column; usage is in analytics/retention.py. A gateway that is more than two days behind takes a new snapshot."""


class Command(BaseCommand):
    """Delete in batches, each in a transaction of its own, so that nobody waits long for a lock."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete what is older than it is kept, end what cannot come back, and say how much that was."""
        now = timezone.now()
        for organization in Organization.objects.past_undo():
            _remove(organization)
            self.stdout.write(f"{organization.public_id}: removed for good")
        never_came = unconfirmed.never_came(now - CONFIRMED_WITHIN)
        for pk in list(never_came.values_list("pk", flat=True)):
            if _remove_person(pk, never_came):
                self.stdout.write(f"user_{pk}: removed, never confirmed")
        for model, column, kept in KEPT:
            if gone := _delete_before(model, column, now - kept):
                self.stdout.write(f"{model._meta.db_table}: {gone:,} rows")
        if ended := KeySecret.objects.retire_of_deleted(now - UNDELETE):
            self.stdout.write(f"{ended:,} strings of keys that were deleted {UNDELETE.days} days ago never come back")
        for table, gone in retention.forget().items():
            if gone:
                self.stdout.write(f"{table}: {gone:,} rows")


def _remove(organization: Organization) -> None:
    """Remove what belongs to an organisation that was deleted; people stay, and so does the audit log."""
    with transaction.atomic():
        organization.lock()
        for model, *_ in retention.KEPT:
            model._default_manager.filter(organization_id=organization.pk).delete()
        AuditEvent.record("organization.removed", organization=organization, actor=None, target=organization)
        organization.delete()


def _remove_person(pk: int, never_came: models.QuerySet[User]) -> bool:
    """Remove who registered and never came, with what was made for them. Return whether that still holds."""
    with transaction.atomic():
        User.objects.select_for_update().filter(pk=pk).first()
        person = never_came.filter(pk=pk).first()
        if person is None:
            return False
        for organization in person.organizations.all():
            _remove(organization)
        AuditEvent.record("user.removed", organization=None, actor=None, target=person)
        person.delete()
    return True


def _delete_before(model: type[models.Model], column: str, before: dt.datetime) -> int:
    table, gone = connection.ops.quote_name(model._meta.db_table), 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {table} WHERE ctid = ANY(ARRAY("  # noqa: S608  (names of our own models)
                f"SELECT ctid FROM {table} WHERE {connection.ops.quote_name(column)} < %s LIMIT {BATCH}))",
                [before],
            )
            gone += cursor.rowcount
            if cursor.rowcount < BATCH:
                return gone
