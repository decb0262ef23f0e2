"""Disable, enable and undelete a key; the list of deleted ones."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import Sensitive
from accounts.requests import MemberRequest
from accounts.signin.recent import ask_again
from keys import queries
from keys.forms import ConfirmForm, DisableForm, UndeleteForm
from keys.models.key import UNDELETE
from keys.views.answers import act, acts, changed, dialog, handed_out, own_key


def disable(request: MemberRequest, public_id: str) -> HttpResponse:
    """Have every request with the key refused until it is enabled."""
    key = own_key(request, public_id)
    form = DisableForm(request.POST or None, key=key)

    def verb() -> None:
        key.disable(by=request.user, reason=form.cleaned_data["reason"], version=form.cleaned_data["version"])

    if acts(form, request, verb):
        return changed(request, key, gettext("%(key)s is disabled.") % {"key": key.name}, receipt="disabled")
    return dialog(request, "keys/disable.html", {"key": key}, form=form)


def enable(request: MemberRequest, public_id: str) -> HttpResponse:
    """Let a disabled key work again; one that staff disabled says whom to ask."""
    key = own_key(request, public_id)
    form = ConfirmForm(request.POST or None, key=key)
    if acts(form, request, lambda: key.enable(by=request.user, version=form.cleaned_data["version"])):
        return changed(request, key, gettext("%(key)s is enabled.") % {"key": key.name}, receipt="enabled")
    return dialog(request, "keys/enable.html", {"key": key}, form=form)


def deleted(request: MemberRequest) -> HttpResponse:
    """List the keys that can be brought back."""
    page, rows = queries.deleted_keys(request.organization, request.GET.get("page", "1"))
    return render(request, "keys/deleted_keys.html", {"tab": "keys", "page": page, "rows": rows})


def undelete(request: MemberRequest, public_id: str) -> HttpResponse:
    """Bring a deleted key back, with a new string unless the old one is asked for: that is a rotation, and asks like one."""
    key = own_key(request, public_id, deleted_too=True)
    if key.deleted_at is None:  # sent twice, or brought back by someone else: what was wanted is so
        return redirect("keys:detail", key.public_id)
    if key.deleted_at <= timezone.now() - UNDELETE:
        raise Http404
    form = UndeleteForm(request.POST or None, key=key)
    if request.method == "POST" and form.is_valid():
        with_old_string = form.cleaned_data["string"] == "old"
        if not with_old_string and (asked := ask_again(request, Sensitive.ROTATE)):
            return asked

        def verb() -> str:
            key.undelete(by=request.user, version=form.cleaned_data["version"], with_old_string=with_old_string)
            return key.public_id

        if act(form, request, verb):
            if not with_old_string:
                return handed_out(
                    request, key, gettext("%(key)s is back with a new key.") % {"key": key.name}, receipt="undeleted"
                )
            text = gettext("%(key)s is back, and its old key works again.")
            messages.success(request, text % {"key": key.name})
            return redirect(f"{reverse('keys:detail', args=[key.public_id])}?receipt=undeleted")
    return dialog(request, "keys/undelete.html", {"key": key}, form=form)
