"""The queue of QPS requests: what waits, what is measured, and each decision once."""

import datetime as dt

import pytest
from django.utils import timezone

from accounts.models import AuditEvent
from keys.models import KeyProduct, QpsRequest
from keys.refusals import Refusal
from notices.models import Notice
from tests.analytics.usage import add, delta
from tests.factories import KeyFactory, OrganizationFactory, products, string_of
from tests.support.staff import staff_with

QUEUE = "/support/qps/"


@pytest.fixture
def sam(cast, as_user):
    return as_user(cast.sam)


@pytest.fixture
def search(cast):
    return products("search")[0]


@pytest.fixture
def wish(cast, search):
    return QpsRequest.submit(key=cast.key, product=search, requested=50, reason="Black Friday", by=cast.ben)


def page_of(wish):
    return f"{QUEUE}{wish.public_id}/"


def use(key, product, *peaks, ago=dt.timedelta(hours=1), secret_number=1):
    """Give a key minutes with these peaks, one after the other, each with one breach."""
    first = timezone.now() - ago - dt.timedelta(minutes=len(peaks))
    add([
        delta(key, product.code, first + dt.timedelta(minutes=number), peak * 10, string=secret_number, peak=peak, s429_over_qps=1)
        for number, peak in enumerate(peaks)
    ])  # fmt: skip


def limit_of(key, product):
    return KeyProduct.objects.get(key=key, product=product).limit


def test_what_waits_stands_in_the_queue_the_oldest_first(cast, sam, search, wish):
    display = products("map-display")[0]
    older = QpsRequest.submit(
        key=cast.other_key, product=display, requested=2000, reason="Growth", by=cast.mallory,
        at=timezone.now() - dt.timedelta(days=2),
    )  # fmt: skip
    page = sam.get(QUEUE)
    assert [row.split()[0] for row in page.texts("table.qps-queue th[scope=row] a")] == ["Their", "Fleet"]
    assert page.texts("table.qps-queue tbody tr b") == ["2,000", "50"]
    older.reject(by=cast.sam, note="Not now")
    page = sam.get(QUEUE)
    assert page.texts("table.qps-queue th[scope=row] a") == ["Fleet tracking"]
    assert "Rejected" in page.texts("section[aria-labelledby=wishes-name] tbody tr")[0]
    assert "1 waiting" in sam.get("/support/")


def test_the_asked_value_stands_beside_limit_and_measured_peaks(cast, sam, search, wish):
    use(cast.key, search, *range(1, 101))
    use(cast.key, search, 900, ago=dt.timedelta(days=31))
    use(cast.other_key, search, 700)
    use(cast.key, products("map-display")[0], 800)
    row = sam.get(QUEUE).texts("table.qps-queue tbody tr td[data-number]")
    assert row[:5] == ["50", "5", "100", "100", "150"]
    facts = dict(zip(*(iter(sam.get(page_of(wish)).texts("aside :is(dt, dd)")),) * 2, strict=True))
    shown = {name: facts[name] for name in ("Asked", "Limit now", "Median", "95 %", "99 %", "Highest")}
    assert list(shown.values()) == ["50", "5", "50", "95", "99", "100"]


def test_a_minute_with_two_strings_counts_once_with_its_highest(cast, sam, search, wish):
    use(cast.key, search, 10, 20)
    use(cast.key, search, 30, 5, secret_number=2)
    page = sam.get(page_of(wish))
    assert "2 minutes" in page
    assert page.texts("aside dd")[6] == "30"


def test_a_key_without_requests_says_so(sam, wish):
    assert "No requests in 30 days" in sam.get(QUEUE)
    assert "No requests with this key and product in 30 days" in sam.get(page_of(wish))


def test_the_daily_peaks_are_drawn_against_limit_and_asked_value(cast, sam, search, wish):
    use(cast.key, search, 4)
    use(cast.key, search, 60, ago=dt.timedelta(days=3))
    drawing = sam.get(page_of(wish)).one("svg.peaks")
    days = drawing.cssselect("line.day")
    assert [(day.get("x1"), "data-over" in day.attrib) for day in days] == [("83.33%", True), ("5.56%", False)]
    assert drawing.get("aria-label") == "Daily peaks, highest 60; limit 5; asked 50"


def test_approving_sets_the_limit_and_tells_the_requester(cast, sam, search, wish):
    page = sam.submit(page_of(wish), decision="approve", note="Until January")
    assert (page.status, page["Location"]) == (302, QUEUE)
    wish.refresh_from_db()
    assert (wish.state, wish.granted, wish.decided_by, wish.note) == ("approved", 50, cast.sam, "Until January")
    assert limit_of(cast.key, search) == 50
    event = AuditEvent.objects.get(verb="qps.approved")
    assert (event.as_staff, event.organization, event.target_id) == (True, cast.northwind, cast.key.public_id)
    told = Notice.objects.get(kind="qps_request.decided")
    assert (told.person, told.context["limit"], told.context["note"]) == (cast.ben, 50, "Until January")


