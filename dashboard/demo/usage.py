"""Believable usage for the demo's keys: days and weekends, an incident, QPS breaches, keys that fell silent.

The numbers are random but repeatable: each is drawn from the key's name and the hour.
"""

import datetime as dt
import math
import random
from collections.abc import Iterator
from dataclasses import replace

from django.db import connection
from django.utils import timezone

import gateway.usage as gateway_usage
from analytics.models import RequestRecord, UsageHour
from dashboard.demo.cast import CUSTOMERS, CustomerSpec, KeySpec
from keys.models import ApiKey, KeySecret, Product

DAYS = 90
FINE_DAYS = 2
FINEST_HOURS = 3
HOUR, TEN_MINUTES = dt.timedelta(hours=1), dt.timedelta(minutes=10)
SILENT_AFTER = {"unused since": dt.timedelta(days=14)}
PROFILE = (1, 1, 1, 1, 1, 2, 4, 8, 12, 13, 12, 11, 10, 11, 12, 12, 11, 9, 7, 5, 4, 3, 2, 1)
"""How the requests of a day spread over its hours, local time."""

NETWORKS = ("203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24")
CLIENTS = ("okhttp", "node", "python-requests", "Chrome", "Firefox", "Safari")


def fill(customers: tuple[CustomerSpec, ...] = CUSTOMERS) -> int:
    """Add usage from where it ends (at most 90 days ago) until now. Returns the number of requests added."""
    now = timezone.now().replace(second=0, microsecond=0)
    last = UsageHour.objects.order_by("-hour").values_list("hour", flat=True).first()
    start = (now - dt.timedelta(days=DAYS)).replace(minute=0)
    if last is not None:
        start = max(start, (last + HOUR).replace(minute=0))
    if start >= now:
        return 0
    products = dict(Product.objects.values_list("code", "pk"))
    specs = {(customer.name, spec.name): spec for customer in customers for spec in customer.keys}
    keys = ApiKey.objects.select_related("organization").prefetch_related("secrets", "key_products__product")
    deltas, requests = [], 0
    for key in keys:
        if spec := specs.get((key.organization.name, key.name)):
            mine = list(_deltas(key, spec, products, start, now))
            requests += sum(delta.requests for delta in mine)
            deltas += mine
            _mark_used(key, mine)
    connection.ensure_connection()
    with connection.connection.transaction():
        gateway_usage.add(connection.connection, deltas)
    RequestRecord.objects.bulk_create(_records(deltas, now))
    return requests


def _deltas(
    key: ApiKey, spec: KeySpec, products: dict[str, int], start: dt.datetime, end: dt.datetime
) -> Iterator[gateway_usage.Delta]:
    limits = {each.product.code: each.limit for each in key.key_products.all()}
    secrets = sorted(key.secrets.all(), key=lambda secret: secret.number)
    moment = max(start, key.created_at.replace(minute=0, second=0, microsecond=0) + HOUR)
    while moment < end:
        step = TEN_MINUTES if moment > end - dt.timedelta(days=FINE_DAYS) else HOUR
        if moment > end - FINEST_HOURS * HOUR:
            step = dt.timedelta(minutes=1)
        if _is_silent(spec, moment, end):
            moment += step
            continue
        local = moment.astimezone(key.organization.zone)
        share = PROFILE[local.hour] / sum(PROFILE) * (step / HOUR) * (spec.weekends if local.weekday() > 4 else 1.0)
        for code, daily in spec.daily.items():
            dice = random.Random(f"{spec.name} {code} {moment.isoformat()}")  # noqa: S311  (repeatable, no secret)
            expected = daily * share * dice.uniform(0.75, 1.3)
            count = math.floor(expected) + (dice.random() < expected % 1)
            if _dead_outcome(key, moment) and dice.random() > step / TEN_MINUTES:
                count = 0  # at least one in ten minutes goes on
            if count:
                number = _secret_number(secrets, moment, dice)
                limit = limits.get(code, 5)
                made = _delta(key, spec, code, products[code], moment, step, count, limit, number, dice, end)
                yield from _spread(made, step)
        moment += step


