"""How far each gateway is, in the admin."""

import datetime as dt

from django.utils import timezone

from keys.models import GatewayFeed, GatewayNode


def node(name: str, *, number: int, seen_s: float, counted_s: float) -> None:
    now = timezone.now()
    GatewayNode.objects.create(
        name=name, started_at=now - dt.timedelta(hours=1), seen_at=now - dt.timedelta(seconds=seen_s), applied_at=now,
        applied_number=number, shipped_until=now - dt.timedelta(seconds=counted_s),
    )  # fmt: skip


def test_the_admin_marks_gateways_that_are_behind(cast, as_user):
    GatewayFeed.objects.update(number=2_000)
    node("current", number=2_000, seen_s=1, counted_s=2)
    node("reading", number=1_999, seen_s=1, counted_s=2)
    node("slow", number=1_000, seen_s=6, counted_s=2)
    node("full", number=2_000, seen_s=1, counted_s=90)
    page = as_user(cast.sam).get("/admin/keys/gatewaynode/")
    found = {}
    for row in page.all("#result_list tbody tr"):
        name = row.cssselect("th")[0].text_content()
        mark, changes, usage = (row.cssselect(f".field-{field}")[0] for field in ("is_current", "changes", "usage"))
        found[name] = (mark.cssselect("img")[0].get("alt"), changes.text_content(), usage.text_content())
    assert found["current"][:2] == ("True", "all applied")
    assert found["reading"][:2] == ("True", "1 not confirmed")
    assert found["slow"][:2] == ("False", "1,000 not confirmed, behind")
    assert found["full"] == ("False", "all applied", "90 s old, behind")
