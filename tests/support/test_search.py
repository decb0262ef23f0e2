"""The search of the support desk: what customers quote leads to their key."""

import datetime as dt

import pytest
import time_machine
from django.utils import timezone

from accounts.models import AuditEvent
from keys.models import QpsRequest
from tests.factories import KeyFactory, UserFactory, products, string_of
from tests.support.staff import hint_of, log_request, secrets_of, staff_with

SEARCH = "/support/"


@pytest.fixture
def sam(cast, as_user):
    return as_user(cast.sam)


def found(page):
    return page.texts("table th[scope=row] a")


def goes_to(key):
    return f"/support/keys/{key.public_id}/"


@pytest.mark.parametrize(
    "spoken",
    [
        str,
        str.lower,
        lambda text: text.removeprefix("key_"),
        lambda text: text.replace("0", "O").replace("1", "l").replace("V", "u"),
        lambda text: f" {text[:8]} {text[8:14]}-{text[14:]} ",
    ],
)
def test_an_id_as_people_say_it_leads_to_the_key(cast, sam, spoken):
    page = sam.post(SEARCH, {"q": spoken(cast.key.public_id)})
    assert (page.status, page["Location"]) == (302, goes_to(cast.key))


@pytest.mark.parametrize(
    "spoken",
    [
        str,
        str.lower,
        lambda hint: hint.replace("…", "..."),
        lambda hint: hint.replace("…", " … "),
        lambda hint: hint[:6],
        lambda hint: hint[:7],
        lambda hint: hint[-4:],
        lambda hint: hint[-5:],
    ],
)
def test_a_hint_or_a_part_of_it_leads_to_the_key(cast, sam, spoken):
    page = sam.post(SEARCH, {"q": spoken(hint_of(cast.key))})
    assert (page.status, page["Location"]) == (302, goes_to(cast.key))


def test_a_hint_of_an_old_string_leads_to_the_key(cast, sam):
    old = hint_of(cast.key)
    cast.key.rotate(by=cast.ada, version=cast.key.version)
    assert sam.post(SEARCH, {"q": old})["Location"] == goes_to(cast.key)


def test_a_hint_of_several_keys_gives_a_list(cast, sam):
    for key in (cast.key, cast.other_key):
        key.secrets.update(hint="lkSAME…9fQ2")
    page = sam.post(SEARCH, {"q": "lkSAME"})
    assert page.status == 200
    assert set(found(page)) == {cast.key.name, cast.other_key.name}


@pytest.mark.parametrize("quoted", ["northwind", "Northwind Routing", " NORTHWIND r", "org"])
def test_a_customer_is_found_by_the_beginning_of_its_name_and_by_its_id(cast, sam, quoted):
    page = sam.post(SEARCH, {"q": cast.northwind.public_id.lower() if quoted == "org" else quoted})
    assert (page.status, page["Location"]) == (302, f"/support/organizations/{cast.northwind.public_id}/")


@pytest.mark.parametrize("quoted", ["ADA@northwind.example", "ada@north", "Ada N", "nowak"])
def test_a_person_is_found_by_the_beginning_of_address_or_name(cast, sam, quoted):
    page = sam.post(SEARCH, {"q": quoted})
    assert (page.status, page["Location"]) == (302, f"/support/people/user_{cast.ada.pk}/")


def test_what_is_found_is_grouped_and_says_what_it_was_read_as(cast, sam):
    KeyFactory(organization=cast.northwind, name="Otherwise")
    UserFactory(email="other@northwind.example")
    page = sam.post(SEARCH, {"q": "other"})
    assert page.texts("section h2") == ["1 person", "1 organisation", "1 key"]
    assert found(page) == ["other@northwind.example", "Other Maps", "Otherwise"]
    assert "Read as a name, a hint or a Tracking-ID." in page


@pytest.mark.parametrize(
    "quoted", ["shop.fleet.example", "https://a.shop.fleet.example/cart?x=1", "SHOP.fleet.example:8443"]
)
def test_a_domain_leads_to_the_keys_that_allow_it_also_by_a_wildcard(cast, sam, quoted):
    products_ = products("search")
    cast.key.edit(by=cast.ada, version=1, name="Wild", products=products_, allowed_domains=["*.fleet.example"])
    cast.other_key.edit(by=cast.mallory, version=1, name="Apex", products=products_, allowed_domains=["fleet.example"])
    assert sam.post(SEARCH, {"q": quoted})["Location"] == goes_to(cast.key)
    assert sam.post(SEARCH, {"q": "fleet.example"})["Location"] == goes_to(cast.other_key)


def test_the_name_of_a_key_leads_to_it(cast, sam):
    assert sam.post(SEARCH, {"q": "fleet tr"})["Location"] == goes_to(cast.key)


def test_the_id_of_a_qps_request_leads_to_its_decision(cast, sam):
    wish = QpsRequest.submit(key=cast.key, product=products("search")[0], requested=9, reason="More", by=cast.ada)
    assert sam.post(SEARCH, {"q": wish.public_id.lower()})["Location"] == f"/support/qps/{wish.public_id}/"


