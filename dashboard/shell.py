"""The masthead of every page, filled in (dashboard/stamps.py): what its tags look at, and the texts.

They look at no more of a person than what is there for them to see, and at no more of an organisation than that there is one.
"""

from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from django.utils.safestring import SafeString

from accounts.models import Membership, User
from dashboard import form_token, languages, preferences, words
from dashboard.stamps import Stamps
from dashboard.statements import Statement
from notices.models import Notice

UNREAD_SHOWN_MAX: Final = 99


def _unread(*, is_staff: bool) -> Statement:
    return Statement(
        lambda pk: Notice.objects.visible_to(User(pk=pk, is_staff=is_staff)).unread().order_by().values_list("pk"),
        around="SELECT count(*) FROM (%s) AS unread",
    )


_UNREAD = {is_staff: _unread(is_staff=is_staff) for is_staff in (False, True)}


def command_key(request: Any) -> str:
    """Return how the reader's keyboard names the key that opens the palette."""
    return "⌘" if "Mac OS" in request.headers.get("User-Agent", "") else "Ctrl"


def masthead(request: Any, tab: str = "") -> SafeString:
    """Return what stands above a page. A request that was refused early has no person, and so no organisation."""
    person: Any = getattr(request, "user", None)
    organization, may = getattr(request, "organization", None), getattr(request, "may", None)
    stamps = Stamps(languages.current())
    about = {
        "tab": tab,
        "is_development": settings.DEVELOPMENT,
        "is_signed_in": bool(person and person.is_authenticated),
        "has_organization": organization is not None,
        "sees_support": bool(may and may("support:search")),
        "sees_admin": bool(may and may("admin:index")),
        "theme": preferences.theme(request),
        "themes": tuple(preferences.Theme),
        "language": languages.chosen_by(request),
        "languages": tuple(languages.LANGUAGES.items()),
    }
    texts = {"csrf_token": form_token.of(request), "command_key": command_key(request)}
    if organization is not None:
        texts |= {
            "organization_name": organization.name,
            "organization_id": organization.public_id,
            "plan": organization.get_plan_display(),
            "choices": _choices(request.memberships, organization, texts["csrf_token"], stamps),
        }
    if about["is_signed_in"]:
        unread = _UNREAD[person.is_staff].rows(person.pk)[0][0]
        membership = getattr(request, "membership", None)
        about["has_unread"] = bool(unread)
        texts |= {
            "unread": str(unread),
            "unread_shown": str(unread) if unread <= UNREAD_SHOWN_MAX else f"{UNREAD_SHOWN_MAX}+",
            "initials": person.initials,
            "email": person.email,
            "role": f", {words.inside(membership.get_role_display())}" if membership else "",
        }
    return stamps.fill("components/_masthead.html", about, texts)


def _choices(memberships: Sequence[Membership], organization: Any, csrf_token: str, stamps: Stamps) -> SafeString:
    """Return the organisations of a person as a list to choose from."""
    choices = (
        stamps.fill(
            "components/_choice.html",
            {"is_chosen": there == organization},
            {
                "csrf_token": csrf_token,
                "organization_name": there.name,
                "organization_id": there.public_id,
                "plan": there.get_plan_display(),
            },
        )
        for there in (each.organization for each in memberships)
    )
    return SafeString("".join(choices))
