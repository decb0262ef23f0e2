"""Why the gateway decided about a request as it did: its rules in the order in which it asks them."""

from dataclasses import dataclass

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics.models import RequestRecord
from keys.models import ApiKey
from support import lines
from support.lines import HistoryLine, RequestLine

RULES = (
    ("missing_key", _("A key is sent")),
    ("malformed_key", _("Its checksum is right")),
    ("unknown_key", _("It is known")),
    ("deleted_key", _("The key is not deleted")),
    ("expired_key", _("Key and string have not expired")),
    ("disabled_key", _("The key is not disabled")),
    ("suspended", _("The organisation is not suspended")),
    ("no_such_route", _("The path belongs to a product")),
    ("product_not_allowed", _("The product is assigned to the key")),
    ("domain_not_allowed", _("The domain is allowed")),
    ("over_qps", _("The QPS limit is kept")),
)
"""Outcome of the rule, and what it asks; in the order of gateway/verdict.py."""

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Check:
    """One rule and what came of it: `passed`, `refused`, or `unasked` where an earlier rule had decided."""

    rule: str
    state: str


@dataclass(frozen=True, slots=True)
class Trace:
    """A request, how each rule came out, the key it came with, and what has changed about the key since."""

    line: RequestLine
    checks: tuple[Check, ...]
    key: ApiKey | None
    changes: tuple[HistoryLine, ...]


def traces(tracking_id: str) -> tuple[Trace, ...]:
    """Return the requests with this Tracking-ID, the newest first: callers may use one for several."""
    records = list(RequestRecord.objects.filter(tracking_id=tracking_id).order_by("-at")[:SHOWN])
    keys = ApiKey.objects.select_related("organization").in_bulk(
        [row.key_id for row in records if row.key_id is not None]
    )
    told = lines.request_lines(records)
    return tuple(
        Trace(line, _checks(record.outcome), key, _changes_since(key, record) if key else ())
        for record, line in zip(records, told, strict=True)
        for key in [keys.get(record.key_id or 0)]
    )


def _checks(outcome: str) -> tuple[Check, ...]:
    """Say of each rule whether it was passed. An outcome that no rule gives, such as of a gateway that is not ready, has none."""
    if outcome == "ok":
        return tuple(Check(str(words), "passed") for _code, words in RULES)
    codes = [code for code, _words in RULES]
    if outcome not in codes:
        return ()
    place = codes.index(outcome)
    states = ["passed"] * place + ["refused"] + ["unasked"] * (len(RULES) - place - 1)
    return tuple(Check(str(words), state) for (_code, words), state in zip(RULES, states, strict=True))


def _changes_since(key: ApiKey, record: RequestRecord) -> tuple[HistoryLine, ...]:
    about = Q(target_id__in=(key.public_id, key.organization.public_id), at__gt=record.at)
    return lines.history(about & ~Q(verb="key.copied"))
