"""No look-up of the support desk reads a big table from beginning to end."""

import json

import pytest
from django.db import connection

from accounts.models import Organization, User
from analytics.models import RequestRecord
from benchmarks import support_data
from keys.models import ApiKey, KeySecret
from support import explain, find, qps, queries
from support.search import search

BIG = {
    "accounts_user",
    "accounts_organization",
    "accounts_membership",
    "accounts_auditevent",
    "keys_apikey",
    "keys_keysecret",
    "keys_keyproduct",
    "keys_qpsrequest",
    "request_log",
    "usage_day",
    "usage_hour",
    "usage_minute",
}


@pytest.fixture
def plenty(db):
    """20,000 keys of 10,000 customers and as many people."""
    with connection.cursor() as cursor:
        support_data.fill(cursor, keys=20_000, organizations=10_000, requests=20_000, waiting=200, minutes=100)


def plans_of(act):
    """Return the statements that something runs with the plan of each."""
    seen = []

    def watch(execute, sql, params, many, context):
        seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        act()
    found = []
    with connection.cursor() as cursor:
        for sql, params in seen:
            if sql.lstrip().startswith(("SELECT", "WITH", "(SELECT")):
                cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
                plan = cursor.fetchone()[0]
                found.append((sql, (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))
    assert found
    return found


def nodes(plan):
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def read_whole(act):
    return [
        (node["Relation Name"], sql)
        for sql, plan in plans_of(act)
        for node in nodes(plan)
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in BIG
    ]


def test_no_look_up_reads_a_big_table_from_beginning_to_end(plenty):
    key = ApiKey.objects.filter(allowed_domains__len=2).order_by("pk")[5000]
    hint = KeySecret.objects.get(key=key).hint
    customer = Organization.objects.order_by("pk")[7000]
    person = User.objects.order_by("pk")[7000]
    trace = RequestRecord.objects.order_by("pk")[9000].tracking_id
    texts = (
        key.public_id, key.public_id[4:], customer.public_id, hint, hint[:6], hint[:4], hint[-4:], key.name, key.allowed_domains[1],
        f"a.b.{key.allowed_domains[0][2:]}", customer.name, customer.name[:5], person.email, person.email[:15], person.last_name,
        person.get_full_name(), trace, "nobody-has-this", "nobody@has.this",
    )  # fmt: skip
    for text in texts:
        assert read_whole(lambda text=text: search(text)) == [], text
    wish = qps.queue("1")[1][0].wish
    for page in (
        lambda: queries.key_page(find.key(key.public_id)),
        lambda: queries.organization_page(find.organization(customer.public_id)),
        lambda: queries.person_page(find.person(person.public_id)),
        lambda: explain.traces(trace),
        lambda: qps.decision_page(find.qps_request(wish.public_id)),
        lambda: list(qps.decided()),
        qps.count_waiting,
        lambda: qps.queue("1"),
    ):
        assert read_whole(page) == []
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX keys_by_name")
    assert [table for table, _ in read_whole(lambda: search("Web shop c4ca"))] == ["keys_apikey"], "it would be noticed"
