"""The command palette: keys by name, ID or hint, pages and actions; only what is the person's to call."""

import pytest

from tests.factories import KeyFactory, string_of
from tests.page import Page


def lines(page: Page, heading: str = "") -> list[str]:
    """Titles under a heading, or all."""
    groups = page.all("#found > [role=group]") or ([page.tree] if page.tree.get("id") == "found" else [])
    return [
        " ".join(line.text_content().split())
        for group in groups
        if not heading or [head.text for head in group.cssselect("h3")] == [heading]
        for line in group.cssselect("a > span:not(.state)")
    ]


def sought(browser, text: str) -> Page:
    return browser.get("/find/", htmx=True, q=text)


def test_a_key_is_found_by_name_id_and_hint(cast, ada):
    KeyFactory(organization=cast.northwind, name="Dispatch console")
    hint = cast.key.current_secret.hint
    for text in ("fleet", cast.key.public_id, cast.key.public_id.upper(), hint, hint[:6], hint[-4:]):
        page = sought(ada, text)
        assert lines(page, "Keys") == ["Fleet tracking"], text
        assert page.one(f"a:not([data-copy])[href='/keys/{cast.key.public_id}/']") is not None


def test_nothing_of_another_customer_is_found(cast, as_user):
    mallory = as_user(cast.mallory)
    for text in ("fleet", cast.key.public_id, cast.key.current_secret.hint, ""):
        page = sought(mallory, text)
        assert "Fleet tracking" not in page
        assert cast.key.public_id not in page.source


def test_one_key_offers_its_actions_to_who_may(cast, as_user):
    wanted = ["Copy ID of", "Edit", "Rotate", "Manage QPS of", "Disable", "Delete"]
    page = sought(as_user(cast.ben), "fleet")
    assert lines(page, "Actions on this key") == [f"{verb} Fleet tracking" for verb in wanted]
    assert page.one(f"a[hx-get='/keys/{cast.key.public_id}/rotate/']").get("hx-target") == "#dialog"
    assert page.one(f"a[data-copy='{cast.key.public_id}']").get("href") == f"/keys/{cast.key.public_id}/"
    assert lines(sought(as_user(cast.vera), "fleet"), "Actions on this key") == ["Copy ID of Fleet tracking"]


def test_on_the_page_of_a_key_its_actions_come_first(cast, ada, as_user):
    KeyFactory(organization=cast.northwind, name="Dispatch console")

    def opened(browser, path):
        return browser.get("/find/", htmx=path)

    for path in (f"/keys/{cast.key.public_id}/", f"/keys/{cast.key.public_id}/edit/"):
        assert lines(opened(ada, path))[:3] == [
            "Copy ID of Fleet tracking",
            "Edit Fleet tracking",
            "Rotate Fleet tracking",
        ]
    for path in ("/keys/", f"/keys/{cast.other_key.public_id}/", "/nowhere/"):
        assert lines(opened(ada, path), "Actions on this key") == []
    cast.key.mark_deleted(by=cast.ada)
    assert lines(opened(ada, f"/keys/{cast.key.public_id}/"), "Actions on this key") == []


@pytest.mark.parametrize(
    ("text", "who", "wanted"),
    [
        ("rotate fleet", "ben", ["Rotate Fleet tracking"]),
        ("fleet rot", "ben", ["Rotate Fleet tracking"]),
        ("remove disp", "ada", ["Delete Dispatch console"]),
        ("limits", "ada", ["Manage QPS of Dispatch console", "Manage QPS of Fleet tracking"]),
        ("rotate theirs", "ada", []),
        ("rotate fleet", "vera", []),
        ("copy fleet", "vera", ["Copy ID of Fleet tracking"]),
        ("ro fleet", "ada", []),
    ],
)
def test_a_verb_and_a_part_of_a_name_find_the_action(cast, as_user, text, who, wanted):
    KeyFactory(organization=cast.northwind, name="Dispatch console")
    assert lines(sought(as_user(getattr(cast, who)), text), "Actions on keys") == wanted


def test_a_deleted_key_is_not_found_and_a_disabled_one_can_be_enabled(cast, ada):
    other = KeyFactory(organization=cast.northwind, name="Fleet of old")
    other.mark_deleted(by=cast.ada)
    cast.key.disable(by=cast.ada, reason="")
    page = sought(ada, "fleet")
    assert lines(page, "Keys") == ["Fleet tracking"]
    assert "Enable Fleet tracking" in lines(page)
    assert "Disable Fleet tracking" not in lines(page)


