"""Receipts: since when a change of a key holds in every gateway, as each of them has confirmed."""

import datetime as dt
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.db import connection
from django.urls import reverse

from accounts.models import AuditEvent
from keys.models import ApiKey

LIVE_SECONDS = 60
"""A gateway that has said nothing for so long is gone; one that is merely stopped answers nobody before it has caught up."""

_SQL = """
WITH change AS (
    SELECT number, at FROM gateway_change WHERE key_id = %s ORDER BY number DESC LIMIT 1
), node AS (
    SELECT name, started_at FROM gateway_node
    WHERE ended_at IS NULL AND seen_at > now() - make_interval(secs => %s)
)
SELECT change.at, node.name,
       CASE WHEN node.started_at > change.at THEN change.at  -- it has never known anything else
            ELSE (SELECT min(ack.at) FROM gateway_ack ack WHERE ack.node = node.name AND ack.number >= change.number) END
FROM change LEFT JOIN node ON true ORDER BY node.name
"""


@dataclass(frozen=True, slots=True)
class Receipt:
    """`confirmed_at` is the commit, `everywhere_at` when the last gateway applied it; None while `behind` names some, or none runs."""

    confirmed_at: dt.datetime
    everywhere_at: dt.datetime | None
    behind: tuple[str, ...]
    gateways: int

    @property
    def took_seconds(self) -> float:
        """From the commit to the last gateway, never below 0."""
        return max(0.0, ((self.everywhere_at or self.confirmed_at) - self.confirmed_at).total_seconds())


def latest(key: ApiKey) -> Receipt | None:
    """Return the receipt of a key's last change; None when the change is no longer in the feed (two days)."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [key.pk, LIVE_SECONDS])
        rows = cursor.fetchall()
    if not rows:
        return None
    nodes = {name: at for _, name, at in rows if name is not None}
    behind = tuple(name for name, at in nodes.items() if at is None)
    everywhere_at = None if behind or not nodes else max(nodes.values())
    return Receipt(rows[0][0], everywhere_at, behind, len(nodes))


def shown(key: ApiKey, what: str, address: str = "keys:receipt") -> dict[str, Any]:
    """Return what `keys/_receipt.html` shows. `what` is what was done, `edited` where it is empty; `address` answers when asked again."""
    if what in {"", "edited"} and _took_away(key):
        what = "restricted"
    receipt_url = f"{reverse(address, args=[key.public_id])}?what={quote(what)}"
    return {"key": key, "what": what, "receipt": latest(key), "receipt_url": receipt_url}


def _took_away(key: ApiKey) -> bool:
    """Whether the last edit of a key removed a product or a domain, or made the first list of domains."""
    edit = AuditEvent.objects.filter(target_id=key.public_id, verb="key.edited").order_by("-at").first()
    if edit is None:
        return False
    before, after = edit.before or {}, edit.after or {}
    lost_products = set(before.get("products", ())) - set(after.get("products", ()))
    had, has = set(before.get("domains", ())), set(after.get("domains", ()))
    return bool(lost_products or (has and (not had or had - has)))  # without a list every domain is allowed
