"""What scripts say, in the reader's language: the shell of a page carries it in attributes, from where scripts read it."""

from typing import Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from dashboard import words

WORDS: Final = {
    "network": _("The network is away. Nothing was lost; try again."),
    "status-401": _("You are signed out. Copy what you have typed, then reload the page to sign in."),
    "status-403": _("You may not do this. If the page was open for long, reload it."),
    "status-404": _("This is no longer there. Reload the page."),
    "status-429": _("Too many attempts. Wait a minute, then try again."),
    "status-503": _("The dashboard is busy or under maintenance. Nothing was lost; try again in a moment."),
    "status": _("That did not work (%s). Try again."),
    "key-copied": _("Key copied. Keep it secret."),
    "id-copied": _("ID copied."),
    "request-copied": _("Request copied with your key."),
    "not-copied": _("The key was not copied. Reload the page."),
    "clipboard": _("The clipboard refused. Try again."),
    "asking": _("Asking the gateway…"),
    "answered": _("The answer: one map tile with the whole world."),
    "refused": _("The gateway answered %s."),
    "seconds-ago": words.AGO[0][0],
    "minutes-ago": words.AGO[1][0],
    "hours-ago": words.AGO[2][0],
}
"""By the name of the attribute; %s stands for what the script fills in."""


def attributes() -> dict[str, str]:
    """Return the names of the attributes, without `data-`, and what they say."""
    days = {
        "day": ngettext("%(count)s day", "%(count)s days", 1),
        "days": ngettext("%(count)s day", "%(count)s days", 2),
    }
    return {name: str(text) for name, text in WORDS.items()} | {
        name: text % {"count": "%s"} for name, text in days.items()
    }
