"""A notice in words: the same for the page and for mails."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from dashboard.words import number
from notices.kinds import Audience, Kind, Words
from notices.models import Notice
from notices.sayings import say


@dataclass(frozen=True, slots=True)
class Telling:
    """What a notice says. `url` leads to the notice, or for invitations and the like to where the mail's link does."""

    title: str
    paragraphs: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    url: str


def tell(notice: Notice) -> Telling:
    """Return a notice as a person reads it. Text that comes from people stays text: whoever shows it escapes it."""
    kind, values = notice.kind_of, _values(notice)
    facts = [(str(label), _fill(text, values)) for label, text in kind.facts]
    if notice.organization:
        facts.append((_("Organisation"), notice.organization.name))
    return Telling(
        title=title(notice, values),
        paragraphs=tuple(text for part in kind.paragraphs if (text := _fill(part, values))),
        facts=tuple((label, text) for label, text in facts if text),
        url=notice.link or settings.DASHBOARD_URL + reverse("notices:notice", args=[notice.public_id]),
    )


def tell_of_hidden(notices: Sequence[Notice]) -> list[Telling]:
    """Tell of notices of which their reader may see only that they are there: once for each customer, and once for the desk."""
    counted = Counter(
        notice.organization.name if notice.organization and notice.kind_of.audience is Audience.MEMBERS else ""
        for notice in notices
    )
    return [_hidden(organization, number) for organization, number in counted.items()]


def _hidden(organization: str, number: int) -> Telling:
    values = {"organization": organization, "number": number}
    if organization:
        said = ngettext("A notice about %(organization)s", "%(number)d notices about %(organization)s", number)
        why = _("%(organization)s asks its members for a second factor, and you have none yet.")
    else:
        said = ngettext("A notice for the support desk", "%(number)d notices for the support desk", number)
        why = _("Staff sign in with a second factor, and you have none yet.")
    return Telling(
        title=said % values,
        paragraphs=(why % values, _("As soon as you have one, you read under Notices what this is about.")),
        facts=(),
        url=settings.DASHBOARD_URL + reverse("second_factor_required"),
    )


def title(notice: Notice, values: dict[str, Any] | None = None) -> str:
    """Return its title in one line: it becomes the subject of a mail."""
    return " ".join(_fill(notice.kind_of.title, values or _values(notice), whole=True).split())


def target(kind: Kind, about: str) -> str:
    """Return the address of what a notice is about, empty where there is none."""
    return reverse(kind.page, args=[about]) if kind.page and about else ""


def _values(notice: Notice) -> dict[str, Any]:
    zone = notice.organization.zone if notice.organization else ZoneInfo("UTC")
    values = {
        "organization": notice.organization.name if notice.organization else "",
        "about": notice.about,
        "brand": settings.BRAND_NAME,
        "support_email": settings.SUPPORT_EMAIL,
        **{name: say(name, value) for name, value in notice.context.items()},
    }
    for name, value in values.items():
        if name.endswith("_at") and value:
            moment = timezone.localtime(dt.datetime.fromisoformat(value), zone)
            values[name] = date_format(moment, pgettext("date format", "j F Y, H:i e"))
        elif isinstance(value, int):
            values[name] = Count(value)
    return values


class Count(int):
    """A number that texts show with its thousands parted as the reader's language has it: `{requests:,}`."""

    def __format__(self, wanted: str) -> str:
        """Return it in the wanted form."""
        return number(int(self)) if wanted == "," else super().__format__(wanted)


def _fill(text: Words, values: dict[str, Any], *, whole: bool = False) -> str:
    """Put values into a text; empty when one of them is missing, unless the text is needed as a whole."""
    text = str(text)
    names = [name for _before, name, _form, _conversion in Formatter().parse(text) if name]
    missing = [name for name in names if values.get(name) in (None, "")]
    if missing and not whole:
        return ""
    return text.format_map({**values, **dict.fromkeys(missing, "")})
