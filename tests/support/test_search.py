"""The search of the support desk: what customers quote leads to their key."""

import pytest

from accounts.models import AuditEvent
from tests.factories import KeyFactory, string_of
from tests.support.staff import hint_of, log_request, secrets_of

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


@pytest.mark.parametrize(
    "quoted", ["northwind", "Northwind Routing", "ADA@northwind.example", "vera@northwind.example"]
)
def test_a_customer_or_a_member_gives_their_keys_only(cast, sam, quoted):
    KeyFactory(organization=cast.northwind, name="Second key")
    page = sam.post(SEARCH, {"q": quoted})
    assert set(found(page)) == {"Fleet tracking", "Second key"}
    assert "Other Maps" not in page


def test_the_id_of_an_organisation_gives_its_keys(cast, sam):
    KeyFactory(organization=cast.northwind, name="Second key")
    assert set(found(sam.post(SEARCH, {"q": cast.northwind.public_id.lower()}))) == {"Fleet tracking", "Second key"}


def test_a_deleted_key_is_found_too(cast, sam):
    cast.key.mark_deleted(by=cast.ada)
    assert sam.post(SEARCH, {"q": cast.key.public_id})["Location"] == goes_to(cast.key)


def test_a_tracking_id_gives_the_request_in_words_and_its_key(cast, sam):
    log_request(cast.key, tracking_id="6f1c-77", outcome="product_not_allowed", status=403)
    page = sam.post(SEARCH, {"q": "6f1c-77"})
    assert "Product not assigned" in page
    assert page.one("table tbody td a").get("href") == goes_to(cast.key)
    assert "Northwind Routing" in page


def test_a_tracking_id_of_an_unknown_key_is_found_without_a_key(cast, sam):
    log_request(None, tracking_id="lost-1", outcome="unknown_key", status=401)
    page = sam.post(SEARCH, {"q": "lost-1"})
    assert "Unknown key" in page
    assert "No known key" in page


def test_tracing_a_request_is_audited_for_its_customer(cast, sam):
    log_request(cast.key, tracking_id="6f1c-77")
    sam.post(SEARCH, {"q": "6f1c-77"})
    event = AuditEvent.objects.get(verb="support.traced")
    assert (event.target_id, event.organization, event.actor) == (cast.key.public_id, cast.northwind, cast.sam)
    assert event.as_staff
    assert event.after == {"tracking_id": "6f1c-77"}


def test_what_is_not_found_is_said_and_kept_nowhere(cast, sam):
    events = AuditEvent.objects.count()
    page = sam.post(SEARCH, {"q": "nobody-has-this"})
    assert "Nothing has this" in page
    assert "nobody-has-this" not in page.source
    assert AuditEvent.objects.count() == events


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
    with caplog.at_level("DEBUG"), django_assert_max_num_queries(5) as queries:
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
        KeyFactory(organization=cast.northwind, name=f"Key {number}")
    with django_assert_max_num_queries(8):
        page = sam.post(SEARCH, {"q": "northwind"})
    assert len(found(page)) == 50
    assert "There are more" in page
