"""Requests, the gateways' journals and changes of time zones in the admin.

Usage and its sums are missing: Django's admin cannot show models with a composite primary
key. The Analytics tab and the CSV show them.
"""

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.audited_admin import ReadOnlyAdmin
from analytics.models import JournalOffset, RequestRecord, UsageGap, ZoneChange
from keys import lookup, pasted
from keys.models import ApiKey, Product


@admin.register(RequestRecord)
class RequestRecordAdmin(ReadOnlyAdmin):
    """The last requests, as the gateways decided them."""

    list_display = ("at", "tracking_id", "outcome", "status", "product_name", "key_quoted", "host", "network", "client")
    list_filter = ("status", ("key_id", admin.EmptyFieldListFilter))
    search_fields = ("=tracking_id",)
    search_help_text = _("Tracking-ID, ID of a key, hint, organisation, e-mail of a member")
    ordering = ("-at", "-pk")
    list_per_page = 50
    fields = (
        "at", "tracking_id", "outcome", "status", "product_name", "key_quoted", "secret_number", "host", "network", "client",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[RequestRecord]:
        """Name key and product with the list: the log has no foreign keys, its rows outlive both."""
        return (
            super()
            .get_queryset(request)
            .annotate(
                found_key=Subquery(ApiKey.objects.filter(pk=OuterRef("key_id")).values("public_id")),
                found_product=Subquery(Product.objects.filter(pk=OuterRef("product_id")).values("name")),
            )
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[RequestRecord], search_term: str
    ) -> tuple[QuerySet[RequestRecord], bool]:
        """Find by Tracking-ID, else by the key as people quote it."""
        if not search_term or pasted.holds_key(search_term):
            return super().get_search_results(request, queryset, search_term)
        keys = ApiKey.objects.filter(lookup.anything(search_term)).values("pk")
        return queryset.filter(Q(tracking_id=search_term.strip()) | Q(key_id__in=keys)), False

    @admin.display(description=_("key"))
    def key_quoted(self, obj: RequestRecord) -> str:
        """The ID of the key, empty where the string was unknown."""
        return getattr(obj, "found_key", None) or ""

    @admin.display(description=_("product"))
    def product_name(self, obj: RequestRecord) -> str:
        """The product of the path, empty where it has none."""
        return getattr(obj, "found_product", None) or ""


@admin.register(UsageGap)
class UsageGapAdmin(ReadOnlyAdmin):
    """What was answered and is counted nowhere, because a gateway's disk was full."""

    list_display = ("node", "from_at", "until_at", "requests")
    list_filter = ("node",)
    ordering = ("-until_at",)


@admin.register(JournalOffset)
class JournalOffsetAdmin(ReadOnlyAdmin):
    """How much of each journal is counted."""

    list_display = ("node", "segment", "offset", "updated_at")
    list_filter = ("node",)
    ordering = ("-updated_at",)


@admin.register(ZoneChange)
class ZoneChangeAdmin(ReadOnlyAdmin):
    """Whose days were counted anew for another time zone, and from when."""

    list_display = ("changed_at", "organization_id", "former_zone", "zone", "first_date", "recounted_at")
    ordering = ("-changed_at",)
