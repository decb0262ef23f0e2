"""The audit log in templates."""

import datetime as dt

from django import template

from accounts import activity, stories
from accounts.models import AuditEvent

register = template.Library()


@register.simple_tag(takes_context=True)
def story(context: template.Context, event: AuditEvent) -> stories.Story:
    """An audit event in words, days in the organisation's zone."""
    organization = context.get("organization")
    return stories.tell(event, organization.zone if organization else dt.UTC)


@register.filter
def anchor(event: AuditEvent) -> str:
    """What links lead to an audit event by."""
    return activity.anchor(event)
