"""What a key's last 24 hours and its record say of it, in one word with the reason: rules without reading.

A key that refuses every request is only that. Else traffic decides: failing before breaching before near its limit, as the one
needs somebody sooner than the other. What has an end in sight says so beside it.
"""

from dataclasses import dataclass

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dashboard import words
from dashboard.templatetags.ui import STATE_WORDS
from dashboard.words import Words
from keys.queries import EXPIRES_SOON, UNUSED_AFTER

FAILING_SHARE, FAILING_LEAST = 0.1, 20
"""From this part, and this number, of requests answered 4XX (but 429) or 5XX on, a key is failing."""

BREACHING_SHARE, BREACHING_LEAST = 0.001, 10
"""From this part, and this number, of requests over the QPS limit on, it is breaching."""

NEAR = 0.8
"""From this part of its limit on, a peak is near it."""

REFUSED = {
    "disabled": _("It is disabled: every request is refused."),
    "expired": _("Its end date has passed: every request is refused."),
    "suspended": _("The organisation is suspended: every request is refused."),
}
REFUSED_ALL_THE_SAME = {
    "disabled": _("It is disabled: every request is refused; %(requests)s came in the last 24 hours."),
    "expired": _("Its end date has passed: every request is refused; %(requests)s came in the last 24 hours."),
    "suspended": _("The organisation is suspended: every request is refused; %(requests)s came in the last 24 hours."),
}
ENDING = {
    "grace": _("Its old string still works beside the new one."),
    "expiring": _("It stops working within %(days)s days."),
}

_MUCH = "sum({part}) >= {least} AND sum({part}) >= sum(requests) * {share}"
_FAILS = _MUCH.format(part="errors", least=FAILING_LEAST, share=FAILING_SHARE)
_BREACHES = _MUCH.format(part="over_qps", least=BREACHING_LEAST, share=BREACHING_SHARE)

# The rules of `of_traffic` for many keys, for `keys.traffic.read_with`. Hours are read of those keys alone of which the days
# that hold them say that it can be; which of two products is nearer to its limit makes no difference to the word.
TRAFFIC = f"""
SELECT key_id, CASE WHEN {_FAILS} THEN 'failing' WHEN {_BREACHES} THEN 'breaching' WHEN bool_or(is_near) THEN 'limit' END AS state
FROM (
    SELECT used.key_id, requests, over_qps, errors, peak >= coalesce(qps_limit, default_qps) * {NEAR} AS is_near FROM (
        SELECT key_id, product_id, sum(requests) AS requests, sum(over_qps) AS over_qps,
               sum(errors_4xx + errors_5xx) AS errors, max(peak_qps) AS peak
        FROM usage_hour AS counted WHERE counted.WHICH AND hour > statement_timestamp() - interval '24 hours' AND key_id = ANY(ARRAY(
            SELECT day.key_id FROM usage_day AS day
            LEFT JOIN keys_keyproduct AS held ON held.key_id = day.key_id AND held.product_id = day.product_id
            LEFT JOIN keys_product AS product ON product.id = held.product_id
            WHERE day.WHICH AND date >= (statement_timestamp() AT TIME ZONE 'UTC' - interval '36 hours')::date
            GROUP BY day.key_id HAVING sum(errors_4xx + errors_5xx) >= {FAILING_LEAST} OR sum(over_qps) >= {BREACHING_LEAST}
                OR bool_or(peak_qps >= coalesce(qps_limit, default_qps) * {NEAR})
        )) GROUP BY key_id, product_id
    ) AS used
    LEFT JOIN keys_keyproduct AS held ON held.key_id = used.key_id AND held.product_id = used.product_id
    LEFT JOIN keys_product AS product ON product.id = held.product_id
) AS day GROUP BY key_id
"""  # noqa: S608 - numbers of ours


@dataclass(frozen=True, slots=True)
class DayTraffic:
    """The last 24 hours of one key; peak and limit are of the product whose peak came nearest to its limit."""

    requests: int = 0
    over_qps: int = 0
    errors: int = 0
    peak_qps: int = 0
    peak_limit: int | None = None
    peak_product: str = ""


@dataclass(frozen=True, slots=True)
class KeyState:
    """A state by its name in stylesheets, its word, and the sentence why."""

    name: str
    word: str
    reason: str


def states(recorded: str, day: DayTraffic) -> tuple[KeyState, ...]:
    """Return the states of a key, the one of its record (`state` of `with_state`) first, at most two."""
    if recorded in REFUSED and day.requests:
        return (_state(recorded, REFUSED_ALL_THE_SAME[recorded] % {"requests": words.requests(day.requests)}),)
    if recorded in REFUSED:
        return (_state(recorded, REFUSED[recorded]),)
    found = of_traffic(day)
    if recorded in ENDING:
        ending = _state(recorded, str(ENDING[recorded]) % {"days": EXPIRES_SOON.days})
        return (ending, found) if found.name != "healthy" else (ending,)
    if recorded == "unused" and not day.requests:
        return (_state("unused", gettext("No request in the last %(days)s days.") % {"days": UNUSED_AFTER.days}),)
    return (found,)


def of_traffic(day: DayTraffic) -> KeyState:
    """Return what the last 24 hours say alone."""
    requests = words.requests(day.requests)
    if is_much(day.errors, day.requests, share=FAILING_SHARE, least=FAILING_LEAST):
        return _state("failing", _failed(day.errors, requests))
    if is_much(day.over_qps, day.requests, share=BREACHING_SHARE, least=BREACHING_LEAST):
        text = gettext("%(count)s of %(requests)s were over the QPS limit in the last 24 hours.")
        return _state("breaching", text % {"count": words.number(day.over_qps), "requests": requests})
    if day.peak_limit and day.peak_qps >= day.peak_limit * NEAR:
        if day.peak_qps > day.peak_limit:
            text = gettext(
                "A peak of %(peak)s per second went over the limit of %(limit)s of %(product)s in the last 24 hours."
            )
        else:
            text = gettext(
                "A peak of %(peak)s per second came near the limit of %(limit)s of %(product)s in the last 24 hours."
            )
        told = {"peak": words.number(day.peak_qps), "limit": words.number(day.peak_limit), "product": day.peak_product}
        return _state("limit", text % told)
    if not day.requests:
        return _state("healthy", gettext("Nothing is wrong; no request came in the last 24 hours."))
    return _state("healthy", _failed(day.errors + day.over_qps, requests))


def _failed(count: int, requests: str) -> str:
    text = gettext("%(count)s of %(requests)s failed in the last 24 hours.")
    return text % {"count": words.number(count), "requests": requests}


def is_much(part: int, whole: int, *, share: float, least: int) -> bool:
    """Whether a part is large enough in number and in proportion."""
    return part >= least and part >= whole * share


def _state(name: str, reason: Words) -> KeyState:
    return KeyState(name, str(STATE_WORDS[name]), str(reason))
