"""What the gateways read and report, and what the dashboard notes for itself: to look at."""

import datetime as dt
from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet, Subquery
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audited_admin import ReadOnlyAdmin
from dashboard import words
from keys.models import GatewayChange, GatewayFeed, GatewayNode, KeyringCheck, Submission

SILENT = dt.timedelta(seconds=10)
BEHIND = dt.timedelta(seconds=3)
"""A gateway reports every two seconds, so what it has not confirmed for longer does not hold there."""
LATE = dt.timedelta(seconds=30)


@admin.register(GatewayNode)
class GatewayNodeAdmin(ReadOnlyAdmin):
    """How far each gateway is, with the changes and with what it counts."""

    list_display = (
        "name",
        "is_current",
        "changes",
        "usage",
        "started_at",
        "seen_at",
        "ended_at",
        "applied_at",
        "shipped_until",
    )
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[GatewayNode]:
        """Bring along how many changes there are, and the time of the database, whose clock wrote all the others."""
        last = Subquery(GatewayFeed.objects.values("number")[:1])
        return super().get_queryset(request).annotate(last_number=last, now=Now())

    @admin.display(description=_("up to date"), boolean=True)
    def is_current(self, obj: Any) -> bool:
        """Whether it reports, has applied all but the changes of a moment ago, and has counted what it answered."""
        return not (_age(obj, obj.seen_at) > SILENT or self._is_behind(obj) or self._is_late(obj))

    @staticmethod
    def _is_behind(obj: Any) -> bool:
        return bool(obj.applied_number < obj.last_number and _age(obj, obj.seen_at) > BEHIND)

    @staticmethod
    def _is_late(obj: Any) -> bool:
        return _age(obj, obj.shipped_until or obj.started_at) > LATE

    @admin.display(description=_("changes"))
    def changes(self, obj: Any) -> str:
        """How many changes it has not confirmed yet."""
        missing = obj.last_number - obj.applied_number
        if missing <= 0:
            return gettext("all applied")
        told = (
            gettext("%(number)s not confirmed, behind") if self._is_behind(obj) else gettext("%(number)s not confirmed")
        )
        return told % {"number": words.number(missing)}

    @admin.display(description=_("usage"))
    def usage(self, obj: Any) -> str:
        """How old its last counted request may be."""
        seconds = round(_age(obj, obj.shipped_until or obj.started_at).total_seconds())
        told = gettext("%(seconds)s s old, behind") if self._is_late(obj) else gettext("%(seconds)s s old")
        return told % {"seconds": words.number(seconds)}


def _age(obj: Any, at: dt.datetime) -> dt.timedelta:
    return max(dt.timedelta(0), cast(dt.datetime, obj.now) - at)


@admin.register(GatewayChange)
class GatewayChangeAdmin(ReadOnlyAdmin):
    """What changed, in the order of the commits."""

    list_display = ("number", "at", "about")
    ordering = ("-number",)
    search_fields = ("=number",)

    def get_fields(self, request: HttpRequest, obj: GatewayChange | None = None) -> tuple[str, ...]:
        """Say what changed, not under which row number."""
        return ("number", "at", "about")

    @admin.display(description=_("what changed"))
    def about(self, obj: GatewayChange) -> str:
        """A key, a customer, or the catalogue."""
        if obj.key_id is not None:
            return gettext("a key")
        return gettext("an organisation") if obj.organization_id is not None else gettext("the catalogue")


@admin.register(GatewayFeed)
class GatewayFeedAdmin(ReadOnlyAdmin):
    """The number of the last change."""

    list_display = ("number",)
    fields = ("number",)
    ordering = ("id",)


@admin.register(KeyringCheck)
class KeyringCheckAdmin(ReadOnlyAdmin):
    """Which versions of peppers and master keys were used; the fingerprints stay in the database."""

    list_display = ("purpose", "version")
    list_filter = ("purpose",)
    fields = ("purpose", "version")
    ordering = ("purpose", "version")


@admin.register(Submission)
class SubmissionAdmin(ReadOnlyAdmin):
    """Forms that have acted."""

    list_display = ("at", "user", "target_id")
    list_select_related = ("user",)
    fields = ("at", "user", "target_id")
    ordering = ("-at",)
    search_fields = ("user__email", "target_id")
