"""Three gateways, three hundred revocations of every kind: how long after the commit the last one still allowed."""

import statistics
import time
from contextlib import closing

import pytest
from django.db import connection

from tests.chaos.figures import record, rounds
from tests.factories import KeyFactory, OrganizationFactory, products, string_of
from tests.gateway.changes import CHANGES, DOMAINS, PRODUCTS, Case, Watch
from tests.gateway.processes import wait_until

SETTLED_S = 0.1


def last_commit(case: Case) -> float:
    """When the last change of the key or its organisation was committed, in seconds since 1970; all clocks are this machine's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM max(at))::float8 FROM gateway_change WHERE key_id = %s OR organization_id = %s",
            [case.key.pk, case.organization.pk],
        )
        return cursor.fetchone()[0]


def revoke(people, watch: Watch, change, code: str) -> float:
    """Revoke one key and return how many milliseconds after the commit it was allowed for the last time, 0 for never."""
    organization = OrganizationFactory()
    owner = organization.memberships.get().user
    key = KeyFactory(organization=organization, products=products(*PRODUCTS), allowed_domains=DOMAINS)
    case = Case(key, organization, owner, people.sam)
    watch.begin(string_of(key))
    wait_until(lambda: watch.is_everywhere("allowed"), within_s=3)
    change(case)
    committed_at = last_commit(case)
    wait_until(lambda: watch.is_everywhere(code), within_s=3, what=code)
    time.sleep(SETTLED_S)
    for name, seen in watch.history().items():
        verdicts = [verdict for _, verdict in seen]
        known = verdicts[verdicts.index("allowed") :]  # at first the key is too new
        assert known == ["allowed", code], (name, seen)  # once refused, always refused
    # Each gateway's first refusal bounds its last allowed answer, which was sent before it.
    return max(0.0, max(seen[-1][0] for seen in watch.history().values()) - committed_at) * 1000


@pytest.mark.parametrize("redis_is_away", [False, True], ids=["", "Redis away"])
def test_three_gateways_and_three_hundred_revocations(people, own_gateway, redis, redis_is_away):
    gateways = [own_gateway(f"node{i}", GATEWAY_SHIPPER="0", GATEWAY_REDIS_URL=redis.url).start() for i in range(3)]
    if redis_is_away:
        redis.kill()
        time.sleep(0.5)
    took_ms: dict[str, list[float]] = {name: [] for name in CHANGES}
    names = list(CHANGES)
    count = rounds(60 if redis_is_away else 300)
    with closing(Watch(gateways)) as watch:
        for turn in range(count):
            change, code = CHANGES[names[turn % len(names)]]
            took_ms[names[turn % len(names)]].append(revoke(people, watch, change, code))
    every = sorted(ms for times in took_ms.values() for ms in times)
    for name, times in took_ms.items():
        if times:
            print(f"{name}: p50 {statistics.median(times):.0f} ms, worst {max(times):.0f} ms")
    print(f"{count} revocations: p50 {statistics.median(every):.0f} ms, worst {every[-1]:.0f} ms")
    mark = "_redis_away" if redis_is_away else ""
    record(**{
        f"revocations{mark}": count,
        f"revocation_max_ms{mark}": round(every[-1]),
        f"revocation_p50_ms{mark}": round(statistics.median(every)),
    })  # fmt: skip
    assert every[-1] <= 1000
