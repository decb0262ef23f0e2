"""The strings of a key: copy, rotate, retire the old one, extend its time."""

from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import Sensitive
from accounts.requests import MemberRequest
from accounts.signin.recent import ask_again, page_of
from dashboard import htmx, preferences
from dashboard.preferences import Layout
from keys import listing, queries, receipts
from keys.forms import DELAYS_HOURS, ActionForm, ConfirmForm, ExtendForm, RotateForm
from keys.models import ApiKey
from keys.refusals import Refusal, TooManyReveals
from keys.snippets import PLACEHOLDER, test_requests
from keys.views.answers import acts, changed, dialog, own_key


@csp_update({"img-src": [settings.GATEWAY_ORIGIN]})  # type: ignore[arg-type]  # it knows no request but Django's own
def reveal(request: MemberRequest, public_id: str) -> HttpResponse:
    """Hand out the whole key, for the clipboard as JSON, without a script as a page. 429 past the hourly limit."""
    key = own_key(request, public_id)
    back = page_of(request, otherwise=reverse("keys:detail", args=[key.public_id]))
    if asked := ask_again(request, Sensitive.COPY, back=back):
        return asked
    wants_json = "application/json" in request.headers.get("Accept", "")
    try:
        string = key.reveal(by=request.user)
    except Refusal as refusal:
        status = 429 if isinstance(refusal, TooManyReveals) else 409
        if wants_json:
            return JsonResponse({"detail": str(refusal)}, status=status)
        return render(request, "keys/refused.html", {"key": key, "reason": str(refusal), "tab": "keys"}, status=status)
    if wants_json:
        response: HttpResponse = JsonResponse({"key": string})
    else:
        context = {"key": key, "string": string, "tab": "keys"}
        if "try" in request.POST:
            context["tile"] = test_requests(settings.GATEWAY_URL, []).url.replace(PLACEHOLDER, string)
        response = render(request, "keys/reveal.html", context)
    response["Cache-Control"] = "no-store, private"
    return response


def rotate(request: MemberRequest, public_id: str) -> HttpResponse:
    """Step 1 says what changes, step 2 asks when the old string stops, the answer gives the new one to copy."""
    key = own_key(request, public_id)
    if asked := ask_again(request, Sensitive.ROTATE):
        return asked
    form = RotateForm(request.POST or None, key=key, initial={"delay": "24" if key.is_in_use else "0"})

    def verb() -> None:
        key.rotate(by=request.user, version=form.cleaned_data["version"], delay=form.cleaned_data["wait"])

    if acts(form, request, verb):
        key.refresh_from_db()
        return _rotated(request, key)
    step = 2 if request.method == "POST" or request.GET.get("step") == "2" else 1
    return dialog(request, "keys/rotate.html", {"key": key, "step": step, **_ends(form)}, form=form)


def retire(request: MemberRequest, public_id: str) -> HttpResponse:
    """End the grace of the old string now."""
    key = own_key(request, public_id)
    if asked := ask_again(request, Sensitive.ROTATE):
        return asked
    form = ConfirmForm(request.POST or None, key=key)
    if acts(form, request, lambda: key.retire_old_string(by=request.user, version=form.cleaned_data["version"])):
        return changed(request, key, gettext("The old string is retired."), receipt="retired")
    return dialog(request, "keys/retire.html", {"key": key}, form=form)


def extend(request: MemberRequest, public_id: str) -> HttpResponse:
    """Let the old string work longer, counted from now."""
    key = own_key(request, public_id)
    form = ExtendForm(request.POST or None, key=key, initial={"delay": "24"})

    def verb() -> None:
        key.extend_old_string(by=request.user, version=form.cleaned_data["version"], delay=form.cleaned_data["wait"])

    if acts(form, request, verb):
        return changed(request, key, gettext("The old string works longer."))
    return dialog(request, "keys/extend.html", {"key": key, **_ends(form)}, form=form)


def _ends(form: ActionForm) -> dict[str, object]:
    """The choices with the moment each ends, and which is chosen."""
    choices = [(hours, queries.end_of(hours)) for hours in DELAYS_HOURS]
    return {"choices": choices, "chosen": str(form["delay"].value()), "now": timezone.now()}


def _rotated(request: MemberRequest, key: ApiKey) -> HttpResponse:
    """Show the outcome with the new key to copy; in the list also the changed row, where it is a table by loading it again."""
    is_in_list = htmx.comes_from(request, reverse("keys:list"))
    is_in_table = is_in_list and preferences.layout(request) is Layout.TABLE
    context = {
        "key": key,
        **listing.one_row(key),
        "in_list": is_in_list and not is_in_table,
        "string": "" if key.current_secret.sealed else key.new_string,
        "tab": "keys",
        **receipts.shown(key, "retired"),
    }
    response = htmx.render(request, "keys/rotated.html", "dialog", context)
    response["Cache-Control"] = "no-store, private"
    return htmx.announce(response, "", **{"keys-changed": True}) if is_in_table else response
