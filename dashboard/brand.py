"""The provider's own name, colour and logo, from the settings; read and checked at start."""

import hashlib
from email.utils import formataddr, parseaddr
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.text import slugify

KEEP = "public, max-age=31536000, immutable"
TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp"}


class BrandError(ValueError):
    """A logo that cannot be shown."""


def read_logo(path: str) -> bytes:
    """Return the logo's content, nothing where there is none. Raises BrandError."""
    if not path:
        return b""
    if Path(path).suffix.lower() not in TYPES:
        raise BrandError(f"{path} is none of {', '.join(TYPES)}.")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise BrandError(f"{path} cannot be read: {error.strerror}.") from error


def sender(address: str, name: str) -> str:
    """Return an address of mails with the provider's name before it, unless it has a name of its own."""
    return address if parseaddr(address)[0] else formataddr((name, address))


def file_prefix() -> str:
    """Return how names of files begin that customers save: the provider's name in small letters and hyphens."""
    return slugify(settings.BRAND_NAME) or "export"


def style_url() -> str:
    """Return the address of the stylesheet with the provider's colour; empty without one. It changes with the colour."""
    return f"{reverse('brand_style')}?{settings.BRAND_COLOUR.strip('#').lower()}" if settings.BRAND_SHADES else ""


def logo_url() -> str:
    """Return the address of the provider's logo; empty without one. It changes with the file."""
    if not settings.BRAND_LOGO_CONTENT:
        return ""
    return f"{reverse('brand_logo')}?{hashlib.sha256(settings.BRAND_LOGO_CONTENT).hexdigest()[:12]}"


def style(request: HttpRequest) -> HttpResponse:
    """Send the provider's colour as the palette that the tokens of the accent are made of."""
    if not settings.BRAND_SHADES:
        raise Http404
    shades = "".join(f"  --brand-{step}: {shade};\n" for step, shade in settings.BRAND_SHADES.items())
    return HttpResponse(f":root {{\n{shades}}}\n", content_type="text/css", headers={"Cache-Control": KEEP})


def logo(request: HttpRequest) -> HttpResponse:
    """Send the provider's logo."""
    if not settings.BRAND_LOGO_CONTENT:
        raise Http404
    kind = TYPES[Path(settings.BRAND_LOGO).suffix.lower()]
    return HttpResponse(settings.BRAND_LOGO_CONTENT, content_type=kind, headers={"Cache-Control": KEEP})
