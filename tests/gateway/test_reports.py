"""How an allowed request ended, told afterwards: tokens, what is believed, and what is counted."""

import base64
import json
import os
import random
import socket
import struct
import time
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple

import psycopg
import pytest
from django.db.models import Sum
from hypothesis import given
from hypothesis import strategies as st

from analytics.models import RequestRecord, UsageDay, UsageError, UsageHour, UsageMinute
from gateway import batches, config, once, records, reports, segments
from gateway.records import Correction
from gateway.reports import BadReports, Desk, Place, Sealer, Seen, pack_place
from tests.factories import string_of
from tests.gateway.processes import database_url, wait_until

SEARCH = "/search/2/x"
PEPPER = os.urandom(32)
IDS = st.integers(0, 2**63 - 1)


def now_us() -> int:
    return time.time_ns() // 1000


@given(st.builds(Place, IDS, IDS, IDS, IDS, st.integers(0, 2**32 - 1)))
def test_a_token_gives_back_what_was_sealed(place):
    nonce, found = Sealer([PEPPER]).open(Sealer([PEPPER]).seal(place.at_us, pack_place(*astuple(place)[1:])))
    assert (len(nonce), found) == (12, place)


@given(st.integers(0, 87), st.sampled_from("abcXYZ019-_é\n="))
def test_a_token_that_was_changed_anywhere_is_none(position, letter):
    sealer = Sealer([PEPPER])
    token = sealer.seal(1, pack_place(2, 3, 4, 5))
    changed = token[:position] + letter + token[position + 1 :]
    assert changed == token or sealer.open(changed) is None


def test_a_token_tells_nothing_and_comes_from_a_pepper_that_is_known():
    place = Place(1, 2, 3, 4, 5)
    one, other = os.urandom(32), os.urandom(32)
    token = Sealer([one]).seal(place.at_us, pack_place(*astuple(place)[1:]))
    assert token != Sealer([one]).seal(place.at_us, pack_place(*astuple(place)[1:]))
    assert Sealer([other]).open(token) is None
    assert Sealer([other, one]).open(token)[1] == place
    assert records._CORRECTION.pack(6, 1, 2, 3, 4, 5, 0, 0, bytes(12))[1:33] not in base64.urlsafe_b64decode(token)
    for wrong in ("", "x", token + "x", token[:-1], "é" * 88, "=" * 88):
        assert Sealer([one]).open(wrong) is None


def test_no_nonce_comes_twice():
    sealers = [Sealer([PEPPER]) for _ in range(3)]
    found = {sealer.open(sealer.seal(1, pack_place(2, 3, 4, 5)))[0] for sealer in sealers for _ in range(1_000)}
    assert len(found) == 3_000


def test_what_was_seen_is_remembered_within_bounds():
    seen = Seen(pages_max=2)
    nonces = [prefix * 8 + number.to_bytes(4, "big") for prefix in (b"a", b"b") for number in (0, 1, 7, 8, 65_535)]
    assert all(seen.add(nonce, 0, now_us=0) for nonce in nonces)
    assert not any(seen.add(nonce, 0, now_us=0) for nonce in nonces)
    other = b"c" * 8 + bytes(4)
    assert not seen.add(other, 0, now_us=reports.MAX_AGE_US)  # no room: refused rather than taken twice
    assert seen.add(other, 0, now_us=reports.MAX_AGE_US + 1)


@pytest.fixture
def desk():
    """A desk and the corrections that it wrote."""
    written: list[Correction] = []
    sealer = Sealer([PEPPER])
    made = Desk(sealer, lambda frames: written.extend(entry for entry, _ in records.decode(frames)))
    return made, sealer, written


def test_a_report_corrects_once(desk):
    taking, sealer, written = desk
    at_us = now_us()
    report = {"report": sealer.seal(at_us, pack_place(1, 2, 3, 4)), "status": 502, "duration_ms": 12.6}
    assert taking.take([report, report]) == {"recorded": 1, "repeated": 1, "expired": 0, "malformed": 0}
    assert taking.take([report])["repeated"] == 1
    nonce, _ = sealer.open(report["report"])
    assert written == [Correction(at_us, 1, 2, 4, 3, 502, 13, nonce)]


def test_a_report_that_comes_too_late_is_not_taken(desk):
    taking, sealer, written = desk
    token = sealer.seal(now_us() - reports.MAX_AGE_US - 1, pack_place(1, 2, 3, 4))
    assert taking.take([{"report": token, "status": 500}])["expired"] == 1
    assert written == []


