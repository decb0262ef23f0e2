"""What the pages of sign-in use."""

import json
from typing import Any

from django import template
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.signin import devices, single_sign_on

register = template.Library()


@register.filter
def as_json(value: Any) -> str:
    """A value as JSON, for an attribute that a script reads; the template escapes it."""
    return json.dumps(value, cls=DjangoJSONEncoder)


@register.filter
def device(user_agent: str) -> str:
    """What a browser says of itself, in words."""
    return devices.said(devices.in_words(user_agent))


@register.simple_tag
def passkey_words() -> SafeString:
    """Attributes of a form with what the script of passkeys says when one cannot be made or used."""
    words = {
        "cancelled": _("That was cancelled, or it took too long. Try again."),
        "exists": _("This device has a passkey for your account already."),
        "address": _("Passkeys do not work at this address."),
        "failed": _("The passkey could not be used. Reload the page, then try again."),
    }
    return format_html_join("", ' data-{}="{}"', words.items())


@register.simple_tag
def single_sign_on_name() -> str:
    """The name of the single sign-on; empty where there is none."""
    return single_sign_on.provider_name()
