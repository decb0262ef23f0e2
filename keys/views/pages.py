"""The list of keys, and the page of one."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext

from accounts.requests import MemberRequest
from dashboard import htmx, preferences
from keys import ends, listing, queries, receipts, rows, tokens
from keys.pasted import holds_key
from keys.snippets import test_requests
from keys.views.answers import own_key


def key_list(request: MemberRequest) -> HttpResponse:
    """Show the organisation's keys."""
    query = request.GET.get("q", "")
    if (pasted := next(tokens.find(query, settings.KEY_PREFIX), None)) is None and holds_key(query):
        text = gettext("That looked like a key with a typo. Search for its hint or ID instead.")
        messages.warning(request, text)
        return redirect("keys:list")
    if pasted:
        text = gettext("You searched for a whole key. Search for its hint or ID instead, and keep the key secret.")
        messages.warning(request, text)
        return redirect(f"{request.path}?q={tokens.hint(pasted)}")
    chosen = {name: request.GET.get(name, "") for name in ("state", "product", "sort")}
    found = listing.key_list(
        request.organization,
        query=query,
        product=chosen["product"],
        group=chosen["state"],
        sort=chosen["sort"],
        number=request.GET.get("page", "1"),
    )
    layout = preferences.layout(request)
    context = {"tab": "keys", "found": found, "query": query, "chosen": chosen, "layout": layout}
    context["states"] = rows.states(found, request, chosen["state"])
    context["tools"] = lambda: rows.tools(found, query, chosen)  # a fragment does without it
    if (public_id := request.GET.get("deleted")) and (
        key := request.organization.keys.filter(public_id=public_id).first()
    ):
        context |= receipts.shown(key, "deleted")
    response = htmx.render(request, "keys/list.html", "list", context)
    if "layout" in request.GET:
        preferences.keep_layout(response, layout)
    return response


def detail(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show one key: facts, test request, strings, limits, history."""
    key = own_key(request, public_id)
    context = {
        "tab": "keys",
        "key": key,
        **listing.one_row(key),
        "secrets": key.secrets.select_related("created_by"),
        "limits": queries.limits(key),
        "events": queries.history(key),
        "is_outside_policy": not ends.is_allowed(key.expires_at, request.organization, key.current_secret.created_at),
        "snippets": test_requests(settings.GATEWAY_URL, key.allowed_domains),
    }
    if what := request.GET.get("receipt"):
        context |= receipts.shown(key, what)
    return render(request, "keys/detail.html", context)


def receipt(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show since when the last change of a key, also of a deleted one, holds in every gateway."""
    key = get_object_or_404(request.organization.keys, public_id=public_id)
    return render(request, "keys/_receipt.html", receipts.shown(key, request.GET.get("what", "")))
