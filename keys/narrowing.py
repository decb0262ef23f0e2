"""After a restore: take from keys and products what was taken from them since, as a gateway remembers it. Nothing is given back."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction

from accounts.models import AuditEvent, Target, User
from keys import domains
from keys.models import ApiKey, Product

NOTHING_IN_COMMON: Final = (
    "Its domains were replaced after the backup that was restored: enter the right ones, then have it enabled."
)


@dataclass(frozen=True, slots=True)
class Known:
    """What a key was allowed: queries per second by the ID of the product, and from which domains (none named: from all)."""

    limits: Mapping[int, int]
    domains: Sequence[str]
    is_disabled: bool


def narrow_key(key: ApiKey, known: Known, *, expires_at: dt.datetime | None, by: User) -> list[str]:
    """Take products, limits and domains that were taken, and set an earlier end. Return what was done; none where all is so already.

    Of two lists of domains stays what both let pass; a key is disabled where that is nothing, as an empty list would let
    everything pass. Expects `key_products__product` to be loaded.
    """
    assigned = list(key.key_products.all())
    lost = [each for each in assigned if each.product_id not in known.limits]
    kept = [each for each in assigned if each.product_id in known.limits]
    lower = [each for each in kept if known.limits[each.product_id] < each.limit]
    allowed = domains.common(key.allowed_domains, known.domains)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    done: list[str] = []
    if lost:
        before["products"], after["products"] = _names(assigned), _names(kept)
        done.append(f"without {', '.join(_names(lost))}")
    if lower:
        before["limits"] = [f"{each.product.name}: {each.limit}" for each in lower]
        after["limits"] = [f"{each.product.name}: {known.limits[each.product_id]}" for each in lower]
        done += [f"{each.product.name} {known.limits[each.product_id]} QPS instead of {each.limit}" for each in lower]
    if allowed is not None and allowed != key.allowed_domains:
        before["domains"], after["domains"] = list(key.allowed_domains), allowed
        done.append(f"only from {', '.join(allowed)}")
    if expires_at is not None and (key.expires_at is None or key.expires_at > expires_at):
        before["expiry"] = key.expires_at.isoformat() if key.expires_at else None
        after["expiry"] = expires_at.isoformat()
        done.append(f"ends {expires_at:%Y-%m-%d %H:%M} UTC")
    with transaction.atomic():
        if done:
            for each in lower:
                each.qps_limit = known.limits[each.product_id]
                each.save(update_fields=["qps_limit"])
            _write(key.lock(), lost, allowed, expires_at if "expiry" in after else None, by)
            AuditEvent.record(
                "key.edited",
                organization=key.organization,
                actor=by,
                target=key,
                before=before,
                after=after,
                as_staff=True,
            )
        if allowed is None and key.disabled_at is None:
            key.disable(by=by, as_staff=True, reason=NOTHING_IN_COMMON)
            done.append("disabled: no domain of the backup is still allowed")
    return done


def _write(
    key: ApiKey, lost: Sequence[Any], allowed: list[str] | None, expires_at: dt.datetime | None, by: User
) -> None:
    gone = [each.product_id for each in lost]
    key.key_products.filter(product__in=gone).delete()
    key.qps_requests.pending().filter(product__in=gone).withdraw_all(by=by, as_staff=True)
    if allowed is not None:
        key.allowed_domains = allowed
    key.expires_at = expires_at or key.expires_at
    key.version += 1
    key.save(update_fields=["allowed_domains", "expires_at", "version"])


def not_given_back(key: ApiKey, known: Known, names: Mapping[int, str]) -> list[str]:
    """Return what the key was allowed last of all and is not now, as it was in the backup. Expects the key as it was loaded."""
    here = {each.product_id: each for each in key.key_products.all()}
    more = [names[product] for product in known.limits if product not in here and product in names]
    raised = [
        f"{each.product.name} {known.limits[product]} QPS instead of {each.limit}"
        for product, each in here.items()
        if known.limits.get(product, 0) > each.limit
    ]
    wider = [
        entry for entry in known.domains if key.allowed_domains and not domains.is_within(entry, key.allowed_domains)
    ]
    found = [", ".join(more)] if more else []
    found += raised + ([f"from {', '.join(wider)}"] if wider else [])
    if key.allowed_domains and not known.domains:
        found.append("from all domains")
    return found + (["enabled"] if key.disabled_at is not None and not known.is_disabled else [])


def narrow_product(product: Product, *, default_qps: int, retired_at: dt.datetime | None, by: User) -> list[str]:
    """Lower the default limit and retire, where either was done since. Return what was done."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    if default_qps < product.default_qps:
        before["default_qps"], after["default_qps"] = product.default_qps, default_qps
        product.default_qps = default_qps
    if retired_at is not None and (product.retired_at is None or retired_at < product.retired_at):
        before["retired_at"] = product.retired_at and product.retired_at.isoformat()
        after["retired_at"] = retired_at.isoformat()
        product.retired_at = retired_at
    if not after:
        return []
    with transaction.atomic():
        product.save(update_fields=list(after))
        target = Target(product.code[:24], product.name)
        AuditEvent.record(
            "product.edited", organization=None, actor=by, target=target, before=before, after=after, as_staff=True
        )
    return [f"{name} {value}" for name, value in after.items()]


def _names(assigned: Iterable[Any]) -> list[str]:
    return [each.product.name for each in assigned]
