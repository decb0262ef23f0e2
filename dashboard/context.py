"""What every template knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.models import User
from dashboard import languages, preferences
from dashboard.statements import Statement
from notices.models import Notice


def _unread(*, is_staff: bool) -> Statement:
    return Statement(
        lambda pk: Notice.objects.visible_to(User(pk=pk, is_staff=is_staff)).unread().order_by().values_list("pk"),
        around="SELECT count(*) FROM (%s) AS unread",
    )


_UNREAD = {is_staff: _unread(is_staff=is_staff) for is_staff in (False, True)}


def site(request: HttpRequest) -> dict[str, Any]:
    """Addresses of the provider, how the person likes the page, and their place in an organisation."""
    person = getattr(request, "user", None)  # a request that is refused early has none
    return {
        "gateway_url": settings.GATEWAY_URL,
        "support_email": settings.SUPPORT_EMAIL,
        "is_development": settings.DEVELOPMENT,
        "theme": preferences.theme(request),
        "themes": tuple(preferences.Theme),
        "language": lambda: languages.chosen_by(request),
        "languages": languages.LANGUAGES,
        "uses_single_keys": preferences.uses_single_keys(request),
        "command_key": "⌘" if "Mac OS" in request.headers.get("User-Agent", "") else "Ctrl",
        "membership": getattr(request, "membership", None),
        "memberships": getattr(request, "memberships", ()),
        "organization": getattr(request, "organization", None),
        "visit": getattr(request, "visit", None),
        "unread_notices": lambda: (
            _UNREAD[person.is_staff].rows(person.pk)[0][0] if person and person.is_authenticated else 0
        ),
    }
