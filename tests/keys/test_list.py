"""The tab API & SDK keys."""

import datetime as dt
import json
import re

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Plan
from keys import listing
from keys.models import ApiKey
from keys.queries import narrow
from tests import factories
from tests.factories import KeyFactory, string_of

DAY = dt.timedelta(days=1)


def row(page, key):
    return page.one(f"#{key.public_id}")


def test_a_row_shows_everything_about_a_key(cast, ada):
    key = KeyFactory(
        organization=cast.northwind,
        name="Web shop",
        billing_type="evaluation",
        allowed_domains=["shop.example.com", "*.example.org"],
        products=factories.products("map-display", "search", "routing", "traffic"),
    )
    shown = " ".join(row(ada.get("/keys/"), key).text_content().split())
    for text in ("Web shop", key.current_secret.hint, key.public_id, "Evaluation", "Map Display API", "+1", "Traffic API",
                 "shop.example.com, *.example.org", "Unused", "RotatedNever", "Last used"):  # fmt: skip
        assert text in shown or text in shown.replace(" ", ""), text
    assert string_of(key) not in ada.get("/keys/").source


def test_rows_keep_their_own_texts_where_they_are_otherwise_the_same(cast, ada):
    names = ["Web shop", "<b>Bold</b> & “quoted”", 'mark" onclick="', "Web shop"]
    keys = [KeyFactory(organization=cast.northwind, name=name, allowed_domains=[f"n{place}.example.com"])
            for place, name in enumerate(names)]  # fmt: skip
    page = ada.get("/keys/")
    for place, key in enumerate(keys):
        shown = row(page, key)
        assert shown.cssselect("h2 a")[0].text_content() == key.name
        assert shown.cssselect("h2 a")[0].get("href") == f"/keys/{key.public_id}/"
        assert shown.cssselect(".key-menu button")[0].get("aria-label") == f"Actions for {key.name}"
        assert shown.cssselect(".copy-form")[0].get("action") == f"/keys/{key.public_id}/reveal/"
        assert shown.cssselect(".copy-form code")[0].text_content() == key.current_secret.hint
        assert shown.cssselect(".domains")[0].text_content().strip() == f"n{place}.example.com"
        assert {link.get("href").split("/")[2] for link in shown.cssselect("a")} == {key.public_id}
        assert not shown.cssselect("[onclick], b")
    assert not re.search("mark[0-9a-f]{16}", page.source)


def test_the_list_can_be_a_dense_table_and_stays_so_on_this_device(cast, ada):
    key = KeyFactory(organization=cast.northwind, name="Web shop", products=factories.products("search", "routing"))
    assert not ada.get("/keys/").all(".key-table")
    page = ada.get("/keys/", layout="table")
    assert not page.all(".key-row")
    line = " ".join(row(page, key).text_content().split())
    for text in ("Web shop", key.current_secret.hint, key.public_id, "Search API", "+1", "Never", "Unused"):
        assert text in line, text
    assert string_of(key) not in page.source
    assert page.one(".segments[data-kind=switch] [aria-current]").get("aria-label") == "Table"
    assert len(row(page, key).cssselect(".menu a")) == 5
    assert ada.get("/keys/", q="Web").all(".key-table tbody tr")
    found = ada.get("/keys/", htmx=True)
    assert found.all(".key-table")
    assert not found.all("h1")
    assert ada.get("/keys/", layout="cards").all(".key-row")
    assert ada.get("/keys/").all(".key-row")


def test_an_action_in_the_table_loads_it_again(cast, ada):
    ada.get("/keys/", layout="table")
    answer = ada.submit(f"/keys/{cast.key.public_id}/edit/", htmx=True, name="Lorries")
    assert answer["HX-Reswap"] == "none"
    assert {"keys-changed", "close-dialog"} <= set(json.loads(answer["HX-Trigger"]))
    assert not answer.all(".key-row")
    assert row(ada.get("/keys/"), cast.key).cssselect(".name a")[0].text == "Lorries"


def test_the_menu_has_five_items_and_works_as_links(cast, ada):
    key = row(ada.get("/keys/"), cast.key)
    assert key.cssselect("button[popovertarget]")[-1].get("aria-label") == "Actions for Fleet tracking"
    links = key.cssselect(".key-menu a")
    assert [" ".join(link.text_content().split()) for link in links] == [
        "Edit",
        "Rotate",
        "Manage QPS",
        "Disable",
        "Delete",
    ]
    for link in links:
        assert ada.get(link.get("href")).status == 200