def test_another_value_can_be_granted_and_the_customer_reads_both(cast, sam, ada, search, wish):
    sam.submit(page_of(wish), decision="approve", granted="20", note="Your peaks stay below 15")
    wish.refresh_from_db()
    assert (wish.requested, wish.granted, limit_of(cast.key, search)) == (50, 20, 20)
    assert Notice.objects.get(kind="qps_request.decided").context["limit"] == 20
    page = ada.get(f"/keys/{cast.key.public_id}/qps/")
    assert "Approved: 20 instead of 5 for Search API; 50 were asked for" in page
    assert "Your peaks stay below 15" in page
    history = ada.get(f"/keys/{cast.key.public_id}/")
    assert "approved 20 QPS for Search API of the key" in history
    assert "50 were asked for. Before: 5" in history


def test_rejecting_needs_a_note_that_the_customer_reads(cast, sam, ada, search, wish):
    page = sam.submit(page_of(wish), decision="reject")
    assert (page.status, page.texts(".error")) == (422, ["Say why, and what to do instead."])
    wish.refresh_from_db()
    assert wish.state == "pending"
    assert sam.submit(page_of(wish), decision="reject", note="Cache the results first").status == 302
    wish.refresh_from_db()
    assert (wish.state, wish.granted, limit_of(cast.key, search)) == ("rejected", None, 5)
    assert "Cache the results first" in ada.get(f"/keys/{cast.key.public_id}/qps/")


@pytest.mark.parametrize("granted", ["", "0", "-1", "100001", "many"])
def test_an_impossible_limit_is_refused_at_its_field(cast, sam, search, wish, granted):
    page = sam.submit(page_of(wish), decision="approve", granted=granted)
    assert page.status == 422
    assert len(page.all(".field .error, .errorlist li")) == 1
    assert limit_of(cast.key, search) == 5


def test_a_note_with_a_key_in_it_is_refused(cast, sam, wish):
    page = sam.submit(page_of(wish), decision="approve", note=f"Use {string_of(cast.key)}")
    assert page.status == 422
    assert "must not be kept here" in page
    assert not AuditEvent.objects.filter(verb="qps.approved").exists()


def test_a_double_click_decides_once(cast, sam, search, wish):
    form = sam.get(page_of(wish)).fields("form.decision") | {"decision": "approve", "note": ""}
    assert [sam.post(page_of(wish), form).status for _ in range(2)] == [302, 302]
    assert AuditEvent.objects.filter(verb="qps.approved").count() == 1
    assert Notice.objects.filter(kind="qps_request.decided").count() == 1


def test_a_form_from_before_anothers_decision_changes_nothing_and_says_so(cast, sam, search, wish):
    form = sam.get(page_of(wish)).fields("form.decision") | {"decision": "approve", "note": ""}
    QpsRequest.objects.get(pk=wish.pk).reject(by=staff_with(), note="No")
    page = sam.post(page_of(wish), form)
    assert page.status == 422
    assert "This request was rejected already." in page
    assert not page.all("form.decision")
    assert limit_of(cast.key, search) == 5


def test_what_the_customer_withdrew_or_no_longer_may_have_is_not_granted(cast, sam, search, wish):
    form = sam.get(page_of(wish)).fields("form.decision") | {"decision": "approve", "note": ""}
    cast.northwind.plan = "freemium"
    cast.northwind.save(update_fields=["plan"])
    page = sam.post(page_of(wish), form)
    assert (page.status, "no longer has the plan Enterprise" in page) == (422, True)
    wish.withdraw(by=cast.ben)
    assert "This request was withdrawn already." in sam.post(page_of(wish), form | {"decision": "reject", "note": "No"})
    assert limit_of(cast.key, search) == 5


def test_only_a_limit_of_one_or_more_is_granted_and_only_when_approved(cast, wish):
    with pytest.raises(Refusal):
        wish.approve(by=cast.sam, granted=0)
    wish.refresh_from_db()
    assert wish.state == "pending"


def test_staff_without_the_permission_neither_see_nor_decide(cast, as_user, search, wish):
    for person in (staff_with("keys.change_apikey", "keys.view_qpsrequest"), cast.ada):
        browser = as_user(person)
        assert browser.get(QUEUE).status == 404
        assert browser.get(page_of(wish)).status == 404
        assert browser.post(page_of(wish), {"decision": "approve", "granted": "50"}).status == 404
    assert not as_user(staff_with(email="tom@latchkey.example")).get("/support/").all(f"a[href='{QUEUE}']")
    assert limit_of(cast.key, search) == 5
    browser = as_user(staff_with("keys.change_qpsrequest", email="tim@latchkey.example"))
    assert browser.submit(page_of(wish), decision="approve").status == 302
    assert limit_of(cast.key, search) == 50


def test_the_queue_needs_few_queries_however_long_it_is(cast, sam, search, django_assert_max_num_queries):
    organization = OrganizationFactory(name="Long list")
    owner = organization.memberships.get().user
    for number in range(12):
        key = KeyFactory(organization=organization, name=f"Key {number}", products=[search])
        QpsRequest.submit(key=key, product=search, requested=50 + number, reason="More", by=owner)
        use(key, search, number + 1)
    with django_assert_max_num_queries(10):
        page = sam.get(QUEUE)
    assert len(page.all("table.qps-queue tbody tr")) == 10
    assert len(sam.get(QUEUE, page=2).all("table.qps-queue tbody tr")) == 2


def test_looking_at_a_request_is_audited_for_the_customer(cast, sam, wish):
    sam.get(page_of(wish))
    sam.get(page_of(wish))
    assert AuditEvent.objects.filter(verb="support.viewed", organization=cast.northwind).count() == 1
