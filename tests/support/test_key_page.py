"""A key as the support desk shows it, and what may be done there."""

import datetime as dt

import pytest
from django.utils import timezone

from accounts.models import AuditEvent
from keys.models import ApiKey, GatewayAck, GatewayChange, GatewayNode, QpsRequest
from notices.models import Notice
from tests.factories import KeyFactory, products, string_of
from tests.support.staff import log_request, secrets_of, staff_with


@pytest.fixture
def sam(cast, as_user):
    return as_user(cast.sam)


def page_of(key, action=""):
    return f"/support/keys/{key.public_id}/{action}"


def test_the_page_shows_customer_state_limits_and_history(cast, sam):
    cast.key.edit(
        by=cast.ben,
        version=cast.key.version,
        name="Fleet tracking",
        products=products("search"),
        allowed_domains=["*.fleet.example"],
    )
    cast.key.key_products.update(qps_limit=40)
    QpsRequest.submit(key=cast.key, product=products("search")[0], requested=80, reason="Black Friday", by=cast.ben)
    page = sam.get(page_of(cast.key))
    for text in (
        "Northwind Routing", cast.northwind.public_id, "Enterprise", "ada@northwind.example owner", "vera@northwind.example viewer",
        cast.key.public_id, cast.key.current_secret.hint, "*.fleet.example", "80 instead of 40 QPS for Search API", "Black Friday",
    ):  # fmt: skip
        assert text in page, text
    assert page.texts("section[aria-labelledby=limits-name] tbody tr") == [
        "Search API default 5 – 40 own 0 80 requested, waiting"
    ]
    assert "ben@northwind.example changed" in page


@pytest.mark.parametrize(
    ("outcome", "status", "words"),
    [
        ("ok", 200, "Answered"),
        ("ok", 404, "Answered by the API: nothing found"),
        ("over_qps", 429, "Over the QPS limit"),
        ("domain_not_allowed", 403, "Domain not on the list"),
        ("expired_key", 401, "Key or old string expired"),
    ],
)
def test_the_last_requests_say_in_words_what_became_of_them(cast, sam, outcome, status, words):
    log_request(cast.key, tracking_id="abc-1", outcome=outcome, status=status)
    row = sam.get(page_of(cast.key)).texts("table.request-log tbody tr")[0]
    for text in (words, str(status), "Map Display API", "203.0.113.0/24", "curl", "shop.example", "abc-1"):
        assert text in row


def test_the_last_requests_are_fifty_of_this_key_only(cast, sam):
    for number in range(55):
        log_request(cast.key, tracking_id=f"mine-{number}")
    log_request(cast.other_key, tracking_id="theirs")
    page = sam.get(page_of(cast.key))
    assert len(page.all("table.request-log tbody tr")) == 50
    assert "theirs" not in page


def test_each_state_is_shown_with_why(cast, sam):
    cast.key.disable(by=cast.ada, reason="Leaked in a repository")
    assert "Disabled" in sam.get(page_of(cast.key)).text
    assert "ada@northwind.example: Leaked in a repository" in sam.get(page_of(cast.key))
    cast.northwind.suspend(by=cast.sam, reason="Invoice 7 is open")
    page = sam.get(page_of(cast.key))
    assert page.one("h1 .state").text_content().strip() == "Suspended"
    assert "Invoice 7 is open" in page
    cast.key.mark_deleted(by=cast.ada)
    page = sam.get(page_of(cast.key))
    assert page.one("h1 .state").text_content().strip() == "Deleted"
    assert not page.all("a[href$='/enable/']")


def test_grace_and_expiry_are_shown_with_their_ends(cast, sam):
    cast.key.rotate(by=cast.ada, version=cast.key.version, delay=dt.timedelta(hours=3))
    page = sam.get(page_of(cast.key))
    assert "String 1 is in grace" in page
    assert page.texts("ol.secrets .number") == ["2", "1"]
    ApiKey.objects.filter(pk=cast.key.pk).update(expires_at=timezone.now() - dt.timedelta(hours=1))
    assert sam.get(page_of(cast.key)).one("h1 .state").text_content().strip() == "Expired"


def test_looking_is_audited_for_the_customer_once_an_hour(cast, sam):
    for _ in range(2):
        sam.get(page_of(cast.key))
    events = AuditEvent.objects.filter(verb="support.viewed")
    assert [(e.target_id, e.organization_id, e.actor_id, e.as_staff) for e in events] == [
        (cast.key.public_id, cast.northwind.pk, cast.sam.pk, True)
    ]


def test_the_page_never_shows_the_key_its_digest_or_its_sealed_copy(cast, sam):
    cast.key.rotate(by=cast.ada, version=cast.key.version, delay=dt.timedelta(hours=3))
    log_request(cast.key)
    for action in ("", "disable/"):
        source = sam.get(page_of(cast.key, action)).source
        assert [secret for secret in secrets_of(cast.key) if secret in source] == []


def test_the_page_needs_few_queries(cast, sam, django_assert_max_num_queries):
    for number in range(50):
        log_request(cast.key, tracking_id=f"t-{number}")
    for _ in range(3):
        cast.key.rotate(by=cast.ada, version=cast.key.version, delay=dt.timedelta(hours=3))
    with django_assert_max_num_queries(17):
        sam.get(page_of(cast.key))


