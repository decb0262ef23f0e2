"""What a person says of themselves."""

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.organization_forms import OwnNameForm
from accounts.requests import PersonRequest
from accounts.views.answers import Question, ask, done
from keys.views.answers import acts


def own_name(request: PersonRequest) -> HttpResponse:
    """Give oneself another name."""
    person = request.user
    form = OwnNameForm(request.POST or None, initial={"name": person.get_full_name()})
    if acts(form, request, lambda: person.rename(name=form.cleaned_data["name"])):
        return done(request, _("Others see you as %(name)s now.") % {"name": person.label}, "security")
    return ask(request, Question(_("Your name"), _("Save"), reverse("security")), form)
