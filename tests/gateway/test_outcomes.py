"""Each outcome over real HTTP: status, code, headers, and what is counted."""

import datetime as dt
import re
import uuid

import pytest
from django.utils import timezone

from analytics.models import RequestRecord, UsageError, UsageHour
from keys.models import KeySecret
from tests.factories import KeyFactory, products, string_of
from tests.gateway.processes import wait_until

TILE = "/map/1/tile/basic/main/0/0/0.png"
SEARCH = "/search/2/search/netherlands.json"


def known(http, string: str, path: str = SEARCH) -> None:
    """Wait until the gateway has heard of a key."""
    wait_until(lambda: http.ask(path, x_api_key=string).status not in {401}, within_s=2, what="the key is known")


@pytest.fixture
def string(people, gateway, http) -> str:
    """The string of Ada's key, known to the gateway."""
    made = string_of(people.key)
    known(http, made, "/no/such/route")
    return made


def test_a_key_in_the_address_gets_the_world_tile(http, string):
    answer = http.ask(f"{TILE}?view=Unified&key={string}")
    assert (answer.status, answer["Content-Type"]) == (200, "image/png")
    assert answer.body.startswith(b"\x89PNG")
    assert answer["RateLimit-Limit"] == "1000"
    assert 0 < int(answer["RateLimit-Remaining"]) < 1000
    assert answer["RateLimit-Reset"] == "1"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Tracking-ID" in answer["Access-Control-Expose-Headers"]
    assert uuid.UUID(answer["Tracking-ID"]).version == 4


def test_a_tile_that_the_client_has_is_not_sent_again(http, string):
    first = http.ask(TILE, x_api_key=string)
    again = http.ask(TILE, x_api_key=string, if_none_match=first["ETag"])
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "headers", [{"x_api_key": "{}"}, {"authorization": "Bearer {}"}, {"authorization": "bearer {}"}]
)
def test_a_key_in_a_header_wins_over_the_address(http, string, headers):
    named = {name: value.format(string) for name, value in headers.items()}
    assert http.ask(f"{SEARCH}?key=wrong", **named).status == 200


def test_x_api_key_wins_over_authorization(http, string):
    answer = http.ask(SEARCH, x_api_key="wrong", authorization=f"Bearer {string}")
    assert (answer.status, answer.code) == (401, "malformed_key")


def test_a_tracking_id_is_repeated_and_a_wrong_one_replaced(http, string):
    assert http.ask(SEARCH, x_api_key=string, tracking_id="abc-123")["Tracking-ID"] == "abc-123"
    for wrong in ("a_b", "a" * 101, "ä"):
        assert re.fullmatch(r"[0-9a-f-]{36}", http.ask(SEARCH, x_api_key=string, tracking_id=wrong)["Tracking-ID"])


def refused(answer, status: int, code: str, key_id: str | None) -> str:
    """Check what every refusal has; return its detail."""
    assert (answer.status, answer.code) == (status, code)
    content = answer.json
    assert content["status"] == status
    assert content["tracking_id"] == answer["Tracking-ID"]
    assert content.get("key_id") == key_id
    assert set(content) - {"key_id"} == {"type", "title", "status", "detail", "code", "tracking_id"}
    assert answer["Cache-Control"] == "no-store"
    assert answer["Access-Control-Allow-Origin"] == "*"
    return content["detail"]


def test_a_request_without_key_is_told_where_it_goes(http, gateway):
    assert "X-Api-Key" in refused(http.ask(SEARCH), 401, "missing_key", None)
    assert "X-Api-Key" in refused(http.ask(SEARCH, authorization="Basic eDp5"), 401, "missing_key", None)


def test_two_keys_in_one_place_are_malformed(http, string):
    refused(http.ask(f"{SEARCH}?key={string}&key={string}"), 401, "malformed_key", None)


def test_an_unknown_key_and_a_deleted_one_look_the_same(http, people, string):
    other = string_of(people.other_key)
    people.key.mark_deleted(by=people.ada)
    people.other_key.secrets.all().delete()
    for gone in (string, other):
        wait_until(lambda gone=gone: http.ask(SEARCH, x_api_key=gone).status == 401, within_s=1)
    deleted, unknown = (http.ask(SEARCH, x_api_key=gone, tracking_id="same") for gone in (string, other))
    refused(deleted, 401, "unknown_key", None)
    assert (deleted.status, deleted.body, deleted.headers.items()) == (
        unknown.status,
        unknown.body,
        unknown.headers.items(),
    )


def test_a_key_past_its_end_date_is_expired(http, people, gateway):
    key = KeyFactory(organization=people.northwind, expires_at=timezone.now() - dt.timedelta(seconds=1))
    made = string_of(key)
    wait_until(lambda: http.ask(SEARCH, x_api_key=made).code == "expired_key", within_s=2)
    refused(http.ask(SEARCH, x_api_key=made), 401, "expired_key", key.public_id)


