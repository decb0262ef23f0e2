"""Keys and their strings in the admin. A string is seen by its hint only."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import get_format
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts import bulk
from accounts.audited_admin import AuditedAdmin, ReadOnlyAdmin, ReadOnlyInline, person
from dashboard import words
from dashboard.templatetags.ui import STATE_WORDS
from keys import lookup, pasted, receipts
from keys.forms import DomainsField
from keys.models import ApiKey, BillingType, KeyProduct, KeySecret
from keys.queries import state_of, with_hint, with_state

KEY_STATES = (
    "healthy", "unused", "limit", "breaching", "failing", "grace", "expiring", "expired", "disabled", "suspended", "deleted",
)  # fmt: skip
SEARCH_HELP = _("ID of a key or an organisation, hint, organisation, e-mail of a member, name of a key")


class DomainLinesField(DomainsField):
    """Domains, one per line, that know whether they changed."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare lists, not how they were typed."""
        try:
            return list(initial or []) != self.clean(data)
        except ValidationError:
            return True


class KeyAdminForm(forms.ModelForm):
    """A key as staff edit it, on the state that the form was made from."""

    allowed_domains = DomainLinesField()
    made_from = forms.IntegerField(label="", widget=forms.HiddenInput)

    class Meta:
        model = ApiKey
        fields = ("name", "billing_type", "expires_at", "allowed_domains")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "made_from" in self.fields:
            self.fields["made_from"].initial = self.instance.version
        if "billing_type" in self.fields:
            offered = {BillingType(self.instance.billing_type), *BillingType.of_plan(self.instance.organization.plan)}
            choices = [(kind.value, kind.label) for kind in BillingType if kind in offered]
            self.fields["billing_type"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse a form that was made before someone else changed the key."""
        cleaned = super().clean() or {}
        if cleaned.get("made_from") != self.instance.version:
            raise ValidationError(
                gettext("Someone else changed this key a moment ago. Open it again before you change it.")
            )
        return cleaned


class KeyProductInline(admin.TabularInline):
    """The products of a key and its own limits."""

    model = KeyProduct
    extra = 0
    autocomplete_fields = ("product",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[KeyProduct]:
        """Load the products with their limits."""
        return super().get_queryset(request).select_related("product", "key")


class KeySecretInline(ReadOnlyInline):
    """The strings of a key by number and hint."""

    model = KeySecret
    fields = ("number", "hint", "created_at", "created_by", "expires_at", "retired_at", "last_used_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[KeySecret]:
        """Leave digest and sealed copy in the database."""
        return super().get_queryset(request).select_related("created_by", "key").defer("digest", "sealed")


class StateFilter(admin.SimpleListFilter):
    """Keys in one state, as the list says it."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer every state of a key."""
        return [(name, str(STATE_WORDS[name])) for name in KEY_STATES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow the list."""
        wanted = self.value()
        if wanted not in KEY_STATES:
            return queryset
        if wanted == "deleted":
            return queryset.exclude(deleted_at=None)
        return queryset.filter(deleted_at=None, state=wanted)


@admin.register(ApiKey)
class ApiKeyAdmin(AuditedAdmin):
    """Keys of all customers. Customers make them and delete them; a deleted one is only looked at."""

    noun = "key"
    form = KeyAdminForm
    list_display = (
        "name",
        "public_id",
        "organization",
        "state",
        "current_hint",
        "billing_type",
        "last_used_at",
        "created_at",
    )
    list_filter = (
        StateFilter,
        "billing_type",
        "organization__plan",
        "products",
    )
    list_select_related = ("organization",)
    show_full_result_count = False
    search_fields = ("name",)
    search_help_text = SEARCH_HELP
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    "public_id",
                    "organization",
                    "support_page",
                    "billing_type",
                    "expires_at",
                    "allowed_domains",
                )
            },
        ),
        (
            _("State"),
            {
                "fields": (
                    "holds",
                    "disabled_at",
                    "disabled_by",
                    "disabled_by_staff",
                    "disabled_reason",
                    "deleted_at",
                    "deleted_by",
                )
            },
        ),
        (_("Times"), {"fields": ("created_at", "created_by", "rotated_at", "last_used_at")}),
    )
    readonly_fields = (
        "public_id", "organization", "support_page", "holds", "disabled_at", "disabled_by", "disabled_by_staff", "disabled_reason",
        "deleted_at", "deleted_by", "created_at", "created_by", "rotated_at", "last_used_at",
    )  # fmt: skip
    inlines = (KeyProductInline, KeySecretInline)
    actions = ("disable_chosen", "enable_chosen")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """Compute state and hint with the list."""
        return with_hint(with_state(super().get_queryset(request)))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ApiKey], search_term: str
    ) -> tuple[QuerySet[ApiKey], bool]:
        """Find a key by what people quote of it or of its customer."""
        if not search_term or pasted.holds_key(search_term):
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(lookup.anything(search_term) | Q(name__icontains=search_term.strip())), False

    def get_fieldsets(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """Add the hidden version where the form can be sent."""
        (title, first), *others = super().get_fieldsets(request, obj)
        if self.has_change_permission(request, obj):
            first = {**first, "fields": (*first["fields"], "made_from")}
        return ((title, first), *others)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: who makes a key sees its string, and only the customer may."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """A deleted key stays as it was."""
        return super().has_change_permission(request, obj) and (obj is None or obj.deleted_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Nobody: a key is disabled here, and deleted by its customer, who keeps the history."""
        return False

    def facts(self, obj: ApiKey) -> dict[str, Any]:
        """Return what can be edited, in the words of the key's own events."""
        assigned = KeyProduct.objects.filter(key=obj).select_related("product")
        return {
            "name": obj.name,
            "billing": obj.get_billing_type_display(),
            "expiry": obj.expires_at.isoformat() if obj.expires_at else None,
            "domains": list(obj.allowed_domains),
            "products": [each.product.name for each in assigned],
            "limits": [f"{each.product.name}: {each.qps_limit}" for each in assigned if each.qps_limit is not None],
        }

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Withdraw what was asked for a product that goes, and count the version up: open forms of the customer are stale."""
        super().save_related(request, form, formsets, change)
        key = form.instance
        if self.facts(key) != form.audit_before:
            assigned = KeyProduct.objects.filter(key=key).values("product")
            key.qps_requests.pending().exclude(product__in=assigned).withdraw_all(by=person(request), as_staff=True)
            key.version += 1
            key.save(update_fields=["version"])

    @admin.display(description=_("state"))
    def state(self, obj: Any) -> str:
        """What decides about its requests first."""
        return str(STATE_WORDS[state_of(obj)])

    @admin.display(description=_("hint"))
    def current_hint(self, obj: Any) -> str:
        """What is shown of the current string."""
        return obj.hint or ""

    @admin.display(description=_("for support"))
    def support_page(self, obj: ApiKey) -> str:
        """The key with its requests and history."""
        page = reverse("support:key", args=[obj.public_id])
        return format_html('<a href="{}">{}</a>', page, gettext("Requests, limits and history"))

    @admin.display(description=_("last change"))
    def holds(self, obj: ApiKey) -> str:
        """Since when it holds in every gateway, or who has not confirmed it yet."""
        found = receipts.latest(obj)
        if found is None:
            return gettext("holds everywhere; it is more than two days old")
        if found.behind:
            return gettext("waiting for the word of %(gateways)s") % {"gateways": ", ".join(found.behind)}
        if found.everywhere_at is None:
            return gettext("no gateway is running")
        text = gettext("holds everywhere since %(time)s UTC, %(seconds)s s after it was confirmed")
        tenth = f"{get_format('DECIMAL_SEPARATOR')}{found.everywhere_at.microsecond // 100_000}"
        return text % {
            "time": f"{found.everywhere_at:%H:%M:%S}{tenth}",
            "seconds": words.decimal(found.took_seconds, 1),
        }

    @admin.action(description=_("Disable…"), permissions=["change"])
    def disable_chosen(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        """Have every request with the chosen keys refused, with a reason."""
        form = bulk.answered(request, bulk.ReasonForm)
        if not form.is_valid():
            question = bulk.Question(
                "disable_chosen",
                gettext("Disable keys"),
                gettext("Every request with these keys is refused within a second, until they are enabled again."),
                gettext("Disable"),
            )
            return bulk.ask(self, request, queryset, form, question)
        reason = form.cleaned_data["reason"]

        def verb(key: ApiKey) -> bool:
            is_new = not key.disabled_by_staff
            key.disable(by=person(request), reason=reason, as_staff=True)
            return is_new

        tally = bulk.perform(_locked(queryset), verb)
        bulk.report(
            request,
            tally,
            done=ngettext_lazy("%(shown)s key is disabled.", "%(shown)s keys are disabled.", "number"),
            unchanged=ngettext_lazy(
                "%(shown)s of the chosen were disabled by staff already and keep their reason.",
                "%(shown)s of the chosen were disabled by staff already and keep their reason.",
                "number",
            ),
        )
        return None

    @admin.action(description=_("Enable"), permissions=["change"])
    def enable_chosen(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Let the chosen keys work again."""

        def verb(key: ApiKey) -> bool:
            was_disabled = key.disabled_at is not None
            key.enable(by=person(request), as_staff=True)
            return was_disabled

        tally = bulk.perform(_locked(queryset), verb)
        bulk.report(
            request,
            tally,
            done=ngettext_lazy("%(shown)s key is enabled.", "%(shown)s keys are enabled.", "number"),
            unchanged=ngettext_lazy(
                "%(shown)s of the chosen were not disabled.", "%(shown)s of the chosen were not disabled.", "number"
            ),
        )


def _locked(queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
    """Lock the chosen keys; the list's own query has columns that cannot be locked."""
    chosen = list(queryset.values_list("pk", flat=True))
    return ApiKey.objects.filter(pk__in=chosen).select_related("organization").locked()


@admin.register(KeySecret)
class KeySecretAdmin(ReadOnlyAdmin):
    """Strings by number and hint. Digest and sealed copy stay in the database."""

    list_display = ("hint", "number", "key", "customer", "created_at", "expires_at", "retired_at", "last_used_at")
    list_filter = (("retired_at", admin.EmptyFieldListFilter), ("expires_at", admin.EmptyFieldListFilter))
    list_select_related = ("key__organization",)
    search_fields = ("hint", "key__name")
    search_help_text = SEARCH_HELP
    ordering = ("-pk",)
    fields = ("key", "number", "hint", "created_at", "created_by", "expires_at", "retired_at", "last_used_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[KeySecret]:
        """Leave digest and sealed copy in the database."""
        return super().get_queryset(request).defer("digest", "sealed")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[KeySecret], search_term: str
    ) -> tuple[QuerySet[KeySecret], bool]:
        """Find the strings of keys that people quote."""
        if not search_term or pasted.holds_key(search_term):
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(key__in=ApiKey.objects.filter(lookup.anything(search_term)).values("pk")), False

    @admin.display(description=_("organisation"), ordering="key__organization__name")
    def customer(self, obj: KeySecret) -> str:
        """Whose string it is."""
        return str(obj.key.organization)


@admin.register(KeyProduct)
class KeyProductAdmin(ReadOnlyAdmin):
    """Which key is valid for which product, with which limit; changed on the key's page."""

    list_display = ("key", "customer", "product", "limit", "qps_limit")
    list_filter = ("product", ("qps_limit", admin.EmptyFieldListFilter))
    list_select_related = ("key__organization", "product")
    search_fields = ("=key__public_id", "key__name", "key__organization__name", "product__name")
    ordering = ("-pk",)

    @admin.display(description=_("organisation"), ordering="key__organization__name")
    def customer(self, obj: KeyProduct) -> str:
        """Whose key it is."""
        return str(obj.key.organization)
