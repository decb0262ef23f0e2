"""How a person likes the dashboard on this device: light or dark, whether single keys do something, and how keys are listed.

Kept in cookies, not in the account: the telephone may be dark and the desk light. The server reads them and writes the page
accordingly, so nothing changes colour while it loads.
"""

from enum import StrEnum

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import pgettext

THEME_COOKIE = "latchkey_theme"
SINGLE_KEYS_COOKIE = "latchkey_single_keys"
LAYOUT_COOKIE = "latchkey_layout"
LASTS = 365 * 24 * 3600


class Theme(StrEnum):
    """Which colours: those that the system wants, or always the same."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"

    @property
    def words(self) -> str:
        """The theme as its button names it."""
        named = {Theme.SYSTEM: pgettext("theme", "System"), Theme.LIGHT: pgettext("theme", "Light")}
        return named.get(self) or pgettext("theme", "Dark")

    @property
    def schemes(self) -> str:
        """What `<meta name="color-scheme">` says, which holds before the stylesheet has come."""
        return "light dark" if self is Theme.SYSTEM else self.value


class Layout(StrEnum):
    """How the list of keys is set: a card for each, or a line of a table."""

    CARDS = "cards"
    TABLE = "table"


THEMES = tuple(each.value for each in Theme)


def theme(request: HttpRequest) -> Theme:
    """Return what was chosen on this device; a cookie that says something else counts as none."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return Theme(chosen) if chosen in THEMES else Theme.SYSTEM


def layout(request: HttpRequest) -> Layout:
    """Return how keys are listed: as the address says, else as was chosen last on this device."""
    chosen = request.GET.get("layout") or request.COOKIES.get(LAYOUT_COOKIE)
    return Layout.TABLE if chosen == Layout.TABLE else Layout.CARDS


def uses_single_keys(request: HttpRequest) -> bool:
    """Whether single keys such as `c` do something; people who dictate or tremble turn them off."""
    return request.COOKIES.get(SINGLE_KEYS_COOKIE) != "off"


def keep_theme(response: HttpResponse, chosen: Theme) -> None:
    """Remember the colours for a year; `system` is what holds without a cookie."""
    _keep(response, THEME_COOKIE, "" if chosen is Theme.SYSTEM else chosen.value)


def keep_layout(response: HttpResponse, chosen: Layout) -> None:
    """Remember for a year how keys are listed; cards are what holds without a cookie."""
    _keep(response, LAYOUT_COOKIE, "" if chosen is Layout.CARDS else chosen.value)


def keep_single_keys(response: HttpResponse, *, on: bool) -> None:
    """Remember for a year whether single keys do something; without a cookie they do."""
    _keep(response, SINGLE_KEYS_COOKIE, "" if on else "off")


def _keep(response: HttpResponse, name: str, value: str) -> None:
    if not value:
        response.delete_cookie(name, samesite="Lax")
        return
    response.set_cookie(
        name, value, max_age=LASTS, samesite="Lax", httponly=True, secure=settings.SESSION_COOKIE_SECURE
    )
