"""One field for whatever people quote: what it can be, and what it finds among people, customers, keys and requests."""

import re
from dataclasses import dataclass

from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from accounts.models import Organization, User
from accounts.models.user import LOWER_NAME
from analytics.models import RequestRecord
from dashboard import public_ids
from keys import lookup
from keys.models import ApiKey, QpsRequest
from support import lines
from support.lines import KeyLine, OrganizationLine, PersonLine, RequestLine

SHOWN = 50
SHORTEST = 2
_TRACKING_ID = re.compile(r"[a-zA-Z0-9-]{1,100}\Z")
_HAS_PREFIX = re.compile(r"\s*(key|org|req)[_\s-]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, and as `kind` what the text was taken for. `term` is what the audit log keeps of it, never a key."""

    kind: str
    term: str = ""
    people: tuple[PersonLine, ...] = ()
    organizations: tuple[OrganizationLine, ...] = ()
    keys: tuple[KeyLine, ...] = ()
    requests: tuple[RequestLine, ...] = ()
    wish: str = ""
    is_cut: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """How many of each."""
        return {
            "people": len(self.people),
            "organizations": len(self.organizations),
            "keys": len(self.keys),
            "requests": len(self.requests),
        }

    @property
    def total(self) -> int:
        """How many in all."""
        return sum(self.counts.values()) + bool(self.wish)

    @property
    def only(self) -> tuple[str, str] | None:
        """The page of the one thing that was found: the name of its address and its ID. Requests are told as requests."""
        if self.wish:
            return "support:qps_request", self.wish
        if (
            self.requests
            and len({line.tracking_id for line in self.requests}) == 1
            and self.total == len(self.requests)
        ):
            return "support:request", self.requests[0].tracking_id
        if self.total != 1:
            return None
        if self.people:
            return "support:person", self.people[0].public_id
        if self.organizations:
            return "support:organization", self.organizations[0].public_id
        return "support:key", self.keys[0].public_id

    @property
    def organization_ids(self) -> set[int]:
        """The customers that the findings belong to."""
        of_requests = {line.key.organization_id for line in self.requests if line.key}
        of_people = {member.organization_id for line in self.people for member in line.memberships}
        return (
            of_requests | of_people | {line.organization_id for line in self.keys} | {o.pk for o in self.organizations}
        )


def search(text: str) -> Found:
    """Find whatever the text can mean. At most ten queries, each through an index."""
    text = text.strip()
    if (found := _by_id(text)) and (found.total or _HAS_PREFIX.match(text)):
        return found
    if "@" in text:
        return _shown(_("an e-mail address"), text, people=_people_by_address(text))
    begins, ends = lookup.split_hint(text)
    if "…" in text or ".." in text:
        return _shown(_("a hint"), f"{begins}…{ends}", keys=_keys(text))
    records = RequestRecord.objects.none()
    if _TRACKING_ID.match(text):
        records = RequestRecord.objects.filter(tracking_id=text).order_by("-at")[:SHOWN]
    return _shown(
        _("a domain or a name") if lookup.read_domain(text) else _("a name, a hint or a Tracking-ID"),
        text,
        people=_people(text),
        organizations=_organizations(text),
        keys=_keys(text),
        requests=lines.request_lines(records),
    )


def _shown(
    kind: str,
    term: str,
    *,
    people: tuple[PersonLine, ...] = (),
    organizations: tuple[OrganizationLine, ...] = (),
    keys: tuple[KeyLine, ...] = (),
    requests: tuple[RequestLine, ...] = (),
) -> Found:
    is_cut = max(len(people), len(organizations), len(keys)) > SHOWN
    found = Found(kind, term, people[:SHOWN], organizations[:SHOWN], keys[:SHOWN], requests, is_cut=is_cut)
    return found if found.total else Found(kind)


def _by_id(text: str) -> Found | None:
    """Read the text as an ID, with or without its prefix; None when it is none."""
    keys: tuple[KeyLine, ...] = ()
    organizations: tuple[OrganizationLine, ...] = ()
    wish, term = "", ""
    if key_id := public_ids.normalise(text, "key"):
        keys, term = lines.key_lines(ApiKey.objects.filter(public_id=key_id)), key_id
    if org_id := public_ids.normalise(text, "org"):
        organizations = lines.organization_lines(Organization.objects.filter(public_id=org_id))
        term = term if keys else org_id
    if wish_id := public_ids.normalise(text, "req"):
        wish = wish_id if QpsRequest.objects.filter(public_id=wish_id).exists() else ""
        term = wish or term
    if not term:
        return None
    return Found(_("an ID"), term if keys or organizations or wish else "", (), organizations, keys, (), wish)


def _people_by_address(text: str) -> tuple[PersonLine, ...]:
    """People whose address begins so; the one whose address it is, where there is one."""
    low = text.lower()
    people = User.objects.alias(low=Lower("email"))
    return lines.person_lines(_first(people.filter(low=low))) or lines.person_lines(
        _first(people.filter(low__startswith=low))
    )


def _people(text: str) -> tuple[PersonLine, ...]:
    low = text.lower()
    if len(low) < SHORTEST:
        return ()
    by_address = User.objects.alias(low=Lower("email")).filter(low__startswith=low)
    by_name = User.objects.alias(low=LOWER_NAME).filter(low__startswith=low)
    by_last_name = User.objects.alias(low=Lower("last_name")).filter(low__startswith=low)
    parts = [each.order_by().values_list("pk")[: SHOWN + 1] for each in (by_address, by_name, by_last_name)]
    return lines.person_lines(User.objects.filter(pk__in={row[0] for row in parts[0].union(*parts[1:])}))


def _organizations(text: str) -> tuple[OrganizationLine, ...]:
    if len(text) < SHORTEST:
        return ()
    found = Organization.objects.alias(low=Lower("name")).filter(low__startswith=text.lower())
    wanted = list(found.order_by().values_list("pk", flat=True)[: SHOWN + 1])
    return lines.organization_lines(Organization.objects.filter(pk__in=wanted))


def _keys(text: str) -> tuple[KeyLine, ...]:
    wanted = lookup.candidates(text, SHOWN + 1)
    return lines.key_lines(ApiKey.objects.filter(pk__in=wanted)) if wanted else ()


def _first(people: QuerySet[User]) -> QuerySet[User]:
    return User.objects.filter(pk__in=list(people.order_by().values_list("pk", flat=True)[: SHOWN + 1]))
