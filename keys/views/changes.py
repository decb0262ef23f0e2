"""Create, edit and delete a key."""

from django.http import HttpResponse
from django.utils.translation import gettext

from accounts.models import Sensitive
from accounts.requests import MemberRequest
from accounts.signin.recent import ask_again
from keys.forms import DeleteForm, KeyForm
from keys.models import ApiKey
from keys.views.answers import act, acts, changed, dialog, gone, handed_out, own_key


def create(request: MemberRequest) -> HttpResponse:
    """Make a key and go to its page, where it can be copied and tried."""
    form = KeyForm(request.POST or None, organization=request.organization)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        wanted = {name: data[name] for name in ("name", "billing_type", "products", "allowed_domains", "expires_at")}
        made: list[ApiKey] = []

        def verb() -> str:
            made.append(ApiKey.create(organization=request.organization, by=request.user, **wanted))
            return made[0].public_id

        if public_id := act(form, request, verb):
            # What a repeated submit finds may have another name, and its string is not shown again.
            key = made[0] if made else request.organization.keys.get(public_id=public_id)
            return handed_out(request, key, gettext("%(key)s is ready.") % {"key": key.name})
    return dialog(request, "keys/create.html", {}, form=form)


def edit(request: MemberRequest, public_id: str) -> HttpResponse:
    """Change name, products, domains and end date."""
    key = own_key(request, public_id)
    form = KeyForm(request.POST or None, organization=request.organization, key=key)

    def verb() -> None:
        names = ("version", "name", "products", "allowed_domains", "expires_at")
        key.edit(by=request.user, **{name: form.cleaned_data[name] for name in names})

    if acts(form, request, verb):
        is_told = bool({"products", "allowed_domains", "ends_on"} & set(form.changed_data))
        key.refresh_from_db()
        said = gettext("%(key)s is saved.") % {"key": key.name}
        return changed(request, key, said, receipt="edited" if is_told else "")
    return dialog(request, "keys/edit.html", {"key": key}, form=form)


def delete(request: MemberRequest, public_id: str) -> HttpResponse:
    """Delete a key; one that is in use asks for its name."""
    key = own_key(request, public_id, deleted_too=request.method == "POST")
    if key.deleted_at is not None:  # sent twice, or deleted by someone else: what was wanted is so
        return gone(request, key, gettext("%(key)s is deleted.") % {"key": key.name})
    if asked := ask_again(request, Sensitive.DELETE):
        return asked
    form = DeleteForm(request.POST or None, key=key)
    if acts(form, request, lambda: key.mark_deleted(by=request.user)):
        return gone(request, key, gettext("%(key)s is deleted.") % {"key": key.name})
    return dialog(request, "keys/delete.html", {"key": key}, form=form)
