"""The main job of the product through real HTTP, as a new customer would do it: nothing here looks into the database.

The tests are the chapters of one story, in the order in which they stand here.
"""

import io
import time

import pytest
from PIL import Image

from keys.registration import FIRST_KEY
from tests.demo import figures
from tests.demo.calls import SEARCH, TILE, Caller
from tests.demo.wire import Person, register

pytestmark = pytest.mark.demo

CATALOGUE = 17


@pytest.fixture(scope="module")
def grace(demo) -> Person:
    """A new customer."""
    return register(demo, "grace@hopper.example", organization="Hopper Maps")


@pytest.fixture(scope="module")
def key_id(grace) -> str:
    """Her first key."""
    found = grace.key_ids()
    assert list(found) == [FIRST_KEY]
    return found[FIRST_KEY]


@pytest.fixture(scope="module")
def application(demo) -> Caller:
    """Her application, which keeps count of what it is answered."""
    return Caller(demo.gateway_port)


@pytest.fixture(scope="module")
def strings() -> list[str]:
    """The strings of her key in the order in which they were made."""
    return []


def checkbox(page, label: str) -> str:
    """The value of the checkbox with this label."""
    labels = [each for each in page.all("label") if each.text_content().strip() == label]
    return labels[0].cssselect("input")[0].get("value")


def edit(person: Person, key_id: str, **changes) -> None:
    """Save the key's form with some changes; `without` names a product to take away."""
    page = person.open(f"/keys/{key_id}/edit/")
    if product := changes.pop("without", ""):
        products = page.fields("main form:not(.copy-form)")["products"]
        changes["products"] = [value for value in products if value != checkbox(page, product)]
        assert len(changes["products"]) == len(products) - 1
    assert "is saved" in person.act(f"/keys/{key_id}/edit/", **changes)


