"""Keys and the catalogue in the admin."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent
from keys.models import ApiKey, KeyProduct, KeySecret, Product, QpsRequest
from tests.factories import KeyFactory, products, string_of
from tests.support.staff import staff_with

KEYS = "/admin/keys/apikey/"


@pytest.fixture
def sam(cast, as_user):
    return as_user(cast.sam)


def page_of(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def change(browser, row, **fields):
    return browser.submit(page_of(row), selector=f"#{row._meta.model_name}_form", **fields)


def act(browser, action, *keys, **fields):
    data = {"action": action, "_selected_action": [key.pk for key in keys], "index": "0", **fields}
    return browser.post(KEYS, data, follow=True)


@pytest.mark.parametrize(
    "quoted",
    [
        lambda key: key.public_id,
        lambda key: key.public_id.lower().replace("0", "O").replace("1", "l"),
        lambda key: key.current_secret.hint,
        lambda key: key.current_secret.hint[-4:],
        lambda key: key.organization.public_id,
        lambda key: "northwind",
        lambda key: "vera@northwind.example",
        lambda key: "fleet",
    ],
)
def test_a_key_is_found_by_what_people_quote(cast, sam, quoted):
    page = sam.get(KEYS, q=quoted(cast.key))
    assert page.texts("#result_list tbody th") == ["Fleet tracking"]


@pytest.mark.parametrize(
    ("model", "column"), [("keysecret", "hint"), ("qpsrequest", "key_name"), ("keyproduct", "key")]
)
def test_what_belongs_to_a_key_is_found_by_its_id(cast, sam, model, column):
    QpsRequest.submit(key=cast.key, product=products("search")[0], requested=50, reason="More", by=cast.ada)
    page = sam.get(f"/admin/keys/{model}/", q=cast.key.public_id)
    assert 1 <= len(page.all("#result_list tbody tr")) <= 2
    assert "Their key" not in page.text


def test_the_list_says_the_state_of_each_key(cast, sam):
    cast.key.disable(by=cast.ada, reason="Leaked")
    cast.other.suspend(by=cast.sam, reason="Invoice 7")
    gone = KeyFactory(organization=cast.northwind, name="Gone")
    gone.mark_deleted(by=cast.ada)
    page = sam.get(KEYS)
    states = dict(zip(page.texts("#result_list tbody th"), page.texts("#result_list .field-state"), strict=True))
    assert states == {"Fleet tracking": "Disabled", "Their key": "Suspended", "Gone": "Deleted"}
    for name, state in states.items():
        assert sam.get(KEYS, state=state.lower()).texts("#result_list tbody th") == [name]
    assert sam.get(KEYS, state="healthy").texts("#result_list tbody th") == []


def test_disabling_asks_for_a_reason_then_disables_all_chosen(cast, sam):
    page = act(sam, "disable_chosen", cast.key, cast.other_key)
    assert "Fleet tracking" in page
    assert page.one("input[name=reason]") is not None
    assert not ApiKey.objects.exclude(disabled_at=None).exists()
    page = act(sam, "disable_chosen", cast.key, cast.other_key, answered="1", reason="")
    assert page.status == 422
    assert not ApiKey.objects.exclude(disabled_at=None).exists()
    page = act(sam, "disable_chosen", cast.key, cast.other_key, answered="1", reason="Abuse report 12")
    assert "2 keys are disabled." in page
    assert set(ApiKey.objects.values_list("disabled_reason", flat=True)) == {"Abuse report 12"}
    events = AuditEvent.objects.filter(verb="key.disabled")
    assert [(e.as_staff, e.actor, e.after) for e in events] == [(True, cast.sam, {"reason": "Abuse report 12"})] * 2


def test_the_page_between_sends_the_same_choice_again(cast, sam):
    page = act(sam, "disable_chosen", cast.key, cast.other_key)
    fields = page.fields("#content form")
    assert sorted(fields["_selected_action"]) == sorted([str(cast.key.pk), str(cast.other_key.pk)])
    page = sam.post(KEYS, fields | {"reason": "Abuse"}, follow=True)
    assert "2 keys are disabled." in page


def test_all_keys_that_a_search_found_are_disabled_when_all_are_chosen(cast, sam):
    for number in range(101):  # one more than a page
        KeyFactory(organization=cast.northwind, name=f"Key {number}", products=products("search"))
    address = f"{KEYS}?q=northwind"
    chosen = {"action": "disable_chosen", "_selected_action": [cast.key.pk], "select_across": "1", "index": "0"}
    fields = sam.post(address, chosen).fields("#content form")
    page = sam.post(address, fields | {"reason": "Abuse"}, follow=True)
    assert "102 keys are disabled." in page
    assert ApiKey.objects.filter(disabled_at=None).get() == cast.other_key


def test_disabling_reports_what_was_disabled_or_deleted_already(cast, sam):
    cast.key.disable(by=cast.sam, reason="Leaked", as_staff=True)
    gone = KeyFactory(organization=cast.northwind, name="Gone")
    gone.mark_deleted(by=cast.ada)
    page = act(sam, "disable_chosen", cast.key, cast.other_key, gone, answered="1", reason="Abuse")
    assert "1 key is disabled." in page
    assert "1 of the chosen were disabled by staff already and keep their reason." in page
    assert f"Gone ({gone.public_id}): This key has been deleted." in page
    cast.key.refresh_from_db()
    assert cast.key.disabled_reason == "Leaked"


def test_enabling_lets_keys_work_again(cast, sam):
    cast.key.disable(by=cast.sam, reason="Leaked", as_staff=True)
    page = act(sam, "enable_chosen", cast.key, cast.other_key)
    assert "1 key is enabled." in page
    assert "1 of the chosen were not disabled." in page
    assert AuditEvent.objects.get(verb="key.enabled").as_staff


@pytest.mark.parametrize("reason", ["lk{}", "You posted {}"])
def test_a_reason_with_a_key_in_it_is_refused(cast, sam, reason):
    page = act(sam, "disable_chosen", cast.key, answered="1", reason=reason.format(string_of(cast.key)))
    assert "must not be kept here" in page
    assert not AuditEvent.objects.filter(verb="key.disabled").exists()


def test_bulk_actions_need_the_permission_to_change(cast, as_user):
    browser = as_user(staff_with("keys.view_apikey"))
    assert browser.get(KEYS).status == 200
    act(browser, "disable_chosen", cast.key, answered="1", reason="Mischief")
    cast.key.refresh_from_db()
    assert cast.key.disabled_at is None
    assert browser.get(page_of(cast.key)).status == 200
    assert browser.post(page_of(cast.key), {"name": "Mine"}).status == 403


def test_editing_a_key_is_audited_and_makes_open_forms_of_the_customer_stale(cast, sam):
    version = cast.key.version
    page = change(sam, cast.key, name="Fleet", allowed_domains="*.fleet.example\nBücher.example", billing_type="free")
    assert page.status == 302
    cast.key.refresh_from_db()
    assert cast.key.allowed_domains == ["*.fleet.example", "xn--bcher-kva.example"]
    assert cast.key.version == version + 1
    event = AuditEvent.objects.get(verb="key.edited")
    assert event.before == {"name": "Fleet tracking", "billing": "Paying", "domains": []}
    assert event.after == {"name": "Fleet", "billing": "Free", "domains": ["*.fleet.example", "xn--bcher-kva.example"]}
    assert (event.as_staff, event.target_id) == (True, cast.key.public_id)


def test_saving_without_a_change_changes_nothing(cast, sam):
    version, events = cast.key.version, AuditEvent.objects.count()
    assert change(sam, cast.key).status == 302
    cast.key.refresh_from_db()
    assert (cast.key.version, AuditEvent.objects.count()) == (version, events)


def test_a_wrong_domain_is_refused_by_name(cast, sam):
    page = change(sam, cast.key, allowed_domains="fleet.example\nhttps://shop.example/")
    assert "“https://shop.example/” is an address" in page
    cast.key.refresh_from_db()
    assert cast.key.allowed_domains == []


def test_a_form_from_before_the_customers_change_is_refused(cast, sam):
    fields = sam.get(page_of(cast.key)).fields("#apikey_form")
    cast.key.edit(
        by=cast.ada, version=cast.key.version, name="Renamed", products=products("search"), allowed_domains=[]
    )
    page = sam.post(page_of(cast.key), fields | {"name": "Mine"})
    assert "Someone else changed this key a moment ago" in page
    cast.key.refresh_from_db()
    assert cast.key.name == "Renamed"


def test_a_limit_is_set_on_the_key_and_audited(cast, sam):
    row = KeyProduct.objects.get(key=cast.key, product__code="search")
    fields = sam.get(page_of(cast.key)).fields("#apikey_form")
    prefix = next(
        name.rpartition("-")[0] for name, value in fields.items() if name.endswith("-id") and value == str(row.pk)
    )
    assert sam.post(page_of(cast.key), fields | {f"{prefix}-qps_limit": "40"}).status == 302
    row.refresh_from_db()
    assert row.qps_limit == 40
    event = AuditEvent.objects.get(verb="key.edited")
    assert (event.before, event.after) == ({"limits": []}, {"limits": ["Search API: 40"]})


def test_taking_a_product_away_withdraws_what_was_asked_for_it(cast, sam):
    wish = QpsRequest.submit(key=cast.key, product=products("search")[0], requested=50, reason="More", by=cast.ada)
    row = KeyProduct.objects.get(key=cast.key, product__code="search")
    fields = sam.get(page_of(cast.key)).fields("#apikey_form")
    prefix = next(
        name.rpartition("-")[0] for name, value in fields.items() if name.endswith("-id") and value == str(row.pk)
    )
    assert sam.post(page_of(cast.key), fields | {f"{prefix}-DELETE": "on"}).status == 302
    wish.refresh_from_db()
    assert wish.state == "withdrawn"
    assert AuditEvent.objects.get(verb="qps.withdrawn").as_staff
    assert AuditEvent.objects.get(verb="key.edited").after == {"products": ["Map Display API"]}


def test_a_billing_type_that_the_plan_lacks_is_not_offered(cast, sam):
    offered = [option.get("value") for option in sam.get(page_of(cast.key)).all("#id_billing_type option")]
    assert offered == ["paying", "evaluation", "free"]
    assert change(sam, cast.key, billing_type="freemium").status == 200
    cast.key.refresh_from_db()
    assert cast.key.billing_type == "paying"


def test_a_deleted_key_is_only_looked_at(cast, sam):
    cast.key.mark_deleted(by=cast.ada)
    page = sam.get(page_of(cast.key))
    assert page.status == 200
    assert not page.all("input[name=_save], input[name=name]")
    assert sam.post(page_of(cast.key), {"name": "Back"}).status == 403


def test_nobody_adds_or_deletes_keys_and_strings(cast, sam):
    for row in (cast.key, cast.key.current_secret, cast.key.key_products.first(), products("search")[0]):
        delete = page_of(row).replace("change", "delete")
        assert sam.get(delete).status == 403
        assert sam.post(delete, {"post": "yes"}).status == 403
    for model in ("apikey", "keysecret", "keyproduct", "qpsrequest", "gatewaynode", "gatewaychange", "submission"):
        assert sam.get(f"/admin/keys/{model}/add/").status == 403
    assert KeySecret.objects.count() == 2


def test_a_string_shows_number_hint_and_dates_and_takes_no_change(cast, sam):
    secret = cast.key.current_secret
    page = sam.get(page_of(secret))
    assert secret.hint in page
    labels = " ".join(page.texts(".form-row label, .form-row .readonly")).lower()
    assert "digest" not in labels
    assert "sealed" not in labels
    assert sam.post(page_of(secret), {"hint": "lkXXXX…XXXX", "expires_at_0": "", "digest": "00"}).status == 403
    fields = sam.get(page_of(cast.key)).fields("#apikey_form")
    sam.post(page_of(cast.key), fields | {"secrets-0-hint": "lkXXXX…XXXX", "secrets-0-DELETE": "on"})
    secret.refresh_from_db()
    assert secret.hint == string_of(cast.key)[:6] + "…" + string_of(cast.key)[-4:]


def test_posting_every_field_of_a_key_changes_only_what_the_form_offers(cast, sam):
    before = ApiKey.objects.filter(pk=cast.key.pk).values().get()
    fields = sam.get(page_of(cast.key)).fields("#apikey_form")
    moment = {"_0": "2030-01-01", "_1": "00:00:00"}
    forged = {
        "public_id": "key_0000000000000000",
        "organization": cast.other.pk,
        "version": "99",
        "created_by": cast.mallory.pk,
    }
    forged |= {
        f"{name}{part}": value for name in ("deleted_at", "disabled_at", "rotated_at") for part, value in moment.items()
    }
    sam.post(page_of(cast.key), fields | forged)
    assert ApiKey.objects.filter(pk=cast.key.pk).values().get() == before


def test_an_end_date_is_kept_when_another_field_changes(cast, sam):
    end = timezone.now().replace(microsecond=0) + dt.timedelta(days=30)
    ApiKey.objects.filter(pk=cast.key.pk).update(expires_at=end)
    change(sam, cast.key, name="Fleet")
    cast.key.refresh_from_db()
    assert cast.key.expires_at == end
    assert AuditEvent.objects.get(verb="key.edited").after == {"name": "Fleet"}


def test_changing_the_catalogue_is_audited(sam):
    product = Product.objects.get(code="search")
    fields = sam.get(page_of(product)).fields("#product_form")
    number = fields["routes-INITIAL_FORMS"]
    route = {f"routes-{number}-path_prefix": "/search/3/", f"routes-{number}-product": product.pk}
    assert sam.post(page_of(product), fields | {"default_qps": "7"} | route).status == 302
    event = AuditEvent.objects.get(verb="product.edited")
    assert (event.before, event.after) == (
        {"default_qps": 5, "routes": ["/search/2/"]},
        {"default_qps": 7, "routes": ["/search/2/", "/search/3/"]},
    )
    assert (event.target_id, event.organization, event.as_staff) == ("search", None, True)


def test_adding_a_product_is_audited(sam):
    sam.submit(
        "/admin/keys/product/add/", selector="#product_form", name="Weather API", code="weather", default_qps="5", position="90",
        **{"routes-0-path_prefix": "/weather/1/"},
    )  # fmt: skip
    assert AuditEvent.objects.get(verb="product.created").after["routes"] == ["/weather/1/"]


def test_a_path_prefix_that_no_path_begins_with_is_refused(sam):
    product = Product.objects.get(code="search")
    fields = sam.get(page_of(product)).fields("#product_form")
    number = fields["routes-INITIAL_FORMS"]
    page = sam.post(
        page_of(product), fields | {f"routes-{number}-path_prefix": "search?x", f"routes-{number}-product": product.pk}
    )
    assert "A path prefix begins with /" in page


def test_the_list_counts_what_its_filters_would_leave(cast, as_user):
    """Also while it is narrowed by a product, where the list stands inside another question."""
    sam = as_user(cast.sam)
    for narrowed in (
        "products__id__exact=1",
        "products__isnull=True",
        "state=healthy",
        "products__id__exact=1&state=unused",
    ):
        page = sam.get(f"/admin/keys/apikey/?_facets=True&{narrowed}")
        assert page.status == 200
        assert "(0)" in page


def test_the_admin_writes_times_of_24_hours_and_names_each_room_once(cast, as_user):
    at = dt.datetime(2026, 3, 1, 14, 30, tzinfo=dt.UTC)
    ApiKey.objects.filter(pk=cast.key.pk).update(last_used_at=at)
    sam = as_user(cast.sam)
    assert "1 Mar 2026, 14:30" in sam.get("/admin/keys/apikey/").texts(".field-last_used_at")
    rooms = sam.get("/admin/").texts("#content-main caption")
    assert len(rooms) == len(set(rooms))
