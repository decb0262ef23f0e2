"""Accept an invitation: signed in, signed out, or with an account that is made on the way."""

from allauth.account.models import EmailAddress
from allauth.account.utils import perform_login
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts.middleware import SESSION_KEY
from accounts.models import Invitation, User
from accounts.models.invitation import digest_of
from accounts.organization_forms import JoinForm
from accounts.requests import PersonRequest
from dashboard import languages
from keys.refusals import Refusal


def join(request: PersonRequest, token: str) -> HttpResponse:
    """Say who invites to what; a POST of the invited person accepts."""
    invitation = _find(token)
    if invitation is None:
        return redirect("keys:list") if _was_joined(request, token) else _dead(request)
    context = {"invitation": invitation, "token": token, "refusal": ""}
    if request.user.is_authenticated:
        context["is_invited"] = request.user.has_confirmed(invitation.email)
        if request.method == "POST":
            try:
                return _joined(request, invitation, request.user, token)
            except Refusal as refusal:
                context["refusal"] = str(refusal)
    elif request.method == "POST":
        return redirect(f"{reverse('account_login')}?next={request.path}")
    return render(request, "accounts/join.html", context, status=422 if context["refusal"] else 200)


@sensitive_post_parameters("password")
def register(request: PersonRequest, token: str) -> HttpResponseBase:
    """Make an account for the invited address, which the link of the mail confirms, and become a member with it."""
    invitation = _find(token)
    if invitation is None:
        return _dead(request)
    if request.user.is_authenticated:
        return redirect("accounts:join", token)
    form = JoinForm(request.POST or None, email=invitation.email)
    if request.method == "POST" and form.is_valid():
        try:
            return _registered(request, invitation, form, token)
        except IntegrityError:
            said = _("%(email)s has an account already. Sign in with it to join.")
            form.add_error(None, said % {"email": invitation.email})
        except Refusal as refusal:
            form.add_error(None, str(refusal))
    status = 422 if form.is_bound else 200
    context = {"invitation": invitation, "token": token, "form": form}
    return render(request, "accounts/join_register.html", context, status=status)


def _registered(request: PersonRequest, invitation: Invitation, form: JoinForm, token: str) -> HttpResponseBase:
    with transaction.atomic():
        user = User.objects.create_user(
            invitation.email,
            form.cleaned_data["password"],
            first_name=form.cleaned_data["first_name"],
            language=languages.current(),
        )
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        answer = _joined(request, invitation, user, token)
    return perform_login(request, user, redirect_url=answer["Location"])


def _joined(request: PersonRequest, invitation: Invitation, user: User, token: str) -> HttpResponse:
    membership = invitation.accept(by=user, token=token)
    request.session[SESSION_KEY] = invitation.organization.public_id
    told = {"organization": invitation.organization, "role": membership.said_role}
    messages.success(request, _("You are a member of %(organization)s now, as %(role)s.") % told)
    return redirect("keys:list")


def _find(token: str) -> Invitation | None:
    """Return the invitation that this link can accept now."""
    found = (
        Invitation.objects.select_related("organization", "invited_by").filter(token_digest=digest_of(token)).first()
    )
    is_alive = found is not None and found.works(token) and found.organization.deleted_at is None
    return found if is_alive else None


def _was_joined(request: PersonRequest, token: str) -> bool:
    """Whether the person is a member by this very link: they clicked twice, or opened the mail again."""
    if not request.user.is_authenticated:
        return False
    accepted = Invitation.objects.filter(token_digest=digest_of(token), accepted_by=request.user)
    return accepted.filter(organization__in=[member.organization for member in request.memberships]).exists()


def _dead(request: PersonRequest) -> HttpResponse:
    return render(request, "accounts/join_dead.html", status=404)
