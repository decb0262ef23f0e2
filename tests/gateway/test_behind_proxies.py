"""A real nginx, a real Caddy and a real HAProxy with the files of deploy/, before an upstream that fails on purpose."""

import collections
import socket

import pytest
from django.db.models import Sum

from analytics.models import UsageDay, UsageError, UsageHour, UsageMinute
from keys.models import KeyProduct
from tests.factories import string_of
from tests.gateway.http import Http
from tests.gateway.processes import free_port, wait_until
from tests.gateway.proxies import STARTERS, Proxy

API = "/search/2"
OURS = ("X-Latchkey-Key-Id", "X-Latchkey-Organization-Id", "X-Latchkey-Product")


@pytest.fixture(scope="module", params=sorted(STARTERS))
def proxy(request, _shared_gateway, tmp_path_factory):
    """A proxy before the shared gateway."""
    folder = tmp_path_factory.mktemp("proxy") / request.param
    syslog = _shared_gateway.environment["GATEWAY_SYSLOG"]
    with STARTERS[request.param](folder, _shared_gateway.port, syslog) as made:
        yield made


@pytest.fixture
def string(people, gateway) -> str:
    """The string of Ada's key, known to the gateway."""
    made, http = string_of(people.key), gateway.http()
    wait_until(lambda: http.ask("/nowhere", x_api_key=made).status == 404, within_s=2)
    return made


@pytest.fixture
def api(proxy: Proxy, gateway):
    """A connection to the proxy, whose upstream has received nothing yet."""
    proxy.upstream.received.clear()
    opened = Http(proxy.port)
    yield opened
    opened.close()


def test_the_upstream_learns_who_asks_and_never_the_key(api, proxy, people, string):
    for headers, query in (
        ({"x_api_key": string}, f"a=1&key={string}&b=%20%C3%A9&b=2"),
        ({"authorization": f"Bearer {string}", "x_api_key": string}, f"a=1&b=%20%C3%A9&k%65y={string}&b=2"),
        ({"authorization": f"bearer {string}"}, "a=1&b=%20%C3%A9&b=2"),
        ({"referer": f"https://maps.example/page?key={string}#here"}, f"key={string}&a=1&b=%20%C3%A9&b=2"),
    ):
        answer = api.ask(f"{API}/a%2Fb%20c/ok?{query}", **headers)
        assert (answer.status, answer.json, answer["X-Upstream"]) == (200, {"from": "upstream", "status": 200}, "yes")
        received = proxy.upstream.received.pop()
        assert string not in received.text
        assert received.target == f"{API}/a%2Fb%20c/ok?a=1&b=%20%C3%A9&b=2"
        given = [received[name] for name in OURS]
        assert given == [people.key.public_id, people.northwind.public_id, "search"]
        assert received["Tracking-ID"] == answer["Tracking-ID"]
        assert answer["RateLimit-Limit"] == "5"
        assert 0 <= int(answer["RateLimit-Remaining"]) < 5
        assert answer["RateLimit-Reset"] == "1"
        assert "X-Latchkey-Report" not in answer.headers
        assert received["Referer"] in {None, "", "https://maps.example/page"}
    assert string not in proxy.written


def test_bodies_and_other_credentials_pass(api, proxy, string):
    answer = api.ask(f"{API}/x", method="POST", body=b"x" * 100_000, x_api_key=string, authorization="Basic eDp5")
    received = proxy.upstream.received.pop()
    assert (answer.status, received.method, received.body) == (200, "POST", b"x" * 100_000)
    assert received["Authorization"] == "Basic eDp5"
    assert received["X-Latchkey-Product"] == "search"