def test_a_disabled_key_is_told_to_quote_its_id(http, people, string):
    people.key.disable(by=people.sam, reason="leaked", as_staff=True)
    wait_until(lambda: http.ask(SEARCH, x_api_key=string).status == 403, within_s=1)
    detail = refused(http.ask(SEARCH, x_api_key=string), 403, "disabled_key", people.key.public_id)
    assert "support" in detail
    assert people.key.public_id in detail


def test_a_key_of_a_suspended_organisation_is_refused(http, people, string):
    people.northwind.suspend(by=people.sam, reason="unpaid")
    wait_until(lambda: http.ask(SEARCH, x_api_key=string).status == 403, within_s=1)
    refused(http.ask(SEARCH, x_api_key=string), 403, "suspended", people.key.public_id)


def test_a_path_of_no_product_is_no_route(http, people, string):
    detail = refused(http.ask("/nowhere/1/x", x_api_key=string), 404, "no_such_route", people.key.public_id)
    assert "/nowhere/1/x" in detail


def test_a_path_of_another_product_is_refused_by_its_name(http, people, string):
    detail = refused(
        http.ask("/search/2/geocode/x.json", x_api_key=string), 403, "product_not_allowed", people.key.public_id
    )
    assert "Geocoding API" in detail


def test_a_retired_product_is_not_served_by_its_parent(http, people, string):
    (product,) = products("geocoding")
    try:
        product.retired_at = timezone.now()
        product.save(update_fields=["retired_at"])
        wait_until(lambda: http.ask("/search/2/geocode/x.json", x_api_key=string).status == 404, within_s=1)
        refused(http.ask("/search/2/geocode/x.json", x_api_key=string), 404, "no_such_route", people.key.public_id)
    finally:
        product.retired_at = None
        product.save(update_fields=["retired_at"])


def test_a_restricted_key_is_told_which_host_was_seen(http, people, string):
    people.key.edit(
        by=people.ada,
        version=people.key.version,
        name="Web",
        products=products("search"),
        allowed_domains=["*.example.com"],
    )
    wait_until(lambda: http.ask(SEARCH, x_api_key=string).status == 403, within_s=1)
    detail = refused(http.ask(SEARCH, x_api_key=string), 403, "domain_not_allowed", people.key.public_id)
    assert "no Origin" in detail
    evil = http.ask(SEARCH, x_api_key=string, origin="https://evil.example.org", referer="https://a.example.com/")
    assert "evil.example.org" in refused(evil, 403, "domain_not_allowed", people.key.public_id)
    assert http.ask(SEARCH, x_api_key=string, origin="null").status == 403
    assert http.ask(SEARCH, x_api_key=string, referer="https://a.b.example.com:8443/page?x#y").status == 200


def test_more_than_the_limit_gets_429_with_retry_after(http, people, string):
    answers = [http.ask(SEARCH, x_api_key=string) for _ in range(6)]
    assert [answer.status for answer in answers] == [200] * 5 + [429]
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
    assert "5 requests" in refused(answers[-1], 429, "over_qps", people.key.public_id)
    assert answers[-1]["Retry-After"] == "1"
    assert answers[-1]["RateLimit-Limit"] == "5"


def test_a_path_that_the_sample_api_lacks_is_404_but_allowed(http, people, gateway, string):
    answer = http.ask("/map/1/nothing", x_api_key=string)
    refused(answer, 404, "not_found", None)
    assert answer["RateLimit-Limit"] == "1000"
    gateway.wait_shipped()
    reasons = set(
        UsageError.objects.filter(key_id=people.key.pk, product_id__gt=0).values_list("status", "outcome", "requests")
    )
    assert reasons == {(404, "ok", 1)}


def test_other_methods_than_reading_are_told_so(http, string):
    answer = http.ask(SEARCH, method="DELETE", x_api_key=string)
    assert (answer.status, answer.code, answer["Allow"]) == (405, "method_not_allowed", "GET, HEAD")


def test_head_is_answered_like_get_without_a_body(http, string):
    head, get = http.ask(SEARCH, method="HEAD", x_api_key=string), http.ask(SEARCH, x_api_key=string)
    assert (head.status, head.body, head["Content-Length"]) == (200, b"", get["Content-Length"])


def test_a_preflight_is_answered_and_not_counted(http, people, gateway):
    answer = http.ask(SEARCH, method="OPTIONS", origin="https://app.example.com", access_control_request_method="GET")
    assert (answer.status, answer.body) == (204, b"")
    assert "X-Api-Key" in answer["Access-Control-Allow-Headers"]
    gateway.wait_shipped()
    assert not RequestRecord.objects.filter(key_id=None).exists()


def test_one_request_is_kept_with_where_it_came_from(http, people, gateway, string):
    http.ask(
        SEARCH, x_api_key=string, tracking_id="find-me", origin="https://app.example.com:8080",
        user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        x_forwarded_for="198.51.100.9, 203.0.113.77",
    )  # fmt: skip
    gateway.wait_shipped()
    record = RequestRecord.objects.get(tracking_id="find-me")
    assert (record.organization_id, record.key_id, record.secret_number) == (people.northwind.pk, people.key.pk, 1)
    assert (record.outcome, record.status, record.product_id) == ("ok", 200, products("search")[0].pk)
    assert (record.host, record.network, record.client) == ("app.example.com", "203.0.113.0/24", "Firefox")
    assert abs((record.at - timezone.now()).total_seconds()) < 10


