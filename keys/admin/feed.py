"""What the gateways read and report, and what the dashboard notes for itself: to look at."""

from django.contrib import admin
from django.http import HttpRequest

from accounts.audited_admin import ReadOnlyAdmin
from keys.models import GatewayChange, GatewayFeed, GatewayNode, KeyringCheck, Submission


@admin.register(GatewayNode)
class GatewayNodeAdmin(ReadOnlyAdmin):
    """How far each gateway is."""

    list_display = ("name", "started_at", "seen_at", "applied_number", "applied_at", "shipped_until")
    search_fields = ("name",)


@admin.register(GatewayChange)
class GatewayChangeAdmin(ReadOnlyAdmin):
    """What changed, in the order of the commits."""

    list_display = ("number", "at", "about")
    ordering = ("-number",)
    search_fields = ("=number",)

    def get_fields(self, request: HttpRequest, obj: GatewayChange | None = None) -> tuple[str, ...]:
        """Say what changed, not under which row number."""
        return ("number", "at", "about")

    @admin.display(description="what changed")
    def about(self, obj: GatewayChange) -> str:
        """A key, a customer, or the catalogue."""
        if obj.key_id is not None:
            return "a key"
        return "an organisation" if obj.organization_id is not None else "the catalogue"


@admin.register(GatewayFeed)
class GatewayFeedAdmin(ReadOnlyAdmin):
    """The number of the last change."""

    list_display = ("id", "number")
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