@pytest.mark.parametrize("plan", [Plan.FREEMIUM, Plan.PAY_AS_YOU_GROW])
def test_other_plans_do_not_see_manage_qps_and_are_refused(cast, ada, plan):
    cast.northwind.plan = plan
    cast.northwind.save()
    assert "Manage QPS" not in ada.get("/keys/")
    assert "Manage QPS" not in ada.get(f"/keys/{cast.key.public_id}/")
    url = f"/keys/{cast.key.public_id}/qps/"
    assert ada.get(url).status == ada.post(url).status == 403


def test_viewers_see_no_menu_and_nothing_to_copy(cast, as_user):
    page = as_user(cast.vera).get("/keys/")
    assert "Fleet tracking" in page
    assert page.all(".key-menu a") == page.all("[data-copy-key]") == []
    assert "Create key" not in page


def states(cast):
    now = timezone.now()

    def make(name, **fields):
        key = KeyFactory(organization=cast.northwind, name=name)
        ApiKey.objects.filter(pk=key.pk).update(**{"last_used_at": now} | fields)
        return key

    make("is healthy")
    make("is unused", last_used_at=None)
    make("is disabled", disabled_at=now, disabled_by=cast.sam, disabled_reason="abuse")
    make("is expired", expires_at=now - DAY)
    make("is expiring", expires_at=now + DAY)
    make("is deleted", deleted_at=now)
    grace = make("is in grace")
    grace.rotate(by=cast.ada, version=grace.version, delay=DAY)


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ("healthy", ["is healthy"]),
        ("attention", ["is in grace", "is expiring", "is expired"]),
        ("disabled", ["is disabled"]),
        ("unused", ["is unused", "Fleet tracking"]),
        ("", ["is in grace", "is expiring", "is expired", "is disabled", "is unused", "is healthy", "Fleet tracking"]),
    ],
)
def test_states_narrow_the_list_and_are_counted(cast, ada, state, names):
    states(cast)
    page = ada.get("/keys/", state=state)
    assert page.texts(".key-name h2") == names
    assert page.texts("#states a") == ["All 7", "Healthy 1", "Needs attention 3", "Disabled 1", "Unused 2"]


def test_a_disabled_key_says_what_to_do_quoting_its_id(cast, ada):
    cast.key.disable(by=cast.sam, reason="found in a repository", as_staff=True)
    notice = " ".join(row(ada.get("/keys/"), cast.key).cssselect(".notice")[0].text_content().split())
    assert "Disabled by the provider" in notice
    assert "found in a repository" in notice
    assert f"Contact support, quoting {cast.key.public_id}" in notice


@pytest.mark.parametrize(
    "query",
    ["Web", "web SHOP", "{id}", "{lower}", "{spoken}", "{hint}", "{dots}", "{end}", "shop.example.com", "EXAMPLE.com"],
)
def test_searching_finds_by_name_id_hint_and_domain(cast, ada, query):
    key = KeyFactory(organization=cast.northwind, name="Web shop", allowed_domains=["shop.example.com"])
    hint = key.current_secret.hint
    forms = {
        "id": key.public_id,
        "lower": key.public_id.lower(),
        "spoken": key.public_id.removeprefix("key_").replace("0", "O").replace("1", "l"),
        "hint": hint,
        "dots": hint.replace("…", "..."),
        "end": hint[-4:],
    }
    page = ada.get("/keys/", q=query.format(**forms))
    assert page.texts(".key-name h2") == ["Web shop"]


def test_searching_for_a_whole_key_takes_it_out_of_the_address(cast, ada):
    string = string_of(cast.key)
    page = ada.get("/keys/", q=f" {string} ")
    assert page.status == 302
    assert string not in page["Location"]
    page = ada.get(page["Location"])
    assert page.texts(".key-name h2") == ["Fleet tracking"]
    assert string not in page.source


def test_a_product_narrows_and_the_order_can_be_chosen(cast, ada):
    KeyFactory(organization=cast.northwind, name="A routing key", products=factories.products("routing"))
    assert ada.get("/keys/", product="routing").texts(".key-name h2") == ["A routing key"]
    assert ada.get("/keys/", sort="name").texts(".key-name h2") == ["A routing key", "Fleet tracking"]
    assert ada.get("/keys/", sort="created").texts(".key-name h2") == ["A routing key", "Fleet tracking"]
    assert ada.get("/keys/", sort="nonsense", page="nonsense", state="nonsense").status == 200


