"""Members on the admin's page of an organisation: the verbs that their own page has change them here too."""

from copy import copy
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.audited_admin import person
from accounts.models import Membership, Role, User
from keys.refusals import Refusal


class MembershipForm(forms.ModelForm):
    """A member: who it is does not change, and a role only where somebody changed it in this form."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "user" in self.fields:
            self.fields["user"].disabled = True
            self.fields["role"].show_hidden_initial = True

    def role_to_be(self) -> str:
        """Return the role that the member will have; what the customer changed since the page was loaded stays."""
        is_kept = self.instance.pk and "role" not in self.changed_data
        return str(self.initial["role"] if is_kept else self.cleaned_data.get("role"))


class PersonForm(forms.ModelForm):
    """A person, who is not made inactive as the last owner of an organisation."""

    def clean_is_active(self) -> bool:
        """Refuse to leave an organisation without an owner who can sign in."""
        is_active = bool(self.cleaned_data["is_active"])
        if self.instance.pk and self.initial["is_active"] and not is_active:
            try:
                Membership.check_may_shut_out(self.instance)
            except Refusal as refusal:
                raise ValidationError(str(refusal)) from None
        return is_active


class MembershipFormSet(forms.BaseInlineFormSet):
    """The members of an organisation, of whom one at least is an owner who can sign in; while it is suspended, an owner."""

    by: User
    """Who of the provider's people sends the form."""

    def clean(self) -> None:
        """Refuse to leave an organisation without an owner, and to give oneself a role: members copy keys, staff do not."""
        super().clean()
        for form in self.forms:
            if form not in self.deleted_forms and form.has_changed() and form.cleaned_data.get("user") == self.by:
                raise ValidationError(_("Nobody makes themselves a member, or changes their own role."))
        members: list[Any] = self.forms
        kept = [form for form in members if form not in self.deleted_forms and form.cleaned_data.get("user")]
        owners = [form.cleaned_data["user"] for form in kept if form.role_to_be() == Role.OWNER]
        can_sign_in = any(owner.is_active for owner in owners)
        if not any(self.errors) and not (can_sign_in or (owners and not self.instance.is_in_service)):
            raise ValidationError(_("An organisation has at least one owner who can sign in."))


class MembershipInline(admin.TabularInline):
    """Who is a member, with which role."""

    model = Membership
    form = MembershipForm
    formset = MembershipFormSet
    extra = 0
    autocomplete_fields = ("user",)
    readonly_fields = ("created_at",)

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Have the form know who sends it."""
        made = cast(type[MembershipFormSet], super().get_formset(request, obj, **kwargs))
        made.by = person(request)
        return made

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """Load the people with their memberships."""
        return super().get_queryset(request).select_related("user", "organization")


def save(formset: Any, *, by: User) -> None:
    """Do what the form says by the verbs: who becomes an owner first, so that at each step there is one."""
    formset.save(commit=False)
    wanted = [(membership, membership.role) for membership, _names in formset.changed_objects]
    for membership in formset.new_objects:
        Membership.add(organization=membership.organization, user=membership.user, role=membership.role, by=by)
    for membership, role in sorted(wanted, key=lambda each: each[1] != Role.OWNER):
        membership.change_role(by=by, role=role, as_staff=True)
    for membership in formset.deleted_objects:
        copy(membership).remove(by=by, as_staff=True)  # the admin still names who was there