def test_staff_who_may_change_keys_disable_with_a_reason(cast, as_user):
    tess = staff_with("keys.change_apikey")
    browser = as_user(tess)
    page = browser.submit(page_of(cast.key, "disable/"), reason="Abuse report 12", follow=True)
    cast.key.refresh_from_db()
    assert (cast.key.disabled_by, cast.key.disabled_reason) == (tess, "Abuse report 12")
    assert "Abuse report 12" in page
    event = AuditEvent.objects.get(verb="key.disabled")
    assert event.as_staff
    assert browser.post(page_of(cast.key, "enable/")).status == 422
    browser.submit(page_of(cast.key, "enable/"), reason="The invoice is paid")
    cast.key.refresh_from_db()
    assert cast.key.disabled_at is None
    assert AuditEvent.objects.get(verb="key.enabled").as_staff
    assert "The invoice is paid" in as_user(cast.ada).get(f"/keys/{cast.key.public_id}/")
    (notice,) = Notice.objects.filter(kind="key.enabled", person=cast.ada)
    assert "The invoice is paid" in as_user(cast.ada).get(f"/notices/{notice.public_id}/")


@pytest.mark.django_db(transaction=True)
def test_a_receipt_says_since_when_a_key_that_staff_disabled_is_refused_everywhere(cast, sam, as_user):
    now = timezone.now()
    GatewayNode.objects.create(name="slow", started_at=now - dt.timedelta(hours=1), seen_at=now, applied_at=now)
    page = sam.submit(page_of(cast.key, "disable/"), reason="Abuse report 12", follow=True)
    assert "Fleet tracking is disabled. Waiting for the word of slow." in page
    (poll,) = [each.get("hx-get") for each in page.all("[data-receipt]")]
    assert poll == page_of(cast.key, "receipt/") + "?what=disabled"
    change = GatewayChange.objects.filter(key_id=cast.key.pk).latest("number")
    at = change.at + dt.timedelta(milliseconds=300)
    GatewayAck.objects.create(node="slow", number=change.number, at=at)
    assert (
        f"Fleet tracking is disabled. Refused everywhere since {at:%H:%M:%S}.{at.microsecond // 100_000} (0.3 s after"
        in sam.get(poll)
    )
    assert "holds everywhere since" in sam.get(f"/admin/keys/apikey/{cast.key.pk}/change/")
    assert as_user(cast.ada).get(poll).status == 404


@pytest.mark.parametrize("reason", ["", "   ", "x" * 301])
def test_disabling_without_a_reason_is_refused(cast, sam, reason):
    page = sam.submit(page_of(cast.key, "disable/"), reason=reason)
    assert page.status == 422
    assert page.all(".error")
    cast.key.refresh_from_db()
    assert cast.key.disabled_at is None


def test_a_reason_with_a_key_in_it_is_refused(cast, sam):
    page = sam.submit(page_of(cast.key, "disable/"), reason=f"You posted {string_of(cast.key)}")
    assert page.status == 422
    assert "must not be kept here" in page
    assert not AuditEvent.objects.filter(verb="key.disabled").exists()


def test_disabling_a_deleted_key_is_refused_in_words(cast, sam):
    cast.key.mark_deleted(by=cast.ada)
    page = sam.post(page_of(cast.key, "disable/"), {"reason": "Abuse"})
    assert page.status == 422
    assert "This key has been deleted." in page


def test_opening_the_confirmation_changes_nothing(cast, sam):
    before = AuditEvent.objects.count()
    assert sam.get(page_of(cast.key, "disable/")).status == 200
    assert sam.get(page_of(cast.key, "enable/")).status == 200
    assert AuditEvent.objects.count() == before


def test_staff_without_the_permission_look_but_do_not_change(cast, as_user):
    browser = as_user(staff_with())
    page = browser.get(page_of(cast.key))
    assert page.status == 200
    assert not page.all("a[href*='/admin/keys/'], a[href$='/disable/']")
    for action in ("disable/", "enable/"):
        assert browser.get(page_of(cast.key, action)).status == 404
        assert browser.post(page_of(cast.key, action), {"reason": "Abuse"}).status == 404
    cast.key.refresh_from_db()
    assert cast.key.disabled_at is None


def addresses(key):
    return ["/support/", page_of(key), page_of(key, "disable/"), page_of(key, "enable/")]


@pytest.mark.parametrize("who", ["ada", "ben", "vera", "mallory"])
def test_customers_find_nothing_here(cast, as_user, who):
    browser = as_user(getattr(cast, who))
    for address in addresses(cast.key):
        for page in (browser.get(address), browser.post(address, {"q": cast.key.public_id, "reason": "Abuse"})):
            assert page.status == 404
            assert "Fleet tracking" not in page.source
    cast.key.refresh_from_db()
    assert cast.key.disabled_at is None
    assert not AuditEvent.objects.filter(verb__startswith="support.").exists()


def test_who_is_not_signed_in_is_asked_to(cast, client):
    for address in addresses(cast.key):
        for response in (client.get(address), client.post(address, {"q": cast.key.public_id})):
            assert response.status_code == 302
            assert response["Location"].startswith("/accounts/login/")


def test_former_staff_find_nothing_at_once(cast, as_user, sam):
    cast.sam.is_staff = False
    cast.sam.save(update_fields=["is_staff"])
    assert sam.get(page_of(cast.key)).status == 404


def test_an_id_that_no_key_has_is_not_found(sam):
    for wrong in ("key_0000000000000000", "nonsense"):
        assert sam.get(f"/support/keys/{wrong}/").status == 404


def test_markup_in_what_customers_wrote_stays_text(cast, sam):
    key = KeyFactory(organization=cast.northwind, name="<script>alert(1)</script>")
    log_request(key, client="<img src=x onerror=alert(1)>", host="<b>")
    page = sam.get(page_of(key))
    assert "<script>alert(1)" not in page.source
    assert not page.all("main img, main b > script")
    assert "<img src=x onerror=alert(1)>" in page
