"""Find keys of any customer by what people quote. For the provider's own people only: nothing here asks for an organisation."""

import re

from django.db.models import Q

from accounts.models import Organization
from dashboard import public_ids
from keys.models import KeySecret

_DOTS = re.compile(r"…|\.{2,}")
_LETTERS = re.compile(r"[0-9A-Za-z]*\Z")
HEAD_LENGTH, TAIL_LENGTH, SHORTEST = 6, 4, 3


def by_id(text: str) -> Q:
    """Keys with this ID or of the organisation with this ID; case, spaces and confusable letters do not matter."""
    wanted = Q(pk__in=())
    if key_id := public_ids.normalise(text, "key"):
        wanted |= Q(public_id=key_id)
    if organization_id := public_ids.normalise(text, "org"):
        wanted |= Q(organization__public_id=organization_id)
    return wanted


def by_hint(text: str) -> Q:
    """Keys with a string of this hint, whole or its beginning or end, in whatever case it was read out.

    `lkR4tW…9fQ2`, `lkR4tW...9fQ2`, `lkR4tW…`, `…9fQ2`, `lkR4tW` and `9fQ2` find the same key.
    """
    head, dots, tail = text.strip(), "", ""
    if found := _DOTS.search(head):
        head, dots, tail = head[: found.start()].strip(), found.group(), head[found.end() :].strip()
    if not (_LETTERS.match(head) and _LETTERS.match(tail)) or max(len(head), len(tail)) < SHORTEST:
        return Q(pk__in=())
    head, tail = head if not dots else head[:HEAD_LENGTH], tail[-TAIL_LENGTH:]
    begins, ends = Q(hint__istartswith=head), Q(hint__iendswith=tail)
    if dots:
        wanted = (begins if head else Q()) & (ends if tail else Q())
    elif len(head) > HEAD_LENGTH:
        return Q(pk__in=())
    else:
        wanted = begins | (Q(hint__iendswith=head) if len(head) <= TAIL_LENGTH else Q())
    return Q(pk__in=KeySecret.objects.filter(wanted).values("key_id"))


def by_customer(text: str) -> Q:
    """Keys of organisations with this in their name, or with a member of this e-mail address."""
    text = text.strip()
    if len(text) < SHORTEST:
        return Q(pk__in=())
    customers = Q(members__email__icontains=text) if "@" in text else Q(name__icontains=text)
    return Q(organization__in=Organization.objects.filter(customers).values("pk"))


def anything(text: str) -> Q:
    """Keys by ID, hint or customer."""
    return by_id(text) | by_hint(text) | by_customer(text)
