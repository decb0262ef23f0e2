"""Find keys of any customer by what people quote. For the provider's own people only: nothing here asks for an organisation.

Each way of quoting has an index, and `candidates` stops at so many keys: a look-up takes as long among a million keys as among ten.
"""

import re
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower, Reverse

from accounts.models import Organization
from dashboard import public_ids
from keys import domains
from keys.models import ApiKey, KeySecret

_DOTS = re.compile(r"…|\.{2,}")
_LETTERS = re.compile(r"[0-9A-Za-z]*\Z")
HEAD_LENGTH, TAIL_LENGTH, SHORTEST = 6, 4, 3


# For the support desk -------------------------------------------------------------------------------------------------
def candidates(text: str, most: int) -> list[int]:
    """Return the primary keys of at most `most` keys for each way of reading the text: hint, domain, beginning of a name."""
    sources = [*_hints(text), *_domains(text), *_names(text)]
    if not sources:
        return []
    found = [each.order_by()[:most] for each in sources]
    return list(dict.fromkeys(row[0] for row in found[0].union(*found[1:], all=True)))


def _hints(text: str) -> "list[QuerySet[Any]]":
    begins, ends = split_hint(text)
    with_begin = KeySecret.objects.alias(low=Lower("hint")).filter(low__startswith=begins.lower())
    turned = Reverse(Lower("hint"))
    if begins and ends:
        return [with_begin.alias(turned=turned).filter(turned__startswith=ends.lower()[::-1]).values_list("key_id")]
    with_end = KeySecret.objects.alias(turned=turned).filter(turned__startswith=(ends or begins).lower()[::-1])
    either = with_begin.values_list("key_id"), with_end.values_list("key_id")
    if not (begins or ends):
        return []
    if _DOTS.search(text):
        return [either[0] if begins else either[1]]
    return list(either) if len(begins) <= TAIL_LENGTH else [either[0]]


def _domains(text: str) -> "list[QuerySet[Any]]":
    host = read_domain(text)
    if host is None:
        return []
    labels = host.removeprefix("*.").split(".")
    above = [f"*.{'.'.join(labels[number:])}" for number in range(0 if host.startswith("*.") else 1, len(labels) - 1)]
    return [ApiKey.objects.filter(allowed_domains__overlap=[host, *above]).values_list("pk")]


def _names(text: str) -> "list[QuerySet[Any]]":
    text = text.strip().lower()
    if len(text) < SHORTEST:
        return []
    return [ApiKey.objects.alias(low=Lower("name")).filter(low__startswith=text).values_list("pk")]


def split_hint(text: str) -> tuple[str, str]:
    """Return beginning and end of a hint, no longer than a hint shows of them: two empty texts where it is none.

    `lkR4tW…9fQ2`, `lkR4tW...9fQ2`, `lkR4tW…`, `…9fQ2`, `lkR4tW` and `9fQ2` mean the same string; without dots one part
    stands at the first place, whichever it is.
    """
    head, tail = text.strip(), ""
    found = _DOTS.search(head)
    if found:
        head, tail = head[: found.start()].strip(), head[found.end() :].strip()
    if not (_LETTERS.match(head) and _LETTERS.match(tail)) or max(len(head), len(tail)) < SHORTEST:
        return "", ""
    if not found and len(head) > HEAD_LENGTH:
        return "", ""
    return head[:HEAD_LENGTH], tail[-TAIL_LENGTH:]


def read_domain(text: str) -> str | None:
    """Return the domain that a text is, also as the beginning of an address of a page; None when it is none."""
    host = re.sub(r"\A[a-z]+://", "", text.strip(), flags=re.IGNORECASE)
    host = re.split(r"[/?#]", host, maxsplit=1)[0]
    host = re.sub(r":\d+\Z", "", host)
    try:
        return domains.read(host)
    except domains.DomainError:
        return None


# For the admin's searches ---------------------------------------------------------------------------------------------
def by_id(text: str) -> Q:
    """Keys with this ID or of the organisation with this ID; case, spaces and confusable letters do not matter."""
    wanted = Q(pk__in=())
    if key_id := public_ids.normalise(text, "key"):
        wanted |= Q(public_id=key_id)
    if organization_id := public_ids.normalise(text, "org"):
        wanted |= Q(organization__public_id=organization_id)
    return wanted


def by_hint(text: str) -> Q:
    """Keys with a string of this hint, whole or its beginning or end, in whatever case it was read out."""
    wanted = Q(pk__in=())
    for keys in _hints(text):
        wanted |= Q(pk__in=keys.order_by())
    return wanted


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