def test_what_a_client_invents_goes_nowhere(api, proxy, people, string):
    invented = {
        "X-Latchkey-Key-Id": "evil", "X-Latchkey-Organization-Id": "evil", "X-Latchkey-Product": "evil",
        "X-Latchkey-Uri": "/evil", "X-Latchkey-Report": "evil", "X-Latchkey-Status": "evil", "X-Latchkey-Problem": "evil",
        "X_Latchkey_Key_Id": "evil", "x_latchkey_product": "evil",
        "X-Original-URI": "/evil", "X-Original-Method": "OPTIONS", "X-Forwarded-Uri": "/evil", "X-Forwarded-Method": "OPTIONS",
    }  # fmt: skip
    api._connection.request("GET", f"{API}/ok", headers={"X-Api-Key": string, **invented})
    response = api._connection.getresponse()
    response.read()
    assert response.status == 200
    received = proxy.upstream.received.pop()
    assert "evil" not in received.text
    assert [received[name] for name in OURS] == [people.key.public_id, people.northwind.public_id, "search"]
    assert received.target == f"{API}/ok"
    api._connection.request("GET", f"{API}/ok", headers=invented)
    response = api._connection.getresponse()
    response.read()
    assert response.status == 401
    assert proxy.upstream.received == []


def test_refusals_come_through_whole(api, proxy, gateway, people, string):
    """Status, problem and headers are those of the gateway asked directly, and the upstream hears nothing."""
    people.other_key.disable(by=people.sam, reason="leaked", as_staff=True)
    disabled = string_of(people.other_key)
    direct = gateway.http()
    wait_until(lambda: direct.ask(f"{API}/ok", x_api_key=disabled).status == 403, within_s=2)
    expected = {
        (f"{API}/ok", ""): (401, "missing_key"),
        (f"{API}/ok", "wrong"): (401, "malformed_key"),
        (f"{API}/ok", disabled): (403, "disabled_key"),
        ("/nowhere/é\u201c".encode().decode("latin-1"), string): (404, "no_such_route"),
        ("/routing/1/calculateRoute/x", string): (403, "product_not_allowed"),
    }
    for (path, key), (status, code) in expected.items():
        path = "/nowhere/%C3%A9%E2%80%9C" if code == "no_such_route" else path
        told = api.ask(path, x_api_key=key, tracking_id="same")
        asked = direct.ask(path, x_api_key=key, tracking_id="same")
        assert (told.status, told.code) == (status, code)
        assert told.json == asked.json
        for name in ("Tracking-ID", "WWW-Authenticate", "Retry-After", "Cache-Control", "Access-Control-Allow-Origin"):
            assert told.headers.get_all(name) == asked.headers.get_all(name), name
    told = api.ask(f"{API}/%2e%2e/x", x_api_key=string)
    assert (told.status, told.code) == (400, "bad_request")
    assert proxy.upstream.received == []
    assert string not in proxy.written


