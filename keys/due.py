"""Ends of keys and of old strings, near or just passed: each is told once, however often and however late this runs."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from keys import notices
from keys.models import ApiKey, KeySecret
from notices import outbox

DAY: Final = dt.timedelta(days=1)
LATE: Final = dt.timedelta(days=3)
"""What ended longer ago is no news, such as when the worker did not run for weeks."""

STEPS: Final = (DAY, 3 * DAY, 14 * DAY)
"""So long before its end a key's managers are told, the nearest first."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something to tell about a key. `once` names it among all of its kind and key."""

    kind: str
    key: ApiKey
    once: str
    details: dict[str, Any]


def tell_due() -> int:
    """Tell everything that is due and was not told; return how many occasions that were."""
    now = timezone.now()
    return tell_once([*_strings(now), *_keys(now)])


def tell_once(occasions: list[Occasion]) -> int:
    """Tell those occasions that nobody was told of yet, each in a transaction of its own; return how many."""
    marks = {outbox.mark(each.kind, each.key.public_id, each.once): each for each in occasions}
    new = [marks[mark] for mark in outbox.untold(marks)]
    for each in new:
        with transaction.atomic():
            notices.tell_managers(each.kind, each.key, once=each.once, **each.details)
    return len(new)


def _strings(now: dt.datetime) -> Iterator[Occasion]:
    """Old strings whose grace ends within a day, unless it was no longer than that from the start, or has just ended."""
    in_grace = KeySecret.objects.filter(retired_at=None, key__deleted_at=None).select_related("key__organization")
    for secret in in_grace.filter(expires_at__gt=now - LATE, expires_at__lte=now + DAY).defer("digest", "sealed"):
        key, ends_at = secret.key, secret.expires_at
        assert ends_at is not None  # noqa: S101  (the query asked for it)
        once = f"{secret.number} {ends_at.isoformat()}"
        if ends_at <= now:
            yield Occasion("grace.ended", key, once, {"ended_at": ends_at.isoformat()})
        elif key.rotated_at is None or ends_at - key.rotated_at > DAY:
            used_at = secret.last_used_at.isoformat() if secret.last_used_at else ""
            yield Occasion("grace.ends_tomorrow", key, once, {"ends_at": ends_at.isoformat(), "last_used_at": used_at})


def _keys(now: dt.datetime) -> Iterator[Occasion]:
    """Keys that expire in 14, 3 or 1 days, or have just expired. A key made for a shorter time skips the longer steps."""
    ending = ApiKey.objects.kept().filter(expires_at__gt=now - LATE, expires_at__lte=now + STEPS[-1])
    for key in ending.select_related("organization"):
        ends_at = key.expires_at
        assert ends_at is not None  # noqa: S101  (the query asked for it)
        if ends_at <= now:
            yield Occasion("key.expired", key, ends_at.isoformat(), {"expired_at": ends_at.isoformat()})
            continue
        step = next(step for step in STEPS if ends_at <= now + step)
        if ends_at - key.created_at > step:
            once = f"{step.days} {ends_at.isoformat()}"
            yield Occasion("key.expires_soon", key, once, {"expires_at": ends_at.isoformat()})
