"""The pages of a person's own sign-in, and what an organisation asks of it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.views import ReauthenticateWebAuthnView
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.requests import MemberRequest, PersonRequest
from accounts.signin import factors, recent, sessions
from accounts.signin.forms import SignInPolicyForm
from accounts.signin.required import is_required
from accounts.signin.single_sign_on import provider_name
from keys.refusals import Refusal

View = Callable[..., HttpResponseBase]


def overview(request: PersonRequest) -> HttpResponse:
    """Show how the person signs in, and where they are signed in."""
    found = list(Authenticator.objects.filter(user=request.user).order_by("created_at"))
    by_type = {authenticator.type: authenticator for authenticator in found}
    codes = by_type.get(factors.Kind.RECOVERY_CODES)
    context = {
        "app": by_type.get(factors.Kind.TOTP),
        "codes": factors.recovery_codes(codes) if codes else None,
        "passkeys": [(factors.public_id(row), row) for row in found if row.type == factors.Kind.WEBAUTHN],
        "places": sessions.signed_in(request),
        "provider": provider_name(),
        "sign_on": request.user.socialaccount_set.first(),  # type: ignore[attr-defined]
    }
    return render(request, "accounts/security.html", context)


def required(request: PersonRequest) -> HttpResponse:
    """Help a person to set up the second factor that they need; who has one goes on."""
    if not is_required(request) or factors.has_second_factor(request.user):
        return redirect("home")
    return render(request, "accounts/second_factor_required.html")


def end_session(request: PersonRequest, public_id: str) -> HttpResponse:
    """Sign one other place out."""
    session = sessions.find(request, public_id)
    if session is None:
        raise Http404
    if request.method != "POST":
        place = next(place for place in sessions.signed_in(request) if place.public_id == public_id)
        return render(request, "accounts/session_end.html", {"place": place})
    sessions.end(session, by=request.user)
    messages.success(request, _("Signed out there. The next click of that browser asks to sign in."))
    return redirect("security")


def end_other_sessions(request: PersonRequest) -> HttpResponse:
    """Sign out everywhere but here."""
    if request.method != "POST":
        return render(request, "accounts/session_end.html", {"place": None})
    ended = sessions.end_others(request.user, keep=request.session.session_key)
    said = ngettext("Signed out in %(number)d other place.", "Signed out in %(number)d other places.", ended)
    messages.success(request, said % {"number": ended})
    return redirect("security")


def organization(request: MemberRequest, organization_id: str) -> HttpResponse:
    """Say what the organisation asks of its members' sign-in; who decides confirms that it is them, always."""
    if not recent.is_recent(request):
        return recent.confirm(request, back=request.path)
    policy = request.organization.sign_in_policy
    form = SignInPolicyForm(request.POST or None, initial=policy | {"seen": policy})
    if request.method == "POST" and form.is_valid() and _saved(form, request):
        messages.success(request, _("Saved. It holds from every member’s next click on."))
        return redirect("accounts:security", organization_id)
    context = {"form": form, "lacks_factor": not factors.has_second_factor(request.user)}
    return render(request, "accounts/organization_security.html", context, status=422 if form.errors else 200)


def _saved(form: SignInPolicyForm, request: MemberRequest) -> bool:
    try:
        request.organization.change_sign_in_policy(by=request.user, **form.cleaned_data)
    except Refusal as refusal:
        form.add_error(None, str(refusal))
        return False
    return True


class ConfirmByPasskey(ReauthenticateWebAuthnView):
    """Confirm with a passkey; one that is not accepted may be tried again here."""

    def form_invalid(self, form: Any) -> HttpResponse:
        """Say what was wrong and stay."""
        for message in form.errors.get("credential", []):
            messages.error(self.request, message)
        return redirect(self.passthrough_next_url(self.request.path))


def in_one_transaction(view: View) -> View:
    """Have a view of allauth change a factor and write the audit log together or not at all."""
    return wraps(view)(transaction.atomic(view))


def if_recent(view: View) -> View:
    """Call a view of allauth for who signed in, or confirmed that it is them, a moment ago; ask others first."""

    @wraps(view)
    def asking(request: PersonRequest, **kwargs: str) -> HttpResponseBase:
        if recent.is_recent(request):
            return view(request, **kwargs)
        return recent.confirm(request, back=request.path)

    return asking


def if_confirmed(view: View) -> View:
    """Call a view of allauth that asks again itself; those whom it does not ask, as they have nothing here to answer with, first.

    They sign in at a provider, and are asked there.
    """
    asking = if_recent(view)

    @wraps(view)
    def confirmed(request: PersonRequest, **kwargs: str) -> HttpResponseBase:
        return (view if recent.confirms_here(request.user) else asking)(request, **kwargs)

    return confirmed


def if_there_is(kind: str, view: View) -> View:
    """Call a view of allauth for a person who has such a factor; lead others to the overview."""

    @wraps(view)
    def found(request: HttpRequest) -> HttpResponseBase:
        has_one = Authenticator.objects.filter(user=request.user, type=kind).exists()
        return view(request) if has_one else redirect("security")

    return found


def of_passkey(view: View) -> View:
    """Call a view of allauth with the person's passkey that the address names."""

    @wraps(view)
    def found(request: HttpRequest, public_id: str) -> HttpResponseBase:
        own = Authenticator.objects.filter(user=request.user, type=factors.Kind.WEBAUTHN)
        passkey = next((row for row in own if factors.public_id(row) == public_id), None)
        if passkey is None:
            raise Http404
        return view(request, pk=passkey.pk)

    return found
