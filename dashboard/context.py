"""What every template knows."""

from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from dashboard import form_token, languages, preferences, shell


def site(request: HttpRequest) -> dict[str, Any]:
    """Addresses of the provider, how the person likes the page, and their place in an organisation."""
    return {
        "csrf_token": SimpleLazyObject(partial(form_token.of, request)),
        "gateway_url": settings.GATEWAY_URL,
        "support_email": settings.SUPPORT_EMAIL,
        "is_development": settings.DEVELOPMENT,
        "theme": preferences.theme(request),
        "themes": tuple(preferences.Theme),
        "language": lambda: languages.chosen_by(request),
        "languages": tuple(languages.LANGUAGES.items()),
        "uses_single_keys": preferences.uses_single_keys(request),
        "command_key": shell.command_key(request),
        "membership": getattr(request, "membership", None),
        "memberships": getattr(request, "memberships", ()),
        "organization": getattr(request, "organization", None),
        "visit": getattr(request, "visit", None),
    }
