"""What every template knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Addresses of the provider, and the person's place in an organisation."""
    return {
        "gateway_url": settings.GATEWAY_URL,
        "support_email": settings.SUPPORT_EMAIL,
        "is_development": settings.DEVELOPMENT,
        "membership": getattr(request, "membership", None),
        "memberships": getattr(request, "memberships", ()),
        "organization": getattr(request, "organization", None),
    }
