"""The queue of QPS requests: what was asked for, beside what is measured."""

from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from analytics import peaks, sizing
from analytics.peaks import Peaks
from analytics.sizing import Drawing, Estimate
from keys.models import KeyProduct, QpsRequest

PAGE_SIZE = 10
SHOWN_DECIDED = 20


@dataclass(frozen=True, slots=True)
class QueueLine:
    """A waiting request, the limit of today (None: the product is gone from the key), what was measured, and what follows from it.

    `peaks` is what dates know of them: median and percentiles, for which every minute is read, are on the request's own page.
    """

    wish: QpsRequest
    limit: int | None
    peaks: Peaks | None
    recommended: int | None


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """One request with everything that the decision rests on."""

    wish: QpsRequest
    limit: int | None
    peaks: Peaks | None
    recommended: int | None
    estimates: tuple[tuple[str, Estimate], ...]
    """What limits would have refused, with what each is: the limit now, what was asked for, what is recommended."""
    drawing: Drawing
    others: tuple[QpsRequest, ...]


def count_waiting() -> int:
    """Return how many requests wait."""
    return QpsRequest.objects.pending().count()


def queue(number: str) -> tuple[Page[QpsRequest], tuple[QueueLine, ...]]:
    """Return a page of the waiting requests, the oldest first. Three queries."""
    page = Paginator(_with_limit(QpsRequest.objects.pending()).order_by("created_at", "pk"), PAGE_SIZE).get_page(number)
    wishes = list(page.object_list)
    read = peaks.days_of((wish.key_id, wish.product_id) for wish in wishes)
    lines = []
    for wish in wishes:
        _, measured = read[wish.key_id, wish.product_id]
        lines.append(QueueLine(wish, wish.limit, measured, sizing.recommend(measured)))  # type: ignore[attr-defined]  # added by _with_limit
    return page, tuple(lines)


def decided() -> QuerySet[QpsRequest]:
    """Return what was decided last."""
    done = QpsRequest.objects.filter(state__in=(QpsRequest.State.APPROVED, QpsRequest.State.REJECTED))
    return done.select_related("key__organization", "product", "decided_by").order_by("-decided_at")[:SHOWN_DECIDED]


def decision_page(wish: QpsRequest) -> DecisionPage:
    """Return what the decision rests on, in five queries."""
    key_product = KeyProduct.objects.filter(key=wish.key_id, product=wish.product_id).select_related("product").first()
    limit = key_product.limit if key_product else None
    pair = (wish.key_id, wish.product_id)
    found = peaks.peaks_of([pair]).get(pair)
    recommended = sizing.recommend(found)
    levels = {_("Limit now"): limit, _("Asked"): wish.requested, _("Recommended"): recommended}
    known = {word: qps for word, qps in levels.items() if qps is not None}
    estimates = sizing.estimates(*pair, known.values())
    others = wish.key.qps_requests.exclude(pk=wish.pk).select_related("product", "decided_by")[:SHOWN_DECIDED]
    drawing = sizing.draw(peaks.days_of([pair])[pair][0], wish.current if limit is None else limit, wish.requested)
    compared = tuple((word, estimates[qps]) for word, qps in known.items())
    return DecisionPage(wish, limit, found, recommended, compared, drawing, tuple(others))


def _with_limit(wishes: QuerySet[QpsRequest]) -> QuerySet[QpsRequest]:
    limit = KeyProduct.objects.filter(key=OuterRef("key"), product=OuterRef("product"))
    now = Subquery(limit.values(qps=Coalesce("qps_limit", "product__default_qps")))
    return wishes.annotate(limit=now).select_related("key__organization", "product", "requested_by")
