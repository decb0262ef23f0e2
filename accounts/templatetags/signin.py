"""What the pages of sign-in use."""

import json
from typing import Any

from django import template
from django.core.serializers.json import DjangoJSONEncoder

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
def single_sign_on_name() -> str:
    """The name of the single sign-on; empty where there is none."""
    return single_sign_on.provider_name()