def _delta(
    key: ApiKey, spec: KeySpec, code: str, product_id: int, moment: dt.datetime, step: dt.timedelta,
    count: int, limit: int, secret_number: int, dice: random.Random, end: dt.datetime,
) -> gateway_usage.Delta:  # fmt: skip
    def some(expected: float) -> int:
        return math.floor(expected + dice.random())

    reasons: dict[tuple[int, str], int] = {}
    dead = _dead_outcome(key, moment)
    if dead:
        reasons[dead] = count = max(1, count // 30)
    else:
        failing = spec.failing * dice.uniform(0.3, 1.7)
        reasons[404, "ok"] = some(count * failing * 0.6)
        reasons[400, "ok"] = some(count * failing * 0.4)
        if spec.domains:
            reasons[403, "domain_not_allowed"] = some(count * 0.0006 * dice.uniform(0, 2))
        if code == "routing" and dt.timedelta(days=6) < end - moment < dt.timedelta(days=6, hours=4):
            reasons[502, "ok"] = some(count * dice.uniform(0.1, 0.35))  # the incident
        else:
            reasons[503, "ok"] = some(count * 0.0003 * dice.uniform(0, 2))
        if spec.breaches == code and PROFILE[moment.astimezone(key.organization.zone).hour] >= 10:
            reasons[429, "over_qps"] = some(count * dice.uniform(0.0, 0.05))
    reasons = {reason: n for reason, n in reasons.items() if n}
    over = reasons.get((429, "over_qps"), 0)
    rate = count / step.total_seconds()
    peak = (
        min(limit, math.ceil(rate * 3 + dice.uniform(0, 2)))
        if not over
        else limit + math.ceil(dice.uniform(1, limit * 0.4))
    )
    return gateway_usage.Delta(
        organization_id=key.organization_id,
        key_id=key.pk,
        product_id=product_id,
        secret_number=secret_number,
        minute=moment,
        requests=count + over,
        over_qps=over,
        errors_4xx=sum(n for (status, _), n in reasons.items() if 400 <= status < 500 and status != 429),
        errors_5xx=sum(n for (status, _), n in reasons.items() if status >= 500),
        peak_qps=peak,
        reasons=tuple((status, outcome, n) for (status, outcome), n in sorted(reasons.items())),
        duration_ms_sum=round(count * dice.uniform(30, 80)) if not dead else 0,
        duration_count=count if not dead else 0,
    )


def _spread(delta: gateway_usage.Delta, step: dt.timedelta) -> Iterator[gateway_usage.Delta]:
    """Part what went over its limit over the minutes of its step: a minute holds no more requests than its seconds do.

    The failures stay in the first of them. Limits are judged by the minutes with QPS breaches, so these must be believable.
    """
    minutes = 1
    if delta.over_qps:
        minutes = min(step // dt.timedelta(minutes=1), math.ceil(delta.requests / (30 * delta.peak_qps)))
    part = (delta.requests - sum(number for *_, number in delta.reasons)) // max(1, minutes)
    yield replace(delta, requests=delta.requests - part * (minutes - 1))
    for number in range(1, minutes if part else 1):
        yield gateway_usage.Delta(
            organization_id=delta.organization_id, key_id=delta.key_id, product_id=delta.product_id,
            secret_number=delta.secret_number, minute=delta.minute + number * dt.timedelta(minutes=1), requests=part,
            over_qps=0, errors_4xx=0, errors_5xx=0, peak_qps=max(1, delta.peak_qps // 2), reasons=(), duration_ms_sum=0,
            duration_count=0,
        )  # fmt: skip


def _is_silent(spec: KeySpec, moment: dt.datetime, end: dt.datetime) -> bool:
    return any(chapter in spec.story and moment > end - quiet for chapter, quiet in SILENT_AFTER.items())


def _dead_outcome(key: ApiKey, moment: dt.datetime) -> tuple[int, str] | None:
    """What the gateway would have answered at that moment to a key that does not work: some traffic always goes on."""
    if key.deleted_at and moment >= key.deleted_at:
        return 401, "deleted_key"
    if key.expires_at and moment >= key.expires_at:
        return 401, "expired_key"
    if key.disabled_at and moment >= key.disabled_at:
        return 403, "disabled_key"
    return None


def _secret_number(secrets: list[KeySecret], moment: dt.datetime, dice: random.Random) -> int:
    """The string that was sent: after a rotation more and more requests come with the new one."""
    alive = [
        secret
        for secret in secrets
        if secret.created_at <= moment and (not secret.ended_at or secret.ended_at > moment)
    ]
    if len(alive) < 2:
        return (alive or secrets)[-1].number
    hours = (moment - alive[-1].created_at) / HOUR
    return alive[-1 if dice.random() < hours / 4 else -2].number


def _mark_used(key: ApiKey, deltas: list[gateway_usage.Delta]) -> None:
    """Move `last_used_at` forward, as the shipper does."""
    for number in {delta.secret_number for delta in deltas}:
        used = [delta for delta in deltas if delta.secret_number == number and delta.requests > delta.errors_4xx]
        if used:
            last = used[-1].minute + dt.timedelta(seconds=41)
            key.secrets.filter(number=number).update(last_used_at=last)
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=last)


def _records(deltas: list[gateway_usage.Delta], now: dt.datetime) -> Iterator[RequestRecord]:
    """Single requests of the last hours, for support to look at."""
    domains = dict(ApiKey.objects.values_list("pk", "allowed_domains"))
    for delta in deltas:
        dice = random.Random(f"{delta.key_id} {delta.product_id} {delta.minute}")  # noqa: S311
        if now - delta.minute > 6 * HOUR or (now - delta.minute < FINEST_HOURS * HOUR and dice.random() > 0.1):
            continue
        hosts = [domain.removeprefix("*.") for domain in domains.get(delta.key_id) or [""]]
        shown = [(status, outcome) for status, outcome, _ in delta.reasons][:2] + [(200, "ok")] * 3
        for status, outcome in shown:
            yield RequestRecord(
                at=delta.minute + dt.timedelta(seconds=dice.uniform(0, 59)),
                tracking_id=str(uuid_of(dice)),
                organization_id=delta.organization_id,
                key_id=delta.key_id,
                product_id=delta.product_id,
                secret_number=delta.secret_number,
                outcome=outcome,
                status=status,
                host="www.elsewhere.example" if outcome == "domain_not_allowed" else dice.choice(hosts),
                network=dice.choice(NETWORKS),
                client=dice.choice(CLIENTS),
            )


def uuid_of(dice: random.Random) -> str:
    """Return a Tracking-ID that is the same for the same dice."""
    text = f"{dice.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
