"""What a gateway keeps on disk of the rules, and what it does with it when it starts while PostgreSQL is away."""

import datetime as dt
import random
import time

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import policy_file, policy_lines
from gateway.policy_file import PolicyFile, Unusable
from gateway.rules import Catalogue, Organization, Product, Rules
from tests.factories import KeyFactory, string_of
from tests.gateway.processes import wait_until

PEPPERS = {1: "0123456789abcdef"}
PATH = "/map/1/x"

numbers = st.integers(0, 2**31)
ends = st.none() | st.floats(0, 2e9)
rows = st.tuples(
    st.integers(1, 2**62), st.from_regex(r"key_[0-9A-Z]{16}", fullmatch=True), st.integers(1, 2**62),
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), max_size=3), ends, st.sampled_from([None, 0.0]),
    st.sampled_from([None, 0.0]),
).flatmap(
    lambda start: st.lists(st.tuples(numbers, st.binary(min_size=32, max_size=32), ends), max_size=3).flatmap(
        lambda strings: st.lists(st.tuples(numbers, st.none() | numbers), max_size=3).map(
            lambda limits: (
                *start, [s[0] for s in strings], [s[1] for s in strings], [s[2] for s in strings],
                [p[0] for p in limits], [p[1] for p in limits],
            )
        )
    )
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(rows)
def test_a_key_is_read_from_its_line_as_it_was_written(row):
    line = policy_lines.write(row)
    assert b"\n" not in line
    assert policy_lines.read(line) == row
    assert policy_lines.places(line) == (row[0], row[8])


def test_postgresql_writes_the_same_lines(people):
    people.key.rotate(by=people.ada, version=people.key.version, delay=dt.timedelta(hours=1))
    people.other_key.disable(by=people.sam, reason="x")
    KeyFactory(organization=people.northwind, products=[], allowed_domains=["*.example.com", "xn--bcher-kva.example"])
    with connection.cursor() as cursor:
        odd = ['a"b', "c\\d", "e\tf\ng", "bücher", "{x,y}"]
        cursor.execute("UPDATE keys_apikey SET allowed_domains = %s WHERE id = %s", [odd, people.other_key.pk])
        cursor.execute("SELECT * FROM gateway_policy ORDER BY key_id")
        found = [(*row[:8], row[8] and [bytes(digest) for digest in row[8]], *row[9:]) for row in cursor.fetchall()]
        with cursor.copy("COPY (SELECT * FROM gateway_policy_line ORDER BY key_id) TO STDOUT") as copy:
            lines = [bytes(line)[:-1] for line in copy]
    assert len(lines) == len(found) >= 3
    assert lines == [policy_lines.write(row) for row in found]
    assert policy_lines.read(lines[1])[3] == odd


def example_rules(count: int = 50) -> Rules:
    """Rules with so many keys of one organisation."""
    rules = Rules()
    for number in range(count):
        rules.put_line(policy_lines.write(example_row(number)))
    rules.organizations = {1: Organization("org_1", False)}
    rules.catalogue = Catalogue.make([Product(1, "map", "Map", 5)], [(1, "/map/")])
    rules.number = 7
    return rules


def example_row(number: int, disabled_at: float | None = None) -> tuple:
    digest = number.to_bytes(32, "big")
    return (number, f"key_{number}", 1, [], None, disabled_at, None, [1], [digest], [None], [1], [None])


@pytest.fixture
def kept(tmp_path) -> PolicyFile:
    """A file with fifty keys, right a moment ago."""
    made, rules = PolicyFile(tmp_path / "policy", PEPPERS), example_rules()
    draft = made.begin()
    for line in rules.keys.values():
        assert isinstance(line, bytes)
        draft.put_line(line)
    draft.complete(rules.number, rules.organizations, rules.catalogue)
    made.adopt(draft, [(6, policy_file.changes(6, gone_keys=[1]))])  # older than the draft
    made.mark(7, 0)
    return made


def load(tmp_path, peppers=PEPPERS, most_s: float = 600) -> tuple[Rules, float]:
    rules = Rules()
    file = PolicyFile(tmp_path / "policy", peppers)
    age_s = file.load(rules, most_s)
    file.close()
    return rules, age_s


def test_what_was_kept_is_found_again_with_the_changes_since(tmp_path, kept):
    kept.append(8, policy_file.changes(8, lines=[policy_lines.write(example_row(3, 0.0))], gone_keys=[4]))
    kept.append(9, policy_file.changes(9, organizations={1: Organization("org_1", True)}))
    kept.mark(9, 2.5)
    rules, age_s = load(tmp_path)
    assert (rules.number, len(rules.keys), len(rules.secrets)) == (9, 49, 49)
    assert 2.5 <= age_s < 3.5
    assert rules.organizations[1].is_suspended
    assert policy_lines.read(rules.keys[3])[5] == 0.0
    assert rules.catalogue.of_path("/map/x", 0) == Product(1, "map", "Map", 5)


def test_what_is_too_old_or_of_other_peppers_is_not_used(tmp_path, kept):
    kept.mark(7, 700)
    with pytest.raises(Unusable, match="too old"):
        load(tmp_path)
    kept.mark(7, 0)
    with pytest.raises(Unusable, match="other peppers"):
        load(tmp_path, {1: "other"})
    kept.mark(7, -100)  # a clock that was set back
    with pytest.raises(Unusable):
        load(tmp_path)
    kept.forget()
    with pytest.raises(FileNotFoundError):
        load(tmp_path)


def test_a_damaged_file_is_not_used(tmp_path, kept):
    path, chance = tmp_path / "policy", random.Random(3)
    kept.append(8, policy_file.changes(8, lines=[policy_lines.write(example_row(3, 0.0))]))
    whole = path.read_bytes()
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises((Unusable, ValueError)):
            load(tmp_path)
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises((Unusable, ValueError)):
            load(tmp_path)
    path.write_bytes(whole)
    assert load(tmp_path)[0].number == 8


def test_a_gateway_that_starts_while_postgresql_is_away_serves_what_it_knew(people, postgres_server, own_gateway):
    string, unknown = string_of(people.key), string_of(people.other_key)
    postgres_server.fill()
    with postgres_server.connect() as raw:
        raw.execute("DELETE FROM keys_keysecret WHERE key_id = %s", (people.other_key.pk,))
    gateway = own_gateway(DATABASE_URL=postgres_server.url).start()
    kept = gateway.folder / "policy"
    wait_until(kept.exists, what="the keys are kept on disk")
    http = gateway.http()
    assert http.ask(PATH, x_api_key=string).code == "not_found"
    with postgres_server.connect() as raw:  # a change that is only among those since
        raw.execute("UPDATE keys_apikey SET allowed_domains = '{example.com}' WHERE id = %s", (people.key.pk,))
    wait_until(lambda: http.ask(PATH, x_api_key=string).code == "domain_not_allowed", within_s=1)
    time.sleep(0.1)
    postgres_server.kill()
    gateway.kill()
    assert string.encode() not in kept.read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600
    gateway.start()
    http = gateway.http()
    assert http.ask(PATH, x_api_key=string).code == "domain_not_allowed"
    assert http.ask(PATH, x_api_key=string, origin="https://example.com").code == "not_found"
    # The keys were right until just now.
    wait_until(lambda: http.ask(PATH, x_api_key=unknown).code == "not_ready", within_s=2)
    assert http.ask("/readyz").body.startswith(b"degraded: the database does not answer, keys as of ")
    postgres_server.start()
    with postgres_server.connect() as raw:
        raw.execute("UPDATE keys_apikey SET disabled_at = now() WHERE id = %s", (people.key.pk,))
    wait_until(lambda: http.ask(PATH, x_api_key=string).code == "disabled_key", within_s=2)
    assert http.ask(PATH, x_api_key=unknown).code == "unknown_key"
    assert http.ask("/readyz").body == b"ok\n"