def is_the_world(picture: bytes) -> bool:
    """Whether it is a tile of the whole world: sea in the Pacific, land in Africa."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    assert image.size == (256, 256)
    sea, land = image.getpixel((28, 128)), image.getpixel((142, 122))
    return sea[2] > sea[0] + 10 and max(land) - min(land) < 10


def test_registering_gives_a_first_key_with_every_product(grace, key_id):
    page = grace.open(f"/keys/{key_id}/")
    assert len(page.all("dl.facts[data-kind=lines] li.chip")) == CATALOGUE
    assert "Freemium" in page
    assert "Manage QPS" not in page
    assert grace.get(f"/keys/{key_id}/qps/").status == 403


def test_the_copied_key_opens_the_world(grace, key_id, application, strings):
    strings.append(grace.reveal(key_id))
    shown = grace.open(f"/keys/{key_id}/")
    assert strings[0] not in shown.source
    assert f"{strings[0][:6]}…{strings[0][-4:]}" in shown
    assert "YOUR_API_KEY" in shown
    for answer in (
        application.ask(f"{TILE}&key={strings[0]}"),
        application.ask(TILE, x_api_key=strings[0]),
        application.ask(TILE, authorization=f"Bearer {strings[0]}"),
        application.ask(f"{TILE}&key=lkNoKeyAtAll", x_api_key=strings[0]),  # the header wins
    ):
        assert (answer.status, answer["Content-Type"]) == (200, "image/png")
        assert is_the_world(answer.body)
        assert answer["Tracking-ID"]
        assert answer["RateLimit-Limit"] == "1000"


def test_the_header_wins_over_a_right_key_in_the_address(demo, grace, strings):
    stranger = Caller(demo.gateway_port)
    answer = stranger.ask(
        f"{TILE}&key={strings[0]}", x_api_key=strings[0][:-1] + ("0" if strings[0][-1] != "0" else "1")
    )
    assert (answer.status, answer.code) == (401, "malformed_key")


def test_the_requests_are_in_analytics_to_the_unit(grace, application):
    assert application.totals["requests"] == 4
    print(f"Analytics showed everything after {figures.wait_for(grace, application):.1f} s.")


def test_rotating_with_a_delay_keeps_both_strings(grace, key_id, application, strings):
    page = grace.act(f"/keys/{key_id}/rotate/?step=2", delay="1")
    assert "00:59:5" in page.one("[data-countdown]").text_content()
    strings.append(grace.reveal(key_id))
    assert strings[1] != strings[0]
    deadline = time.monotonic() + 1
    while application.ask(TILE, x_api_key=strings[1]).status != 200:
        assert time.monotonic() < deadline, "the new string did not work within a second"
    assert application.ask(TILE, x_api_key=strings[0]).status == 200
    shown = grace.open(f"/keys/{key_id}/")
    old = shown.one("li.secret[data-state=grace]").text_content()
    assert f"{strings[0][:6]}…{strings[0][-4:]}" in old
    assert "until" in old
    assert shown.one("li.secret[data-state=grace] time[data-countdown]").get("datetime")
    assert "works for" in shown.one(".key-notices").text_content()


def test_rotating_immediately_ends_both_older_strings(grace, key_id, application, strings):
    grace.act(f"/keys/{key_id}/rotate/?step=2", delay="0")
    since = time.monotonic()
    for number, string in enumerate(strings, 1):
        taken = application.seconds_until(401, TILE, since=since, x_api_key=string)
        print(f"String {number} was refused {taken * 1000:.0f} ms after the answer to the rotation,", end=" ")
        print(f"{(taken + since - grace.sent_at) * 1000:.0f} ms after it was sent.")
        assert application.ask(TILE, x_api_key=string).code == "expired_key"
    strings.append(grace.reveal(key_id))
    assert application.ask(TILE, x_api_key=strings[2]).status == 200


def test_a_product_that_is_taken_away_is_refused_by_name(grace, key_id, application, strings):
    edit(grace, key_id, without="Map Display API")
    application.seconds_until(403, TILE, since=time.monotonic(), x_api_key=strings[2])
    answer = application.ask(TILE, x_api_key=strings[2])
    assert answer.code == "product_not_allowed"
    assert "Map Display API" in answer.json["detail"]
    assert answer.json["key_id"] == key_id
    assert application.ask(SEARCH, x_api_key=strings[2]).status == 200


def test_a_list_of_domains_refuses_requests_from_elsewhere(grace, key_id, application, strings):
    edit(grace, key_id, allowed_domains="example.com")
    time.sleep(1.0)  # the five of Search API are free again, and the change holds
    assert application.ask(SEARCH, x_api_key=strings[2]).code == "domain_not_allowed"
    wrong = application.ask(SEARCH, x_api_key=strings[2], referer="https://other.example/")
    assert (wrong.status, wrong.code) == (403, "domain_not_allowed")
    assert "other.example" in wrong.json["detail"]
    assert application.ask(SEARCH, x_api_key=strings[2], referer="https://example.com/shop").status == 200
    assert application.ask(SEARCH, x_api_key=strings[2], origin="https://example.com").status == 200


def test_requests_above_the_limit_are_breaches_to_the_unit(grace, application, strings):
    refused = 0
    for _ in range(3):
        time.sleep(1.05)
        answers, taken = application.burst(SEARCH, 30, x_api_key=strings[2], referer="https://example.com/")
        breaches = [answer for answer in answers if answer.status == 429]
        assert {answer.status for answer in answers} == {200, 429}
        if taken < 1:
            assert len(answers) - len(breaches) == 5, taken
        for answer in breaches:
            assert answer.code == "over_qps"
            assert int(answer["Retry-After"]) >= 1
            assert (answer["RateLimit-Limit"], answer["RateLimit-Remaining"]) == ("5", "0")
            assert int(answer["RateLimit-Reset"]) >= 1
        refused += len(breaches)
    assert application.totals["over_qps"] == refused > 50
    print(
        f"Analytics showed {refused} breaches after {figures.wait_for(grace, application):.1f} s: {application.totals}"
    )
    page = grace.open("/analytics/breaches/")
    row = next(row for row in page.all("#breaches-frame tbody tr") if FIRST_KEY in row.text_content())
    cells = [" ".join(cell.text_content().split()) for cell in row.cssselect("th, td")]
    assert cells[:3] == [FIRST_KEY, "Search API", "5"], cells
    assert str(refused) in cells
    reasons = " ".join(grace.open("/analytics/errors/").texts("#reason-frame tbody tr"))
    for code in ("over_qps", "expired_key", "product_not_allowed", "domain_not_allowed"):
        assert code in reasons, reasons


def test_a_deleted_key_is_refused_and_its_figures_stay(grace, key_id, application, strings):
    assert grace.submit(f"/keys/{key_id}/delete/", name="My first key").status == 422
    page = grace.act(f"/keys/{key_id}/delete/", name=FIRST_KEY)
    since = time.monotonic()
    assert "is deleted" in page
    taken = application.seconds_until(401, SEARCH, since=since, x_api_key=strings[2], referer="https://example.com/")
    print(f"The key was refused {taken * 1000:.0f} ms after the answer to its deletion,", end=" ")
    print(f"{(taken + since - grace.sent_at) * 1000:.0f} ms after it was sent.")
    assert application.ask(SEARCH, x_api_key=strings[2]).code == "unknown_key"
    for string in strings[:2]:
        assert application.ask(SEARCH, x_api_key=string).code == "unknown_key"
    assert grace.get(f"/keys/{key_id}/").status == 404
    assert grace.key_ids() == {}
    figures.wait_for(grace, application)
