"""What the demo says about itself is true."""

import io
import re
import stat
from urllib.parse import urlsplit

import pytest
from PIL import Image

from accounts.models import Plan
from dashboard.demo.cast import NORTHWIND
from tests.demo.calls import Caller
from tests.demo.running import free_port
from tests.demo.wire import Person

pytestmark = pytest.mark.demo


def test_the_file_names_addresses_people_and_keys(demo):
    facts = demo.facts
    assert (facts["dashboard"], facts["gateway"]) == (demo.dashboard, demo.gateway)
    assert {person["plan"] for person in facts["people"] if person["role"] == "owner"} == set(Plan.values)
    assert [person["role"] for person in facts["people"] if person["plan"] is None] == ["admin"]
    assert all(person["email"] and person["password"] for person in facts["people"])
    assert 25 <= len(facts["keys"]) <= 40
    assert all(set(key) == {"name", "id", "organisation"} for key in facts["keys"])
    assert stat.S_IMODE(demo.facts_path.stat().st_mode) == 0o600


def test_the_output_says_the_same(demo):
    said = demo.log()
    for person in demo.facts["people"]:
        assert re.search(rf"{re.escape(person['email'])}\s+{re.escape(person['password'])}\s", said), person
    for fact in ("dashboard", "gateway", "test_request"):
        assert demo.facts[fact] in said, fact
    assert "Traceback" not in said


def test_everybody_who_is_named_can_sign_in(demo):
    for someone in demo.facts["people"]:
        person = Person(demo, someone["email"]).sign_in(someone["password"])
        page = person.open("/keys/" if someone["plan"] else "/support/")
        assert someone["email"] in page
        if someone["plan"]:
            assert Plan(someone["plan"]).label in page.texts(".org-plan")
            listed = {key["id"] for key in demo.facts["keys"]}
            assert set(person.key_ids().values()) & listed


def test_alerts_are_set_and_have_a_history_that_agrees_with_their_state(demo):
    someone = demo.person("enterprise", "owner")
    ada = Person(demo, someone["email"]).sign_in(someone["password"])
    links = [link.get("href") for link in ada.open("/alerts/").all("tbody th a")]
    ends = {}
    for link in links:
        page = ada.open(link)
        ends[page.one("h1").text.strip()] = (
            page.one("h1 .state").text_content().strip(),
            [line.text for line in page.all(".history b")],
        )
    expected = {spec.name for spec in NORTHWIND.alerts}
    assert set(ends) >= expected  # other tests may have set more
    assert ends.pop("Checkout is silent")[1] == []
    for state, history in (ends[name] for name in expected & set(ends)):
        assert (state == "Firing") == (history[0] == "Fired")
        assert all(before != after for before, after in zip(history[1:], history, strict=False))


def test_the_test_request_shows_the_world(demo):
    address = urlsplit(demo.facts["test_request"])
    answer = Caller(demo.gateway_port).ask(f"{address.path}?{address.query}")
    assert (answer.status, answer["Content-Type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(answer.body)).size == (256, 256)


def test_traffic_sends_real_requests_and_says_what_was_answered(demo):
    answer = demo.run("traffic", "--seconds", "3", "--rate", "20")
    assert answer.returncode == 0, answer.stderr
    told = re.search(r"Answered: (.+)", answer.stdout)
    assert told, answer.stdout
    counts = {status: int(count) for count, status in re.findall(r"(\d+) × ([^,]+)", told[1])}
    assert counts.get("200", 0) > 10, counts
    assert "no answer" not in counts


def test_traffic_without_a_gateway_says_so_at_once(demo):
    answer = demo.run("traffic", GATEWAY_PORT=str(free_port()))
    assert answer.returncode == 1
    assert "Nothing answers at http://localhost:" in answer.stderr
