"""Members: who they are, their roles, and who is invited."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import queries
from accounts.models import Invitation, Membership, Sensitive
from accounts.organization_forms import InviteForm, RoleForm
from accounts.requests import MemberRequest
from accounts.signin.recent import asks_again
from accounts.views.answers import Question, ask, done
from keys.forms import ConfirmForm
from keys.views.answers import acts


def members(request: MemberRequest, organization_id: str) -> HttpResponse:
    """List the organisation's people; owners and admins also see who is invited."""
    people = queries.members(request.organization, request.membership)
    waiting = queries.invitations(request.organization) if request.may("accounts:invite") else []
    context = {
        "tab": "organization",
        "people": people,
        "invitations": waiting,
    }
    return render(request, "accounts/members.html", context)


@asks_again(Sensitive.MEMBERS)
def invite(request: MemberRequest, organization_id: str) -> HttpResponse:
    """Send an address a link that makes its reader a member."""
    form = InviteForm(request.POST or None, giver=request.membership.role)

    def verb() -> None:
        wanted = {name: form.cleaned_data[name] for name in ("email", "role")}
        Invitation.send(organization=request.organization, by=request.user, link_to=_link_to, **wanted)

    if acts(form, request, verb):
        said = _("%(email)s is invited.") % {"email": form.cleaned_data["email"]}
        return done(request, said, "accounts:members", organization_id)
    return ask(request, Question(_("Invite a member"), _("Send invitation"), _page(organization_id)), form)


@asks_again(Sensitive.MEMBERS)
def change_role(request: MemberRequest, organization_id: str, public_id: str) -> HttpResponse:
    """Give a member another role."""
    member = _member(request, public_id)
    form = RoleForm(request.POST or None, giver=request.membership.role, initial={"role": member.role})
    if acts(form, request, lambda: member.change_role(by=request.user, role=form.cleaned_data["role"])):
        said = _("%(person)s is %(role)s now.") % {"person": member.user.label, "role": member.said_role}
        return done(request, said, "accounts:members", organization_id)
    sentences = (_("%(email)s. It counts from their next click.") % {"email": member.user.email},)
    title = _("Role of %(person)s") % {"person": member.user.label}
    return ask(request, Question(title, _("Save"), _page(organization_id), sentences), form)


@asks_again(Sensitive.MEMBERS)
def remove(request: MemberRequest, organization_id: str, public_id: str) -> HttpResponse:
    """End somebody's membership."""
    member = _member(request, public_id)
    form = ConfirmForm(request.POST or None)
    if acts(form, request, lambda: member.remove(by=request.user)):
        said = _("%(person)s is removed.") % {"person": member.user.label}
        return done(request, said, "accounts:members", organization_id)
    sentences = (
        _(
            "%(email)s sees nothing of %(organization)s from the next click on. Invitations that they sent are withdrawn."
        )
        % {"email": member.user.email, "organization": request.organization},
        _("Keys that they made or copied go on working: rotate those that should not."),
    )
    title = _("Remove %(person)s") % {"person": member.user.label}
    return ask(request, Question(title, _("Remove"), _page(organization_id), sentences, is_danger=True), form)


@asks_again(Sensitive.MEMBERS)
def resend(request: MemberRequest, organization_id: str, public_id: str) -> HttpResponse:
    """Send an invitation once more, with a new link."""
    invitation = _invitation(request, public_id)
    form = ConfirmForm(request.POST or None)
    if acts(form, request, lambda: invitation.resend(by=request.user, link_to=_link_to)):
        said = _("%(email)s is invited once more.") % {"email": invitation.email}
        return done(request, said, "accounts:members", organization_id)
    sentences = (_("The mail has a new link, which works for 7 days. The old link stops."),)
    title = _("Invite %(email)s once more") % {"email": invitation.email}
    return ask(request, Question(title, _("Send again"), _page(organization_id), sentences), form)


@asks_again(Sensitive.MEMBERS)
def withdraw(request: MemberRequest, organization_id: str, public_id: str) -> HttpResponse:
    """Make the link of an invitation dead."""
    invitation = _invitation(request, public_id)
    form = ConfirmForm(request.POST or None)
    if acts(form, request, lambda: invitation.withdraw(by=request.user)):
        said = _("%(email)s is not invited any more.") % {"email": invitation.email}
        return done(request, said, "accounts:members", organization_id)
    title = _("Withdraw the invitation of %(email)s") % {"email": invitation.email}
    sentences = (_("The link in the mail stops working."),)
    return ask(request, Question(title, _("Withdraw"), _page(organization_id), sentences, is_danger=True), form)


def _member(request: MemberRequest, public_id: str) -> Membership:
    return get_object_or_404(
        request.organization.memberships.select_related("user", "organization"), public_id=public_id
    )


def _invitation(request: MemberRequest, public_id: str) -> Invitation:
    return get_object_or_404(request.organization.invitations.select_related("organization"), public_id=public_id)


def _link_to(token: str) -> str:
    return settings.DASHBOARD_URL + reverse("accounts:join", args=[token])


def _page(organization_id: str) -> str:
    return reverse("accounts:members", args=[organization_id])
