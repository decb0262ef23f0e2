"""Members: who they are, their roles, and who is invited."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from accounts import queries
from accounts.models import Invitation, Membership, Sensitive
from accounts.models.invitation import LinkTo
from accounts.organization_forms import InviteForm, RoleForm
from accounts.requests import MemberRequest
from accounts.signin.recent import asks_again
from accounts.views.answers import Question, acts, ask, done
from keys.forms import ConfirmForm


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
        Invitation.send(organization=request.organization, by=request.user, link_to=_link_to(request), **wanted)

    if acts(form, request, verb):
        return done(request, f"{form.cleaned_data['email']} is invited.", "accounts:members", organization_id)
    return ask(request, Question("Invite a member", "Send invitation", _page(organization_id)), form)


@asks_again(Sensitive.MEMBERS)
def change_role(request: MemberRequest, organization_id: str, public_id: str) -> HttpResponse:
    """Give a member another role."""
    member = _member(request, public_id)
    form = RoleForm(request.POST or None, giver=request.membership.role, initial={"role": member.role})
    if acts(form, request, lambda: member.change_role(by=request.user, role=form.cleaned_data["role"])):
        role = member.get_role_display().lower()
        return done(request, f"{member.user.label} is {role} now.", "accounts:members", organization_id)
    sentences = (f"{member.user.email}. It counts from their next click.",)
    return ask(request, Question(f"Role of {member.user.label}", "Save", _page(organization_id), sentences), form)


@asks_again(Sensitive.MEMBERS)
def remove(request: MemberRequest, organization_id: str, public_id: str) -> HttpResponse:
    """End somebody's membership."""
    member = _member(request, public_id)
    form = ConfirmForm(request.POST or None)
    if acts(form, request, lambda: member.remove(by=request.user)):
        return done(request, f"{member.user.label} is removed.", "accounts:members", organization_id)
    sentences = (
        f"{member.user.email} sees nothing of {request.organization} from the next click on. Invitations that they sent are withdrawn.",
        "Keys that they made or copied go on working: rotate those that should not.",
    )
    title = f"Remove {member.user.label}"
    return ask(request, Question(title, "Remove", _page(organization_id), sentences, is_danger=True), form)


@asks_again(Sensitive.MEMBERS)
def resend(request: MemberRequest, organization_id: str, public_id: str) -> HttpResponse:
    """Send an invitation once more, with a new link."""
    invitation = _invitation(request, public_id)
    form = ConfirmForm(request.POST or None)
    if acts(form, request, lambda: invitation.resend(by=request.user, link_to=_link_to(request))):
        return done(request, f"{invitation.email} is invited once more.", "accounts:members", organization_id)
    sentences = ("The mail has a new link, which works for 7 days. The old link stops.",)
    question = Question(f"Invite {invitation.email} once more", "Send again", _page(organization_id), sentences)
    return ask(request, question, form)


@asks_again(Sensitive.MEMBERS)
def withdraw(request: MemberRequest, organization_id: str, public_id: str) -> HttpResponse:
    """Make the link of an invitation dead."""
    invitation = _invitation(request, public_id)
    form = ConfirmForm(request.POST or None)
    if acts(form, request, lambda: invitation.withdraw(by=request.user)):
        return done(request, f"{invitation.email} is not invited any more.", "accounts:members", organization_id)
    title, sentences = f"Withdraw the invitation of {invitation.email}", ("The link in the mail stops working.",)
    return ask(request, Question(title, "Withdraw", _page(organization_id), sentences, is_danger=True), form)


def _member(request: MemberRequest, public_id: str) -> Membership:
    return get_object_or_404(
        request.organization.memberships.select_related("user", "organization"), public_id=public_id
    )


def _invitation(request: MemberRequest, public_id: str) -> Invitation:
    return get_object_or_404(request.organization.invitations.select_related("organization"), public_id=public_id)


def _link_to(request: MemberRequest) -> LinkTo:
    return lambda token: request.build_absolute_uri(reverse("accounts:join", args=[token]))


def _page(organization_id: str) -> str:
    return reverse("accounts:members", args=[organization_id])
