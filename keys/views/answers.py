"""How the actions of keys answer: with the changed row in the list, else with the key's page."""

from collections.abc import Callable

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext

from accounts.requests import MemberRequest, PersonRequest
from dashboard import htmx, preferences
from dashboard.preferences import Layout
from keys import listing, receipts
from keys.forms import ActionForm
from keys.models import ApiKey, Submission
from keys.refusals import Refusal, StaleVersion


def own_key(request: MemberRequest, public_id: str, *, deleted_too: bool = False) -> ApiKey:
    """Return a key of the person's organisation, unless asked otherwise one that is not deleted; else 404."""
    keys = request.organization.keys.all() if deleted_too else request.organization.keys.kept()
    key = get_object_or_404(keys.prefetch_related("secrets"), public_id=public_id)
    key.organization = request.organization
    return key


def act(form: ActionForm, request: PersonRequest, verb: Callable[[], str]) -> str | None:
    """Run a verb once per form and return the ID that it returned, also to a repeated submit.

    A refusal becomes an error of the form, and the answer is None.
    """
    try:
        with transaction.atomic():
            submission, first = Submission.claim(form.cleaned_data["token"], user=request.user, action=request.path)
            if first:
                submission.remember(verb())
            return submission.target_id
    except Refusal as refusal:
        form.add_error(None, str(refusal))
        if isinstance(refusal, StaleVersion) and form.key is not None:
            # Who has read the message may send the same again.
            form.data = MultiValueDict({**dict(request.POST.lists()), "version": [str(form.key.version)]})
        return None


def acts(form: ActionForm, request: PersonRequest, verb: Callable[[], object]) -> bool:
    """Run a verb once for a valid form that was sent; False when it is still to be asked, or was refused (see `act`)."""

    def remembered() -> str:
        verb()
        return form.key.public_id if form.key else "done"

    return request.method == "POST" and form.is_valid() and bool(act(form, request, remembered))


def dialog(
    request: MemberRequest, template: str, context: dict[str, object], *, form: ActionForm | None = None
) -> HttpResponse:
    """Show an action: in the dialog with htmx, as a page of its own without. An invalid form answers 422."""
    status = 422 if form is not None and form.is_bound and form.errors else 200
    return htmx.render(request, template, "dialog", {"form": form, "tab": "keys", **context}, status=status)


def changed(request: MemberRequest, key: ApiKey, message: str, *, receipt: str = "") -> HttpResponse:
    """Swap the key's row where the list asked; else go to the key's page. `receipt` names the change that gateways confirm."""
    if not htmx.comes_from(request, reverse("keys:list")):
        messages.success(request, message)
        page = reverse("keys:detail", args=[key.public_id])
        return redirect(f"{page}?receipt={receipt}" if receipt else page)
    context = listing.one_row(key) | (receipts.shown(key, receipt) if receipt else {})
    if preferences.layout(request) is Layout.TABLE:
        response = htmx.swap(render(request, "keys/deleted.html", context), "#key-list", "none")
        return htmx.announce(response, message, **{"close-dialog": True, "keys-changed": True})
    response = render(request, "keys/changed.html", context)
    return htmx.announce(htmx.swap(response, f"#{key.public_id}"), message, **{"close-dialog": True})


def handed_out(request: MemberRequest, key: ApiKey, message: str, *, receipt: str = "") -> HttpResponse:
    """Go to the page of a key with a new string, to copy it there; where keys are shown only once, show it in this answer."""
    if key.new_string and not key.current_secret.sealed:
        context = {"key": key, "string": key.new_string, "message": message}
        response = dialog(request, "keys/handed_out.html", context)
        response["Cache-Control"] = "no-store, private"
        return response
    if key.current_secret.sealed:
        what_now = gettext("Copy the key and try the test request.")
        messages.success(request, f"{message} {what_now}")
    else:
        advice = gettext("Its key was shown already, once. If it is lost, rotate it.")
        messages.warning(request, f"{message} {advice}")
    page = reverse("keys:detail", args=[key.public_id])
    return redirect(f"{page}?receipt={receipt}" if receipt else page)


def gone(request: MemberRequest, key: ApiKey, message: str) -> HttpResponse:
    """Take the key's row out of the list, or go there."""
    if not htmx.comes_from(request, reverse("keys:list")):
        return redirect(f"{reverse('keys:list')}?deleted={key.public_id}")
    answer = render(request, "keys/deleted.html", receipts.shown(key, "deleted"))
    response = htmx.swap(answer, f"#{key.public_id}", "delete")
    return htmx.announce(response, message, **{"close-dialog": True, "keys-changed": True})
