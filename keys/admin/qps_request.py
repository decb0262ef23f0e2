"""QPS requests in the admin: approve and reject."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Case, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts import bulk
from accounts.audited_admin import AuditedAdmin, person
from keys import lookup, pasted
from keys.models import ApiKey, QpsRequest


@admin.register(QpsRequest)
class QpsRequestAdmin(AuditedAdmin):
    """What enterprise customers ask for. A request is decided by its actions and never edited."""

    list_display = (
        "public_id", "state", "customer", "key_name", "product", "current", "requested", "reason", "requested_by", "created_at",
        "decided_by",
    )  # fmt: skip
    list_filter = ("state", "product", "key__organization__plan")
    list_select_related = ("key__organization", "product", "requested_by", "decided_by")
    date_hierarchy = "created_at"
    ordering = (Case(When(state="pending", then=Value(0)), default=Value(1)).asc(), "-created_at", "-pk")
    search_fields = ("=public_id", "reason", "key__name", "requested_by__email")
    search_help_text = _("ID of the request or the key, hint, organisation, e-mail")
    actions = ("approve_chosen", "reject_chosen")
    fields = (
        "public_id", "state", "customer", "key", "key_id_shown", "product", "current", "requested", "reason", "requested_by",
        "created_at", "decided_by", "decided_at", "note",
    )  # fmt: skip
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[QpsRequest], search_term: str
    ) -> tuple[QuerySet[QpsRequest], bool]:
        """Find by the request, or by its key as people quote it."""
        found, distinct = super().get_search_results(request, queryset, search_term)
        if search_term and not pasted.holds_key(search_term):
            found |= queryset.filter(key__in=ApiKey.objects.filter(lookup.anything(search_term)).values("pk"))
        return found, distinct

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: customers ask in the dashboard."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: the history of a limit stays."""
        return False

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Offer no button to save: there is nothing to edit."""
        context |= {"show_save": False, "show_save_and_continue": False}
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("organisation"), ordering="key__organization__name")
    def customer(self, obj: QpsRequest) -> str:
        """Who asks."""
        return str(obj.key.organization)

    @admin.display(description=_("key"), ordering="key__name")
    def key_name(self, obj: QpsRequest) -> str:
        """For which key."""
        return str(obj.key)

    @admin.display(description=_("ID of the key"))
    def key_id_shown(self, obj: QpsRequest) -> str:
        """The ID to quote."""
        return obj.key.public_id

    @admin.action(description=_("Approve…"), permissions=["change"])
    def approve_chosen(self, request: HttpRequest, queryset: QuerySet[QpsRequest]) -> HttpResponse | None:
        """Set the limits that were asked for."""
        question = bulk.Question(
            "approve_chosen",
            gettext("Approve QPS requests"),
            gettext("Each key gets the limit that was requested, within a second, and the requester gets a mail."),
            gettext("Approve"),
        )
        done = ngettext_lazy("%(shown)s request is approved.", "%(shown)s requests are approved.", "number")
        return self._decide(request, queryset, question, bulk.NoteForm, QpsRequest.approve, done)

    @admin.action(description=_("Reject…"), permissions=["change"])
    def reject_chosen(self, request: HttpRequest, queryset: QuerySet[QpsRequest]) -> HttpResponse | None:
        """Leave the limits as they are, and say why."""
        question = bulk.Question(
            "reject_chosen",
            gettext("Reject QPS requests"),
            gettext("The limits stay as they are, and the requester gets a mail with your note."),
            gettext("Reject"),
        )
        done = ngettext_lazy("%(shown)s request is rejected.", "%(shown)s requests are rejected.", "number")
        return self._decide(request, queryset, question, bulk.RejectionForm, QpsRequest.reject, done)

    def _decide(
        self, request: HttpRequest, queryset: QuerySet[QpsRequest], question: bulk.Question,
        form_class: type[bulk.NoteForm], decide: Callable[..., None], done: Any,
    ) -> HttpResponse | None:  # fmt: skip
        """Ask for the note, then decide about each; `done` is the sentence of `bulk.report`."""
        form = bulk.answered(request, form_class)
        if not form.is_valid():
            return bulk.ask(self, request, queryset, form, question)

        def verb(wish: QpsRequest) -> bool:
            decide(wish, by=person(request), note=form.cleaned_data["note"])
            return True

        with transaction.atomic():
            chosen = list(queryset.values_list("pk", flat=True))
            wishes = QpsRequest.objects.filter(pk__in=chosen).order_by("pk")
            # Keys first, as editing a key locks them: neither can wait for the other in a circle.
            list(ApiKey.objects.filter(pk__in=wishes.values("key")).locked().values_list("pk"))
            tally = bulk.perform(wishes.select_related("key__organization", "product", "requested_by"), verb)
        bulk.report(request, tally, done=done)
        return None
