"""What an organisation decides about all its keys."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.requests import MemberRequest
from keys import queries
from keys.forms import PolicyForm

STALE = _("Someone else changed the policy a moment ago. Yours is below: send it again to save it over theirs.")


def policy(request: MemberRequest, organization_id: str) -> HttpResponse:
    """Show and change the policy; list the keys that it does not fit."""
    organization = request.organization
    form = PolicyForm(request.POST or None, policy=organization.key_policy)
    if request.method == "POST" and form.is_valid():
        if organization.change_key_policy(by=request.user, seen=form.seen, wanted=form.wanted):
            text = gettext("The policy is saved. It holds for keys created, edited or rotated from now on.")
            messages.success(request, text)
            return redirect("accounts:key_policy", organization_id)
        form.add_error(None, STALE)
        organization.refresh_from_db()
        now = PolicyForm(policy=organization.key_policy).initial
        seen = {name: [str(now[name])] if now[name] else [] for name in ("seen_days", "seen_once")}
        form.data = MultiValueDict({**dict(request.POST.lists()), **seen})
    count, outside = queries.outside_policy(organization)
    context = {"tab": "keys", "form": form, "outside": outside, "outside_count": count}
    return render(request, "keys/policy.html", context, status=422 if form.errors else 200)
