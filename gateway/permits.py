"""What was decided about a key, a product and a source, remembered for the next request that says the same. PURE.

Nearly all requests are of this kind. A permit is no licence: it holds as long as everything that it rests on is still the very
same object (a change replaces objects) and no end has come, and the limit is asked each time. `verdict.decide` alone decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway import answers, outcomes, reports
from gateway.limiter import Meter
from gateway.records import Series
from gateway.requests import source
from gateway.rules import Organization, Product, Rules, Secret
from gateway.verdict import Verdict, source_host

_PER_STRING_MAX = 64
"""So many permits of one string: for a key without a list of domains, every source is another."""
_ORIGIN_MAX_BYTES = 300
_FOREVER = float("inf")


@dataclass(slots=True)
class Permit:
    """A verdict that allows, with what it rests on and what every answer needs."""

    verdict: Verdict
    product: Product
    organization: Organization
    until: float
    """When the first of the ends that it rests on comes, in seconds since 1970."""
    limit: int
    meter: Meter
    host: str | None
    place: bytes
    """Organisation, key, product and number of the string, as the token of a report has them (`reports.pack_place`)."""
    series: Series
    """What its requests are counted by."""
    whose: str


def source_of(headers: Mapping[bytes, bytes]) -> bytes | str | None:
    """Return what the list of domains is about, read no further than it has to be: `Origin` as it came, else `Referer`'s host."""
    origin, referer = headers.get(b"origin"), headers.get(b"referer")
    return origin or (source_host(None, source(referer)) if referer else None)


def recall(rules: Rules, string: bytes, source: bytes | str | None, path: str, now: float) -> Permit | None:
    """Return the permit of a request that is like one before; None when it has to be decided."""
    secret = rules.recall(string)
    if secret is None:
        return None
    product = rules.catalogue.of_path(path, now)
    if product is None:
        return None
    permit: Permit | None = secret.permits.get((product.id, source))
    if (
        permit is None
        or permit.product is not product
        or permit.until <= now
        or rules.organizations.get(secret.key.organization_id) is not permit.organization
    ):
        return None
    return permit


def remember(
    rules: Rules, headers: Mapping[bytes, bytes], verdict: Verdict, secret: Secret, product: Product
) -> Permit:
    """Return the permit of a verdict that allows a request with these headers, and keep it with the string."""
    key = secret.key
    organization = rules.organizations[key.organization_id]
    ends = (secret.ends_at, key.expires_at, product.retired_at)
    permit = Permit(
        verdict=verdict,
        product=product,
        organization=organization,
        until=min((end for end in ends if end is not None), default=_FOREVER),
        limit=verdict.limit,
        meter=(key.id, product.id),
        host=verdict.host,
        place=reports.pack_place(key.organization_id, key.id, product.id, secret.number),
        series=Series((key.organization_id, key.id, secret.number, product.id, outcomes.OK.number, outcomes.OK.status)),
        whose=answers.who(key.public_id, organization.public_id, product.code, verdict.limit),
    )
    if len(headers.get(b"origin", b"")) <= _ORIGIN_MAX_BYTES:
        if len(secret.permits) >= _PER_STRING_MAX:
            secret.permits.clear()
        secret.permits[product.id, source_of(headers)] = permit
    return permit