def test_a_request_with_an_unknown_key_is_kept_without_one(http, people, gateway):
    http.ask(SEARCH, tracking_id="no-key")
    gateway.wait_shipped()
    record = RequestRecord.objects.get(tracking_id="no-key")
    assert (record.key_id, record.organization_id, record.outcome, record.status) == (None, None, "missing_key", 401)
    assert record.product_id == products("search")[0].pk


def test_last_used_moves_for_use_and_not_for_refusals(http, people, gateway, string):
    gateway.wait_shipped()
    people.key.refresh_from_db()
    assert people.key.last_used_at is None  # so far only requests to no route
    http.ask(SEARCH, x_api_key=string)
    gateway.wait_shipped()
    people.key.refresh_from_db()
    assert people.key.last_used_at == KeySecret.objects.get(key=people.key).last_used_at
    assert abs((people.key.last_used_at - timezone.now()).total_seconds()) < 10


def test_usage_falls_into_hours_of_the_organisation(http, people, gateway, string):
    people.northwind.time_zone = "Asia/Kathmandu"
    people.northwind.save(update_fields=["time_zone"])
    http.ask(SEARCH, x_api_key=string)
    gateway.wait_shipped()
    hour = UsageHour.objects.get(key_id=people.key.pk, product_id=products("search")[0].pk).hour
    assert hour.minute == 15  # +05:45


# Proxies and backends --------------------------------------------------------------------------------------------------
def test_authorize_names_key_organisation_and_product(http, people, string):
    answer = http.ask("/authorize", x_original_uri=f"{SEARCH}?key={string}", x_original_method="GET")
    assert (answer.status, answer.body) == (200, b"")
    assert answer["X-Latchkey-Key-Id"] == people.key.public_id
    assert answer["X-Latchkey-Organization-Id"] == people.northwind.public_id
    assert answer["X-Latchkey-Product"] == "search"
    assert answer["RateLimit-Limit"] == "5"


def test_authorize_understands_forwarded_headers_and_refuses_with_the_problem(http, people, string):
    answer = http.ask("/authorize", x_forwarded_uri="/traffic/x", x_forwarded_method="GET", x_api_key=string)
    refused(answer, 403, "product_not_allowed", people.key.public_id)
    assert http.ask(f"/authorize?key={string}", x_forwarded_uri=SEARCH).code == "missing_key"
    assert http.ask("/authorize", x_api_key=string).code == "bad_request"
    assert http.ask("/authorize", x_original_uri=SEARCH, x_original_method="OPTIONS").code == "missing_key"
    both = http.ask("/authorize", x_original_uri=SEARCH, x_forwarded_uri="/map/1/x", x_api_key=string)
    assert both.code == "bad_request"


def test_verify_answers_in_json(http, people, gateway, string):
    asked = {"key": string, "path": SEARCH, "tracking_id": "verified"}
    answer = http.post("/v1/verify", asked)
    assert answer.status == 200
    assert len(answer.json["report"]) == 88
    assert answer.json == {
        "report": answer.json["report"], "allowed": True, "outcome": "ok", "status": 200, "detail": "The request may pass.", "key_id": people.key.public_id,
        "organization_id": people.northwind.public_id, "product": "search", "limit": 5, "remaining": 4, "tracking_id": "verified",
    }  # fmt: skip
    gateway.wait_shipped()
    assert RequestRecord.objects.get(tracking_id="verified").status == 200


def test_verify_says_why_not(http, people, gateway, string):
    answer = http.post("/v1/verify", {"key": string, "product": "traffic", "tracking_id": "refused"}).json
    assert (answer["allowed"], answer["outcome"], answer["status"]) == (False, "product_not_allowed", 403)
    assert answer["limit"] is None
    assert "Traffic API" in answer["detail"]
    assert http.post("/v1/verify", {"key": "x", "path": SEARCH}).json["outcome"] == "malformed_key"
    assert http.post("/v1/verify", {"key": string, "product": "nothing"}).json["outcome"] == "no_such_route"
    gateway.wait_shipped()
    assert RequestRecord.objects.get(tracking_id="refused").status == 403


def test_verify_refuses_a_body_that_asks_nothing(http):
    for body in (
        b"", b"{", b"[]", b"1", b'{"path": "/map/"}', b'{"key": 1, "path": "/map/"}', b'{"key": "x"}', b"\xff\xfe",
        b'{"key": "x", "path": "/map/", "product": "search"}', b'{"key": "x", "path": "/map/../x"}', b"[" * 9000,
    ):  # fmt: skip
        answer = http.ask("/v1/verify", method="POST", body=body)
        assert (answer.status, answer.code) == (400, "bad_request"), body


def test_verify_takes_post_only(http):
    assert (http.ask("/v1/verify").status, http.ask("/v1/verify")["Allow"]) == (405, "POST")


def test_live_and_ready_say_so(http):
    assert [http.ask(path).status for path in ("/livez", "/readyz")] == [200, 200]