@pytest.mark.parametrize(
    ("who", "there", "not_there"),
    [
        (
            "ada",
            {"Members", "Analytics", "Create key", "Invite a member", "Policy for keys"},
            {"Support desk", "Admin"},
        ),
        ("ben", {"Members", "Create key"}, {"Invite a member", "Policy for keys", "What members are asked for"}),
        ("vera", {"Members", "Analytics"}, {"Create key", "Invite a member", "Admin"}),
        ("sam", {"Support desk", "Admin", "Notices"}, {"API & SDK keys", "Members", "Create key"}),
    ],
)
def test_pages_and_actions_are_those_that_the_person_may_call(cast, as_user, who, there, not_there):
    browser = as_user(getattr(cast, who))
    page = browser.get("/find/", htmx=True)
    assert there <= set(lines(page))
    assert not not_there & set(lines(page))
    for link in page.all("#found a"):
        assert browser.get(link.get("href")).status in {200, 302}, link.get("href")


@pytest.mark.parametrize(
    ("text", "first"), [("audit", "Activity"), ("team", "Members"), ("mon stat", "Monthly statement")]
)
def test_pages_are_found_by_other_words_and_beginnings(cast, ada, text, first):
    assert lines(sought(ada, text)) == [first]


def test_nothing_found_says_so_and_repeats_nothing(cast, ada):
    page = sought(ada, "<img src=x>zzz")
    assert "Nothing has this in its name" in page
    assert "zzz" not in page.source


def test_a_pasted_key_is_not_looked_up_and_not_repeated(cast, ada):
    string = string_of(cast.key)
    for text in (string, f"see {string}", string[:-1] + ("a" if string[-1] != "a" else "b")):
        for htmx in (False, True):
            page = ada.get("/find/", htmx=htmx, q=text)
            assert page.status in {204, 302}
            assert string[8:20] not in page.source + page.response.get("Location", "") + page.response.get(
                "HX-Redirect", ""
            )


def test_without_scripts_it_is_a_page_of_links(cast, ada):
    page = ada.get("/find/", q="fleet")
    assert page.one("main form[role=search] input[name=q]").get("value") == "fleet"
    assert page.one(f"main a[href='/keys/{cast.key.public_id}/']") is not None
    assert not page.all("[role=combobox], [role=option], main [tabindex='-1']")


def test_in_the_dialog_the_field_is_a_combobox_of_the_list(ada):
    page = ada.get("/find/", htmx=True)
    box, found = page.one("input[role=combobox]"), page.one("#found[role=listbox]")
    assert box.get("aria-controls") == found.get("id")
    assert len({option.get("id") for option in page.all("[role=option]")}) == len(page.all("[role=option]"))
    assert not sought(ada, "a").all("input"), "typing swaps the list alone"


def test_one_look_up_is_one_query_of_keys(cast, ada, django_assert_max_num_queries):
    for _ in range(9):
        KeyFactory(organization=cast.northwind)
    sought(ada, "key")
    with django_assert_max_num_queries(5):
        assert len(lines(sought(ada, "key"), "Keys")) == 6


def test_the_shortcuts_are_those_of_the_person(cast, ada, as_user):
    assert "Create key" in ada.get("/shortcuts/", htmx=True).texts("dt")
    assert "Create key" not in as_user(cast.vera).get("/shortcuts/").texts("dt")


def test_single_keys_are_turned_off_for_this_device_and_on_again(ada):
    assert ada.get("/keys/").one("body").get("data-single-keys") is None
    assert ada.post("/shortcuts/", {"single_keys": "off"}).status == 302
    assert ada.get("/keys/").one("body").get("data-single-keys") == "off"
    assert "Single keys are off on this device." in ada.get("/shortcuts/")
    ada.post("/shortcuts/", {"single_keys": "on"})
    assert ada.get("/keys/").one("body").get("data-single-keys") is None


def test_every_shortcut_of_the_list_is_on_a_page(cast, as_user):
    """What the palette and the list of shortcuts name, some element answers to."""
    from dashboard.palette import PLACES

    sources = as_user(cast.ada).get("/keys/").source + as_user(cast.sam).get("/support/").source
    for place in PLACES:
        assert not place.shortcut or f'data-shortcut="{place.shortcut}"' in sources, place


def test_an_action_has_the_first_heading_of_its_page_and_the_second_in_the_dialog(cast, ada):
    for url in ("/find/", "/shortcuts/", "/keys/create/", f"/keys/{cast.key.public_id}/rotate/"):
        assert ada.get(url).one("h1").get("id") == "dialog-title"
        assert ada.get(url, htmx=True).one("h2").get("id") == "dialog-title"
        assert not ada.get(url, htmx=True).all("h1")
