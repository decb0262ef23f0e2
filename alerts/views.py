"""Alerts: the list, one with its history, and what can be done with it."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, pgettext

from accounts.requests import MemberRequest
from accounts.views.answers import Question, ask, done
from alerts import evaluation
from alerts.conditions import CONDITIONS
from alerts.forms import AlertForm
from alerts.models import MOST, Alert
from dashboard import htmx
from keys.forms import ConfirmForm
from keys.views.answers import act, acts

TAB = "analytics"
EVENTS = 30


def alert_list(request: MemberRequest) -> HttpResponse:
    """List the organisation's alerts, or those that concern one key."""
    alerts = request.organization.alerts.select_related("key")
    key = request.organization.keys.kept().filter(public_id=request.GET.get("key", "")).first()
    if key is not None:
        alerts = alerts.filter(key=key) | alerts.filter(key=None)
    return render(request, "alerts/list.html", {"tab": TAB, "alerts": alerts, "key": key, "most": MOST})


def detail(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show an alert: what it measures now, whom it tells, and what became of it."""
    alert = _own(request, public_id)
    now = timezone.now()
    events = alert.events.select_related("delivery")
    context = {
        "tab": TAB,
        "alert": alert,
        "reading": evaluation.measure([alert], now).get(alert.pk),
        "page": Paginator(events, EVENTS).get_page(request.GET.get("page")),
    }
    return render(request, "alerts/detail.html", context)


def create(request: MemberRequest) -> HttpResponse:
    """Choose a condition, then fill in what it asks for."""
    code = request.POST.get("condition") or request.GET.get("condition", "")
    key_id = request.GET.get("key", "")
    if code not in CONDITIONS:
        context = {"tab": TAB, "conditions": CONDITIONS.values(), "key_id": key_id}
        return htmx.render(request, "alerts/choose.html", "dialog", context)
    form = AlertForm(
        request.POST if request.method == "POST" else None,
        organization=request.organization,
        terms=CONDITIONS[code],
        initial={"scope": key_id},
    )
    made: list[Alert] = []

    def verb() -> str:
        made.append(Alert.create(organization=request.organization, by=request.user, wish=form.wish))
        return made[0].public_id

    if request.method == "POST" and form.is_valid() and (public_id := act(form, request, verb)):
        alert = made[0] if made else _own(request, public_id)
        return _saved(request, alert, gettext("The alert “%(alert)s” is set.") % {"alert": alert})
    return _form(request, form, gettext("Set an alert"), reverse("alerts:list"))


def edit(request: MemberRequest, public_id: str) -> HttpResponse:
    """Change everything but the kind of condition."""
    alert = _own(request, public_id)
    data = request.POST if request.method == "POST" else None
    form = AlertForm(data, organization=request.organization, terms=alert.terms, alert=alert)

    def verb() -> str:
        alert.edit(by=request.user, wish=form.wish, version=form.cleaned_data["seen"] or 0)
        return alert.public_id

    if request.method == "POST" and form.is_valid() and act(form, request, verb):
        return _saved(request, alert, gettext("The alert “%(alert)s” is saved.") % {"alert": alert})
    return _form(request, form, gettext("Edit %(alert)s") % {"alert": alert}, _page(alert))


def pause(request: MemberRequest, public_id: str) -> HttpResponse:
    """Stop evaluating an alert for a while."""
    alert, form = _own(request, public_id), ConfirmForm(request.POST or None)
    if acts(form, request, lambda: alert.pause(by=request.user)):
        return done(request, gettext("%(alert)s is paused.") % {"alert": alert}, "alerts:detail", public_id)
    return ask(
        request,
        Question(
            gettext("Pause %(alert)s") % {"alert": alert},
            gettext("Pause"),
            _page(alert),
            (gettext("It tells nobody until it is resumed."),),
        ),
        form,
    )


def resume(request: MemberRequest, public_id: str) -> HttpResponse:
    """Evaluate a paused alert again."""
    alert, form = _own(request, public_id), ConfirmForm(request.POST or None)
    if acts(form, request, lambda: alert.resume(by=request.user)):
        return done(request, gettext("%(alert)s is watched again.") % {"alert": alert}, "alerts:detail", public_id)
    sentences = (gettext("It is held against the usage within a minute, and fires if its condition is met then."),)
    return ask(
        request,
        Question(gettext("Resume %(alert)s") % {"alert": alert}, pgettext("alert", "Resume"), _page(alert), sentences),
        form,
    )


def test(request: MemberRequest, public_id: str) -> HttpResponse:
    """Send what the alert would send, marked as a test."""
    alert, form = _own(request, public_id), ConfirmForm(request.POST or None)
    if acts(form, request, lambda: alert.try_out(by=request.user)):
        return done(request, gettext("The test is on its way. Its fate is in the history."), "alerts:detail", public_id)
    ways = [gettext("A mail goes to you, %(address)s.") % {"address": request.user.email}] if alert.sends_mail else []
    ways += (
        [gettext("A signed webhook goes to %(address)s.") % {"address": alert.webhook_url}] if alert.webhook_url else []
    )
    return ask(
        request,
        Question(gettext("Try %(alert)s out") % {"alert": alert}, gettext("Send test"), _page(alert), tuple(ways)),
        form,
    )


def secret(request: MemberRequest, public_id: str) -> HttpResponse:
    """Make a new signing secret, and show it once."""
    alert, form = _own(request, public_id), ConfirmForm(request.POST or None)
    if acts(form, request, lambda: alert.renew_secret(by=request.user)):
        return _saved(request, alert, gettext("%(alert)s has a new signing secret.") % {"alert": alert})
    sentences = (
        gettext(
            "Webhooks are signed with the new one from now on, also those that are tried again. The old one proves nothing more."
        ),
    )
    question = Question(
        gettext("New signing secret for %(alert)s") % {"alert": alert},
        gettext("Make a new secret"),
        _page(alert),
        sentences,
        is_danger=True,
    )
    return ask(request, question, form)


def delete(request: MemberRequest, public_id: str) -> HttpResponse:
    """Delete an alert with its history."""
    alert, form = _own(request, public_id), ConfirmForm(request.POST or None)
    if acts(form, request, lambda: alert.discard(by=request.user)):
        return done(request, gettext("%(alert)s is deleted.") % {"alert": alert}, "alerts:list")
    sentences = (gettext("Its history goes with it. Webhooks that still wait are not sent."),)
    return ask(
        request,
        Question(
            gettext("Delete %(alert)s") % {"alert": alert}, gettext("Delete"), _page(alert), sentences, is_danger=True
        ),
        form,
    )


def _own(request: MemberRequest, public_id: str) -> Alert:
    alert = get_object_or_404(request.organization.alerts.select_related("key"), public_id=public_id)
    alert.organization = request.organization
    return alert


def _page(alert: Alert) -> str:
    return reverse("alerts:detail", args=[alert.public_id])


def _form(request: MemberRequest, form: AlertForm, title: str, back: str) -> HttpResponse:
    context = {"tab": TAB, "form": form, "terms": form.terms, "title": title, "back": back}
    return htmx.render(request, "alerts/form.html", "dialog", context, status=422 if form.errors else 200)


def _saved(request: MemberRequest, alert: Alert, message: str) -> HttpResponse:
    """Go to the alert's page; a new signing secret is shown in this answer only."""
    if not alert.new_secret:
        return done(request, message, "alerts:detail", alert.public_id)
    context = {"tab": TAB, "alert": alert, "message": message}
    response = htmx.render(request, "alerts/secret.html", "dialog", context)
    response["Cache-Control"] = "no-store, private"
    return response
