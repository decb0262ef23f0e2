"""Organisations: create, switch, rename, leave, hand over, delete, bring back."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.middleware import SESSION_KEY
from accounts.models import Organization, Sensitive
from accounts.organization_forms import DeleteForm, HandOverForm, NameForm
from accounts.requests import MemberRequest, PersonRequest
from accounts.signin.recent import asks_again
from accounts.views.answers import Question, ask, done
from dashboard import words
from keys.forms import ConfirmForm
from keys.registration import register
from keys.views.answers import acts


def own(request: PersonRequest) -> HttpResponse:
    """List a person's organisations, and the deleted ones that they can bring back."""
    deleted = Organization.objects.to_bring_back(request.user).select_related("deleted_by")
    return render(request, "accounts/own.html", {"tab": "organization", "deleted": deleted})


def create(request: PersonRequest) -> HttpResponse:
    """Make an organisation with its first key and work in it."""
    form = NameForm(request.POST or None)
    here = getattr(request, "organization", None)
    made: list[Organization] = []

    def verb() -> None:
        zone = here.time_zone if here else "UTC"
        made.append(register(request.user, organization=form.cleaned_data["name"], time_zone=zone).organization)

    if acts(form, request, verb):
        for organization in made:
            request.session[SESSION_KEY] = organization.public_id
        said = _("%(organization)s is there, with its first key.") % {"organization": form.cleaned_data["name"]}
        return done(request, said, "keys:list")
    sentences = (_("You will be its owner. It has keys, members and analytics of its own, and the plan Freemium."),)
    question = Question(_("Create an organisation"), _("Create"), reverse("accounts:own"), sentences)
    return ask(request, question, form)


def switch(request: MemberRequest, organization_id: str) -> HttpResponse:
    """Work in another of one's organisations: the address names it, and that is all it takes."""
    return redirect("keys:list")


def settings_page(request: MemberRequest, organization_id: str) -> HttpResponse:
    """Show what the organisation is, and what its people may do with it."""
    is_alone = request.organization.memberships.filter(user__is_active=True).count() == 1
    return render(request, "accounts/settings.html", {"tab": "organization", "is_alone": is_alone})


def rename(request: MemberRequest, organization_id: str) -> HttpResponse:
    """Give the organisation another name."""
    form = NameForm(request.POST or None, initial={"name": request.organization.name})
    if acts(form, request, lambda: request.organization.rename(by=request.user, name=form.cleaned_data["name"])):
        return done(request, _("The organisation is renamed."), "accounts:settings", organization_id)
    return ask(request, Question(_("Rename the organisation"), _("Rename"), _settings(organization_id)), form)


def leave(request: MemberRequest, organization_id: str) -> HttpResponse:
    """End one's own membership."""
    form, organization = ConfirmForm(request.POST or None), request.organization
    if acts(form, request, request.membership.leave):
        return done(request, _("You have left %(organization)s.") % {"organization": organization}, "accounts:own")
    sentences = (
        _("You see its keys and analytics no more, from now on. Its keys go on working."),
        _("Only an invitation brings you back. Invitations that you sent are withdrawn."),
    )
    title = _("Leave %(organization)s") % {"organization": organization}
    return ask(request, Question(title, _("Leave"), _settings(organization_id), sentences, is_danger=True), form)


@asks_again(Sensitive.MEMBERS)
def hand_over(request: MemberRequest, organization_id: str) -> HttpResponse:
    """Make another member the owner; the person becomes an admin."""
    form = HandOverForm(request.POST or None, membership=request.membership)
    if acts(form, request, lambda: request.membership.hand_over(to=form.cleaned_data["member"])):
        new = {"person": form.cleaned_data["member"].user.label}
        said = _("%(person)s is the owner now, and you are an admin.") % new
        return done(request, said, "accounts:members", organization_id)
    sentences = (_("You become an admin, in the same moment. Only the new owner can undo that."),)
    title = _("Hand %(organization)s over") % {"organization": request.organization}
    return ask(request, Question(title, _("Hand over"), _settings(organization_id), sentences), form)


@asks_again(Sensitive.DELETE)
def delete(request: MemberRequest, organization_id: str) -> HttpResponse:
    """Delete the organisation, whose name must be typed."""
    form, organization = DeleteForm(request.POST or None, organization=request.organization), request.organization
    named = {"organization": organization}
    if acts(form, request, lambda: organization.mark_deleted(by=request.user)):
        said = _("%(organization)s is deleted. Its keys are refused within a second.") % named
        return done(request, said, "accounts:own")
    sentences = (
        _refused(organization.keys.kept().count()),
        _("For 30 days an owner can bring it back. Then keys, analytics and members are removed for good."),
        _("To delete it, type its name: %(organization)s") % named,
    )
    title = _("Delete %(organization)s") % named
    return ask(request, Question(title, _("Delete"), _settings(organization_id), sentences, is_danger=True), form)


def restore(request: PersonRequest, organization_id: str) -> HttpResponse:
    """Bring a deleted organisation back; its keys work again."""
    organization = get_object_or_404(Organization.objects.to_bring_back(request.user), public_id=organization_id)
    form = ConfirmForm(request.POST or None)
    if acts(form, request, lambda: organization.restore(by=request.user)):
        request.session[SESSION_KEY] = organization.public_id
        said = _("%(organization)s is back. Its keys work again.") % {"organization": organization}
        return done(request, said, "keys:list")
    sentences = (_("Its members see it again, and its keys work within a second, as they did."),)
    title = _("Bring %(organization)s back") % {"organization": organization}
    return ask(request, Question(title, _("Bring back"), reverse("accounts:own"), sentences), form)


def _refused(keys: int) -> str:
    said = ngettext(
        "Every request with one of its %(number)s keys is refused within a second, and nobody sees it any more.",
        "Every request with one of its %(number)s keys is refused within a second, and nobody sees it any more.",
        keys,
    )
    return said % {"number": words.number(keys)}


def _settings(organization_id: str) -> str:
    return reverse("accounts:settings", args=[organization_id])
