"""Notices and mails in the admin: what became of each, and another chance for those that failed."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from procrastinate.contrib.django import admin as jobs_admin

from accounts.audited_admin import ReadOnlyAdmin, person
from accounts.models import AuditEvent
from dashboard.words import number
from notices import letters, words
from notices.models import LETTER_STATES, Letter, Notice

# Jobs are no page: what staff need to know about them is the state of the mails.
admin.site.unregister(jobs_admin.models.ProcrastinateJob)

STATES = {
    "waiting": Q(sent_at=None, failed_at=None, dropped_at=None, attempts=0),
    "retrying": Q(sent_at=None, failed_at=None, dropped_at=None, attempts__gt=0),
    "sent": Q(sent_at__isnull=False),
    "failed": Q(failed_at__isnull=False),
    "dropped": Q(dropped_at__isnull=False),
}


class StateFilter(admin.SimpleListFilter):
    """By what became of the mail."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states."""
        return [(state, str(word).capitalize()) for state, word in LETTER_STATES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Letter]) -> QuerySet[Letter]:
        """Narrow to the chosen one."""
        return queryset.filter(STATES.get(self.value() or "", Q()))


@admin.register(Letter)
class LetterAdmin(ReadOnlyAdmin):
    """Mails. Their words are not shown: they may hold a link that signs somebody in."""

    list_display = ("public_id", "to", "subject", "state", "attempts", "error", "created_at", "sent_at")
    list_filter = (StateFilter, ("created_at", admin.DateFieldListFilter))
    search_fields = ("=public_id", "to", "subject")
    ordering = ("-pk",)
    fields = (
        "public_id", "to", "subject", "state", "attempts", "error", "created_at", "sent_at", "failed_at", "dropped_at",
    )  # fmt: skip
    readonly_fields = fields
    actions = ("send_again",)

    def has_send_permission(self, request: HttpRequest) -> bool:
        """Whoever may change mails, although nobody edits one."""
        return bool(request.user.has_perm("notices.change_letter"))

    @admin.display(description=gettext_lazy("state"))
    def state(self, obj: Letter) -> str:
        """What became of it."""
        return str(LETTER_STATES[obj.state])

    @admin.action(description=gettext_lazy("Send again"), permissions=["send"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Letter]) -> None:
        """Give those that failed another chance."""
        again = [letter for letter in queryset if letters.send_again(letter)]
        for letter in again:
            AuditEvent.record(
                "letter.sent_again", organization=None, actor=person(request), target=letter, as_staff=True
            )
        if again:
            messages.success(request, _("Mails that are sent again: %(number)s.") % {"number": number(len(again))})
        if rest := queryset.count() - len(again):
            said = _("Mails that have not failed, or whose words are erased: %(number)s.")
            messages.warning(request, said % {"number": number(rest)})


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """What people are told."""

    list_display = ("created_at", "kind", "title", "reader", "organization", "mail_state", "read_at")
    list_filter = ("kind", ("read_at", admin.EmptyFieldListFilter))
    list_select_related = ("person", "organization", "letter")
    search_fields = ("=public_id", "=about", "person__email", "email", "organization__name")
    search_help_text = gettext_lazy("ID of the notice or of what it is about, e-mail, organisation")
    ordering = ("-pk",)
    fields = (
        "public_id", "created_at", "kind", "title", "reader", "organization", "about", "read_at", "digest_due_at", "mail_state",
        "letter",
    )  # fmt: skip

    @admin.display(description=gettext_lazy("title"))
    def title(self, obj: Notice) -> str:
        """As the person reads it."""
        return words.title(obj)

    @admin.display(description=gettext_lazy("reader"), ordering="person__email")
    def reader(self, obj: Notice) -> str:
        """Who is told."""
        return obj.person.email if obj.person else obj.email

    @admin.display(description=gettext_lazy("mail"))
    def mail_state(self, obj: Notice) -> str:
        """What became of its mail."""
        return obj.mail_state
