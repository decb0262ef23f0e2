"""May this request pass? PURE: from rules, question and time to a verdict.

The limit comes last and has a memory, so it is asked separately (limiter.py) once everything else is right: `Verdict.limited`.
"""

import functools
import re
from dataclasses import dataclass
from enum import Enum

from gateway import outcomes
from gateway.outcomes import Outcome
from gateway.rules import Key, Product, Rules, Secret
from keys import domains, tokens

_SOURCE = re.compile(r"[^/?#]*//[^/?#]*")
_SOURCE_MAX_CHARS = 300


class Standing(Enum):
    """How far the rules can be relied upon."""

    CURRENT = "current"
    FROM_MEMORY = "from memory"
    """The database is away: what is known holds, but a string that is not known may be a new key."""
    NOT_READY = "not ready"
    """Nothing was loaded yet, or it is too old."""


@dataclass(slots=True)
class Question:
    """What a request presents. `string` is empty without a key; the product is named by the path, or else by its code."""

    string: str
    path: str = ""
    product_code: str = ""
    origin: str | None = None
    referer: str | None = None


@dataclass(slots=True)
class Verdict:
    """The decision and what it rests on; `limit` is 0 where the limit was not reached in the order of checks."""

    outcome: Outcome
    secret: Secret | None = None
    product: Product | None = None
    host: str | None = None
    limit: int = 0

    @property
    def key(self) -> Key | None:
        """The key that the string belongs to, deleted or not."""
        return self.secret.key if self.secret else None

    @property
    def named_key(self) -> Key | None:
        """The key that the answer may name: none that is deleted."""
        key = self.key
        return None if key is None or key.is_deleted else key

    def limited(self) -> "Verdict":
        """Return the same verdict for a request above the limit."""
        return Verdict(outcomes.OVER_QPS, self.secret, self.product, self.host, self.limit)


def decide(rules: Rules, question: Question, now: float, standing: Standing = Standing.CURRENT) -> Verdict:
    """Return the verdict on all but the limit; `now` in seconds since 1970, compared with ends as they are."""
    catalogue = rules.catalogue
    if question.product_code:
        product = catalogue.of_code(question.product_code, now)
    else:
        product = catalogue.of_path(question.path, now)
    host = source_host(question.origin, question.referer)
    outcome, secret = _look_up(rules, question.string, standing)
    if secret is None:
        return Verdict(outcome, None, product, host)
    outcome = _judge(rules, secret, product, host, now)
    if outcome is not outcomes.OK or product is None:
        return Verdict(outcome, secret, product, host)
    limit = secret.key.limits[product.id]
    return Verdict(outcome, secret, product, host, product.default_qps if limit is None else limit)


def _look_up(rules: Rules, string: str, standing: Standing) -> tuple[Outcome, Secret | None]:
    if not string:
        return outcomes.MISSING_KEY, None
    if not tokens.is_well_formed(string, rules.prefix):
        return outcomes.MALFORMED_KEY, None
    if standing is Standing.NOT_READY:
        return outcomes.NOT_READY, None
    secret = rules.find(string)
    if secret is None:
        return (outcomes.UNKNOWN_KEY if standing is Standing.CURRENT else outcomes.NOT_READY), None
    return outcomes.OK, secret


def _judge(rules: Rules, secret: Secret, product: Product | None, host: str | None, now: float) -> Outcome:
    key = secret.key
    if key.is_deleted:
        return outcomes.DELETED_KEY
    if (secret.ends_at is not None and secret.ends_at <= now) or (key.expires_at is not None and key.expires_at <= now):
        return outcomes.EXPIRED_KEY
    if key.is_disabled:
        return outcomes.DISABLED_KEY
    organization = rules.organizations.get(key.organization_id)
    if organization is None or organization.is_suspended:
        return outcomes.SUSPENDED
    if product is None:
        return outcomes.NO_SUCH_ROUTE
    if product.id not in key.limits:
        return outcomes.PRODUCT_NOT_ALLOWED
    if key.domains and not domains.is_allowed(host, key.domains):
        return outcomes.DOMAIN_NOT_ALLOWED
    return outcomes.OK


def source_host(origin: str | None, referer: str | None) -> str | None:
    """Return the host that a request says it comes from, as `domains.host_of` reads it; None for a source that no host is in.

    Only the part up to the path matters, so that all pages of a site share one entry of the cache.
    """
    source = origin or referer
    if not source:
        return None
    if len(source) <= _SOURCE_MAX_CHARS and source is origin:  # an Origin has no path
        return _recall_host(source)
    match = _SOURCE.match(source)
    if match is None:
        return None
    if match.end() > _SOURCE_MAX_CHARS:  # longer than any host name: not worth decoding
        return None
    return _recall_host(match.group())


@functools.lru_cache(maxsize=4096)
def _recall_host(source: str) -> str | None:
    match = _SOURCE.match(source)
    return domains.host_of(match.group(), None) if match else None
