"""The catalogue in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.audited_admin import AuditedAdmin, ReadOnlyAdmin
from keys.models import Product, Route


class RouteInline(admin.TabularInline):
    """The path prefixes of a product."""

    model = Route
    extra = 1


class Target:
    """A product in the audit log: its code stands for the public ID."""

    def __init__(self, product: Product) -> None:
        self.public_id = product.code[:24]
        self.label = product.name

    def __str__(self) -> str:
        return self.label


@admin.register(Product)
class ProductAdmin(AuditedAdmin):
    """APIs and SDKs. A product is retired, not deleted: keys, requests and usage refer to it."""

    noun = "product"
    audited_fields = ("code", "name", "kind", "default_qps", "position", "retired_at")
    list_display = ("name", "code", "kind", "default_qps", "paths", "keys_count", "position", "retired_at")
    list_filter = ("kind", ("retired_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "code", "routes__path_prefix")
    ordering = ("position", "name")
    fields = ("name", "code", "kind", "default_qps", "position", "retired_at")
    inlines = (RouteInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        """Count the keys and load the routes with the list."""
        kept = Count("key_products", filter=Q(key_products__key__deleted_at=None))
        return super().get_queryset(request).annotate(keys_kept=kept).prefetch_related("routes")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The code never changes."""
        return ("code",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: it would take limits, requests and the meaning of usage with it."""
        return False

    def facts(self, obj: Product) -> dict[str, Any]:
        """Add the path prefixes."""
        return super().facts(obj) | {
            "routes": list(Route.objects.filter(product=obj).values_list("path_prefix", flat=True))
        }

    def audit_target(self, obj: Product) -> Target:
        """Products have a code."""
        return Target(obj)

    @admin.display(description=_("paths"))
    def paths(self, obj: Product) -> str:
        """The prefixes of its paths."""
        return ", ".join(route.path_prefix for route in obj.routes.all())

    @admin.display(description=_("keys"), ordering="keys_kept")
    def keys_count(self, obj: Any) -> int:
        """Keys that are valid for it and not deleted."""
        return obj.keys_kept


@admin.register(Route)
class RouteAdmin(ReadOnlyAdmin):
    """Which product a path belongs to; changed on the product's page."""

    list_display = ("path_prefix", "product")
    list_filter = ("product",)
    list_select_related = ("product",)
    search_fields = ("path_prefix", "product__name")
