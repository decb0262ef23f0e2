"""What every page of the admin has in common: what staff change is audited, and a pasted key goes no further."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db import connection, models, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.models import AuditEvent, Organization, User
from keys import pasted


def person(request: HttpRequest) -> User:
    """Return who works in the admin, which lets nobody in who is not signed in."""
    return cast(User, request.user)


class AuditedAdmin(admin.ModelAdmin):
    """Write an audit event with before and after for each change, as staff, in its transaction.

    The row is locked from reading to writing, and only changed columns are written: what a customer does meanwhile to
    other columns is kept.
    """

    noun = ""
    """What the verbs begin with: `product.edited`."""
    audited_fields: tuple[str, ...] = ()

    # What an event says ------------------------------------------------------------------------------------------------
    def facts(self, obj: Any) -> dict[str, Any]:
        """Return what before and after compare; extend it where an inline changes other rows."""
        return {name: _plain(getattr(obj, name)) for name in self.audited_fields}

    def audit_target(self, obj: Any) -> Any:
        """Return what the event is about: something with a `public_id` and a name."""
        return obj

    def audit_organization(self, obj: Any) -> Organization | None:
        """Return the customer whose log this belongs to."""
        return getattr(obj, "organization", None)

    def record(self, request: HttpRequest, verb: str, obj: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Write the event, of what differs only; nothing when nothing does."""
        differs = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        if differs:
            AuditEvent.record(
                f"{self.noun}.{verb}",
                organization=self.audit_organization(obj),
                actor=person(request),
                target=self.audit_target(obj),
                before={name: before[name] for name in differs if name in before} or None,
                after={name: after[name] for name in differs if name in after} or None,
                as_staff=True,
            )

    # Saving ------------------------------------------------------------------------------------------------------------
    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Lock the row when a form is sent, so that the form is checked against what it will change."""
        found = super().get_object(request, object_id, from_field)
        if found is not None and request.method == "POST" and connection.in_atomic_block:
            self.model._base_manager.select_for_update(of=("self",), no_key=True).only("pk").get(pk=found.pk)
            found = super().get_object(request, object_id, from_field)
        return found

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write the changed columns; keep what the row said before for `save_related`."""
        form.audit_before = self.facts(self.model._base_manager.get(pk=obj.pk)) if change else {}
        columns = {field.name for field in obj._meta.concrete_fields}
        obj.save(update_fields=[name for name in form.changed_data if name in columns] if change else None)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Write the inlines, then the event."""
        super().save_related(request, form, formsets, change)
        self.record(
            request, "edited" if change else "created", form.instance, form.audit_before, self.facts(form.instance)
        )

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete, with an event that keeps what was there."""
        with transaction.atomic():
            self.record(request, "removed", obj, self.facts(obj), {})
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        """Delete each with its own event."""
        with transaction.atomic():
            for obj in queryset:
                self.delete_model(request, obj)

    # Searching ---------------------------------------------------------------------------------------------------------
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Go to the list without a pasted key: it is neither looked up nor part of the answer."""
        kept = request.GET.copy()
        for name, values in request.GET.lists():
            if any(pasted.holds_key(text) for text in (name, *values)):
                kept.pop(name)
        if len(kept) < len(request.GET):
            said = _("That was a key, not an ID: it was not looked up.")
            messages.warning(request, f"{said} {pasted.ADVICE}")
            return redirect(f"{request.path}?{kept.urlencode()}" if kept else request.path)
        return super().changelist_view(request, extra_context)

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """Find nothing by a key; the suggestions of a field ask here too."""
        if pasted.holds_key(search_term):
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Let no text of a form keep a key."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(field, forms.CharField):
            field.validators.append(pasted.refuse_key)
        return field


class ReadOnlyAdmin(AuditedAdmin):
    """Rows to look at: they are made elsewhere, or changed on the page of what they belong to."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds one here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes one here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes one here."""
        return False


class ReadOnlyInline(admin.TabularInline):
    """Rows to look at, on the page of what they belong to."""

    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds one here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes one here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes one here."""
        return False


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