@pytest.mark.parametrize(
    ("fields", "duration_ms"),
    [({}, None), ({"duration_ms": 0}, 0), ({"duration_s": 0.0126}, 13), ({"duration": 1}, 1000), ({"duration_ms": None}, None)],
)  # fmt: skip
def test_durations_are_milliseconds_or_seconds(desk, fields, duration_ms):
    taking, sealer, written = desk
    taking.take([{"report": sealer.seal(now_us(), pack_place(1, 2, 3, 4)), "status": 200, **fields}])
    assert written[0].duration_ms == duration_ms


@pytest.mark.parametrize(
    "fields",
    [{"status": True}, {"status": "200"}, {"status": 99}, {"status": 600}, {"status": None}, {"report": 5}, {"report": "x"},
     {"duration_ms": -1}, {"duration_ms": float("nan")}, {"duration_ms": float("inf")}, {"duration_ms": "1"},
     {"duration_ms": True}, {"duration_ms": 86_400_001}, {"duration_s": "1"}, {"duration_s": [1]}],
)  # fmt: skip
def test_what_makes_no_sense_is_dropped(desk, fields):
    taking, sealer, written = desk
    report = {"report": sealer.seal(now_us(), pack_place(1, 2, 3, 4)), "status": 200} | fields
    assert taking.take([report, None, [], 1])["malformed"] == 4
    assert written == []


@given(st.binary(max_size=300))
def test_any_line_is_taken_or_dropped(data):
    written = []
    taking = Desk(Sealer([PEPPER]), written.append)
    taking.take_line(data)
    taking.take_line(b"<190>Nov 23 07:08:00 latchkey: {" + data)
    assert written == []


def test_a_line_is_read_behind_what_syslog_puts_before_it(desk):
    taking, sealer, written = desk
    for before, name in ((b"<190>Nov 23 07:08:00 host latchkey: ", "report"), (b"", "user_id")):
        line = json.dumps({name: sealer.seal(now_us(), pack_place(1, 2, 3, 4)), "status": 404, "duration": 0.5})
        taking.take_line(before + line.encode() + b"\n")
    assert [(entry.status, entry.duration_ms) for entry in written] == [(404, 500), (404, 500)]


def test_a_body_is_an_array_or_lines():
    assert reports.read_body(b'[{"a": 1}, 2]') == [{"a": 1}, 2]
    assert reports.read_body(b'{"a": 1}\n\n{broken\r\n{"b": 2}\n') == [{"a": 1}, None, {"b": 2}]
    for wrong in (b"", b"\n", b"[]", b"[", b"[" * 60_000, b"{}\n" * (reports.MAX_REPORTS + 1)):
        with pytest.raises(BadReports):
            reports.read_body(wrong)


def test_an_upstreams_429_is_no_breach_of_the_keys_limit():
    (delta,) = batches.count([], [Correction(0, 1, 2, 1, 3, 429, None), Correction(1, 1, 2, 1, 3, 200, 7)])
    assert (delta.requests, delta.over_qps, delta.errors_4xx, delta.errors_5xx) == (0, 0, 1, 0)
    assert (delta.duration_ms_sum, delta.duration_count, delta.reasons) == (7, 1, ((429, "ok", 1),))


@pytest.mark.parametrize("text", ["8514", ":8514", "host:", "host:0", "host:70000", "host:x"])
def test_an_address_to_listen_on_is_checked(text):
    good = {"DATABASE_URL": "postgres://x", "KEY_PEPPERS": "1:" + base64.b64encode(bytes(32)).decode()}
    with pytest.raises(config.ConfigError, match="GATEWAY_SYSLOG"):
        config.read(good | {"GATEWAY_SYSLOG": text})
    assert config.read(good | {"GATEWAY_SYSLOG": "[::1]:8514"}).syslog == ("::1", 8514)


# Against the running gateway -------------------------------------------------------------------------------------------


@pytest.fixture
def string(people, gateway, http) -> str:
    made = string_of(people.key)
    wait_until(lambda: http.ask("/nowhere", x_api_key=made).status == 404, within_s=2)
    return made


def sums(key) -> tuple[int, ...]:
    """Requests, 4xx, 5xx, milliseconds and how many were measured; the same in minutes, hours and days."""
    names = ("requests", "errors_4xx", "errors_5xx", "duration_ms_sum", "duration_count")
    found = [
        tuple(
            model.objects.filter(key_id=key.pk).exclude(product_id=0).aggregate(**{n: Sum(n) for n in names}).values()
        )
        for model in (UsageMinute, UsageHour, UsageDay)
    ]
    assert found[0] == found[1] == found[2]
    return found[0]