def test_an_empty_list_is_one_sentence_and_one_button(cast, ada):
    cast.key.mark_deleted(by=cast.ada)
    page = ada.get("/keys/")
    assert "Northwind Routing has no keys." in page
    assert page.texts(".empty .button") == ["Create key"]
    assert "No key matches." in ada.get("/keys/", q="zzzz")


@pytest.fixture
def many_keys(cast):
    """10,000 keys of one organisation, written past the verbs: only the list is of interest."""
    columns = {field.column: field.column for field in ApiKey._meta.concrete_fields if not field.primary_key}
    different = columns | {"public_id": "'key_' || lpad(n::text, 16, '0')", "name": "'Key ' || lpad(n::text, 5, '0')"}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no gateway is to be told
        cursor.execute(
            f"INSERT INTO keys_apikey ({', '.join(columns)}) SELECT {', '.join(different.values())} "
            "FROM keys_apikey, generate_series(0, 9999) AS n WHERE id = %s",
            [cast.key.pk],
        )
        cursor.execute(
            "INSERT INTO keys_keysecret (key_id, number, digest, hint, created_at) "
            "SELECT id, 1, sha256(public_id::bytea), 'lk' || right(name, 4) || '…abcd', created_at "
            "FROM keys_apikey WHERE name LIKE 'Key %'"
        )
        cursor.execute(
            "INSERT INTO keys_keyproduct (key_id, product_id) SELECT key.id, product.id FROM keys_apikey AS key, "
            "keys_product AS product WHERE key.name LIKE 'Key %' AND code IN ('search', 'routing', 'traffic', 'map-display')"
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("ANALYZE")  # as PostgreSQL does by itself after a while


def test_ten_thousand_keys_take_at_most_nine_queries_and_come_by_fifty(
    cast, ada, many_keys, django_assert_max_num_queries
):
    for query in ({}, {"q": "Key 0999"}, {"product": "routing", "state": "unused", "page": "150"}):
        with django_assert_max_num_queries(9):
            page = ada.get("/keys/", **query)
        assert 1 <= len(page.all(".key-row")) <= 50
    page = ada.get("/keys/")
    assert len(page.all(".key-row")) == 50
    assert "1 to 50 of 10,001" in page
    last = ada.get("/keys/", page="201")
    assert last.texts(".key-name h2") == ["Fleet tracking"]
    assert last.one("[rel=prev]").get("href") == "?page=200"
    assert [link.get("href") for link in last.all(".pager a")] == ["/keys/", "?page=200"]


def test_htmx_gets_the_list_alone(cast, ada):
    page = ada.get("/keys/", htmx=True, q="fleet")
    assert page.source.strip().startswith('<div id="key-list"')
    assert "HX-Request" in page["Vary"]


def test_domains_of_other_alphabets_are_shown_and_found_as_people_write_them(cast, ada, as_user):
    ApiKey.objects.filter(pk=cast.key.pk).update(allowed_domains=["*.xn--mnchen-3ya.example", "xn--pypal-4ve.com"])
    for query in ("München", "mnchen-3ya"):
        assert row(ada.get("/keys/", q=query), cast.key).cssselect(".domains")[0].text_content().strip() == (
            "*.münchen.example, xn--pypal-4ve.com"
        )
    assert not ada.get("/keys/", q="Möwe").all(".key-row")
    for page in (
        ada.get(f"/keys/{cast.key.public_id}/"),
        as_user(cast.sam).get(f"/support/keys/{cast.key.public_id}/"),
    ):
        assert "*.münchen.example *.xn--mnchen-3ya.example" in page
        assert page.text.count("xn--pypal-4ve.com") == 1


@pytest.mark.parametrize("product", ["", "routing"])
@pytest.mark.parametrize(
    "query",
    ["", " ", "a", "%", "_a%", "...", "fleet", "Ö...ß", "lk_...4Ab\\", "any...text", "key_7F3K9M2QX4TB8WNE", "7f3k 9m2q-x4tb 8wne", "x" * 300],
)  # fmt: skip
def test_a_search_that_was_compiled_before_asks_what_it_would_anew(cast, query, product):
    listing.statement_of(cast.other, "another...text", "search")
    found = narrow(cast.northwind.keys.kept(), query, product).order_by().values_list(*listing._COLUMNS)
    statement, parameters = found.query.sql_with_params()
    assert listing.statement_of(cast.northwind, query, product) == (statement, tuple(parameters))