@pytest.mark.parametrize("quoted", ["100%", "a_b", "100\\%"])
def test_letters_that_mean_something_to_the_database_mean_themselves(cast, sam, quoted):
    KeyFactory(organization=cast.northwind, name="100x axb")
    assert "Nothing has this" in sam.post(SEARCH, {"q": quoted})
    key = KeyFactory(organization=cast.northwind, name=f"{quoted} and more")
    assert sam.post(SEARCH, {"q": quoted})["Location"] == goes_to(key)


def test_a_deleted_key_is_found_too(cast, sam):
    cast.key.mark_deleted(by=cast.ada)
    assert sam.post(SEARCH, {"q": cast.key.public_id})["Location"] == goes_to(cast.key)


def test_a_tracking_id_leads_to_its_request(cast, sam):
    log_request(cast.key, tracking_id="6f1c-77", outcome="product_not_allowed", status=403)
    assert sam.post(SEARCH, {"q": "6f1c-77"})["Location"] == "/support/requests/6f1c-77/"


def test_tracing_a_request_is_audited_for_its_customer(cast, sam):
    log_request(cast.key, tracking_id="6f1c-77")
    sam.post(SEARCH, {"q": "6f1c-77"})
    event = AuditEvent.objects.get(verb="support.traced")
    assert (event.target_id, event.organization, event.actor) == (cast.key.public_id, cast.northwind, cast.sam)
    assert event.as_staff
    assert event.after == {"tracking_id": "6f1c-77"}


def test_what_is_not_found_is_said_and_its_words_are_kept_nowhere(cast, sam):
    for words in ("nobody-has-this", "nobody-has-this-either"):
        page = sam.post(SEARCH, {"q": words})
        assert "Nothing has this" in page
        assert words not in page.source
    event = AuditEvent.objects.get(verb="support.searched")
    assert (event.target_label, event.organization, event.as_staff) == ("nothing was found", None, True)


def test_a_search_is_audited_once_an_hour_for_each_person_and_term(cast, sam, as_user):
    for browser in (sam, sam, as_user(staff_with())):
        browser.post(SEARCH, {"q": "northwind"})
    sam.post(SEARCH, {"q": "fleet"})
    told = list(AuditEvent.objects.filter(verb="support.searched").order_by("pk"))
    assert [(event.actor.email, event.target_label) for event in told] == [
        ("sam@latchkey.example", "northwind"),
        ("tess@latchkey.example", "northwind"),
        ("sam@latchkey.example", "fleet"),
    ]
    assert {event.organization for event in told} == {cast.northwind}
    with time_machine.travel(timezone.now() + dt.timedelta(minutes=61), tick=False):
        as_user(cast.sam).post(SEARCH, {"q": "northwind"})
    assert AuditEvent.objects.filter(verb="support.searched").count() == 4


def test_a_search_that_concerns_several_customers_is_in_no_customers_log(cast, sam):
    KeyFactory(organization=cast.other, name="Fleet two")
    sam.post(SEARCH, {"q": "fleet"})
    assert AuditEvent.objects.get(verb="support.searched").organization is None


def test_the_audit_log_keeps_no_more_of_a_hint_than_a_hint_shows(cast, sam):
    string = string_of(cast.key)
    sam.post(SEARCH, {"q": f"{string[:14]}…{string[-9:]}"})
    event = AuditEvent.objects.get(verb="support.searched")
    assert event.target_label == f"{string[:6]}…{string[-4:]}"


def test_an_empty_search_is_refused_at_the_field(sam):
    page = sam.post(SEARCH, {"q": "  "})
    assert page.status == 422
    assert page.texts(".error") == ["Type what the customer quoted."]


def broken_over_lines(string):
    return f"{string[:20]}\n  {string[20:]}"


def with_a_typo(string):
    return string[:-1] + ("a" if string[-1] != "a" else "b")


@pytest.mark.parametrize(
    "pasted",
    [
        str,
        "?key={}".format,
        "my key is {} help".format,
        "lk{}".format,
        broken_over_lines,
        with_a_typo,
        lambda s: s[:-3],
    ],
)
def test_a_pasted_key_is_neither_looked_up_nor_kept_nor_shown(cast, sam, pasted, caplog, django_assert_max_num_queries):
    string, events = string_of(cast.key), AuditEvent.objects.count()
    with caplog.at_level("DEBUG"), django_assert_max_num_queries(6) as queries:
        page = sam.post(SEARCH, {"q": pasted(string)})
    assert page.status == 422
    assert "That was a key" in page
    assert "Use the ID" in page
    assert cast.key.public_id not in page.source
    for secret in secrets_of(cast.key):
        assert secret not in page.source
        assert secret not in "".join(query["sql"] for query in queries.captured_queries)
    assert string not in caplog.text.replace("\n", "")
    assert AuditEvent.objects.count() == events


def test_the_search_is_never_part_of_an_address(cast, sam):
    form = sam.get(SEARCH).one("main form")
    assert (form.get("method"), form.get("action")) == ("post", SEARCH)
    page = sam.get(SEARCH, q=cast.key.public_id)
    assert (page.status, found(page)) == (200, [])


def test_searching_needs_few_queries_however_many_match(cast, sam, django_assert_max_num_queries):
    for number in range(60):
        KeyFactory(organization=cast.northwind, name=f"Northern key {number}")
    with django_assert_max_num_queries(15):
        page = sam.post(SEARCH, {"q": "north"})
    assert len(found(page)) == 51
    assert "There are more" in page