def test_reports_from_proxy_and_backend_are_added_to_what_was_counted(people, gateway, http, string):
    tokens = [http.ask("/authorize", x_original_uri=SEARCH, x_api_key=string)["X-Latchkey-Report"] for _ in range(2)]
    tokens.append(http.post("/v1/verify", {"key": string, "path": SEARCH}).json["report"])
    assert http.post("/v1/verify", {"key": "x", "path": SEARCH}).json["report"] is None
    given = [
        {"report": token, "status": status, "duration_ms": ms}
        for token, status, ms in zip(tokens, (200, 404, 502), (5, 20, 300), strict=True)
    ]
    assert http.post("/v1/report", given).json == {"recorded": 3, "repeated": 0, "expired": 0, "malformed": 0}
    assert http.post("/v1/report", given).json["repeated"] == 3
    gateway.wait_shipped()
    assert sums(people.key) == (3, 1, 1, 325, 3)
    found = UsageError.objects.filter(key_id=people.key.pk).exclude(product_id=0)
    assert sorted(found.values_list("status", "outcome", "requests")) == [(404, "ok", 1), (502, "ok", 1)]
    log = RequestRecord.objects.filter(key_id=people.key.pk, outcome="ok").order_by("at")
    assert list(log.values_list("status", flat=True)) == [200, 404, 502]


def test_a_report_counts_once_by_whatever_gateways_it_comes(people, gateway, http, string, own_gateway):
    """Any gateway with the same pepper takes it, and one that was started anew takes it again."""
    tokens = [http.ask("/authorize", x_original_uri=SEARCH, x_api_key=string)["X-Latchkey-Report"] for _ in range(2)]
    given = [{"report": token, "status": 500, "duration_ms": 7} for token in tokens]
    other = own_gateway("other")
    for _ in range(2):
        other.start()
        assert other.http().post("/v1/report", given).json["recorded"] == 2
        assert other.stop() == 0
    assert http.post("/v1/report", given).json["recorded"] == 2
    gateway.wait_shipped()
    assert sums(people.key) == (2, 0, 2, 14, 2)
    assert UsageError.objects.get(key_id=people.key.pk, status=500).requests == 2


def test_reports_that_shippers_bring_at_the_same_time_count_once(transactional_db):
    many = [Correction(0, 1, 2, 1, 3, 500, None, number.to_bytes(12, "big")) for number in range(0, 40_000, 7)]

    def ship(seed: int) -> int:
        mixed = random.Random(seed).sample(many, len(many))
        counted = 0
        with psycopg.connect(database_url()) as connection:
            for start in range(0, len(mixed), 500):
                with connection.transaction():
                    counted += len(once.keep_new(connection, mixed[start : start + 500]))
        return counted

    with ThreadPoolExecutor(4) as shippers:
        assert sum(shippers.map(ship, range(4))) == len(many)


def test_a_journal_of_a_former_version_is_still_read(tmp_path):
    """Its reports have no token, and are counted as they come."""
    payload = struct.pack("<BqqqqIHi", 3, 1, 2, 3, 5, 4, 502, -1)
    identity = uuid.uuid4()
    folder = tmp_path / "node"
    folder.mkdir()
    frame = struct.pack("<II", len(payload), zlib.crc32(payload)) + payload
    (folder / f"{1:017d}-{identity}.journal").write_bytes(b"LKJOURN2" + identity.bytes + frame)
    (segment,) = segments.find(tmp_path)
    assert segment.id == identity
    assert segments.Reader(segment).read(0, 4096).corrections == [Correction(1, 2, 3, 4, 5, 502, None, None)]


def test_lines_come_by_udp_and_broken_ones_do_no_harm(people, gateway, http, string):
    token = http.ask("/authorize", x_original_uri=SEARCH, x_api_key=string)["X-Latchkey-Report"]
    host, _, port = gateway.environment["GATEWAY_SYSLOG"].partition(":")
    line = (
        b"<190>Nov 23 07:08:00 latchkey: " + json.dumps({"report": token, "status": 503, "duration_s": 0.004}).encode()
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for data in (
            b"",
            b"\0",
            b"{" * 9_000,
            os.urandom(9_000),
            b'{"report": "' + b"x" * 88 + b'", "status": 500}',
            line,
            line,
        ):
            sender.sendto(data, (host, int(port)))
    of_key = UsageDay.objects.filter(key_id=people.key.pk, duration_count=1)
    wait_until(of_key.exists, within_s=5, what="the report is counted")
    gateway.wait_shipped()
    assert sums(people.key) == (1, 0, 1, 4, 1)
    assert http.ask("/livez").status == 200
    assert token not in gateway.log()


def test_what_is_no_report_is_refused(http, gateway):
    assert http.ask("/v1/report", method="POST", body=b"").code == "bad_request"
    assert http.ask("/v1/report", method="POST", body=b"\xff").json == {
        "recorded": 0, "repeated": 0, "expired": 0, "malformed": 1,
    }  # fmt: skip
    assert http.ask("/v1/report").code == "method_not_allowed"