def test_the_limit_comes_through_with_when_to_come_back(api, proxy, people, string):
    answers = [api.ask(f"{API}/ok", x_api_key=string) for _ in range(12)]
    over = next(answer for answer in answers if answer.status != 200)
    assert (over.status, over.code, over["Retry-After"]) == (429, "over_qps", "1")
    assert [over[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")] == ["5", "0", "1"]
    assert over.json["tracking_id"] == over["Tracking-ID"]
    assert len(proxy.upstream.received) == sum(answer.status == 200 for answer in answers)


def test_a_preflight_reaches_the_upstream_without_a_key(api, proxy, gateway):
    assert api.ask(f"{API}/ok?key=x", method="OPTIONS").status == 401
    preflight = {"origin": "https://maps.example", "access_control_request_method": "GET", "x_latchkey_key_id": "evil"}
    answer = api.ask(f"{API}/a%2Fb/ok?key=x", method="OPTIONS", **preflight)
    received = proxy.upstream.received.pop()
    assert (answer.status, received.method, received.target) == (200, "OPTIONS", f"{API}/a%2Fb/ok")
    assert [received[name] or None for name in OURS] == [None, None, None]


def test_what_the_upstream_answers_is_what_analytics_show(api, proxy, gateway, people, string):
    """Every status comes through as it is; afterwards the tables are the test's own ledger, to the unit."""
    KeyProduct.objects.filter(key=people.key, product__code="search").update(qps_limit=1_000)
    wait_until(lambda: api.ask(f"{API}/ok", x_api_key=string).headers["RateLimit-Limit"] == "1000", within_s=2)
    asked_before = len(proxy.upstream.received)
    plan = (
        ["ok"] * 20
        + ["404"] * 7
        + ["500"] * 5
        + ["503"] * 3
        + ["403"] * 2
        + ["401"]
        + ["429"] * 2
        # On a client's kept connection HAProxy 2.6 hangs up as its upstream did, for the client to try again.
        + ["close"] * (0 if proxy.name == "haproxy" else 2)
        + ["slow"]
    )
    ledger: collections.Counter[int] = collections.Counter()
    for number, action in enumerate(plan):
        answer = api.ask(f"{API}/{action}?key={string}")
        expected = {"ok": 200, "slow": 200, "close": 502}.get(action) or int(action)
        assert answer.status == expected, (number, action)
        if action != "close":
            assert answer.json == {"from": "upstream", "status": expected}
            assert answer["X-Upstream"] == "yes"
            assert answer["RateLimit-Limit"] == "1000"
        ledger[answer.status] += 1
    allowed = len(plan) + asked_before
    mine = {
        "key_id": people.key.pk,
        "product_id": KeyProduct.objects.get(key=people.key, product__code="search").product_id,
    }

    def sums(model) -> dict[str, int]:
        names = ("requests", "over_qps", "errors_4xx", "errors_5xx", "duration_count")
        return model.objects.filter(**mine).aggregate(**{name: Sum(name) for name in names})

    wait_until(lambda: sums(UsageDay)["duration_count"] == allowed, within_s=10, what=f"{allowed} durations")
    gateway.wait_shipped()
    expected_sums = {
        "requests": allowed,
        "over_qps": 0,
        "errors_4xx": sum(n for status, n in ledger.items() if 400 <= status < 500),
        "errors_5xx": sum(n for status, n in ledger.items() if status >= 500),
        "duration_count": allowed,
    }
    for model in (UsageMinute, UsageHour, UsageDay):
        assert sums(model) == expected_sums
    assert UsageDay.objects.filter(**mine).aggregate(ms=Sum("duration_ms_sum"))["ms"] >= 300
    reasons = UsageError.objects.filter(**mine).values_list("status", "outcome").annotate(Sum("requests"))
    assert {(status, outcome): n for status, outcome, n in reasons} == {
        (status, "ok"): n for status, n in ledger.items() if status >= 400
    }
    assert string not in proxy.written
    print(f"{proxy.name}: {allowed} allowed, {dict(ledger)}")


@pytest.mark.parametrize("name", sorted(STARTERS))
def test_without_a_gateway_nobody_passes(name, tmp_path):
    """Nothing listens, or what listens does not answer."""
    with STARTERS[name](tmp_path / "proxy", free_port(), f"127.0.0.1:{free_port()}") as proxy:
        answer = Http(proxy.port).ask(f"{API}/ok?key=secret", x_api_key="secret")
        assert answer.status == {"nginx": 503, "caddy": 502, "haproxy": 503}[name]
        if name != "caddy":
            assert (answer.code, answer["Retry-After"]) == ("not_ready", "1")
        assert proxy.upstream.received == []
        assert "secret" not in proxy.written


def test_an_upstream_that_is_away_leaves_no_key_in_a_log(api, proxy, string):
    """The messages of a proxy about requests that failed name the address: not with the key in it."""
    proxy.upstream.received.clear()
    answer = api.ask(f"{API}/close?key={string}", referer=f"https://x.example/?key={string}")
    assert answer.status == 502
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as broken:
        host = f"Host: 127.0.0.1:{proxy.port}"
        broken.sendall(f"GET {API}/slow?key={string} HTTP/1.1\r\n{host}\r\nX-Api-Key: {string}\r\n\r\n".encode())
        wait_until(lambda: any("/slow" in each.target for each in proxy.upstream.received), what="the slow one arrived")
    assert string not in proxy.written
