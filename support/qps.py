"""The queue of QPS requests: what was asked for, beside what is measured."""

from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from analytics import peaks
from analytics.peaks import Peaks
from keys.models import KeyProduct, QpsRequest

PAGE_SIZE = 10
"""Each row reads the minutes of 30 days of its key, so there are few on a page."""
SHOWN_DECIDED = 20
RAIL = 1.2
"""The drawing is so much wider than its highest value."""


@dataclass(frozen=True, slots=True)
class QueueLine:
    """A waiting request, the limit of today (None: the product is gone from the key), and the measured peaks."""

    wish: QpsRequest
    limit: int | None
    peaks: Peaks | None


@dataclass(frozen=True, slots=True)
class Drawing:
    """Daily peaks, limit and asked value as positions in per cent of the width."""

    days: tuple[tuple[str, bool], ...]
    limit: str
    asked: str


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """One request with everything that the decision rests on."""

    wish: QpsRequest
    limit: int | None
    peaks: Peaks | None
    drawing: Drawing
    others: tuple[QpsRequest, ...]


def count_waiting() -> int:
    """Return how many requests wait."""
    return QpsRequest.objects.pending().count()


def queue(number: str) -> tuple[Page[QpsRequest], tuple[QueueLine, ...]]:
    """Return a page of the waiting requests, the oldest first. Three queries."""
    page = Paginator(_with_limit(QpsRequest.objects.pending()).order_by("created_at", "pk"), PAGE_SIZE).get_page(number)
    wishes = list(page.object_list)
    found = peaks.peaks_of((wish.key_id, wish.product_id) for wish in wishes)
    lines = (QueueLine(wish, wish.limit, found.get((wish.key_id, wish.product_id))) for wish in wishes)  # type: ignore[attr-defined]  # added by _with_limit
    return page, tuple(lines)


def decided() -> QuerySet[QpsRequest]:
    """Return what was decided last."""
    done = QpsRequest.objects.filter(state__in=(QpsRequest.State.APPROVED, QpsRequest.State.REJECTED))
    return done.select_related("key__organization", "product", "decided_by").order_by("-decided_at")[:SHOWN_DECIDED]


def decision_page(wish: QpsRequest) -> DecisionPage:
    """Return what the decision rests on, in four queries."""
    key_product = KeyProduct.objects.filter(key=wish.key_id, product=wish.product_id).select_related("product").first()
    limit = key_product.limit if key_product else None
    found = peaks.peaks_of([(wish.key_id, wish.product_id)]).get((wish.key_id, wish.product_id))
    days = peaks.days_of(wish.key_id, wish.product_id)
    others = wish.key.qps_requests.exclude(pk=wish.pk).select_related("product", "decided_by")[:SHOWN_DECIDED]
    drawing = _draw(days, wish.current if limit is None else limit, wish.requested)
    return DecisionPage(wish, limit, found, drawing, tuple(others))


def _with_limit(wishes: QuerySet[QpsRequest]) -> QuerySet[QpsRequest]:
    limit = KeyProduct.objects.filter(key=OuterRef("key"), product=OuterRef("product"))
    now = Subquery(limit.values(qps=Coalesce("qps_limit", "product__default_qps")))
    return wishes.annotate(limit=now).select_related("key__organization", "product", "requested_by")


def _draw(days: tuple[int, ...], limit: int, asked: int) -> Drawing:
    widest = max(*days, limit, asked) * RAIL

    def at(value: int) -> str:
        return f"{value / widest * 100:.2f}%"

    return Drawing(tuple((at(day), day > limit) for day in days if day), at(limit), at(asked))
