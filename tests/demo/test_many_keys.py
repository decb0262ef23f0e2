"""Fifty keys, and with them everything that a customer, their program and support can do: what `test_traces.py` then looks for.

The tests are the chapters of one story, in the order in which they stand here. Every string that anybody was given is in `demo.handed_out`.
"""

import json
import time
import uuid
from urllib.parse import urlsplit

import pytest

from tests.demo.calls import SEARCH, TILE, Caller
from tests.demo.running import eventually
from tests.demo.wire import Person, mail_to
from tests.gateway.http import raw
from tests.key_places import requests_with

pytestmark = pytest.mark.demo

STORIES = (
    "rotated with a delay",
    "rotated now",
    "extended",
    "retired",
    "disabled",
    "enabled",
    "deleted",
    "new again",
    "old again",
    "edited",
)
"""What becomes of a key of each name."""
PLANS = ("enterprise", "pay_as_you_grow", "freemium")


@pytest.fixture(scope="module")
def owners(demo) -> list[Person]:
    """The owner of each customer of the demo."""
    return [
        Person(demo, each["email"]).sign_in(each["password"]) for each in (demo.person(plan, "owner") for plan in PLANS)
    ]


@pytest.fixture(scope="module")
def ada(owners) -> Person:
    return owners[0]


@pytest.fixture(scope="module")
def sam(demo) -> Person:
    someone = demo.person(None, "admin")
    return Person(demo, someone["email"]).sign_in(someone["password"])


@pytest.fixture(scope="module")
def form(ada) -> dict:
    """What the form for a new key sends, with every product."""
    page = ada.open("/keys/create/")
    products = [each.get("value") for each in page.all("input[name=products]")]
    return page.fields("main form:not(.copy-form)") | {"products": products}


@pytest.fixture(scope="module")
def made(ada, form) -> dict[str, tuple[str, str]]:
    """The ID and the first string of a new key for each story, and of some without one."""
    return {name: _create(ada, form, name) for name in (*STORIES, *(f"Plain {number}" for number in range(8)))}


def _create(person: Person, form: dict, name: str) -> tuple[str, str]:
    page = person.post("/keys/create/", {**form, "name": name, "token": str(uuid.uuid4())})
    assert page.status == 302, page.text[:300]
    key_id = urlsplit(page["Location"]).path.split("/")[2]
    return key_id, _copy(person, key_id, form["csrfmiddlewaretoken"])


def _copy(person: Person, key_id: str, token: str) -> str:
    """Copy a key as the script does it, without looking at its page first."""
    headers = {"Accept": "application/json"}
    answer = person.client.post(f"/keys/{key_id}/reveal/", {"csrfmiddlewaretoken": token}, headers=headers)
    assert answer.status_code == 200, answer.content[:300]
    string = json.loads(answer.content)["key"]
    person.demo.handed_out.add(string)
    return string


def test_every_key_that_a_customer_sees_is_copied(demo, owners):
    before = len(demo.handed_out)
    for owner in owners:
        page = owner.open("/keys/")
        token = page.all("[name=csrfmiddlewaretoken]")[0].get("value")
        for button in page.all("form[data-copy-key]"):
            key_id = button.get("action").split("/")[2]
            _copy(owner, key_id, token)
    assert len(demo.handed_out) >= before + 20


def test_each_key_has_its_story(demo, ada, form, made):
    token = form["csrfmiddlewaretoken"]
    for name, (key_id, _) in made.items():
        url = f"/keys/{key_id}"
        if name in ("rotated with a delay", "extended", "retired"):
            ada.act(f"{url}/rotate/?step=2", delay="1")
        if name == "rotated now":
            ada.act(f"{url}/rotate/?step=2", delay="0")
        if name == "extended":
            ada.act(f"{url}/extend/", delay="72")
        if name == "retired":
            ada.act(f"{url}/retire/")
        if name in ("disabled", "enabled"):
            ada.act(f"{url}/disable/", reason="It was in a screenshot.")
        if name == "enabled":
            ada.act(f"{url}/enable/")
        if name == "edited":
            ada.act(f"{url}/edit/", allowed_domains="*.example.com, münchen.de", name="Edited")
        if name in ("deleted", "new again", "old again"):
            ada.act(f"{url}/delete/", name=name)
        if name.endswith("again"):
            ada.act(f"{url}/undelete/", string=name.partition(" ")[0])
        if name.startswith(("rotated", "extended", "retired", "new")):
            _copy(ada, key_id, token)
    assert len(demo.handed_out) >= 50


def test_programs_send_keys_in_right_and_wrong_places(demo, made):
    """To the gateway and, by mistake, to the dashboard; how an allowed request ended is reported."""
    string = made["old again"][1]
    application = Caller(demo.gateway_port)
    eventually(lambda: application.ask(TILE, x_api_key=string).status == 200, what="the key works again")
    for one in demo.handed_out:
        application.ask(SEARCH, x_api_key=one, referer="https://shop.example/")
    for port, good in ((demo.gateway_port, TILE.partition("?")[0]), (demo.port, "/keys/")):
        for name, data in requests_with(string, good, "/nowhere/").items():
            status = raw(port, data)[9:12]
            assert status[:1] in (b"2", b"3", b"4", b""), (port, name, status)
    verdict = application.ask("/authorize", x_api_key=string, x_original_uri=TILE)
    told = [{"report": verdict["X-Latchkey-Report"], "status": 502, "duration_ms": 7}]
    reported = application.ask("/v1/report", method="POST", body=json.dumps(told).encode())
    assert (reported.status, reported.json["recorded"]) == (200, 1), reported.body
    asked = {"key": string, "path": "/map/1/x", "tracking_id": "many-keys"}
    batch = application.ask(
        "/v1/verify", method="POST", body=json.dumps([asked, {**asked, "path": f"/{string}"}]).encode()
    )
    assert batch.status == 200, batch.body


def test_keys_are_pasted_where_they_do_not_belong(demo, ada, sam, form, made):
    key_id, string = made["enabled"]
    token = form["csrfmiddlewaretoken"]
    forms = {
        "/keys/create/": {**form, "name": f"my {string}", "token": str(uuid.uuid4())},
        f"/keys/{key_id}/disable/": {"reason": f"{string} leaked", "token": str(uuid.uuid4()), "version": "1"},
        f"/keys/{key_id}/qps/": {"requested": "9", "reason": string, "token": str(uuid.uuid4())},
        "/alerts/create/?condition=errors": {"name": string, "webhook_url": f"https://shop.example/?key={string}"},
        "/accounts/login/": {"login": f"{string}@shop.example", "password": string},
        "/accounts/reauthenticate/": {"password": string},
        "/accounts/security/app/": {"code": string},
        "/theme/": {"theme": string, "next": f"/keys/?q={string}"},
        "/language/": {"language": string},
    }
    for url, fields in forms.items():
        answer = ada.post(url, {"csrfmiddlewaretoken": token, **fields})
        assert answer.status in (200, 302, 400, 404, 422), (url, answer.status)
        assert string[6:-4] not in answer.source, url
    for url in ("/keys/", "/find/", "/analytics/", "/activity/", "/notices/", f"/keys/{key_id}/"):
        assert string[6:-4] not in ada.get(f"{url}?q={string}").source, url
    assert sam.submit("/support/", selector="form[role=search]", q=f"it is {string}").status == 422
    for url in ("/admin/keys/apikey/", "/admin/accounts/organization/", "/admin/accounts/auditevent/"):
        assert string[6:-4] not in sam.get(f"{url}?q={string}").source, url
    notes = sam.open(f"/support/keys/{key_id}/").one("form[action*=notes]")
    written = sam.post(notes.get("action"), dict(notes.form_values()) | {"text": f"They sent {string}"})
    assert written.status == 422
    assert string[6:-4] not in written.source


def test_what_is_told_and_taken_away_is_there(demo, ada, sam, made):
    """Mails, webhooks, files, support's look-up of a request; that they hold no key is seen with everything else."""
    key_id, string = made["rotated with a delay"]
    sam_disables = sam.submit(f"/support/keys/{key_id}/disable/", reason="It is in a public repository.")
    assert sam_disables.status == 302
    mail_to(demo, ada.email, "Key disabled: rotated with a delay")
    hook = ada.submit(
        "/alerts/create/?condition=errors", name="Hooked", webhook_url="https://hooks.example.com/hook", follow=True
    )
    assert "Hooked" in hook
    alert = next(link.get("href") for link in ada.open("/alerts/").all("tbody th a") if link.text_content() == "Hooked")
    ada.act(f"{alert}test/")
    pages = [ada.open(url) for url in ("/analytics/", "/activity/")]
    links = {each.get("href") for page in pages for each in page.all("main a[href*=csv], main a[href*=json]")}
    assert len(links) >= 3, links
    for link in links:
        assert string not in ada.open(link).source
    application, told = Caller(demo.gateway_port), f"many-{time.time_ns()}"
    application.ask(SEARCH, x_api_key=made["enabled"][1], tracking_id=told)
    eventually(
        lambda: sam.act("/support/", selector="form[role=search]", q=told).all("ol.checks"), what="it is explained"
    )
